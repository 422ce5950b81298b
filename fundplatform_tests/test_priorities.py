"""A source's priority is changed: what rests on which source goes first is computed again."""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.raw import raw_key
from fundplatform.settings import Settings
from fundplatform.sources.base import (
    LISTING_SCHEMA,
    Batch,
    Coverage,
    Kind,
    SourceSpec,
    batch_schema,
)
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.catalog import reprioritised
from fundplatform.storage.change_record import ALWAYS
from fundplatform.storage.outputs import Load
from fundplatform.storage.transactions import Target, write_load
from fundplatform_tests.clean_build import COMPUTED, assert_equals_a_clean_build
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.storage.marts import DATABASES, filled
from fundplatform_tests.worlds import put_index

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 5)
SESSIONS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")
CLOSES = {"one": (100.0, 100.0, 100.0, 110.0), "two": (100.0, 100.0, 100.0, 120.0)}
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
BARS = raw_key("one", Kind.OHLCV)


def declare(settings: Settings, **priorities: int) -> None:
    for name, priority in priorities.items():
        folder(settings, name, f"start: {FIRST}\nend: {LAST}\npriority: {priority}\n")


def home(settings: Settings, **priorities: int) -> Pipeline:
    put_index(settings)
    declare(settings, **priorities)
    for name, closes in CLOSES.items():
        rows = (bar(day, "AAA", close) for day, close in zip(SESSIONS, closes, strict=True))
        (settings.drop / name / "bars.csv").write_text(table(rows))
    return pipeline(settings)


def pipeline(settings: Settings) -> Pipeline:
    made = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    made.clock = lambda: NOW
    return made


def last_return(of: Pipeline) -> float:
    """total_return of AAA since the first session, price basis."""
    rows = of.store.read(tables.METRICS).filter(
        pl.col("frame") == "ALL", pl.col("session") == LAST, pl.col("return_basis") == "price"
    )
    names = of.store.read(tables.INSTRUMENTS).filter(symbol="AAA")
    (found,) = rows.join(names, on="instrument_id", how="semi")["total_return"].to_list()
    return round(float(found), 9)


def test_only_a_source_that_is_known_can_have_another_one() -> None:
    known = pl.DataFrame(
        {"name": ["gone", "one", "two"], "priority": [5, 10, 20]},
        schema_overrides={"priority": pl.Int32},
    )
    coverage = {Kind.OHLCV: Coverage("XNYS", FIRST)}
    specs = [
        SourceSpec(name, name, "equity", "US", "USD", coverage, priority=priority)
        for name, priority in (("one", 30), ("two", 20), ("new", 1))
    ]
    assert reprioritised(known, specs).rows() == [("one", 30)]
    assert reprioritised(known.clear(), specs).is_empty()
    assert reprioritised(known, []).is_empty()


@pytest.mark.parametrize("database", DATABASES)
def test_a_load_under_another_priority_is_noted(
    database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = SourceSpec("one", "One", "equity", "US", "USD", {Kind.OHLCV: Coverage("XNYS", FIRST)})
    request.param = database
    noted = {}
    with filled(request, tmp_path_factory, "priorities", []) as store:
        for priority in (10, 10, 30):
            load = Load(
                replace(spec, priority=priority), Kind.OHLCV,
                Batch(batch_schema(Kind.OHLCV).to_frame()), LISTING_SCHEMA.to_frame(), FIRST, LAST,
            )  # fmt: skip
            with store.transaction(Stamp("run", NOW)) as writer:
                write_load(writer, load, Target("run", "raw/one/ohlcv", Slice({}, FIRST, LAST)))
            changes = store.read(tables.CHANGES, Slice({"asset": "catalog/sources"}))
            noted[priority] = changes.select("session", "changed").rows()
        store.publish()
        known = store.query("select name, priority from catalog.sources")
        assert reprioritised(known, [replace(spec, priority=20)]).rows() == [("one", 20)]
    assert noted == {10: [], 30: [(ALWAYS, 1)]}


@pytest.mark.slow
def test_a_changed_priority_reaches_all_that_is_stored(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = home(settings, one=10, two=20)
    made.backfill(FIRST, LAST)
    assert last_return(made) == 0.1
    declare(settings, one=30)
    after = pipeline(settings)
    ran = after.backfill(FIRST, LAST)
    assert [o.errors for o in after.outcomes if o.errors] == []
    assert not [c.label for c in ran if c.label.startswith("raw")], "nothing is fetched"
    assert last_return(after) == 0.2
    assert after.backfill(FIRST, LAST) == []
    clean = home(Settings(home=tmp_path_factory.mktemp("clean"), sources=()), one=30, two=20)
    assert_equals_a_clean_build(after, clean, FIRST, LAST, COMPUTED)


@pytest.mark.slow
def test_a_load_under_another_priority_does_the_same(settings: Settings) -> None:
    made = home(settings, one=10, two=20)
    made.backfill(FIRST, LAST)
    declare(settings, one=30)
    after = pipeline(settings)
    again = [c for c in after.job(FIRST, LAST, refetch=True).fetches() if BARS in c.keys]
    after.job(FIRST, LAST).execute(again, lambda chunk: None, after.outcomes.append)
    assert after.store.read(tables.SOURCES).filter(name="one")["priority"].to_list() == [30]
    after.backfill(FIRST, LAST)
    assert [o.errors for o in after.outcomes if o.errors] == []
    assert last_return(after) == 0.2
    assert after.backfill(FIRST, LAST) == []
