"""What a table holds, as one SHA-256: equal where every value of every row is equal.

Independent of the database, of the order of rows and of how they were cut into slices. Frames come
in, no store is asked here.
"""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import polars as pl

from fundplatform.storage.base import WHOLE, Slice
from fundplatform.tables import Table


class ContentHash:
    """Takes a table's rows slice by slice, in order of the partition column."""

    def __init__(self, table: Table) -> None:
        """Start with no rows."""
        first = [table.partition] if table.partition else []
        self._order = [*first, *(n for n in table.column_names if n != table.partition)]
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take the next slice; no session may come in two of them."""
        ordered = frame.select(self._order).sort(self._order)
        # Floats come as the shortest text that reads back as the same bits; -0.0 is not 0.0.
        text = ordered.write_csv(include_header=False, null_value="\\N", quote_style="non_numeric")
        self._hash.update(text.encode())
        self.rows += frame.height

    def hexdigest(self) -> str:
        """SHA-256 of the rows so far."""
        return self._hash.hexdigest()


def slices(table: Table, sessions: pl.Series, rows: int) -> Iterator[Slice]:
    """The whole table cut by sessions into slices of at most `rows` rows where that can be.

    Together they cover every date there is, also those without rows.

    Args:
        table: The table; without a partition column it is one slice.
        sessions: The partition column of all its rows.
        rows: Rows aimed at.
    """
    if table.partition is None or sessions.is_empty():
        yield WHOLE
        return
    counts = sessions.alias("day").value_counts(name="rows").sort("day")
    number = (counts["rows"].cum_sum() - 1) // rows
    ends = counts.group_by(number.alias("part")).agg(pl.col("day").max())["day"].sort()
    first = None
    for last in ends[:-1].to_list():
        yield Slice({}, first, last)
        first = last + timedelta(1)
    yield Slice({}, first, None)
