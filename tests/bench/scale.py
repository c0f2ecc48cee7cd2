#!/usr/bin/env python3
"""How heapgate's cost grows: CPU per request and memory against one number.

Every point is a fresh heapgate with one worker, TLS HTTP/2 in front and nginx
behind (heapgate's origin over h2c where thousands are in flight), loaded by
h2load for a while; CPU (schedstat) and requests are read at both ends of a
window in the middle of it. Each round visits the points in random order.
Figures are medians of the rounds.

    make bench-scale                            everything, 3 rounds
    make bench-scale CASES=routes,servers ROUNDS=7 SECONDS_EACH=5
    tests/bench/scale.py --list

Cases, and what should become of the cost of one request:
    connections  10 to 10,000, each with a request under way           flat
    idle         10 to 10,000 that do nothing beside 10 busy ones      flat
    streams      1 to 1,000 at once on each of 10 connections          flat
    routes       1 to 10,000, half by host, half by path               flat
    servers      1 to 1,000 in the upstream                            flat
    headers      0 to 100 more fields in the request                   linear
    body         0 to 10 MiB in the answer                             linear
    upload       0 to 10 MiB in the request                            linear
    workers      1 and 2 (on two cores): requests for a CPU second     flat

"flat" tells the last point's figure ÷ the first's; "linear" the cost of one
unit more from each point to the next. CPU figures of a
machine that does something else at the time are worth nothing.
Written to $B/bench/: scale.csv, scale.md.
"""

import argparse
import csv
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import namedtuple

sys.dont_write_bytecode = True
import cpus  # noqa: E402
import frame  # noqa: E402
import hold  # noqa: E402
import peers  # noqa: E402
import procs  # noqa: E402
from procs import Trouble  # noqa: E402

# unit: what one more of x is, for the cost of one; 0: flat is wanted.
Case = namedtuple("Case", "points linear unit")
CASES = {
    "connections": Case([10, 100, 1000, 10000], False, "connection"),
    "idle": Case([10, 100, 1000, 10000], False, "connection"),
    "streams": Case([1, 10, 100, 1000], False, "stream"),
    "routes": Case([1, 10, 100, 1000, 10000], False, "route"),
    "servers": Case([1, 10, 100, 1000], False, "server"),
    "headers": Case([0, 10, 40, 100], True, "field"),
    "body": Case([0, 1 << 10, 16 << 10, 64 << 10, 1 << 20, 10 << 20], True, "byte"),
    "upload": Case([0, 1 << 10, 16 << 10, 64 << 10, 1 << 20, 10 << 20], True, "byte"),
    "workers": Case([1, 2], False, "worker"),
}
# Thousands of requests at once: over HTTP/1.1 as many connections behind, for
# which there are not enough descriptors. Behind them is heapgate's origin, h2c.
IN_FLIGHT = ("connections", "streams")
CROWD = 2000  # connections of one h2load
Row = namedtuple("Row", "case x round cpu_us per_s per_cpu_s failed start_kb rss_kb "
                 "unit_bytes")

NGINX = """daemon off;
{user}
worker_processes 1;
pid {dir}/nginx-scale.pid;
error_log {dir}/nginx-scale.log warn;
worker_rlimit_nofile {files};
events {{ worker_connections {conns}; }}
http {{
	access_log off;
	keepalive_requests 100000000;
	keepalive_timeout 600s;
	client_max_body_size 0;
	client_body_temp_path {dir}; proxy_temp_path {dir};
	fastcgi_temp_path {dir}; uwsgi_temp_path {dir}; scgi_temp_path {dir};
	server {{
{listen}
		root {www};
		location / {{ return 200 "{text}"; }}
		# Answers when the whole body has come; see conf/nginx-origin.conf.
		location = /post {{
			client_body_buffer_size 11m;
			mirror /mirrored;
			error_page 405 =200 /ok;
		}}
		location = /mirrored {{ internal; return 204; }}
		location /file/ {{ alias {www}/; }}
	}}
}}
"""


class Bench(peers.Bench):
    def __init__(self, opts):
        super().__init__(opts)
        self.files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.servers = []

    def prepare(self):
        super().prepare()
        for case in ("body", "upload"):
            for n in CASES[case].points:
                with open(os.path.join(self.www, "%d" % n), "wb") as f:
                    f.write(b"x" * n)
        self.servers = procs.free_ports(max(CASES["servers"].points))
        with open(self.path("nginx-scale.conf"), "w") as f:
            f.write(NGINX.format(
                user="user root;" if os.getuid() == 0 else "", dir=self.dir,
                files=self.files, conns=max(1024, self.files - 2000),
                listen="\n".join("\t\tlisten 127.0.0.1:%d backlog=4096;" % p
                                 for p in self.servers), www=self.www,
                text="x" * 1024))
        p = procs.start("nginx-scale", ["nginx", "-e", "stderr", "-p", self.dir, "-c",
                                        self.path("nginx-scale.conf")], self.dir)
        procs.wait_port(p, self.servers[-1])

    def heapgate(self, case, x):
        """A fresh one; (process, TLS port, metrics port)."""
        tls, metrics = procs.free_ports(2)
        n_servers = x if case == "servers" else 1
        n_routes = x if case == "routes" else 1
        lines = ["workers %d" % (x if case == "workers" else 1),
                 "listen 127.0.0.1:%d tls cert=%s key=%s" % (
                     tls, self.path("cert.pem"), self.path("key.pem")),
                 "metrics 127.0.0.1:%d" % metrics,
                 "limits { connections 20000; client_connections 0; streams 1024; "
                 "headers 200; header_bytes 64k; idle_timeout 600s; body_bytes 1g }",
                 "route / behind", "upstream behind {"]
        if case in IN_FLIGHT:
            lines.append("server 127.0.0.1:%d proto=h2c" % self.behind_port("origin"))
        else:
            lines += ["server 127.0.0.1:%d" % p for p in self.servers[:n_servers]]
        lines.append("}")
        for i in range(1, n_routes):
            lines.append("route /r%d behind" % i if i % 2 else
                         "route host=h%d.test / behind" % i)
        conf = self.path("scale-%s-%d.conf" % (case, x))
        with open(conf, "w") as f:
            f.write("\n".join(lines) + "\n")
        p = procs.start("heapgate", [self.opts.heapgate, "-c", conf, "--allocator",
                                     self.opts.allocator], self.dir)
        procs.wait_port(p, metrics)
        return p, tls, metrics

    def load(self, case, x, tls):
        """argv of h2load for this point, and how many connections."""
        conns, streams, args = 50, 10, []
        path = "/bytes/1k" if case in IN_FLIGHT else "/"
        if case == "connections":
            conns, streams = x, 1
        elif case == "idle":
            conns = 10
        elif case == "streams":
            conns, streams = 10, x
        elif case == "routes" and x > 1:
            # The last by path; the last by host would be as good.
            path = "/r%d" % ((x - 1) | 1 if x % 2 == 0 else x - 2)
        elif case == "headers":
            for i in range(x):
                args += ["-H", "x-field-%d: a value of usual length %d" % (i, i)]
        elif case == "body":
            path = "/file/%d" % x
            conns, streams = (50, 10) if x < 1 << 20 else (4, 1)
        elif case == "upload":
            path = "/post"
            args = ["-d", os.path.join(self.www, "%d" % x)] if x else []
            conns, streams = (50, 10) if x < 1 << 20 else (4, 1)
        return ["h2load", "-t1", "-m%d" % streams, "-D600"] + \
            peers.H2LOAD_TLS + args + ["https://127.0.0.1:%d%s" % (tls, path)], conns


def numbers(metrics, names):
    """Sums of these metrics over all their labels."""
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % metrics,
                                timeout=10) as f:
        text = f.read().decode()
    return [sum(float(v) for v in re.findall(
        r"^%s(?:\{[^}]*\})? (\S+)$" % n, text, re.M)) for n in names]


def wait_connections(metrics, n, seconds=60):
    end = time.monotonic() + seconds
    while numbers(metrics, ["heapgate_connections"])[0] < n:
        if time.monotonic() > end:
            raise Trouble("less than %d connections after %d s" % (n, seconds))
        time.sleep(0.2)


def failures(metrics):
    with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % metrics,
                                timeout=10) as f:
        text = f.read().decode()
    return sum(float(v) for v in re.findall(
        r'^heapgate_http_requests_total\{[^}]*code_class="[45]xx"[^}]*\} (\S+)$',
        text, re.M))


def window(p, metrics, seconds):
    """(CPU seconds, requests, seconds) of a window, all workers."""
    name = ["heapgate_http_requests_total"]
    pids = procs.tree(p.pid)
    began, cpu, done = time.monotonic(), procs.cpu_ns(pids), numbers(metrics, name)[0]
    time.sleep(seconds)
    cpu = procs.cpu_ns(pids) - cpu
    done = numbers(metrics, name)[0] - done
    return cpu / 1e9, done, time.monotonic() - began


def start_load(bench, argv, conns, metrics, n_before):
    """As many h2loads as it takes. More connections at once than the listener's
    queue holds would time out in it, so those that are open wait for the rest."""
    started = []
    for begun in range(0, conns, CROWD):
        n = min(CROWD, conns - begun)
        q = procs.start("h2load-%d" % begun, argv + ["-c%d" % n], bench.dir)
        started.append(q)
        wait_connections(metrics, n_before + begun + n)
        if begun + n < conns:
            os.kill(q.pid, signal.SIGSTOP)
    for q in started:
        os.kill(q.pid, signal.SIGCONT)
    return started


def measure(bench, case, x, rnd):
    p, tls, metrics = bench.heapgate(case, x)
    mine, held = [p], []
    try:
        start, _ = procs.memory_kb(procs.tree(p.pid))
        argv, conns = bench.load(case, x, tls)
        if case == "idle":
            held = hold.idle(tls, x, "/")
        mine += start_load(bench, argv, conns, metrics, len(held))
        time.sleep(max(1, bench.opts.seconds / 2))
        cpu_s, done, took = window(p, metrics, bench.opts.seconds)
        failed = failures(metrics)
        rss, _ = procs.memory_kb(procs.tree(p.pid))
    finally:
        for q in reversed(mine):
            procs.end(q)
        for c in held:
            c.close()
    if done < 1:
        raise Trouble("no request was answered")
    return Row(case, x, rnd, cpu_s / done * 1e6, done / took, done / cpu_s, failed,
               start, rss, (rss - start) * 1024 / max(x, 1))


# --- telling -------------------------------------------------------------

def median(rows, field):
    return statistics.median(getattr(r, field) for r in rows)


def verdict(case, points):
    """One line: flat or linear, and by how much not. points: (x, rows)."""
    c = CASES[case]
    cost = [(x, median(rows, "cpu_us")) for x, rows in points]
    if len(cost) < 2:
        return ""
    if case == "workers":
        a, b = ({r.round: r.per_cpu_s for r in rows} for _, rows in points)
        r = [b[i] / a[i] for i in a if i in b]
        return "two workers' requests for a CPU second ÷ one's: %s, %s 5 %% of it" % (
            frame.enclosed(r, "%.2f"),
            "within" if abs(statistics.median(r) - 1) <= 0.05 else "not within")
    if not c.linear:
        return "flat: last ÷ first %.2f" % (cost[-1][1] / cost[0][1])
    slope = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip(cost, cost[1:])]
    return "linear: each %s more costs, from point to point, %s ns" % (
        c.unit, ", ".join("%.3g" % (1000 * v) for v in slope))


def table(case, rows):
    by_x = {}
    for r in rows:
        by_x.setdefault(r.x, []).append(r)
    points = sorted(by_x.items())
    out = ["", "### %s" % case, "",
           "| %ss | CPU µs per request | requests/s | for a CPU second | failed | "
           "RSS before MB | RSS MB | bytes for each |" % CASES[case].unit,
           "|---|---|---|---|---|---|---|---|"]
    for x, v in points:
        out.append("| %d | %s | %.0f | %.0f | %d | %.1f | %.1f | %.0f |" % (
            x, frame.spread([r.cpu_us for r in v], "%.1f"), median(v, "per_s"),
            median(v, "per_cpu_s"), sum(r.failed for r in v),
            median(v, "start_kb") / 1024, median(v, "rss_kb") / 1024,
            median(v, "unit_bytes")))
    return out + ["", verdict(case, points)]


def write_report(bench, cases):
    lines = ["# How cost grows", "", frame.machine(), "",
             "Allocator %s; medians of %d rounds." % (
                 bench.opts.allocator, bench.opts.rounds)]
    for case in cases:
        rows = [r for r in bench.rows if r.case == case]
        if rows:
            lines += table(case, rows)
    with open(os.path.join(bench.opts.out, "scale.md"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(bench.opts.out, "scale.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(Row._fields)
        w.writerows(bench.rows)
    return lines


# --- running -------------------------------------------------------------

def run(bench, cases):
    cpus.start(bench.opts)
    rng = random.Random(bench.opts.seed)
    steps = []
    for rnd in range(1, bench.opts.rounds + 1):
        points = [(c, x, rnd) for c in cases for x in CASES[c].points
                  if x <= bench.opts.most or CASES[c].linear]
        rng.shuffle(points)
        steps += points
    bad = 0
    progress = frame.Progress(["%s %d" % (case, x) for case, x, _ in steps],
                              lambda _: 1.5 * bench.opts.seconds + 2)
    for case, x, rnd in steps:
        say = "%s %d round %d: " % (case, x, rnd)
        progress.step()
        try:
            r = measure(bench, case, x, rnd)
        except (OSError, EOFError, Trouble) as e:
            bad += 1
            progress.done(say + "no figure: %s" % e, keep=True)
            continue
        bench.rows.append(r)
        bad += r.failed > 0
        progress.done(say + "%.1f µs CPU, %.0f/s, RSS %.1f MB%s" % (
            r.cpu_us, r.per_s, r.rss_kb / 1024,
            ", %d FAILED" % r.failed if r.failed else ""), keep=r.failed > 0)
    progress.end()
    return bad


def options(argv):
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frame.common_options(p, 3)
    frame.cpu_option(p)
    p.add_argument("--seconds", type=float,
                   default=float(frame.env("SECONDS_EACH", 3)),
                   help="SECONDS_EACH= of a window (3)")
    p.add_argument("--most", type=int, default=int(frame.env("MOST", 10000)),
                   help="MOST= leave out greater points (10000)")
    p.add_argument("--allocator", default=frame.env("ALLOCATOR", "hybrid"))
    return p.parse_args(argv)


def choose(opts):
    cases = opts.cases.replace(",", " ").split() or list(CASES)
    for c in cases:
        if c not in CASES:
            raise Trouble("no such case: %s (there are: %s)" % (c, " ".join(CASES)))
    frame.all_files()
    return (cases,)


def main(argv):
    opts = options(argv)
    if opts.list:
        print(__doc__[__doc__.index("Cases,"):__doc__.index('"flat"')].rstrip())
        return 0
    return frame.run("scale", opts, choose, Bench, run, write_report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
