#!/usr/bin/env python3
"""CPU, memory, latency of heapgate beside the proxies that Debian has.

Every proxy gets one worker, TLS 1.3 with the same certificate and cipher, tickets,
no access log, 128 streams per connection and a keep-alive pool behind; the
configurations are in tests/bench/conf/, with the reason for each setting that a
proxy does better with. Behind them is nginx (HTTP/1.1) or nghttpd (h2c), in front
h2load, bench_tls (handshakes, idle connections) or heapgate's open-loop load.
A case's rounds ask every proxy once each, in random order, so that what else the
machine does falls on all of them, and each time another process of it: two of the
same differ by a tenth and more. The figures are medians of the rounds. Trust CPU per
request, bytes and the ratios; requests per second on a shared machine are only a
hint.

    make bench                                    everything, 7 rounds
    make bench CASES=h2-h1-1k-50x10 ROUNDS=10     one case again
    make bench CASES=memory,'h1-*'                a group, a pattern
    make bench PEERS=allocators                   heapgate with each allocator
    make bench PEERS=peers,allocators             them beside the others
    make bench PEERS=heapgate:jemalloc,haproxy SCALE=0.1
    make bench IDLE_CPUS=halt                     where others would poll, see cpus.py
    tests/bench/peers.py --list

Written to $B/bench/: peers.csv (each measurement), peers.md (the tables).
"""

import argparse
import contextlib
import csv
import fnmatch
import glob
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import namedtuple

sys.dont_write_bytecode = True
import cpus  # noqa: E402
import frame  # noqa: E402
import hold  # noqa: E402
import open_loop  # noqa: E402
import procs  # noqa: E402
from frame import HERE, TOP, enclosed, interrupted, machine, spread  # noqa: E402,F401
from procs import Trouble  # noqa: E402
from stalls import Stalls  # noqa: E402

H2LOAD_TLS = ["--tls13-ciphers=TLS_AES_128_GCM_SHA256"]
# Connections are idle when nothing has come for so long.
IDLE_S = 5
LEAVE_S = 10  # between the last client's leaving and the look at what is kept
ALLOCATORS = ["system", "jemalloc", "mimalloc", "tcmalloc", "hybrid"]

# --- what is compared ----------------------------------------------------

# argv with @CONF@; h2c: can speak HTTP/2 to the server behind.
Peer = namedtuple("Peer", "name argv version h2c")
PEERS = {
    "heapgate": Peer("heapgate", ["@HEAPGATE@", "-c", "@CONF@"], "-V", True),
    "nghttpx": Peer("nghttpx", ["nghttpx", "--conf", "@CONF@"], "--version", True),
    "haproxy": Peer("haproxy", ["haproxy", "-db", "-f", "@CONF@"], "-v", True),
    "h2o": Peer("h2o", ["h2o", "-c", "@CONF@"], "--version", False),
    "nginx": Peer("nginx", ["nginx", "-e", "stderr", "-c", "@CONF@"], "-v", False),
}
# What these say differently when the server behind speaks HTTP/2.
PROTO_H2 = {"heapgate": "proto=h2c", "nghttpx": "proto=h2", "haproxy": "proto h2"}
# Names for several: PEERS=allocators. heapgate alone is with the hybrid.
PEER_SETS = {"heapgate": ["heapgate:hybrid"],
             "peers": ["heapgate:hybrid"] + [p for p in PEERS if p != "heapgate"],
             "allocators": ["heapgate:" + a for a in ALLOCATORS]}

# What is measured, by kind:
#   load      n requests from clients × streams of h2load; CPU per request
#   full      n connections, clients at a time, each of which shakes hands and asks
#   resumed   once; CPU per connection
#   latency   n requests for the capacity, then for seconds at half of the slowest's;
#             what counts is when all CPUs were there
#   idle      n connections that stay; bytes of each
#   streams   clients × streams requests that are never answered; bytes of each
# unit: what one is called; gib: of an answer, where CPU per GiB is told.
# target: of the ratio to the best peer.
Case = namedtuple("Case", "name kind behind n clients streams path args unit group "
                  "target gib", defaults=("", None, None))


def _case(group, name, behind, n, clients, streams, path, *args, kind="load",
          unit="request", target=None, gib=None):
    return Case(name, kind, behind, n, clients, streams, path, list(args), unit,
                group, target, gib)


HEADERS_40 = [a for i in range(40) for a in ("-H", "x-header-%d: value-%d-%s" % (
    i, i, "0123456789" * 2))]
CASES = [
    _case("small", "h2-h1-1k-50x10", "h1", 25000, 50, 10, "/1k", target=0.70),
    _case("small", "h2-h2c-1k-50x10", "h2c", 30000, 50, 10, "/1k", target=0.65),
    _case("small", "h2-h1-1k-1x1", "h1", 4000, 1, 1, "/1k", target=0.85),
    _case("small", "h2-h1-1k-200x1", "h1", 15000, 200, 1, "/1k"),
    _case("small", "h1-h1-1k-50", "h1", 20000, 50, 1, "/1k", "--h1", target=0.90),
    _case("small", "h2-h1-40headers-50x10", "h1", 15000, 50, 10, "/1k", *HEADERS_40),
    _case("bodies", "h2-h1-64k-50x10", "h1", 6000, 50, 10, "/64k", target=0.80),
    _case("bodies", "h2-h1-10m-4x1", "h1", 60, 4, 1, "/10m", target=0.90,
          gib=10 / 1024),
    _case("bodies", "h2-h1-post64k-50x10", "h1", 4000, 50, 10, "/post", "-d",
          "@WWW@/64k", target=0.85),
    _case("tls", "handshakes-new", "h1", 1500, 50, 1, "/1k", kind="full",
          unit="connection", target=1.00),
    _case("tls", "handshakes-resumed", "h1", 2000, 50, 1, "/1k", kind="resumed",
          unit="connection"),
    _case("latency", "latency-1k-50x10", "h1", 20000, 50, 10, "/1k", kind="latency",
          target=1.00),
    _case("memory", "idle-conns", "h1", 3000, 1, 1, "/1k", kind="idle",
          unit="connection", target=1.00),
    _case("memory", "in-flight", "stall", 8000, 100, 80, "/stall", kind="streams",
          unit="stream", target=0.70),
]
HELD = ("idle", "streams")
AFTER_TARGET = 1.5   # RSS after all have left ÷ at start
HYBRID_TARGET = 1.0  # hybrid ÷ mimalloc:
BESIDE_MIMALLOC = (("CPU", lambda r: r.cpu_us), ("peak RSS", lambda r: r.peak_kb))
LATENCY_S = 3        # that count
WARM_SHARE = 5       # a fifth of a case's requests come before those that count

Row = namedtuple("Row", "case round peer done failed cpu_us per_s rss_kb anon_kb "
                 "peak_kb p50_us p99_us late_us p99_all_us counted_s lasted_s "
                 "unit_bytes start_kb after_kb stolen", defaults=(None,) * 11)

# A host that gives more of the CPUs to its other guests makes system calls and waking
# dearer, for one proxy more than for the other: such a measurement is made again, so
# many times, and the least disturbed is taken. What latency makes of it: open_loop.py.
MAX_STOLEN, TRIES = 0.05, 4


# --- starting ------------------------------------------------------------

# A line of a log that should not be there. h2o's has nothing but errors.
TROUBLE = re.compile(r"(?i)\b(warn|warning|error|alert|crit|critical|emerg|fatal)\b|"
                     r"^\[lib/")


class Bench:
    """One run: a directory, a certificate, the servers behind, the proxies."""

    def __init__(self, opts):
        self.opts = opts
        self.dir = tempfile.mkdtemp(prefix="heapgate-bench.")
        self.www = os.path.join(self.dir, "www")
        self.behind = {}
        self.n_started = 0
        self.capacity = {}  # latency case → {peer spec: requests per second}
        self.leaving = []   # Leaving of whom the clients have left
        self.rows = []

    def path(self, name):
        return os.path.join(self.dir, name)

    def prepare(self):
        os.makedirs(self.www)
        os.chmod(self.dir, 0o755)
        for name, size in (("1k", 1 << 10), ("16k", 1 << 14), ("64k", 1 << 16),
                           ("10m", 10 << 20)):
            with open(os.path.join(self.www, name), "wb") as f:
                f.write(os.urandom(size))
        for name in ("ok", "post"):
            with open(os.path.join(self.www, name), "w") as f:
                f.write("ok")
        # For a client that has no option for it: the cipher that all get.
        with open(self.path("openssl.cnf"), "w") as f:
            f.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                    "[c]\nCiphersuites = TLS_AES_128_GCM_SHA256\n")
        self.certify()

    def certify(self):
        """cert.pem: a certificate and its issuer's, as a server has them in life.
        Without the second nghttpx searches /etc/ssl/certs in each handshake."""
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        for subject, key, out, signed in (
                ("/CN=bench", "ca.key", "ca.pem", []),
                ("/CN=localhost", "key.pem", "leaf.pem", [
                    "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key")])):
            subprocess.run(new + ["-subj", subject, "-keyout", self.path(key), "-out",
                                  self.path(out)] + signed,
                           check=True, capture_output=True)
        self.join("cert.pem", "leaf.pem", "ca.pem")
        self.join("both.pem", "cert.pem", "key.pem")

    def join(self, name, *parts):
        with open(self.path(name), "w") as out:
            for part in parts:
                with open(self.path(part)) as f:
                    out.write(f.read())

    def conf(self, template, name, **words):
        """Fill in a template of conf/ as NAME; returns the path of the result."""
        user = "user: root" if template == "h2o.conf" else "user root;"
        words.update(DIR=self.dir, NAME=name, WWW=self.www, CERT=self.path("cert.pem"),
                     KEY=self.path("key.pem"), PEM=self.path("both.pem"),
                     USER=user if os.getuid() == 0 else "")
        with open(os.path.join(HERE, "conf", template)) as f:
            text = re.sub(r"@([A-Z0-9_]+)@", lambda m: str(words[m[1]]), f.read())
        out = self.path(name + ".conf")
        with open(out, "w") as f:
            f.write(text)
        return out

    def behind_port(self, kind):
        """The server of this kind, started when first asked for."""
        if kind in self.behind:
            return self.behind[kind]
        port, = procs.free_ports(1)
        if kind == "h1":
            conf = self.conf("nginx-origin.conf", "nginx-origin", H1=port)
            argv = ["nginx", "-e", "stderr", "-p", self.dir, "-c", conf]
        elif kind == "h2c":
            argv = ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-m", "128", "-d",
                    self.www, str(port)]
        elif kind == "origin":
            argv = [self.opts.heapgate, "origin", "--listen",
                    "127.0.0.1:%d" % port]
        else:
            argv = [sys.executable, os.path.join(HERE, "stall.py"), str(port)]
        procs.wait_port(procs.start("behind-" + kind, argv, self.dir), port)
        self.behind[kind] = port
        return port

    def start_proxy(self, spec, kind):
        peer = PEERS[spec.split(":")[0]]
        port, = procs.free_ports(1)
        self.n_started += 1
        name = "%s-%s-%d" % (re.sub(r"[^a-z0-9]+", "-", spec), kind, self.n_started)
        h2 = PROTO_H2.get(peer.name, "") if kind == "h2c" else ""
        conf = self.conf(peer.name + ".conf", name, PORT=port, PROTO_H2=h2,
                         BEHIND=self.behind_port(kind))
        words = {"@CONF@": conf, "@HEAPGATE@": self.opts.heapgate}
        argv = [words.get(a, a) for a in peer.argv]
        if ":" in spec:
            argv += ["--allocator", spec.split(":", 1)[1]]
        p = procs.start(name, argv, self.dir)
        procs.wait_port(p, port)
        return p, port

    @contextlib.contextmanager
    def serving(self, spec, case):
        """(process, port) of a new one that has served a little of this case and
        ends when this does."""
        p, port = self.start_proxy(spec, case.behind)
        try:
            warm_up(self, case, port)
            yield p, port
        finally:
            procs.end(p)

    def complaints(self):
        """[(whose log, how many lines of trouble, the last of them)]"""
        found = {}
        for path in glob.glob(self.path("*.log")) + glob.glob(self.path("*.out")):
            with open(path, errors="replace") as f:
                lines = [x.strip() for x in f if TROUBLE.search(x)]
            if lines:
                who = re.sub(r"-\d+\.(log|out)$", "", os.path.basename(path))
                found.setdefault(who, []).extend(lines)
        return [(who, len(v), v[-1]) for who, v in sorted(found.items())]

    def close(self):
        procs.end_all()
        if not self.opts.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


# --- measuring -----------------------------------------------------------

def scaled(case, opts):
    """How many requests; at least one for each client."""
    return max(int(case.n * opts.scale), case.clients)


def h2load(bench, case, port, n):
    """Run h2load; returns succeeded, failed, requests per second."""
    args = [a.replace("@WWW@", bench.www) for a in case.args]
    clients = min(case.clients, n)
    out = subprocess.run(
        ["h2load", "-t1", "-n%d" % n, "-c%d" % clients, "-m%d" % case.streams]
        + H2LOAD_TLS + args + ["https://127.0.0.1:%d%s" % (port, case.path)],
        capture_output=True, text=True, timeout=300).stdout
    m = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", out)
    codes = re.search(r"status codes: (\d+) 2xx", out)
    rate = re.search(r"finished in .*?, ([0-9.]+) req/s", out)
    if not (m and codes and rate):
        raise Trouble("h2load said:\n" + out[-1500:])
    good = min(int(m[1]), int(codes[1]))
    return good, n - good, float(rate[1])


class TlsClient:
    """bench_tls, ready to go."""

    def __init__(self, bench, mode, port, n, at_once, path):
        self.p = procs.start("bench-tls", [
            bench.opts.tls_client, mode, str(port), str(n), str(at_once), path],
            bench.dir, talk=True)
        if self.p.stdout.readline() != "ready\n":
            self.p.wait()
            with open(self.p.log, errors="replace") as f:
                raise Trouble(f.read().strip() or "bench_tls did not start")

    def go(self):
        """All of them; returns succeeded, failed, seconds."""
        self.p.stdin.write("\n")
        self.p.stdin.flush()
        words = self.p.stdout.readline().split(None, 3)
        if len(words) < 3:
            self.p.wait()
            with open(self.p.log, errors="replace") as f:
                raise Trouble(f.read().strip() or "bench_tls ended")
        if len(words) > 3:
            print("bench_tls: " + words[3].strip(), flush=True)
        return int(words[0]), int(words[1]), float(words[2])

    def close(self):
        self.p.stdin.close()
        self.p.wait()
        self.p.stdout.close()
        procs.end(self.p)


def capacity(bench, case, spec):
    """How many requests per second it can do, with one core left for all else."""
    n = scaled(case, bench.opts)
    with bench.serving(spec, case) as (_, port):
        bench.capacity.setdefault(case.name, {})[spec] = max(
            h2load(bench, case, port, n)[2] for _ in range(2))


def fixed_rate(bench, case):
    """Half of what the slowest can do, for all."""
    return bench.opts.rate or min(bench.capacity[case.name].values()) / 2


def wanted_s(opts):
    """How much of a measurement of latency is to count."""
    return LATENCY_S * min(1, opts.scale)


def at_fixed_rate(bench, case, port, rnd):
    """The same requests in this round, whoever is asked."""
    rate = fixed_rate(bench, case)
    options = ["--rate", "%d" % rate, "--connections", str(case.clients),
               "--streams", str(case.streams)]
    # CPUs that halt come back late without having been away.
    stalls = Stalls(bench.opts.stalls, bench.dir) if cpus.polling() else None
    try:
        good, failed, latency = open_loop.measure(
            bench.opts.heapgate, "https://127.0.0.1:%d%s" % (port, case.path), options,
            wanted_s(bench.opts), rnd * open_loop.GOES, bench.path("openssl.cnf"),
            stalls)
    finally:
        if stalls:
            stalls.close()
    return good, failed, rate, latency


def warm_up(bench, case, port):
    """A little of the case: connections behind, pages in memory."""
    n = max(case.clients, scaled(case, bench.opts) // WARM_SHARE)
    if case.kind in ("full", "resumed"):
        c = TlsClient(bench, case.kind, port, n, case.clients, case.path)
        c.go()
        c.close()
    else:
        h2load(bench, case, port, n)


def measure_load(bench, case, spec, rnd, p, port):
    n = scaled(case, bench.opts)
    client = None
    if case.kind in ("full", "resumed"):
        client = TlsClient(bench, case.kind, port, n, case.clients, case.path)
    pids = procs.tree(p.pid)
    procs.reset_peak(pids)
    before = procs.cpu_ns(pids)
    if client:
        good, failed, took = client.go()
        rate, latency = good / took, {}
        client.close()
    elif case.kind == "latency":
        good, failed, rate, latency = at_fixed_rate(bench, case, port, rnd)
    else:
        good, failed, rate = h2load(bench, case, port, n)
        latency = {}
    time.sleep(0.02)  # the end of the last connections belongs to it
    if procs.tree(p.pid) != pids:
        raise Trouble("%s: a process came or went during the load" % spec)
    cpu = (procs.cpu_ns(pids) - before) / 1000 / max(good, 1)
    rss, anon = procs.memory_kb(pids)
    return Row(case.name, rnd, spec, good, failed, cpu, rate, rss, anon,
               procs.peak_kb(pids), **latency)


class Leaving(threading.Thread):
    """A proxy whose clients have left; looks at its memory when LEAVE_S are over,
    whatever else is measured meanwhile."""

    def __init__(self, p, row):
        super().__init__(daemon=True)
        self.p, self.row = p, row
        self.due = time.monotonic() + LEAVE_S
        self.start()

    def run(self):
        time.sleep(max(0, self.due - time.monotonic()))
        after, _ = procs.memory_kb(procs.tree(self.p.pid))
        self.row = self.row._replace(after_kb=after)

    def settle(self):
        """The whole row, once it is there; ends the proxy."""
        self.join()
        if self.p.poll() is not None:
            raise Trouble("%s has ended by itself" % self.p.name)
        procs.end(self.p)
        return self.row


def hold_idle(bench, case, port):
    """All connections of the case; returns how many, and what lets them go."""
    n = scaled(case, bench.opts)
    c = TlsClient(bench, "idle", port, n, case.clients, case.path)
    good, failed, _ = c.go()
    if failed:
        c.close()
        raise Trouble("%d of %d connections failed" % (failed, n))
    return good, c.close


def hold_streams(bench, case, port):
    n_conns = max(1, int(case.clients * bench.opts.scale))
    n = n_conns * case.streams
    conns = []

    def close():
        for c in conns:
            c.close()
    # Some at a time: all at once are more connections than the server's queue
    # takes, and who opens them fastest would be the one to wait and time out.
    while len(conns) < n_conns:
        conns += hold.in_flight(port, min(20, n_conns - len(conns)), case.streams,
                                case.path)
        if not procs.wait_established(bench.behind["stall"],
                                      len(conns) * case.streams, 30):
            close()
            raise Trouble("less than %d requests have reached the server" % (
                len(conns) * case.streams))
    return n, close


def measure_held(bench, case, spec, rnd):
    """A fresh proxy; what n held connections or streams add to it. The rest of
    its row comes when its clients have been away for a while."""
    p, port = bench.start_proxy(spec, case.behind)
    try:
        pids = procs.tree(p.pid)
        start, _ = procs.memory_kb(pids)
        if case.kind == "idle":
            hold_idle(bench, case._replace(n=1), port)[1]()
        else:
            hold_streams(bench, case._replace(clients=1, streams=1), port)[1]()
        time.sleep(0.3)
        once, _ = procs.memory_kb(procs.tree(p.pid))
        began = time.monotonic()
        n, close = (hold_idle if case.kind == "idle" else hold_streams)(
            bench, case, port)
        rate = n / (time.monotonic() - began)
        time.sleep(IDLE_S if case.kind == "idle" else 1)
        rss, anon = procs.memory_kb(procs.tree(p.pid))
        close()
    except BaseException:
        procs.end(p)
        raise
    row = Row(case.name, rnd, spec, n, 0, None, rate, rss, anon,
              unit_bytes=(rss - once) * 1024 / n, start_kb=start)
    bench.leaving.append(Leaving(p, row))
    return row


def settle(bench, wait):
    """Take in the rows that are whole by now, or wait for all; returns how many
    will never be."""
    bad = 0
    for who in list(bench.leaving):
        if not wait and who.is_alive():
            continue
        bench.leaving.remove(who)
        try:
            bench.rows.append(who.settle())
        except Trouble as e:
            bad += 1
            print("no figure: %s" % e, flush=True)
    return bad


def is_disturbed(opts, row):
    if row.counted_s is not None:
        return row.counted_s < wanted_s(opts)
    return (row.stolen or 0) > MAX_STOLEN


def measure_undisturbed(bench, case, spec, rnd):
    """Or not, after some tries; where stalls are seen they have been made by then."""
    rows = []
    for _ in range(TRIES):
        since = procs.host_ticks()
        with bench.serving(spec, case) as (p, port):
            row = measure_load(bench, case, spec, rnd, p, port)
        rows.append(row._replace(stolen=procs.stolen(since)))
        if row.counted_s is not None or not is_disturbed(bench.opts, rows[-1]):
            break
    return min(rows, key=lambda r: r.stolen)


def measure(bench, case, spec, rnd):
    if case.kind in HELD:  # bytes are the same on any host
        return measure_held(bench, case, spec, rnd)
    row = measure_undisturbed(bench, case, spec, rnd)
    bench.rows.append(row)
    return row


# --- telling -------------------------------------------------------------

def value(case, row):
    """The figure that a case is about: bytes, µs of latency or of CPU (ms a GiB)."""
    if case.kind in HELD:
        return row.unit_bytes
    if case.kind == "latency":
        return row.p99_us / 1000
    return row.cpu_us / 1000 / case.gib if case.gib else row.cpu_us


def heading(case):
    """What value() is, and how to write it."""
    if case.kind in HELD:
        return "bytes per " + case.unit, "%.0f"
    if case.kind == "latency":
        return "p99 ms", "%.2f"
    if case.gib:
        return "CPU ms per GiB", "%.0f"
    return "CPU µs per " + case.unit, "%.1f"


def by_peer(rows):
    out = {}
    for r in rows:
        out.setdefault(r.peer, []).append(r)
    return out


def best_of(peers, figure):
    """Whom the ratios are to: the best of the others; among allocators mimalloc."""
    pool = {p: v for p, v in peers.items() if not p.startswith("heapgate")}
    if not pool and "heapgate:mimalloc" in peers:
        return "heapgate:mimalloc"
    pool = pool or peers
    return min(pool, key=lambda p: statistics.median(map(figure, pool[p])))


def ratio_by_round(rows, base, figure):
    """{round: its figure ÷ the base's of the same round}"""
    by_round = {r.round: figure(r) for r in base}
    return {r.round: figure(r) / by_round[r.round] for r in rows
            if by_round.get(r.round)}


def ratios(rows, base, figure):
    return list(ratio_by_round(rows, base, figure).values())


def ratio_cell(rows, base, figure):
    r = ratios(rows, base, figure)
    return enclosed(r, "%.2f") if r else "–"


def mb(rows, field):
    return "%.1f" % (statistics.median(getattr(r, field) for r in rows) / 1024)


def rate(rows):
    return "%.0f" % statistics.median(r.per_s for r in rows)


def failed(rows):
    return "%d" % sum(r.failed for r in rows)


def counted(rows):
    """Of all rounds together."""
    lasted = sum(r.lasted_s for r in rows)
    if rows[0].counted_s is None:
        return "all of %.0f" % lasted
    return "%.0f of %.0f" % (sum(r.counted_s for r in rows), lasted)


def columns(case, peers):
    """[(heading, rows → cell)] after the figure and its ratio."""
    if case.kind in HELD:
        return [("RSS MB at start", lambda v: mb(v, "start_kb")),
                ("with all", lambda v: mb(v, "rss_kb")),
                ("%d s after" % LEAVE_S, lambda v: mb(v, "after_kb")),
                ("after ÷ start", lambda v: enclosed(
                    [r.after_kb / r.start_kb for r in v], "%.2f")),
                ("opened/s", rate)]
    smallest = best_of(peers, lambda r: r.peak_kb)
    memory = [("peak RSS MB", lambda v: mb(v, "peak_kb")),
              ("÷ " + smallest, lambda v: ratio_cell(
                  v, peers[smallest], lambda r: r.peak_kb)),
              ("failed", failed)]
    if case.kind == "latency":
        return [("p50 ms", lambda v: "%.2f" % (
                    statistics.median(r.p50_us for r in v) / 1000)),
                ("load late, p99 ms", lambda v: "%.2f" % (
                    statistics.median(r.late_us for r in v) / 1000)),
                ("p99 ms with stalls", lambda v: "%.2f" % (
                    statistics.median(r.p99_all_us for r in v) / 1000)),
                ("s that count", counted),
                ("CPU µs per request", lambda v: spread(
                    [r.cpu_us for r in v], "%.1f"))] + memory
    return [(case.unit + "s/s", rate), ("RSS MB", lambda v: mb(v, "rss_kb"))] + memory


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"] + [
        "| " + " | ".join(r) + " |" for r in rows]


def again(bench, case, peers):
    """The command that repeats one case."""
    opts, words = bench.opts, ["make bench CASES=" + case.name]
    words.append("ROUNDS=%d" % opts.rounds)
    if opts.idle_cpus != "poll":
        words.append("IDLE_CPUS=" + opts.idle_cpus)
    if opts.scale != 1:
        words.append("SCALE=%g" % opts.scale)
    if peers != PEER_SETS["peers"]:
        named = [n for n, specs in PEER_SETS.items() if specs == peers]
        words.append("PEERS=" + ",".join(named or peers))
    if case.kind == "latency":
        words.append("RATE=%d" % fixed_rate(bench, case))
    return " ".join(words)


def how_disturbed(opts, row):
    if row.counted_s is not None:
        return "a CPU was away so often that less than %g s count of %g." % (
            wanted_s(opts), open_loop.MOST_S)
    return ("the hypervisor gave more than %g %% of the CPUs to others, %d times in a "
            "row." % (100 * MAX_STOLEN, TRIES))


def case_table(bench, case, rows, asked):
    """Lines of Markdown for one case."""
    def figure(r):
        return value(case, r)

    peers = by_peer(rows)
    best = best_of(peers, figure)
    what, form = heading(case)
    more = columns(case, peers)
    lines = []
    for p in sorted(peers, key=lambda p: statistics.median(map(figure, peers[p]))):
        v = peers[p]
        lines.append([p, spread([figure(r) for r in v], form),
                      ratio_cell(v, peers[best], figure)] + [f(v) for _, f in more])
    out = ["", "### %s" % case.name, ""]
    if case.kind == "latency":
        out += ["At %d requests a second, half of what the slowest can do: %s." % (
            fixed_rate(bench, case), ", ".join("%s %d/s" % c for c in sorted(
                bench.capacity[case.name].items(), key=lambda c: c[1]))), ""]
    out += table(["proxy", what, "÷ " + best] + [h for h, _ in more], lines)
    disturbed = sum(is_disturbed(bench.opts, r) for r in rows)
    if disturbed:
        out += ["", "**Disturbed:** in %d of %d measurements %s" % (
            disturbed, len(rows), how_disturbed(bench.opts, rows[0]))]
    return out + ["", "Again: `%s`" % again(bench, case, asked)]


def target_line(name, what, target, values, base):
    return [name, what, base, "≤ %.2f" % target, enclosed(values, "%.2f"),
            "yes" if statistics.median(values) <= target else "no"]


def case_targets(case, rows):
    """What heapgate should reach in this case, beside what it did."""
    def figure(r):
        return value(case, r)

    peers, out = by_peer(rows), []
    mine = peers.get("heapgate:hybrid")
    mi = peers.get("heapgate:mimalloc")
    if mine and case.target and not all(p.startswith("heapgate") for p in peers):
        best = best_of(peers, figure)
        out.append(target_line(case.name, heading(case)[0], case.target,
                               ratios(mine, peers[best], figure), best))
    if mine and case.kind in HELD:
        out.append(target_line(case.name, "RSS after ÷ at start", AFTER_TARGET,
                               [r.after_kb / r.start_kb for r in mine], "itself"))
    if mine and mi and case.kind not in HELD:
        for what, f in BESIDE_MIMALLOC:
            out.append(target_line(case.name, what, HYBRID_TARGET, ratios(mine, mi, f),
                                   "heapgate:mimalloc"))
    return out


def hybrid_targets(cases):
    """The hybrid beside mimalloc over all cases: the geometric mean of each round
    that all of them have, so that none counts for more than another. cases: the
    rows of each."""
    both = [(p["heapgate:hybrid"], p["heapgate:mimalloc"]) for p in map(by_peer, cases)
            if "heapgate:hybrid" in p and "heapgate:mimalloc" in p]
    out = []
    for what, f in BESIDE_MIMALLOC if len(both) > 1 else ():
        of = [ratio_by_round(mine, mi, f) for mine, mi in both]
        rounds = set.intersection(*(set(r) for r in of))
        means = [statistics.geometric_mean(r[i] for r in of) for i in sorted(rounds)]
        if means:
            out.append(target_line("these %d together" % len(both), what,
                                   HYBRID_TARGET, means, "heapgate:mimalloc"))
    return out


def version(spec, opts):
    peer = PEERS[spec.split(":")[0]]
    exe = opts.heapgate if peer.name == "heapgate" else peer.argv[0]
    p = subprocess.run([exe, peer.version], capture_output=True, text=True)
    return (p.stdout + p.stderr).strip().splitlines()[0]


def report(bench, peers, cases):
    """Write both files; returns the lines of the Markdown."""
    opts = bench.opts
    lines = ["# heapgate and its peers", ""] + bench.head + [
        "", "Medians of %d rounds, [smallest, largest]; ratios are within a round, "
        "and (low–high) is %s." % (opts.rounds, frame.interval_name(opts.rounds))]
    targets, loaded = [], []
    for case in cases:
        rows = [r for r in bench.rows if r.case == case.name]
        if not rows:
            continue
        lines += case_table(bench, case, rows, peers)
        targets += case_targets(case, rows)
        if case.kind not in HELD:
            loaded.append(rows)
    targets += hybrid_targets(loaded)
    if targets:
        lines += ["", "### Targets", ""] + table(
            ["case", "figure", "÷", "target", "measured", "met"], targets)
    logged = bench.complaints()
    lines += ["", "### Logged by proxies and servers", ""] + (
        table(["who", "lines", "the last"], [[w, str(n), "`%s`" % last[:200]]
                                             for w, n, last in logged])
        if logged else ["No warning and no error."])
    with open(os.path.join(opts.out, "peers.md"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(opts.out, "peers.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(Row._fields)
        w.writerows(bench.rows)
    return lines


# --- running -------------------------------------------------------------

def plan(opts, peers, case):
    """The measurements of one case: rounds, in each the proxies in random order."""
    rng = random.Random("%d %s" % (opts.seed, case.name))
    able = [p for p in peers if case.behind != "h2c" or PEERS[p.split(":")[0]].h2c]
    return [(p, rnd) for rnd in range(1, opts.rounds + 1)
            for p in rng.sample(able, len(able))]


def tell(opts, case, row):
    what, form = heading(case)
    return (form + " %s, %.0f/s, RSS %.1f MB%s%s") % (
        value(case, row), what, row.per_s, row.rss_kb / 1024,
        ", %d FAILED" % row.failed if row.failed else "",
        ", %.1f %% stolen" % (100 * row.stolen) if is_disturbed(opts, row) else "")


def run_case(bench, case, steps, progress):
    """All rounds of a case; returns how many of its measurements went wrong."""
    bad = 0
    if case.kind == "latency":
        for spec in sorted({spec for spec, _ in steps}):
            capacity(bench, case, spec)
    for spec, rnd in steps:
        say = "%s round %d %s: " % (case.name, rnd, spec)
        progress.step()
        bad += settle(bench, wait=False)
        try:
            row = measure(bench, case, spec, rnd)
        except (OSError, EOFError, subprocess.SubprocessError, Trouble) as e:
            bad += 1
            progress.done(say + "no figure: %s" % e, keep=True)
            continue
        bad += row.failed > 0
        progress.done(say + tell(bench.opts, case, row), keep=row.failed > 0)
    return bad + settle(bench, wait=True)


def run(bench, peers, cases):
    cpus.start(bench.opts)
    bench.head = [machine(), ""] + ["- " + v for v in dict.fromkeys(
        version(p, bench.opts) for p in peers)]
    print("\n".join(bench.head), flush=True)
    plans = [(case, plan(bench.opts, peers, case)) for case in cases]
    seconds = {"latency": 2 * LATENCY_S, "idle": 7, "streams": 6}
    guess = {case.name: seconds.get(case.kind, 2.5) for case in cases}
    progress = frame.Progress([case.name for case, steps in plans for _ in steps],
                              guess.get)
    bad = 0
    for case, steps in plans:
        bad += run_case(bench, case, steps, progress)
    progress.end()
    return bad


def chosen_peers(opts):
    """The proxies asked for that are here."""
    specs, peers = [], []
    for word in opts.peers.replace(",", " ").split():
        specs += PEER_SETS.get(word, [word])
    for spec in dict.fromkeys(specs):
        name = spec.split(":")[0]
        if name not in PEERS:
            raise Trouble("no such proxy: %s (there are: %s)" % (
                name, " ".join(list(PEERS) + ["peers", "allocators"])))
        exe = opts.heapgate if name == "heapgate" else PEERS[name].argv[0]
        if shutil.which(exe):
            peers.append(spec)
        else:
            print("%s is left out: %s is not here%s" % (
                spec, exe, "" if name == "heapgate" else "; make bench-deps"))
    if not peers:
        raise Trouble("no proxy to measure")
    return peers


def chosen_cases(opts):
    """By name, group or pattern; all if none is named."""
    wanted = opts.cases.replace(",", " ").split() or ["*"]
    picked = set()
    for w in wanted:
        match = [c.name for c in CASES if c.group == w or fnmatch.fnmatch(c.name, w)]
        if not match:
            raise Trouble("no such case: %s; --list shows them" % w)
        picked.update(match)
    return [c for c in CASES if c.name in picked]


def choose(opts):
    """The peers and cases asked for that this machine can run."""
    peers, cases = chosen_peers(opts), chosen_cases(opts)
    for exe in ("nginx", "nghttpd", "h2load", "openssl"):
        if not shutil.which(exe):
            raise Trouble("%s is not here; make deps bench-deps" % exe)
    if frame.all_files() < 8200 * opts.scale and any(c.kind in HELD for c in cases):
        raise Trouble("the memory cases want 8,200 open files; raise the limit or "
                      "give SCALE=")
    return peers, cases


def options(argv):
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frame.common_options(p, 7)
    frame.cpu_option(p)
    p.add_argument("--peers", default=frame.env("PEERS", "peers"),
                   help="PEERS= (all); heapgate:jemalloc names an allocator, "
                   "allocators means each")
    p.add_argument("--scale", type=float, default=float(frame.env("SCALE", 1)),
                   help="SCALE= share of each case's requests (1)")
    p.add_argument("--rate", type=float, default=float(frame.env("RATE", 0)),
                   help="RATE= requests a second for latency (half of the slowest's)")
    p.add_argument("--tls-client", default=os.path.join(
        frame.build_dir(), "tests/bench/bench_tls"))
    p.add_argument("--stalls", default=os.path.join(
        frame.build_dir(), "tests/bench/bench_stalls"))
    return p.parse_args(argv)


def main(argv):
    opts = options(argv)
    if opts.list:
        for c in CASES:
            print("%-24s %-8s %s, %d × %s" % (c.name, c.group, c.kind, c.n, c.unit))
        for name, specs in PEER_SETS.items():
            print("%s: %s" % (name, " ".join(specs)))
        return 0
    return frame.run("peers", opts, choose, Bench, run, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
