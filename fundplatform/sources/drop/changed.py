"""Which sessions a changed set of files touches: what was parsed before against what is there now.

In: the kept folders of both sets. Out: sessions. Reading files is for `inventory.py`; who asked for
them before is for the caller.
"""

from collections.abc import Collection
from datetime import date

import polars as pl

from fundplatform.sources.drop.cells import ROW
from fundplatform.sources.drop.payloads import PayloadCache

_STAMPS = ("payload_hash", "fetched_at", ROW)


def touched(
    cache: PayloadCache, before: Collection[str], after: Collection[str]
) -> frozenset[date] | None:
    """The sessions with a row, or a reject, that only one of the two sets has.

    A row that is gone counts only where other files are left, of which one may now give it: a row
    that no file has any more stays in the warehouse.

    Args:
        cache: Where the folders are kept.
        before: Names of the kept folders of the earlier set.
        after: Names of those of the present set.

    Returns:
        Sessions; None where a folder of the earlier set is no longer kept, so that nobody can say.
    """
    gone = [cache.find(name) for name in sorted(set(before) - set(after))]
    new = [cache.find(name) for name in sorted(set(after) - set(before))]
    if None in gone or None in new:
        return None
    sessions: set[date] = set()
    for part, columns in (("rows", None), ("rejects", ["session", "vendor_symbol", "rule", "row"])):
        old, fresh = (
            [_values(kept.scan(part), columns) for kept in folders if kept]
            for folders in (gone, new)
        )
        sessions |= _only_in(fresh, old)
        if part == "rows" and len(after) > len(new):
            sessions |= _only_in(old, fresh)
    return frozenset(sessions)


def _values(rows: pl.LazyFrame, columns: list[str] | None) -> pl.LazyFrame:
    return rows.select(columns) if columns else rows.drop(_STAMPS, strict=False)


def _only_in(these: list[pl.LazyFrame], those: list[pl.LazyFrame]) -> set[date]:
    """Sessions of the rows of these that those lack."""
    if not these:
        return set()
    rows = pl.concat(these)
    if those:
        other = pl.concat(those)
        rows = rows.join(other, on=other.collect_schema().names(), how="anti", nulls_equal=True)
    days = rows.select(pl.col("session").unique()).collect()["session"]
    return set(days.drop_nulls().to_list())
