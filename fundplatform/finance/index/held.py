"""What an index holds after a close, and the rules by which it is held.

Choosing (`choice.py`) and earning (`drift.py`) do not belong here. One close is a `Held`; many of
them, laid end to end, are `Holdings`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from fundplatform.finance.index.market import Bools, Floats, Market
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import owners, starts_of
from fundplatform.finance.index.ranking import Ranking
from fundplatform.finance.index_definition import IndexDefinition


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
class Holdings:
    """What is in the index after each of several closes: parts of the same arrays as `Held`.

    Attributes:
        starts: [parts + 1] where each part begins.
    """

    starts: Ints
    columns: Ints
    weights: Floats
    ranks: Ints
    measures: Floats

    @property
    def sizes(self) -> Ints:
        """[parts] number of names."""
        return np.diff(self.starts)

    @property
    def owners(self) -> Ints:
        """The part of each name."""
        return owners(self.starts)

    def between(self, first: int, end: int) -> "Holdings":
        """The parts from first on, before end; nothing is copied but `starts`."""
        own = slice(int(self.starts[first]), int(self.starts[end]))
        starts = self.starts[first : end + 1] - self.starts[first]
        return Holdings(
            starts, self.columns[own], self.weights[own], self.ranks[own], self.measures[own]
        )

    def part(self, number: int) -> Held:
        """One of them."""
        own = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return Held(self.columns[own], self.weights[own], self.ranks[own], self.measures[own])


def holdings(parts: Sequence[Held]) -> Holdings:
    """The parts, end to end."""
    every = [NOTHING, *parts]
    return Holdings(
        starts_of(np.array([p.columns.size for p in parts], dtype=np.int64)),
        np.concatenate([p.columns for p in every]),
        np.concatenate([p.weights for p in every]),
        np.concatenate([p.ranks for p in every]),
        np.concatenate([p.measures for p in every]),
    )


def joined(first: Held, rest: Holdings) -> Holdings:
    """`first` and the parts of `rest`."""
    return Holdings(
        np.concatenate([np.zeros(1, np.int64), rest.starts + first.columns.size]),
        np.concatenate([first.columns, rest.columns]),
        np.concatenate([first.weights, rest.weights]),
        np.concatenate([first.ranks, rest.ranks]),
        np.concatenate([first.measures, rest.measures]),
    )


@dataclass(frozen=True)
class Spun:
    """What was spun off on one session.

    Attributes:
        parents: Columns.
        children: Columns, of names that have a bar there.
        parts: The child's part of what the parent and it are worth together at the close.
    """

    parents: Ints
    children: Ints
    parts: Floats


@dataclass(frozen=True)
class Rules:
    """How a basket is run.

    Attributes:
        definition: n, buffer, stale_sessions.
        ranking: Ranks.
        weigh: (row of each part, columns, starts of the parts) -> target weights.
        raw: (rows, columns), one for one -> the values that weights are proportional to between
            reviews, for weightings that have them (cap, price): a replacement enters with its own;
            None: it takes the weight of the name that left.
        review: [T] True where the index is rebalanced.
        ret: [T, M] returns that count, NaN where unknown.
        dead: [T, M] True where a name dies (its final return is that row's); None: nobody.
        ours: [T, M] True where a missing bar is missing here only; None: nowhere.
        split: [T, M] new shares per old one; for price weighting only.
        spun: Row -> what was spun off there; empty: nothing.
    """

    definition: IndexDefinition
    ranking: Ranking
    weigh: Callable[[Ints, Ints, Ints], Floats]
    raw: Callable[[Ints, Ints], Floats] | None
    review: Bools
    ret: Floats
    dead: Bools | None = None
    ours: Bools | None = None
    split: Floats | None = None
    spun: Mapping[int, "Spun"] = field(default_factory=dict)

    @property
    def market(self) -> Market:
        """The names."""
        return self.ranking.market

    @property
    def forgets(self) -> bool:
        """Whether names and weights are chosen anew at every close, whatever was held."""
        return self.definition.rebalance == "daily" and not self.definition.buffer
