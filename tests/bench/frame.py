"""What the benches have in common: the end of main(), the options, how far it is,
and the statistics that stand in the tables."""

import math
import os
import resource
import signal
import statistics
import sys
import time

sys.dont_write_bytecode = True
import cpus  # noqa: E402
from procs import Trouble  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

# --- statistics ----------------------------------------------------------


def coverage(n, k):
    """How often the k-th smallest and k-th largest of n enclose the median."""
    return 1 - 2 * sum(math.comb(n, i) for i in range(k)) / 2 ** n


def order(n):
    """The k of the narrowest such interval that holds four times of five, or 1."""
    return max([k for k in range(1, n // 2 + 1) if coverage(n, k) >= 0.8] or [1])


def interval(values):
    """(low, high) of the median, by order statistics."""
    s, k = sorted(values), order(len(values))
    return s[k - 1], s[-k]


def interval_name(n):
    """Which interval of n values that is, in words."""
    if n < 2:
        return "one value, so no interval"
    k = order(n)
    return "the %s of %d values by size, which enclose the median with %.1f %%" % (
        "smallest and largest" if k == 1 else "%d. and %d." % (k, n + 1 - k), n,
        100 * coverage(n, k))


def spread(values, form):
    """median [min, max]"""
    if len(values) == 1:
        return form % values[0]
    return (form + " [" + form + ", " + form + "]") % (
        statistics.median(values), min(values), max(values))


def enclosed(values, form):
    """median (interval)"""
    if len(values) == 1:
        return form % values[0]
    return (form + " (" + form + "–" + form + ")") % (
        (statistics.median(values),) + interval(values))


# --- how far it is -------------------------------------------------------

class Progress:
    """A line for each step, with the time left; on a terminal one that stays.

    steps: what is to come, a kind each. A step takes as long as those of its kind
    did; a kind not seen yet as long as guess says.
    """

    def __init__(self, kinds, guess):
        self.kinds, self.guess, self.at = kinds, guess, 0
        self.spent = {}
        self.began = time.monotonic()
        self.tty = sys.stdout.isatty()

    def seconds(self, kind):
        spent = self.spent.get(kind)
        return statistics.mean(spent) if spent else self.guess(kind)

    def step(self):
        """The next step begins."""
        self.began = time.monotonic()

    def done(self, text, keep=False):
        """It has ended. keep: what must stay on the terminal, too."""
        kind = self.kinds[self.at]
        self.spent.setdefault(kind, []).append(time.monotonic() - self.began)
        self.at += 1
        left = sum(self.seconds(k) for k in self.kinds[self.at:])
        text = "[%d/%d, %s left] %s" % (
            self.at, len(self.kinds),
            "%.0f min" % (left / 60) if left > 90 else "%.0f s" % left, text)
        if self.tty and not keep:
            width = os.get_terminal_size().columns
            print("\r\033[K" + text[:width - 1], end="", flush=True)
        else:
            print(("\r\033[K" if self.tty else "") + text, flush=True)

    def end(self):
        if self.tty:
            print("\r\033[K", end="")


# --- running -------------------------------------------------------------

def interrupted(signum, _frame):
    raise KeyboardInterrupt(signum)


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
    return "%s, %d cores, Linux %s, load before %s; %s" % (
        cpu, os.cpu_count(), os.uname().release, " ".join(load), cpus.told())


def all_files():
    """As many open files as may be; returns how many."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def env(name, default):
    """An environment variable that is neither missing nor empty."""
    return os.environ.get(name, "") or default


def build_dir():
    return os.path.join(TOP, env("B", "build"))


def program():
    """The heapgate to measure."""
    return env("HEAPGATE", os.path.join(build_dir(), "heapgate"))


def common_options(p, rounds):
    """The options that every bench has; p: an ArgumentParser."""
    p.add_argument("--list", action="store_true", help="what there is to measure")
    p.add_argument("--cases", default=env("CASES", ""), help="CASES= (all)")
    p.add_argument("--rounds", type=int, default=int(env("ROUNDS", rounds)),
                   help="ROUNDS= (%d)" % rounds)
    p.add_argument("--seed", type=int, default=int(env("SEED", 1)),
                   help="SEED= of the order (1)")
    p.add_argument("--heapgate", default=program())
    p.add_argument("--out", default=os.path.join(build_dir(), "bench"))
    p.add_argument("--keep", action="store_true", help="keep configs and logs")


def cpu_option(p):
    """For a bench of CPU time, which then calls cpus.start()."""
    p.add_argument("--idle-cpus", choices=("poll", "halt"),
                   default=env("IDLE_CPUS", "poll"),
                   help="IDLE_CPUS= what they do; halt: as the machine is set (poll)")


def run(name, opts, choose, new_bench, work, report):
    """The body of a bench's main(); returns its exit code.

    choose(opts) says what to measure, as a tuple. new_bench(opts) has prepare()
    and close(). work(bench, *chosen) measures and returns how much went wrong;
    report(bench, *chosen) writes NAME.md and NAME.csv, and returns its lines.
    """
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    signal.signal(signal.SIGTERM, interrupted)
    bench, code = None, 1
    try:
        chosen = choose(opts)
        os.makedirs(opts.out, exist_ok=True)
        bench = new_bench(opts)
        bench.prepare()
        bad = work(bench, *chosen)
        print("\n".join(report(bench, *chosen)))
        print("\nwritten: %s/%s.md and %s.csv" % (opts.out, name, name))
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
