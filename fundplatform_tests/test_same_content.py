"""Whatever runs on one warehouse runs on the other with the same result.

The synthetic market through the whole graph in DuckDB and in PostgreSQL: the same rows, table by
table, after a first run and after a second. Compared without the writer's stamps and by natural
keys, since ids may differ.
"""

import hashlib
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, summary, tables
from fundplatform.automation.gap_ledger import ledgers
from fundplatform.settings import Settings
from fundplatform.sources.synthetic import Synthetic
from fundplatform.storage.base import Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.tables import Table
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.storage.postgres import Server

START, END = date(2015, 1, 2), date(2015, 12, 31)
# Both markets are loaded within the first test.
pytestmark = pytest.mark.timeout(900)
NOW = datetime(2016, 3, 1, 12, tzinfo=UTC)
STAMPS = ("recorded_from", "recorded_to", "run_id", "fetched_at", "load_id")
# Loads are compared by their counts; attempts, what follows from them and the results of checks are
# named by run and time of day.
OWN = (tables.LOADS, tables.DATA_SYNC, tables.SOURCE_HEALTH, tables.QUALITY_RESULTS)
COMPARED = [t for t in tables.TABLES if t not in OWN]
COMPARED += [tables.revisions_of(t) for t in tables.TABLES if t.revisions]


def market() -> list[Synthetic]:
    return [Synthetic(symbols=30, start=START, end=END)]


@dataclass(frozen=True)
class Names:
    """What stands for the ids of a store: instrument_id, instrument; source_id, name."""

    instruments: pl.DataFrame
    sources: pl.DataFrame

    @classmethod
    def of(cls, store: Store) -> "Names":
        """Read them once; a store is opened for every read."""
        known = store.read(tables.INSTRUMENTS)
        whole = pl.concat_str("asset_class", "market", "symbol", "quote", "valid_from")
        sources = store.read(tables.SOURCES, columns=["source_id", "name"])
        return cls(known.select("instrument_id", instrument=whole), sources)


def natural(store: Store, table: Table, names: Names | None = None) -> pl.DataFrame:
    """The table's rows with names in place of ids, without stamps, in one order."""
    known = names or Names.of(store)
    frame = store.read(table).drop(*STAMPS, strict=False)
    for column in ("instrument_id", "other_id"):
        if column in frame.columns:
            named = known.instruments.rename({"instrument": f"_{column}"})
            frame = frame.join(named, left_on=column, right_on="instrument_id", how="left")
    if "source_id" in frame.columns:
        frame = frame.join(known.sources.rename({"name": "_source"}), on="source_id", how="left")
    frame = frame.drop("instrument_id", "other_id", "source_id", strict=False)
    return frame.sort(frame.columns)


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of every value, floats to the last bit."""
    bits = frame.with_columns(pl.selectors.float().reinterpret(signed=True))
    return hashlib.sha256(bits.write_csv(null_value="\\N").encode()).hexdigest()


def hashes(store: Store) -> dict[str, str]:
    with store.held() if isinstance(store, DuckDBStore) else nullcontext():
        names = Names.of(store)
        return {t.full_name: content_hash(natural(store, t, names)) for t in COMPARED}


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory,
    calendar_cache: Path,
    postgres: Server,
    template_database: str,
) -> Iterator[tuple[Pipeline, Pipeline]]:
    """The same market in DuckDB and in PostgreSQL, after one run each."""
    with postgres.database("same_content", template_database) as url:
        made = []
        for name, warehouse in (("duckdb", None), ("postgres", url)):
            home = tmp_path_factory.mktemp(name)
            (home / "calendars").symlink_to(calendar_cache)
            settings = Settings(home=home, lock_timeout=20, warehouse_url=warehouse)
            pipeline = make(settings, market())
            pipeline.clock = lambda: NOW
            pipeline.backfill(START, END)
            made.append(pipeline)
        yield made[0], made[1]
    calendars.use_cache(calendar_cache)


def test_first_run(both: tuple[Pipeline, Pipeline]) -> None:
    for pipeline in both:
        assert [o.errors for o in pipeline.outcomes if o.errors] == []
    one, other = (hashes(p.store) for p in both)
    assert one == other
    loads = [content_hash(natural(p.store, tables.LOADS)) for p in both]
    assert loads[0] == loads[1], "the same counts of inserted, updated, unchanged and removed"
    # The market is large enough to tell: these tables have rows in it.
    full = {t.full_name for t in COMPARED if both[1].store.count(t)}
    assert {"raw.ohlcv", "raw.shares", "raw.observations", "raw.rejected", "prices.validated",
            "prices.rejected", "indices.performance", "funds.metrics", "catalog.tiers",
            "catalog.adjustment_factors", "ops.gates"} <= full  # fmt: skip


def test_the_same_summary(both: tuple[Pipeline, Pipeline]) -> None:
    assert summary.status(both[0].store).equals(summary.status(both[1].store))
    for (title, one), (_, other) in zip(*(summary.results(p.store) for p in both), strict=True):
        assert one.equals(other), title


def test_the_same_gaps(both: tuple[Pipeline, Pipeline]) -> None:
    """The ledger's evidence is SQL for both: every cell, every range, and the picture of them."""
    one, other = (list(ledgers(p.store, p.instance, p.sources, NOW)) for p in both)
    assert [(g.kind, g.cells.height > 0) for g in one] == [(g.kind, True) for g in other]
    for here, there in zip(one, other, strict=True):
        assert here.cells.equals(there.cells), here.kind
        assert here.ranges.equals(there.ranges), here.kind
    states = {state for ledger in one for state in ledger.cells["state"].unique()}
    assert {"present", "rejected", "vendor_missing", "not_listed"} <= states


@pytest.mark.slow
def test_second_run_changes_nothing(both: tuple[Pipeline, Pipeline]) -> None:
    before = hashes(both[1].store)
    for pipeline in both:
        assert pipeline.backfill(START, END, refetch=True)
        assert [o.errors for o in pipeline.outcomes if o.errors] == []
    assert hashes(both[1].store) == before
    assert hashes(both[0].store) == before


def test_the_comparison_sees_a_changed_bit(both: tuple[Pipeline, Pipeline]) -> None:
    frame = natural(both[0].store, tables.OHLCV)
    close = frame["close"].to_list()
    close[7] = close[7] * (1 + 2**-52)
    assert content_hash(frame.with_columns(close=pl.Series(close))) != content_hash(frame)
    assert content_hash(frame.head(-1)) != content_hash(frame)
