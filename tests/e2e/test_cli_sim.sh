#!/bin/sh
# saorsa sim: the report, and the same hash for the same seed.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

begin 'the table'
expect_exit 0 saorsa sim --nodes 20 --messages 20 --seed 7
for text in 'delivered' '100 %' 'latency P50' 'redundancy (RMR)' 'last delivery hop' \
    'trace hash' 'events'; do
    expect_text last.out "$text"
done

begin 'JSON, reproducible by its seed'
for run in first second; do
    expect_exit 0 saorsa sim --nodes 20 --messages 20 --seed 7 --json
    is_json last.out
    json last.out 'o["trace_hash"], o["events"], o["latency_p99_ms"], o["rmr"]' >"$run"
done
expect_same first second
expect_exit 0 saorsa sim --nodes 20 --messages 20 --seed 8 --json
json last.out 'o["trace_hash"], o["events"], o["latency_p99_ms"], o["rmr"]' >other
cmp -s first other && fail 'another seed, but the same run'

begin 'bad links and crashes: the living get everything'
expect_exit 0 saorsa sim --nodes 30 --messages 30 --seed 3 --loss 5% --jitter 50 \
    --duplicate 0.02 --reorder 2% --kill 10% --json
is_json last.out
[ "$(json last.out 'o["missing"]')" = 0 ] || fail 'something is missing'
exit 0
