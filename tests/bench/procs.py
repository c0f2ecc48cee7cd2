"""Processes of the bench: start, wait until they listen, what they used, end.

Whatever was started here is ended by end_all(), in the order newest first,
and by the kernel when this process dies.
"""

import ctypes
import os
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_started = []


class Trouble(Exception):
    """Something could not be started or did not work; the text says what."""


def free_ports(n):
    """Ports of 127.0.0.1 that were free a moment ago."""
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def _in_child():
    os.setsid()
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def start(name, argv, logdir, talk=False):
    """Start argv in a session of its own, output in LOGDIR/NAME.out. talk: its
    stdin and stdout are pipes of text to us."""
    with open(os.path.join(logdir, name + ".out"), "wb") as out:
        p = subprocess.Popen(
            argv, stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talk else out, stderr=out,
            preexec_fn=_in_child, text=talk)
    p.name, p.log = name, out.name
    _started.append(p)
    return p


def _listening(port):
    want = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as f:
            for line in f:
                w = line.split()
                if w[3] == "0A" and w[1].endswith(want):
                    return True
    return False


def wait_established(port, n, seconds):
    """Until so many connections to this port are open, here; False: too late."""
    end = time.monotonic() + seconds
    want = ":%04X" % port
    while True:
        with open("/proc/net/tcp") as f:
            rows = [line.split(None, 4)[1:4] for line in f]
        if sum(r[0].endswith(want) and r[2] == "01" for r in rows) >= n:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.1)


def wait_port(p, port, seconds=15):
    end = time.monotonic() + seconds
    while not _listening(port):
        if p.poll() is not None or time.monotonic() > end:
            with open(p.log, errors="replace") as f:
                tail = f.read()[-2000:]
            raise Trouble("%s does not listen on %d:\n%s" % (p.name, port, tail))
        time.sleep(0.02)


def _children(pid):
    out = []
    try:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, task)) as f:
                out += [int(c) for c in f.read().split()]
    except FileNotFoundError:
        pass
    return out


def tree(pid):
    """pid and everything below it, now."""
    pids = [pid]
    for p in pids:
        pids += _children(p)
    return sorted(pids)


def cpu_ns(pids):
    """CPU time that all threads of these processes have used so far."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as f:
                total += int(f.read().split()[0])
    return total


def host_ticks():
    """Of all CPUs so far: what the hypervisor gave to others, and all."""
    with open("/proc/stat") as f:
        ticks = [int(t) for t in f.readline().split()[1:9]]
    return ticks[7], sum(ticks)


def stolen(since):
    """The share of the CPUs that the hypervisor has given to others since then."""
    taken, whole = (now - then for now, then in zip(host_ticks(), since))
    return taken / whole if whole else 0


def _largest(pids, fields):
    """These fields of /proc/PID/status, of the largest process, in kB."""
    best = (0,) * len(fields)
    for pid in pids:
        try:
            with open("/proc/%d/status" % pid) as f:
                kb = dict(line.split(":", 1) for line in f)
        except (FileNotFoundError, ProcessLookupError):
            continue  # a helper that h2o starts, and that ends at once
        best = max(best, tuple(int(kb.get(k, "0 kB").split()[0]) for k in fields))
    return best


def memory_kb(pids):
    """(resident, anonymous) of the largest process among these."""
    return _largest(pids, ("VmRSS", "RssAnon"))


def peak_kb(pids):
    """The most that was resident of any of these since reset_peak()."""
    return _largest(pids, ("VmHWM",))[0]


def reset_peak(pids):
    for pid in pids:
        with open("/proc/%d/clear_refs" % pid, "w") as f:
            f.write("5")


def _signal(pids, sig):
    for pid in pids:
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


def end(p):
    """End a process and all below it; patient for two seconds."""
    pids = tree(p.pid) if p.poll() is None else []
    if p.poll() is None:
        p.terminate()
        try:
            p.wait(2)
        except subprocess.TimeoutExpired:
            pass
    _signal([q for q in pids if os.path.exists("/proc/%d" % q)], signal.SIGKILL)
    p.wait()
    if p in _started:
        _started.remove(p)


def end_all():
    for p in reversed(list(_started)):
        end(p)
