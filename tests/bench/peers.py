#!/usr/bin/env python3
"""CPU, memory and speed of heapgate beside the proxies that Debian has.

Every proxy gets one worker, TLS 1.3 with the same certificate, no access log,
128 streams per connection and a keep-alive pool behind; the configurations
are in tests/bench/conf/. Behind them is nginx (HTTP/1.1) or nghttpd (h2c), in
front h2load. Each round asks every proxy once, in random order, so that what
else the machine does falls on all of them; the figures are medians of the
rounds with the smallest and largest. Trust CPU per request and the ratios;
requests per second on a shared machine are only a hint.

    make bench                                    everything, 5 rounds
    make bench CASES=h2-h1-1k-50x10 ROUNDS=10     one case again
    make bench PEERS=heapgate:jemalloc,haproxy SCALE=0.1
    tests/bench/peers.py --list

Written to $B/bench/: peers.csv (each measurement), peers.md (the tables).
"""

import argparse
import csv
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

sys.dont_write_bytecode = True
import hold  # noqa: E402
import procs  # noqa: E402
from procs import Trouble  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
H2LOAD_TLS = ["--tls13-ciphers=TLS_AES_128_GCM_SHA256"]

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

# kind load: n requests from clients × streams of h2load; unit is what one
# "request" of the table is. kind idle: n connections. kind streams: clients ×
# streams requests that are never answered.
Case = namedtuple("Case", "name kind behind n clients streams path args unit")


def _case(name, behind, n, clients, streams, path, *args, kind="load",
          unit="request"):
    return Case(name, kind, behind, n, clients, streams, path, list(args), unit)


HEADERS_40 = [a for i in range(40) for a in ("-H", "x-header-%d: value-%d-%s" % (
    i, i, "0123456789" * 2))]
CASES = [
    _case("h2-h1-1k-50x10", "h1", 30000, 50, 10, "/1k"),
    _case("h2-h2c-1k-50x10", "h2c", 40000, 50, 10, "/1k"),
    _case("h2-h1-1k-1x1", "h1", 4000, 1, 1, "/1k"),
    _case("h2-h1-64k-50x10", "h1", 6000, 50, 10, "/64k"),
    _case("h2-h1-10m-4x1", "h1", 80, 4, 1, "/10m"),
    _case("h2-h1-post16k-50x10", "h1", 10000, 50, 10, "/post", "-d", "@WWW@/16k"),
    _case("h2-h1-40headers-50x10", "h1", 15000, 50, 10, "/1k", *HEADERS_40),
    _case("h1-h1-1k-50", "h1", 20000, 50, 1, "/1k", "--h1"),
    _case("handshakes", "h1", 1000, 1000, 1, "/1k", unit="connection"),
    _case("idle-conns", "h1", 1000, 1, 1, "/1k", kind="idle", unit="connection"),
    _case("in-flight", "stall", 2000, 20, 100, "/stall", kind="streams",
          unit="stream"),
]

Row = namedtuple("Row", "case round peer done failed cpu_us per_s rss_kb anon_kb "
                 "unit_bytes after_kb")


# --- starting ------------------------------------------------------------

class Bench:
    """One run: a directory, a certificate, the servers behind, the proxies."""

    def __init__(self, opts):
        self.opts = opts
        self.dir = tempfile.mkdtemp(prefix="heapgate-bench.")
        self.www = os.path.join(self.dir, "www")
        self.behind = {}
        self.proxies = {}  # (peer spec, behind) → (process, port)
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
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-keyout", self.path("key.pem"), "-out",
             self.path("cert.pem")], check=True, capture_output=True)
        with open(self.path("both.pem"), "w") as out:
            for name in ("cert.pem", "key.pem"):
                with open(self.path(name)) as f:
                    out.write(f.read())

    def conf(self, template, name, **words):
        """Fill in a template of conf/; returns the path of the result."""
        user = "user: root" if template == "h2o.conf" else "user root;"
        words.update(DIR=self.dir, WWW=self.www, CERT=self.path("cert.pem"),
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
        name = "%s-%s" % (re.sub(r"[^a-z0-9]+", "-", spec), kind)
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

    def proxy(self, spec, kind):
        if (spec, kind) not in self.proxies:
            self.proxies[spec, kind] = self.start_proxy(spec, kind)
        return self.proxies[spec, kind]

    def close(self):
        procs.end_all()
        if not self.opts.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


# --- measuring -----------------------------------------------------------

def scaled(case, opts):
    """How many requests; at least one for each client."""
    return max(int(case.n * opts.scale), case.clients if case.kind == "load" else 1)


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


def measure_load(bench, case, spec, rnd):
    p, port = bench.proxy(spec, case.behind)
    n = scaled(case, bench.opts)
    pids = procs.tree(p.pid)
    before = procs.cpu_ns(pids)
    good, failed, rate = h2load(bench, case, port, n)
    if procs.tree(p.pid) != pids:
        raise Trouble("%s: a process came or went during the load" % spec)
    cpu = (procs.cpu_ns(pids) - before) / 1000 / max(good, 1)
    rss, anon = procs.memory_kb(pids)
    return Row(case.name, rnd, spec, good, failed, cpu, rate, rss, anon, None, None)


def measure_held(bench, case, spec, rnd):
    """A fresh proxy; what n held connections or streams add to it."""
    p, port = bench.start_proxy(spec, case.behind)
    conns = []
    try:
        if case.kind == "idle":
            n = scaled(case, bench.opts)
            hold.idle(port, 1)[0].close()
            start, _ = procs.memory_kb(procs.tree(p.pid))
            began = time.monotonic()
            conns = hold.idle(port, n)
        else:
            n_conns = max(1, int(case.clients * bench.opts.scale))
            n = n_conns * case.streams
            hold.in_flight(port, 1, 1)[0].close()
            start, _ = procs.memory_kb(procs.tree(p.pid))
            began = time.monotonic()
            conns = hold.in_flight(port, n_conns, case.streams)
            time.sleep(1)
        rate = n / (time.monotonic() - began)
        time.sleep(0.3)
        rss, anon = procs.memory_kb(procs.tree(p.pid))
        for c in conns:
            c.close()
        time.sleep(3)
        after, _ = procs.memory_kb(procs.tree(p.pid))
    finally:
        for c in conns:
            c.close()
        procs.end(p)
    return Row(case.name, rnd, spec, n, 0, None, rate, rss, anon,
               (rss - start) * 1024 / n, after)


def measure(bench, case, spec, rnd):
    f = measure_load if case.kind == "load" else measure_held
    return f(bench, case, spec, rnd)


# --- telling -------------------------------------------------------------

def spread(values, form):
    """median [min, max]"""
    if len(values) == 1:
        return form % values[0]
    return (form + " [" + form + ", " + form + "]") % (
        statistics.median(values), min(values), max(values))


def value(row):
    """The figure that a case is about: CPU µs, or bytes per unit."""
    return row.cpu_us if row.cpu_us is not None else row.unit_bytes


def ratios(rows, best):
    """Of each round's figure to the best peer's of the same round."""
    base = {r.round: value(r) for r in best}
    return [value(r) / base[r.round] for r in rows
            if r.round in base and base[r.round] > 0]


def case_table(case, rows):
    """Lines of Markdown for one case."""
    by_peer = {}
    for r in rows:
        by_peer.setdefault(r.peer, []).append(r)
    others = {p: v for p, v in by_peer.items() if not p.startswith("heapgate")}
    pool = others or by_peer
    best = min(pool, key=lambda p: statistics.median(map(value, pool[p])))
    held = case.kind != "load"
    out = ["", "### %s" % case.name, ""]
    if held:
        out += ["| proxy | bytes per %s | ÷ %s | RSS MB | RSS MB 3 s after | "
                "opened/s |" % (case.unit, best)]
    else:
        out += ["| proxy | CPU µs per %s | ÷ %s | %ss/s | RSS MB | failed |" % (
            case.unit, best, case.unit)]
    out.append("|---|---|---|---|---|---|")
    for p in sorted(by_peer, key=lambda p: statistics.median(map(value, by_peer[p]))):
        v = by_peer[p]
        cells = [p, spread([value(r) for r in v], "%.0f" if held else "%.1f")]
        ratio = ratios(v, pool[best])
        cells.append(spread(ratio, "%.2f") if ratio else "–")
        rss = "%.1f" % (statistics.median(r.rss_kb for r in v) / 1024)
        rate = "%.0f" % statistics.median(r.per_s for r in v)
        if held:
            after = statistics.median(r.after_kb for r in v) / 1024
            cells += [rss, "%.1f" % after, rate]
        else:
            cells += [rate, rss, "%d" % sum(r.failed for r in v)]
        out.append("| " + " | ".join(cells) + " |")
    return out


def machine():
    """What the figures were made on."""
    cpu = "unknown CPU"
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    with open("/proc/loadavg") as f:
        load = f.read().split()[:3]
    return "%s, %d cores, Linux %s, load before %s" % (
        cpu, os.cpu_count(), os.uname().release, " ".join(load))


def version(spec, opts):
    peer = PEERS[spec.split(":")[0]]
    exe = opts.heapgate if peer.name == "heapgate" else peer.argv[0]
    p = subprocess.run([exe, peer.version], capture_output=True, text=True)
    return (p.stdout + p.stderr).strip().splitlines()[0]


def write_report(bench, head, cases):
    out = os.path.join(bench.opts.out, "peers.md")
    lines = ["# heapgate and its peers", ""] + head + [
        "", "Medians of %d rounds with the smallest and largest; ratios are within "
        "a round." % bench.opts.rounds]
    for case in cases:
        rows = [r for r in bench.rows if r.case == case.name]
        if rows:
            lines += case_table(case, rows)
    with open(out, "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(bench.opts.out, "peers.csv"), "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(Row._fields)
        w.writerows(bench.rows)
    return lines


# --- running -------------------------------------------------------------

def plan(opts, peers, cases):
    """All measurements: rounds of cases, the proxies of each in random order."""
    rng = random.Random(opts.seed)
    steps = []
    for rnd in range(1, opts.rounds + 1):
        for case in cases:
            able = [p for p in peers
                    if case.behind != "h2c" or PEERS[p.split(":")[0]].h2c]
            rng.shuffle(able)
            steps += [(case, p, rnd) for p in able]
    return steps


def warm_up(bench, steps):
    """Each proxy serves a little of each case before anything counts."""
    for case, spec, rnd in steps:
        if rnd == 1 and case.kind == "load":
            _, port = bench.proxy(spec, case.behind)
            h2load(bench, case, port, max(case.clients, scaled(case, bench.opts) // 20))


def run(bench, peers, cases):
    steps = plan(bench.opts, peers, cases)
    bad = 0
    warm_up(bench, steps)
    for i, (case, spec, rnd) in enumerate(steps, 1):
        say = "[%d/%d] %s round %d %s: " % (i, len(steps), case.name, rnd, spec)
        try:
            row = measure(bench, case, spec, rnd)
        except (OSError, Trouble) as e:
            bad += 1
            print(say + "no figure: %s" % e, flush=True)
            continue
        bench.rows.append(row)
        bad += row.failed > 0
        print(say + ("%.1f µs CPU, %.0f/s" % (row.cpu_us, row.per_s)
                     if row.cpu_us is not None else
                     "%.0f bytes per %s" % (row.unit_bytes, case.unit)) +
              ", RSS %.1f MB" % (row.rss_kb / 1024) +
              (", %d FAILED" % row.failed if row.failed else ""), flush=True)
    return bad


def choose(opts):
    """The peers and cases asked for that this machine can run."""
    peers = []
    for spec in opts.peers.replace(",", " ").split():
        name = spec.split(":")[0]
        if name not in PEERS:
            raise Trouble("no such proxy: %s (there are: %s)" % (
                name, " ".join(PEERS)))
        exe = opts.heapgate if name == "heapgate" else PEERS[name].argv[0]
        if shutil.which(exe):
            peers.append(spec)
        else:
            print("%s is left out: %s is not here%s" % (
                spec, exe, "" if name == "heapgate" else "; make bench-deps"))
    known = {c.name: c for c in CASES}
    wanted = opts.cases.replace(",", " ").split() or list(known)
    for w in wanted:
        if w not in known:
            raise Trouble("no such case: %s; --list shows them" % w)
    for exe in ("nginx", "nghttpd", "h2load", "openssl"):
        if not shutil.which(exe):
            raise Trouble("%s is not here; make deps bench-deps" % exe)
    if not peers:
        raise Trouble("no proxy to measure")
    return peers, [known[w] for w in wanted]


def options(argv):
    env = os.environ.get
    build = os.path.join(TOP, env("B", "build"))
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--list", action="store_true", help="the cases and the proxies")
    p.add_argument("--cases", default=env("CASES", ""), help="CASES= (all)")
    p.add_argument("--peers", default=env("PEERS", "") or " ".join(PEERS),
                   help="PEERS= (all); heapgate:jemalloc names an allocator")
    p.add_argument("--rounds", type=int, default=int(env("ROUNDS", "") or 5))
    p.add_argument("--scale", type=float, default=float(env("SCALE", "") or 1),
                   help="SCALE= share of each case's requests (1)")
    p.add_argument("--seed", type=int, default=int(env("SEED", "") or 1))
    p.add_argument("--heapgate", default=env("HEAPGATE", "") or
                   os.path.join(build, "heapgate"))
    p.add_argument("--out", default=os.path.join(build, "bench"))
    p.add_argument("--keep", action="store_true", help="keep configs and logs")
    return p.parse_args(argv)


def interrupted(signum, _frame):
    raise KeyboardInterrupt(signum)


def main(argv):
    opts = options(argv)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if opts.list:
        for c in CASES:
            print("%-22s %s, %d × %s" % (c.name, c.kind, c.n, c.unit))
        print("proxies: " + " ".join(PEERS))
        return 0
    signal.signal(signal.SIGTERM, interrupted)
    bench, code = None, 1
    try:
        peers, cases = choose(opts)
        os.makedirs(opts.out, exist_ok=True)
        bench = Bench(opts)
        bench.prepare()
        head = [machine(), ""] + ["- " + v for v in
                                  dict.fromkeys(version(p, opts) for p in peers)]
        print("\n".join(head), flush=True)
        bad = run(bench, peers, cases)
        print("\n".join(write_report(bench, head, cases)))
        print("\nwritten: %s/peers.md and peers.csv" % opts.out)
        code = 1 if bad else 0
    except Trouble as e:
        print("bench: %s" % e, file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if bench:
            bench.close()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
