#!/bin/sh
# All figures of docs/benchmarks.md, one after the other on an otherwise idle machine: about five
# minutes. Medians and spread are over the runs that each part names. './dev bench' calls it.
# Membership takes longer and writes its own section: './dev bench membership'.
set -eu
cd "$(dirname "$0")/.."
bin=build/release
runs=${SG_BENCH_RUNS:-5}

title() { printf '\n## %s\n' "$1"; }

# FIELD...: median (min .. max) of each field over the JSON objects on stdin, one a line
summary() {
    python3 -c '
import json, statistics, sys
rows = [json.loads(line) for line in sys.stdin if line.strip()]
for field in sys.argv[1:]:
    values = []
    for row in rows:
        for key in [field]:
            row = row[key]
        values.append(row)
    print("%-28s %10.4g  (%.4g .. %.4g, %d runs)" % (
        field, statistics.median(values), min(values), max(values), len(values)))
' "$@"
}

title machine
awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo
printf '%s processors, %s, %s\n' "$(nproc)" "$(uname -sr)" "$(gcc --version | head -n 1)"
printf 'load %s, commit %s\n' "$(cut -d' ' -f1-3 /proc/loadavg)" \
    "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)"

for name in crypto handshake udp stream idle sim; do
    [ -x "$bin/bench_$name" ] || continue
    title "$name: $bin/bench_$name"
    "$bin/bench_$name"
done

title "demo: saorsa demo --nodes 10 --messages 1000 --size 1024 --rate 100"
i=0
while [ "$i" -lt "$runs" ]; do
    i=$((i + 1))
    "$bin/saorsa" demo --nodes 10 --messages 1000 --size 1024 --rate 100 --seed "$i" --json
done | summary delivered latency_p50_ms latency_p95_ms latency_p99_ms last_node_p50_ms \
    last_node_p99_ms rmr last_delivery_hop_mean bytes_per_delivery handshake_ms rss_mean_bytes \
    core_share_mean
