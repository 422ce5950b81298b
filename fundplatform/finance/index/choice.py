"""Who is held after a close: by rank and buffer on a review, between reviews who stays and enters.

Ranks do not belong here (`ranking.py`). In: what was held. Out: what is held.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fundplatform.finance.index.held import NOTHING, Held, Holdings, Rules
from fundplatform.finance.index.market import Bools, Floats
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import owners, starts_of
from fundplatform.finance.index.ranking import Ranking
from fundplatform.finance.index.weights import proportional

_Named = tuple[Ints, Ints]
"""Columns, ascending, and the rank of each."""


def reviewed(rules: Rules, row: int, drifted: Held) -> Held:
    """Names by rank, those held within the buffer first; weights at target."""
    columns, ranks = _chosen(rules, row, drifted.columns)
    weights = np.empty(0)
    if columns.size:
        weights = rules.weigh(np.array([row]), columns, np.array([0, columns.size]))
    return Held(columns, weights, ranks, rules.market.measure[row, columns])


def _chosen(rules: Rules, row: int, held: Ints) -> _Named:
    definition, ranking = rules.definition, rules.ranking
    n, band = definition.n, definition.buffer
    order = ranking.order(row, held, int(np.floor(n * (1 + band) + 1e-9)))
    if band and order.size > n:
        place = np.arange(1, order.size + 1)
        inside = np.zeros(rules.market.bar.shape[1], dtype=np.bool_)
        inside[held] = True
        sure = place <= n * (1 - band) + 1e-9
        stays = inside[order] & (place <= n * (1 + band) + 1e-9)
        # Sure ones, then those that keep their seat, then the others: each by rank.
        chosen = np.lexsort((place, np.where(sure, 0, np.where(stays, 1, 2))))[:n]
        order, ranks = order[np.sort(chosen)], place[np.sort(chosen)]
    else:
        order, ranks = order[:n], np.arange(1, min(n, order.size) + 1)
    by_column = np.argsort(order)
    return order[by_column], ranks[by_column]


def reviewed_daily(rules: Rules, rows: range, held: Held) -> Holdings:
    """What is held after each of `rows` by rules that forget: every close is reviewed by itself.

    But for names held without a bar, which keep their place in the ranking: the sessions that such
    names make depend on the one before are walked.
    """
    n, market = rules.definition.n, rules.market
    top = rules.ranking.tops(n)
    own = slice(rows.start, rows.stop)
    order, measures = top.order[own, :n], top.size[own, :n]
    sizes = np.minimum(top.count[own], order.shape[1])
    there = np.arange(order.shape[1]) < sizes[:, None]
    # What is beyond the last one sorts to the end of its row; numbers of two bytes by radix.
    short = np.uint16 if market.ids.size < 2**16 else np.int64
    ends = np.where(there, order, market.ids.size).astype(short)
    by_column = np.argsort(ends, axis=1, kind="stable")
    columns = np.take_along_axis(order, by_column, axis=1)[there]
    measures = np.take_along_axis(measures, by_column, axis=1)[there]
    ranks = by_column[there] + 1
    starts = starts_of(sizes)
    doubtful = _doubtful(rules.ranking, rows, held, columns, starts)
    if doubtful.any():
        named = [(columns[a:b], ranks[a:b]) for a, b in pairwise(starts.tolist())]
        named = _walked(rules, rows, held.columns, named, doubtful)
        starts = starts_of(np.array([c.size for c, _ in named]))
        columns = np.concatenate([c for c, _ in named])
        ranks = np.concatenate([r for _, r in named])
        measures = market.measure[np.arange(rows.start, rows.stop)[owners(starts)], columns]
    at = np.arange(rows.start, rows.stop)
    return Holdings(starts, columns, rules.weigh(at, columns, starts), ranks, measures)


def _doubtful(ranking: Ranking, rows: range, held: Held, columns: Ints, starts: Ints) -> Bools:
    """[rows] True where a name held since the close before has no bar, or may not be ranked."""
    doubtful = np.zeros(len(rows), dtype=np.bool_)
    if not len(rows):
        return doubtful
    doubtful[0] = not ranking.there()[rows.start, held.columns].all()
    part = owners(starts[:-1])
    absent = ranking.absent(part + rows.start + 1, columns[: part.size])
    doubtful[part[absent] + 1] = True
    return doubtful


def _walked(
    rules: Rules, rows: range, held: Ints, named: Sequence[_Named], doubtful: Bools
) -> list[_Named]:
    """The names of each session, given those of every session by itself."""
    found, other = list(named), False
    for i, row in enumerate(rows):
        if other or doubtful[i]:
            found[i] = _chosen(rules, row, held)
            other = not np.array_equal(found[i][0], named[i][0])
        held = found[i][0]
    return found


def kept(rules: Rules, row: int, drifted: Held) -> Held:
    """Between reviews: dead names and those without a price for too long leave, others enter."""
    market, columns = rules.market, drifted.columns
    gone = row - market.last[row, columns] > rules.definition.stale_sessions
    if rules.ours is not None:
        gone &= ~rules.ours[row, columns]
    if rules.dead is not None:
        gone |= rules.dead[row, columns]
    if not gone.any():
        return with_children(rules, row, drifted)
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
    entered = Held(
        both[by_column],
        weights[by_column],
        np.concatenate([stay.ranks, ranks])[by_column],
        np.concatenate([stay.measures, market.measure[row, order]])[by_column],
    )
    return with_children(rules, row, entered)


def with_children(rules: Rules, row: int, held: Held) -> Held:
    """What a name held spun off is held too, at its worth, until the next review (A2)."""
    spun = rules.spun.get(row)
    if spun is None:
        return held
    for parent, child, part in zip(spun.parents, spun.children, spun.parts, strict=True):
        own = held.columns == parent
        if not own.any():
            continue
        worth = float(held.weights[own][0]) * part
        weights = np.where(own, held.weights - worth, held.weights)
        there = held.columns == child
        if there.any():
            held = Held(
                held.columns, np.where(there, weights + worth, weights), held.ranks, held.measures
            )
            continue
        at = int(np.searchsorted(held.columns, child))
        held = Held(
            np.insert(held.columns, at, child),
            np.insert(weights, at, worth),
            np.insert(held.ranks, at, held.ranks[own][0]),
            np.insert(held.measures, at, rules.market.measure[row, child]),
        )
    return held


def _replaced(rules: Rules, row: int, stay: Held, new: Ints, freed: Floats) -> Floats:
    """Weights of those that stay and of the new ones; they add up to 1.

    Largest freed weight to the best ranked; what nobody takes is spread pro rata. In a cap or
    price index a new name enters with its own worth, and only the divisor changes.
    """
    if rules.raw is not None:
        worth = np.concatenate([stay.columns, new])
        values = rules.raw(np.full(worth.size, row), worth)
        if np.isfinite(values).all() and (values > 0).all():
            return proportional(values)
    taken = np.sort(freed)[::-1][: new.size]
    weights = np.concatenate([stay.weights, taken])
    return proportional(weights) if weights.size else weights
