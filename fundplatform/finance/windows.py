"""Statistics of many windows of rows at once: what two neighbours have gives what both have.

Rows stand in blocks (calendar weeks, or single months), so that a window is the end of a block,
whole blocks and the beginning of a block. In: one leaf per row and how two stretches combine. Out:
one value per window. Which statistics there are is `folds.py`'s matter; frames are `metrics.py`'s.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.panel import Days, Floats, Ints

Part = tuple[NDArray[np.float64], ...]
"""The fields of a statistic, each [stretches, columns]."""

Combine = Callable[[Part, Part], Part]
"""The statistic of a stretch and the one right after it, from those of each."""

_T = TypeVar("_T", bound=np.generic)
_EPOCH = 4096
_MONDAY = 3  # 1970-01-01, day 0, was a Thursday.


@dataclass(frozen=True)
class Layout:
    """Where the rows stand in blocks.

    Blocks are numbered by the calendar, not by the first row: how a window is composed, and so
    the last bit of its statistics, depends on nothing outside of it.

    Attributes:
        width: Slots per block; a slot without a row is empty.
        count: Number of blocks.
        origin: Block number (0: the first block here) that lies on a fixed grid before all rows.
        slots: [rows] slot of each row.
    """

    width: int
    count: int
    origin: int
    slots: Ints

    @classmethod
    def weeks(cls, days: Days) -> "Layout":
        """Blocks of Monday to Friday, or of whole weeks where a session falls on a weekend."""
        number = days.astype(np.int64) + _MONDAY
        week, weekday = np.divmod(number, 7)
        width = 5 if weekday.max(initial=0) < 5 else 7
        return cls._at(width, week, weekday)

    @classmethod
    def months(cls, days: Days) -> "Layout":
        """A block of one slot per month, for rows of one day in each month."""
        month = days.astype("datetime64[M]").astype(np.int64)
        return cls._at(1, month, np.zeros_like(month))

    @classmethod
    def _at(cls, width: int, block: NDArray[np.int64], slot: NDArray[np.int64]) -> "Layout":
        first = int(block[0]) if len(block) else 0
        count = int(block[-1]) - first + 1 if len(block) else 0
        slots = ((block - first) * width + slot).astype(np.int32)
        return cls(width, count, first // _EPOCH * _EPOCH - first, slots)

    def spread(self, values: NDArray[_T]) -> NDArray[_T]:
        """[rows, columns] -> [slots, columns], 0 where a slot has no row."""
        if len(values) == self.count * self.width:
            return values
        out = np.zeros((self.count * self.width, *values.shape[1:]), values.dtype)
        out[self.slots] = values
        return out

    def carried(self, values: Floats) -> Floats:
        """[rows, columns] -> [slots, columns]: an empty slot has the value of the row before."""
        if len(values) == self.count * self.width:
            return values
        rows = np.searchsorted(self.slots, np.arange(self.count * self.width), side="right") - 1
        return np.asarray(values[np.maximum(rows, 0)])


@dataclass(frozen=True)
class Windows:
    """Windows by their rows: first and last, both included.

    Attributes:
        first: [windows] None: all begin before the first row. A window that begins and ends in
            one block of several slots has no sound value: weeks are shorter than any window that
            risk statistics are made for.
        last: [windows]
    """

    first: Ints | None
    last: Ints


def fold(
    leaf: Part,
    combine: Combine,
    neutral: Sequence[float],
    layout: Layout,
    wanted: Sequence[Windows],
) -> Iterator[Part]:
    """The statistic of every window.

    Args:
        leaf: Fields per slot, [slots, columns].
        combine: Must be exact where one side is neutral.
        neutral: Value of each field for a stretch without rows.
        layout: Where the rows stand.
        wanted: Groups of windows.

    Returns:
        For each group the fields, [windows, columns]; made one group after the other.
    """
    cut = [_Cut.of(w, layout) for w in wanted]
    blocks = tuple(f.reshape(layout.count, layout.width, -1) for f in leaf)
    nodes = _Nodes(_whole(blocks, combine), combine, neutral, cut)
    tails = _Scan(blocks, combine, np.concatenate([c.last_block for c in cut]), backward=False)
    heads = [c.first_block for c in cut if c.first_block is not None]
    starts = _Scan(blocks, combine, np.concatenate(heads), backward=True) if heads else None
    for c in cut:
        yield _folded(c, starts, nodes, tails, combine, neutral)


@dataclass(frozen=True)
class _Cut:
    """Windows as slots of a first block, `count` whole blocks from `begin` on, slots of a last."""

    first_block: Ints | None
    first_slot: Ints | None
    begin: Ints
    count: Ints
    last_block: Ints
    last_slot: Ints

    @classmethod
    def of(cls, windows: Windows, layout: Layout) -> "_Cut":
        last_block, last_slot = np.divmod(layout.slots[windows.last], layout.width)
        if windows.first is None:
            begin = np.full_like(last_block, layout.origin)
            return cls(None, None, begin, last_block - begin, last_block, last_slot)
        first_block, first_slot = np.divmod(layout.slots[windows.first], layout.width)
        begin = first_block + 1
        return cls(first_block, first_slot, begin, last_block - begin, last_block, last_slot)


def _whole(blocks: Part, combine: Combine) -> Part:
    found = tuple(f[:, 0] for f in blocks)
    for slot in range(1, blocks[0].shape[1]):
        found = combine(found, tuple(f[:, slot] for f in blocks))
    return found


class _Scan:
    """Blocks up to each slot, or from each slot on (backward)."""

    def __init__(
        self, blocks: Part, combine: Combine, needed: NDArray[np.integer], *, backward: bool
    ) -> None:
        self._blocks = np.unique(needed)
        own = blocks
        if len(self._blocks) < blocks[0].shape[0]:
            own = tuple(f[self._blocks] for f in blocks)
        width = blocks[0].shape[1]
        order = range(width - 1, -1, -1) if backward else range(width)
        self._by_slot: dict[int, Part] = {}
        found: Part | None = None
        for slot in order:
            here = tuple(f[:, slot] for f in own)
            if found is None:
                found = here
            else:
                found = combine(here, found) if backward else combine(found, here)
            self._by_slot[slot] = found

    def at(self, block: Ints, slot: Ints) -> Part:
        """The fields of (block, slot) pairs."""
        row = np.searchsorted(self._blocks, block)
        if len(self._by_slot) == 1:
            return tuple(f[row] for f in self._by_slot[0])
        fields = self._by_slot[0]
        out = tuple(np.empty((len(row), f.shape[1]), f.dtype) for f in fields)
        for number, part in self._by_slot.items():
            here = np.flatnonzero(slot == number)
            for target, field in zip(out, part, strict=True):
                target[here] = field[row[here]]
        return out


class _Nodes:
    """Stretches of 1, 2, 4, ... whole blocks, as far as the windows need them."""

    def __init__(
        self, whole: Part, combine: Combine, neutral: Sequence[float], cut: Sequence[_Cut]
    ) -> None:
        deepest = max((int(c.count.max(initial=0)) for c in cut), default=0).bit_length()
        needed = [self._asked(cut, level) for level in range(deepest)]
        for level in range(deepest - 1, 0, -1):
            half = 2 ** (level - 1)
            own = needed[level]
            lower = np.concatenate([needed[level - 1], own, own + half])
            needed[level - 1] = np.unique(lower[lower > -half])
        self._positions: list[NDArray[np.integer]] = []
        self._fields: list[Part] = []
        for level, positions in enumerate(needed):
            if level == 0:
                found = tuple(f[positions] for f in whole)
            else:
                half = 2 ** (level - 1)
                left, right = self.at(level - 1, positions), self.at(level - 1, positions + half)
                found = combine(left, right)
            self._positions.append(positions)
            self._fields.append(
                tuple(
                    np.concatenate([np.full((1, f.shape[1]), value, f.dtype), f])
                    for f, value in zip(found, neutral, strict=True)
                )
            )

    def at(self, level: int, positions: NDArray[np.integer]) -> Part:
        """The fields of the stretches that begin at `positions`; neutral before the first block."""
        rows = np.searchsorted(self._positions[level], positions) + 1
        rows[positions <= -(2**level)] = 0
        return tuple(f[rows] for f in self._fields[level])

    @property
    def levels(self) -> range:
        return range(len(self._positions) - 1, -1, -1)

    @staticmethod
    def _asked(cut: Sequence[_Cut], level: int) -> NDArray[np.integer]:
        asked = [_begin_at(c, level)[_has(c, level)] for c in cut]
        every = np.concatenate([*asked, np.zeros(0, np.int32)])
        return np.unique(every[every > -(2**level)])


def _has(cut: _Cut, level: int) -> NDArray[np.bool_]:
    return np.asarray((cut.count >> level & 1).astype(np.bool_) & (cut.count > 0))


def _begin_at(cut: _Cut, level: int) -> Ints:
    """Where the stretch of 2^level blocks begins: the longer ones come first."""
    longer = np.maximum(cut.count, 0) >> (level + 1) << (level + 1)
    return np.asarray(cut.begin + longer, dtype=np.int32)


def _folded(
    cut: _Cut,
    starts: _Scan | None,
    nodes: _Nodes,
    tails: _Scan,
    combine: Combine,
    neutral: Sequence[float],
) -> Part:
    """The end of the first block, the whole blocks, the beginning of the last, in that order."""
    tail = tails.at(cut.last_block, cut.last_slot)
    if cut.first_block is not None and cut.first_slot is not None and starts is not None:
        found = starts.at(cut.first_block, cut.first_slot)
    else:
        found = tuple(np.full_like(f, value) for f, value in zip(tail, neutral, strict=True))
    for level in nodes.levels:
        rows = np.flatnonzero(_has(cut, level))
        node = nodes.at(level, _begin_at(cut, level)[rows])
        if len(rows) == len(cut.count):
            found = combine(found, node)
        elif len(rows):
            own = combine(tuple(f[rows] for f in found), node)
            for target, field in zip(found, own, strict=True):
                target[rows] = field
    both = combine(found, tail)
    inside = np.flatnonzero(cut.count < 0)
    for target, field in zip(both, found, strict=True):
        target[inside] = field[inside]
    return both
