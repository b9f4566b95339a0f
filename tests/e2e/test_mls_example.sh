#!/bin/sh
# The worked example of docs/mls.md compiles (the build did that) and says what the page says.
set -eu
bin=$(dirname "$SAORSA_BIN")/example_mls_group
expected='Bob: hello
Alice: welcome
Bob is out'
said=$("$bin")
[ "$said" = "$expected" ] || { printf 'the example said:\n%s\n' "$said" >&2; exit 1; }
# The page shows the code that was compiled.
page=$SAORSA_SOURCE_DIR/docs/mls.md
sed -n '/^```c$/,/^```$/p' "$page" | sed '1d;$d' >code.c
sed '1d' "$SAORSA_SOURCE_DIR/examples/mls_group.c" >example.c
cmp code.c example.c || { echo "docs/mls.md and examples/mls_group.c differ" >&2; exit 1; }
