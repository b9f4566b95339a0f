#!/usr/bin/env python3
"""Checks the shape of the sources: sizes, nesting, parameters, guards, leftover words, test names.

usage: tools/style.py [ROOT] | --self-test
"""
import os
import re
import sys

from csource import (CODE_DIRS, C_SUFFIXES, Report, line_of, main, read, walk, without_comments,
                     without_preprocessor)

FUNCTION_LINES = 70
FILE_LINES = 600
FILE_LINES_HARD = 1000
LINE_CHARS = 100
NESTING = 3
NESTING_HARD = 4
PARAMETERS = 5
TEXT_DIRS = CODE_DIRS + ("tools", "cmake", ".ci", "docs")
TEXT_SUFFIXES = C_SUFFIXES + (".py", ".sh", ".cmake", ".md", ".txt", ".in", ".json")
TOP_FILES = ("dev", "CMakeLists.txt", "README.md", ".ci/run")
# Spelt in pieces, so that this file does not find itself.
LEFTOVER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b")
HOME_PATH = re.compile(r"(?<![\w.~$}*-])/(?:home|root|Users)/\w")
# The shape of a callback is its library's choice; by this last parameter one knows it.
CALLBACK = re.compile(r"\bvoid\s*\*\s*(user|user_data|stream_user|stream_user_data|arg)\s*$")


def matching_open(text, close):
    """Offset of the parenthesis that text[close] closes, or -1."""
    depth = 0
    for i in range(close, -1, -1):
        if text[i] == ")":
            depth += 1
        elif text[i] == "(":
            depth -= 1
            if depth == 0:
                return i
    return -1


def opens_initializer(text, brace):
    """Does this brace, inside a function, begin a list of values and not a block?"""
    before = text[:brace].rstrip()
    if before.endswith(("=", ",", "(", "[")):
        return True
    if not before.endswith(")"):
        return False
    word = re.search(r"(\w+)\s*$", before[: matching_open(before, len(before) - 1)])
    return word is None or word.group(1) in ("return", "sizeof")


def count_parameters(inside):
    depth = 0
    count = 1
    for char in inside:
        depth += {"(": 1, ")": -1}.get(char, 0)
        count += char == "," and depth == 0
    return 0 if inside.strip() in ("", "void") else count - inside.rstrip().endswith("...")


class Function:
    def __init__(self, name, start, inside):
        self.name, self.start = name, start
        self.parameters = count_parameters(inside)
        self.is_callback = CALLBACK.search(inside) is not None
        self.end = start
        self.deepest, self.deepest_at = 0, start


def function_head(text, chunk_start, brace):
    """The function that begins with this brace at file level, or None."""
    head = text[chunk_start:brace].rstrip()
    if not head.endswith(")"):
        return None
    opened = matching_open(head, len(head) - 1)
    word = re.search(r"(\w+)\s*$", head[:opened])
    if word is None or "=" in head[:opened]:
        return None
    return Function(word.group(1), brace, head[opened + 1 : -1])


def functions(text):
    """All function definitions of a C text without comments, literals and directives."""
    found = []
    current = None
    stack = []  # for each open brace: is it a list of values?
    chunk_start = 0
    for match in re.finditer(r"[{};]", text):
        i, char = match.start(), match.group(0)
        if char == "{":
            if not stack:
                current = function_head(text, chunk_start, i)
                stack.append(current is None)
                continue
            stack.append(stack[-1] or opens_initializer(text, i))
            depth = len(stack) - 1
            if current and not stack[-1] and depth > current.deepest:
                current.deepest, current.deepest_at = depth, i
        elif char == "}" and stack:
            stack.pop()
            if not stack and current:
                current.end = i
                found.append(current)
                current = None
        if not stack:
            chunk_start = i + 1
    return found


def check_functions(report, path, text):
    plain = without_preprocessor(without_comments(text, strings=True))
    for function in functions(plain):
        start = line_of(plain, function.start)
        lines = line_of(plain, function.end) - start + 1
        name = function.name
        if lines > FUNCTION_LINES:
            report.fail(path, start, f"{name}() has {lines} lines, the limit is {FUNCTION_LINES}: "
                        "split it by concern")
        if function.parameters > PARAMETERS and not function.is_callback:
            report.fail(path, start, f"{name}() has {function.parameters} parameters, the limit is "
                        f"{PARAMETERS}: pass an options struct")
        if function.deepest > NESTING:
            say = report.fail if function.deepest > NESTING_HARD else report.note
            say(path, line_of(plain, function.deepest_at), f"{name}() nests {function.deepest} "
                f"blocks, {NESTING} are the aim: return early or name the inner part")


def check_guard(report, path, text):
    name = re.sub(r"^(src|include)/", "", path)
    guard = "SG_" + re.sub(r"[^A-Z0-9]", "_", name.upper())
    # Headers of tests are nobody's interface: the end of the path is enough.
    shortest = re.sub(r"[^A-Z0-9]", "_", os.path.basename(name).upper())
    words = re.search(r"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)\s*\n[ \t]*#[ \t]*define[ \t]+(\w+)", text,
                      re.M)
    found = words.group(1) if words and words.group(1) == words.group(2) else ""
    if found != guard and not (path.startswith("tests/") and found.endswith(shortest)):
        report.fail(path, 1, f"include guard {guard} expected")


def check_mirror(report, root, path):
    match = re.match(r"tests/unit/(\w+)/test_(\w+)\.c$", path)
    if not match:
        return
    module, name = match.groups()
    folder = module if module in ("sim", "app") else f"src/{module}"
    # A large file's test may be split: test_<file>_<part>.c.
    parts = name.split("_")
    names = ["_".join(parts[:n]) for n in range(len(parts), 0, -1)]
    if not any(os.path.exists(os.path.join(root, folder, n + end)) for n in names
               for end in (".c", ".h")):
        report.fail(path, 1, f"tests no file: {folder}/{name}.c is not there; name the test after "
                    "the file it tests")


def machine_path(root):
    """Matches paths of this checkout; None when its place is too short to tell anything."""
    parent = os.path.dirname(os.path.abspath(root))
    if parent.count("/") < 1 or len(parent) < 4 or parent in ("/usr", "/tmp", "/opt", "/var"):
        return None
    return re.compile(r"(?<![\w.~$}*-])" + re.escape(parent) + r"/")


def check_text(report, path, text, here):
    lines = text.split("\n")
    count = len(lines) - (lines[-1] == "")
    is_code = not path.endswith((".md", ".txt", ".json"))
    if is_code and count > FILE_LINES_HARD:
        report.fail(path, 1, f"{count} lines, the hard limit is {FILE_LINES_HARD}: split the file")
    elif is_code and count > FILE_LINES:
        report.note(path, 1, f"{count} lines, {FILE_LINES} are the aim")
    for number, line in enumerate(lines, 1):
        if is_code and len(line) > LINE_CHARS:
            report.fail(path, number, f"{len(line)} characters, the limit is {LINE_CHARS}")
        if LEFTOVER.search(line):
            report.fail(path, number, "do it now, or say in docs/ what is missing")
        if HOME_PATH.search(line) or (here and here.search(line)):
            report.fail(path, number, "a path of one machine: make it relative or an argument")


def check(root):
    report = Report()
    here = machine_path(root)
    top = [p for p in TOP_FILES if os.path.exists(os.path.join(root, p))]
    for path in sorted(set(walk(root, TEXT_DIRS, TEXT_SUFFIXES) + top)):
        text = read(root, path)
        check_text(report, path, text, here)
        if path.endswith((".c", ".h")):
            check_functions(report, path, text)
            check_mirror(report, root, path)
        if path.endswith(".h"):
            check_guard(report, path, text)
    return report


def nested(levels):
    body = "".join("if (a) {\n" for _ in range(levels)) + "a();\n" + "}\n" * levels
    return "static void f(int a)\n{\n" + body + "}\n"


CLEAN = """/* Text with a brace { and a word (int a, int b, int c, int d, int e, int f) */
#ifdef __cplusplus
extern "C" {
#endif
static const struct point points[] = {{1, 2}, {3, 4}};
struct point {
    int x;
};
#define PAIR(a) \\
    do {        \\
    } while (0)
int f(int a, int b, int c, void (*d)(int, int), const char *format, ...)
{
    switch (a) {
    case 1: {
        while (b) {
            struct point p = (struct point){.x = '{'};
            int list[2][2] = {{1, 2}, {3, 4}};
            g("{{{{", p, list);
        }
    }
    }
    return 0;
}
"""

SIX = "(int a, int b, int c, int d, int e, int g)\n{\n}\n"

CASES = [
    ("clean file", {
        "src/base/a.c": CLEAN,
        "src/base/b_c.h": "#ifndef SG_BASE_B_C_H\n#define SG_BASE_B_C_H\n#endif\n",
        "tests/unit/base/test_a.c": "\n",
        "tests/unit/base/net.h": "#ifndef TEST_NET_H\n#define TEST_NET_H\n#endif\n",
        "tests/unit/base/test_a_memory.c": "\n",
    }, None),
    ("70 lines", {"src/base/a.c": "int f(void)\n{\n" + "    g();\n" * 68 + "}\n"}, None),
    ("71 lines", {"src/base/a.c": "int f(void)\n{\n" + "    g();\n" * 69 + "}\n"},
     "a.c:2: f() has 71 lines"),
    ("file of 1001 lines", {"src/base/a.c": "\n" * 1001}, "split the file"),
    ("line of 101", {"src/base/a.c": "\n/*" + "a" * 99 + "\n*/\n"}, "a.c:2: 101 characters"),
    ("nesting of 4 is a note", {"src/base/a.c": nested(4)}, None),
    ("nesting of 5", {"src/base/a.c": nested(5)}, "nests 5 blocks"),
    ("6 parameters", {"src/base/a.c": "int f" + SIX}, "f() has 6 parameters"),
    ("static with attribute", {"src/base/a.c": "SG_MUST_USE static int\nf" + SIX},
     "a.c:3: f() has 6 parameters"),
    ("callback of a library", {"src/quic/a.c": "static int f" + SIX.replace("int g", "void *arg")},
     None),
    ("both branches", {"src/base/a.c": "int f(void)\n{\n#if A\n    if (a) {\n#else\n"
                       "    if (b) {\n#endif\n    }\n}\nint g" + SIX}, "g() has 6"),
    ("leftover word", {"src/base/a.c": "/* TO" "DO: more */\n"}, "do it now"),
    ("machine path", {"tests/e2e/test_a.sh": "cd /ho" "me/someone/x\n"}, "one machine"),
    ("no guard", {"src/base/a.h": "#pragma once\n"}, "SG_BASE_A_H expected"),
    ("guard of another file", {"src/base/a.h": "#ifndef SG_A_H\n#define SG_A_H\n#endif\n"},
     "SG_BASE_A_H expected"),
    ("test of nothing", {"tests/unit/base/test_b.c": "\n"}, "src/base/b.c is not there"),
]

if __name__ == "__main__":
    sys.exit(main("style", CASES, check))
