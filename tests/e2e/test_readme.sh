#!/bin/sh
# The program in README.md is examples/hello.c to the letter, and the built one says hello.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md" > readme.c
cmp readme.c "$root/examples/hello.c"
hello=$(dirname "$SAORSA_BIN")/example_hello
"$hello" > out
grep -qx 'hello, after 1 hop' out || { cat out; exit 1; }
