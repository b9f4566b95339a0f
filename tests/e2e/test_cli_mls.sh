#!/bin/sh
# saorsa mls: a group of three over files, from key package to removal, and what it says of errors.
# TIMEOUT: 300
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

mls() { # WHO ACTION [ARGUMENTS]
    who=$1
    shift
    saorsa mls "$@" --dir "$who"
}

epoch_of() {
    mls "$1" members --json >epoch.json
    json epoch.json 'o["epoch"]'
}

same_secret() { # WHO...: all derive the same
    mls "$1" export 'a label' --context x --length 40 >secret.first
    [ "$(wc -c <secret.first)" = 81 ] || fail 'not 40 bytes in hex'
    for who in "$@"; do
        mls "$who" export 'a label' --context x --length 40 >secret.other
        expect_same secret.first secret.other
    done
}

say() { # FROM TEXT TO...: all read it
    from=$1
    text=$2
    shift 2
    printf '%s' "$text" >plain
    mls "$from" protect plain --out message --aad 'in the clear'
    for to in "$@"; do
        expect_exit 0 mls "$to" unprotect message --out read
        expect_same plain read
    done
}

begin 'three clients'
for who in alice bob carol; do expect_exit 0 mls "$who" new "$who" --suite 3; done
expect_exit 1 mls alice new alice
expect_text last.err 'already'
[ "$(stat -c %a alice)" = 700 ] || fail "the folder has mode $(stat -c %a alice)"
find alice -type f ! -perm 600 | grep -q . && fail 'a file of the client is open to others'

begin 'nothing there yet: says what to do'
expect_exit 1 mls nobody members
expect_text last.err 'saorsa mls new'
expect_exit 1 mls alice members
expect_text last.err 'saorsa mls create'

begin 'a group of three'
expect_exit 0 mls bob package --out bob.kp
expect_exit 0 mls carol package --out carol.kp
expect_exit 0 mls alice create garden
expect_exit 1 mls alice create garden
expect_text last.err 'choose another'
expect_exit 2 mls alice commit --add bob.kp --add carol.kp --out commit
expect_text last.err '--welcome'
expect_exit 0 mls alice commit --add bob.kp --add carol.kp --out commit --welcome welcome
expect_exit 1 mls alice commit --out again
expect_text last.err 'saorsa mls accept'
expect_exit 0 mls alice accept
expect_exit 1 mls alice accept
expect_text last.err 'no commit is pending'
for i in 01 02 03 04 05; do printf 'half' >carol/package-$i.last; done # damaged: not in the way
for who in bob carol; do
    ls "$who" | grep -q 'package-' || fail 'no secret waits'
    expect_exit 0 mls "$who" join welcome
    rm -f "$who"/package-0*.last
    ls "$who" | grep -q 'package-' && fail 'the secret of the key package is still there'
done
expect_exit 1 mls bob join welcome
expect_text last.err 'another key package'
same_secret alice bob carol
expect_exit 0 mls bob members
expect_text last.out '3 members'
expect_text last.out 'this client'
expect_exit 0 mls bob groups
expect_text last.out 'garden'

begin 'encrypted data'
say alice 'hello, all' bob carol
say carol 'hello, Alice' bob alice
expect_exit 1 mls alice unprotect message
expect_text last.err 'already seen'
printf 'hi' | mls bob protect - --out message
expect_exit 1 mls bob unprotect message
expect_text last.err "one's own"
expect_exit 0 mls alice process message --json
is_json last.out
[ "$(json last.out 'o["data"]["text"]')" = hi ] || fail 'another text came out'

begin 'proposals, by two members, and a commit by the third'
expect_exit 0 mls bob update --out update
expect_exit 0 mls alice remove carol --out remove
for who in alice carol; do expect_exit 0 mls "$who" process update; done
for who in bob carol; do expect_exit 0 mls "$who" process remove; done
expect_exit 1 mls bob protect plain --out message
expect_text last.err 'saorsa mls commit'
expect_exit 0 mls bob process update
expect_text last.out "one's own"
expect_exit 0 mls alice commit --out commit
expect_exit 0 mls bob process commit
expect_text last.out 'removed leaf 2'
expect_exit 0 mls carol process commit
expect_text last.out 'no longer a member'
expect_exit 0 mls alice process commit
same_secret alice bob
expect_exit 1 mls carol process message
expect_exit 1 mls carol export label
expect_text last.err 'saorsa mls forget'
expect_exit 0 mls carol forget garden
expect_exit 1 mls carol members
say bob 'she is out' alice

begin 'a commit without what waits'
expect_exit 0 mls bob update --out update
expect_exit 0 mls alice process update
before=$(epoch_of alice)
expect_exit 0 mls alice commit --without-waiting --public --out commit
expect_exit 0 saorsa mls inspect commit
expect_text last.out 'proposals: 0'
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
[ "$(epoch_of bob)" = $((before + 1)) ] || fail 'no new epoch'
same_secret alice bob

begin 'pre-shared keys, of others and of an earlier epoch'
printf 'a secret of two' >psk
expect_exit 0 mls alice keep-psk 'the id' psk
[ "$(stat -c %a alice/psk-*)" = 600 ] || fail 'the pre-shared key is open to others'
expect_exit 0 mls alice psk 'the id' --out psk.proposal
expect_exit 0 saorsa mls inspect psk.proposal
expect_exit 0 mls bob process psk.proposal
expect_exit 0 mls alice commit --out commit
expect_exit 1 mls bob process commit
expect_text last.err 'keep-psk'
printf 'another secret' | mls bob keep-psk 'the id' -
expect_exit 1 mls bob process commit
expect_exit 0 mls bob keep-psk 'the id' psk
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
same_secret alice bob
before=$(epoch_of alice)
expect_exit 0 mls bob resume $((before - 1)) --out resume
expect_exit 0 mls alice process resume
expect_exit 0 mls alice commit --out commit
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
[ "$(epoch_of alice)" = $((before + 1)) ] || fail 'no new epoch'
same_secret alice bob
expect_exit 1 mls bob resume $((before + 9))
expect_text last.err 'not kept'
expect_exit 2 mls bob resume soon
expect_exit 1 mls bob psk 'no such id'
expect_text last.err 'keep-psk'
: >nothing
expect_exit 1 mls bob keep-psk 'the id' nothing
expect_text last.err '1 to 256 bytes'
expect_exit 2 mls bob keep-psk 'the id'

begin 'another name and key, told by an update'
expect_exit 0 mls bob renew robert --understands 0xf0a1
[ "$(stat -c %a bob/client)" = 600 ] || fail 'the client file is open to others'
head -1 bob/client | grep -q 'client 2' || fail 'earlier programs would misread the client file'
say bob 'by the earlier key' alice
expect_exit 0 mls bob update --renew --out update
expect_exit 0 mls alice process update
expect_exit 0 mls alice commit --out commit
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
expect_exit 0 mls alice members
expect_text last.out 'robert'
same_secret alice bob
say bob 'by the new one' alice
expect_exit 0 mls bob renew bob
expect_exit 0 mls bob commit --renew --out commit
expect_exit 0 mls alice process commit
expect_exit 0 mls bob accept
same_secret alice bob
say bob 'and by a third' alice

begin 'much in one commit'
printf 'our rules' >rules
before=$(epoch_of alice)
expect_exit 1 mls alice commit --extension 0xf0a1=rules --out commit
expect_text last.err '--understands'
expect_exit 1 mls alice commit --extension rules --out commit
expect_text last.err 'NUMBER=FILE'
expect_exit 1 mls alice commit --resume soon --out commit
expect_text last.err 'the number of an epoch'
expect_exit 2 mls alice commit --extension 0xf0a1=rules --no-extensions --out commit
expect_exit 2 mls alice renew alice --understands many
expect_exit 0 mls alice renew alice --keep-key --understands 0xf0a1
expect_exit 0 mls alice commit --renew --extension 0xf0a1=rules --app-data 7=rules --psk 'the id' \
    --resume $((before - 1)) --out commit
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
[ "$(epoch_of bob)" = $((before + 1)) ] || fail 'more than one commit'
same_secret alice bob
expect_exit 0 mls alice commit --no-extensions --out commit
expect_exit 0 mls bob process commit
expect_exit 0 mls alice accept
same_secret alice bob

begin 'a last resort, a tree that travels beside, and a commit of removals at once'
expect_exit 0 mls carol package --last-resort --days 3 --out carol.kp
expect_exit 0 mls bob commit --add carol.kp --tree-beside --out commit --welcome welcome
expect_exit 0 mls bob accept
expect_exit 0 mls alice process commit
expect_exit 1 mls carol join welcome
expect_text last.err '--tree'
expect_exit 0 mls bob tree --out tree
expect_exit 0 mls carol join welcome --tree tree
ls carol | grep -q 'package-1.last' || fail 'the last resort is gone'
same_secret alice bob carol
expect_exit 0 mls alice commit --remove carol --out commit
expect_exit 0 mls alice discard
expect_exit 0 mls alice commit --remove 2 --out commit
expect_exit 0 mls alice accept
expect_exit 0 mls bob process commit
same_secret alice bob
expect_exit 0 mls carol process commit
expect_exit 0 mls carol forget garden

begin 'a join from outside, and a leave'
expect_exit 0 mls bob info --out info
expect_exit 0 mls carol join-external info --out commit
for who in alice bob; do expect_exit 0 mls "$who" process commit; done
expect_exit 0 mls carol accept
same_secret alice bob carol
expect_exit 0 mls carol leave --out leave --public
for who in alice bob; do expect_exit 0 mls "$who" process leave; done
expect_exit 0 mls bob commit --out commit --public
expect_exit 0 mls alice process commit
expect_exit 0 mls bob accept
same_secret alice bob

begin 'back from outside, with the secret of an earlier epoch'
before=$(epoch_of bob)
expect_exit 0 mls alice info --out info
expect_exit 1 mls bob join-external info --resync --resume 99 --out commit
expect_exit 0 mls bob join-external info --resync --resume "$before" --psk 'the id' --out commit
expect_exit 0 mls alice process commit
expect_exit 0 mls bob accept
same_secret alice bob

begin 'any message in words'
for file in bob.kp welcome commit message info leave remove; do
    expect_exit 0 saorsa mls inspect "$file"
    expect_text last.out 'message: '
    expect_exit 0 saorsa mls inspect "$file" --json
    is_json last.out
    json last.out 'o["message"]' >>kinds
done
[ "$(sort -u kinds | wc -l)" = 5 ] || fail "not all kinds of messages: $(sort -u kinds)"
expect_exit 0 saorsa mls inspect leave
expect_text last.out 'proposal: self_remove'
expect_exit 0 saorsa mls inspect commit --json
[ "$(json last.out 'o["path"]')" = yes ] || fail 'no path'
expect_exit 0 saorsa mls suites
expect_text last.out '0xf60a  MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65'

begin 'damaged, misplaced and repeated messages change nothing'
before=$(epoch_of alice)
expect_exit 1 mls alice process commit
expect_text last.err 'in their order'
expect_exit 1 mls alice process welcome
expect_text last.err 'another kind'
expect_exit 1 mls alice unprotect commit
expect_text last.err 'saorsa mls process'
printf 'hi' | mls bob protect - --out message
size=$(stat -c %s message)
head -c $((size - 5)) message >cut
expect_exit 1 mls alice process cut
head -c $((size - 1)) message >flipped
printf '\377' >>flipped
cmp -s message flipped && fail 'nothing was flipped'
expect_exit 1 mls alice process flipped
expect_text last.err 'authentication failed'
: >empty
expect_exit 1 mls alice process empty
expect_text last.err 'no MLS message'
expect_exit 1 mls alice process nosuchfile
expect_text last.err 'nosuchfile'
expect_exit 0 mls alice process message
[ "$(epoch_of alice)" = "$before" ] || fail 'the epoch has changed'
same_secret alice bob

begin 'who and what is wrong'
expect_exit 1 mls alice remove nobody --out x
expect_text last.err 'saorsa mls members'
expect_exit 1 mls alice members --group meadow
expect_text last.err 'saorsa mls groups'
expect_exit 2 saorsa mls fly
expect_text last.err 'no action'
expect_exit 2 mls alice create
expect_text last.err 'usage: saorsa mls create GROUP'
expect_exit 2 mls dora new dora --suite x
expect_exit 1 mls dora new dora --suite 99
expect_text last.err 'saorsa mls suites'
expect_exit 1 mls alice protect plain --out no/such/folder
expect_text last.err 'no/such/folder'
expect_exit 0 mls alice create meadow
expect_exit 1 mls alice members
expect_text last.err '--group'
expect_exit 0 mls alice members --group meadow

begin 'the post-quantum default, and handshakes in the clear'
expect_exit 0 mls erin new erin
expect_exit 0 mls frank new frank --suite 0xf60a
expect_exit 0 mls frank package --out frank.kp
expect_exit 0 mls erin create old
expect_exit 0 mls erin commit --public --add frank.kp --out commit --welcome welcome
expect_exit 0 mls erin process commit
expect_exit 0 mls frank join welcome
same_secret erin frank
expect_exit 1 mls erin commit --add bob.kp --out commit --welcome welcome
expect_exit 0 mls erin commit --reinit young --out commit
expect_exit 0 mls frank process commit
expect_text last.out 'the group is closed'
begin 'a damaged client file stays as it is'
head -c 40 erin/client >cut
cp cut erin/client
expect_exit 1 mls erin members
expect_text last.err 'damaged'
expect_same cut erin/client
sed '1s/2$/3/' frank/client >newer
cp newer frank/client
expect_exit 1 mls frank members
expect_text last.err 'a newer saorsa'
expect_same newer frank/client
exit 0
