#!/usr/bin/env python3
"""Does "heapgate ab" call differences that are not there, and those that are?

    campaigns.py [again] [planted] [--out DIR] [--n N] [--duration TIME] [--arm SPEC]

"again" compares an allocator with itself, spelled differently, N times (20) in
the short form (30s): a difference is called in 2 campaigns at most. "planted"
compares it with itself that keeps 10 % more memory, +bloat=10%, N times (10)
in the default length (60s): it is called worse in 9 of 10 at least, and the
interval holds what the wrapper itself says it held, in 9 of 10 at least. Both
are run if none is named.

A campaign whose summary is in DIR (build/tests/campaigns) is not run again, so
the script may be stopped and go on. Exit 0: all of that is so; 1: it is not.
"""

import argparse
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import frame  # noqa: E402

BUILD = frame.build_dir()
HELD = re.compile(r"bloat: (\d+) bytes held beside (\d+), on average")


def options():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("which", nargs="*", metavar="again|planted")
    p.add_argument("--out", default=os.path.join(BUILD, "tests", "campaigns"))
    p.add_argument("--n", type=int, help="campaigns of each kind (20 and 10)")
    p.add_argument("--duration", help="of a campaign (30s and 60s)")
    p.add_argument("--arm", default="hybrid", help="an allocator (hybrid)")
    p.add_argument("--heapgate", default=frame.program())
    p.add_argument("--bloat", type=float, default=10, help="percent planted (10)")
    o = p.parse_args()
    if set(o.which) - {"again", "planted"}:
        p.error("there is only again and planted")
    return o


def same_spelled_differently(spec):
    regions = "bump" if spec.startswith("hybrid") else "heap"
    return f"{spec},regions={regions}"


def bloated(spec, percent):
    name, comma, settings = spec.partition(",")
    return f"{name}+bloat={percent:g}%{comma}{settings}"


def campaign(o, kind, seed, arm, duration):
    """Runs it unless it was; returns its directory and summary."""
    out = os.path.join(o.out, f"{kind}-{o.arm.replace('/', '_')}-{duration}-{seed:02}")
    summary = os.path.join(out, "summary.json")
    if not os.path.exists(summary):
        os.makedirs(o.out, exist_ok=True)
        command = [o.heapgate, "ab", "--baseline", o.arm, "--arms", arm, "--duration",
                   duration, "--seed", str(seed), "--out", out]
        with open(out + ".log", "w") as log:
            done = subprocess.run(command, stdout=log, stderr=log)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: exit {done.returncode}, see {out}.log")
    with open(summary) as f:
        return out, json.load(f)


def planted_ratio(out):
    """What all workers with the wrapper held beside what they had."""
    with open(os.path.join(out, "work", "processes.log")) as f:
        held = [(int(a), int(b)) for a, b in HELD.findall(f.read())]
    if not held:
        sys.exit(f"{out}: no worker says what it held")
    return 1 + sum(h for h, _ in held) / sum(b for _, b in held)


def row(seed, s, more=""):
    again, arm = (s["arms"][i]["measures"]["rss_avg"] for i in (1, 2))
    print(f"{seed:4}  A/A {again['ratio']:.3f} {again['low']:.3f}–{again['high']:.3f}"
          f" {again['verdict']:12}  arm {arm['ratio']:.3f} {arm['low']:.3f}–"
          f"{arm['high']:.3f} {arm['verdict']:12} void {s['runs_void']}{more}",
          flush=True)
    return again, arm


def again(o):
    n, duration = o.n or 20, o.duration or "30s"
    arm = same_spelled_differently(o.arm)
    print(f"\n{n} campaigns of {duration}: {arm} against {o.arm}, the same", flush=True)
    called = unreliable = 0
    for seed in range(1, n + 1):
        _, s = campaign(o, "again", seed, arm, duration)
        row(seed, s)
        verdict = s["arms"][2]["measures"]["rss_avg"]["verdict"]
        called += verdict in ("better", "worse")
        unreliable += s["unreliable"]
    most = n // 10
    print(f"a difference was called in {called} of {n} (at most {most}); "
          f"{unreliable} unreliable (at most {most})")
    return called <= most and unreliable <= most


def planted(o):
    n, duration = o.n or 10, o.duration or "60s"
    arm = bloated(o.arm, o.bloat)
    print(f"\n{n} campaigns of {duration}: {arm} against {o.arm}", flush=True)
    called = covered = 0
    for seed in range(1, n + 1):
        out, s = campaign(o, "planted", seed, arm, duration)
        size = planted_ratio(out)
        _, f = row(seed, s, f"  planted {size:.3f}")
        called += f["verdict"] == "worse"
        covered += f["low"] <= size <= f["high"]
    least = n - n // 10
    print(f"called worse in {called} of {n} (at least {least}); the interval holds "
          f"what was planted in {covered} (at least {least})")
    return called >= least and covered >= least


def main():
    o = options()
    which = o.which or ["again", "planted"]
    good = [{"again": again, "planted": planted}[w](o) for w in which]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
