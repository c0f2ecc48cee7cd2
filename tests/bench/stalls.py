"""When a CPU of this machine was away: given to another guest of its host.

Who waits for an answer then waits for the hypervisor. bench_stalls sees it to half a
millisecond, as long as idle CPUs poll; /proc/stat knows it to hundredths of a second
(docs/decisions/009-latency-while-all-cpus-are-there.md).
"""

import time

import procs

# A CPU that came back at most so much too late was there, as far as we care: a request
# takes as long.
PERIOD_US, LATE_US = 500, 200
# What has piled up meanwhile is served within this, and twice as long as it lasted.
AFTER_US = 5000


class Stalls:
    """Watches from now on, until close()."""

    def __init__(self, exe, logdir):
        self.p = procs.start("stalls", [exe, str(PERIOD_US), str(LATE_US)], logdir)
        end = time.monotonic() + 5
        while "ready" not in self._lines():
            if self.p.poll() is not None or time.monotonic() > end:
                with open(self.p.log, errors="replace") as f:
                    raise procs.Trouble(
                        "stalls cannot be seen (%s); IDLE_CPUS=halt measures without" %
                        (f.read().strip() or "bench_stalls is silent"))
            time.sleep(0.01)

    def _lines(self):
        """What it said, without a line that is not whole yet."""
        with open(self.p.log) as f:
            return f.read().split("\n")[:-1]

    def shadows(self):
        """[(since, until)] in µs of the monotonic clock: a CPU was away, or what
        that had held up was still being served."""
        if self.p.poll() is not None:
            raise procs.Trouble("bench_stalls has ended by itself")
        out, settled = [], 0
        for line in self._lines():
            if line == "ready":  # other CPUs may have been watched before
                continue
            _, gone, back = map(int, line.split())
            settled = max(settled, gone + AFTER_US) + 3 * (back - gone)
            out.append((gone, settled))
        return out

    def close(self):
        procs.end(self.p)
