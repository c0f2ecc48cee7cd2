"""Latency at a fixed rate, by "heapgate load", in phases of a twentieth of a second.

Load is open: latency counts from when a request was due. Phases that a stall of a
CPU touched tell how long that was, not what the proxy does. They are left out, and
others made instead, for every proxy by the same rule. So is the first of each go, in
which the proxy opens its connections to the server behind.
"""

import json
import os
import subprocess

import latencies
from procs import Trouble

PHASE_MS, PHASES = 50, 16  # of one go; heapgate load takes no more
GOES = 16                  # then what counts by then is all there is
MOST_S = GOES * (PHASES - 1) * PHASE_MS / 1000
ENDING_US = 5000           # for the answers to what was due last


def _go(program, url, options, seed, conf):
    """One run; returns its phases as dicts."""
    out = subprocess.run(
        [program, "load", url, "--seed", str(seed), "--json", "--phases",
         ",".join(["p:%dms:1" % PHASE_MS] * PHASES)] + options,
        capture_output=True, text=True, timeout=120,
        env=dict(os.environ, OPENSSL_CONF=conf))
    try:
        phases = [json.loads(line) for line in out.stdout.splitlines()]
    except ValueError:
        phases = []
    if len(phases) != PHASES or not all(p["ok"] for p in phases):
        raise Trouble("heapgate load said:\n" + out.stdout + out.stderr)
    return phases


def _untouched(phases, stalls):
    """Those that no stall touched; all, if nobody looked."""
    shadows = stalls.shadows() if stalls else []

    def touched(p):
        since, until = p["begun_us"], p["begun_us"] + p["lasted_us"] + ENDING_US
        return any(gone < until and settled > since for gone, settled in shadows)
    return [p for p in phases if not touched(p)]


def measure(program, url, options, seconds, seed, conf, stalls):
    """Goes on until so many seconds count, or it gives up. options: rate and
    connections; conf: of OpenSSL; stalls: a Stalls, or None: all that is measured
    counts. Returns succeeded, failed, and a dict of fields of a Row."""
    begun, all_of, counted = [], [], []
    for go in range(GOES):
        first, *phases = _go(program, url, options, seed + go, conf)
        begun.append(first)
        all_of += phases
        counted += _untouched(phases, stalls)
        if len(counted) * PHASE_MS >= seconds * 1000:
            break
    if not counted:
        raise Trouble("a CPU was away in each of %d phases" % len(all_of))

    def us(phases, what, q):
        return latencies.quantile(latencies.merge(p[what] for p in phases), q)

    # In a stall more may be due than there are streams: no proxy's fault.
    bad = sum(p["failed"] + p["other_status"] for p in begun + all_of) + sum(
        p["unfinished"] for p in counted)
    return sum(p["ok"] for p in begun + all_of), bad, {
        "p50_us": us(counted, "latency", 0.5), "p99_us": us(counted, "latency", 0.99),
        "late_us": us(counted, "late", 0.99), "p99_all_us": us(all_of, "latency", 0.99),
        "counted_s": len(counted) * PHASE_MS / 1000 if stalls else None,
        "lasted_s": len(all_of) * PHASE_MS / 1000}
