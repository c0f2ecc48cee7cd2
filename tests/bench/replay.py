#!/usr/bin/env python3
"""Does a replayed trace rank the allocators as the live run does?

The demo's load (make demo) goes through a fresh heapgate with each allocator, in
random order, regions=heap for all; its peak is the highest anonymous memory of the
worker, looked at every 5 ms, over that after one request. One more heapgate, on
the system's allocator, writes a trace of the same; all allocators replay it. Its
peak is over that of a trace that ends after the one request.

    make bench-replay [ROUNDS=5]

Two allocators are told apart where their ranges of all rounds do not overlap;
else it is a tie. Exits 1 when a pair that both ways tell apart stands in the
opposite order. Written to $B/bench/: replay.csv, replay.md.
"""

import argparse
import csv
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import frame  # noqa: E402
import hold  # noqa: E402
import peers  # noqa: E402
import procs  # noqa: E402
from procs import Trouble  # noqa: E402

ALLOCATORS = ["system", "jemalloc", "mimalloc", "tcmalloc", "hybrid"]
REQUESTS, CLIENTS, STREAMS, RATE = 8000, 40, 10, 200  # as in tests/demo/demo.sh
PATHS = ["/bytes/1k", "/bytes/16k", "/delay/20?bytes=4k"]
LOOK_S = 0.005


def worker_of(p):
    """The process below the supervisor that is the largest."""
    pids = [q for q in procs.tree(p.pid) if q != p.pid]
    if not pids:
        raise Trouble("no worker")
    return max(pids, key=lambda q: procs.memory_kb([q])[0])


def anon_kb(pid):
    with open("/proc/%d/statm" % pid) as f:
        words = f.read().split()
    return (int(words[1]) - int(words[2])) * os.sysconf("SC_PAGESIZE") // 1024


def load(port):
    out = subprocess.run(
        ["h2load", "-t1", "-n%d" % REQUESTS, "-c%d" % CLIENTS, "-m%d" % STREAMS,
         "--rps=%d" % RATE] + ["https://127.0.0.1:%d%s" % (port, path)
                               for path in PATHS],
        capture_output=True, text=True, timeout=120).stdout
    if "%d succeeded, 0 failed" % REQUESTS not in out:
        raise Trouble("h2load said:\n" + out[-800:])


def warm(bench, spec):
    """A fresh heapgate that has answered one request."""
    p, port = bench.start_proxy("heapgate:" + spec, "origin")
    hold.idle(port, 1, PATHS[0])[0].close()
    time.sleep(0.3)
    return p, port


def run_live(bench, allocator):
    """kB of the peak over idle."""
    p, port = warm(bench, allocator + ",regions=heap")
    try:
        pid = worker_of(p)
        idle = most = anon_kb(pid)
        t = threading.Thread(target=load, args=(port,))
        t.start()
        while t.is_alive():
            most = max(most, anon_kb(pid))
            time.sleep(LOOK_S)
        return most - idle
    finally:
        procs.end(p)


def record(bench, name, work):
    path = bench.path(name + ".trace")
    if os.path.exists(path):
        os.unlink(path)
    p, port = warm(bench, "system+trace=%s,regions=heap" % path)
    work(port)
    p.terminate()
    p.wait(30)  # it writes the trace's end
    procs.end(p)
    return path


def peak_kb(bench, path, allocator):
    r = subprocess.run([bench.opts.heapgate, "replay", path, "--json", "--allocator",
                        allocator + ",regions=heap"], capture_output=True, text=True)
    if r.returncode:
        raise Trouble("heapgate replay: " + r.stderr.strip())
    said = json.loads(r.stdout)
    if said["trace"]["lost"] or said["replays"][0]["failed"]:
        raise Trouble("the trace is not whole: %s" % r.stdout)
    return said["replays"][0]["peak_bytes"] / 1024


def run_replays(bench):
    """{allocator: kB of the peak over idle}"""
    idle = record(bench, "idle", lambda port: None)
    full = record(bench, "full", load)
    return {a: peak_kb(bench, full, a) - peak_kb(bench, idle, a) for a in ALLOCATORS}


def run(bench):
    rng = random.Random(bench.opts.seed)
    for rnd in range(1, bench.opts.rounds + 1):
        who = ALLOCATORS[:]
        rng.shuffle(who)
        for a in who:
            bench.rows.append((rnd, "live", a, run_live(bench, a)))
        for a, kb in run_replays(bench).items():
            bench.rows.append((rnd, "replay", a, kb))
        print("round %d: %s" % (rnd, ", ".join(
            "%s %s %.1f MB" % (way, a, kb / 1024)
            for r, way, a, kb in bench.rows if r == rnd)), flush=True)
    return len(compare(bench)[1])


# --- telling -------------------------------------------------------------

def figures(bench, way):
    """{allocator: its figures in MB}"""
    return {a: [kb / 1024 for _, w, b, kb in bench.rows if (w, b) == (way, a)]
            for a in ALLOCATORS}


def sign(f, a, b):
    """-1: a is the smaller one; 1: b is; 0: a tie."""
    if max(f[a]) < min(f[b]):
        return -1
    return 1 if max(f[b]) < min(f[a]) else 0


def ranking(f):
    """Smallest first; "=" between neighbours that tie."""
    order = sorted(ALLOCATORS, key=lambda a: statistics.median(f[a]))
    out = order[0]
    for a, b in zip(order, order[1:]):
        out += (" < " if sign(f, a, b) else " = ") + b
    return out


def compare(bench):
    """How many pairs both ways tell apart; those in the opposite order."""
    live, replay = figures(bench, "live"), figures(bench, "replay")
    both = [(a, b) for a, b in itertools.combinations(ALLOCATORS, 2)
            if sign(live, a, b) and sign(replay, a, b)]
    return len(both), [p for p in both if sign(live, *p) != sign(replay, *p)]


def report(bench):
    live, replay = figures(bench, "live"), figures(bench, "replay")
    n_both, against = compare(bench)
    lines = ["# Replayed and live", "", peers.machine(), "",
             "Peak over idle, MB: median [smallest, largest] of %d rounds."
             % bench.opts.rounds, "", "| | live | replayed |", "|---|---|---|"]
    for a in sorted(ALLOCATORS, key=lambda a: statistics.median(live[a])):
        lines.append("| %s |" % a + "".join(
            " %.2f [%.2f, %.2f] |" % (statistics.median(f[a]), min(f[a]), max(f[a]))
            for f in (live, replay)))
    lines += ["", "live: " + ranking(live), "", "replayed: " + ranking(replay), "",
              "Of 10 pairs %d are told apart both ways; in the opposite order: %s" % (
                  n_both, ", ".join("%s and %s" % p for p in against) or "none")]
    with open(os.path.join(bench.opts.out, "replay.md"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(bench.opts.out, "replay.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["round", "way", "allocator", "peak_kb"])
        w.writerows(bench.rows)
    return lines


def options(argv):
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frame.common_options(p, 5)
    return p.parse_args(argv)


def main(argv):
    return frame.run("replay", options(argv), lambda opts: (), peers.Bench, run, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
