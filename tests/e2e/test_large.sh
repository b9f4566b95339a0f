#!/bin/sh
# Payloads above 64 KiB: whole files through saorsa pub --file and sub --output.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

TOPICS='files pipe json'
# shellcheck disable=SC2046  # words wanted
start_node a $(printf -- '--topic %s ' $TOPICS)
A=$NODE_PID
# shellcheck disable=SC2046
start_node b --seed "$(cat a.addr)" $(printf -- '--topic %s ' $TOPICS)
B=$NODE_PID
# shellcheck disable=SC2046
start_node c --seed "$(cat b.addr)" --seed "$(cat a.addr)" $(printf -- '--topic %s ' $TOPICS)
C=$NODE_PID
python3 -c '
import random, sys
random.seed(7)
sys.stdout.buffer.write(random.randbytes(16 << 20))' >most

# listen NODE TOPIC [OPTIONS]: a subscriber in the background, ready when this returns.
listen() {
    node=$1
    topic=$2
    shift 2
    "$SAORSA_BIN" sub --dir "$PWD/$node" --topic "$topic" "$@" >"$node-$topic.out" \
        2>"$node-$topic.err" &
    SUB=$!
    PIDS="$PIDS $SUB"
    wait_for 'the subscription' has_subscriptions "$node" "$topic" 2
    wait_for 'both neighbours in the topic' has_neighbors "$node" "$topic" 2
}

begin 'a file of 16 MiB reaches two others, byte for byte'
mkdir at-b at-c
listen b files --output at-b --count 1
SUB_B=$SUB
listen c files --output at-c --count 1
saorsa pub --dir "$PWD/a" --topic files --file most --json >pub.out || fail 'pub failed'
[ "$(json pub.out 'o["size"]')" = 16777216 ] || fail 'pub --json does not tell the size'
ID=$(json pub.out 'o["id"]')
wait "$SUB_B" || fail 'sub at b failed'
wait "$SUB" || fail 'sub at c failed'
cmp most "at-b/$ID" || fail 'the file at b differs'
cmp most "at-c/$ID" || fail 'the file at c differs'
[ "$(cat b-files.out)" = "at-b/$ID" ] || fail 'sub does not print the path'
[ "$(find at-b at-c -type f | wc -l)" = 2 ] || fail 'there are other files'

begin 'stdin becomes a payload, stdout too'
head -c 300000 most >some
listen c pipe --raw --count 1
saorsa pub --dir "$PWD/a" --topic pipe --file - <some || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
cmp some c-pipe.out || fail 'what came out differs'
rm c-pipe.out

begin 'JSON tells size and file in place of the payload'
listen c json --output at-c --json --count 2
saorsa pub --dir "$PWD/a" --topic json --file some || fail 'pub failed'
saorsa pub --dir "$PWD/a" --topic json small || fail 'pub failed'
wait "$SUB" || fail 'sub failed'
python3 - <<'PY' || fail 'the objects are wrong'
import json, os
got = [json.loads(line) for line in open("c-json.out", encoding="utf-8")]
assert sorted(o["size"] for o in got) == [5, 300000], got
for o in got:
    assert o["file"] == o["id"] and "text" not in o and "base64" not in o, o
    assert os.path.getsize("at-c/" + o["file"]) == o["size"], o
PY

begin 'mistakes are told in one line'
expect_exit 1 saorsa pub --dir "$PWD/a" --topic files --file missing
expect_one_line last.err
expect_text last.err 'missing'
expect_exit 1 saorsa pub --dir "$PWD/a" --topic files --file at-b
expect_one_line last.err
expect_text last.err 'folder'
{ cat most; printf x; } >more
expect_exit 1 saorsa pub --dir "$PWD/a" --topic files --file more
expect_one_line last.err
expect_text last.err '16777216'
expect_exit 1 saorsa pub --dir "$PWD/a" --topic files --file - <more
expect_text last.err '16777216'
expect_exit 2 saorsa pub --dir "$PWD/a" --topic files --file most text
expect_exit 1 saorsa sub --dir "$PWD/c" --topic files --output nowhere
expect_text last.err 'nowhere'
expect_exit 1 saorsa sub --dir "$PWD/c" --topic files --output some
expect_exit 2 saorsa sub --dir "$PWD/c" --topic files --output at-c --raw

chunks_in() { # NAME
    saorsa status --dir "$PWD/$1" --json >"$1.status" 2>/dev/null || return 1
    json "$1.status" 'int(o["stats"]["chunks_in"])'
}

begin 'two holders serve a fourth when the source is killed midway'
mkdir at-d
start_node d --seed "$(cat b.addr)" --seed "$(cat c.addr)" --seed "$(cat a.addr)"
D=$NODE_PID
# a message of a minute ago or less is offered to those who come
head -c 4000000 most >less
saorsa pub --dir "$PWD/a" --topic late --file less --json >pub.out || fail 'pub failed'
ID=$(json pub.out 'o["id"]')
mkdir late-b late-c
"$SAORSA_BIN" sub --dir "$PWD/b" --topic late --output late-b --count 1 >b-late.out 2>b-late.err &
SUB_B=$!
PIDS="$PIDS $SUB_B"
"$SAORSA_BIN" sub --dir "$PWD/c" --topic late --output late-c --count 1 >c-late.out 2>c-late.err &
SUB_C=$!
PIDS="$PIDS $SUB_C"
wait "$SUB_B" || fail 'sub at b failed'
wait "$SUB_C" || fail 'sub at c failed'
"$SAORSA_BIN" sub --dir "$PWD/b" --topic late >b-stay.out 2>b-stay.err &
PIDS="$PIDS $!"
"$SAORSA_BIN" sub --dir "$PWD/c" --topic late >c-stay.out 2>c-stay.err &
PIDS="$PIDS $!"
"$SAORSA_BIN" sub --dir "$PWD/d" --topic late --output at-d --count 1 >d-late.out 2>d-late.err &
SUB=$!
PIDS="$PIDS $SUB"
has_begun() {
    saorsa status --dir "$PWD/d" --json >d.status 2>/dev/null &&
        [ "$(json d.status 'o["stats"]["chunks_in"]')" -ge 1 ]
}
wait_for 'd to fetch' has_begun
kill -KILL "$A"
wait "$SUB" || fail 'sub at d failed'
cmp less "at-d/$ID" || fail 'the file at d differs'

stop_node "$B"
stop_node "$C"
stop_node "$D"
