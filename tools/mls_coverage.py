#!/usr/bin/env python3
"""Lists where the code cites RFC 9420, section by section.

usage: tools/mls_coverage.py            prints the table of docs/mls.md
       tools/mls_coverage.py --write    puts it into docs/mls.md
       tools/mls_coverage.py --check    fails when docs/mls.md has another
"""
import os
import re
import sys

MARK = re.compile(r"RFC ?9420 ((?:s[\d.]+(?:, )?)+)")
HEADING = "## Which MUST is where\n"


def sources(root):
    for folder in ("src/mls", "src/runtime", "src/base", "tests/unit/mls", "tests/vectors"):
        for name in sorted(os.listdir(os.path.join(root, folder))):
            if name.endswith((".c", ".h")):
                yield f"{folder}/{name}"


def collect(root):
    found = {}
    for path in sources(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = re.sub(r"\n\s*\*? *", " ", file.read())
        for match in MARK.finditer(text):
            for section in re.findall(r"s([\d.]+)", match.group(1)):
                found.setdefault(section.rstrip("."), set()).add(path)
    return found


def table(root):
    lines = ["| section | code | tests |", "|---|---|---|"]
    found = collect(root)
    for section in sorted(found, key=lambda s: [int(n) for n in s.split(".")]):
        code = [p.split("/", 1)[1] for p in sorted(found[section]) if p.startswith("src/")]
        tests = [p.split("/", 1)[1] for p in sorted(found[section]) if p.startswith("tests/")]
        lines.append(f"| {section} | {' '.join(code)} | {' '.join(tests)} |")
    return "\n".join(lines) + "\n"


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    page = os.path.join(root, "docs/mls.md")
    with open(page, encoding="utf-8") as file:
        text = file.read()
    start = text.index("| section |") if "| section |" in text else len(text)
    wanted = text[:start] + table(root)
    if "--write" in sys.argv:
        with open(page, "w", encoding="utf-8") as file:
            file.write(wanted)
    elif "--check" in sys.argv:
        if text != wanted:
            sys.exit("docs/mls.md: the table is old; run tools/mls_coverage.py --write")
    else:
        print(table(root), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
