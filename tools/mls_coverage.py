#!/usr/bin/env python3
"""Which MUST of RFC 9420 is where: tools/mls_rules.txt as a table, each of its lines checked.

usage: tools/mls_coverage.py            prints the table of docs/mls.md
       tools/mls_coverage.py --write    puts it into docs/mls.md
       tools/mls_coverage.py --check    fails when docs/mls.md has another

A line is an error when its function or its test does not exist, or when the marks of the code
("RFC9420 s12.2") or of the tests do not name its section. So is a section of the RFC that the code
names and that has no line.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RULES = os.path.join(ROOT, "tools", "mls_rules.txt")
PAGE = os.path.join(ROOT, "docs", "mls.md")
MARK = re.compile(r"RFC ?9420 ((?:s[\d.]+(?:, )?)+)")
CODE = ("src/mls", "src/runtime", "src/base", "src/crypto")
# Sections that describe and demand nothing of an implementation that a test could show.
DESCRIPTIVE = ("4", "4.1.1", "4.1.2", "5.1.3", "5.2", "7", "7.4", "7.7", "7.9", "8", "8.1", "8.3",
               "9", "10.1", "12.1.1", "12.1.8.1")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def marked(folders):
    """The sections that files name."""
    found = set()
    for folder in folders:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if not name.endswith((".c", ".h")):
                continue
            text = re.sub(r"\n\s*\*? *", " ", read(os.path.join(ROOT, folder, name)))
            for match in MARK.finditer(text):
                found.update(s.rstrip(".") for s in re.findall(r"s([\d.]+)", match.group(1)))
    return found


def rules():
    for number, line in enumerate(read(RULES).splitlines(), 1):
        if not line.startswith("#"):
            yield number, [part.strip() for part in line.split(" | ")]


def has_function(folder, place):
    """Is a function defined in a file, where place is file:function?"""
    name, function = place.split(":")
    path = os.path.join(ROOT, folder, name)
    if not os.path.isfile(path):
        return False
    return re.search(rf"^\w[\w \*]*\b{function}\((?:[^;{{]*)\)\s*\{{", read(path), re.M) is not None


def check():
    problems = []
    in_code = marked(CODE)
    covered = set()
    for number, (section, _, code, test) in rules():
        covered.add(section)
        where = f"tools/mls_rules.txt:{number}: s{section}: "
        if not has_function("src", code):
            problems.append(where + f"there is no {code}")
        if not has_function("tests", test):
            problems.append(where + f"there is no {test}")
        if section not in in_code:
            problems.append(where + "no mark in the code names the section")
    for section in sorted(in_code - covered - set(DESCRIPTIVE)):
        problems.append(f"RFC9420 s{section} is named in the code and has no line in "
                        "tools/mls_rules.txt")
    return problems


def table():
    lines = ["| section | what must be so | code | test |", "|---|---|---|---|"]
    for _, (section, words, code, test) in rules():
        lines.append(f"| {section} | {words} | {code.replace(':', ' ')} | "
                     f"{test.replace(':', ' ')} |")
    return "\n".join(lines) + "\n"


def main():
    problems = check()
    for problem in problems:
        print(problem, file=sys.stderr)
    text = read(PAGE)
    start = text.index("| section |") if "| section |" in text else len(text)
    wanted = text[:start] + table()
    if "--write" in sys.argv:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif "--check" in sys.argv:
        if text != wanted:
            problems.append("table")
            print("docs/mls.md: the table is old; run tools/mls_coverage.py --write",
                  file=sys.stderr)
    else:
        print(table(), end="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
