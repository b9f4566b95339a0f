#!/bin/sh
# saorsa demo: small networks of real processes.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

no_leftovers() {
    # TMPDIR is this test's own folder.
    [ -z "$(find . -maxdepth 1 -name 'saorsa-demo-*')" ] || fail 'a folder of the demo is left'
}
export TMPDIR="$PWD"

begin 'four nodes, twenty messages, a table'
expect_exit 0 saorsa demo --nodes 4 --messages 20 --rate 50
for text in '4 nodes, 20 messages' 'delivered' '100 %' 'latency P50' 'latency P95' 'latency P99' \
    'latency max' 'last node P99' 'redundancy (RMR)' 'last delivery hop' 'bytes per delivery' \
    'handshake' 'memory per node' 'CPU per node'; do
    expect_text last.out "$text"
done
no_leftovers

begin 'lines of stdin, as an object'
{ echo first; echo; printf 'caf\303\251\n'; printf 'bytes \377\001\n'; printf 'last'; } |
    saorsa demo --nodes 3 --input - --rate 100 --json >json.out 2>json.err || fail 'the demo failed'
is_json json.out
python3 - <<'PY' || fail 'the report is wrong'
import json
o = json.loads(open("json.out").read())
assert o["ok"] is True and o["nodes"] == 3 and o["messages"] == 5, o
assert o["delivered"] == 1 and o["deliveries"] == 10 and o["missing"] == 0, o
assert 0 < o["latency_p50_ms"] <= o["latency_p95_ms"] <= o["latency_p99_ms"] <= o["latency_max_ms"]
assert o["bytes_per_delivery"] > 0 and o["rss_mean_bytes"] > 1e6 and o["cpu_mean_ms"] > 0, o
assert o["last_delivery_hop_max"] >= 1 and o["handshakes"] >= 4 and o["handshake_ms"] > 0, o
PY
[ ! -s json.err ] || fail '--json has something to say on stderr'
no_leftovers

begin 'payloads of a size'
expect_exit 0 saorsa demo --nodes 3 --messages 10 --size 5000 --rate 0 --json
[ "$(json last.out 'o["size_mean"]')" = 5000.0 ] || fail 'another size'

begin 'a killed node: the survivors get everything'
expect_exit 0 saorsa demo --nodes 5 --messages 30 --rate 50 --kill 1 --json
[ "$(json last.out 'o["killed"], o["ok"]')" = '(1, True)' ] || fail 'nobody was killed'
python3 - <<'PY' || fail 'the detection is wrong'
import json
o = json.loads(open("last.out").read())
assert o["detections"] == o["detections_expected"] == 4 and o["false_alarms"] == 0, o
assert 0 < o["detection_first_ms"] <= o["detection_p50_ms"] <= o["detection_max_ms"] < 20000, o
PY
expect_exit 0 saorsa demo --nodes 3 --messages 10 --rate 50 --kill 1
expect_text last.out 'detection P50'
expect_text last.out '2 of 2 verdicts, 0 false alarms'
no_leftovers

begin 'input that cannot be used'
expect_exit 1 saorsa demo --input nosuchfile
expect_text last.err 'nosuchfile'
expect_exit 1 saorsa demo --input /dev/null
expect_text last.err 'no lines'
head -c 16777217 /dev/zero | tr '\0' 'x' >long
expect_exit 1 saorsa demo --input long
expect_text last.err 'line 1 of the input is longer'
no_leftovers

begin 'a timeout says what is missing'
expect_exit 4 saorsa demo --nodes 3 --messages 1000 --rate 10 --timeout 3
expect_text last.err 'timed out after 3 s'
no_leftovers

# The children of a process by /proc, so that nobody else's processes are touched.
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
has_children() { [ "$(children "$1" | wc -w)" -ge "$2" ]; }
all_gone() {
    for pid in "$@"; do
        [ ! -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status" || return 1
    done
}

begin 'SIGINT: the nodes are stopped, the folder is removed'
"$SAORSA_BIN" demo --nodes 4 --messages 1000 >int.out 2>int.err &
DEMO=$!
PIDS="$PIDS $DEMO"
wait_for 'four nodes' has_children "$DEMO" 4
nodes=$(children "$DEMO")
kill -INT "$DEMO"
got=0
wait "$DEMO" || got=$?
[ "$got" = 1 ] || fail "exit code $got"
expect_text int.err 'interrupted'
# shellcheck disable=SC2086  # words wanted
wait_for 'the nodes to end' all_gone $nodes
no_leftovers

begin 'a demo that is killed takes its nodes along; --keep keeps the logs'
"$SAORSA_BIN" demo --nodes 3 --messages 1000 --keep >kill.out 2>kill.err &
DEMO=$!
PIDS="$PIDS $DEMO"
wait_for 'three nodes' has_children "$DEMO" 3
nodes=$(children "$DEMO")
kill -KILL "$DEMO"
wait "$DEMO" 2>/dev/null || :
# shellcheck disable=SC2086  # words wanted
wait_for 'the nodes to end' all_gone $nodes
expect_exit 0 saorsa demo --nodes 2 --messages 5 --rate 0 --keep
expect_text last.err 'are kept in'
kept=$(sed -n 's/.*are kept in //p' last.err)
[ -d "$kept/n0" ] && [ -e "$kept/n1.log" ] || fail 'nothing was kept'
