# shellcheck shell=sh
# What the tests of the executable share. Sourced by a script whose working folder is fresh and
# whose SAORSA_BIN is the executable.
set -eu
: "${SAORSA_BIN:?the executable under test}"
export XDG_DATA_HOME="$PWD/data"
unset SAORSA_DIR SAORSA_SOCKET
PIDS=
CASE=start

saorsa() { "$SAORSA_BIN" "$@"; }

begin() { CASE=$*; printf -- '- %s\n' "$*"; }

fail() {
    printf 'FAILED: %s: %s\n' "$CASE" "$*" >&2
    for log in *.out *.err; do
        [ -s "$log" ] || continue
        printf -- '---- %s\n' "$log" >&2
        tail -n 15 "$log" >&2
    done
    exit 1
}

# Only processes that were started here, by their ids.
cleanup() {
    code=$?
    for pid in $PIDS; do kill -KILL "$pid" 2>/dev/null || :; done
    exit "$code"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# wait_for WHAT COMMAND...: until the command succeeds, at most 20 s.
wait_for() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 400 ] || fail "waited too long for $what"
        sleep 0.05
    done
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# expect_exit CODE COMMAND...: stdout goes to last.out, stderr to last.err.
expect_exit() {
    want=$1
    shift
    got=0
    "$@" >last.out 2>last.err || got=$?
    [ "$got" = "$want" ] || fail "exit code $got instead of $want: $*"
}

expect_text() { # FILE TEXT
    grep -qF -- "$2" "$1" || fail "$1 does not say: $2"
}

expect_one_line() {
    [ "$(wc -l <"$1")" = 1 ] || fail "$1 has not exactly one line"
}

expect_same() { # FILE FILE
    cmp -s "$1" "$2" && return
    diff "$1" "$2" | head -n 20 >&2 || :
    fail "$1 and $2 differ"
}

is_json() { python3 -m json.tool <"$1" >/dev/null || fail "$1 is no JSON"; }

# json FILE EXPRESSION: prints a Python expression over the object o in the file's first line.
json() {
    python3 -c '
import json, sys
o = json.loads(open(sys.argv[1], encoding="utf-8").readline())
print(eval(sys.argv[2]))' "$1" "$2"
}

has_line() { [ -s "$1" ] && [ "$(wc -l <"$1")" -ge 1 ]; }

# start_node NAME [OPTIONS]: a node with its own folder, in the background; when it is ready
# NODE_PID, and NAME.addr, NAME.id as files. Its socket is NAME/control.sock.
start_node() {
    name=$1
    shift
    : >"$name.out"
    "$SAORSA_BIN" node --json --dir "$PWD/$name" --listen 127.0.0.1:0 "$@" \
        >"$name.out" 2>"$name.err" &
    NODE_PID=$!
    PIDS="$PIDS $NODE_PID"
    wait_for "node $name to be ready" has_line "$name.out"
    json "$name.out" 'o["address"]' >"$name.addr"
    json "$name.out" 'o["id"]' >"$name.id"
}

stop_node() { # PID: by SIGTERM; must end well
    kill -TERM "$1"
    got=0
    wait "$1" || got=$?
    [ "$got" = 0 ] || fail "the node ended with exit code $got"
}

topic_neighbors() { # NAME TOPIC: how many neighbours a node has in a topic
    saorsa status --dir "$PWD/$1" --json >"$1.status" 2>/dev/null || return 1
    json "$1.status" "sum(len(t['neighbors']) for t in o['topics'] if t['name'] == '$2')"
}

has_neighbors() { # NAME TOPIC COUNT
    count=$(topic_neighbors "$1" "$2") && [ "$count" -ge "$3" ]
}

subscriptions() { # NAME TOPIC
    saorsa status --dir "$PWD/$1" --json >"$1.status" 2>/dev/null || return 1
    json "$1.status" "sum(t['subscriptions'] for t in o['topics'] if t['name'] == '$2')"
}

has_subscriptions() { # NAME TOPIC COUNT
    count=$(subscriptions "$1" "$2") && [ "$count" -ge "$3" ]
}
