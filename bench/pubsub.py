#!/usr/bin/env python3
"""Broadcast beside other systems: './dev bench pubsub' (about ten minutes).

usage: bench/pubsub.py [core | mesh] [--quick | --full] [--sizes 16,32] [--payloads 64,1024,65536]
                       [--runs 3] [--only ours,iroh,...] [--add] [--built] [--no-write]

core, mesh: only those parts of bench_pubsub, ours alone. Otherwise both of them, then ours
(bench_broadcast) and the peers of bench/peers in turn, run after run: iroh-gossip, gossipsub of
rust-libp2p, NATS with one server, and the Rust saorsa-gossip. All nodes of a system are in one
process, on the loopback of a network namespace of its own whose counter gives the bytes. Prints the
tables and writes them into docs/benchmarks.md.

--quick is for trying it out and never writes; --full is 16, 32 and 64 nodes with five runs (an
hour). --add goes on with the runs of the time before, which are in build/peers/pubsub.jsonl;
with --runs 0 it only prints and writes. --built takes the peers as they are in build/peers.
What does not build here is left out, and the text says so. Rust takes a quarter of an hour to
build the first time. The exit code is 1 when a goal is missed, and the text says which.
"""
import argparse
import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RELEASE = os.path.join(ROOT, "build", "release")
PEERS = os.path.join(ROOT, "bench", "peers")
BUILT = os.path.join(ROOT, "build", "peers")
CARGO = os.path.join(BUILT, "cargo")  # one for all, so that they share what they have in common
ROWS = os.path.join(BUILT, "pubsub.jsonl")
DOC = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- pubsub: begin -->", "<!-- pubsub: end -->"
# name for --only, the system's own name, folder of bench/peers
SYSTEMS = (("ours", "saorsa", None), ("iroh", "iroh-gossip", "iroh"),
           ("gossipsub", "gossipsub", "gossipsub"), ("nats", "NATS", "nats"),
           ("rust", "saorsa-gossip (Rust)", "saorsa-rust"))
OURS, IROH, NATS = "saorsa", "iroh-gossip", "NATS"
RUST = "saorsa-gossip (Rust)"
TITLES = {OURS: "ours", "gossipsub": "gossipsub, signed", IROH: "iroh-gossip, unsigned",
          NATS: "NATS, one server, clear text", RUST: "Rust saorsa-gossip, signed"}
MODES = {"lone": "lone", "batch": "by 16"}
# What ours may be, as a multiple of the peer's: figure, mode, peer, factor.
GOALS = (("last-node P99", "last_p99_ms", "lone", IROH, 1), ("last-node P99", "last_p99_ms",
         "batch", IROH, 1), ("CPU per delivery", "cpu_us", "lone", IROH, 1 / 2),
         ("CPU per delivery", "cpu_us", "batch", IROH, 1 / 5),
         ("RSS per node", "rss_kb", "batch", IROH, 1 / 4),
         ("last-node P50", "last_p50_ms", "lone", NATS, 3),
         ("last-node P50", "last_p50_ms", "batch", NATS, 3))


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="?", choices=("core", "mesh"))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--sizes", default=None)
    parser.add_argument("--payloads", default="64,1024,65536")
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--only", default=",".join(s[0] for s in SYSTEMS))
    parser.add_argument("--add", action="store_true")
    parser.add_argument("--built", action="store_true")
    parser.add_argument("--no-write", action="store_true")
    opt = parser.parse_args()
    opt.sizes = opt.sizes or ("16,32,64" if opt.full else "16,32")
    if opt.runs is None:
        opt.runs = 5 if opt.full else 3
    if opt.quick:
        opt.sizes, opt.payloads, opt.runs, opt.no_write = "8", "1024", 1, True
    opt.sizes = [int(n) for n in opt.sizes.split(",")]
    opt.payloads = [int(n) for n in opt.payloads.split(",")]
    opt.only = opt.only.split(",")
    return opt


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- building ----

def build_cargo(folder, is_built):
    program = os.path.join(CARGO, "release", folder + "-peer")
    if is_built or shutil.which("cargo") is None:
        return program if is_built else None
    command = ["cargo", "build", "--release", "--locked", "-j", os.environ.get("SG_JOBS", "2")]
    done = subprocess.run(command, cwd=os.path.join(PEERS, folder), check=False,
                          env={**os.environ, "CARGO_TARGET_DIR": CARGO})
    return program if done.returncode == 0 else None


def build_go(folder, is_built):
    program = os.path.join(BUILT, folder)
    if is_built or shutil.which("go") is None:
        return program if is_built else None
    done = subprocess.run(["go", "build", "-o", program, "."], cwd=os.path.join(PEERS, folder),
                          check=False)
    return program if done.returncode == 0 else None


def programs(opt):
    """(system, program) of those that can be measured here, and the names of the others."""
    found, missing = [], []
    for name, system, folder in SYSTEMS:
        if name not in opt.only:
            continue
        say(f"building {system}")
        if folder is None:
            program = os.path.join(RELEASE, "bench_broadcast")
        else:
            build = build_go if folder == "nats" else build_cargo
            program = build(folder, opt.built)
        if program is not None and os.access(program, os.X_OK):
            found.append((system, program))
        else:
            missing.append(system)
    return found, missing


# ---- running ----

def namespace():
    """What puts a command in a network namespace of its own."""
    inside = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    for enter in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*enter, *inside, "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return [*enter, *inside]
    say("no network namespaces here: bytes are those of all that goes over loopback")
    return []


def amounts(payload, quick):
    """Lone messages, batches of 16."""
    if quick:
        return 20, 3
    return (100, 10) if payload > 16384 else (200, 25)


def run(enter, program, nodes, payload, seed, quick):
    command = [*enter, program, *(str(n) for n in (nodes, payload, *amounts(payload, quick), seed))]
    try:
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, timeout=600)
        if done.returncode == 0:
            return [json.loads(line) for line in done.stdout.splitlines()]
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        say(str(error))
    say("failed: " + " ".join(command))
    return []


def run_all(opt, found):
    enter = namespace()
    with open(ROWS, "a" if opt.add else "w", encoding="utf-8") as file:
        for nodes in opt.sizes:
            for payload in opt.payloads:
                for seed in range(1, opt.runs + 1):
                    for system, program in found:
                        say(f"{nodes} nodes, {payload} bytes, run {seed} of {opt.runs}: {system}")
                        rows = run(enter, program, nodes, payload, seed, opt.quick)
                        file.writelines(json.dumps(row) + "\n" for row in rows)
                        file.flush()
    with open(ROWS, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


# ---- tables ----

class Figures:
    def __init__(self, rows):
        self.rows = rows
        self.systems = [s[1] for s in SYSTEMS if any(r["system"] == s[1] for r in rows)]
        self.cells = sorted({(r["nodes"], r["payload"], r["mode"]) for r in rows},
                            key=lambda c: (c[0], c[1], c[2] != "lone"))

    def all(self, system, cell, key):
        return [r[key] for r in self.rows if r["system"] == system and
                (r["nodes"], r["payload"], r["mode"]) == cell]

    def median(self, system, cell, key):
        values = self.all(system, cell, key)
        return statistics.median(values) if values else None

    def text(self, system, cell, key, scale=1.0, digits=None):
        values = [v * scale for v in self.all(system, cell, key)]
        if not values:
            return "-"
        middle = statistics.median(values)
        if digits is None:
            digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
        text = f"{middle:.{digits}f}"
        if len(values) > 1:
            text += f" ({min(values):.{digits}f} .. {max(values):.{digits}f})"
        return text


def size_of(payload):
    return f"{payload // 1024} KiB" if payload % 1024 == 0 else f"{payload} B"


def name_of(cell):
    return f"{cell[0]}, {size_of(cell[1])}, {MODES[cell[2]]}"


def table(f, title, cells, text):
    head = [title] + [TITLES[s] for s in f.systems]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for cell in cells:
        lines.append("| " + " | ".join([name_of(cell)] + [text(s, cell) for s in f.systems]) + " |")
    return lines + [""]


def tables(f):
    def latency(system, cell):
        return f"{f.text(system, cell, 'last_p50_ms')} / {f.text(system, cell, 'last_p99_ms')}"

    lines = table(f, "nodes, payload, messages: last node P50 / P99, ms", f.cells, latency)
    lines += table(f, "CPU of the whole process per delivery, us", f.cells,
                   lambda s, c: f.text(s, c, "cpu_us"))
    lines += table(f, "bytes over loopback per delivery", f.cells,
                   lambda s, c: f.text(s, c, "bytes", 1, 0))
    lines += table(f, "RSS per node at the end, MB", [c for c in f.cells if c[2] == "batch"],
                   lambda s, c: f.text(s, c, "rss_kb", 1 / 1024))
    return lines


def goals(f):
    """A line for each goal: in how many cells it is met, and the worst."""
    lines, missed = [], []
    for what, key, mode, peer, factor in GOALS:
        ratios = []
        for cell in f.cells:
            ours, theirs = f.median(OURS, cell, key), f.median(peer, cell, key)
            if cell[2] == mode and ours is not None and theirs:
                ratios.append((ours / theirs, cell))
        if not ratios:
            continue
        met = sum(ratio <= factor for ratio, _ in ratios)
        least, most = min(ratios), max(ratios)
        where = "" if key == "rss_kb" else f", {MODES[mode]}"
        lines.append(f"| {what}{where}, over {peer}'s | {factor:.4g} | {least[0]:.2f} "
                     f"({name_of(least[1])}) .. {most[0]:.2f} ({name_of(most[1])}) | "
                     f"{met} of {len(ratios)} |")
        if met < len(ratios):
            missed.append(f"{what}{where} against {peer} in {len(ratios) - met} of {len(ratios)}")
    head = ["| ours over theirs, medians | at most | least .. most | met in |", "|---|---|---|---|"]
    return head + lines + [""], missed


def lost(f):
    notes = []
    for system in f.systems:
        wanted = sum(r["wanted"] for r in f.rows if r["system"] == system)
        here = sum(r["delivered"] for r in f.rows if r["system"] == system)
        if here < wanted:
            notes.append(f"{system}: {wanted - here} of {wanted}")
    return "Not delivered within 30 s: " + ("; ".join(notes) if notes else "nothing") + "."


def output_of(*command):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def load():
    with open("/proc/loadavg", encoding="ascii") as file:
        return float(file.read().split()[0])


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((l.split(":")[1].strip() for l in file if l.startswith("model name")), "?")
    return (f"{model}, {os.cpu_count()} processors, {output_of('uname', '-sr')}; commit "
            f"{output_of('git', 'rev-parse', '--short', 'HEAD')}, {datetime.date.today()}")


def report(f, missing, before):
    versions = [f"{TITLES[s]} {next(r['version'] for r in f.rows if r['system'] == s)}"
                for s in f.systems]
    runs = {len(f.all(s, c, "cpu_us")) for s in f.systems for c in f.cells} - {0}
    figures, missed = goals(f)
    lines = ["### Beside other systems (`./dev bench pubsub`)", "",
             f"{machine()}. " + "; ".join(versions) + ".", "",
             f"Medians (least .. most) of {min(runs)}" +
             (f" to {max(runs)}" if max(runs) > min(runs) else "") + " runs, all systems in turn. "
             "All nodes of a system in one process on loopback. A random node sends a message, or "
             "16 at once; 5 ms after all others have it comes the next. Last node: from the call "
             "that publishes to the delivery at the last node. CPU: user and system, of all nodes "
             "and the load itself. Bytes: all packets with their headers. RSS: without what the "
             "process had before its first node.", "", *tables(f), *figures, lost(f) + " " +
             ("Not measured, does not build here: " + ", ".join(missing) + ". " if missing else "")
             + "Missed: " + ("; ".join(missed) if missed else "nothing") +
             f". Load of the machine before {before:.1f}, after {load():.1f}."]
    return lines, missed


def write(lines):
    with open(DOC, encoding="utf-8") as file:
        text = file.read()
    if BEGIN not in text or END not in text:
        say(f"docs/benchmarks.md has no '{BEGIN}': not written")
        return
    head, rest = text.split(BEGIN, 1)
    with open(DOC, "w", encoding="utf-8") as file:
        file.write(head + "\n".join([BEGIN, *lines, END]) + rest.split(END, 1)[1])


def main():
    opt = options()
    own = [os.path.join(RELEASE, "bench_pubsub"), *([opt.part] if opt.part else [])]
    if not os.access(own[0], os.X_OK):
        sys.exit(f"{own[0]} is missing: ./dev build release")
    if opt.part:
        sys.exit(subprocess.run(own, check=False).returncode)
    os.makedirs(BUILT, exist_ok=True)
    before = load()
    found, missing = programs(opt) if opt.runs else ([], [])
    if not (opt.quick or opt.add):
        subprocess.run(own, check=True)
    figures = Figures(run_all(opt, found))
    if not figures.rows:
        sys.exit("nothing was measured")
    lines, missed = report(figures, missing, before)
    print("\n".join(lines))
    if not opt.no_write:
        write(lines)
    if missed:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
