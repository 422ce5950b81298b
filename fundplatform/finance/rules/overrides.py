"""What people decided against the rules: accept, correct, exclude a bar; release a session.

In: bars and OVERRIDES that are in force (the caller leaves out expired ones). Out: corrected bars,
and which rows an override names. Where overrides are kept and who wrote them is `desk.py`'s.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fundplatform.finance.rules.catalog import BY_ID, RULES
from fundplatform.finance.rules.walk import Bools, Ints

OVERRIDES = pl.Schema(
    {
        "override_id": pl.String(),
        "action": pl.String(),
        "source_id": pl.Int16(),
        "instrument_id": pl.Int32(),
        "first_session": pl.Date(),
        "last_session": pl.Date(),
        "rules": pl.String(),
        "field": pl.String(),
        "value": pl.Float64(),
        "author": pl.String(),
        "reason": pl.String(),
    }
)
"""source_id and instrument_id NULL: any; rules NULL: all that can be accepted."""
EXCLUDED = "excluded"
ACCEPTED = "accepted"
CORRECTED = "corrected"
FIELDS = ("open", "high", "low", "close", "volume", "vwap")
ACCEPTABLE = sum(r.bit for r in RULES if r.acceptable)


@dataclass(frozen=True)
class Decided:
    """What overrides do to the rows of a frame, by position.

    Attributes:
        bars: With the corrected values.
        accepted: Position to the mask of rules that do not count there.
        corrected: Positions with a corrected value.
        excluded: Position to the reason.
        released: (source, session) to who released it and why.
    """

    bars: pl.DataFrame
    accepted: dict[int, int] = field(default_factory=dict)
    corrected: frozenset[int] = frozenset()
    excluded: dict[int, str] = field(default_factory=dict)
    released: dict[tuple[int, object], str] = field(default_factory=dict)

    def forgiven(self, masks: "np.ndarray[tuple[int], np.dtype[np.uint32]]") -> None:
        """Take the accepted rules out of the masks of blocking rules, in place."""
        for row, mask in self.accepted.items():
            masks[row] &= ~np.uint32(mask)


def decide(bars: pl.DataFrame, overrides: pl.DataFrame | None) -> Decided:
    """Apply the overrides; a later one of the same row and field wins."""
    if overrides is None or overrides.is_empty() or bars.is_empty():
        return Decided(bars)
    accepted: dict[int, int] = {}
    excluded: dict[int, str] = {}
    released: dict[tuple[int, object], str] = {}
    changes: dict[str, list[tuple[int, float | None]]] = {}
    for one in overrides.iter_rows(named=True):
        said = f"{one['author']}: {one['reason']}"
        if one["action"] == "release":
            released[one["source_id"], one["first_session"]] = said
            continue
        for row in _rows(bars, one):
            if one["action"] == "accept":
                accepted[row] = accepted.get(row, 0) | _mask(one["rules"])
            elif one["action"] == "exclude":
                excluded[row] = f"excluded by {said}"
            else:
                changes.setdefault(one["field"], []).append((row, one["value"]))
    touched = frozenset(row for changed in changes.values() for row, _ in changed)
    return Decided(_changed(bars, changes), accepted, touched, excluded, released)


def _rows(bars: pl.DataFrame, one: dict[str, Any]) -> list[int]:
    where = pl.col("session").is_between(one["first_session"], one["last_session"])
    for name in ("source_id", "instrument_id"):
        if one[name] is not None:
            where &= pl.col(name) == one[name]
    rows: list[int] = bars.select(pl.arg_where(where)).to_series().to_list()
    return rows


def _mask(rules: object) -> int:
    if rules is None:
        return ACCEPTABLE
    return sum(BY_ID[r].bit for r in str(rules).split(",")) & ACCEPTABLE


def _changed(
    bars: pl.DataFrame, changes: dict[str, list[tuple[int, float | None]]]
) -> pl.DataFrame:
    for name, changed in changes.items():
        values = dict(changed)
        places = pl.Series(list(values), dtype=pl.UInt32)
        bars = bars.with_columns(
            bars[name].scatter(places, pl.Series(list(values.values()), dtype=pl.Float64))
        )
    return bars


def places(of: frozenset[int] | dict[int, str], size: int) -> Bools:
    """True at these positions."""
    found = np.zeros(size, np.bool_)
    at: Ints = np.fromiter(of, np.int64, len(of))
    found[at] = True
    return found
