"""The basket of an index, carried from close to close (methodology A1 to A4).

At each close: the weights of the close before earn the session, drift, dead names leave, and on a
review names and weights are chosen anew. In: a `Market`, the reviews, what died. Out: flat arrays
per (position, name), in session order. No frames of tables here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fundplatform.finance.index.market import Bools, Floats, Market
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ranking import Ranking
from fundplatform.finance.index.weights import proportional
from fundplatform.finance.index_definition import IndexDefinition

ADDED, REMOVED = "added", "removed"
PRICED, STALE, ASSUMED = 0, 1, 2
"""How a return came about: a bar; none (a halt, r = 0); a missing price of ours (r of the rest)."""


@dataclass(frozen=True)
class Held:
    """What is in the index after a close.

    Attributes:
        columns: [n] ascending.
        weights: [n] they add up to 1.
        ranks: [n] at the last review.
        measures: [n] at the last review.
    """

    columns: Ints
    weights: Floats
    ranks: Ints
    measures: Floats


NOTHING = Held(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Session:
    """One session of an index.

    Attributes:
        row: Row in the market.
        before: What was held since the close before.
        start: [n] weights with which the session starts (a price index resets them at a split).
        returns: [n] price returns that count.
        how: [n] PRICED, STALE or ASSUMED.
        drifted: [n] weights at the close before any change.
        total: The index's price return; NaN where nothing was held or no name held has a price.
        after: What is held after the close.
        reviewed: True where names were chosen at this close.
        turnover: One-way, at this close; NaN without a return.
        died: Columns that left because they died.
    """

    row: int
    before: Held
    start: Floats
    returns: Floats
    how: Ints
    drifted: Floats
    total: float
    after: Held
    reviewed: bool
    turnover: float
    died: Ints


@dataclass(frozen=True)
class Rules:
    """How a basket is run.

    Attributes:
        definition: n, buffer, stale_sessions.
        ranking: Ranks.
        weigh: (row, columns) -> target weights.
        raw: (row, columns) -> the values that weights are proportional to between reviews, for
            weightings that have them (cap, price): a replacement enters with its own; None: it
            takes the weight of the name that left.
        review: [T] True where the index is rebalanced.
        ret: [T, M] returns that count, NaN where unknown.
        dead: [T, M] True where a name dies (its final return is that row's); None: nobody.
        ours: [T, M] True where a missing bar is missing here only; None: nowhere.
        split: [T, M] new shares per old one; for price weighting only.
    """

    definition: IndexDefinition
    ranking: Ranking
    weigh: Callable[[int, Ints], Floats]
    raw: Callable[[int, Ints], Floats] | None
    review: Bools
    ret: Floats
    dead: Bools | None = None
    ours: Bools | None = None
    split: Floats | None = None

    @property
    def market(self) -> Market:
        """The names."""
        return self.ranking.market


def run(rules: Rules, rows: range, held: Held) -> list[Session]:
    """The sessions of `rows`, from what was held before the first of them."""
    found = []
    for row in rows:
        session = _session(rules, row, held)
        held = session.after
        found.append(session)
    return found


def _session(rules: Rules, row: int, held: Held) -> Session:
    columns = held.columns
    start = _started(rules, row, held)
    returns, how = _returns(rules, row, columns, start)
    priced = bool((how == PRICED).any())
    total = float((start * returns).sum()) if priced else np.nan
    drifted = start * (1.0 + returns) / (1.0 + total) if priced and total != -1.0 else start
    died = columns[rules.dead[row, columns]] if rules.dead is not None else columns[:0]
    anew = bool(rules.review[row]) or not columns.size
    after = (reviewed if anew else _kept)(
        rules, row, Held(columns, drifted, held.ranks, held.measures)
    )
    moved = _distance(columns, drifted, after)
    return Session(
        row, held, start, returns, how, drifted, total, after, anew,
        float(moved) / 2 if priced else np.nan, died,
    )  # fmt: skip


def _started(rules: Rules, row: int, held: Held) -> Floats:
    """A price index holds one share of each after a split as before: its weights change."""
    if rules.split is None or not held.columns.size:
        return held.weights
    ratio = rules.split[row, held.columns]
    if (ratio == 1.0).all():
        return held.weights
    weights = held.weights / ratio
    scaled: Floats = weights / weights.sum()
    return scaled


def _returns(rules: Rules, row: int, columns: Ints, start: Floats) -> tuple[Floats, Ints]:
    """The return of each name held, and how it came about."""
    own = rules.ret[row, columns]
    known = ~np.isnan(own)
    how = np.where(known, PRICED, STALE)
    # A bar whose return is unknown (the series starts anew) did not stand still either.
    missing = ~known & rules.market.bar[row, columns]
    if rules.ours is not None:
        missing |= ~known & rules.ours[row, columns]
    returns = np.where(known, own, 0.0)
    if missing.any():
        how[missing] = ASSUMED
        weight = start[~missing].sum()
        rest = (start[~missing] * returns[~missing]).sum() / weight if weight > 0 else 0.0
        returns[missing] = rest
    return returns, how


def reviewed(rules: Rules, row: int, drifted: Held) -> Held:
    """Names by rank, those held within the buffer first; weights at target."""
    definition, ranking = rules.definition, rules.ranking
    n, band = definition.n, definition.buffer
    order = ranking.order(row, drifted.columns, int(np.floor(n * (1 + band) + 1e-9)))
    if band and order.size > n:
        place = np.arange(1, order.size + 1)
        inside = np.zeros(rules.market.bar.shape[1], dtype=np.bool_)
        inside[drifted.columns] = True
        sure = place <= n * (1 - band) + 1e-9
        stays = inside[order] & (place <= n * (1 + band) + 1e-9)
        # Sure ones, then those that keep their seat, then the others: each by rank.
        chosen = np.lexsort((place, np.where(sure, 0, np.where(stays, 1, 2))))[:n]
        order, ranks = order[np.sort(chosen)], place[np.sort(chosen)]
    else:
        order, ranks = order[:n], np.arange(1, min(n, order.size) + 1)
    by_column = np.argsort(order)
    columns = order[by_column]
    weights = rules.weigh(row, columns) if columns.size else np.empty(0)
    return Held(columns, weights, ranks[by_column], rules.market.measure[row, columns])


def _kept(rules: Rules, row: int, drifted: Held) -> Held:
    """Between reviews: dead names and those without a price for too long leave, others enter."""
    market, columns = rules.market, drifted.columns
    last = market.last[row, columns]
    gone = row - last > rules.definition.stale_sessions
    if rules.ours is not None:
        gone &= ~rules.ours[row, columns]
    if rules.dead is not None:
        gone |= rules.dead[row, columns]
    if not gone.any():
        return drifted
    stay = Held(
        columns[~gone], drifted.weights[~gone], drifted.ranks[~gone], drifted.measures[~gone]
    )
    inside = np.zeros(market.bar.shape[1], dtype=np.bool_)
    inside[columns] = True
    order = rules.ranking.order(row, columns, columns.size + int(gone.sum()))
    ranks = np.arange(1, order.size + 1)
    new = ~inside[order]
    order, ranks = order[new][: int(gone.sum())], ranks[new][: int(gone.sum())]
    weights = _replaced(rules, row, stay, order, drifted.weights[gone])
    both = np.concatenate([stay.columns, order])
    by_column = np.argsort(both)
    if not both.size:
        return NOTHING
    return Held(
        both[by_column],
        weights[by_column],
        np.concatenate([stay.ranks, ranks])[by_column],
        np.concatenate([stay.measures, market.measure[row, order]])[by_column],
    )


def _replaced(rules: Rules, row: int, stay: Held, new: Ints, freed: Floats) -> Floats:
    """Weights of those that stay and of the new ones; they add up to 1.

    Largest freed weight to the best ranked; what nobody takes is spread pro rata. In a cap or
    price index a new name enters with its own worth, and only the divisor changes.
    """
    if rules.raw is not None:
        worth = np.concatenate([stay.columns, new])
        values = rules.raw(row, worth)
        if np.isfinite(values).all() and (values > 0).all():
            return proportional(values)
    taken = np.sort(freed)[::-1][: new.size]
    weights = np.concatenate([stay.weights, taken])
    return proportional(weights) if weights.size else weights


def _distance(columns: Ints, drifted: Floats, after: Held) -> float:
    """Sum of |target - drifted| over the names of both sides."""
    if columns.size == after.columns.size and (columns == after.columns).all():
        return float(np.abs(after.weights - drifted).sum())
    size = 1 + max(
        columns[-1] if columns.size else 0, after.columns[-1] if after.columns.size else 0
    )
    shift, here = np.zeros(size), np.zeros(size, dtype=np.bool_)
    shift[columns] = -drifted
    shift[after.columns] += after.weights
    here[columns] = here[after.columns] = True
    return float(np.abs(shift[here]).sum())
