"""Several sources for one instrument, and sources that come late or go away, through backfills.

AAA has a 2:1 split on 2024-01-08. `vendor` gives split-adjusted prices, `exchange` as-traded ones;
they are the same company at half and at full price before the split. Expected returns by hand.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.assets.series import PRICE_COLUMNS, price_returns
from fundplatform.settings import Settings
from fundplatform_tests.dropped import JANUARY, bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)
DAYS = [f"2024-01-{d:02}" for d in (2, 3, 4, 5, 8, 9, 10, 11, 12)]
TRADED = [200.0, 202.0, 204.0, 206.0, 104.0, 105.0, 106.0, 107.0, 108.0]
ADJUSTED = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0]


@pytest.fixture
def own(tmp_path: Path, calendar_cache: Path) -> Iterator[Settings]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "calendars").symlink_to(calendar_cache)
    yield Settings(home=home, sources=(), lock_timeout=20)
    calendars.use_cache(calendar_cache)


def put(settings: Settings, name: str, yaml: str, closes: dict[str, float]) -> None:
    file = folder(settings, name, JANUARY + yaml) / "bars.csv"
    file.write_text(table(bar(day, "AAA", close) for day, close in closes.items()))


def selected(pipeline: Pipeline) -> list[tuple[date, str]]:
    rows = pipeline.store.query(
        "select v.session, s.name from prices.validated v join catalog.sources s "
        "using (source_id) where v.selected order by 1"
    )
    return rows.rows()


def failures(pipeline: Pipeline) -> list[tuple[str, ...]]:
    return [o.errors for o in pipeline.outcomes if o.errors]


@pytest.mark.slow
def test_a_better_source_added_later_wins_from_its_first_day_on(own: Settings) -> None:
    put(own, "vendor", "adjustment: split\npriority: 100\n", dict(zip(DAYS, ADJUSTED, strict=True)))
    one = make(own)
    one.backfill(FIRST, LAST)
    assert {name for _, name in selected(one)} == {"vendor"}
    ran = one.store.read(tables.LOADS)["load_id"].unique().to_list()

    late = dict(list(zip(DAYS, TRADED, strict=True))[2:6])
    put(own, "exchange", "priority: 10\n", late)
    folder(own, "splits", "start: 2024-01-02\nkind: corporate_actions\n")
    (own.drop / "splits" / "splits.csv").write_text(
        "symbol,action,ex_date,ratio\nAAA,split,2024-01-08,2\n"
    )
    both = make(own)
    chunks = both.backfill(FIRST, LAST)
    assert failures(both) == []

    days = [date.fromisoformat(day) for day in DAYS]
    assert selected(both) == [
        (day, "exchange" if 2 <= n < 6 else "vendor") for n, day in enumerate(days)
    ]
    assert both.store.read(tables.VALIDATED).height == 9 + 4
    # Nothing of the first source is fetched again; what it overlaps, and all later days, is redone.
    assert "raw/vendor/ohlcv" not in {chunk.label for chunk in chunks}
    (chain,) = [chunk for chunk in chunks if chunk.label.startswith("prices")]
    assert chain.first is not None and chain.first <= days[2]
    assert chain.last == LAST
    assert set(ran) < set(both.store.read(tables.LOADS)["load_id"])
    check_returns(both)


def check_returns(pipeline: Pipeline) -> None:
    """Each return is one source's own; over the split it is 104 * 2 / 206 - 1, never -49.5 %."""
    series = price_returns(
        pipeline.store.read(tables.VALIDATED, columns=PRICE_COLUMNS),
        pipeline.store.read(tables.ADJUSTMENT_FACTORS),
        pipeline.store.read(tables.SOURCES),
    )
    expected = [None, *(b / a - 1 for a, b in pairwise(ADJUSTED))]
    found = series.sort("session")["ret"].to_list()
    # On the exchange's first day its own return is unknown and the bases differ: the vendor's
    # stretch ends there, and nobody's price is compared with another's.
    assert found[2] is None
    assert found[:2] == pytest.approx(expected[:2])
    assert found[3:] == pytest.approx(expected[3:])


@pytest.mark.slow
def test_removing_a_folder_keeps_its_data(own: Settings) -> None:
    put(own, "vendor", "", dict(zip(DAYS[:4], TRADED, strict=False)))
    put(own, "other", "priority: 10\n", dict(zip(DAYS[:2], TRADED, strict=False)))
    before = make(own)
    before.fetch(FIRST, date(2024, 1, 5))
    bars = before.store.read(tables.OHLCV)
    assert bars.height == 6
    for file in (own.drop / "other").iterdir():
        file.unlink()
    (own.drop / "other").rmdir()
    (own.drop / "vendor" / "bars.csv").write_text(
        table(bar(day, "AAA", close) for day, close in zip(DAYS[:5], TRADED, strict=False))
    )
    after = make(own)
    assert [s.spec.name for s in after.sources] == ["vendor"]
    after.backfill(FIRST, date(2024, 1, 8), refetch=True)
    assert failures(after) == []
    kept = after.store.read(tables.OHLCV)
    assert bars.join(kept, on=tables.OHLCV.key, how="anti").is_empty()
    assert kept.height == 7
    assert [name for _, name in selected(after)] == ["other"] * 2 + ["vendor"] * 3
    assert after.store.read(tables.VALIDATED).height == 7


@pytest.mark.slow
def test_an_unfinished_bar_is_rejected_until_it_is_read_after_the_close(own: Settings) -> None:
    file = folder(own, "mine", JANUARY) / "bars.csv"
    file.write_text(table([bar("2024-01-03", "AAA"), bar("2024-01-04", "AAA", 11)]))
    pipeline = make(own)
    # New York closes at 21:00 UTC in January.
    pipeline.clock = lambda: datetime(2024, 1, 4, 20, 59, tzinfo=UTC)
    pipeline.backfill(FIRST, date(2024, 1, 4))
    rejected = pipeline.store.read(tables.REJECTED)
    assert rejected.select("session", "rules").rows() == [(date(2024, 1, 4), "V11")]
    assert "closes at 2024-01-04 21:00" in rejected["reason"].item()
    assert "2024-01-04" not in pipeline.recorded("prices/validated")
    assert "2024-01-03" in pipeline.recorded("prices/validated")

    file.write_text(table([bar("2024-01-03", "AAA"), bar("2024-01-04", "AAA", 12)]))
    pipeline.clock = lambda: datetime(2024, 1, 4, 21, 1, tzinfo=UTC)
    pipeline.backfill(FIRST, date(2024, 1, 4), refetch=True)
    assert failures(pipeline) == []
    assert pipeline.store.read(tables.REJECTED).is_empty()
    closes = pipeline.store.read(tables.VALIDATED).filter(pl.col("session") == date(2024, 1, 4))
    assert closes["close"].to_list() == [12.0]
