#!/bin/sh
# saorsa doc: copies that merge, through files and through two real nodes.
set -eu
here=$(dirname "$0")
# shellcheck source=/dev/null
. "$here/cli_lib.sh"

doc() { verb=$1; shift; saorsa doc "$verb" "$@"; }
as() { who=$1; verb=$2; shift 2; saorsa doc "$verb" --dir "$PWD/$who" "$@"; }

begin 'an identity is needed'
expect_exit 1 as alice create list.doc
expect_one_line last.err
expect_text last.err "saorsa id new"
for who in alice bob; do saorsa id new --dir "$PWD/$who" >"$who.txt"; done

begin 'make and fill'
expect_exit 0 as alice create list.doc
grep -Eqx '[a-z2-7]{52}' last.out || fail 'no id'
expect_exit 1 as alice create list.doc
expect_text last.err 'already'
expect_exit 0 as alice add list.doc shopping milk
expect_exit 0 as alice add list.doc shopping eggs
expect_exit 0 as alice set list.doc about/title 'Our list'
expect_exit 0 as alice add list.doc about/people 2 --kind counter
expect_exit 0 as alice text list.doc note 'hello world'
expect_exit 0 as alice text list.doc note ' dear' --at 5
expect_exit 0 as alice get list.doc --json
[ "$(json last.out 'o["value"]')" = "{'about': {'people': 2, 'title': 'Our list'}, 'note': \
'hello dear world', 'shopping': ['eggs', 'milk']}" ] || fail 'another document'
expect_exit 0 as alice get list.doc note
[ "$(cat last.out)" = 'hello dear world' ] || fail 'another text'
expect_exit 1 as alice get list.doc nothing
expect_text last.err "nothing is at 'nothing'"

begin 'what is no file of a document'
mkdir folder
for verb in get create export log compact; do
    expect_exit 1 as alice "$verb" folder
    expect_one_line last.err
    expect_text last.err 'folder: it is a folder: name a file'
done
expect_exit 1 as alice sync list.doc folder
expect_text last.err 'folder: it is a folder: name a file'
expect_exit 1 as alice import list.doc folder
expect_text last.err 'cannot read folder: it is a folder: name a file'
expect_exit 1 as alice export list.doc folder
expect_text last.err 'cannot write folder: it is a folder: name a file'
expect_exit 1 as alice import list.doc absent
expect_text last.err 'cannot read absent: there is no such file: check its name'
expect_exit 1 as alice export list.doc absent/out
expect_text last.err 'its folder is not there: make that first'
expect_exit 1 as alice import list.doc /dev/zero
expect_text last.err 'it is a device'
expect_exit 1 as alice get /dev/zero
expect_text last.err 'it is a device'
expect_exit 1 as alice get list.doc/x
expect_text last.err 'a part of its path is no folder'

begin 'a copy, edits on both sides, sync'
expect_exit 0 as alice export list.doc list.sgd
expect_exit 0 as bob import copy.doc list.sgd
as bob get copy.doc >bob.out
as alice get list.doc >alice.out
expect_same alice.out bob.out
expect_exit 0 as alice rm list.doc shopping milk
expect_exit 0 as alice text list.doc note --at 0 --delete 6
expect_exit 0 as bob add copy.doc shopping bread
expect_exit 0 as bob text copy.doc note '!'
expect_exit 0 as bob add copy.doc about/people 1 --kind counter
expect_exit 0 as alice sync list.doc copy.doc
expect_text last.out '3 new'
expect_exit 0 as alice sync list.doc copy.doc
expect_text last.out '0 new, 0 known, 0 waiting, 0 refused'
as bob get copy.doc --json >bob.out
as alice get list.doc --json >alice.out
expect_same alice.out bob.out
[ "$(json bob.out 'o["value"]["note"], o["value"]["shopping"], o["value"]["about"]["people"]')" = \
    "('dear world!', ['bread', 'eggs'], 3)" ] || fail 'another merge'

begin 'who wrote what'
expect_exit 0 as alice log list.doc
[ "$(grep -c signed last.out)" -ge 8 ] || fail 'nothing is signed'
expect_exit 0 as alice log list.doc --json
[ "$(json last.out 'o["seq"]')" = 0 ] || fail 'no first batch'

begin 'two terminals over two nodes'
start_node alice
A=$NODE_PID
start_node bob --seed "$(cat alice.addr)"
B=$NODE_PID
have_met() { saorsa peers --dir "$PWD/bob" --json | grep -q "$(cat alice.id)"; }
wait_for 'the nodes to meet' have_met
saorsa sub --dir "$PWD/bob" --topic list --raw --count 1 >got.sgd 2>sub.err &
SUB=$!
PIDS="$PIDS $SUB"
wait_for 'bob to listen' has_subscriptions bob list 1
expect_exit 0 as alice add list.doc shopping tea # while the node has the identity
as alice export list.doc | saorsa pub --dir "$PWD/alice" --topic list --whole
wait "$SUB" || fail 'nothing came'
expect_exit 0 as bob import copy.doc got.sgd
expect_text last.out '1 new'
expect_exit 0 as bob get copy.doc shopping --json
[ "$(json last.out 'o["value"]')" = "['bread', 'eggs', 'tea']" ] || fail 'no tea'
expect_exit 1 as alice compact list.doc
expect_one_line last.err
stop_node "$B"
stop_node "$A"

begin 'compact: history goes, the state stays, nothing is dropped silently'
expect_exit 0 as bob text copy.doc note ' (bob)'
expect_exit 0 as alice add list.doc shopping salt # which bob has not seen
expect_exit 0 as alice compact list.doc
expect_exit 0 as alice log list.doc
[ ! -s last.out ] || fail 'history is still there'
expect_exit 0 as alice add list.doc shopping rice
as alice export list.doc floor.sgd
expect_exit 1 as bob import copy.doc floor.sgd # whoever signed it
expect_text last.err '--trust'
expect_exit 1 as bob import new.doc floor.sgd
expect_text last.err '--trust'
expect_exit 0 saorsa id show --dir "$PWD/alice"
ALICE=$(grep -oE '[a-z2-7]{52}' last.out | head -n 1)
expect_exit 0 as bob import copy.doc floor.sgd --trust "$ALICE"
expect_text last.err 'copy.doc.unsynced'
[ -s copy.doc.unsynced ] || fail 'the lost change is nowhere'
as bob get copy.doc >bob.out
as alice get list.doc >alice.out
expect_same alice.out bob.out
expect_text bob.out rice

begin 'what went wrong elsewhere is told'
expect_exit 0 as alice create fork.doc
expect_exit 0 as alice add fork.doc list one
cp fork.doc twin.doc
expect_exit 0 as alice add fork.doc list two
expect_exit 0 as alice add twin.doc list three
expect_exit 0 as alice sync fork.doc twin.doc
expect_text last.err 'two different changes with one number'
expect_exit 0 as alice export fork.doc forged.sgd --plain
python3 - <<'END'
b = bytearray(open("forged.sgd", "rb").read())
b[-1] ^= 1  # of the last checkpoint
open("forged.sgd", "wb").write(b)
open("torn.sgd", "wb").write(b[: len(b) // 2])
END
expect_exit 1 as alice import fork.doc forged.sgd
expect_text last.err 'signature'
expect_exit 1 as bob import made.doc forged.sgd
expect_text last.err 'signature'
expect_exit 0 as bob get made.doc
expect_exit 1 as bob import torn.doc torn.sgd
expect_one_line last.err
expect_text last.err 'torn.sgd'
[ ! -e torn.doc ] || fail 'half a document was made'
expect_exit 0 as alice get fork.doc

begin 'what is refused'
echo 'dear diary' >diary
expect_exit 1 as alice get diary
expect_one_line last.err
expect_text last.err 'left as it is'
[ "$(cat diary)" = 'dear diary' ] || fail 'the diary was changed'
expect_exit 1 as alice get nowhere
expect_exit 1 as alice import list.doc diary
expect_one_line last.err
expect_exit 1 as alice import list.doc nosuchfile
expect_exit 0 as bob create other.doc
as bob export other.doc other.sgd
expect_exit 1 as alice import list.doc other.sgd
expect_text last.err 'another document'
expect_exit 1 as alice text list.doc note x --at 999
expect_exit 1 as alice rm list.doc shopping nothing
expect_exit 1 as alice text list.doc note "$(printf '\377')"
expect_text last.err 'UTF-8'
expect_exit 1 as alice set list.doc "$(printf 'k\377')" v
expect_text last.err 'a path is'
expect_exit 1 as alice set list.doc big "$(head -c 70000 /dev/zero | tr '\0' x)"
expect_text last.err '64 KiB'
expect_exit 2 as alice nope
expect_text last.err "'nope' is none of"
expect_exit 2 as alice fly list.doc
expect_exit 2 as alice set list.doc x
expect_exit 2 as alice set list.doc x 1 --kind counter
head -c 5000 list.doc >cut.doc
expect_exit 1 as alice get cut.doc
expect_one_line last.err
