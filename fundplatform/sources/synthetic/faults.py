"""What the vendor does wrong: damaged, doubled and contradicting rows, each one on record.

A true walk in, the vendor's bars and a list of faults out. Which rule must notice which fault
stands in `JUDGED`; the rules themselves are in `finance/rules.py` and in the sources.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fundplatform.sources.synthetic.walk import Walk

JUDGED = {
    "high_below_low": ("V04", "rejected"),
    "null_close": ("V02", "rejected"),
    "negative_price": ("V03", "rejected"),
    "doubled_row": ("duplicate", "rejected_at_load"),
    "conflicting_rows": ("conflicting_duplicate", "rejected_at_load"),
    "zero_volume_with_range": ("V07", "warned"),
    "decimal_shift": ("V22", "rejected"),
}
"""Fault to the rule that must notice it and what becomes of the row.

high_below_low fails V05 as well. A doubled row keeps one copy; of contradicting rows none is kept.
"""

# A 100-fold shift is only V22's (within 2 % of 100) on a day that hardly moved.
CALM = 0.005


@dataclass(frozen=True)
class Fault:
    """One damaged row: where it stands in the walk, and what was done to it."""

    position: int
    what: str


@dataclass(frozen=True)
class Delivered:
    """What the vendor delivers of a company: the walk with faults, and which rows are in it."""

    walk: Walk
    kept: NDArray[np.bool_]
    faults: tuple[Fault, ...]


def deliver(walk: Walk) -> Delivered:
    """Apply halts and faults; an unfaulted walk is handed on unchanged."""
    kept = walk.traded
    faults = _faults(walk)
    if not faults:
        return Delivered(walk, kept, ())
    at = np.array([fault.position for fault in faults])
    role = walk.company.role
    if role == "conflicting_rows":
        kept = kept.copy()
        kept[at] = False
    return Delivered(_damaged(walk, role, at), kept, faults)


def _faults(walk: Walk) -> tuple[Fault, ...]:
    role, born, life = walk.company.role, walk.company.born, len(walk.offsets)
    at = (offset - born for offset in walk.company.faults)
    if role == "decimal_shift":
        calm = np.flatnonzero(np.abs(walk.close[1:] / walk.close[:-1] - 1) < CALM) + 1
        at = (int(p) for p in {_next(calm, p, life) for p in at})
    return tuple(Fault(p, role) for p in sorted(at) if p < life)


def _next(calm: NDArray[np.int64], position: int, life: int) -> int:
    later = calm[calm >= position]
    return int(later[0]) if len(later) else life


def _damaged(walk: Walk, role: str, at: NDArray[np.int64]) -> Walk:
    match role:
        case "high_below_low":
            return replace(walk, high=_with(walk.high, at, walk.low[at] * 0.99))
        case "null_close":
            return replace(walk, close=_with(walk.close, at, np.nan))
        case "negative_price":
            return replace(walk, low=_with(walk.low, at, -walk.low[at]))
        case "zero_volume_with_range":
            return replace(walk, volume=_with(walk.volume, at, 0.0))
        case "decimal_shift":
            return replace(
                walk,
                open=_with(walk.open, at, walk.open[at] * 100),
                high=_with(walk.high, at, walk.high[at] * 100),
                low=_with(walk.low, at, walk.low[at] * 100),
                close=_with(walk.close, at, walk.close[at] * 100),
            )
        case _:
            return walk


def _with(
    values: NDArray[np.float64], at: NDArray[np.int64], new: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    changed = values.copy()
    changed[at] = new
    return changed
