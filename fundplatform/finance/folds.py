"""Statistics of returns that compose: leaves per row, and what two neighbours give together.

In: rows of returns, [rows, columns], with what is present. Out: `Part`s for `windows.fold`, and the
values that follow from a part. Every `combine` leaves a part as it is, to the last bit, where the
other side is neutral. No frames, no dates.
"""

import numpy as np

from fundplatform.finance.blocks import Part, Statistic
from fundplatform.finance.panel import Bools, Floats

NOISE = 1e-12
"""A deviation of daily returns below this is rounding of the prices, and counts as zero."""

INF = float("inf")


def moments(values: Floats, present: Bools) -> Part:
    """Leaf of count, mean and sum of squared deviations; `values` are 0 where absent."""
    return present.astype(np.float64), values, np.zeros_like(values)


def join_moments(a: Part, b: Part) -> Part:
    """Chan's update: no sum of squares is subtracted from another, so no digits cancel."""
    n = a[0] + b[0]
    step = b[1] - a[1]
    share = b[0] / np.maximum(n, 1.0)
    mean = a[1] + step * share
    step *= step
    step *= a[0]
    step *= share
    step += a[2]
    step += b[2]
    return n, mean, step


def losses(values: Floats, present: Bools) -> Part:
    """Leaf of `moments` and the sum of squared losses, min(value, 0)^2."""
    return (*moments(values, present), np.minimum(values, 0.0) ** 2)


def join_losses(a: Part, b: Part) -> Part:
    """`join_moments`, and a sum beside it: one walk over the windows instead of two."""
    return (*join_moments(a[:3], b[:3]), a[3] + b[3])


def moments_of(values: Floats, present: Bools) -> Part:
    """`moments` of whole blocks, [blocks, slots, columns], in two passes."""
    n = present.sum(axis=1, dtype=np.float64)
    mean = _sum(values) / np.maximum(n, 1.0)
    off = values - mean[:, None]
    off *= present
    return n, mean, _sum(np.square(off, out=off))


def losses_of(values: Floats, present: Bools) -> Part:
    """`losses` of whole blocks."""
    below = np.minimum(values, 0.0)
    return (*moments_of(values, present), _sum(np.square(below, out=below)))


def _sum(values: Floats) -> Floats:
    """Slot after slot: numpy's own sum takes another order, and last bit, by the columns beside."""
    total = values[:, 0].copy()
    for slot in range(1, values.shape[1]):
        total += values[:, slot]
    return total


def shape(values: Floats, present: Bools) -> Part:
    """Leaf of `moments` and the sums of third and fourth powers of deviations."""
    zero = np.zeros_like(values)
    return (*moments(values, present), zero, zero)


def join_shape(a: Part, b: Part) -> Part:
    """Pébay's update of the first four moments."""
    na, ma, a2, a3, a4 = a
    nb, mb, b2, b3, b4 = b
    n = na + nb
    whole = np.maximum(n, 1.0)
    step = mb - ma
    by_n = step / whole
    cross = step * by_n * na * nb
    mean = ma + step * (nb / whole)
    second = cross + a2 + b2
    third = cross * by_n * (na - nb) + 3 * by_n * (na * b2 - nb * a2) + a3 + b3
    fourth = (
        cross * by_n * by_n * (na * na - na * nb + nb * nb)
        + 6 * by_n * by_n * (na * na * b2 + nb * nb * a2)
        + 4 * by_n * (na * b3 - nb * a3)
        + a4
        + b4
    )
    return n, mean, second, third, fourth


def pair(own: Floats, other: Floats, present: Bools) -> Part:
    """Leaf of count, both means, and squared deviations of `other`, of both, of own - other.

    Args:
        own: Excess returns of the instrument; 0 where not present.
        other: Those of its benchmark; 0 where not present.
        present: True on common days.
    """
    zero = np.zeros_like(own)
    return present.astype(np.float64), own, other, zero, zero, zero


def join_pair(a: Part, b: Part) -> Part:
    """As `join_moments`: variance of the other, covariance, variance of the difference."""
    n = a[0] + b[0]
    share = b[0] / np.maximum(n, 1.0)
    weight = a[0] * share
    own, other = b[1] - a[1], b[2] - a[2]
    active = own - other
    return (
        n,
        a[1] + own * share,
        a[2] + other * share,
        a[3] + b[3] + other * other * weight,
        a[4] + b[4] + own * other * weight,
        a[5] + b[5] + active * active * weight,
    )


def add(a: Part, b: Part) -> Part:
    """Sums."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def extremes(values: Floats, present: Bools) -> Part:
    """Leaf of highest, lowest and how many are above zero."""
    return (
        np.where(present, values, -INF),
        np.where(present, values, INF),
        (present & (values > 0)).astype(np.float64),
    )


def join_extremes(a: Part, b: Part) -> Part:
    """Highest, lowest, sum."""
    return np.maximum(a[0], b[0]), np.minimum(a[1], b[1]), a[2] + b[2]


def drawdown(growth: Floats) -> Part:
    """Leaf of highest price, lowest price, deepest fall (<= 0)."""
    return growth, growth, np.zeros_like(growth)


def join_drawdown(a: Part, b: Part) -> Part:
    """The deepest fall is in one of the two, or from the first's peak to the second's bottom."""
    with np.errstate(divide="ignore", invalid="ignore"):
        across = b[1] / a[0]
    across -= 1.0
    np.minimum(across, a[2], out=across)
    np.minimum(across, b[2], out=across)
    return np.maximum(a[0], b[0]), np.minimum(a[1], b[1]), across


def drawdown_of(growth: Floats) -> Part:
    """`drawdown` of whole blocks."""
    high = growth[:, 0].copy()
    low, left = high.copy(), np.ones_like(high)
    fall = np.empty_like(high)
    with np.errstate(divide="ignore", invalid="ignore"):
        for slot in range(1, growth.shape[1]):
            own = growth[:, slot]
            np.maximum(high, own, out=high)
            np.minimum(low, own, out=low)
            np.minimum(left, np.divide(own, high, out=fall), out=left)
    return high, low, left - 1.0


def located(growth: Floats, rows: Floats) -> Part:
    """Leaf of `drawdown` with the rows of highest, lowest, and the fall's peak and trough."""
    row = np.broadcast_to(rows, growth.shape)
    return (*drawdown(growth), row, row, row, row)


def join_located(a: Part, b: Part) -> Part:
    """`join_drawdown` with rows: the latest of equal peaks, the earliest of equal troughs."""
    high, low, deepest = join_drawdown(a[:3], b[:3])
    later = b[0] >= a[0]
    lower = b[1] < a[1]
    first, second = deepest == a[2], deepest == b[2]
    peak = np.where(first, a[5], np.where(second, b[5], a[3]))
    trough = np.where(first, a[6], np.where(second, b[6], b[4]))
    return (
        high,
        low,
        deepest,
        np.where(later, b[3], a[3]),
        np.where(lower, b[4], a[4]),
        peak,
        trough,
    )


def deviation(n: Floats, squares: Floats) -> Floats:
    """Standard deviation, ddof 1; NaN below two values; 0 below `NOISE`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(squares / (n - 1))
    return np.where(n > 1, np.where(found > NOISE, found, 0.0), np.nan)


def skewness(part: Part) -> Floats:
    """Adjusted Fisher-Pearson coefficient G1 (as pandas and Excel); NaN below 3, or flat."""
    n, _, second, third, _ = part
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.sqrt(n) * third / second**1.5
        found = plain * np.sqrt(n * (n - 1)) / (n - 2)
    return np.where((n > 2) & (deviation(n, second) > 0), found, np.nan)


def kurtosis(part: Part) -> Floats:
    """Excess kurtosis G2, 0 for a normal (as pandas and Excel); NaN below 4, or flat."""
    n, _, second, _, fourth = part
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = n * fourth / second**2 - 3
        found = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * plain + 6)
    return np.where((n > 3) & (deviation(n, second) > 0), found, np.nan)


def captured(own: Floats, other: Floats, present: Bools) -> Part:
    """Leaf for capture ratios: count and log growth of both where `other` rose; where it fell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log1p(own), np.log1p(other)
    up, down = present & (other > 0), present & (other < 0)
    return tuple(
        field
        for side in (up, down)
        for field in (side.astype(np.float64), *(np.where(side, x, 0.0) for x in logs))
    )


def capture(part: Part) -> Floats:
    """Geometric mean per period of the instrument over that of the benchmark; 1 = 100 %."""
    n, own, other = part
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.expm1(own / n) / np.expm1(other / n)
    return np.where(n > 0, found, np.nan)


def counted(present: Bools) -> Part:
    """Leaf of a count."""
    return (present.astype(np.float64),)


MOMENTS = Statistic(moments, join_moments, (0.0,) * 3, moments_of)
LOSSES = Statistic(losses, join_losses, (0.0,) * 4, losses_of)
SHAPE = Statistic(shape, join_shape, (0.0,) * 5)
PAIR = Statistic(pair, join_pair, (0.0,) * 6)
CAPTURED = Statistic(captured, add, (0.0,) * 6)
COUNTED = Statistic(counted, add, (0.0,))
EXTREMES = Statistic(extremes, join_extremes, (-INF, INF, 0.0))
# Neutral for drawdowns is a price that stands at the first one.
DRAWDOWN = Statistic(drawdown, join_drawdown, (1.0, 1.0, 0.0), drawdown_of)
LOCATED = Statistic(located, join_located, (1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
