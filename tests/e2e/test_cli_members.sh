#!/bin/sh
# saorsa members, leave, force-leave: three nodes that watch each other.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

# count NAME STATE: how many members in a state a node knows.
count() {
    saorsa members --dir "$PWD/$1" --json >"$1.members" 2>/dev/null || return 1
    json "$1.members" "sum(m['state'] == '$2' for m in o['members'])"
}
has_members() { [ "$(count "$1" "$2")" = "$3" ]; }
state_of() { # NAME OTHER: "" when it is no member
    saorsa members --dir "$PWD/$1" --json >"$1.members" 2>/dev/null || return 1
    json "$1.members" "''.join(m['state'] for m in o['members'] if m['id'] == '$(cat "$2.id")')"
}
is_state() { [ "$(state_of "$1" "$2")" = "$3" ]; }
short() { cut -c 1-10 "$1.id"; }

begin 'alone'
start_node a
A=$NODE_PID
expect_exit 0 saorsa members --dir "$PWD/a"
expect_text last.out 'no other members yet'
expect_exit 0 saorsa members --dir "$PWD/a" --json
[ "$(json last.out 'o')" = "{'members': []}" ] || fail 'members of a node alone'

begin 'a reader that went away is no failure, a closed stdout is'
mkfifo reader
for words in '' --json --watch '--watch --json'; do
    { : <reader; } &
    exec 7>reader
    wait $!
    got=0
    # shellcheck disable=SC2086
    saorsa members --dir "$PWD/a" $words >&7 2>last.err || got=$?
    exec 7>&-
    [ "$got" = 0 ] || fail "exit code $got without a reader: members $words"
    [ ! -s last.err ] || fail "complains about a reader that went away: members $words"
    got=0
    saorsa members --dir "$PWD/a" $words >&- 2>last.err || got=$?
    [ "$got" = 1 ] || fail "exit code $got for a closed stdout: members $words"
    expect_text last.err 'cannot write to stdout'
done

begin 'three nodes know each other'
start_node b --seed "$(cat a.addr)"
B=$NODE_PID
start_node c --seed "$(cat a.addr)" --meta 'role=c'
C=$NODE_PID
for node in a b c; do wait_for "$node to know two others" has_members "$node" alive 2; done
has_meta() {
    saorsa members --dir "$PWD/a" --json >a.members &&
        [ "$(json a.members "[m['meta'] for m in o['members'] if m['id'] == '$(cat c.id)']")" = \
            "[{'text': 'role=c'}]" ]
}
wait_for 'the metadata of c' has_meta
python3 - "$(cat b.id)" "$(cat b.addr)" "$(cat c.id)" <<'PY' || fail 'the object is wrong'
import json, sys
members = json.loads(open("a.members").read())["members"]
by_id = {m["id"]: m for m in members}
assert set(by_id) == {sys.argv[1], sys.argv[3]}, by_id.keys()
for m in members:
    assert set(m) == {"id", "state", "incarnation", "state_ms", "heard_ms", "address", "linked",
                      "neighbor", "contact", "meta"}, m
    assert isinstance(m["incarnation"], str) and int(m["incarnation"]) >> 32 > 0, m
    assert m["state_ms"] >= 0 and m["contact"] is False, m
    assert m["linked"] or not m["neighbor"], m
assert by_id[sys.argv[1]]["address"] == sys.argv[2]
assert by_id[sys.argv[1]]["meta"] == {"text": ""}
PY
expect_exit 0 saorsa members --dir "$PWD/a"
for text in MEMBER STATE INCARNATION HEARD "$(short b)" "$(short c)" "$(cat b.addr)" 'role=c' \
    '2 alive, 0 suspect, 0 failed'; do
    expect_text last.out "$text"
done
expect_exit 0 saorsa members --dir "$PWD/a" --all
expect_text last.out "$(cat b.id)"
expect_exit 0 saorsa status --dir "$PWD/a"
expect_text last.out '2 others'

begin 'who has not failed cannot be given up'
force_leave() { saorsa force-leave "$@" --dir "$PWD/a"; }
expect_exit 1 force_leave "$(cat b.id)"
expect_one_line last.err
expect_text last.err "$(short b) is alive: only failed members can be given up"
expect_exit 1 force_leave "$(cut -c 1-6 b.id)"
expect_text last.err 'is alive'
expect_exit 1 force_leave "$(cat a.id)"
expect_text last.err 'this node itself'
expect_exit 1 force_leave "$(cut -c 1-51 a.id | tr '[:lower:]' b-za)a"
expect_text last.err 'no member'
expect_exit 1 force_leave zzzzzz
expect_text last.err 'no member or contact begins with zzzzzz'
for bad in '' x abcde abc-ef "$(cat b.id)a" "$(cat b.id)@127.0.0.1:7"; do
    expect_exit 2 force_leave "$bad"
    expect_one_line last.err
done
expect_exit 2 force_leave
expect_exit 2 force_leave abcdef x

begin 'watching: the table first, then each change as it comes'
# watch NAME [OPTIONS]: in the background; its process id as WATCH.
watch() {
    name=$1
    shift
    "$SAORSA_BIN" members --watch --dir "$PWD/a" "$@" >"$name.out" 2>"$name.err" &
    WATCH=$!
    PIDS="$PIDS $WATCH"
    wait_for "the table of $name" has_line "$name.out"
}
# saw FILE WORD NODE: whether a line of people's output tells a change.
saw() { grep -Eq "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]  $2 +$(short "$3") " "$1"; }
saw_event() { grep -q "\"event\":\"$2\".*\"peer\":\"$(cat "$3.id")\"" "$1"; }
watch people
PEOPLE=$WATCH
watch objects --json
OBJECTS=$WATCH
expect_text people.out '2 alive, 0 suspect, 0 failed'
expect_exit 0 saorsa meta set 'role=b' --dir "$PWD/b"
wait_for 'the update' saw people.out update b
wait_for 'the update as an object' saw_event objects.out member_update b
grep -q "update .*$(short b).*role=b" people.out || fail 'an update without the metadata'

begin 'kill -9 is seen as fail'
boot="next(int(m['incarnation']) >> 32 for m in o['members'] if m['id'] == '$(cat c.id)')"
first=$(json a.members "$boot")
kill -KILL "$C"
wait "$C" 2>/dev/null || :
wait_for 'the failure' saw people.out fail c
wait_for 'the failure as an object' saw_event objects.out member_fail c
wait_for 'the log of a' grep -q '"event":"member_fail"' a.out
is_state a c failed || fail "c is $(state_of a c)"
wait_for 'b to notice' is_state b c failed
expect_exit 0 saorsa members --dir "$PWD/a"
expect_text last.out '1 failed'

begin 'a failed member is given up where the operator says so'
expect_exit 0 force_leave "$(cut -c 1-8 c.id)" --json
[ "$(json last.out 'o')" = "{'ok': True}" ] || fail 'no answer in JSON'
wait_for 'a to forget c' is_state a c ''
is_state b c failed || fail 'the word of another node gave up c at once'
expect_exit 0 saorsa force-leave "$(cat c.id)" --dir "$PWD/b"
wait_for 'b to forget c' is_state b c ''
expect_exit 1 force_leave "$(cat c.id)"
expect_text last.err 'is no member that is known here'

begin 'when it comes back it is welcome, with a higher incarnation'
start_node c --seed "$(cat a.addr)"
wait_for 'c to be back' is_state a c alive
wait_for 'the join' saw people.out join c
[ "$(json a.members "$boot")" -gt "$first" ] || fail 'its boot counter did not grow'

begin 'leave: the node ends, the others know why'
expect_exit 0 saorsa leave --dir "$PWD/b" --json
[ "$(json last.out 'o')" = "{'ok': True}" ] || fail 'no answer in JSON'
[ ! -e b/control.sock ] || fail 'leave returned before the node had ended'
wait "$B" || fail 'the node ended badly'
wait_for 'the goodbye' saw people.out leave b
wait_for 'the goodbye as an object' saw_event objects.out member_leave b
! saw people.out fail b || fail 'who left was declared failed'
expect_exit 3 saorsa leave --dir "$PWD/b"
wait_for 'b to be gone from the table' is_state a b ''

begin 'every line of the watcher is an object with a time'
python3 - "$(cat c.id)" <<'PY' || fail 'the stream is wrong'
import json, sys
lines = [json.loads(line) for line in open("objects.out")]
assert set(lines[0]) == {"members"} and len(lines[0]["members"]) == 2, lines[0]
last = 0
for o in lines[1:]:
    assert o["event"].startswith("member_") and o["at_ns"] >= last and o["time_ms"] > 1e12, o
    last = o["at_ns"]
fails = [o for o in lines[1:] if o["event"] == "member_fail"]
assert len(fails) == 1 and fails[0]["peer"] == sys.argv[1], fails
assert fails[0]["member"]["state"] == "failed", fails
PY

begin 'a watcher ends at SIGINT with 0, and with 3 when the node ends'
kill -INT "$PEOPLE"
wait "$PEOPLE" || fail 'exit code after SIGINT'
[ ! -s people.err ] || fail 'a clean end has something to complain about'
stop_node "$A"
got=0
wait "$OBJECTS" || got=$?
[ "$got" = 3 ] || fail "exit code $got when the node has ended"
expect_text objects.err 'went away'
expect_exit 3 saorsa members --dir "$PWD/a"
expect_exit 3 saorsa members --watch --dir "$PWD/a"
stop_node "$NODE_PID"
