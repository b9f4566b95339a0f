#!/bin/sh
# The same seed gives the same trace hash, whatever compiled it: builds the simulator and the pure
# set with every compiler at hand at -O0 and -O2 and with AddressSanitizer, in a temporary folder,
# and compares what they print. Exit 77 when there is only one compiler.
#
# usage: tests/sim/determinism.sh [COMPILER...]      (default: gcc clang)
set -eu
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || set -- gcc clang
jobs=${SG_JOBS:-$(nproc 2>/dev/null || echo 2)}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

cmake -DIN="$PWD/scenarios" -DOUT="$dir/scenario_data.c" -P cmake/SgEmbed.cmake
SOURCES="$(ls sim/*.c src/base/*.c src/wire/*.c src/node/*.c src/hyparview/*.c src/plumtree/*.c \
    src/swim/*.c src/reconcile/*.c src/crdt/*.c)
src/crypto/ids.c tests/sim/hash_main.c $dir/scenario_data.c"

build() { # COMPILER NAME FLAGS...
    cc=$1
    out=$dir/$2
    shift 2
    mkdir "$out.o"
    for source in $SOURCES; do
        printf '%s %s\n' "$source" "$out.o/$(echo "$source" | tr / _).o"
    done | xargs -P "$jobs" -L 1 sh -c \
        'cc=$1; flags=$2; exec $cc -std=c17 $flags -Isrc -Iinclude -Isim -c "$3" -o "$4"' \
        sh "$cc" "$*"
    "$cc" "$@" "$out.o"/*.o -o "$out" -lm
}

found=0
first=
for cc in "$@"; do
    command -v "$cc" >/dev/null 2>&1 || { echo "no $cc here, skipped"; continue; }
    found=$((found + 1))
    for flags in "-O0" "-O2" "-O1 -fsanitize=address,undefined"; do
        # One build with sanitizers is enough: they are slow.
        case $flags in *sanitize*) [ "$found" = 1 ] || continue ;; esac
        name=$(echo "$cc $flags" | tr -c 'A-Za-z0-9\n' _)
        # shellcheck disable=SC2086
        build "$cc" "$name" $flags
        "$dir/$name" >"$dir/$name.txt"
        if [ -z "$first" ]; then
            first=$name
            cat "$dir/$first.txt"
        fi
        if ! diff "$dir/$first.txt" "$dir/$name.txt" >&2; then
            echo "DIFFERENT: $cc $flags" >&2
            exit 1
        fi
        echo "equal: $cc $flags"
    done
done
if [ "$found" -lt 2 ]; then
    echo "SKIPPED: only $found compiler, nothing to compare with"
    exit 77
fi
