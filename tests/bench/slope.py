"""A straight line through samples, and how sure its slope is."""

import statistics

T95 = 2.101  # two-sided quantile of Student's t, N_BLOCKS - 2 degrees of freedom
N_BLOCKS = 20  # samples close to each other say the same: blocks do not


def fit(points):
    """(slope, lowest, highest) of y over x, the two at 95 % confidence, by
    least squares through the means of N_BLOCKS blocks. points: (x, y), by x."""
    n = len(points) // N_BLOCKS
    if n < 1:
        raise ValueError("%d samples are too few for a slope" % len(points))
    blocks = [points[i * n:(i + 1) * n] for i in range(N_BLOCKS)]
    xs = [statistics.mean(x for x, _ in b) for b in blocks]
    ys = [statistics.mean(y for _, y in b) for b in blocks]
    mx, my = statistics.mean(xs), statistics.mean(ys)
    sxx = sum((x - mx) ** 2 for x in xs)
    slope = sum((x - mx) * (y - my) for x, y in zip(xs, ys)) / sxx
    rest = sum((y - my - slope * (x - mx)) ** 2 for x, y in zip(xs, ys))
    wide = T95 * (rest / (N_BLOCKS - 2) / sxx) ** 0.5
    return slope, slope - wide, slope + wide
