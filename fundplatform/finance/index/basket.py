"""The basket of an index, carried from close to close (methodology A1 to A4).

At each close: the weights of the close before earn the session, drift, dead names leave, and on a
review names and weights are chosen anew. In: the rules, what was held before. Out: flat arrays per
(session, name), in session order. Choosing is in `choice.py`, earning in `drift.py`. No frames of
tables here.
"""

from dataclasses import dataclass

import numpy as np

from fundplatform.finance.index.choice import kept, reviewed, reviewed_daily, with_children
from fundplatform.finance.index.drift import Earned, earned, end_to_end
from fundplatform.finance.index.held import Held, Holdings, Rules, holdings, joined
from fundplatform.finance.index.market import Bools, Floats
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import sums

ADDED, REMOVED = "added", "removed"


@dataclass(frozen=True)
class Basket:
    """The sessions of an index, one after the other: S of them.

    Attributes:
        rows: [S] rows in the market.
        before: What was held since the close before, per session.
        after: What is held after the close, per session.
        earned: What each session earned from `before`.
        reviewed: [S] True where names were chosen at this close.
        died: [names before] True for those that leave because they died.
        stays: [names before] True for those that are held after the close too.
        stayed: [names after] True for those that were held before it too.
        spun: [names after] True for those that were spun off by one that is held.
        turnover: [S] one-way, at the close; NaN without a return.
    """

    rows: Ints
    before: Holdings
    after: Holdings
    earned: Earned
    reviewed: Bools
    died: Bools
    stays: Bools
    stayed: Bools
    spun: Bools
    turnover: Floats


def run(rules: Rules, rows: range, held: Held, since: int) -> Basket:
    """The sessions of `rows` from `since` on, given what was held before the first of `rows`."""
    skipped = min(max(since - rows.start, 0), len(rows))
    if rules.forgets:
        every = joined(held, reviewed_daily(rules, rows, held)).between(skipped, len(rows) + 1)
        own = np.arange(rows.start + skipped, rows.stop)
        gain = earned(rules, own, every.between(0, own.size))
        return _basket(rules, own, every, gain, np.ones(own.size, dtype=np.bool_))
    parts, gains, anew = [held], [], []
    for row in rows:
        gains.append(earned(rules, np.array([row]), holdings([held])))
        drifted = Held(held.columns, gains[-1].drifted, held.ranks, held.measures)
        anew.append(bool(rules.review[row]) or not held.columns.size)
        held = (reviewed if anew[-1] else kept)(rules, row, drifted)
        parts.append(held)
    return _basket(
        rules,
        np.arange(rows.start + skipped, rows.stop),
        holdings(parts[skipped:]),
        end_to_end(gains[skipped:]),
        np.array(anew[skipped:], dtype=np.bool_),
    )


def _basket(rules: Rules, rows: Ints, held: Holdings, gain: Earned, anew: Bools) -> Basket:
    """The basket of S + 1 parts: what was held before the first session, and after each."""
    before, after = held.between(0, rows.size), held.between(1, rows.size + 1)
    names = rules.market.bar.shape[1]
    own, other = (p.owners * names + p.columns for p in (before, after))
    stays, stayed = _among(own, other, rows.size * names), _among(other, own, rows.size * names)
    # Both sides stand in the order of columns, so the names that stay stand one for one.
    shift = np.zeros(after.columns.size)
    shift[stayed] = gain.drifted[stays]
    moved = sums(np.abs(after.weights - shift), after.starts)
    moved += sums(np.where(stays, 0.0, gain.drifted), before.starts)
    died = np.zeros(before.columns.size, dtype=np.bool_)
    if rules.dead is not None:
        died = rules.dead[rows[before.owners], before.columns]
    spun = np.zeros(after.columns.size, dtype=np.bool_)
    for number in np.flatnonzero(~anew).tolist():
        if (off := rules.spun.get(int(rows[number]))) is not None:
            part = slice(int(after.starts[number]), int(after.starts[number + 1]))
            spun[part] = np.isin(after.columns[part], off.children) & ~stayed[part]
            moved[number] = _traded(rules, int(rows[number]), before, after, gain, number)
    turnover = np.where(np.isnan(gain.total), np.nan, moved / 2)
    return Basket(rows, before, after, gain, anew, died, stays, stayed, spun, turnover)


def _traded(
    rules: Rules, row: int, before: Holdings, after: Holdings, gain: Earned, number: int
) -> float:
    """What was bought and sold on a session with a spin-off, which by itself trades nothing."""
    own, then = before.part(number), after.part(number)
    drifted = gain.drifted[int(before.starts[number]) : int(before.starts[number + 1])]
    given = with_children(rules, row, Held(own.columns, drifted, own.ranks, own.measures))
    weights = np.zeros(rules.market.bar.shape[1])
    weights[then.columns] = then.weights
    weights[given.columns] -= given.weights
    return float(np.abs(weights).sum())


def _among(own: Ints, others: Ints, size: int) -> Bools:
    """Which of these numbers below `size` are among the others."""
    marked = np.zeros(size, dtype=np.bool_)
    marked[others] = True
    found: Bools = marked[own]
    return found
