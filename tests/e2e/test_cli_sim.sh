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

begin 'scenarios: listed, shown, run from a file, with files of the result'
expect_exit 0 saorsa sim --list
expect_text last.out 'crash50'
expect_exit 0 saorsa sim --show halves
expect_text last.out 'partition half'
cat >mine.scn <<'TEXT'
# A few nodes, one of which crashes.
let at 3s
nodes 8
join over 1s
settle 2s
at $at kill 1
phase safety until 15s
expect alive == 7
expect kills_unknown == 0
TEXT
expect_exit 0 saorsa sim --scenario ./mine.scn --seeds 1..2 --out result
expect_text last.out '2 of 2'
is_json result/result.json
json result/result.json 'o["ok"], len(o["runs"]), o["runs"][0]["figures"]["alive"]' >figures
grep -qF '(True, 2, 7.0)' figures || fail "the result is $(cat figures)"
grep -q '</svg>' result/seed2-overlay.svg || fail 'there is no chart'
expect_exit 0 saorsa sim --scenario ./mine.scn --json
is_json last.out

begin 'scenarios: a seed that fails says how to see it again'
expect_exit 1 saorsa sim --scenario ./mine.scn --set 'at=4s' --set nodes=9
expect_text last.err "replay: saorsa sim --scenario './mine.scn' --seeds 1 --set 'at=4s'"
expect_text last.err "--set 'nodes=9'"
expect_text last.out FAILED

begin 'scenarios: what is wrong with them'
echo 'at 5s explode' >bad.scn
expect_exit 2 saorsa sim --scenario ./bad.scn
expect_text last.err 'line 1'
expect_text last.err 'there are: kill'
expect_exit 2 saorsa sim --scenario nonsense
expect_exit 2 saorsa sim --scenario halves --seeds 5..1
expect_exit 2 saorsa sim --seeds 1..2
exit 0
