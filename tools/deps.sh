#!/bin/sh
# OpenSSL 3.5 LTS and ngtcp2 (with its ossl backend): from the system when they are new enough,
# otherwise built once from Debian's source packages into a per-user cache. There also ML-DSA of
# AWS-LC, where its source can be had: OpenSSL's takes three to five times as long.
#
#   tools/deps.sh path    prints "system" or the prefix; exit 1 when nothing is there yet (fast)
#   tools/deps.sh build   makes sure that they are there, then prints the same
#   tools/deps.sh fresh   as build, but builds again even when the cache has them
#
# The prefix is relocatable, holds static libraries only, and its file VERSIONS says what is inside.
set -eu

# ---- the recipe: whatever changes in this block changes the key and so causes a new build ------
RECIPE=2
SUITES='trixie trixie-backports forky sid'
OPENSSL_VERSIONS='^3\.5\.'
NGTCP2_VERSIONS='^1\.(2[4-9]|[3-9][0-9])\.'
AWS_LC_VERSIONS='^0\.(4[2-9]|[5-9][0-9])\.'
# Where no valid index offers such a version (the index of a testing suite expires when its mirror
# is not refreshed, and apt is right to refuse it): these very files. PACKAGE VERSION FILE SHA256.
PINNED='
openssl 3.5.7-1~deb13u2 openssl_3.5.7-1~deb13u2.dsc
    25904642004d30c5c3da4642a72a7d09f8d9eb6e5ce62dab53c0371114faf8f2
openssl 3.5.7-1~deb13u2 openssl_3.5.7.orig.tar.gz
    a8c0d28a529ca480f9f36cf5792e2cd21984552a3c8e4aa11a24aa31aeac98e8
openssl 3.5.7-1~deb13u2 openssl_3.5.7.orig.tar.gz.asc
    d3d082bee3f658c31db53af625eceecf29d777c7010394bed5787ebcc98abdf2
openssl 3.5.7-1~deb13u2 openssl_3.5.7-1~deb13u2.debian.tar.xz
    593a47654ead460a3b609503733f80bef552ff0802799d3b47784faacc50809f
ngtcp2 1.24.0-1 ngtcp2_1.24.0-1.dsc
    c56d5e581d72e38173b9be02d69bca295653dbd24d24020534ce8790e04aa50c
ngtcp2 1.24.0-1 ngtcp2_1.24.0.orig.tar.xz
    7fa5ec2be0f0cbed8bc4ec89c0787dfa9d8ce678f1ed9477c52f30eb1a591207
ngtcp2 1.24.0-1 ngtcp2_1.24.0.orig.tar.xz.asc
    b9a8a3812723380e6fe45f79998d6ababdd399702191be09bc80c641cc37d466
ngtcp2 1.24.0-1 ngtcp2_1.24.0-1.debian.tar.xz
    3cb0672f931ac47d2f043250fcba4656d6ef9a4a926042426356acb489888062
rust-aws-lc-sys 0.42.0+dfsg-1 rust-aws-lc-sys_0.42.0+dfsg-1.dsc
    6cb6cfd152c64e7f08da995d9ead62e93db9a6d5eb401debf230243dff2b4c57
rust-aws-lc-sys 0.42.0+dfsg-1 rust-aws-lc-sys_0.42.0+dfsg.orig.tar.gz
    620e70a494cb11290e5a9665a739d97bef57971faf902da969a2b636cdd4bf1c
rust-aws-lc-sys 0.42.0+dfsg-1 rust-aws-lc-sys_0.42.0+dfsg-1.debian.tar.xz
    afd0992230f0de1e7da4b6821166f93b8d94815b8f8aa8875d953399802fac8b
'
# A key without certificate, which is how every node of ours presents itself, makes an OpenSSL
# without this fix crash on a peer's signature_algorithms_cert. Debian has it before upstream.
OPENSSL_FIX='CVE-2026-14457'
# Never no-quic: that compiles SSL_set_quic_tls_cbs out. no-autoload-config: a system openssl.cnf
# written for another version must not change what a node accepts.
OPENSSL_FLAGS='no-shared no-module no-docs no-tests no-apps no-legacy no-engine no-dso no-deprecated
    no-autoload-config no-dtls no-ssl3 no-tls1 no-tls1_1 no-tls1_2 no-sctp no-srtp no-srp no-comp
    no-nextprotoneg no-cmp no-cms no-ct no-ocsp no-ts no-http no-rfc3779 no-ssl-trace no-ui-console
    no-aria no-bf no-camellia no-cast no-des no-dh no-dsa no-ec2m no-gost no-idea no-md4 no-mdc2
    no-rc2 no-rc4 no-rmd160 no-seed no-siphash no-siv no-sm2 no-sm3 no-sm4 no-whirlpool no-slh-dsa
    no-afalgeng no-uplink'
NGTCP2_FLAGS='-DCMAKE_BUILD_TYPE=Release -DENABLE_LIB_ONLY=ON -DENABLE_OPENSSL=ON
    -DENABLE_SHARED_LIB=OFF -DENABLE_STATIC_LIB=ON -DBUILD_TESTING=OFF
    -DCMAKE_POSITION_INDEPENDENT_CODE=ON'
AWS_LC_FLAGS='-DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF -DBUILD_TOOL=OFF -DBUILD_LIBSSL=OFF
    -DBUILD_SHARED_LIBS=OFF -DDISABLE_GO=ON -DDISABLE_PERL=ON -DCMAKE_POSITION_INDEPENDENT_CODE=ON'
# All that is taken of it. Its other names are OpenSSL's as well, so they become local.
AWS_LC_FUNCTIONS='ml_dsa_44_sign_internal ml_dsa_44_verify ml_dsa_65_sign_internal
    ml_dsa_65_verify'
# ------------------------------------------------------------------------------------------------
STAGED=usr/local # where both install inside the staging folder
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

CACHE=${XDG_CACHE_HOME:-${HOME:?HOME or XDG_CACHE_HOME must be set}/.cache}/saorsa-gossip/deps
ARCH=$(dpkg --print-architecture 2>/dev/null || uname -m)
KEY=$(printf '%s\n' "$RECIPE" "$SUITES" "$OPENSSL_VERSIONS" "$NGTCP2_VERSIONS" "$PINNED" \
    "$OPENSSL_FIX" "$OPENSSL_FLAGS" "$NGTCP2_FLAGS" "$AWS_LC_VERSIONS" "$AWS_LC_FLAGS" \
    "$AWS_LC_FUNCTIONS" "$ARCH" | sha256sum | cut -c1-16)
PREFIX=$CACHE/$KEY
LOG=$CACHE/build-$KEY.log
TAIL_LINES=25

say() { printf '%s\n' "$*" >&2; }
die() { say "deps: $*"; exit 1; }

# ---- is the system good enough? ----------------------------------------------------------------
openssl_has_fix() { # VERSION: of the installed OpenSSL, as pkg-config says it
    case $1 in
    [0-3].* | 4.0.[01]) ;;
    *) return 0 ;;
    esac
    changelog=/usr/share/doc/libssl-dev/changelog.Debian.gz
    if [ -r "$changelog" ] && gzip -dc "$changelog" | grep -q "$OPENSSL_FIX"; then
        return 0
    fi
    # Images without documentation: on Debian itself the package version tells as well.
    grep -qx 'ID=debian' /etc/os-release 2>/dev/null || return 1
    version=$(dpkg-query -W -f '${Version}' libssl-dev 2>/dev/null) || return 1
    dpkg --compare-versions "$version" ge '3.5.7-1~deb13u2' &&
        dpkg --compare-versions "$version" lt '3.6'
}

system_is_enough() {
    command -v pkg-config >/dev/null 2>&1 || return 1
    pkg-config --atleast-version=3.5 libssl libcrypto 2>/dev/null || return 1
    pkg-config --atleast-version=1.24 libngtcp2 libngtcp2_crypto_ossl 2>/dev/null || return 1
    openssl_has_fix "$(pkg-config --modversion libssl)"
}

find_ready() {
    if system_is_enough; then
        echo system
    elif [ -f "$PREFIX/VERSIONS" ]; then
        echo "$PREFIX"
    else
        return 1
    fi
}

# ---- the steps; each runs in a process group of its own with its output in the log -------------
# The tool with a private root: the suites needed here never reach the system's own apt sources.
papt() {
    tool=$1
    shift
    "$tool" -o Dir::Etc::SourceList="$W/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State::Lists="$W/apt/lists" -o Dir::Cache="$W/apt/cache" \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

step_lists() {
    mkdir -p "$W/apt/lists/partial" "$W/apt/cache/archives/partial" "$W/src"
    # shellcheck disable=SC2016  # apt expands REPO_URI
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
        grep -E '/debian/?$' | sort | uniq -c | sort -rn | awk 'NR==1 {print $2}')
    if [ -z "$mirror" ]; then
        echo "apt has no Debian mirror (is this Debian, and did apt-get update run?)"
        return 1
    fi
    [ -r "$KEYRING" ] || { echo "$KEYRING is missing (package debian-archive-keyring)"; return 1; }
    echo "${mirror%/}" >"$W/mirror"
    for suite in $SUITES; do
        echo "deb-src [signed-by=$KEYRING] ${mirror%/} $suite main"
    done >"$W/apt/sources.list"
    # A suite that apt refuses does not stop the others, and the pinned files need no index.
    papt apt-get -qq update || { sleep 2; papt apt-get -qq update; } ||
        echo "not all lists could be read, going on with the others"
}

# PACKAGE VERSION-REGEX: the newest version that really can be downloaded, since a version may stand
# in the index and yet be gone. dpkg-source applies Debian's patches; apt has checked the signature.
get_source() {
    cd "$W/src"
    for version in $(papt apt-cache --only-source showsrc "$1" | sed -n 's/^Version: //p' |
        grep -E "$2" | sort -Vru); do
        if papt apt-get -qq --download-only source "$1=$version"; then
            rm -rf "${W:?}/$1"
            dpkg-source --no-check -x "$1_${version#*:}.dsc" "$W/$1"
            echo "$1 $version" >>"$W/VERSIONS"
            return 0
        fi
        echo "$1 $version is listed but cannot be downloaded, trying the next"
    done
    echo "no index offers a source package of $1 that matches $2: taking the pinned one"
    get_pinned "$1"
}

# PACKAGE: the files of the recipe, each refused by apt's downloader unless its hash is right.
get_pinned() {
    # shellcheck disable=SC2086  # words, four for each file
    set -- "$1" $PINNED
    package=$1
    shift
    while [ $# -ge 4 ]; do
        if [ "$1" = "$package" ]; then
            version=$2
            case $3 in *.dsc) dsc=$3 ;; esac
            papt /usr/lib/apt/apt-helper -qq download-file \
                "$(cat "$W/mirror")/pool/main/$(first_letter "$package")/$package/$3" "$W/src/$3" \
                "SHA256:$4" || return 1
        fi
        shift 4
    done
    rm -rf "${W:?}/$package"
    dpkg-source --no-check -x "$dsc" "$W/$package"
    echo "$package $version" >>"$W/VERSIONS"
}
first_letter() { printf '%.1s' "$1"; }

step_sources() {
    : >"$W/VERSIONS"
    get_source openssl "$OPENSSL_VERSIONS" || return 1
    get_source ngtcp2 "$NGTCP2_VERSIONS" || return 1
    get_source rust-aws-lc-sys "$AWS_LC_VERSIONS" || echo "going on without AWS-LC"
    if ! grep -rqs "$OPENSSL_FIX" "$W/openssl/debian/changelog" "$W/openssl/debian/patches" \
        "$W/openssl/CHANGES.md"; then
        echo "this OpenSSL lacks the fix of $OPENSSL_FIX, which our handshake needs"
        return 1
    fi
}

step_openssl() {
    cd "$W/openssl" || return 1
    case $ARCH in
    amd64) target=linux-x86_64 ;;
    arm64) target=linux-aarch64 ;;
    *) target= ;; # Configure finds out
    esac
    # OpenSSL's own -O3 stays: with -O2 ML-KEM is up to 1.7 times slower.
    # shellcheck disable=SC2086
    ./Configure $target --prefix="/$STAGED" --openssldir=/etc/ssl --libdir=lib $OPENSSL_FLAGS &&
        make -s -j"$JOBS" build_libs && make -s install_dev DESTDIR="$W/stage"
}

step_ngtcp2() {
    # Its asserts carry file names; the folder of this build shall not end up in programs.
    # shellcheck disable=SC2086
    cmake -S "$W/ngtcp2" -B "$W/ngtcp2-build" -G Ninja $NGTCP2_FLAGS \
        -DCMAKE_C_FLAGS="-ffile-prefix-map=$W/=" \
        -DCMAKE_INSTALL_PREFIX="/$STAGED" -DCMAKE_INSTALL_LIBDIR=lib \
        -DOPENSSL_ROOT_DIR="$W/stage/$STAGED" -DOPENSSL_USE_STATIC_LIBS=TRUE \
        -DCMAKE_PREFIX_PATH="$W/stage/$STAGED" &&
        DESTDIR="$W/stage" ninja -C "$W/ngtcp2-build" -j "$JOBS" install
}

# One object with nothing but the functions wanted and what they need, 0.1 of 7 MB.
build_aws_lc() {
    # shellcheck disable=SC2086
    cmake -S "$W/rust-aws-lc-sys/aws-lc" -B "$W/aws-lc-build" -G Ninja $AWS_LC_FLAGS \
        -DCMAKE_C_FLAGS="-ffunction-sections -fdata-sections -ffile-prefix-map=$W/=" &&
        ninja -C "$W/aws-lc-build" -j "$JOBS" crypto || return 1
    wanted= kept= renamed=
    for name in $AWS_LC_FUNCTIONS; do
        wanted="$wanted -u $name"
        kept="$kept --keep-global-symbol=$name"
        renamed="$renamed --redefine-sym $name=aws_lc_$name"
    done
    # shellcheck disable=SC2086
    (cd "$W/aws-lc-build" &&
        ld -r --gc-sections $wanted -o linked.o crypto/libcrypto.a &&
        objcopy $kept --strip-unneeded linked.o local.o &&
        objcopy $renamed local.o aws_lc_ml_dsa.o &&
        ar rcs "$W/stage/$STAGED/lib/libaws_lc_ml_dsa.a" aws_lc_ml_dsa.o)
}

# Whoever has no compiler for it keeps OpenSSL's.
step_aws_lc() {
    [ -d "$W/rust-aws-lc-sys" ] || return 0
    build_aws_lc || echo "going on without AWS-LC"
}

# Makes the staged tree relocatable, writes the marker last and moves the tree to its place.
step_install() {
    out=$W/stage/$STAGED
    for pc in "$out"/lib/pkgconfig/*.pc; do
        # shellcheck disable=SC2016  # pkg-config expands pcfiledir, not the shell
        sed -i -e "s|=/$STAGED|=\${prefix}|" -e 's|^prefix=.*|prefix=${pcfiledir}/../..|' "$pc"
    done
    rm -rf "$out/share" "$out/lib/cmake"
    { cat "$W/VERSIONS"; echo "recipe $KEY $ARCH"; echo "compiler $(cc --version | head -n 1)"; } \
        >"$out/VERSIONS"
    rm -rf "$PREFIX"
    mv "$out" "$PREFIX"
}

# ---- running the steps -------------------------------------------------------------------------
CHILD=
stop_child() {
    [ -z "$CHILD" ] || kill -s TERM -- "-$CHILD" 2>/dev/null || :
    [ -z "$CHILD" ] || wait "$CHILD" 2>/dev/null || :
    CHILD=
}
cleanup() {
    stop_child
    rm -rf "${W:-}"
}

# NUMBER NAME TEXT: own process group, so that an interrupt can end a whole make at once; background
# and wait, so that the shell sees the signal at once.
run_step() {
    started=$(date +%s)
    setsid "$0" step "$2" "$W" >>"$LOG" 2>&1 &
    CHILD=$!
    while [ -t 2 ] && kill -0 "$CHILD" 2>/dev/null; do
        printf '\r[%s/6] %s ... %s s ' "$1" "$3" "$(($(date +%s) - started))" >&2
        sleep 1
    done
    code=0
    wait "$CHILD" || code=$?
    CHILD=
    [ ! -t 2 ] || printf '\r\033[K' >&2
    if [ "$code" -ne 0 ]; then
        say "[$1/6] $3: failed. The last lines of $LOG:"
        tail -n "$TAIL_LINES" "$LOG" >&2
        exit 1
    fi
    say "[$1/6] $3: $(($(date +%s) - started)) s"
}

need_tools() {
    missing=
    for tool in apt-get apt-cache dpkg-source perl make cc cmake ninja setsid flock; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    [ -z "$missing" ] || die "missing programs:$missing ('./dev setup' installs them)"
}

build() {
    need_tools
    case $CACHE in
    *[[:space:]]*) die "'$CACHE' has a space in it, set XDG_CACHE_HOME to another place" ;;
    esac
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    if ! flock -n 9; then
        say "deps: another build is running here, waiting for it"
        flock 9
    fi
    # The other run may have done the work.
    if [ "${1:-}" != fresh ] && find_ready >/dev/null; then
        return 0
    fi
    rm -rf "$CACHE"/.tmp.* # left by a run that was killed; the lock says that nobody uses them
    W=$(mktemp -d "$CACHE/.tmp.XXXXXX")
    trap cleanup EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    : >"$LOG"
    say "deps: building OpenSSL and ngtcp2 once, about 3-5 minutes (log: $LOG)"
    begun=$(date +%s)
    run_step 1 lists "source package lists"
    run_step 2 sources "download and unpack sources"
    run_step 3 openssl "$(sed -n 's/^openssl/compile OpenSSL/p' "$W/VERSIONS")"
    run_step 4 ngtcp2 "$(sed -n 's/^ngtcp2/compile ngtcp2/p' "$W/VERSIONS")"
    run_step 5 aws_lc "$(sed -n 's/^rust-aws-lc-sys/compile AWS-LC/p' "$W/VERSIONS")"
    run_step 6 install "install"
    [ -f "$PREFIX/lib/libaws_lc_ml_dsa.a" ] ||
        say "deps: without AWS-LC (see the log): OpenSSL signs and verifies, 3 to 5 times slower"
    say "deps: ready after $(($(date +%s) - begun)) s in $PREFIX"
}

JOBS=${SG_JOBS:-$(nproc 2>/dev/null || echo 2)}
case ${1:-} in
path) find_ready ;;
build)
    find_ready && exit 0
    build
    find_ready
    ;;
fresh)
    build fresh
    echo "$PREFIX"
    ;;
step)
    W=$3
    set -x
    "step_$2"
    ;;
*)
    say "usage: tools/deps.sh path | build | fresh"
    exit 2
    ;;
esac
