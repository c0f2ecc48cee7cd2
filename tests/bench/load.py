#!/usr/bin/env python3
"""Can the load generator drive twice what one worker of heapgate can serve?

    load.py [--rounds N] [--seconds S] [--rates LIST]

Two cores are wanted, and nothing else on them. First h2load (core 0) asks a
worker (core 1) for as much as it can serve: its CPU for each request when it
is busy. Then "heapgate load" (core 0) asks an origin over TLS (core 1) at
rising rates: its CPU for each request, as long as all are answered and it is
not late. What the one costs by what the other costs is the ratio of what they
could do with a core each. The same requests for both: 1 KiB over TLS HTTP/2,
50 connections with 10 streams.

Exit 0: the ratio is 2 or more at the highest rate that was kept; 1: it is not.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAPGATE = os.path.join(TOP, os.environ.get("B", "build"), "heapgate")
CLIENTS, STREAMS, PATH = 50, 10, "/bytes/1k"
LATE_MS, SLOW_MS = 5.0, 100.0
started = []


def start(core, pattern, *command):
    """Runs it on that core; returns the process and what pattern found."""
    p = subprocess.Popen(["taskset", "-c", str(core), HEAPGATE, *command],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    started.append(p)
    for line in p.stdout:
        found = re.search(pattern, line)
        if found:
            return p, found.group(1)
    sys.exit(f"{command[0]} does not start")


def cpu_us(pid):
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1000


def worker_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return int(f.read().split()[0])


def end_all():
    for p in started:
        p.terminate()
    for p in started:
        p.wait()


def serve(tmp):
    """Two origins, one for heapgate and one over TLS; returns URLs and pids."""
    subprocess.run([HEAPGATE, "cert", "--out", tmp], check=True,
                   stdout=subprocess.DEVNULL)
    cert, key = f"{tmp}/tls.crt", f"{tmp}/tls.key"
    seen = r"listening on (\S+)"
    _, behind = start(0, seen, "origin", "--listen", "127.0.0.1:0")
    _, alone = start(1, seen, "origin", "--listen", "127.0.0.1:0", "--cert", cert,
                     "--key", key)
    conf = f"{tmp}/heapgate.conf"
    with open(conf, "w") as f:
        f.write(f"workers 1\nlisten 127.0.0.1:0 tls cert={cert} key={key}\n"
                f"route / app\nupstream app {{ server {behind} proto=h2c }}\n")
    proxy, at = start(1, r"listens on (\S+)", "-c", conf)
    for line in proxy.stdout:
        if "ready" in line:
            break
    return f"https://{at}{PATH}", worker_of(proxy.pid), f"https://{alone}{PATH}"


def worker_us(url, pid, seconds):
    """Of a busy worker: CPU µs for each request."""
    before = cpu_us(pid)
    done = subprocess.run(
        ["taskset", "-c", "0", "h2load", "-t", "1", "-c", str(CLIENTS), "-m",
         str(STREAMS), "-D", str(seconds), url], capture_output=True, text=True)
    ok = re.search(r"(\d+) succeeded, 0 failed", done.stdout)
    if not ok:
        sys.exit(f"h2load: {done.stdout}{done.stderr}")
    return (cpu_us(pid) - before) / int(ok.group(1)), int(ok.group(1)) / seconds


def bound_us(i):
    """The upper bound of a bucket of src/base/histogram.c."""
    i += 1
    return i if i < 8 else (8 + i % 8) << (i // 8 - 1)


def quantile_ms(histogram, q):
    rank, seen = q * sum(n for _, n in histogram["buckets"]), 0
    for i, n in histogram["buckets"]:
        seen += n
        if seen >= rank:
            return bound_us(i) / 1000
    return 0.0


def generator(url, rate, seconds):
    """(CPU µs for each request, kept?, p99 late in ms, % of a core)"""
    done = subprocess.run(
        ["taskset", "-c", "0", HEAPGATE, "load", url, "--rate", str(rate), "--json",
         "--connections", str(CLIENTS), "--streams", str(STREAMS), "--duration",
         f"{seconds}s"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"heapgate load: {done.stderr}")
    r = json.loads(done.stdout)
    late = quantile_ms(r["late"], 0.99)
    # Without a stream to ask on it would not drive what it says it drives.
    kept = r["ok"] == r["planned"] and late < LATE_MS and \
        quantile_ms(r["latency"], 0.99) < SLOW_MS
    return r["cpu_us"] / r["ok"], kept, late, 100 * r["cpu_us"] / r["lasted_us"]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=int, default=4)
    p.add_argument("--rates", default="10000,40000,80000,120000,160000")
    o = p.parse_args()
    rates = [int(r) for r in o.rates.split(",")]
    workers, served, own = [], [], {r: [] for r in rates}
    with tempfile.TemporaryDirectory() as tmp:
        try:
            proxied, pid, alone = serve(tmp)
            for _ in range(o.rounds):
                us, rate = worker_us(proxied, pid, o.seconds)
                workers.append(us)
                served.append(rate)
                for r in rates:
                    own[r].append(generator(alone, r, o.seconds))
        finally:
            end_all()
    worker = statistics.median(workers)
    print(f"a busy worker: {worker:.1f} µs of CPU for each request "
          f"({statistics.median(served):.0f}/s served)")
    best = None
    for r in rates:
        us = statistics.median(x[0] for x in own[r])
        kept = all(x[1] for x in own[r])
        print(f"generator at {r:6}/s: {us:5.1f} µs, {max(x[3] for x in own[r]):3.0f} % of "
              f"its core, p99 late {max(x[2] for x in own[r]):7.3f} ms, "
              f"{'kept' if kept else 'not kept'}; worker / generator "
              f"{worker / us:.2f}")
        if kept:
            best = worker / us
    print(f"it could drive {best or 0:.2f} times what one worker serves, a core each "
          f"(at least 2)")
    sys.exit(0 if best and best >= 2 else 1)


if __name__ == "__main__":
    main()
