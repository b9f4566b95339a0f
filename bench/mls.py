#!/usr/bin/env python3
"""MLS groups beside core-crypto (OpenMLS): './dev bench mls' (about ten minutes).

usage: bench/mls.py [--members 1000] [--quick] [--no-peer] [--no-write]

Ours (bench_mls) and Wire's core-crypto 10.3 from npm (bench/peers/mls, in Node, its native library)
in turn, suite 1; then ours alone: the post-quantum default at 1 000 and 10 000 members, and how a
full tree grows. All times are CPU time, user and system, so that a busy machine does not count.
core-crypto also writes its state into a database in memory within each operation. Prints the tables
and writes them into docs/benchmarks.md. --quick never writes. The exit code is 1 when a goal is
missed.
"""
import argparse
import json
import os
import platform
import shutil
import struct
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = os.path.join(ROOT, "build", "release", "bench_mls")
PEER_SOURCE = os.path.join(ROOT, "bench", "peers", "mls")
PEER = os.path.join(ROOT, "build", "peers", "mls")
DOC = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- mls: begin -->", "<!-- mls: end -->"
DEFAULT_SUITE = "0xf60a"
OPERATIONS = ("add all", "join", "update", "process", "encrypt 64 B", "decrypt")
# Goals in ms, for one thread: suite, members, tree, operation. From the project's plan.
GOALS = {
    ("1", 1000, "blank"): {"add all": 300, "join": 110, "update": 60, "process": 2},
    (DEFAULT_SUITE, 1000, "blank"): {"add all": 500, "join": 200, "update": 70},
    (DEFAULT_SUITE, 10000, "blank"): {"add all": 5000, "join": 2000, "update": 700},
    (DEFAULT_SUITE, 1000, "full"): {"update": 4, "process": 2, "encrypt 64 B": 1.1,
                                    "decrypt": 0.25, "roll back 16 and follow again": 40},
    (DEFAULT_SUITE, 10000, "full"): {"update": 5, "process": 3, "encrypt 64 B": 1.1,
                                     "decrypt": 0.25, "roll back 16 and follow again": 60},
}
MEMORY_GOAL = 9000  # bytes for each member, post-quantum


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the peer ----

def weaken(path, version):
    """Lets a library load beside a C library before version: glue.c has what it wants of it."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    sections, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    for i in range(count):
        fields = struct.unpack_from("<IIQQQQIIQQ", data, sections + i * size)
        kind, offset, link, needs = fields[1], fields[4], fields[6], fields[7]
        if kind != 0x6FFFFFFE:  # SHT_GNU_verneed
            continue
        strings, = struct.unpack_from("<Q", data, sections + link * size + 24)
        for _ in range(needs):
            _, versions, _, first, step = struct.unpack_from("<HHIII", data, offset)
            at = offset + first
            for _ in range(versions):
                _, flags, _, name, step_version = struct.unpack_from("<IHHII", data, at)
                if data[strings + name:data.index(0, strings + name)].decode() == version:
                    struct.pack_into("<H", data, at + 4, flags | 2)  # VER_FLG_WEAK
                at += step_version
            offset += step
    with open(path, "wb") as file:
        file.write(data)


def build_peer():
    """The environment to run core-crypto in, or None when it cannot be measured here."""
    if shutil.which("npm") is None or platform.machine() != "x86_64":
        say("no npm here, or no x86-64: core-crypto is not measured")
        return None
    os.makedirs(PEER, exist_ok=True)
    for name in ("package.json", "package-lock.json", "peer.mjs", "glue.c"):
        shutil.copy(os.path.join(PEER_SOURCE, name), PEER)
    if subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=PEER,
                      check=False).returncode != 0:
        say("core-crypto cannot be installed: not measured")
        return None
    native = os.path.join(PEER, "node_modules/@wireapp/core-crypto/dist/native")
    weaken(os.path.join(native, "libcore_crypto_ffi.so"), "GLIBC_2.38")
    glue = os.path.join(PEER, "glue.so")
    made = subprocess.run(["cc", "-shared", "-fPIC", "-o", glue, os.path.join(PEER, "glue.c")],
                          check=False)
    return {**os.environ, "LD_PRELOAD": glue} if made.returncode == 0 else None


# ---- running ----

def run(command, **more):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        sys.exit("failed: " + " ".join(command))
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_ours(suite, members, tree):
    lines = run([OURS, "json", tree, suite, str(members)])
    return {line["what"]: line for line in lines if "what" in line}


def run_peer(members, environment, runs):
    lines = run(["node", "peer.mjs", str(members), str(runs)], cwd=PEER, env=environment)
    return {line["what"]: line for line in lines}


def cell(line):
    if line is None:
        return "-"
    text = f"{line['ms']:.2f}" if line["ms"] < 100 else f"{line['ms']:.0f}"
    if line["runs"] > 1:
        text += f" ({line['low']:.2f} .. {line['high']:.2f})"
    return text


def check_goals(key, figures, missed):
    for what, goal in GOALS.get(key, {}).items():
        if figures[what]["ms"] > goal:
            missed.append(f"suite {key[0]}, {key[1]} members, {key[2]} tree, {what}: "
                          f"{figures[what]['ms']:.2f} ms, the goal is {goal} ms")


# ---- tables ----

def beside(opt, environment, missed):
    members = opt.members
    say(f"suite 1, {members} members: ours")
    ours = run_ours("1", members, "blank")
    theirs = {}
    if environment is not None:
        say(f"suite 1, {members} members: core-crypto")
        theirs = run_peer(members, environment, 3)
        say(f"suite 1, {members} members: ours again")
        again = run_ours("1", members, "blank")
        ours = {w: max(ours[w], again[w], key=lambda f: f.get("ms", 0)) for w in ours}
    check_goals(("1", members, "blank"), ours, missed)
    goals = GOALS.get(("1", members, "blank"), {})
    lines = [f"Suite 1, {members} members, blank tree, CPU ms: median (least .. most).", "",
             "| operation | ours | goal | core-crypto 10.3 | bytes, ours | bytes, core-crypto |",
             "|---|---|---|---|---|---|"]
    for what in OPERATIONS:
        other = theirs.get(what)
        lines.append(f"| {what} | {cell(ours[what])} | {goals.get(what, '')} | {cell(other)} | "
                     f"{ours[what]['bytes'] or ''} | {other['bytes'] or '' if other else ''} |")
    floor = (2 * ours["one verification"]["ms"] + ours["one HPKE seal"]["ms"]) * (members - 1)
    return lines + ["", f"Of 'add all' {floor:.0f} ms, and of 'join' "
                        f"{ours['one verification']['ms'] * members:.0f} ms, are the crypto "
                        "library's: two signatures and a seal, or one signature, for each member."]


def alone(opt, missed):
    sizes = (100,) if opt.quick else (1000, 10000)
    lines = ["", "Post-quantum default (ML-KEM-768, AES-256-GCM, SHA-384, ML-DSA-65), CPU ms.", "",
             "| members | tree | " + " | ".join(OPERATIONS) + " | roll back 16, follow again | "
             "memory a member |", "|---" * (len(OPERATIONS) + 4) + "|"]
    for members in sizes:
        for tree in ("blank", "full"):
            say(f"suite {DEFAULT_SUITE}, {members} members, {tree} tree")
            figures = run_ours(DEFAULT_SUITE, members, tree)
            check_goals((DEFAULT_SUITE, members, tree), figures, missed)
            memory = figures["memory"]["bytes"] / members if "memory" in figures else 0
            if memory > MEMORY_GOAL:
                missed.append(f"{members} members: {memory:.0f} bytes of memory for each")
            lines.append(f"| {members} | {tree} | "
                         + " | ".join(cell(figures.get(what)) for what in OPERATIONS)
                         + f" | {cell(figures.get('roll back 16 and follow again'))} | "
                         + (f"{memory / 1000:.2f} KB" if memory else "-") + " |")
    return lines


def growth(opt, missed):
    sizes = (16, 64) if opt.quick else (100, 1000, 10000)
    lines = ["", "Growth with the members, full tree, suite 1: an update and its processing in CPU "
             "ms, and the commit's bytes; log2 N doubles from 100 to 10 000.", "",
             "| members | update | process | bytes |", "|---|---|---|---|"]
    updates = []
    for members in sizes:
        say(f"suite 1, {members} members, full tree")
        figures = run_ours("1", members, "full")
        updates.append(figures["update"]["ms"])
        lines.append(f"| {members} | {cell(figures['update'])} | {cell(figures['process'])} | "
                     f"{figures['update']['bytes']} |")
    if not opt.quick and updates[-1] > 3 * updates[0]:
        missed.append(f"an update grows {updates[-1] / updates[0]:.1f} times from 100 to 10 000")
    return lines


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {len(models)} processors"


def write(lines):
    with open(DOC, encoding="utf-8") as file:
        text = file.read()
    section = "\n".join([BEGIN, *lines, END])
    if BEGIN in text and END in text:
        text = text[:text.index(BEGIN)] + section + text[text.index(END) + len(END):]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    with open(DOC, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--no-write", action="store_true")
    opt = parser.parse_args()
    if opt.quick:
        opt.members, opt.no_write = 20, True
    environment = None if opt.no_peer else build_peer()
    missed = []
    lines = ["## MLS", "", f"`./dev bench mls`. {machine()}; one thread.", ""]
    lines += beside(opt, environment, missed)
    lines += alone(opt, missed)
    lines += growth(opt, missed)
    print("\n".join(lines))
    if not opt.no_write:
        write(lines)
    for text in missed:
        say("missed: " + text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
