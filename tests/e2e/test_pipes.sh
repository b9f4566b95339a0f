#!/bin/sh
# saorsa pub and sub as parts of pipelines.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

begin 'without a node: exit code 3 and what to do'
for command in 'pub --topic t hello' 'sub --topic t' peers status; do
    # shellcheck disable=SC2086
    expect_exit 3 saorsa $command </dev/null
    expect_one_line last.err
    expect_text last.err "saorsa node"
done

# A topic for each case: a node keeps recent messages for those who come later.
TOPICS='one many argument raw binary large json head own'
# shellcheck disable=SC2046  # words wanted
start_node a $(printf -- '--topic %s ' $TOPICS)
A=$NODE_PID
start_node b --seed "$(cat a.addr)"
B=$NODE_PID
pub() { "$SAORSA_BIN" pub --dir "$PWD/a" "$@"; }
sub() { "$SAORSA_BIN" sub --dir "$PWD/b" "$@"; }

# listen TOPIC [OPTIONS]: a subscriber at b in the background, ready when this returns.
listen() {
    topic=$1
    shift
    "$SAORSA_BIN" sub --dir "$PWD/b" --topic "$topic" "$@" >"$topic.out" 2>"$topic.err" &
    SUB=$!
    PIDS="$PIDS $SUB"
    wait_for 'the subscription' has_subscriptions b "$topic" 1
    case " $TOPICS " in
    *" $topic "*) wait_for 'a neighbour in the topic' has_neighbors b "$topic" 1 ;;
    esac
}

begin 'a line goes through, without its newline in the payload'
listen one --count 1
printf 'hello\n' | pub --topic one >pub.out || fail 'pub failed'
[ ! -s pub.out ] || fail 'pub prints something'
wait "$SUB" || fail 'sub failed'
printf 'hello\n' >want
expect_same one.out want

begin 'many lines: each one is a message, so are empty ones and an unterminated last one'
listen many --count 204
{ seq 1 200; printf '\n\ntab\there\nlast'; } >input
pub --topic many <input || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
# A broadcast has no order among messages; each comes once.
{ cat input; echo; } | sort >want
sort many.out >got
expect_same got want

begin 'an argument is a message, too'
listen argument --count 1
pub --topic argument -- '--text that looks like an option' || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
expect_text argument.out '--text that looks like an option'

begin 'bytes of any kind arrive as they are'
python3 -c '
import sys, random
random.seed(5)
sys.stdout.buffer.write(bytes(range(256)) + random.randbytes(65536 - 256))' >binary
listen raw --raw --count 1
pub --topic raw --whole <binary || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
expect_same raw.out binary
python3 -c '
import sys, random
random.seed(6)
for n in range(20):
    sys.stdout.buffer.write(random.randbytes(n * 50).replace(b"\n", b"\0") + b"\n")' >binary-lines
listen binary --count 20
pub --topic binary <binary-lines || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
LC_ALL=C sort binary-lines >want
LC_ALL=C sort binary.out >got
expect_same got want

begin 'the largest message goes, a larger one is refused and says so'
listen large --raw --count 1
head -c 16777216 /dev/zero | tr '\0' 'x' >largest
pub --topic large --whole <largest || fail 'the largest payload was refused'
wait "$SUB" || fail 'sub failed'
expect_same large.out largest
{ cat largest; printf x; } >larger
expect_exit 1 saorsa pub --dir "$PWD/a" --topic t --whole <larger
expect_text last.err '16777216'
{ echo fine; cat larger; echo; echo unreached; } >lines
expect_exit 1 saorsa pub --dir "$PWD/a" --topic t <lines
expect_text last.err 'line 2 '

begin 'JSON of both sides'
listen json --json --count 3
{ echo plain; printf 'caf\303\251 "quoted" \\ back\n'; printf 'not \377 text\n'; } |
    pub --topic json --json >pub.out || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
[ "$(wc -l <pub.out)" = 3 ] || fail 'pub --json prints one line for each message'
[ "$(wc -l <json.out)" = 3 ] || fail 'sub --json prints one line for each message'
python3 - "$(cat a.id)" <<'PY' || fail 'the objects are wrong'
import base64, json, sys
author = sys.argv[1]
sent = [json.loads(line) for line in open("pub.out", encoding="utf-8")]
got = [json.loads(line) for line in open("json.out", encoding="utf-8")]
got.sort(key=lambda o: int(o["sequence"]))
for s, g in zip(sent, got):
    assert s["ok"] and s["id"] == g["id"] and s["sequence"] == g["sequence"], (s, g)
    assert s["neighbors"] >= 1 and s["pushed"] + s["announced"] <= s["neighbors"], s
    assert g["topic"] == "json" and g["author"] == author and g["last_hop"] == author, g
    assert g["hops"] == 1 and 0 <= g["age_ms"] < 20000, g
assert got[0]["text"] == "plain" and got[1]["text"] == 'caf\u00e9 "quoted" \\ back'
assert "text" not in got[2] and base64.b64decode(got[2]["base64"]) == b"not \xff text"
PY

begin 'a reader that has enough ends the subscriber, quietly'
# head ends after the first line; sub notices although no further message comes.
{
    "$SAORSA_BIN" sub --dir "$PWD/b" --topic head 2>head.err
    echo "$?" >head.code
} | head -n 1 >head.out &
PIPE=$!
wait_for 'the subscription' has_subscriptions b head 1
wait_for 'a neighbour in the topic' has_neighbors b head 1
pub --topic head 'for head' || fail 'pub failed'
wait "$PIPE" || fail 'the pipeline failed'
wait_for 'sub to end' test -s head.code
[ "$(cat head.code)" = 0 ] || fail "sub ended with $(cat head.code)"
expect_text head.out 'for head'
[ ! -s head.err ] || fail 'sub complains about its reader'

begin 'no self-delivery unless asked for'
"$SAORSA_BIN" sub --dir "$PWD/a" --topic own --own --count 1 >own.out 2>own.err &
OWN=$!
PIDS="$PIDS $OWN"
wait_for 'the subscription' has_subscriptions a own 2
pub --topic own mine || fail 'pub failed'
wait "$OWN" || fail 'sub --own failed'
expect_text own.out mine

begin 'timeouts: exit code 4 when messages are missing, 0 when none were counted on'
expect_exit 4 saorsa sub --dir "$PWD/b" --topic quiet --count 1 --timeout 1
expect_text last.err 'only 0 of 1'
expect_exit 0 saorsa sub --dir "$PWD/b" --topic quiet --timeout 1

begin 'SIGINT ends a subscriber with 0'
listen interrupted
kill -INT "$SUB"
wait "$SUB" || fail 'exit code after SIGINT'

begin 'nobody there yet: accepted, and says so'
expect_exit 0 saorsa pub --dir "$PWD/b" --topic lonely --json hello
[ "$(json last.out 'o["neighbors"]')" = 0 ] || fail 'neighbours in a topic of one'

begin 'topics that cannot be'
expect_exit 2 saorsa pub --dir "$PWD/a" --topic '' x
expect_exit 2 saorsa pub --dir "$PWD/a" --topic "$(printf '%0256d' 0)" x
expect_exit 2 saorsa pub --dir "$PWD/a" --topic "$(printf 'a\377')" x
expect_text last.err 'UTF-8'

begin 'a node that goes away takes its subscribers along: exit code 3'
listen left
stop_node "$B"
got=0
wait "$SUB" || got=$?
[ "$got" = 3 ] || fail "exit code $got"
expect_text left.err 'went away'
stop_node "$A"
