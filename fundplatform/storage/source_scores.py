"""ops.source_reliability, written beside the judged bars: counts of a range, scores from it on.

What is counted and the formula: `finance/reliability.py`. Corrections are in the ledgers.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import polars as pl

from fundplatform import tables
from fundplatform.finance.reliability import scores
from fundplatform.storage.base import WHOLE, Slice, Writer
from fundplatform.tables import Table

_OWN = ["source_id", "session"]


def settle(days: pl.DataFrame) -> Callable[[Writer, Slice], None]:
    """What to do in the transaction of the judged bars, after they are written.

    Args:
        days: The counts of the range, see `finance.reliability.counts`.
    """

    def write(writer: Writer, part: Slice) -> None:
        onward = Slice({}, part.first)
        table = tables.SOURCE_RELIABILITY
        stored = writer.read(table).drop(*table.stamps, "score")
        within = pl.lit(True)
        if part.first and part.last:
            within = pl.col("session").is_between(part.first, part.last)
        known = days.join(corrected(writer, part), on=_OWN, how="left").with_columns(
            pl.col("rows_corrected").fill_null(0)
        )
        every = pl.concat([stored.filter(~within), known.select(stored.columns)])
        scored = scores(every)
        if part.first:
            # Later sessions look back at these.
            scored = scored.filter(pl.col("session") >= part.first)
        writer.write(table, scored, onward)

    return write


class Reader(Protocol):
    """A store, or an open transaction."""

    def read(
        self, table: Table, part: Slice = WHOLE, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """See `Store.read`."""
        ...


def corrected(reader: Reader, part: Slice) -> pl.DataFrame:
    """Bars of the range that had been validated and got other values from their source since.

    Returns:
        source_id, session, rows_corrected; sessions without any are left out.
    """
    key = list(tables.BAR_KEY)
    raw = reader.read(tables.revisions_of(tables.OHLCV), part, [*key, "session"])
    judged = reader.read(tables.revisions_of(tables.VALIDATED), part, key)
    bars = raw.join(judged.unique(), on=key, how="semi").unique()
    return bars.group_by(_OWN).agg(rows_corrected=pl.len().cast(pl.Int64))
