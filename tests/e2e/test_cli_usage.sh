#!/bin/sh
# What the executable says about itself, and what it says about a wrong command line.
# shellcheck source=tests/e2e/cli_lib.sh
. "$(dirname "$0")/cli_lib.sh"

begin 'help lists every command, and each command explains itself'
expect_exit 0 saorsa help
expect_text last.out 'exit codes'
for command in id node pub sub peers members status join contact meta force-leave leave stop demo \
    sim doc mls help version; do
    expect_exit 0 saorsa help
    expect_text last.out "  $command "
    expect_exit 0 saorsa "$command" --help
    expect_text last.out "usage: saorsa $command"
    expect_text last.out 'example:'
    [ ! -s last.err ] || fail "$command --help writes to stderr"
    cp last.out direct.txt
    expect_exit 0 saorsa help "$command"
    expect_same last.out direct.txt
done
for word in --help -h; do
    expect_exit 0 saorsa "$word"
    expect_text last.out 'usage: saorsa COMMAND'
done

begin 'version'
expect_exit 0 saorsa version
grep -Eq '^saorsa [0-9]+[.][0-9]+[.][0-9]+' last.out || fail 'no version'
expect_exit 0 saorsa version --json
is_json last.out
expect_exit 0 saorsa --version

begin 'no command, an unknown command, a near miss'
expect_exit 2 saorsa
expect_text last.err 'usage: saorsa COMMAND'
expect_exit 2 saorsa fly
expect_one_line last.err
expect_text last.err "unknown command 'fly'"
expect_exit 2 saorsa stauts
expect_text last.err "did you mean 'status'"
expect_exit 2 saorsa help fly
expect_one_line last.err

begin 'wrong options are one line with a hint, exit code 2'
usage() { # TEXT COMMAND...
    text=$1
    shift
    expect_exit 2 saorsa "$@"
    expect_one_line last.err
    expect_text last.err "$text"
    expect_text last.err "see 'saorsa $1 --help'"
    [ ! -s last.out ] || fail "a usage error writes to stdout: $*"
}
usage 'unknown option --tpic, did you mean --topic?' pub --tpic x
usage 'unknown option --zzzzzz' node --zzzzzz
usage 'options begin with --' node -v
usage '--topic wants a value' pub --topic
usage "--topic wants a value, not '--dir'" pub --topic --dir a
usage '--topic NAME is needed' pub hello
usage '--topic NAME is needed' sub
usage '--json takes no value' peers --json=1
usage "unexpected argument 'x'" status x
usage 'an argument is missing' id
usage 'an argument is missing' doc get
usage "'nope' is none of create|get|set" doc nope
usage "'nope' is none of create|get|set" doc nope a b c d
usage "'nope' is no verb of doc" doc nope a
usage "'old' is neither 'new' nor 'show'" id old
usage '--nodes must be between 2 and 200' demo --nodes 1
usage '--nodes wants a whole number' demo --nodes ten
usage '--nodes wants a whole number' demo --nodes -3
usage '--kill must leave at least two nodes' demo --nodes 4 --kill 3
usage '--loss wants a share' sim --loss 2
usage '--rate wants a number' sim --rate fast
usage '--count wants a whole number' sub --topic t --count=
usage '--contact-slots must be between 0 and 8' node --contact-slots 9
usage '--members-max must be between 16 and 4096' node --members-max 1
usage "unexpected argument 'x'" members x
usage "unexpected argument 'x'" leave x
usage 'an argument is missing' force-leave
usage "'abc' is no id" force-leave abc
usage "neither 'add' nor 'list' nor 'rm'" contact old
usage 'which contact?' contact rm
usage "is no ID or ID@ADDRESS:PORT" contact add abc
usage "'get' is not 'set'" meta get x
usage '--whole reads stdin' pub --topic t --whole text
usage '--raw and --json exclude each other' sub --topic t --raw --json

begin 'output that cannot be written is an error, a reader that went away is none'
if [ -e /dev/full ]; then
    got=0
    "$SAORSA_BIN" help >/dev/full 2>last.err || got=$?
    [ "$got" = 1 ] || fail "exit code $got for a full device"
    expect_text last.err 'cannot write to stdout'
    got=0
    "$SAORSA_BIN" version --json >/dev/full 2>last.err || got=$?
    [ "$got" = 1 ] || fail "exit code $got for an object on a full device"
    expect_text last.err 'cannot write to stdout'
fi
got=0
"$SAORSA_BIN" version --json >&- 2>last.err || got=$?
[ "$got" = 1 ] || fail "exit code $got for a closed stdout"
expect_text last.err 'cannot write to stdout'
# left: the exit code of a command whose reader is gone before it writes
left() {
    rm -f reader
    mkfifo reader
    { : <reader; } &
    exec 7>reader
    wait $!
    got=0
    saorsa "$@" >&7 2>last.err || got=$?
    exec 7>&-
    [ "$got" = 0 ] || fail "exit code $got without a reader: $*"
    [ ! -s last.err ] || fail "a reader that went away is complained about: $*"
}
left version --json
left help
left sim --list
left sim --nodes 3 --messages 1 --json
"$SAORSA_BIN" demo --help | head -n 1 >last.out 2>last.err
expect_one_line last.out
