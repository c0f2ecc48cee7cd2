#!/usr/bin/env python3
"""The cost gate: what a request costs in instructions and in allocations.

    tests/bench/cost.py check instructions|allocations    as make check does
    make cost-record                                      record both anew
    make bench-accounting          what counting memory costs: this build's
                                   instructions beside those of one without

Instructions are counted by callgrind in the worker, from its start to its end,
once for each script run as a base and once with more requests of that script;
the difference is what those cost, and start-up is not in it, nor what a worker does
each second, of which a loaded machine makes more. Compared with
tests/bench/cost.expected within 3 %. Allocations are the difference of the
worker's own counters, without valgrind, and compared as whole
numbers: calls that a request or a TLS connection makes, by owner.

Code paths that depend on the processor are pinned, so that counts repeat from
machine to machine. Other versions of the libraries or the compiler have other
figures: the check is skipped then, and says why.

Scripts: fixed requests by hand, answers of 1 KiB. For the instructions, where the
protocol has streams, 8 at once on one connection, which the worker finds together,
as it finds their answers (lockstep.py); for the allocations 1, from "heapgate origin".
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))
import h2  # noqa: E402
import lockstep  # noqa: E402
import procs  # noqa: E402

EXPECTED = os.path.join(HERE, "cost.expected")
TOLERANCE = 0.03
ACCOUNTING_MOST = 2.0  # percent
SHARE_REQUESTS = 60000
SKIPPED = 77
AT_ONCE = 8         # requests in flight, HTTP/2
REQUESTS = 1000     # that the instructions are counted of
QUIET_S = 3         # after which a connection is folded
IDLE_S = 6          # more, to see what a second costs in which nothing is asked
WARM = 80           # of each script, before: tables fill, pools grow
CONNECTIONS = 200   # that the allocations are counted of
ALLOCATORS = ["hybrid", "system"]

# AES, PCLMUL and SSE up to 4.2, nothing newer: the same assembly of OpenSSL's
# everywhere. The same for the string functions of glibc.
PINNED = {
    "OPENSSL_ia32cap": "0x0218020207800010:0x0",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,"
                      "-ERMS,-FSRM,-RTM,-BMI1,-BMI2,-LZCNT,-MOVBE,-FMA",
    "LC_ALL": "C",
}
CONF = """workers 1
listen 127.0.0.1:{tls} tls cert={dir}/cert.pem key={dir}/key.pem
listen 127.0.0.1:{clear}
metrics 127.0.0.1:{metrics}
route / h1
route host=h2c.test / h2c
upstream h1 {{ server 127.0.0.1:{origin} }}
upstream h2c {{ server 127.0.0.1:{origin} proto=h2c }}
"""


class Skip(Exception):
    pass


# --- clients -------------------------------------------------------------

class H2Client:
    def __init__(self, ports, authority, worker=lockstep.Free()):
        self.worker = worker
        self.conn = h2.Conn(ports["tls"], timeout=60)
        self.conn.authority = authority
        self.given = 0
        self.at_once = AT_ONCE

    def run(self, n):
        for _ in range(n // self.at_once):
            first = self.conn.next_stream
            with self.worker.stopped():
                self.open_window()
                last = self.conn.ask("/bytes/1k", self.at_once)
            self.worker.answer(self.at_once)
            for sid in range(first, last + 1, 2):
                s = self.conn.wait(sid)
                if s.status != 200 or s.body != 1024:
                    raise procs.Trouble("status %s, %d bytes" % (s.status, s.body))
                del self.conn.streams[sid]
            self.given += self.at_once * 1024

    def open_window(self):
        """At fixed points, as all that is sent."""
        if self.given >= 32768:
            self.conn.send(h2.frame(h2.WINDOW_UPDATE, 0, 0,
                                    self.given.to_bytes(4, "big")))
            self.given = 0

    def close(self):
        self.conn.close()


class H1Client:
    REQUEST = (b"GET /bytes/1k HTTP/1.1\r\nHost: h1.test\r\nUser-Agent: cost\r\n"
               b"Accept: */*\r\n\r\n")

    def __init__(self, ports, _authority, worker=lockstep.Free()):
        self.worker = worker
        self.sock = socket.create_connection(("127.0.0.1", ports["clear"]), 60)
        self.file = self.sock.makefile("rb")

    def run(self, n):
        for _ in range(n):
            self.sock.sendall(self.REQUEST)
            self.worker.answer(1)
            line, length = self.file.readline(), 0
            if b" 200 " not in line:
                raise procs.Trouble("answered %r" % line)
            while line not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
                line = self.file.readline()
            if length != 1024 or len(self.file.read(length)) != 1024:
                raise procs.Trouble("an answer of %d bytes" % length)

    def close(self):
        self.file.close()
        self.sock.close()


SCRIPTS = {
    "tls-h2-to-h2c": (H2Client, "h2c.test"),
    "tls-h2-to-h1": (H2Client, "h1.test"),
    "h1-to-h1": (H1Client, None),
}


def memory_lines(text):
    """Of a callgrind file the instructions that lie in sources of allocators/."""
    names, ours, called, total = {}, False, False, 0
    for line in text.splitlines():
        m = re.match(r"(fl|fi|fe|cfi|cfl)=\((\d+)\)(?: (.*))?", line)
        if m:
            if m[3]:
                names[m[2]] = "allocators/" in m[3]
            if not m[1].startswith("c"):
                ours = names[m[2]]
        elif line.startswith("calls="):
            called = True
        elif re.match(r"[-+*\d]", line):
            if ours and not called:
                total += int(line.split()[-1])
            called = False
    return total


# --- running -------------------------------------------------------------

def worker_of(p):
    """The process below the supervisor."""
    pid, = [q for q in procs.tree(p.pid) if q != p.pid]
    return pid


class Bench:
    def __init__(self, build):
        self.build = build
        self.heapgate = os.path.join(build, "heapgate")
        self.dir = tempfile.mkdtemp(prefix="heapgate-cost.")
        self.ports = {}
        self.n_runs = 0
        self.memory = {}  # script → instructions of allocators/

    def start(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-keyout", self.dir + "/key.pem", "-out",
             self.dir + "/cert.pem"], check=True, capture_output=True)
        names = ("origin", "tls", "clear", "metrics")
        self.ports = dict(zip(names, procs.free_ports(len(names))))
        procs.wait_port(procs.start("origin", [
            self.heapgate, "origin", "--listen",
            "127.0.0.1:%d" % self.ports["origin"]], self.dir), self.ports["origin"])

    def proxy(self, allocator, env, origin=None):
        """A heapgate whose worker accepts; origin: another's port."""
        ports = dict(self.ports, origin=origin or self.ports["origin"])
        with open(self.dir + "/conf", "w") as f:
            f.write(CONF.format(dir=self.dir, **ports))
        os.environ.update(env)
        try:
            p = procs.start("heapgate", [
                self.heapgate, "-c", self.dir + "/conf", "--allocator", allocator],
                self.dir)
        finally:
            for k in env:
                del os.environ[k]
        procs.wait_port(p, self.ports["metrics"])
        return p

    def clients(self, worker=lockstep.Free()):
        return {n: make(self.ports, authority, worker)
                for n, (make, authority) in SCRIPTS.items()}

    def instructions(self, more, quiet_s=QUIET_S):
        """Of a worker's whole life with WARM requests of each script, and
        REQUESTS more of one of them; and how many seconds that was."""
        self.n_runs += 1
        out = "%s/callgrind.%d" % (self.dir, self.n_runs)
        origin = lockstep.Origin()
        p = self.proxy("hybrid", dict(
            PINNED, LD_PRELOAD=os.path.join(self.build, "tests/bench/cost_exec.so"),
            COST_WRAP="valgrind -q --tool=callgrind --callgrind-out-file=" + out),
            origin.port)
        began = time.monotonic()
        clients = self.clients(lockstep.Stepped(worker_of(p), origin))
        for name, c in clients.items():
            c.run(WARM + (REQUESTS if name == more else 0))
        # Who waits for another's requests is quiet long enough to be folded, or
        # is not, as the machine is fast. So all are, once, in each run.
        time.sleep(quiet_s)
        for c in clients.values():
            c.close()
        seconds = time.monotonic() - began
        p.terminate()
        p.wait(60)
        procs.end(p)
        origin.close()
        with open(out) as f:
            text = f.read()
        if os.environ.get("COST_KEEP"):
            shutil.copy(out, "%s/callgrind.%s" % (self.build, more or "base"))
        m = re.search(r"^(?:summary|totals): (\d+)", text, re.M)
        if not m:
            raise procs.Trouble("callgrind has counted nothing")
        self.memory[more] = memory_lines(text)
        return int(m[1]), seconds

    def calls(self):
        """Allocations and reallocations so far, by owner."""
        url = "http://127.0.0.1:%d/metrics" % self.ports["metrics"]
        with urllib.request.urlopen(url, timeout=10) as f:
            text = f.read().decode()
        sums = {}
        for labels, n in re.findall(
                r'^heapgate_allocator_calls_total\{(.*)\} (\S+)$', text, re.M):
            m = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            if m["op"] in ("alloc", "realloc"):
                sums[m["owner"]] = sums.get(m["owner"], 0) + int(float(n))
        return sums

    def close(self):
        procs.end_all()
        shutil.rmtree(self.dir, ignore_errors=True)


def per(before, after, n):
    """Calls for each of n, by owner; what does not happen is left out."""
    calls = {o: (after[o] - before.get(o, 0)) / n for o in after}
    return {o: c for o, c in calls.items() if c > 0.1}


def count_allocations(bench):
    """{"allocations hybrid h1-to-h1 proxy": 3, …}"""
    figures = {}
    for allocator in ALLOCATORS:
        p = bench.proxy(allocator, PINNED)
        clients = bench.clients()
        for name, c in clients.items():
            # How many answers share a TLS record is a matter of timing.
            c.at_once = 1
            c.run(WARM)
            before = bench.calls()
            c.run(REQUESTS)
            for owner, n in per(before, bench.calls(), REQUESTS).items():
                figures["allocations %s %s %s" % (allocator, name, owner)] = n
        time.sleep(0.1)
        before = bench.calls()
        for _ in range(CONNECTIONS):
            clients["tls-h2-to-h1"].close()
            clients["tls-h2-to-h1"] = H2Client(bench.ports, "h1.test")
            clients["tls-h2-to-h1"].at_once = 1
            clients["tls-h2-to-h1"].run(1)
        after = bench.calls()
        for owner, n in per(before, after, CONNECTIONS).items():
            key = "allocations %s tls-h2-to-h1 %s" % (allocator, owner)
            figures["allocations %s connection %s" % (allocator, owner)] = (
                n - figures.get(key, 0))
        for c in clients.values():
            c.close()
        procs.end(p)
    return figures


def count_instructions(bench):
    # First, lest its memory be taken for the base's.
    idle, idle_s = bench.instructions(None, QUIET_S + IDLE_S)
    base, base_s = bench.instructions(None)
    per_s = (idle - base) / (idle_s - base_s)
    figures = {}
    for name in SCRIPTS:
        n, s = bench.instructions(name)
        figures["instructions " + name] = round(
            (n - base - per_s * (s - base_s)) / REQUESTS)
    return figures


COUNT = {"instructions": count_instructions, "allocations": count_allocations}


# --- what is recorded ----------------------------------------------------

def conditions(build):
    """What the figures depend on besides the code."""
    exe = os.path.join(build, "heapgate")
    text = subprocess.run([exe, "-V"], capture_output=True, text=True).stdout
    found = {"compiler": re.search(r"^compiler +(.*)", text, re.M)[1],
             "glibc": re.search(r"^system +(\S+)", text, re.M)[1],
             "machine": os.uname().machine}
    for lib in ("nghttp2", "libevent", "openssl"):
        found[lib] = re.search(r"^%s +\S+ +(\S+)" % lib, text, re.M)[1]
    with open(os.path.join(build, ".cflags")) as f:
        words = f.read().split()
    found["flags"] = " ".join(w for w in words[1:] if not w.startswith(
        ("-W", "-I", "-D")) or w.startswith(("-DHEAPGATE_DEBUG", "-D_FORTIFY")))
    return found


def read_expected():
    conds, figures = {}, {}
    if os.path.exists(EXPECTED):
        with open(EXPECTED) as f:
            for line in f:
                w = line.split()
                if w and w[0] == "with":
                    conds[w[1]] = " ".join(w[2:])
                elif w and w[0] != "#":
                    figures[" ".join(w[:-1])] = int(w[-1])
    return conds, figures


def write_expected(conds, figures):
    with open(EXPECTED, "w") as f:
        f.write("# What a request costs; written by make cost-record. Instructions "
                "are the\n# worker's, by callgrind; allocations are calls, by "
                "owner.\n")
        for k in sorted(conds):
            f.write("with %s %s\n" % (k, conds[k]))
        for k in sorted(figures):
            f.write("%s %d\n" % (k, round(figures[k])))


def change(was, now):
    if was is None:
        return "new"
    if not was:
        return "%+d" % (now - was)
    return "%+.1f %%" % ((now - was) * 100 / was)


def good(key, was, now):
    if was is None or now is None:
        return False
    if key.startswith("instructions"):
        return abs(now - was) <= TOLERANCE * was
    # OpenSSL draws numbers for each handshake, and their length varies; a pool's
    # chunks come and go less than once for each request.
    return abs(now - was) <= (5 if key.endswith("connection openssl") else 0.75)


def check(bench, kind):
    conds, figures = read_expected()
    here = conditions(bench.build)
    for k in sorted(here):
        if conds.get(k) != here[k]:
            raise Skip("recorded with %s %s, here is %s" % (
                k, conds.get(k, "(none)"), here[k]))
    want = {k: v for k, v in figures.items() if k.startswith(kind + " ")}
    bench.start()
    got = COUNT[kind](bench)
    bad = 0
    for k in sorted(set(want) | set(got)):
        was, now = want.get(k, None), got.get(k, None)
        if kind == "allocations":  # what is not recorded is none
            was, now = was or 0, now or 0
        ok = good(k, was, now)
        bad += not ok
        print("%-4s %s: %g, recorded %s (%s)" % (
            "ok" if ok else "BAD", k, round(now or 0, 2), was,
            change(was, now or 0)))
    if bad:
        print("If that is meant: make cost-record, and say why in the commit.")
    return 1 if bad or not got else 0


def record(bench):
    _, old = read_expected()
    bench.start()
    new = {}
    for kind in COUNT:
        new.update(COUNT[kind](bench))
    for k in sorted(set(old) | set(new)):
        if k in new:
            print("%-48s %8s → %8d  %s" % (
                k, old.get(k, "–"), round(new[k]), change(old.get(k), new[k])))
        else:
            print("%-48s %8d → gone" % (k, old[k]))
    write_expected(conditions(bench.build), new)
    return 0


def ticks(pid):
    """CPU time of a process so far: in itself, in the kernel for it."""
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(")", 1)[1].split()
    return int(words[11]), int(words[12])


def own_share(bench):
    """Of a request's CPU time, the worker's own; the rest is the kernel's."""
    shares = {}
    p = bench.proxy("hybrid", {})
    pid = worker_of(p)
    for name, (make, authority) in SCRIPTS.items():
        c = make(bench.ports, authority)
        c.run(WARM)
        before = ticks(pid)
        c.run(SHARE_REQUESTS)
        own, kernel = (b - a for a, b in zip(before, ticks(pid)))
        # Too little to be seen: as if all were its own.
        few = own + kernel < 50 or not own
        shares["instructions " + name] = 1 if few else own / (own + kernel)
        c.close()
    procs.end(p)
    return shares


def accounting(bench, without):
    """without: a Bench of a build with MEM_ACCOUNTING=0."""
    counts = []
    for b in (bench, without):
        b.start()
        counts.append(count_instructions(b))
    shares = own_share(bench)
    print("%-16s %10s %10s %10s %9s %10s %9s" % (
        "", "all", "memory", "without", "more", "own CPU", "of both"))
    bad = 0
    for k in counts[0]:
        name = k.split()[1]
        n, plain = ((b.memory[name] - b.memory[None]) / REQUESTS
                    for b in (bench, without))
        more = (n - plain) * 100 / counts[1][k]
        bad += more * shares[k] > ACCOUNTING_MOST
        print("%-16s %10d %10d %10d %+7.2f %% %8.0f %% %+7.2f %%" % (
            name, counts[0][k], n, plain, more, shares[k] * 100, more * shares[k]))
    print("Instructions of a request, the worker's own: all; those of allocators/, "
          "counting and\nwithout; the difference as a share of all without. Own CPU is "
          "the worker's share of\nthe CPU time of a request, the rest is the kernel's; "
          "asked for is at most %g %% of both." % ACCOUNTING_MOST)
    return 1 if bad else 0


def interrupted(signum, _frame):
    raise KeyboardInterrupt(signum)


def main(argv):
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("verb", choices=["check", "record", "accounting"])
    p.add_argument("kind", nargs="?", help=" or ".join(COUNT) + ", of check; the "
                   "build without, of accounting")
    opts = p.parse_args(argv)
    if (opts.verb == "record") == (opts.kind is not None):
        p.error("check and accounting want one word more, record does not")
    if opts.verb == "check" and opts.kind not in COUNT:
        p.error("no such kind: " + opts.kind)
    signal.signal(signal.SIGTERM, interrupted)
    without = None
    bench = Bench(os.path.abspath(os.path.join(TOP, os.environ.get("B", "build"))))
    try:
        if os.environ.get("SANITIZE"):
            raise Skip("a sanitizer build costs something else")
        if opts.kind != "allocations" and not shutil.which("valgrind"):
            raise Skip("valgrind is not installed")
        if opts.verb == "accounting":
            without = Bench(os.path.abspath(opts.kind))
            return accounting(bench, without)
        return check(bench, opts.kind) if opts.kind else record(bench)
    except Skip as e:
        print(e)
        return SKIPPED
    except (procs.Trouble, OSError, EOFError, subprocess.SubprocessError) as e:
        print("cost: %s" % e)
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        bench.close()
        if without:
            without.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
