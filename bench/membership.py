#!/usr/bin/env python3
"""Membership beside memberlist: './dev bench membership' (about 25 minutes by default).

usage: bench/membership.py [--quick | --full] [--sizes 32,128] [--runs 3] [--kills 2]
                           [--settle S] [--idle S] [--burn S] [--crashes 50]
                           [--crash-idle S] [--crash-burn S] [--no-write]

For each size and run first ours (bench_cluster: one process a node), then memberlist (one process
for all agents, as Go programs are measured; and one agent in a process of its own). Then 24
processes of ours with many kills, each replaced by a new node. --sizes= leaves out the comparison,
--crashes 0 the kills. Without Go memberlist is not measured, and the text says so. Prints the
tables and writes them into docs/benchmarks.md.
--quick is for trying it out and never writes; --full idles for ten minutes with 24 processes.
The exit code is 1 when a goal is missed, and the text says which.
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
OURS = os.path.join(ROOT, "build", "release", "bench_cluster")
PEER_SOURCE = os.path.join(ROOT, "bench", "peers", "memberlist")
PEER = os.path.join(ROOT, "build", "peers", "memberlist")
DOC = os.path.join(ROOT, "docs", "benchmarks.md")
BEGIN, END = "<!-- membership: begin -->", "<!-- membership: end -->"
# Lifeguard (arXiv 1707.00788v2), 128 agents, alpha 4 beta 6, which are memberlist's defaults:
# medians of SWIM, 12.44 and 12.90 s, times 83.12 % and 84.42 %.
PUBLISHED = {128: {"first": 12.44 * 0.8312, "full": 12.90 * 0.8442}}
CRASH_NODES = 24
CRASH_WORST_S, CRASH_MEDIAN_S = 5.0, 3.0
BURNERS = 2


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--sizes", default="32,128")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--settle", type=int, default=15)
    parser.add_argument("--idle", type=int, default=25)
    parser.add_argument("--burn", type=int, default=10)
    parser.add_argument("--crashes", type=int, default=50)
    parser.add_argument("--crash-idle", type=int, default=60)
    parser.add_argument("--crash-burn", type=int, default=30)
    parser.add_argument("--no-write", action="store_true")
    opt = parser.parse_args()
    if opt.quick:
        opt.sizes, opt.runs, opt.kills, opt.idle, opt.burn = "16", 1, 1, 5, 3
        opt.crashes, opt.crash_idle, opt.crash_burn, opt.settle = 2, 5, 3, 5
        opt.no_write = True
    if opt.full:
        opt.idle, opt.crash_idle, opt.crash_burn = 60, 600, 120
    opt.sizes = [int(n) for n in opt.sizes.split(",") if n]
    return opt


def say(text):
    print(text, file=sys.stderr, flush=True)


def build_peer():
    """Why memberlist cannot be measured here, or None when it can. Go fetches the module, or has it
    in its cache; without a network Debian's golang-github-hashicorp-memberlist-dev will do."""
    if shutil.which("go") is None:
        return "there is no Go here"
    debian = "/usr/share/gocode"
    tries = [{}]
    if os.path.isdir(os.path.join(debian, "src/github.com/hashicorp/memberlist")):
        tries.append({"GO111MODULE": "off", "GOPATH": debian})
    for more in tries:
        try:
            done = subprocess.run(["go", "build", "-o", PEER, "."], cwd=PEER_SOURCE, check=False,
                                  env={**os.environ, **more}, timeout=300)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return None
    return "memberlist did not build"


def run(command):
    text = [str(c) for c in command]
    try:
        done = subprocess.run(text, check=False, stdout=subprocess.PIPE, text=True, timeout=3600)
        if done.returncode == 0:
            return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        say(str(error))
    sys.exit("failed: " + " ".join(text))


def load():
    with open("/proc/loadavg", encoding="ascii") as file:
        return float(file.read().split()[0])


def run_ours(nodes, opt, seed):
    return run([OURS, "--nodes", nodes, "--kills", opt.kills, "--settle", opt.settle, "--idle",
                opt.idle, "--burners", BURNERS, "--burn", opt.burn, "--seed", seed])


def run_crashes(opt):
    return run([OURS, "--nodes", CRASH_NODES, "--kills", opt.crashes, "--settle", opt.settle,
                "--idle", opt.crash_idle, "--burners", BURNERS, "--burn", opt.crash_burn,
                "--seed", 1, "--respawn"])


def run_peer(nodes, opt, seed):
    return run([PEER, "-nodes", nodes, "-kills", opt.kills, "-settle", opt.settle,
                "-idle", opt.idle, "-burners", BURNERS, "-burn", opt.burn, "-seed", seed,
                f"-lone={'true' if seed == 1 else 'false'}"])


class Figures:
    """The results of one side at one size, over all runs."""

    def __init__(self, rows):
        self.rows = rows

    def __bool__(self):
        return bool(self.rows)

    def all(self, key, scale=1.0):
        values = []
        for row in self.rows:
            value = row[key]
            values += value if isinstance(value, list) else [value]
        return [v * scale for v in values]

    def seconds(self, key):
        return [v for v in self.all(key, 0.001) if v >= 0]

    def total(self, key):
        return sum(self.all(key))


def spread(values, digits):
    if not values:
        return "none seen"
    text = f"{statistics.median(values):.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):.{digits}f} .. {max(values):.{digits}f})"
    return text


def memory_text(figures):
    first = figures.rows[0]
    parts = [f"{kind} {first['rss_kb'][kind] / 1024:.1f} / {first['pss_kb'][kind] / 1024:.1f}"
             for kind in first["rss_kb"] if kind != "sum" and first["rss_kb"][kind] >= 50]
    return "; ".join(parts)


def size_rows(nodes, ours, peer):
    """(figure, ours, published, memberlist) for one size."""
    published = PUBLISHED.get(nodes, {})
    rows = []
    lone = [r["lone"] for r in peer.rows if r.get("lone")]

    def row(name, mine, theirs, figure=""):
        rows.append((f"{nodes}: {name}", mine, figure, theirs if peer else "not measured"))

    def timed(name, key, figure=""):
        row(name, spread(ours.seconds(key), 2), spread(peer.seconds(key), 2), figure)

    timed("all know all, s", "converge_ms")
    row("idle CPU of all, % of a core", spread(ours.all("idle_cpu_percent"), 2),
        spread(peer.all("idle_cpu_percent"), 2))
    row("idle CPU of one process, %",
        f"{ours.total('idle_cpu_percent') / len(ours.rows) / nodes:.3f}",
        f"{lone[0]['idle_cpu_percent']:.3f} (all agents in processes of their own: "
        f"{lone[0]['idle_cpu_percent'] * nodes:.1f})" if lone else "")
    row("CPU seconds of all, from the start until settled / converged",
        spread(ours.all("join_cpu_s"), 2), spread(peer.all("join_cpu_s"), 2))
    row("first suspicion, s", spread(ours.seconds("suspect_ms"), 2), "")
    for key in ("first", "full"):
        figure = f"{published[key]:.1f}" if key in published else ""
        timed(f"{key} detection, s", f"{key}_ms", figure)
    for phase in ("idle", "burn"):
        what = "false positives, " + ("idle" if phase == "idle" else f"{BURNERS} CPU burners")
        row(f"{what}, in all runs", f"{ours.total(phase + '_false_positives'):.0f} in "
            f"{ours.total(phase + '_s'):.0f} s", f"{peer.total(phase + '_false_positives'):.0f} in "
            f"{peer.total(phase + '_s'):.0f} s" if peer else "")
    row("RSS / PSS of one process, MB",
        " / ".join(f"{statistics.mean(r[k]['sum'] for r in ours.rows) / 1024:.1f}"
                   for k in ("rss_kb", "pss_kb")),
        f"{lone[0]['rss_kb'] / 1024:.1f} / {lone[0]['pss_kb'] / 1024:.1f}" if lone else "")
    row("RSS, heap of all agents in one process, MB", "",
        ", ".join(spread(peer.all(k, 1 / 1024), 1) for k in ("rss_kb", "heap_kb")))
    row("traffic of one node, idle, bytes/s",
        spread([r["node_rates"]["bytes"] for r in ours.rows], 0), "")
    return rows


def slower(nodes, ours, peer):
    """Where ours is behind memberlist, by the median."""
    missed = []
    for name, key in (("convergence", "converge_ms"), ("first detection", "first_ms"),
                      ("full detection", "full_ms"), ("idle CPU", "idle_cpu_percent")):
        mine, theirs = ours.all(key), peer.all(key)
        if peer and statistics.median(mine) > statistics.median(theirs):
            missed.append(f"{nodes} members: {name} {statistics.median(mine):.2f} against "
                          f"{statistics.median(theirs):.2f}")
    return missed + blemishes(nodes, ours)


def blemishes(nodes, ours):
    missed = []
    if ours.total("false_positives") > 0:
        missed.append(f"{nodes} members: {ours.total('false_positives'):.0f} false positives")
    if ours.total("missed") > 0:
        missed.append(f"{nodes} members: {ours.total('missed'):.0f} pairs of survivor and victim "
                      "without a verdict")
    if ours.total("agreeing_tables") != ours.total("living"):
        missed.append(f"{nodes} members: at the end {ours.total('agreeing_tables'):.0f} of "
                      f"{ours.total('living'):.0f} tables were right")
    return missed


def crash_rows(crash):
    full = crash.seconds("full_ms")
    wrong = {p: crash.total(p + "false_positives") for p in ("", "idle_", "burn_")}
    rows = [
        ("kills", str(len(crash.all("full_ms"))), ""),
        ("first suspicion, s", spread(crash.seconds("suspect_ms"), 2), ""),
        ("first survivor knows, s", spread(crash.seconds("first_ms"), 2), ""),
        ("every survivor knows, s", spread(full, 2),
         f"median < {CRASH_MEDIAN_S:.0f}, each < {CRASH_WORST_S:.0f}"),
        (f"false positives in {crash.total('idle_s'):.0f} s idle",
         f"{wrong['idle_']:.0f} "
         f"(suspicions {crash.total('idle_suspicions'):.0f})", "0"),
        (f"false positives in {crash.total('burn_s'):.0f} s with {BURNERS} CPU burners",
         f"{wrong['burn_']:.0f} "
         f"(suspicions {crash.total('burn_suspicions'):.0f})", "0"),
        ("false positives during the kills and new arrivals",
         f"{wrong[''] - wrong['idle_'] - wrong['burn_']:.0f}", "0"),
    ]
    missed = blemishes(CRASH_NODES, crash)
    if not full or max(full) >= CRASH_WORST_S or len(full) < len(crash.all("full_ms")):
        missed.append(f"not every crash was known to all within {CRASH_WORST_S:.0f} s")
    if not full or statistics.median(full) >= CRASH_MEDIAN_S:
        missed.append(f"the median of crashes known to all is not below {CRASH_MEDIAN_S:.0f} s")
    return rows, missed


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def output_of(*command):
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, cwd=ROOT)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((l.split(":")[1].strip() for l in file if l.startswith("model name")), "?")
    return (f"{model}, {os.cpu_count()} processors, {output_of('uname', '-sr')}, "
            f"{output_of('gcc', '--version').splitlines()[0]}; commit "
            f"{output_of('git', 'rev-parse', '--short', 'HEAD')}, {datetime.date.today()}")


def compare(opt, no_peer):
    rows, missed, notes = [], [], []
    version = ""
    if no_peer is not None:
        missed.append(f"the comparison with memberlist: {no_peer}")
    for nodes in opt.sizes:
        ours, peer = [], []
        for seed in range(1, opt.runs + 1):
            say(f"{nodes} members, run {seed} of {opt.runs}, load {load():.1f}")
            ours.append(run_ours(nodes, opt, seed))
            if no_peer is None:
                peer.append(run_peer(nodes, opt, seed))
                version = peer[-1]["version"] + ", " + peer[-1]["go"]
        ours, peer = Figures(ours), Figures(peer)
        rows += size_rows(nodes, ours, peer)
        missed += slower(nodes, ours, peer)
        notes.append(f"One of our nodes among {nodes}, idle, per second: " + ", ".join(
            f"{what.replace('_', ' ')} {rate:.1f}" for what, rate in
            ours.rows[0]["node_rates"].items()) +
            f"; connections {ours.rows[0]['connections']:.1f}.")
        notes.append(f"Memory of one of our processes among {nodes}, MB RSS / PSS: "
                     f"{memory_text(ours)}.")
    head = ("members: figure", "ours", "published", "memberlist" + (" " + version).rstrip())
    return table(head, rows) + [""] + notes, missed


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
    opt = options()
    if not os.access(OURS, os.X_OK):
        sys.exit(f"{OURS} is missing: ./dev build release")
    no_peer = build_peer() if opt.sizes else None
    load_before = load()
    lines = ["## Membership", "",
             "`./dev bench membership" + "".join(" " + a for a in sys.argv[1:]) + "`. " + machine()
             + ".", ""]
    missed = []
    if opt.sizes:
        side, missed = compare(opt, no_peer)
        lines += [f"Same machine, same run, in turn: {opt.runs} runs of each, {opt.kills} kills a "
                  f"run, settled for {opt.settle} s, idle {opt.idle} s, burners {opt.burn} s; "
                  "median (min .. max) over runs, for detection over all kills. Ours: one process "
                  "a node, encrypted and authenticated; memberlist: LAN defaults, in "
                  "clear text, all agents in one "
                  "process. Published: Lifeguard's table at memberlist's defaults.", "", *side, ""]
    if opt.crashes > 0:
        say(f"{CRASH_NODES} processes, {opt.crashes} kills, load {load():.1f}")
        crash = Figures([run_crashes(opt)])
        rows, more = crash_rows(crash)
        missed += more
        lines += [f"{CRASH_NODES} processes, defaults, kill -9 one after another, each replaced by "
                  "a new node.", "", *table(("figure", "measured", "asked"), rows), ""]
    lines.append("Missed: " + ("; ".join(missed) if missed else "nothing") + ". Load of the "
                 f"machine before {load_before:.1f}, after {load():.1f}.")
    print("\n".join(lines))
    if not opt.no_write:
        write(lines)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
