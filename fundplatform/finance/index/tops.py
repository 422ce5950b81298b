"""The first names of all sessions at once, where no name's place depends on what was held.

Who may be ranked and how ties are settled is the caller's (`ranking.py`). In: measures [sessions
x names]. Out: columns, best first.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fundplatform.finance.index.layout import Bools, Floats
from fundplatform.finance.index.panel import Ints

TIE_MARGIN = 1e-10
"""Values this near to each other may tie after rounding to the figures that ties are told by."""

_AT_ONCE = 64
"""Rows that are looked at together: they fit a processor's cache."""


@dataclass(frozen=True)
class Tops:
    """The first names of every session.

    Attributes:
        order: [T, K] columns, best first; meaningless beyond `count`.
        size: [T, K] the measure of each.
        count: [T] how many of them are ranked; all that are where that is less than `asked`.
        asked: So many are in the right order, where there are as many.
        rank: [T, M] the place of the first `asked`, from 1; 0 for the others.
    """

    order: Ints
    size: Floats
    count: Ints
    asked: int
    rank: npt.NDArray[np.int32]

    def of(self, row: int) -> Ints:
        """Those of one session."""
        return self.order[row, : min(self.count[row], self.asked)]


def tops(measure: Floats, ranked: Bools, asked: int, settle: Callable[[int, int], Ints]) -> Tops:
    """The first `asked` columns of every row by size.

    Args:
        measure: [T, M] above 0 for who is ranked.
        ranked: [T, M] who is.
        asked: How many.
        settle: (row, how many) -> the order of a row in which some may tie.
    """
    names = measure.shape[1]
    # One more, so that a tie of the last one with who is beyond it shows.
    width = min(asked + 1, names)
    order = np.empty((measure.shape[0], width), dtype=np.int64)
    own = np.empty(order.shape)
    for begin in range(0, measure.shape[0], _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        order[some], own[some] = _largest(np.where(ranked[some], measure[some], 0.0), width)
    count = (own > 0).sum(axis=1)
    near = (own[:, 1:] > 0) & (own[:, 1:] >= own[:, :-1] * (1 - TIE_MARGIN))
    for row in np.flatnonzero(near.any(axis=1)).tolist():
        settled = settle(row, width)[:width]
        order[row, : settled.size] = settled
    decided = min(asked, names)
    rank = np.zeros(measure.shape, dtype=np.int32)
    right = np.arange(width) < np.minimum(count, decided)[:, None]
    at_row, at_place = np.nonzero(right)
    rank[at_row, order[right]] = at_place + 1
    return Tops(order, np.take_along_axis(measure, order, axis=1), count, decided, rank)


def _largest(sizes: Floats, width: int) -> tuple[Ints, Floats]:
    """The columns of the largest of every row, and their sizes, descending."""
    names = sizes.shape[1]
    if width < names:
        part = np.argpartition(sizes, names - width, axis=1)[:, names - width :]
        own = np.take_along_axis(sizes, part, axis=1)
        place = np.argsort(-own, axis=1)
        return np.take_along_axis(part, place, axis=1), np.take_along_axis(own, place, axis=1)
    order = np.argsort(-sizes, axis=1)
    return order, np.take_along_axis(sizes, order, axis=1)
