"""Target weights of chosen names (methodology A3).

Who is chosen does not belong here. In: one measure per name. Out: weights that add up to 1.
"""

import numpy as np

from fundplatform.finance.index.market import Floats
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import owners, sums


def proportional(values: Floats) -> Floats:
    """Value / sum of the values (cap, float cap, price, fixed); all equal where the sum is 0.

    Args:
        values: >= 0, finite, at least one.
    """
    total = values.sum()
    return values / total if total > 0 else np.full(values.size, 1.0 / values.size)


def each_proportional(values: Floats, starts: Ints) -> Floats:
    """`proportional` of each part (`ragged`)."""
    at, total = owners(starts), sums(values, starts)
    equal = 1.0 / np.maximum(np.diff(starts), 1)
    positive = (total > 0)[at]
    return np.divide(values, total[at], out=equal[at], where=positive)


def capped(values: Floats, most: float) -> Floats:
    """Proportional weights of which none is above `most`.

    Weights above the cap are set to it, and the excess is spread pro rata over the rest, until
    none is above. Where n * most < 1 no such weights exist: all are 1/n.
    """
    weights = proportional(values)
    if weights.size * most < 1.0:
        return np.full(weights.size, 1.0 / weights.size)
    full = np.zeros(weights.size, dtype=np.bool_)
    while (over := (weights > most) & ~full).any():
        full |= over
        weights[full] = most
        rest = weights[~full].sum()
        left = 1.0 - most * full.sum()
        if rest <= 0:
            break
        weights[~full] *= left / rest
    return weights
