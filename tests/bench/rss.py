#!/usr/bin/env python3
"""Resident memory of heapgate under each allocator, and of its peers.

Every measurement has a fresh proxy. Each round asks every allocator once, in
random order. The figure is the RSS of the worker, the largest process.

    make bench-rss                                 everything, 3 rounds
    make bench-rss CASES=idle ROUNDS=1 PEERS=heapgate:hybrid,nginx
    tests/bench/rss.py --list

Cases:
    idle     3,000 TLS HTTP/2 connections after one request each, opened one
             after another; then 10 s after all have left
    crowd    the same, 200 of them shaking hands at once
    streams  8,000 requests in flight on 100 connections (HTTP/1.1 behind);
             then 10 s after all have left
    long     one stream that never ends, 300,000 short ones beside it: RSS in
             the middle third of the time and in the last
    churn    connections that come, ask once and go: middle and last third
    soak     300,000 streams on connections that come and go, beside one
             stream that never ends: RSS in the middle and the last third,
             and its slope after the first third with the 95 % confidence
             interval, in kB for each 100,000 streams
    burst    2,000 answers of 64 KiB at once, then 10 s of nothing
    pin      no proxy: of 1,000,000 objects every 256th is kept; RSS while all
             are there, after the frees, after a purge (bench_pin)

Bytes per connection or stream are over the RSS after one request; ratios are
to the RSS before the first connection. Written to $B/bench/: rss.csv, rss.md.
"""

import argparse
import csv
import os
import random
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections import namedtuple

sys.dont_write_bytecode = True
import frame  # noqa: E402
import hold  # noqa: E402
import peers  # noqa: E402
import procs  # noqa: E402
import slope  # noqa: E402
from procs import Trouble  # noqa: E402

ALLOCATORS = ["system", "jemalloc", "mimalloc", "tcmalloc", "hybrid"]
LEAVE_S = 10  # between the last client's leaving and the look at what is kept

# name of the case → the columns of its table, in the order of a row's figures
Case = namedtuple("Case", "run behind peers columns")
Row = namedtuple("Row", "case round who figures")


def rss_kb(p):
    return procs.memory_kb(procs.tree(p.pid))[0]


def hold_and_leave(p, port, first, open_all, n):
    """RSS before, with n held, and LEAVE_S after they left."""
    cold = rss_kb(p)
    first()
    time.sleep(0.5)
    start = rss_kb(p)
    held = open_all()
    try:
        time.sleep(3)
        full = rss_kb(p)
    finally:
        for c in held:
            c.close()
    time.sleep(LEAVE_S)
    after = rss_kb(p)
    return [(full - start) * 1024 / n, cold / 1024, full / 1024, after / 1024,
            after / cold]


def run_idle(bench, p, port):
    n = bench.scaled(3000)
    return hold_and_leave(p, port, lambda: hold.idle(port, 1)[0].close(),
                          lambda: hold.idle(port, n), n)


def run_crowd(bench, p, port):
    n = bench.scaled(3000)
    return hold_and_leave(p, port, lambda: hold.idle(port, 1)[0].close(),
                          lambda: hold.crowd(port, n, min(n, 200)), n)


def run_streams(bench, p, port):
    n = max(1, bench.scaled(100))
    return hold_and_leave(p, port, lambda: hold.in_flight(port, 1, 1)[0].close(),
                          lambda: hold.in_flight(port, n, 80), n * 80)


def thirds(samples):
    """Medians of the middle and the last third, and their ratio, in MB."""
    n = len(samples) // 3
    if n < 1:
        raise Trouble("too short for three thirds: raise SCALE")
    middle, last = (statistics.median(s) / 1024
                    for s in (samples[n:2 * n], samples[2 * n:]))
    return [middle, last, last / middle]


def watch(p, work, progress=None):
    """RSS each 100 ms while work() runs in a thread of its own; with progress()
    the pairs of what that says and the RSS."""
    samples, failed = [], []

    def run():
        try:
            work()
        except Exception as e:  # told by the caller's thread
            failed.append(e)
    t = threading.Thread(target=run)
    t.start()
    while t.is_alive():
        samples.append((progress(), rss_kb(p)) if progress else rss_kb(p))
        t.join(0.1)
    if failed:
        raise Trouble(str(failed[0]))
    return samples


def run_long(bench, p, port):
    n = bench.scaled(300000)
    held = hold.idle(port, 1)
    held += hold.in_flight(port, 1, 1, "/sse?n=1000000&ms=100")
    for c in held:
        c.attend()
    short = peers.Case("", "load", "", n, 10, 10, "/bytes/1k", [], "")
    cold = rss_kb(p)

    def load():
        good, failed, _ = peers.h2load(bench, short, port, n)
        if failed:
            raise Trouble("%d of %d requests failed" % (failed, n))
    try:
        samples = watch(p, load)
        if held[1].closed:
            raise Trouble("the long stream's connection has ended")
    finally:
        for c in held:
            c.close()
    return [cold / 1024] + thirds(samples)


def run_soak(bench, p, port):
    """Each round of h2load has ten connections of its own; between them
    others come, ask once and go."""
    n, each, done = bench.scaled(300000), 2000, [0]
    short = peers.Case("", "load", "", each, 10, 10, "/bytes/1k", [], "")
    held = hold.idle(port, 1)
    held += hold.in_flight(port, 1, 1, "/sse?n=1000000&ms=100")
    for c in held:
        c.attend()
    cold = rss_kb(p)

    def load():
        while done[0] < n:
            good, failed, _ = peers.h2load(bench, short, port, each)
            if failed:
                raise Trouble("%d of %d requests failed" % (failed, each))
            hold.churn(port, 20, "/bytes/1k")
            done[0] += each + 20
    try:
        points = watch(p, load, lambda: done[0])
        if held[1].closed:
            raise Trouble("the long stream's connection has ended")
    finally:
        for c in held:
            c.close()
    middle, last, ratio = thirds([kb for _, kb in points])
    try:
        line = slope.fit(points[len(points) // 3:])
    except ValueError as e:
        raise Trouble(str(e))
    return [cold / 1024, middle, last, ratio] + [v * 1e5 for v in line]


def run_churn(bench, p, port):
    n = bench.scaled(6000)
    cold = rss_kb(p)
    samples = watch(p, lambda: hold.churn(port, n))
    return [cold / 1024] + thirds(samples)


def run_burst(bench, p, port):
    n = bench.scaled(20000)
    case = peers.Case("", "load", "", n, 20, 100, "/bytes/64k", [], "")
    cold = rss_kb(p)
    samples = watch(p, lambda: peers.h2load(bench, case, port, n))
    time.sleep(LEAVE_S)
    after = rss_kb(p)
    return [cold / 1024, max(samples) / 1024, after / 1024, after / cold]


def run_pin(bench, who):
    out = subprocess.run([bench.opts.pin, who, str(bench.scaled(1000000))],
                         capture_output=True, text=True)
    if out.returncode:
        raise Trouble("bench_pin: " + out.stderr.strip())
    full, freed, purged = map(int, out.stdout.split())
    return [full / 1024, freed / 1024, purged / 1024]


HELD = ["bytes each", "before MB", "with all MB", "10 s after MB", "after ÷ before"]
FLAT = ["before MB", "middle third MB", "last third MB", "last ÷ middle"]
CASES = {
    "idle": Case(run_idle, "h1", True, HELD),
    "crowd": Case(run_crowd, "h1", True, HELD),
    "streams": Case(run_streams, "stall", True, HELD),
    "long": Case(run_long, "origin", False, FLAT),
    "soak": Case(run_soak, "origin", False, FLAT + [
        "slope kB", "95 % from", "95 % to"]),
    "churn": Case(run_churn, "h1", False, FLAT),
    "burst": Case(run_burst, "origin", False, [
        "before MB", "most MB", "10 s after MB", "after ÷ before"]),
    "pin": Case(None, None, False, ["all MB", "after frees MB", "after purge MB"]),
}
# The column that a table is sorted by.
SORTED_BY = {"idle": 0, "crowd": 0, "streams": 0, "long": 2, "soak": 2, "churn": 2, "burst": 2,
             "pin": 2}


# --- running -------------------------------------------------------------

class Bench(peers.Bench):
    def scaled(self, n):
        return max(1, int(n * self.opts.scale))


def measure(bench, case, who, rnd):
    c = CASES[case]
    if not c.run:
        return Row(case, rnd, who, run_pin(bench, who))
    p, port = bench.start_proxy(who if who in peers.PEERS else "heapgate:" + who,
                                c.behind)
    try:
        return Row(case, rnd, who, c.run(bench, p, port))
    finally:
        procs.end(p)


def plan(opts, who, cases):
    rng = random.Random(opts.seed)
    steps = []
    for rnd in range(1, opts.rounds + 1):
        for case in cases:
            able = [w for w in who if w not in peers.PEERS or CASES[case].peers]
            rng.shuffle(able)
            steps += [(case, w, rnd) for w in able]
    return steps


def tell(row):
    return ", ".join(form(c, v) + " " + c
                     for c, v in zip(CASES[row.case].columns, row.figures))


def run(bench, who, cases):
    bad = 0
    steps = plan(bench.opts, who, cases)
    for i, (case, w, rnd) in enumerate(steps, 1):
        say = "[%d/%d] %s round %d %s: " % (i, len(steps), case, rnd, w)
        try:
            bench.rows.append(measure(bench, case, w, rnd))
            print(say + tell(bench.rows[-1]), flush=True)
        except (OSError, Trouble, EOFError) as e:
            bad += 1
            print(say + "no figure: %s" % e, flush=True)
    return bad


# --- telling -------------------------------------------------------------

def form(column, value):
    if column.startswith("bytes"):
        return "%.0f" % value
    return ("%.3f" if "÷ middle" in column else "%.2f" if "÷" in column
            else "%.1f") % value


def table(case, rows):
    columns = CASES[case].columns
    by_who = {}
    for r in rows:
        by_who.setdefault(r.who, []).append(r.figures)
    medians = {w: [statistics.median(v) for v in zip(*f)] for w, f in by_who.items()}
    out = ["", "### %s" % case, "", "| | " + " | ".join(columns) + " | rounds |",
           "|---|" + "---|" * (len(columns) + 1)]
    for w in sorted(medians, key=lambda w: medians[w][SORTED_BY[case]]):
        cells = []
        for i, c in enumerate(columns):
            values = [f[i] for f in by_who[w]]
            cells.append(form(c, medians[w][i]) + ("" if len(values) == 1 else (
                " [%s, %s]" % (form(c, min(values)), form(c, max(values))))))
        out.append("| %s | %s | %d |" % (w, " | ".join(cells), len(by_who[w])))
    return out


def write_report(bench, cases):
    lines = ["# Resident memory", "", peers.machine(), "",
             "Medians [smallest, largest] of the rounds."]
    for case in cases:
        rows = [r for r in bench.rows if r.case == case]
        if rows:
            lines += table(case, rows)
    with open(os.path.join(bench.opts.out, "rss.md"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(bench.opts.out, "rss.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["case", "round", "who", "figure", "value"])
        for r in bench.rows:
            for c, v in zip(CASES[r.case].columns, r.figures):
                w.writerow([r.case, r.round, r.who, c, "%.4f" % v])
    return lines


def options(argv):
    env = os.environ.get
    build = os.path.join(peers.TOP, env("B", "build"))
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--list", action="store_true", help="the cases")
    p.add_argument("--cases", default=env("CASES", ""), help="CASES= (all)")
    p.add_argument("--who", default=env("PEERS", "") or " ".join(ALLOCATORS),
                   help="PEERS= allocators and proxies (all allocators)")
    p.add_argument("--rounds", type=int, default=int(env("ROUNDS", "") or 3))
    p.add_argument("--scale", type=float, default=float(env("SCALE", "") or 1),
                   help="SCALE= share of connections, streams and requests (1)")
    p.add_argument("--seed", type=int, default=int(env("SEED", "") or 1))
    p.add_argument("--heapgate", default=frame.program())
    p.add_argument("--pin", default=os.path.join(build, "tests/bench/bench_pin"))
    p.add_argument("--out", default=os.path.join(build, "bench"))
    p.add_argument("--keep", action="store_true", help="keep configs and logs")
    return p.parse_args(argv)


def choose(opts):
    who = [w.split(":", 1)[1] if w.startswith("heapgate:") else w
           for w in opts.who.replace(",", " ").split()]
    cases = opts.cases.replace(",", " ").split() or list(CASES)
    for c in cases:
        if c not in CASES:
            raise Trouble("no such case: %s (there are: %s)" % (c, " ".join(CASES)))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most < 8192:
        raise Trouble("8,192 open files are needed, the limit is %d" % most)
    return who, cases


def main(argv):
    opts = options(argv)
    if opts.list:
        print(__doc__[__doc__.index("Cases:"):__doc__.index("Bytes per")].rstrip())
        return 0
    return frame.run("rss", opts, choose, Bench, run,
                     lambda bench, _who, cases: write_report(bench, cases))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
