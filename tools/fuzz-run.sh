#!/bin/sh
# usage: fuzz-run.sh NAME SECONDS: runs build/fuzz/fuzz_NAME on the corpus in the repository. New
# inputs go to build/fuzz/corpus/NAME, so the tree stays clean; what is worth keeping is copied
# by hand.
set -eu
cd "$(dirname "$0")/.."
name=$1
seconds=$2
program=build/fuzz/fuzz_$name
if [ ! -x "$program" ]; then
    echo "$program is not built: './dev build fuzz'"
    exit 77 # skipped
fi
found=build/fuzz/corpus/$name
crashes=build/fuzz/crashes
log=build/fuzz/$name.log
mkdir -p "$found" "$crashes"
set -- "$found"
[ ! -d "fuzz/corpus/$name" ] || set -- "$@" "fuzz/corpus/$name"
[ ! -f "fuzz/$name.dict" ] || set -- "-dict=fuzz/$name.dict" "$@"
if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$crashes/$name-" "$@" >"$log" 2>&1; then
    grep -E '^(stat::number_of_executed_units|stat::new_units_added)' "$log" | sed 's/^stat:://'
    exit 0
fi
grep -v '^#' "$log" | tail -n 60
echo "fuzz_$name failed. The input is in $crashes, the log in $log."
echo "Play it with line numbers: build/dev/fuzz_$name FILE"
echo "When it is mended, copy the input to fuzz/corpus/$name/."
exit 1
