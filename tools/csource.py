"""What the source tests share: finding files, reading C roughly, reporting, self-tests."""
import os
import re
import sys
import tempfile

CODE_DIRS = ("include", "src", "sim", "app", "tests", "fuzz", "bench", "examples")
C_SUFFIXES = (".c", ".h", ".def", ".inc")


class Report:
    """Collects findings. Each names file:line and says what to do."""

    def __init__(self):
        self.failures = []
        self.notes = []

    def fail(self, path, line, text):
        self.failures.append(f"{path}:{line}: {text}")

    def note(self, path, line, text):
        self.notes.append(f"{path}:{line}: note: {text}")

    def finish(self, name):
        for text in self.notes + self.failures:
            print(text)
        if self.failures:
            print(f"{name}: {len(self.failures)} findings")
        return 1 if self.failures else 0


def walk(root, dirs, suffixes):
    """Paths relative to root, sorted, of the files below dirs with one of the suffixes."""
    found = []
    for top in dirs:
        for folder, subfolders, names in os.walk(os.path.join(root, top)):
            subfolders[:] = [s for s in subfolders if s not in (".git", "__pycache__", "corpus")]
            for name in names:
                if name.endswith(suffixes):
                    found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def blank(text):
    """Spaces for everything but line ends, so that offsets and line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def without_comments(text, strings=False):
    """Blanks comments, and with strings=True the inside of literals as well."""

    def replace(match):
        token = match.group(0)
        if token[0] == "/":
            return blank(token)
        return token[0] + blank(token[1:-1]) + token[-1] if strings else token

    return TOKEN.sub(replace, text)


def without_preprocessor(text):
    """Blanks directives with their continuation lines, and all branches of #if but the first.
    For braces and function bodies one branch is as good as the other, but both would be two."""
    out = []
    skipping = []  # one entry per open #if: True where this branch is dropped
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        line = lines[i]
        directive = re.match(r"\s*#\s*(\w+)\s*(.*)", line)
        if directive:
            word, rest = directive.group(1), directive.group(2)
            if word in ("if", "ifdef", "ifndef"):
                skipping.append(rest.strip() in ("0", "__cplusplus"))
            elif word in ("else", "elif") and skipping:
                skipping[-1] = not skipping[-1] if word == "else" and skipping[-1] else True
            elif word == "endif" and skipping:
                skipping.pop()
            while line.endswith("\\") and i + 1 < len(lines):
                out.append(blank(line))
                i += 1
                line = lines[i]
            out.append(blank(line))
        else:
            out.append(blank(line) if any(skipping) else line)
        i += 1
    return "\n".join(out)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def run_self_test(cases, check):
    """cases: (what, {path: text}, part of the expected finding, or None for a clean tree).
    check(root) -> Report. Shows that the tool finds what it is for, and only that."""
    bad = 0
    for what, files, expected in cases:
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            found = check(root).failures
        if expected is None:
            good = not found
        else:
            good = len(found) == 1 and expected in found[0]
        if not good:
            bad += 1
            print(f"self-test '{what}': expected {expected!r}, found {found}")
    print(f"self-test: {len(cases) - bad} of {len(cases)} cases pass")
    return 1 if bad else 0


def main(name, cases, check):
    """usage: TOOL [ROOT] | TOOL --self-test"""
    if sys.argv[1:] == ["--self-test"]:
        return run_self_test(cases, check)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return check(sys.argv[1] if len(sys.argv) > 1 else here).finish(name)
