"""A warehouse of validated bars, and the own function of the asset funds/metrics on it.

Without Dagster: a run of one day in the time that it takes to compute it.
"""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import tables
from fundplatform.assets import funds
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.storage import change_record
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.storage.marts import bar, rows

Frames = dict[tables.Table, pl.DataFrame]


def validated(bars: pl.DataFrame) -> pl.DataFrame:
    """prices.validated of instrument_id, source_id, session, close, adjustment.

    Of each session the bar of the source of lowest number is selected.
    """
    _, like = rows(tables.VALIDATED, bar(date(2020, 1, 2), 1.0))
    own = bars.with_columns(
        **{n: pl.col("close") for n in ("open", "high", "low")},
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        selected=pl.col("source_id") == pl.col("source_id").min().over("instrument_id", "session"),
    )
    whole = own.join(like.drop(own.columns), how="cross").select(like.columns)
    return whole.cast(dict(like.schema))


class MetricsHome:
    """Days of funds/metrics, one after the other."""

    def __init__(
        self, folder: Path, bars: pl.DataFrame, given: Mapping[str, pl.DataFrame], now: datetime
    ) -> None:
        """In a new DuckDB file.

        Args:
            folder: Of the file.
            bars: prices.validated.
            given: The other inputs of the asset, by name.
            now: By the clock.
        """
        self.store = DuckDBStore(folder / "warehouse.duckdb", folder / "published")
        self.store.migrate()
        self.given = dict(given)
        self.now = now
        self.risk_free_rate = 0.02
        self.write("prices/validated", tables.VALIDATED, bars, Slice())

    def write(self, asset: str, table: tables.Table, frame: pl.DataFrame, part: Slice) -> None:
        """As the IO manager does: the rows, and which sessions changed."""
        with self.store.transaction(Stamp("r", self.now)) as writer:
            seen = change_record.newest(self.store)
            counts = writer.write(table, frame, part)
            made = {part.first, part.last} if part.first and part.last else set()
            change_record.record(writer, asset, counts.touched, made, seen)

    def run(self, first: date, last: date | None = None) -> Frames:
        """The frames that a run hands over."""
        window = {RANGE_START: first.isoformat(), RANGE_END: (last or first).isoformat()}
        warehouse = SimpleNamespace(store=self.store)
        context = SimpleNamespace(
            run=SimpleNamespace(tags=window),
            resources=SimpleNamespace(io_manager=SimpleNamespace(warehouse=warehouse)),
            log=SimpleNamespace(info=lambda *_: None),
        )
        days = dg.DailyPartitionsDefinition("2000-01-03")
        asset: Any = funds.metrics(days, self.risk_free_rate, lambda: self.now, load_metric_rules())
        with self.store.held(None):
            derived = asset.node_def.compute_fn.decorated_fn(context, **self.given)[0]
        return dict(derived.frames)

    def store_day(self, day: date) -> Frames:
        """Run a day, and store what it keeps for the next ones."""
        frames = self.run(day)
        self.write("funds/metrics", tables.CARRIED, frames[tables.CARRIED], Slice({}, day, day))
        return frames
