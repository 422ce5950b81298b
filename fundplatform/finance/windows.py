"""Statistics of many windows of rows at once: what two neighbours have gives what both have.

In: one leaf per row and how two stretches combine (`blocks.py`). Out: one value per window. Which
statistics there are is `folds.py`'s matter; frames are `metrics.py`'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from fundplatform.finance.blocks import Layout, Part, Statistic, Windows
from fundplatform.finance.panel import Ints

_FEW = 32
"""Windows up to which groups are looked up together: to say it costs more than to compute it."""


def fold(
    statistic: Statistic,
    values: Sequence[NDArray[np.generic]],
    layout: Layout,
    wanted: Sequence[Windows],
) -> Iterator[Part]:
    """The statistic of every window.

    Args:
        statistic: What is made of the values.
        values: What the leaf takes, per slot: [slots, columns] or [slots, 1].
        layout: Where the rows stand.
        wanted: Groups of windows.

    Returns:
        For each group the fields, [windows, columns]; made one group after the other.
    """
    cut = [_Cut.of(w, layout) for w in wanted]
    blocks = _Blocks(statistic, [v.reshape(layout.count, layout.width, -1) for v in values])
    nodes = _Nodes(blocks.whole(), statistic, cut)
    tails = _Scan(blocks, np.concatenate([c.last_block for c in cut]), backward=False)
    heads = [c.first_block for c in cut if c.first_block is not None]
    starts = _Scan(blocks, np.concatenate(heads), backward=True) if heads else None
    for together in _batches(cut):
        part = _folded(_Cut.joined(together), starts, nodes, tails, statistic)
        edges = np.cumsum([0, *(len(c.count) for c in together)]).tolist()
        for begin, end in pairwise(edges):
            yield part if len(together) == 1 else tuple(f[begin:end] for f in part)


def _batches(cut: Sequence["_Cut"]) -> Iterator[list["_Cut"]]:
    """Groups of few windows together; each group of many by itself."""

    def kind(numbered: tuple[int, _Cut]) -> int:
        number, c = numbered
        return number if len(c.count) > _FEW else -2 if c.first_block is None else -1

    for _, batch in groupby(enumerate(cut), kind):
        yield [c for _, c in batch]


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
            if windows.block is not None:
                begin[:] = windows.block - layout.first
            return cls(None, None, begin, last_block - begin, last_block, last_slot)
        first_block, first_slot = np.divmod(layout.slots[windows.first], layout.width)
        begin = first_block + 1
        return cls(first_block, first_slot, begin, last_block - begin, last_block, last_slot)

    @classmethod
    def joined(cls, cut: Sequence["_Cut"]) -> "_Cut":
        """The windows of each in turn; all of them have first blocks, or none has."""
        heads = [(c.first_block, c.first_slot) for c in cut if c.first_block is not None]
        return cls(
            np.concatenate([block for block, _ in heads]) if heads else None,
            np.concatenate([slot for _, slot in heads]) if heads else None,
            np.concatenate([c.begin for c in cut]),
            np.concatenate([c.count for c in cut]),
            np.concatenate([c.last_block for c in cut]),
            np.concatenate([c.last_slot for c in cut]),
        )


@dataclass(frozen=True)
class _Blocks:
    """Values by block and slot, [blocks, slots, columns]; leaves are made a slot at a time."""

    statistic: Statistic
    values: Sequence[NDArray[np.generic]]

    @property
    def width(self) -> int:
        return int(self.values[0].shape[1])

    def at(self, slot: int) -> Part:
        return self.statistic.leaf(*(v[:, slot] for v in self.values))

    def of(self, blocks: NDArray[np.integer]) -> "_Blocks":
        return _Blocks(self.statistic, [v[blocks] for v in self.values])

    def whole(self) -> Part:
        if self.statistic.block is not None:
            return self.statistic.block(*self.values)
        found = self.at(0)
        for slot in range(1, self.width):
            found = self.statistic.combine(found, self.at(slot))
        return found


class _Scan:
    """Blocks up to each slot, or from each slot on (backward)."""

    def __init__(self, blocks: _Blocks, needed: NDArray[np.integer], *, backward: bool) -> None:
        self._blocks = np.unique(needed)
        own = blocks
        if len(self._blocks) < len(blocks.values[0]):
            own = blocks.of(self._blocks)
        combine = blocks.statistic.combine
        order = range(own.width - 1, -1, -1) if backward else range(own.width)
        found: Part | None = None
        by_slot: list[Part] = []
        for slot in order:
            here = own.at(slot)
            if found is None:
                found = here
            else:
                found = combine(here, found) if backward else combine(found, here)
            by_slot.append(found)
        self._fields = tuple(np.concatenate(f) for f in zip(*by_slot[:: order.step], strict=True))

    def at(self, block: Ints, slot: Ints) -> Part:
        """The fields of (block, slot) pairs."""
        row = np.searchsorted(self._blocks, block) + slot * len(self._blocks)
        return tuple(f.take(row, axis=0) for f in self._fields)


class _Nodes:
    """Stretches of 1, 2, 4, ... whole blocks, as far as the windows need them."""

    def __init__(self, whole: Part, statistic: Statistic, cut: Sequence[_Cut]) -> None:
        begin, count = (
            np.concatenate(f) for f in zip(*((c.begin, c.count) for c in cut), strict=True)
        )
        deepest = int(count.max(initial=0)).bit_length()
        needed = [self._asked(begin, count, level) for level in range(deepest)]
        for level in range(deepest - 1, 0, -1):
            half = 2 ** (level - 1)
            own = needed[level]
            lower = np.concatenate([needed[level - 1], own, own + half])
            needed[level - 1] = np.unique(lower[lower > -half])
        self._positions: list[NDArray[np.integer]] = []
        self._fields: list[Part] = []
        self._neutral = statistic.neutral
        for level, positions in enumerate(needed):
            if level == 0:
                positions, found = np.arange(len(whole[0])), whole
            else:
                half = 2 ** (level - 1)
                left, right = self.at(level - 1, positions), self.at(level - 1, positions + half)
                found = statistic.combine(left, right)
            self._positions.append(positions)
            self._fields.append(found)

    def at(self, level: int, positions: NDArray[np.integer]) -> Part:
        """The fields of the stretches that begin at `positions`; neutral before the first block."""
        before = positions <= -(2**level)
        if before.all():
            fields = zip(self._fields[level], self._neutral, strict=True)
            return tuple(np.full((len(before), f.shape[1]), value) for f, value in fields)
        rows = np.searchsorted(self._positions[level], positions)
        found = tuple(f.take(rows, axis=0, mode="clip") for f in self._fields[level])
        if before.any():
            for field, value in zip(found, self._neutral, strict=True):
                field[before] = value
        return found

    @property
    def levels(self) -> range:
        return range(len(self._positions) - 1, -1, -1)

    @staticmethod
    def _asked(begin: Ints, count: Ints, level: int) -> NDArray[np.integer]:
        asked = _begin_at(begin, count, level)[_has(count, level)]
        return np.unique(asked[asked > -(2**level)])


def _has(count: Ints, level: int) -> NDArray[np.bool_]:
    return np.asarray((count >> level & 1).astype(np.bool_) & (count > 0))


def _begin_at(begin: Ints, count: Ints, level: int) -> Ints:
    """Where the stretch of 2^level blocks begins: the longer ones come first."""
    longer = np.maximum(count, 0) >> (level + 1) << (level + 1)
    return np.asarray(begin + longer, dtype=np.int32)


def _folded(
    cut: _Cut,
    starts: _Scan | None,
    nodes: _Nodes,
    tails: _Scan,
    statistic: Statistic,
) -> Part:
    """The end of the first block, the whole blocks, the beginning of the last, in that order."""
    combine, neutral = statistic.combine, statistic.neutral
    tail = tails.at(cut.last_block, cut.last_slot)
    if cut.first_block is not None and cut.first_slot is not None and starts is not None:
        found, begun = starts.at(cut.first_block, cut.first_slot), None
    else:
        found = tuple(np.full_like(f, value) for f, value in zip(tail, neutral, strict=True))
        begun = np.zeros(len(cut.count), dtype=np.bool_)
    for level in nodes.levels:
        rows = np.flatnonzero(_has(cut.count, level))
        node = nodes.at(level, _begin_at(cut.begin[rows], cut.count[rows], level))
        if len(rows):
            own = combine(tuple(f[rows] for f in found), node)
            if begun is not None:
                _put(own, node, ~begun[rows])
                begun[rows] = True
            if len(rows) == len(cut.count):
                found = own
                continue
            for target, field in zip(found, own, strict=True):
                target[rows] = field
    both = combine(found, tail)
    if begun is not None:
        _put(both, tail, ~begun)
    _put(both, found, cut.count < 0)
    return both


def _put(target: Part, source: Part, where: NDArray[np.bool_]) -> None:
    """Nothing comes before the first piece of a window: it stands as it is."""
    rows = np.flatnonzero(where)
    for field, value in zip(target, source, strict=True):
        field[rows] = value[rows]
