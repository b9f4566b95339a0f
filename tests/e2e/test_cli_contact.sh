#!/bin/sh
# saorsa contact, saorsa meta, and what saorsa node takes for both.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

contact() { saorsa contact "$@" --dir "$PWD/a"; }
contacts() { # how many there are
    saorsa contact list --json --dir "$PWD/a" >contacts.json 2>/dev/null
    json contacts.json 'len(o["contacts"])'
}
has_contacts() { [ "$(contacts)" = "$1" ]; }

python3 - >ids <<'PY'
import base64
for i in range(40):
    # The first three begin alike.
    raw = (b"same beginning" if i < 3 else b"%02d" % i).ljust(31, b"\x01") + bytes([i])
    print(base64.b32encode(raw).decode().lower().rstrip("="))
PY
id_at() { sed -n "$1p" ids; }
ID=$(id_at 10)

start_node a
A=$NODE_PID

begin 'add, list, rm'
expect_exit 0 contact list
expect_text last.out 'no contacts yet'
expect_exit 0 contact list --json
[ "$(json last.out 'o')" = "{'contacts': []}" ] || fail 'contacts of an empty list'
expect_exit 0 contact add "$ID"
[ ! -s last.out ] || fail 'add has something to say'
expect_exit 0 contact list
expect_text last.out "$ID"
expect_text last.out 'NEIGHBOUR'
expect_exit 0 contact add "$ID@192.0.2.7:7000" --json
[ "$(json last.out 'o')" = "{'ok': True}" ] || fail 'no answer in JSON'
expect_exit 0 contact list
expect_text last.out '192.0.2.7:7000'
has_contacts 1 || fail 'adding again makes two of one'
expect_exit 0 contact add "$(id_at 11)@[2001:db8::1]:7000"
expect_exit 0 contact list --json
[ "$(json last.out '[c["address"] for c in o["contacts"] if c["id"] == "'"$(id_at 11)"'"]')" = \
    "['[2001:db8::1]:7000']" ] || fail 'another address'

begin 'an id may be cut when it stays unique'
expect_exit 1 contact rm "$(id_at 12)"
expect_text last.err 'is no contact'
expect_exit 1 contact rm zzzzzz
expect_text last.err 'no member or contact begins with zzzzzz'
expect_exit 0 contact rm "$(printf %.8s "$ID" | tr '[:lower:]' '[:upper:]')"
has_contacts 1 || fail 'it is still there'
for i in 1 2 3; do expect_exit 0 contact add "$(id_at "$i")"; done
expect_exit 1 contact rm "$(id_at 1 | cut -c 1-6)"
expect_one_line last.err
expect_text last.err 'is ambiguous'
expect_text last.err "$(id_at 1 | cut -c 1-51)"
has_contacts 4 || fail 'an ambiguous id removed something'

begin 'what is no contact'
for bad in '' x abcde "${ID}a" abc-ef "$ID@" "$ID@192.0.2.7" "@192.0.2.7:7000" \
    "$(printf '%0200d' 0)" "$ID@192.0.2.7:7000:$(printf '%0100d' 0)"; do
    expect_exit 2 contact add "$bad"
    expect_one_line last.err
    expect_exit 2 contact rm "$bad"
    expect_one_line last.err
done
for bad in "$ID@192.0.2.7:0" "$ID@192.0.2.7:99999" "$ID@example.org:7000" "$ID@192.0.2:7000"; do
    expect_exit 1 contact add "$bad"
    expect_one_line last.err
    expect_text last.err 'ID@ADDRESS:PORT, with an IP address'
done
for own in "$(cat a.id)" "$(cut -c 1-9 a.id)" "$(cat a.id)@127.0.0.1:7000"; do
    expect_exit 1 contact add "$own"
    expect_text last.err 'this node itself'
done
expect_exit 2 contact
expect_exit 2 contact fly
expect_text last.err "neither 'add' nor 'list' nor 'rm'"
expect_exit 2 contact add
expect_text last.err 'which contact?'
expect_exit 2 contact list x
expect_exit 2 contact add "$ID" x
has_contacts 4 || fail 'a refused contact is there all the same'

begin 'a seed with a cut id'
expect_exit 1 saorsa join "zzzzzz@127.0.0.1:7000" --dir "$PWD/a"
expect_text last.err 'no member or contact begins with zzzzzz'
expect_exit 1 saorsa join "$(id_at 1 | cut -c 1-6)@127.0.0.1:7000" --dir "$PWD/a"
expect_text last.err 'is ambiguous'

begin 'at most 32'
for i in $(seq 4 31); do expect_exit 0 contact add "$(id_at "$i")"; done
has_contacts 31 || fail "$(contacts) contacts"
expect_exit 0 contact add "$(id_at 32)"
expect_exit 1 contact add "$(id_at 33)"
expect_one_line last.err
expect_text last.err '32 contacts already'
expect_exit 0 contact add "$(id_at 5)@192.0.2.9:9"

begin 'contacts survive a restart'
contact list | sort >before
stop_node "$A"
expect_exit 3 contact list
start_node a
A=$NODE_PID
contact list | sort >after
expect_same before after
expect_text after '192.0.2.9:9'
expect_exit 0 contact rm "$(id_at 5)"
kill -KILL "$A"
wait "$A" 2>/dev/null || :
start_node a
A=$NODE_PID
has_contacts 31 || fail "a removed contact came back: $(contacts)"

begin 'saorsa node --contact'
start_node b --contact "$(cat a.id)@$(cat a.addr)" --contact-slots 1
B=$NODE_PID
expect_exit 0 saorsa contact list --dir "$PWD/b"
expect_text last.out "$(cat a.id)"
is_linked() { saorsa peers --dir "$PWD/$1" --json | grep -q "$(cat "$2.id")"; }
wait_for 'b to link to its contact, without any seed' is_linked b a
stop_node "$B"
for bad in non-sense abcde "$ID@nowhere" "$ID@192.0.2.7:0"; do
    expect_exit 2 saorsa node --dir "$PWD/b" --listen 127.0.0.1:0 --contact "$bad"
    expect_one_line last.err
    expect_text last.err '--contact'
done
expect_exit 1 saorsa node --dir "$PWD/b" --listen 127.0.0.1:0 --contact zzzzzz
expect_text last.err 'no member or contact begins with zzzzzz'
expect_exit 2 saorsa node --dir "$PWD/b" --listen 127.0.0.1:0 --contact "$(cat b.id)"
expect_text last.err 'this node itself'
expect_exit 2 saorsa node --dir "$PWD/b" --listen 127.0.0.1:0 --contact-slots 9
expect_exit 2 saorsa node --dir "$PWD/b" --listen 127.0.0.1:0 --members-max 5
expect_text last.err '--members-max must be between'

begin 'metadata'
status_meta() { saorsa status --json --dir "$PWD/a" >status.json && json status.json 'o["meta"]'; }
[ "$(status_meta)" = "{'text': ''}" ] || fail 'metadata out of nothing'
expect_exit 0 saorsa meta set 'role=printer' --dir "$PWD/a"
[ "$(status_meta)" = "{'text': 'role=printer'}" ] || fail 'other metadata'
expect_exit 0 saorsa status --dir "$PWD/a"
expect_text last.out 'role=printer'
expect_text last.out 'members'
expect_text last.out 'health'
printf '\377\0' >card
expect_exit 0 saorsa meta set @card --dir "$PWD/a" --json
[ "$(status_meta)" = "{'base64': '/wA='}" ] || fail 'bytes of a file'
echo hi | saorsa meta set @- --dir "$PWD/a" || fail 'stdin was refused'
[ "$(status_meta)" = "{'text': 'hi\\n'}" ] || fail 'metadata of stdin'
head -c 513 /dev/zero >large
expect_exit 2 saorsa meta set @large --dir "$PWD/a"
expect_text last.err 'at most 512 bytes'
expect_exit 2 saorsa meta set "$(printf '%0513d' 0)" --dir "$PWD/a"
expect_exit 0 saorsa meta set "$(printf '%0512d' 0)" --dir "$PWD/a"
expect_exit 1 saorsa meta set @nosuchfile --dir "$PWD/a"
expect_text last.err 'nosuchfile'
expect_exit 2 saorsa meta --dir "$PWD/a"
expect_exit 2 saorsa meta get x --dir "$PWD/a"
expect_exit 0 saorsa meta set '' --dir "$PWD/a"
[ "$(status_meta)" = "{'text': ''}" ] || fail 'metadata that was taken back'
stop_node "$A"
expect_exit 2 saorsa node --dir "$PWD/a" --listen 127.0.0.1:0 --meta @large
expect_exit 1 saorsa node --dir "$PWD/a" --listen 127.0.0.1:0 --meta @nosuchfile
start_node a --meta 'from the start'
[ "$(status_meta)" = "{'text': 'from the start'}" ] || fail 'no metadata at the start'
stop_node "$NODE_PID"
