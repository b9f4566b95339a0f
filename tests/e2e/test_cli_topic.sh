#!/bin/sh
# saorsa topic, trace, bench and sub --policy, with real nodes.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

start_node a --topic news --critical alarms
A=$NODE_PID
start_node b --topic news --seed "$(cat a.addr)"
B=$NODE_PID
start_node c --topic news --seed "$(cat a.addr)"
C=$NODE_PID
for n in a b c; do wait_for "the neighbours of $n" has_neighbors "$n" news 2; done

begin "topic list and info"
expect_exit 0 saorsa topic list --dir a
expect_text last.out news
expect_text last.out normal
expect_exit 0 saorsa topic list --dir a --json
[ "$(json last.out '[t["name"] for t in o["topics"]]')" = "['news']" ] || fail "other topics"
expect_exit 0 saorsa topic info news --dir a
expect_text last.out "$(cat b.id)"
expect_text last.out "$(cat c.id)"
expect_text last.out "subscriptions  1"
expect_exit 0 saorsa topic info news --dir a --json
[ "$(json last.out 'sorted(n["id"] for n in o["neighbors"])')" = \
    "$(python3 -c 'import sys; print(sorted(sys.argv[1:]))' "$(cat b.id)" "$(cat c.id)")" ] ||
    fail "other neighbours"
[ "$(json last.out 'o["eager"] + o["lazy"]')" = 2 ] || fail "links of the tree"

begin "priorities"
expect_exit 0 saorsa topic priority news bulk --dir a
expect_exit 0 saorsa topic list --dir a --json
[ "$(json last.out 'o["topics"][0]["priority"]')" = bulk ] || fail "the priority did not change"
expect_exit 0 saorsa topic priority news normal --dir a --json
[ "$(json last.out 'o["ok"]')" = True ] || fail "no ok"
saorsa sub --topic alarms --dir a --timeout 30 >alarms.out 2>alarms.err &
SUB=$!
PIDS="$PIDS $SUB"
wait_for "a subscription" has_subscriptions a alarms 1
expect_exit 0 saorsa topic info alarms --dir a --json
[ "$(json last.out 'o["priority"]')" = critical ] || fail "--critical had no effect"
kill -TERM "$SUB"

begin "what makes no sense is explained"
expect_exit 1 saorsa topic info nothing --dir a
expect_text last.err "not in topic 'nothing'"
expect_exit 2 saorsa topic frob
expect_text last.err "neither 'list' nor 'info' nor 'priority'"
expect_exit 2 saorsa topic info
expect_exit 2 saorsa topic priority news urgent
expect_text last.err "critical, normal or bulk"
expect_exit 2 saorsa node --ephemeral --critical '' --socket "$PWD/x.sock"
expect_exit 2 saorsa trace abc
expect_exit 1 saorsa trace abcdef --dir a
expect_text last.err "no node asked remembers"
expect_exit 2 saorsa bench --size 10
expect_exit 2 saorsa bench --join 65
expect_exit 3 saorsa bench --dir a --subscriber nowhere
expect_exit 2 saorsa sub --topic t --policy wait --dir a
expect_text last.err "drop-oldest, drop-newest, block or disconnect"

begin "trace shows the way of a message"
expect_exit 0 saorsa pub --dir a --topic news --json hello
id=$(json last.out 'o["id"]')
for n in b c; do wait_for "the message at $n" saorsa trace "$id" --dir "$n"; done
expect_exit 0 saorsa trace "$id" --dir a --dir b --socket "$PWD/c/control.sock"
expect_text last.out "message $id"
expect_text last.out "topic   news"
expect_text last.out "known to 3 of 3 nodes asked"
expect_text last.out "$(cut -c1-10 a.id)  published it"
expect_text last.out "$(cut -c1-10 b.id)  got it"
expect_text last.out "$(cut -c1-10 c.id)  got it"
expect_exit 0 saorsa trace "$(printf '%.12s' "$id")" --dir b --json
[ "$(json last.out 'o["messages"][0]["message"]')" = "$id" ] || fail "another message"
[ "$(json last.out 'o["messages"][0]["steps"][0]["kind"]')" = first ] || fail "no first step"
expect_exit 0 saorsa trace --dir b --count 1
expect_text last.out "$(printf '%.10s' "$id")"
[ "$(wc -l <last.out)" = 2 ] || fail "not one line below the head"

begin "bench through control sockets and with own nodes"
expect_exit 0 saorsa bench --dir a --subscriber b --subscriber "$PWD/c/control.sock" \
    --count 100 --rate 400 --size 100 --json
[ "$(json last.out 'o["published"], o["delivered"], o["dropped"]')" = "(100, 200, 0)" ] ||
    fail "messages are missing"
[ "$(json last.out '0 < o["latency_ms"]["p50"] <= o["latency_ms"]["max"]')" = True ] ||
    fail "latencies make no sense"
[ "$(json last.out '[s["delivered"] for s in o["subscribers"]]')" = "[100, 100]" ] ||
    fail "a subscriber lacks some"
expect_exit 0 saorsa bench --dir a --join 1 --count 200 --rate 0
expect_text last.out "delivered  200 of 200 to 1 subscriber"
expect_text last.out "own node 1"

begin "bench with a subscriber that nothing reaches measures nothing"
start_node d --topic news
D=$NODE_PID
expect_exit 4 saorsa bench --dir a --subscriber d --timeout 1
[ ! -s last.out ] || fail "figures of the beginning: $(cat last.out)"
expect_text last.err "are these nodes connected?"
! grep -q "messages are missing" last.err || fail "not one was published to be missing"
stop_node "$D"

begin "a subscriber that never reads: each policy does what it says"
cat >lazy.py <<'PY'
import json, socket, sys
PATH, policy = sys.argv[1], sys.argv[2]
COUNT = 2500


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(PATH)
    return s, s.makefile("rb")


def ask(pair, o):
    pair[0].sendall(json.dumps(o).encode() + b"\n")
    return json.loads(pair[1].readline())


lazy, busy = connect(), connect()
assert ask(lazy, {"op": "subscribe", "topic": policy, "own": True, "policy": policy})["ok"]
sent = []  # what was accepted: a publisher whose own subscriber blocks is told to wait
for begin in range(0, COUNT, 100):
    busy[0].sendall(b"".join(
        json.dumps({"op": "publish", "topic": policy, "text": "%d %s" % (i, "x" * 600)}).encode()
        + b"\n" for i in range(begin, begin + 100)))
    for i in range(begin, begin + 100):
        answer = json.loads(busy[1].readline())
        assert answer["ok"] or answer["error"] == "SG_ERR_WOULD_BLOCK", answer
        if answer["ok"]:
            sent.append(i)
published = len(sent)
stats = ask(busy, {"op": "status"})["stats"]
got, dropped, closed = [], 0, False
while len(got) + dropped < published and not closed:
    o = json.loads(lazy[1].readline())
    if o["event"] == "message":
        got.append(int(o["text"].split()[0]))
    elif o["event"] == "dropped":
        dropped += o["count"]
    else:
        assert o == {"event": "closed", "topic": policy}, o
        closed = True
assert got == sorted(set(got)), got[:10]
print(policy, published, len(got), dropped, closed)
assert closed == (policy == "disconnect")
assert (dropped > 0) == (policy != "block"), dropped
assert published < COUNT or policy != "block"
if policy == "drop-oldest":
    assert got[-1] == sent[-1]
if policy == "drop-newest":
    assert got[:1024] == sent[:1024]
if policy == "disconnect":
    assert stats["subscriber_closed"] == 1 and len(got) < COUNT
if policy == "block":
    assert got == sent
PY
for policy in drop-oldest drop-newest block disconnect; do
    python3 lazy.py "$PWD/b/control.sock" "$policy" || fail "policy $policy"
done

stop_node "$C"
stop_node "$B"
stop_node "$A"
