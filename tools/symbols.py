#!/usr/bin/env python3
"""Checks what compiled code reaches for.

usage: tools/symbols.py pure LIST        the pure set: no system call, no mutable static data
       tools/symbols.py exports LIBRARY  the shared library shows the public API and nothing else
       tools/symbols.py --self-test

LIST names one object file of the pure set per line.
"""
import os
import re
import subprocess
import sys
import tempfile

from csource import Report, read, walk, without_comments

# What the pure set may take from outside. All of it is free of state; an entry more needs a reason.
ALLOWED = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strcmp", "strncmp",
    "__assert_fail", "abort",          # assert
    "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",  # from the compiler
    "__popcountdi2", "__clzdi2", "__ctzdi2",
    "sg_peer_id_from_public_key",      # crypto/ids.c: pure, hashes through the suite it is given
}
# The default allocator lives in base/mem and nowhere else.
ALLOWED_IN = {"base/mem.c": {"malloc", "calloc", "realloc", "free"}}
# Written once by the loader, then read-only: const tables with pointers in them.
READ_ONLY_DATA = (".data.rel.ro",)
WRITABLE = (".data", ".bss", ".tdata", ".tbss", "*COM*")


def objdump(path):
    """(symbols, sizes): [(section, name)] of the symbol table, and size by section name."""
    text = subprocess.run(["objdump", "-ht", path], check=True, capture_output=True,
                          text=True).stdout
    symbols, sizes = [], {}
    for line in text.split("\n"):
        section = re.match(r"\s*\d+ (\S+)\s+([0-9a-f]+) ", line)
        symbol = re.match(r"[0-9a-f]{8,} .{7} (\S+)\t[0-9a-f]+\s+(?:\.hidden )?(\S+)$", line)
        if section:
            sizes[section.group(1)] = int(section.group(2), 16)
        elif symbol:
            symbols.append(symbol.groups())
    return symbols, sizes


def is_writable(section):
    return section.startswith(WRITABLE) and not section.startswith(READ_ONLY_DATA)


def source_of(path):
    """CMakeFiles/x.dir/src/base/err.c.o -> src/base/err.c"""
    return re.sub(r"^.*?[.]dir/|[.]o$", "", path)


def check_pure(paths):
    report = Report()
    objects = {path: objdump(path) for path in paths}
    defined = {name for symbols, _ in objects.values() for section, name in symbols
               if section != "*UND*"}
    for path, (symbols, sizes) in objects.items():
        source = source_of(path)
        here = {n for end, names in ALLOWED_IN.items() if source.endswith(end) for n in names}
        for section, name in symbols:
            if section == "*UND*" and name not in defined | ALLOWED | here:
                report.fail(source, 1, f"uses {name}, which is outside the pure set: take it as an "
                            "input or through a table of functions")
        data = sorted({name for section, name in symbols
                       if is_writable(section) and not name.startswith(".")})
        size = sum(sizes.get(section, 0) for section in sizes if is_writable(section))
        if data or size:
            report.fail(source, 1, f"has {size} bytes of mutable static data "
                        f"({', '.join(data) or 'unnamed'}): make it const or move it to the struct")
    return report


def declared_api(root):
    """Names of the functions and objects that the public headers mark with SG_API."""
    names = {}
    for path in walk(root, ("include/saorsa",), (".h",)):
        text = re.sub(r"^[ \t]*#.*$", "", without_comments(read(root, path)), flags=re.M)
        for match in re.finditer(r"\bSG_API\b([^;{]*)", text):
            word = re.search(r"(\w+)\s*(?:\(|\[|$)", match.group(1).strip())
            names[word.group(1)] = path
    return names


def check_exports(root, library):
    report = Report()
    text = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library], check=True,
                          capture_output=True, text=True).stdout
    exported = {line.split()[0].split("@")[0] for line in text.splitlines() if line}
    declared = declared_api(root)
    for name in sorted(exported - set(declared)):
        report.fail(os.path.basename(library), 1, f"exports {name}, which no public header has")
    for name in sorted(set(declared) - exported):
        report.fail(declared[name], 1, f"declares {name}, but the library has no such function")
    return report


PURE_CASES = [
    ("clean", {"a.c": "#include <string.h>\nint b(int);\nstatic const char *const t[] = {\"x\"};\n"
                      "int a(char *p, int i) { memset(p, 0, 9); return b(t[i][0]); }\n",
               "b.c": "int b(int);\nint b(int i) { return i; }\n"}, None),
    ("allocator", {"src/base/mem.c": "#include <stdlib.h>\nvoid *m(void);\n"
                                     "void *m(void) { return malloc(7); }\n"}, None),
    ("malloc elsewhere", {"src/base/map.c": "#include <stdlib.h>\nvoid *m(void);\n"
                                            "void *m(void) { return malloc(7); }\n"},
     "map.c:1: uses malloc"),
    ("clock", {"a.c": "#include <time.h>\nlong a(void) { return (long)time(0); }\n"}, "uses time"),
    ("mutable static", {"a.c": "int a(void);\nint a(void) { static int n; return ++n; }\n"},
     "mutable static data"),
    ("mutable initialised", {"a.c": "int counter = 3;\n"}, "(counter)"),
    ("thread local", {"a.c": "_Thread_local int mine;\n"}, "(mine)"),
]
HEADER = "#define SG_API __attribute__((visibility(\"default\")))\nSG_API int sg_a(int b);\n"
EXPORT_CASES = [
    ("clean", HEADER, '#include "saorsa/a.h"\nint sg_a(int b) { return b; }\n', None),
    ("too much", HEADER, '#include "saorsa/a.h"\nint sg_a(int b) { return b; }\nint sg_c;\n',
     "exports sg_c"),
    ("not there", HEADER, '#include "saorsa/a.h"\n', "but the library has no such function"),
]


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def compile_case(root, files):
    objects = []
    for path, text in files.items():
        source = os.path.join(root, "x.dir", path)
        write(source, text)
        objects.append(source + ".o")
        subprocess.run(["cc", "-fPIC", "-O2", "-c", source, "-o", objects[-1]], check=True)
    return objects


def self_test():
    bad = 0
    runs = []
    for what, files, expected in PURE_CASES:
        with tempfile.TemporaryDirectory() as root:
            runs.append((what, check_pure(compile_case(root, files)).failures, expected))
    for what, header, source, expected in EXPORT_CASES:
        with tempfile.TemporaryDirectory() as root:
            library = os.path.join(root, "lib.so")
            write(os.path.join(root, "include/saorsa/a.h"), header)
            write(os.path.join(root, "a.c"), source)
            subprocess.run(["cc", "-shared", "-fPIC", f"-I{root}/include", f"{root}/a.c", "-o",
                            library], check=True)
            runs.append((what, check_exports(root, library).failures, expected))
    for what, found, expected in runs:
        good = not found if expected is None else len(found) == 1 and expected in found[0]
        if not good:
            bad += 1
            print(f"self-test '{what}': expected {expected!r}, found {found}")
    print(f"self-test: {len(runs) - bad} of {len(runs)} cases pass")
    return 1 if bad else 0


def run():
    arguments = sys.argv[1:]
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) == 2 and arguments[0] == "pure":
        with open(arguments[1], encoding="utf-8") as file:
            return check_pure(file.read().splitlines()).finish("symbols")
    if len(arguments) == 2 and arguments[0] == "exports":
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return check_exports(root, arguments[1]).finish("exports")
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(run())
