"""What names held earn on the next session, and how their weights drift (methodology A2, A3).

Who is held does not belong here. In: holdings, each of the close before its session. Out: returns
per name, the session's return, the weights at its close before any change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fundplatform.finance.index.held import Holdings, Rules
from fundplatform.finance.index.market import Floats
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import counts, sums

PRICED, STALE, ASSUMED = 0, 1, 2
"""How a return came about: a bar; none (a halt, r = 0); a missing price of ours (r of the rest)."""


@dataclass(frozen=True)
class Earned:
    """What the names held earned.

    Attributes:
        start: Weights with which the session starts (a price index resets them at a split).
        returns: Price returns that count.
        how: PRICED, STALE or ASSUMED.
        drifted: Weights at the close before any change.
        total: [sessions] the index's price return; NaN where nothing was held or no name held has
            a price.
    """

    start: Floats
    returns: Floats
    how: npt.NDArray[np.int8]
    drifted: Floats
    total: Floats


def earned(rules: Rules, rows: Ints, held: Holdings) -> Earned:
    """The returns of the sessions `rows`, each from its part of `held`."""
    at = held.owners
    row = rows[at]
    start = _started(rules, row, at, held)
    returns, how = _returns(rules, row, at, held, start)
    priced = counts(how == PRICED, held.starts) > 0
    total = np.where(priced, sums(start * returns, held.starts), np.nan)
    grown = np.where(priced & (total != -1.0), 1.0 + total, np.nan)[at]
    drifted = np.where(np.isnan(grown), start, start * (1.0 + returns) / grown)
    return Earned(start, returns, how, drifted, total)


def _started(rules: Rules, row: Ints, at: Ints, held: Holdings) -> Floats:
    """A price index holds one share of each after a split as before: its weights change."""
    if rules.split is None:
        return held.weights
    ratio = rules.split[row, held.columns]
    moved = (counts(ratio != 1.0, held.starts) > 0)[at]
    if not moved.any():
        return held.weights
    weights = held.weights / ratio
    return np.where(moved, weights / sums(weights, held.starts)[at], held.weights)


def _returns(
    rules: Rules, row: Ints, at: Ints, held: Holdings, start: Floats
) -> tuple[Floats, npt.NDArray[np.int8]]:
    """The return of each name held, and how it came about."""
    own = rules.ret[row, held.columns]
    unknown = np.isnan(own)
    how = np.where(unknown, np.int8(STALE), np.int8(PRICED))
    if not unknown.any():
        return own, how
    # A bar whose return is unknown (the series starts anew) did not stand still either.
    missing = unknown & rules.market.bar[row, held.columns]
    if rules.ours is not None:
        missing |= unknown & rules.ours[row, held.columns]
    returns = np.where(unknown, 0.0, own)
    if missing.any():
        how[missing] = ASSUMED
        weight = sums(np.where(missing, 0.0, start), held.starts)
        rest = sums(np.where(missing, 0.0, start * returns), held.starts)
        rest = np.divide(rest, weight, out=np.zeros_like(rest), where=weight > 0)
        returns[missing] = rest[at[missing]]
    return returns, how


def end_to_end(parts: Sequence[Earned]) -> Earned:
    """What single sessions earned, one after the other."""
    if not parts:
        nothing = np.empty(0)
        return Earned(nothing, nothing, np.empty(0, np.int8), nothing, nothing)
    return Earned(
        np.concatenate([p.start for p in parts]),
        np.concatenate([p.returns for p in parts]),
        np.concatenate([p.how for p in parts]),
        np.concatenate([p.drifted for p in parts]),
        np.concatenate([p.total for p in parts]),
    )
