#!/bin/sh
# usage: in-temp-dir.sh SCRIPT [ARGS]: runs it in a fresh temporary folder, which is also its
# SAORSA_TMP, TMPDIR and HOME, and removes the folder afterwards.
set -eu
dir=$(mktemp -d "${TMPDIR:-/tmp}/saorsa-test.XXXXXX")
child=
# shellcheck disable=SC2317  # called by the trap
stop() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || :
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
cd "$dir"
export SAORSA_TMP="$dir" TMPDIR="$dir" HOME="$dir"
"$@" &
child=$!
code=0
wait "$child" || code=$?
child=
exit "$code"
