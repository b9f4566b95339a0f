#!/bin/sh
# saorsa doc share: three terminals edit one list over three real nodes, as docs/crdt.md tells it.
set -eu
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$here/cli_lib.sh"

# share NAME [OPTIONS]: a terminal; what is typed there goes to NAME.in, what it shows to NAME.out.
share() {
    name=$1
    shift
    rm -f "$name.in"
    mkfifo "$name.in"
    : >"$name.out"
    "$SAORSA_BIN" doc share "$name.doc" --topic shopping --network sharetest --dir "$PWD/$name" \
        --listen 127.0.0.1:0 "$@" <"$name.in" >"$name.out" 2>"$name.err" &
    SHARE_PID=$!
    PIDS="$PIDS $SHARE_PID"
    exec 9>"$name.in" # lets it open its end
    wait_for "$name to share" grep -q 'listens at' "$name.err"
    sed -n 's/.*listens at //p' "$name.err" >"$name.addr"
}

shows() { # NAME WANTED: the newest line
    [ "$(tail -n 1 "$1.out")" = "$2" ]
}

for who in alice bob carol; do saorsa id new --dir "$PWD/$who" >"$who.txt"; done

begin 'two terminals, one list'
share alice
A=$SHARE_PID
exec 3>alice.in
share bob --seed "$(cat alice.addr)"
B=$SHARE_PID
exec 4>bob.in
echo 'add shopping milk' >&3
wait_for 'bob to see milk' shows bob '{"shopping":["milk"]}'
echo 'add shopping brown bread' >&4
wait_for 'alice to see bread' shows alice '{"shopping":["brown bread","milk"]}'

begin 'a third one comes late'
share carol --seed "$(cat bob.addr)"
C=$SHARE_PID
exec 5>carol.in
wait_for 'carol to catch up' shows carol '{"shopping":["brown bread","milk"]}'
echo 'rm shopping milk' >&5
wait_for 'alice to see it' shows alice '{"shopping":["brown bread"]}'

begin 'who was away brings and gets what was written'
echo quit >&4
wait "$B" || fail "bob ended with exit code $?"
exec 4>&-
expect_exit 0 saorsa doc add bob.doc shopping tea --dir "$PWD/bob"
echo 'text note call mother' >&3
wait_for 'carol to see the note' \
    shows carol '{"note":"call mother","shopping":["brown bread"]}'
share bob --seed "$(cat alice.addr)"
B=$SHARE_PID
exec 4>bob.in
all='{"note":"call mother","shopping":["brown bread","tea"]}'
for who in alice bob carol; do wait_for "$who to see all" shows "$who" "$all"; done

begin 'words that mean nothing'
echo 'fly to the moon' >&4
wait_for 'help' grep -q 'type: add' bob.err
echo 'rm shopping nothing' >&4
wait_for 'a complaint' grep -q "no 'nothing'" bob.err
expect_exit 2 saorsa doc share bob.doc --dir "$PWD/bob"
expect_text last.err '--topic'

begin 'the end: all is on the disk, and signed'
exec 3>&- 4>&- 5>&- 9>&-
for pid in "$A" "$B" "$C"; do
    kill -TERM "$pid"
    wait "$pid" || fail "exit code $?"
done
for who in alice bob carol; do
    expect_exit 0 saorsa doc get "$who.doc" --json --dir "$PWD/$who"
    [ "$(json last.out 'o["value"]["shopping"]')" = "['brown bread', 'tea']" ] || fail "$who"
done
expect_exit 0 saorsa doc log alice.doc --dir "$PWD/alice"
grep -q signed last.out || fail 'nothing is signed'
