"""What a rule over series hands back: the bars that it found, and why where they are refused.

Shared by the files of rules; none of them stands here. In: a `Walk` and places in it. Out: `Found`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.walk import Floats, Ints, Walk


@dataclass(frozen=True)
class Found:
    """The rows that one rule found.

    Attributes:
        rule: Its id.
        rows: Positions in the frame.
        blocks: True where they are refused, False where they are only marked.
        reasons: What is wrong, one a row; only where they are refused.
    """

    rule: str
    rows: Ints
    blocks: bool = False
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Released:
    """Rows whose hold later bars have lifted, and the bar that did."""

    rows: Ints
    by: Ints


def limit(walk: Walk, limits: Limits, rule: str, name: str) -> Floats:
    """The number of that name of a rule, by bar."""
    return np.broadcast_to(np.asarray(limits.of(rule, name, walk.frame)), walk.row.shape)


def marked(walk: Walk, rule: str, places: Ints) -> Found:
    """The bars at these places, marked."""
    return Found(rule, walk.row[places])


def refused(walk: Walk, rule: str, places: Ints, reason: Callable[[int], str]) -> Found:
    """The bars at these places, refused, each with its reason."""
    return Found(rule, walk.row[places], blocks=True, reasons=[reason(p) for p in places])


def change(walk: Walk, place: int) -> str:
    """The close of a bar and of its reference, for a reason."""
    return f"close {walk.close[place]:.10g} after {walk.close[walk.before[place]]:.10g}"


def median(values: Floats) -> Floats:
    """By row, without NaN; NaN where nothing is left."""
    # NaN sorts last.
    ordered = np.sort(values, axis=1)
    known = (~np.isnan(values)).sum(axis=1)
    lower, upper = (np.maximum((known - 1) // 2, 0), known // 2)
    rows = np.arange(len(values))
    upper = np.minimum(upper, values.shape[1] - 1)
    middle: Floats = (ordered[rows, lower] + ordered[rows, upper]) / 2
    return middle
