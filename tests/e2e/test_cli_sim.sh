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
expect_exit 0 saorsa sim --show ./mine.scn
expect_same last.out mine.scn
expect_exit 2 saorsa sim --show ./none.scn
expect_text last.err 'cannot read ./none.scn: there is no such file'
expect_exit 2 saorsa sim --show none
expect_text last.err "there is no scenario 'none'"
expect_exit 0 saorsa sim --scenario ./mine.scn --seeds 1..2 --out result
expect_text last.out '2 of 2'
is_json result/result.json
json result/result.json 'o["ok"], len(o["runs"]), o["runs"][0]["figures"]["alive"]' >figures
grep -qF '(True, 2, 7.0)' figures || fail "the result is $(cat figures)"
grep -q '</svg>' result/seed2-overlay.svg || fail 'there is no chart'
expect_exit 0 saorsa sim --scenario ./mine.scn --json
is_json last.out

begin 'the largest seed is the last one'
most=18446744073709551615
expect_exit 0 timeout 60 "$SAORSA_BIN" sim --scenario ./mine.scn --seeds ${most%5}4..$most --json
[ "$(json last.out '[r["seed"] for r in o["runs"]]')" = "['${most%5}4', '$most']" ] ||
    fail 'other seeds'
expect_exit 0 saorsa sim --nodes 3 --messages 1 --seed $most --json
[ "$(json last.out 'o["seed"]')" = $most ] || fail 'another seed'

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
expect_exit 2 saorsa sim --scenario ./mine.scn --set hpv.active=0
expect_text last.err "./mine.scn: no node starts with 'hpv.active 0'"
expect_exit 2 saorsa sim --scenario nonsense
expect_exit 2 saorsa sim --scenario halves --seeds 5..1
expect_exit 2 saorsa sim --seeds 1..2

begin 'scenarios: options of plain runs are refused with what to write instead'
# instead HINT OPTION...: all hints are taken in the end
hints=
instead() {
    hint=$1
    shift
    expect_exit 2 saorsa sim --scenario ./mine.scn "$@"
    expect_one_line last.err
    expect_text last.err "a scenario takes no $1: write $hint (see"
    hints="$hints $hint"
}
instead '--set nodes=3' --nodes 3
instead '--seeds 7' --seed 7
instead '--set link.loss=5%' --loss 5%
instead '--set link.delay=20ms' --delay-ms 20
instead '--set link.jitter=50%' --jitter 50
instead '--set link.duplicate=0.01' --duplicate 0.01
instead '--set link.reorder=1%' --reorder 1%
instead "--set 'publish=rate 10 until 30s'" --messages 300
instead "--set 'publish=rate 5'" --rate 5
instead "--set 'publish=rate 10 size 64'" --size 64
instead "--set 'phase=safety until 31s'" --limit 31
instead '--set check=off' --no-check
instead "--set 'at=30s kill 10%'" --kill 10%
instead "--set 'at=30s kill 10% for 10s'" --restart
for option in '' -at -for; do
    instead "--set 'at=30s partition half for 60s'" --partition$option 0.5
done
sed '/^let/d; s/\$at/3s/; /^expect/d' mine.scn >taken.scn
echo 'expect missing == 0' >>taken.scn
eval "set -- $hints"
expect_exit 0 saorsa sim --scenario ./taken.scn "$@"
for option in --warmup=3 --reorder-within; do
    expect_exit 2 saorsa sim --scenario ./mine.scn $option
    expect_text last.err "knows no ${option%=*}: leave it out"
done
expect_exit 2 saorsa sim --list --nodes 5
expect_text last.err '--list and --nodes do not go together'
expect_exit 2 saorsa sim --show halves --json
expect_text last.err '--show and --json do not go together'
exit 0
