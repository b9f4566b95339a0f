#!/bin/sh
# What a node keeps: in memory for a while, of durable topics on the disk, and who reads it.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

stat_of() { # NAME STATISTIC
    saorsa status --dir "$PWD/$1" --json >"$1.status" 2>/dev/null || return 1
    json "$1.status" "int(o['stats']['$2'])"
}
has_stat() { # NAME STATISTIC COUNT
    value=$(stat_of "$1" "$2") && [ "$value" -ge "$3" ]
}
pub() { # NAME TEXT...
    name=$1
    shift
    for text in "$@"; do
        expect_exit 0 saorsa pub --dir "$PWD/$name" --topic diary "$text"
    done
}
# What sub prints of the past: COUNT messages, or fewer before the timeout.
past() { # NAME COUNT [OPTIONS]
    name=$1
    count=$2
    shift 2
    saorsa sub --dir "$PWD/$name" --topic diary --count "$count" --timeout 60 "$@"
}

begin 'times, and peers, that make no sense'
for time in 1 h 1w -1h '' 1hh; do
    expect_exit 2 saorsa sub --dir "$PWD/a" --topic diary --since "$time"
done
expect_exit 2 saorsa sub --dir "$PWD/a" --topic diary --from abc
expect_exit 2 saorsa node --ephemeral --durable diary --socket "$PWD/s"

begin 'what came while nobody listened'
start_node a --durable diary
A=$NODE_PID
start_node b --seed "$(cat a.addr)" --topic diary
B=$NODE_PID
wait_for 'a and b to meet' has_neighbors a diary 1
wait_for 'b and a to meet' has_neighbors b diary 1
pub b one two
pub a three
wait_for 'a to have written it all' has_stat a stored 3
printf 'one\ntwo\nthree\n' >want
past a 3 --since 1h --own >got
expect_same got want
begin 'own messages only when asked for, and by author'
printf 'one\ntwo\n' >want
past a 2 --since 1h >got
expect_same got want
past a 2 --since 1h --own --from "$(cut -c 1-8 b.id)" >got
expect_same got want
echo three >want
past a 1 --since 1h --own --from "$(cat a.id)" >got
expect_same got want

begin 'a topic that is not durable: from memory'
wait_for 'b to have it all' has_stat b kept 3
past b 1 --since 1h >got
echo three >want
expect_same got want
[ ! -e b/messages.db ] || fail 'b keeps messages on the disk'

begin 'the past first, then live messages, without a gap'
saorsa sub --dir "$PWD/a" --topic diary --since 1h --own --count 5 --timeout 60 >live &
SUB=$!
wait_for 'two subscriptions' has_subscriptions a diary 2
pub a four five
wait "$SUB" || fail 'sub ended badly'
printf 'one\ntwo\nthree\nfour\nfive\n' >want
expect_same live want

begin 'killed, and started again'
wait_for 'a to have written it all' has_stat a stored 5
kill -KILL "$A"
wait "$A" 2>/dev/null || :
stop_node "$B" # nobody else has it
start_node a --durable diary
[ "$(stat_of a kept)" = 5 ] || fail "$(stat_of a kept) of 5 messages came back"
past a 5 --since 1h --own >got
expect_same got want

begin 'a newcomer gets it from there, with the proof of an author who is gone'
start_node c --seed "$(cat a.addr)" --topic diary
tries=0 # what is younger than 10 s when c comes is found by the second session, up to 36 s later
until has_stat c kept 5; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail 'waited too long for c to have it all'
    sleep 0.1
done
past c 5 --since 1h >got
expect_same got want
[ "$(stat_of a signatures_made)" = 0 ] || fail 'a has signed something again'
stop_node "$NODE_PID"

begin 'a damaged file is named, left as it is, and can be moved away'
mkdir -m 700 d
echo 'no database' >d/messages.db
cp d/messages.db damaged
expect_exit 1 saorsa node --dir "$PWD/d" --listen 127.0.0.1:0 --durable diary
expect_text last.err "topic 'diary'"
expect_text last.err "$PWD/d/messages.db: it is damaged"
expect_text last.err 'when messages.db* is moved away, the node starts a new one'
expect_same d/messages.db damaged
mv d/messages.db away
start_node d --durable diary
stop_node "$NODE_PID"
