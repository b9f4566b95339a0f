#!/bin/sh
# The program in README.md is examples/hello.c to the letter, and the built one says hello.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" > readme.c
cmp readme.c "$root/examples/hello.c"
hello=$(dirname "$SAORSA_BIN")/hello
[ -x "$hello" ] || hello=$(find "$(dirname "$SAORSA_BIN")" -name hello -type f | head -n 1)
[ -n "$hello" ] || { echo "the example was not built"; exit 1; }
"$hello" > out
grep -qx 'hello, after 1 hop' out || { cat out; exit 1; }
