#!/usr/bin/env python3
"""Can the load generator drive twice what one worker of heapgate can serve, and
does it see the latencies that h2load sees?

    load.py [--rounds N] [--seconds S] [--rates LIST]

Two cores are wanted, and nothing else on them.

What it can drive: h2load (core 0) asks a worker (core 1) for as much as it can
serve: its CPU for each request when it is busy. Then "heapgate load" (core 0)
asks an origin over TLS (core 1) at rising rates: its CPU for each request, as
long as all are answered and it is not late, in most rounds. What the one costs
by what the other costs is the ratio of what they could do with a core each. The
same requests for both: 1 KiB over TLS HTTP/2, 50 connections with 10 streams.

What it sees: both ask the worker the same at the same rate, in turn, evenly, on
10 connections: 200 a second of a server that takes 20, 50 or 100 ms, so that p50,
p90 and p99 each lie inside of one of them; and, not judged, since so close to
nothing the machine decides, 1,000 a second of one that answers at once. Each
figure is the middle one of all rounds.

Exit 0: the ratio is 2 or more at the highest rate that was kept, and no judged
percentile differs by more than 5 %; 1: it is not so.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

import frame
import latencies
import procs

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAPGATE = frame.program()
CLIENTS, STREAMS, PATH = 50, 10, "/bytes/1k"
LATE_MS, SLOW_MS = 5.0, 100.0
RATIO, DIFFERENCE = 2, 0.05
QUANTILES = 0.5, 0.9, 0.99
# Of 20 requests 16, 3 and 1.
DELAYS_MS = [20, 20, 50, 20, 20, 20, 20, 20, 100, 20, 20, 20, 50, 20, 20, 20, 20, 50,
             20, 20]
started = []


def start(core, pattern, *command):
    """Runs heapgate on that core; returns the process and what pattern found."""
    p = subprocess.Popen(["taskset", "-c", str(core), HEAPGATE, *command],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    started.append(p)
    for line in p.stdout:
        found = re.search(pattern, line)
        if found:
            return p, found.group(1)
    sys.exit(f"{command[0]} does not start")


def start_slow(tmp):
    """A server that takes its time; returns its address."""
    port = procs.free_ports(1)[0]
    p = procs.start("backend", ["taskset", "-c", "1", sys.executable,
                                f"{TOP}/tests/e2e/backend.py", str(port)], tmp)
    procs.wait_port(p, port)
    return f"127.0.0.1:{port}"


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
    procs.end_all()


def serve(tmp):
    """A worker with a fast and a slow server behind it, and an origin over TLS.
    Returns: the worker's URL and pid, the origin's URL."""
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
                f"route /delay/ slow\nroute / app\n"
                f"upstream app {{ server {behind} proto=h2c }}\n"
                f"upstream slow {{ server {start_slow(tmp)} }}\n")
    proxy, at = start(1, r"listens on (\S+)", "-c", conf)
    for line in proxy.stdout:
        if "ready" in line:
            break
    return f"https://{at}", worker_of(proxy.pid), f"https://{alone}"


# --- what it can drive -----------------------------------------------------


def worker_us(url, pid, seconds):
    """Of a busy worker: CPU µs for each request, requests a second."""
    before = cpu_us(pid)
    done = subprocess.run(
        ["taskset", "-c", "0", "h2load", "-t", "1", "-c", str(CLIENTS), "-m",
         str(STREAMS), "-D", str(seconds), url + PATH], capture_output=True, text=True)
    ok = re.search(r"(\d+) succeeded, 0 failed", done.stdout)
    if not ok:
        sys.exit(f"h2load: {done.stdout}{done.stderr}")
    return (cpu_us(pid) - before) / int(ok.group(1)), int(ok.group(1)) / seconds


def quantile_ms(counts, q):
    return latencies.quantile(counts, q) / 1000


def generate(url, rate, clients, seconds, *more):
    done = subprocess.run(
        ["taskset", "-c", "0", HEAPGATE, "load", url, "--rate", str(rate), "--json",
         "--connections", str(clients), "--streams", str(STREAMS), "--duration",
         f"{seconds}s", *more], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"heapgate load: {done.stderr}")
    return json.loads(done.stdout)


def generator(url, rate, seconds):
    """(CPU µs for each request, kept?, p99 late in ms, % of a core)"""
    r = generate(url + PATH, rate, CLIENTS, seconds)
    late = quantile_ms(r["late"], 0.99)
    # Without a stream to ask on it would not drive what it says it drives.
    kept = r["ok"] == r["planned"] and late < LATE_MS and \
        quantile_ms(r["latency"], 0.99) < SLOW_MS
    return (r["cpu_us"] / max(1, r["ok"]), kept, late,
            100 * r["cpu_us"] / r["lasted_us"])


def drive(proxied, pid, alone, rates, rounds, seconds):
    """Returns: how many times what a worker serves it could drive, at the highest
    rate that was kept; 0: none was."""
    workers, served, own = [], [], {r: [] for r in rates}
    for _ in range(rounds):
        us, rate = worker_us(proxied, pid, seconds)
        workers.append(us)
        served.append(rate)
        for r in rates:
            own[r].append(generator(alone, r, seconds))
    worker, best = statistics.median(workers), 0
    print(f"a busy worker: {worker:.2f} µs of CPU for each request, "
          f"{1e6 / worker:,.0f}/s for a core ({statistics.median(served):,.0f}/s "
          "served)")
    for r in rates:
        us, late, share = (statistics.median(x[i] for x in own[r]) for i in (0, 2, 3))
        kept = 2 * sum(x[1] for x in own[r]) > rounds
        print(f"generator at {r:7,}/s: {us:5.2f} µs, {1e6 / us:,.0f}/s for a core; "
              f"{share:.0f} % of it, p99 late {late:.3f} ms, "
              f"{'kept' if kept else 'not kept'}; worker / generator "
              f"{worker / us:.2f}")
        if kept:
            best = worker / us
    print(f"it could drive {best:.2f} times what one worker serves, a core each "
          f"(at least {RATIO})")
    return best


# --- what it sees ----------------------------------------------------------


def own_latencies(url, paths, rate, seconds, tmp):
    with open(f"{tmp}/paths", "w") as f:
        f.writelines(f"GET {path}\n" for path in paths)
    r = generate(url, rate, 10, seconds, "--constant", "--workload",
                 f"replay:{tmp}/paths")
    if r["ok"] != r["planned"]:
        sys.exit(f"heapgate load: {r['ok']} of {r['planned']} answered")
    return [quantile_ms(r["latency"], q) for q in QUANTILES]


def h2load_latencies(url, paths, rate, seconds, tmp):
    """Its 10 clients start one after the other, so that they do not ask at the same
    moments."""
    log = f"{tmp}/h2load.tsv"
    with open(f"{tmp}/urls", "w") as f:
        f.writelines(f"{url}{path}\n" for path in paths)
    done = subprocess.run(
        ["taskset", "-c", "0", "h2load", "-t", "1", "-c", "10", "-m", str(STREAMS),
         "-n", str(rate * seconds), "--rps", str(rate // 10), "-r", "1",
         f"--rate-period={1000 // rate}ms", "-i", f"{tmp}/urls",
         f"--log-file={log}"], capture_output=True, text=True)
    if f"{rate * seconds} succeeded" not in done.stdout:
        sys.exit(f"h2load: {done.stdout}{done.stderr}")
    with open(log) as f:
        ms = sorted(int(line.split("\t")[2]) / 1000 for line in f)
    os.remove(log)
    return [ms[int(q * len(ms))] for q in QUANTILES]


def see(url, what, paths, rate, o, tmp, judged):
    """A line for each percentile. Returns: whether they agree."""
    own, theirs, agree = [], [], True
    for i in range(o.rounds):
        both = [(own, own_latencies), (theirs, h2load_latencies)]
        for to, ask in both if i % 2 else both[::-1]:
            to.append(ask(url, paths, rate, o.seconds, tmp))
    for k, q in enumerate(QUANTILES):
        a = statistics.median(x[k] for x in own)
        b = statistics.median(x[k] for x in theirs)
        print(f"{what}, {rate:,}/s, p{100 * q:g}: {a:.3f} ms, h2load {b:.3f} ms, "
              f"{100 * (a / b - 1):+.1f} % " +
              (f"(at most {100 * DIFFERENCE:g})" if judged else "(not judged)"))
        agree = agree and abs(a / b - 1) <= DIFFERENCE
    return agree or not judged


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=4)
    p.add_argument("--rates", default="10000,40000,80000,120000,160000,200000")
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        try:
            proxied, pid, alone = serve(tmp)
            best = drive(proxied, pid, alone, [int(r) for r in o.rates.split(",")],
                         o.rounds, o.seconds)
            agree = see(proxied, "takes 20, 50 or 100 ms",
                        [f"/delay/{ms}" for ms in DELAYS_MS], 200, o, tmp, True)
            see(proxied, "answers at once", [PATH], 1000, o, tmp, False)
        finally:
            end_all()
    sys.exit(0 if best >= RATIO and agree else 1)


if __name__ == "__main__":
    main()
