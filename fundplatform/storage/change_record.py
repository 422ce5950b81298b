"""ops.changes: which write changed which session of an asset last, and what had been read for it.

Written in the transaction of the rows themselves, so that a process that is killed before Dagster
hears of it loses no change. Numbers count the writes that changed a row, in the order of commits.
What follows from them is decided in staleness.py.
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.storage.base import Slice, Store, Writer

ALWAYS = date(1900, 1, 1)
"""Stands for all sessions: a change that says of none when it begins, and a whole's `seen`."""

_NEWEST = Slice({"asset": ""})
_COLUMNS = ["session", "changed", "seen"]


def newest(store: Store) -> int:
    """The number of the newest change that is committed; only for runs, like `Store.read`."""
    return _number(store.read(tables.CHANGES, _NEWEST, ["changed"]))


def next_number(writer: Writer) -> int:
    """Count one more change; for `Writer.next_change`, which sees to it that they take turns."""
    number = _number(writer.read(tables.CHANGES, _NEWEST, ["changed"])) + 1
    _write(writer, "", {ALWAYS: (number, None)})
    return number


def record(
    writer: Writer,
    asset: str,
    touched: Collection[date],
    made: Collection[date] = (),
    seen: int | None = None,
) -> None:
    """Note a write; the last thing in its transaction.

    Args:
        writer: The transaction.
        asset: Asset key, `raw/sample/ohlcv`.
        touched: Sessions of rows that are new, other, or gone.
        made: Sessions that were computed, whatever came of it.
        seen: The newest change when the inputs were read; None where there are none.
    """
    days = {*touched, *made}
    if not days:
        return
    number = writer.next_change() if touched else 0
    if seen is not None and number == seen + 1:
        seen = number  # Nothing came between: what it wrote itself is known to it.
    part = Slice({"asset": asset}, min(days), max(days))
    known = {d: (c, s) for d, c, s in writer.read(tables.CHANGES, part, _COLUMNS).iter_rows()}
    rows: dict[date, tuple[int, int | None]] = {}
    for day in days:
        changed, before = known.get(day, (0, None))
        rows[day] = (number if day in touched else changed, seen if day in made else before)
    _write(writer, asset, rows)


def since(touched: Collection[date]) -> frozenset[date]:
    """Of a whole without sessions: the first day from which on a changed row matters.

    A row from the beginning of time on says nothing of when, unless it is the only one.
    """
    first = min((d for d in touched if d > ALWAYS), default=ALWAYS)
    return frozenset({first}) if touched else frozenset()


def _number(rows: pl.DataFrame) -> int:
    return int(rows["changed"][0]) if rows.height else 0


def _write(writer: Writer, asset: str, rows: dict[date, tuple[int, int | None]]) -> None:
    days = sorted(rows)
    frame = pl.DataFrame(
        {
            "asset": [asset] * len(days),
            "session": days,
            "changed": [rows[d][0] for d in days],
            "seen": [rows[d][1] for d in days],
        },
        {n: t for n, t in tables.CHANGES.polars_schema.items() if n not in tables.CHANGES.stamps},
    )
    writer.write(tables.CHANGES, frame, Slice({"asset": asset}, days[0], days[-1]))
