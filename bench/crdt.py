#!/usr/bin/env python3
"""Replicated documents beside other libraries: './dev bench crdt' (about two minutes).

usage: bench/crdt.py [--runs 5] [--traces FOLDER] [--no-peers] [--no-write]

Ours (bench_crdt) and then diamond-types, Loro, Automerge and Yjs from npm (bench/peers/crdt, pinned
by its lock file), in turn, --runs times. Times are CPU times, so that a busy machine counts less.
Prints the tables and writes them into docs/benchmarks.md where the markers are. The exit code is 1
when a goal is missed, and the text says which.

Traces: github.com/josephg/editing-traces, CC BY 4.0: Joseph Gentle (rustcode, sveltecomponent,
friendsforever), Vadim Dalecky (json-crdt-blog-post), Martin Kleppmann et al. (automerge-paper).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS = os.path.join(ROOT, "build", "release", "bench_crdt")
PEER_SOURCE = os.path.join(ROOT, "bench", "peers", "crdt")
PEER = os.path.join(ROOT, "build", "peers", "crdt")
DOC = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- crdt: begin -->", "<!-- crdt: end -->"
PAPER = "automerge-paper"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--traces", default=os.environ.get("SAORSA_VECTORS"))
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-write", action="store_true")
    return parser.parse_args()


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_traces(named):
    for folder in (named, os.path.join(ROOT, "../shared/vectors"),
                   os.path.join(ROOT, "../../shared/vectors")):
        if folder and os.path.isdir(os.path.join(folder, "editing-traces")):
            return os.path.abspath(folder)
    sys.exit("the editing traces are not there (set SAORSA_VECTORS)")


def build_peers():
    if shutil.which("npm") is None:
        say("no npm here: the others are not measured")
        return False
    os.makedirs(PEER, exist_ok=True)
    for name in ("package.json", "package-lock.json", "peers.mjs"):
        shutil.copy(os.path.join(PEER_SOURCE, name), PEER)
    made = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=PEER,
                          check=False)
    if made.returncode != 0:
        say("the others cannot be installed: not measured")
    return made.returncode == 0


def lines_of(command, traces, cwd=None):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=cwd,
                          env={**os.environ, "SAORSA_VECTORS": traces})
    if done.returncode != 0:
        sys.exit("failed: " + " ".join(command))
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def key_of(row):
    for name in ("trace", "name"):
        if name in row:
            return row[name]
    for name in ("per_txn", "random_chars", "one_spot", "sync_entries"):
        if name in row:
            return f"{name} {row[name]}"
    return "store"


class Figures:
    """Medians, smallest and largest of each field, over runs."""

    def __init__(self):
        self.values = {}

    def add(self, rows):
        for row in rows:
            if row.get("ok") is False:
                sys.exit(f"{key_of(row)} does not end in endContent")
            for field, value in row.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    self.values.setdefault((key_of(row), field), []).append(value)

    def median(self, key, field):
        return statistics.median(self.values[key, field])

    def text(self, key, field, scale=1.0, digits=2):
        values = [v / scale for v in self.values[key, field]]
        return (f"{statistics.median(values):.{digits}f} "
                f"({min(values):.{digits}f} .. {max(values):.{digits}f})")


def goals(f, has_peers):
    """[(what, reached, wanted, met)]"""
    speed = f.median(PAPER, "local_patches_s")
    rows = [("local edits, M/s", speed / 1e6, ">= 5", speed >= 5e6)]
    if has_peers:
        ratio = speed / f.median("diamond-types-node 1.0.2", "patches_s")
        rows.append(("times diamond-types' npm build", ratio, ">= 2", ratio >= 2))
    for what, key, field, most in (
            ("merge the whole trace, ms", PAPER, "merge_ms", 26),
            ("merge one keystroke batch, ns", PAPER, "keystroke_merge_ns", 2000),
            ("random edit, 1 M characters, ns", "random_chars 1000000", "edit_ns", 1000),
            ("file with history, B/op", "per_txn 1000", "file_per_op", 0.45),
            ("memory, B/op", PAPER, "ram_per_op", 5),
            ("open to readable text, ms", "per_txn 1000", "open_ms", 5),
            ("keystroke batch, B", PAPER, "keystroke_bytes", 40)):
        value = f.median(key, field)
        rows.append((what, value, f"<= {most}", value <= most))
    for what, field, most in (("sync, 50 of 5 000 entries moved: control bytes, most",
                               "control_bytes_max", 6000),
                              ("the same: round trips, most", "round_trips_max", 2),
                              ("the same: both sides' CPU, ms", "both_sides_ms", 10)):
        value = f.median("sync_entries 5000", field)
        rows.append((what, value, f"<= {most}", value <= most))
    value = f.median("store", "durable_batches_s")
    rows.append(("durable batches/s", value, ">= 10000", value >= 10000))
    return rows


def number(value):
    return f"{value:.0f}" if value >= 10000 else f"{value:.4g}"


def table(f, opt, has_peers, names):
    out = [f"Medians (smallest .. largest) of {opt.runs} runs, CPU time but for the store.", "",
           "| goal (automerge-paper) | reached | wanted | |", "|---|---|---|---|"]
    out += [f"| {what} | {number(value)} | {wanted} | {'met' if met else '**missed**'} |"
            for what, value, wanted, met in goals(f, has_peers)]
    out += ["", "| trace | local M patches/s | merge ms | RAM B/op | log B/op |"
            " keystroke: local ns | merge ns | bytes |", "|---|---|---|---|---|---|---|---|"]
    for name in names:
        out.append("| " + " | ".join([name, f.text(name, "local_patches_s", 1e6),
                                      f.text(name, "merge_ms"), f.text(name, "ram_per_op"),
                                      f.text(name, "log_per_op", 1, 3),
                                      f.text(name, "keystroke_local_ns", 1, 0),
                                      f.text(name, "keystroke_merge_ns", 1, 0),
                                      f.text(name, "keystroke_bytes", 1, 1)]) + " |")
    out += ["", "| automerge-paper | patches/s, k | file B/op | open ms |", "|---|---|---|---|",
            f"| ours, 1 000 patches a batch | {f.text(PAPER, 'local_patches_s', 1e3, 0)} | "
            f"{f.text('per_txn 1000', 'file_per_op', 1, 3)} | "
            f"{f.text('per_txn 1000', 'open_ms')} |",
            f"| ours, every patch a batch | {1e6 / f.median(PAPER, 'keystroke_local_ns'):.0f} | "
            f"{f.text('per_txn 1', 'file_per_op', 1, 3)} | {f.text('per_txn 1', 'open_ms')} |"]
    for name in [k for k, field in f.values if field == "patches_s"]:
        out.append(f"| {name} | {f.text(name, 'patches_s', 1e3, 0)} | "
                   f"{f.text(name, 'file_per_op', 1, 3)} | {f.text(name, 'open_ms')} |")
    out += ["", "Random edits at 10k / 100k / 1M characters, ns: " + " / ".join(
        f.text(f"random_chars {n}", "edit_ns", 1, 0) for n in (10000, 100000, 1000000)) + ".",
            "", "Concurrent inserts at one spot, and at the top of a text below which each author "
            "has written lines before:", "", "| authors | in all, ms | each, us | at the top, us |",
            "|---|---|---|---|"]
    out += [f"| {k} | " + " | ".join([f.text(f"one_spot {k}", "total_ms", 1, 1),
                                      f.text(f"one_spot {k}", "us"),
                                      f.text(f"one_spot {k}", "top_us")]) + " |"
            for k in (1000, 1540, 3000, 10000, 30000)]
    out += ["", f"Durable batches a second, 64 to a transaction: "
            f"{f.text('store', 'durable_batches_s', 1, 0)}; of a transaction's "
            f"{f.text('store', 'durable_txn_ms')} ms the CPU works "
            f"{f.median('store', 'durable_cpu_us') * 64 / 1e3:.2f} ms."]
    return "\n".join(out)


def write(text):
    with open(DOC, encoding="utf-8") as file:
        doc = file.read()
    if BEGIN not in doc:
        say(f"docs/benchmarks.md has no '{BEGIN}': not written")
        return
    head, rest = doc.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    with open(DOC, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def main():
    opt = options()
    traces = find_traces(opt.traces)
    has_peers = not opt.no_peers and build_peers()
    paper = os.path.join(traces, "editing-traces", "sequential", PAPER + ".json.gz")
    figures = Figures()
    names = []
    for run in range(opt.runs):
        say(f"run {run + 1} of {opt.runs}")
        rows = lines_of([OURS], traces)
        names = [row["trace"] for row in rows if "trace" in row]
        figures.add(rows)
        if has_peers:
            figures.add(lines_of(["node", "peers.mjs", paper], traces, PEER))
    text = table(figures, opt, has_peers, names)
    print(text)
    if not opt.no_write:
        write(text)
    missed = [what for what, _, _, met in goals(figures, has_peers) if not met]
    if missed:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
