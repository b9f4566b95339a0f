#!/bin/sh
# saorsa id: identities are made once, never replaced, and never guessed at.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

snapshot() { (cd "$1" && find . -type f -exec cksum {} + | sort); }

begin 'a new identity, shown again'
expect_exit 0 saorsa id new --dir one
expect_one_line last.out
grep -Eq '^[a-z2-7]{52}$' last.out || fail 'no id of 52 characters'
cp last.out one.id
[ "$(stat -c %a one)" = 700 ] || fail "the folder has mode $(stat -c %a one)"
find one -type f ! -perm 600 | grep -q . && fail 'a file of the identity is open to others'
expect_exit 0 saorsa id show --dir one
expect_same last.out one.id
expect_exit 0 saorsa id show --dir one --json
is_json last.out
[ "$(json last.out 'o["id"]')" = "$(cat one.id)" ] || fail 'JSON shows another id'

begin 'the default folder, SAORSA_DIR'
expect_exit 0 saorsa id new
cp last.out default.id
[ -d "$XDG_DATA_HOME/saorsa" ] || fail 'not in the default folder'
expect_exit 0 env SAORSA_DIR="$XDG_DATA_HOME/saorsa" "$SAORSA_BIN" id show
expect_same last.out default.id

begin 'an existing identity is refused and left as it is'
snapshot one >before
expect_exit 1 saorsa id new --dir one
expect_one_line last.err
expect_text last.err 'already'
snapshot one >after
expect_same before after

begin 'no identity: says how to make one'
expect_exit 1 saorsa id show --dir nowhere
expect_text last.err "saorsa id new"
[ ! -e nowhere ] || [ -z "$(find nowhere -name '*.key')" ] || fail 'show made an identity'

begin 'a damaged identity is an error for every command, and stays as it is'
cp -a one damaged
key=$(find damaged -name 'identity*' -type f | head -n 1)
for length in 0 10; do
    head -c "$length" one/"${key#damaged/}" >cut.tmp
    cat cut.tmp >"$key"
    snapshot damaged >before
    expect_exit 1 saorsa id show --dir damaged
    expect_text last.err 'damaged'
    expect_exit 1 saorsa id new --dir damaged
    expect_exit 1 saorsa node --dir damaged --listen 127.0.0.1:0
    expect_text last.err 'damaged'
    snapshot damaged | grep "${key#damaged/}" >after
    grep "${key#damaged/}" before >before.key
    expect_same before.key after
done

begin 'a foreign file in its place'
printf 'this is a shopping list, not a key, and it is long enough to be one\n' >"$key"
expect_exit 1 saorsa id show --dir damaged
expect_exit 1 saorsa id new --dir damaged
expect_text "$key" 'shopping list'

begin 'an identity that may not be read, or that others may read'
cp -a one closed
for mode in 000 644 660; do
    # Root reads whatever it likes.
    [ "$mode" != 000 ] || [ "$(id -u)" != 0 ] || continue
    chmod "$mode" "closed/${key#damaged/}"
    expect_exit 1 saorsa id show --dir closed
    expect_text last.err 'permission'
    expect_exit 1 saorsa id new --dir closed
    expect_exit 1 saorsa node --dir closed --listen 127.0.0.1:0
done
chmod 600 "closed/${key#damaged/}"
expect_exit 0 saorsa id show --dir closed
expect_same last.out one.id

begin 'a passphrase seals it'
printf 'correct horse\n' >pass
printf 'wrong horse\n' >wrong
: >empty
expect_exit 0 saorsa id new --dir sealed --passphrase-file pass
cp last.out sealed.id
expect_exit 0 saorsa id show --dir sealed --passphrase-file pass
expect_same last.out sealed.id
expect_exit 1 saorsa id show --dir sealed --passphrase-file wrong
expect_text last.err 'passphrase'
expect_exit 1 saorsa id show --dir sealed
expect_text last.err '--passphrase-file'
expect_exit 1 saorsa id show --dir sealed --passphrase-file nosuchfile
expect_text last.err 'nosuchfile'
expect_exit 1 saorsa id new --dir other --passphrase-file empty
expect_text last.err 'no passphrase'
[ ! -e other ] || fail 'an identity in spite of an empty passphrase'
grep -rq 'correct horse' sealed && fail 'the passphrase is in the folder'

begin 'a folder that cannot be made'
: >file
expect_exit 1 saorsa id new --dir file/below
expect_one_line last.err

begin 'a full disk'
mkdir full
if mount -t tmpfs -o size=64k,mode=700 tmpfs full 2>/dev/null; then
    mkdir full/state
    # Fill what is left, down to the last byte.
    dd if=/dev/zero of=full/rest bs=4096 2>/dev/null || :
    got=0
    saorsa id new --dir full/state >last.out 2>last.err || got=$?
    find full/state -type f -size +0 >found
    umount full
    [ "$got" = 1 ] || fail "exit code $got on a full disk"
    expect_text last.err 'no space'
    grep -q 'identity' found && fail 'a part of an identity was left on a full disk'
else
    echo '  SKIPPED, LOUDLY: only root can mount a small tmpfs; the full disk was not tested' >&2
fi
exit 0
