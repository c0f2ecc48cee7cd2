"""What "heapgate load --json" counts: the buckets of src/lab/latencies.h."""

STEPS = 64  # to an octave


def lower(i):
    """The least value in bucket i, in µs."""
    shift = i // STEPS
    return i if not shift else (STEPS + i % STEPS) << (shift - 1)


def merge(several):
    """All of them in one."""
    total = {}
    for counts in several:
        for i, n in counts["buckets"]:
            total[i] = total.get(i, 0) + n
    return {"buckets": sorted(total.items())}


def quantile(counts, q):
    """In µs, of {"buckets": [[bucket, count]…]}, spread evenly within each."""
    want = q * sum(n for _, n in counts["buckets"])
    for i, n in counts["buckets"]:
        if n >= want:
            return lower(i) + (lower(i + 1) - lower(i)) * want / n
        want -= n
    return 0.0
