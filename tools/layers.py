#!/usr/bin/env python3
"""Checks every #include against the layer table: who may know whom.

usage: tools/layers.py [ROOT] | --self-test
"""
import re
import sys

from csource import C_SUFFIXES, CODE_DIRS, Report, line_of, main, read, walk, without_comments

MACHINES = ("hyparview", "plumtree", "swim", "reconcile", "crdt", "mls", "presence", "discovery")
LOW = ("base", "crypto", "wire")

# Folder -> the folders of src/, or single headers, that it may include besides its own.
LAYERS = {
    "base": (),
    "crypto": ("base",),
    "wire": ("base",),
    "os": ("base",),
    "node": LOW + MACHINES,
    "quic": LOW + ("os/addr.h",),  # the plain type of an address; no sockets
    "store": LOW + ("os",),
    "runtime": LOW + MACHINES + ("node", "os", "quic", "store"),
    "sim": LOW + MACHINES + ("node",),
    "app": (),
    "examples": (),
    "include": (),
}
LAYERS.update({name: LOW for name in MACHINES})

# No system call, no clock, no printing, no errno, no global state.
PURE = ("base", "wire", "node") + MACHINES
PURE_HEADERS = {
    "assert.h", "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h", "stddef.h",
    "stdint.h", "stdnoreturn.h", "string.h",
}
C_HEADERS = PURE_HEADERS | {
    "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "iso646.h", "locale.h", "math.h",
    "setjmp.h", "signal.h", "stdatomic.h", "stdio.h", "stdlib.h", "tgmath.h", "threads.h",
    "time.h", "uchar.h", "wchar.h", "wctype.h",
}
EXCEPTIONS = {
    # The default allocator is the one place that may call the C library's.
    ("src/base/mem.c", "stdlib.h"),
    # OpenSSL objects are fetched once, by whichever thread comes first.
    ("crypto", "pthread.h"),
    # Real seconds for the report and the pace of progress; nothing simulated sees them.
    ("sim/wall.c", "time.h"),
    # Asks for huge pages; a hint, and addresses decide nothing.
    ("sim/wall.c", "sys/mman.h"),
}
# Same seed, same run: the simulator's clock and randomness come from the seed alone.
SIM_FORBIDDEN = {"time.h", "signal.h", "threads.h"}
POSIX_HOME = ("os", "runtime", "app", "examples")
# Third-party headers have one home each.
THIRD_PARTY = (
    (re.compile(r"ngtcp2/"), ("quic",)),
    (re.compile(r"openssl/"), ("crypto", "quic")),
    (re.compile(r"uv(\.h|/)"), ("os", "runtime")),
    (re.compile(r"sqlite3"), ("store",)),
    (re.compile(r"zlib"), ("store",)),
    (re.compile(r"jansson"), ("app",)),
    (re.compile(r"microhttpd"), ("app",)),
    (re.compile(r"cmocka"), ()),
)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(?:([<\"])([^>\"\n]+)[>\"]|(\S.*))", re.M)


def folder_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]


def wrong_quoted(folder, path, name):
    """Why this #include "name" is not allowed, or None."""
    target = name.split("/")[0] if "/" in name else None
    if target is None:
        if path.startswith("src/"):
            return f'write it with its folder: "{folder}/{name}"'
        return None
    if target in ("saorsa", "include"):
        return f"the public headers are included as <{name}>"
    if target == folder or target in LAYERS[folder] or name in LAYERS[folder]:
        return None
    if target not in LAYERS:
        return f'"{name}" is in no folder of the layer table'
    if folder in MACHINES and target in MACHINES:
        return f"{folder}/ and {target}/ are siblings; only node/ may know both"
    return f"{folder}/ must not know {target}/, it includes lower layers only"


def wrong_system(folder, path, name):
    """Why this #include <name> is not allowed, or None."""
    if name.startswith("saorsa/"):
        return None
    for pattern, homes in THIRD_PARTY:
        if pattern.match(name):
            where = " and ".join(f"{home}/" for home in homes) or "tests/"
            return None if folder in homes else f"<{name}> belongs in {where} only"
    if name.split("/")[0] in LAYERS:
        return f'headers of ours are included as "{name}"'
    if (path, name) in EXCEPTIONS or (folder, name) in EXCEPTIONS:
        return None
    if folder in PURE and name not in PURE_HEADERS:
        return f"<{name}> is not for the pure set; take what it gives as an input or from base/"
    if folder == "sim" and name in SIM_FORBIDDEN:
        return f"<{name}> would make a run depend on more than its seed"
    if name not in C_HEADERS and folder not in POSIX_HOME:
        return f"<{name}> is no C library header; system headers belong in os/ and runtime/"
    return None


def check(root):
    report = Report()
    # Tests, fuzz targets and benchmarks may look at everything.
    dirs = [d for d in CODE_DIRS if d not in ("tests", "fuzz", "bench")]
    for path in walk(root, dirs, C_SUFFIXES):
        folder = folder_of(path)
        if folder not in LAYERS:
            report.fail(path, 1, f"src/{folder}/ is not in the layer table of tools/layers.py")
            continue
        text = without_comments(read(root, path))
        for match in INCLUDE.finditer(text):
            kind, name, macro = match.groups()
            if macro:
                why = f"#include {macro.strip()}: name the file, so that it can be checked"
            elif kind == '"':
                why = wrong_quoted(folder, path, name)
            else:
                why = wrong_system(folder, path, name)
            if why:
                report.fail(path, line_of(text, match.start()), why)
    return report


CASES = [
    ("clean tree", {
        "src/base/err.h": "#include <saorsa/err.h>\n#include <stdint.h>\n",
        "src/base/mem.c": '#include "base/mem.h"\n#include <stdlib.h>\n',
        "src/plumtree/a.c": '#include "plumtree/a.h"\n#include "wire/b.h"\n'
                            '/*\n#include "swim/no.h"\n*/\n',
        "src/node/n.c": '#include "plumtree/a.h"\n#include "swim/s.h"\n',
        "src/quic/q.c": "#include <ngtcp2/ngtcp2.h>\n#include <openssl/ssl.h>\n",
        "src/quic/t.h": '#include "os/addr.h"\n',
        "src/os/u.c": "#include <uv.h>\n#include <sys/socket.h>\n",
        "sim/s.c": '#include "node/n.h"\n#include "s.h"\n#include <stdio.h>\n',
        "app/m.c": '#include "options.h"\n#include <jansson.h>\n#include <unistd.h>\n',
        "tests/unit/base/test_err.c": '#include "runtime/r.h"\n#include <cmocka.h>\n',
    }, None),
    ("upward", {"src/base/a.c": '#include "wire/b.h"\n'}, "src/base/a.c:1: base/ must not know"),
    ("siblings", {"src/swim/a.c": '\n#include "plumtree/p.h"\n'}, "a.c:2: swim/ and plumtree/"),
    ("L1 sideways", {"src/wire/a.c": '#include "crypto/suite.h"\n'}, "wire/ must not know"),
    ("OpenSSL outside", {"src/mls/a.c": "#include <openssl/evp.h>\n"}, "crypto/ and quic/ only"),
    ("ngtcp2 outside", {"src/runtime/a.c": "#include <ngtcp2/ngtcp2.h>\n"}, "quic/ only"),
    ("sockets in quic", {"src/quic/a.c": '#include "os/udp.h"\n'}, "quic/ must not know os/"),
    ("libuv in quic", {"src/quic/a.c": "#include <uv.h>\n"}, "os/ and runtime/ only"),
    ("stdio in the pure set", {"src/node/a.h": "#include <stdio.h>\n"}, "not for the pure set"),
    ("time in the pure set", {"src/swim/a.c": "#  include <time.h>\n"}, "not for the pure set"),
    ("stdlib beside mem", {"src/base/map.c": "#include <stdlib.h>\n"}, "not for the pure set"),
    ("POSIX in crypto", {"src/crypto/a.c": "#include <unistd.h>\n"}, "no C library header"),
    ("sim knows the runtime", {"sim/a.c": '#include "runtime/r.h"\n'}, "sim/ must not know"),
    ("sim reads a clock", {"sim/a.c": "#include <time.h>\n"}, "more than its seed"),
    ("app knows src", {"app/a.c": '#include "node/n.h"\n'}, "app/ must not know node/"),
    ("public knows src", {"include/saorsa/a.h": '#include "base/err.h"\n'}, "must not know base/"),
    ("public header quoted", {"src/base/a.c": '#include "saorsa/err.h"\n'}, "<saorsa/err.h>"),
    ("no folder", {"src/base/a.c": '#include "err.h"\n'}, '"base/err.h"'),
    ("angle brackets", {"src/wire/a.c": "#include <base/err.h>\n"}, 'included as "base/err.h"'),
    ("by macro", {"src/base/a.c": "#include WHAT\n"}, "name the file"),
    ("unknown module", {"src/extra/a.c": "\n"}, "not in the layer table"),
]

if __name__ == "__main__":
    sys.exit(main("layers", CASES, check))
