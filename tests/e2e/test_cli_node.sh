#!/bin/sh
# saorsa node: starting, stopping, and everything that may be in the way.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

begin 'the ready line, as an object and for people'
start_node a
A=$NODE_PID
sed -n 1p a.out >ready
is_json ready
[ "$(json ready 'o["event"]')" = ready ] || fail 'no ready event'
[ "$(json ready 'o["pid"]')" = "$A" ] || fail 'another pid'
[ "$(json ready 'o["socket"]')" = "$PWD/a/control.sock" ] || fail 'another socket'
grep -Eq '^127[.]0[.]0[.]1:[1-9][0-9]*$' a.addr || fail 'no address'
expect_exit 0 saorsa status --dir "$PWD/a" --json
is_json last.out
[ "$(json last.out 'o["id"]')" = "$(cat a.id)" ] || fail 'status shows another id'
expect_exit 0 saorsa status --dir "$PWD/a"
expect_text last.out "$(cat a.id)"
expect_exit 0 saorsa peers --dir "$PWD/a"
expect_text last.out 'no peers yet'
expect_exit 0 saorsa peers --dir "$PWD/a" --json
is_json last.out

begin 'only its owner can reach the socket'
[ "$(stat -c %a a/control.sock)" = 600 ] || fail "socket mode $(stat -c %a a/control.sock)"
[ "$(stat -c %a a)" = 700 ] || fail "folder mode $(stat -c %a a)"

begin 'SIGTERM: exit code 0, no socket file left'
stop_node "$A"
[ ! -e a/control.sock ] || fail 'the socket file is still there'
[ ! -s a.err ] || fail 'a clean run has something to complain about'

begin 'SIGINT, and the same identity again'
cp a.id first.id
start_node a
expect_same a.id first.id
kill -INT "$NODE_PID"
wait "$NODE_PID" || fail 'exit code after SIGINT'
[ ! -e a/control.sock ] || fail 'the socket file is still there'

begin 'saorsa stop'
start_node a
expect_exit 0 saorsa stop --dir "$PWD/a"
wait "$NODE_PID" || fail 'exit code after stop'
[ ! -e a/control.sock ] || fail 'the socket file is still there'
expect_exit 3 saorsa stop --dir "$PWD/a"

begin 'for people: one readable line'
"$SAORSA_BIN" node --dir "$PWD/h" --listen 127.0.0.1:0 --topic chat >h.out 2>h.err &
NODE_PID=$!
PIDS="$PIDS $NODE_PID"
wait_for 'the ready line' has_line h.out
expect_text h.out 'ready: node '
stop_node "$NODE_PID"

begin 'a port in use'
start_node a
expect_exit 1 saorsa node --dir "$PWD/b" --listen "$(cat a.addr)"
expect_one_line last.err
expect_text last.err 'in use'
[ ! -e b/control.sock ] || fail 'a socket file of a node that did not start'

begin 'two nodes with one identity'
expect_exit 1 saorsa node --dir "$PWD/a" --listen 127.0.0.1:0 --socket "$PWD/other.sock"
expect_one_line last.err
expect_text last.err 'another process'

begin 'a socket that a living node listens at is not taken away'
expect_exit 1 saorsa node --dir "$PWD/c" --listen 127.0.0.1:0 --socket "$PWD/a/control.sock"
expect_text last.err 'already'
expect_exit 0 saorsa status --dir "$PWD/a"

begin 'the socket file of a dead node is replaced'
kill -KILL "$NODE_PID"
wait "$NODE_PID" 2>/dev/null || :
[ -S a/control.sock ] || fail 'this test wants a stale socket file'
expect_exit 3 saorsa status --dir "$PWD/a"
start_node a
expect_exit 0 saorsa status --dir "$PWD/a"
stop_node "$NODE_PID"

begin 'a file that is no socket is left alone'
echo precious >precious
expect_exit 1 saorsa node --ephemeral --listen 127.0.0.1:0 --socket "$PWD/precious"
expect_text last.err 'no socket'
expect_text precious 'precious'

begin 'a socket path that is too long'
long=$PWD/$(printf '%0120d' 0)/control.sock
expect_exit 1 saorsa node --ephemeral --listen 127.0.0.1:0 --socket "$long"
expect_text last.err 'too long'
expect_exit 1 saorsa status --socket "$long"
expect_text last.err 'SAORSA_SOCKET'

begin 'seeds, addresses and networks that make no sense'
for seed in nonsense 127.0.0.1 127.0.0.1:0 127.0.0.1:99999 :7000 zzz@127.0.0.1:7000 ''; do
    expect_exit 2 saorsa node --ephemeral --socket "$PWD/s" --listen 127.0.0.1:0 --seed "$seed"
    expect_one_line last.err
done
expect_exit 2 saorsa node --ephemeral --socket "$PWD/s" --listen nonsense
expect_exit 2 saorsa node --ephemeral --socket "$PWD/s" --listen 127.0.0.1:0 --network ''
[ ! -e s ] || fail 'a socket file of a node that did not start'

begin 'a seed that does not resolve is reported, and the node keeps running'
start_node d --seed nosuchhost.invalid:7000
wait_for 'the report' grep -q seed_failed d.out
expect_exit 0 saorsa status --dir "$PWD/d"
expect_exit 2 saorsa join --dir "$PWD/d"
expect_exit 1 saorsa join --dir "$PWD/d" nonsense
expect_text last.err 'host:port'
# Tried for ever, but said once a minute.
[ "$(grep -c seed_failed d.out)" = 1 ] || fail 'the report repeats'
D=$NODE_PID

begin 'join at run time heals it; both ends see the peer'
start_node e
expect_exit 0 saorsa join --dir "$PWD/d" "$(cat e.id)@$(cat e.addr)"
is_linked() { saorsa peers --dir "$PWD/$1" --json | grep -q "$(cat "$2.id")"; }
wait_for 'the link, seen by d' is_linked d e
wait_for 'the link, seen by e' is_linked e d
wait_for 'the event' grep -q '"event":"joined"' d.out
expect_exit 0 saorsa peers --dir "$PWD/d"
expect_text last.out 'ADDRESS'

begin 'a node that leaves says goodbye'
stop_node "$NODE_PID"
wait_for 'd to hear of it' grep -q '"event":"peer_down"' d.out
stop_node "$D"
for file in *.out; do
    while read -r line; do
        case $line in "{"*) printf '%s\n' "$line" >line && is_json line ;; esac
    done <"$file"
done

begin 'an ephemeral node leaves nothing behind'
"$SAORSA_BIN" node --ephemeral --json --listen 127.0.0.1:0 --socket "$PWD/x/y.sock" >f.out 2>&1 &
NODE_PID=$!
PIDS="$PIDS $NODE_PID"
wait_for 'the ready line' has_line f.out
[ "$(stat -c %a x)" = 700 ] || fail 'the folder of the socket is open to others'
expect_exit 0 env SAORSA_SOCKET="$PWD/x/y.sock" "$SAORSA_BIN" status --json
[ "$(json last.out 'o["dir"]')" = None ] || fail 'an ephemeral node with a folder'
stop_node "$NODE_PID"
[ -z "$(ls -A x)" ] || fail 'something is left'
