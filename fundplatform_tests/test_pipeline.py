"""The whole graph on the real sample around MSFT's split of 2003-02-18, on a persistent instance.

Expected prices are read from the sample file by hand: MSFT closed at 48.30 on 2003-02-14 and, after
the 2:1 split, at 24.96 on 2003-02-18: 24.96 * 2 / 48.30 - 1 = +3.354 %.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2003, 1, 2), date(2003, 3, 31)
SPLIT_DAY = date(2003, 2, 18)
SPLIT_DAY_RETURN = 24.96 * 2 / 48.30 - 1


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Pipeline]:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    made = make(Settings(home=home, lock_timeout=20))
    made.backfill(FIRST, LAST)
    yield made
    calendars.use_cache(calendar_cache)


def test_every_chunk_succeeded(pipeline: Pipeline) -> None:
    assert [o.errors for o in pipeline.outcomes if o.errors] == []


def test_sessions_are_recorded_and_closed_days_are_not_missing(pipeline: Pipeline) -> None:
    sessions = {d.isoformat() for d in calendars.get("XNYS").sessions(FIRST, LAST)}
    assert pipeline.recorded("raw/sample/ohlcv") == sessions
    days = pipeline.recorded("prices/validated")
    assert len(days) == (LAST - FIRST).days + 1


def test_row_identity_to_the_row(pipeline: Pipeline) -> None:
    raw = pipeline.store.read(tables.OHLCV)
    validated = pipeline.store.read(tables.VALIDATED)
    rejected = pipeline.store.read(tables.REJECTED)
    # 61 sessions, 3 stocks: GOOG and FB were not listed yet.
    assert raw.height == 61 * 3
    assert validated.height + rejected.height == raw.height
    assert validated["selected"].all()


def test_an_index_never_sees_an_unadjusted_split(pipeline: Pipeline) -> None:
    names = pipeline.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol")
    day = pipeline.store.read(tables.CONTRIBUTIONS).filter(pl.col("session") == SPLIT_DAY)
    msft = day.join(names, on="instrument_id").filter(
        (pl.col("symbol") == "MSFT") & (pl.col("index_name") == "sample_top_2")
    )
    assert msft["instrument_return"].item() == pytest.approx(SPLIT_DAY_RETURN, abs=1e-12)


def test_metrics_never_see_an_unadjusted_split(pipeline: Pipeline) -> None:
    names = pipeline.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol")
    month = pipeline.store.read(tables.METRICS).join(names, on="instrument_id")
    row = month.filter(
        (pl.col("symbol") == "MSFT")
        & (pl.col("frame") == "1M")
        & (pl.col("session") == date(2003, 2, 28))
    )
    # 2003-01-31 close 47.46, 2003-02-28 close 23.70 after 2:1.
    assert row["base_session"].item() == date(2003, 1, 31)
    assert row["total_return"].item() == pytest.approx(23.70 * 2 / 47.46 - 1, abs=1e-12)


def test_index_starts_when_its_window_is_full_and_levels_follow(pipeline: Pipeline) -> None:
    performance = pipeline.store.read(tables.PERFORMANCE).filter(
        pl.col("index_name") == "sample_top_2"
    )
    base = performance.filter(pl.col("state") == "base")
    # The 20th session of 2003: 2, 3; 6-10; 13-17; 21-24; 27-30 January.
    assert base["session"].to_list() == [date(2003, 1, 30)]
    levels = pipeline.store.read(tables.LEVELS).filter(pl.col("index_name") == "sample_top_2")
    assert levels["level"][0] == 1000.0
    product = 1000.0
    for level, change in zip(
        levels["level"][1:],
        performance.filter(pl.col("session") > date(2003, 1, 30))["session_return"],
        strict=True,
    ):
        product *= 1 + change
        assert level == pytest.approx(product, rel=1e-14)


def test_an_index_without_caps_says_so(pipeline: Pipeline) -> None:
    states = pipeline.store.read(tables.PERFORMANCE).filter(
        pl.col("index_name") == "us_top_100_equal"
    )["state"]
    assert set(states) == {"no_caps"}


def test_the_users_own_tiers_win(pipeline: Pipeline) -> None:
    names = pipeline.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol")
    tiers = pipeline.store.read(tables.TIERS).join(names, on="instrument_id")
    latest = dict(tiers.sort("session").group_by("symbol").agg(pl.col("tier").last()).iter_rows())
    assert latest["AAPL"] == "T1"
    assert latest["MSFT"] == "T2"
    assert latest["IBM"] == "UNCLASSIFIED"


def test_a_second_backfill_does_nothing(pipeline: Pipeline) -> None:
    assert pipeline.backfill(FIRST, LAST) == []


def test_a_refetch_changes_no_row(pipeline: Pipeline) -> None:
    watched = (tables.OHLCV, tables.VALIDATED, tables.PERFORMANCE, tables.LEVELS, tables.METRICS)
    before = {t.full_name: pipeline.store.read(t) for t in watched}
    assert pipeline.backfill(FIRST, LAST, refetch=True)
    for table in watched:
        assert pipeline.store.read(table).equals(before[table.full_name]), table.full_name


@pytest.mark.slow
def test_chunks_in_another_order_give_the_same_rows(pipeline: Pipeline, settings: Settings) -> None:
    shuffled = make(settings)
    for first, last in ((date(2003, 3, 3), LAST), (FIRST, date(2003, 3, 2))):
        shuffled.backfill(first, last)
    for table in (tables.COMPOSITIONS, tables.PERFORMANCE, tables.LEVELS, tables.METRICS):
        own = [c for c in table.column_names if c not in table.stamps]
        one, other = (p.store.read(table, columns=own) for p in (pipeline, shuffled))
        assert one.equals(other), table.full_name


def test_risk_stands_beside_every_row_of_metrics(pipeline: Pipeline) -> None:
    keys = ["instrument_id", "session", "frame", "return_basis"]
    metrics = pipeline.store.read(tables.METRICS).sort(keys)
    risk = pipeline.store.read(tables.RISK).sort(keys)
    assert risk.select(keys).equals(metrics.select(keys))
    sound = risk.filter(metrics["volatility"].is_not_null())
    assert sound.height > 0
    assert sound.select((pl.col("worst_day") <= pl.col("best_day")).all()).item()
    assert risk.filter(metrics["volatility"].is_null())["worst_day"].null_count() > 0
    # Stocks and index levels are no funds: nothing is scored.
    assert pipeline.store.read(tables.SCORES).is_empty()
