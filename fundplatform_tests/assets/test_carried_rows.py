"""Rows of funds.carried that no longer count, though no session before them changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform import calendars, tables
from fundplatform.finance.adjustment import split_factors
from fundplatform.storage.base import Slice
from fundplatform_tests.metrics_home import Frames, MetricsHome, validated
from fundplatform_tests.storage.marts import rows

SESSIONS = calendars.get("XNYS").sessions(date(2013, 11, 1), date(2025, 6, 30))
KEPT, LATER = date(2025, 1, 2), date(2025, 6, 30)
pytestmark = pytest.mark.slow
TRADED, SPLIT, PAID, OTHER = 1, 2, 3, 4
ADJUSTMENT = {TRADED: "none", SPLIT: "split", PAID: "split_div", OTHER: "split_div"}
NOTHING = tables.CARRIED.empty().drop(tables.CARRIED.stamps)
KEY = ["return_basis", "instrument_id", "session", "frame"]


def walk(instrument: int, source: int, days: Sequence[date] = SESSIONS) -> pl.DataFrame:
    """A random walk of the source's own."""
    close = 100 * np.exp(np.random.default_rng([instrument, source]).normal(0, 0.01, 4000).cumsum())
    own = dict(zip(SESSIONS, close, strict=False))
    labels = {"instrument_id": instrument, "source_id": source}
    frame = pl.DataFrame({"session": days, "close": [own[day] for day in days]})
    return frame.with_columns(**labels, adjustment=pl.lit(ADJUSTMENT[source]))


def sources(priority: Mapping[int, int] | None = None) -> pl.DataFrame:
    own = {n: n for n in ADJUSTMENT} | dict(priority or {})
    return rows(
        tables.SOURCES,
        *({"source_id": n, "name": f"s{n}", "priority": p, "asset_class": "equity",
           "calendar": "XNYS"} for n, p in own.items()),
    )[1]  # fmt: skip


def home_of(folder: Path, *bars: pl.DataFrame) -> MetricsHome:
    """A market of equities of these bars."""
    every = pl.concat(bars)
    known = [
        {"instrument_id": n, "symbol": f"I{n}", "quote": "USD", "asset_class": "equity",
         "market": "US", "valid_from": SESSIONS[0], "valid_to": date(9999, 12, 31)}
        for n in every["instrument_id"].unique().sort()
    ]  # fmt: skip
    actions = tables.ACTIONS.empty().drop(tables.ACTIONS.stamps)
    given = {
        "levels": tables.LEVELS.empty(),
        "factors": split_factors(actions),
        "actions": actions,
        "rejected": rows(tables.REJECTED)[1],
        "instruments": rows(tables.INSTRUMENTS, *known)[1],
        "known_sources": sources(),
    }
    return MetricsHome(folder, validated(every), given, datetime(2025, 7, 1, tzinfo=UTC))


def without_rows(home: MetricsHome, day: date) -> Frames:
    home.write("funds/metrics", tables.CARRIED, NOTHING, Slice())
    return home.run(day)


def assert_same(found: Frames, expected: Frames) -> None:
    for table in (tables.METRICS, tables.RISK):
        assert_frame_equal(found[table].sort(KEY), expected[table].sort(KEY), check_exact=True)
    all_time = found[tables.RISK].filter(pl.col("frame") == "ALL")
    assert all_time["var_95"].drop_nulls().len(), "something is compared"


def except_between(first: date, last: date, *kept: date) -> list[date]:
    return [day for day in SESSIONS if not first <= day <= last or day in kept]


def test_returns_across_gaps_of_two_sources_that_share_no_session(tmp_path: Path) -> None:
    """A hole of the one spans a hole of the other, which spans a return from before what is read.

    Of TRADED there are 13 October, 5 November, 1 December, then 5 January; of SPLIT 30 October and
    2 December: its return of December is divided by TRADED's of November, which goes back to
    October; TRADED's of January is divided by SPLIT's of December.
    """
    gap = date(2014, 10, 14), date(2015, 1, 4)
    traded = except_between(*gap, date(2014, 11, 5), date(2014, 12, 1))
    split = except_between(*gap, date(2014, 10, 30), date(2014, 12, 2))
    home = home_of(tmp_path, walk(1, TRADED, traded), walk(1, SPLIT, split), walk(2, TRADED))
    home.store_day(KEPT)
    found = home.run(LATER)
    assert_same(found, without_rows(home, LATER))


def test_the_first_source_whose_prices_carry_dividends(tmp_path: Path) -> None:
    """Among bars of both bases the source is chosen by priority alone, on all sessions."""
    bars = pl.concat([walk(1, TRADED), walk(1, SPLIT), walk(2, PAID, SESSIONS[-100:])])
    home = home_of(tmp_path, bars)
    # On old sessions the other source agreed better with the consensus.
    chosen = validated(bars).with_columns(
        selected=pl.when(pl.col("session") < date(2014, 9, 1), pl.col("instrument_id") == 1)
        .then(pl.col("source_id") == SPLIT)
        .otherwise("selected")
    )
    home.write("prices/validated", tables.VALIDATED, chosen, Slice())
    home.store_day(KEPT)
    found = home.run(LATER)
    assert_same(found, without_rows(home, LATER))


def test_a_source_that_comes_to_carry_dividends(tmp_path: Path) -> None:
    """All its bars are of the other basis then."""
    bars = pl.concat([walk(1, TRADED), walk(1, PAID), walk(2, TRADED)])
    late = pl.col("session").is_between(date(2025, 3, 3), date(2025, 3, 4))
    carries = pl.when(late, pl.col("source_id") == TRADED, pl.col("instrument_id") == 2)
    home = home_of(
        tmp_path,
        bars.with_columns(adjustment=carries.then(pl.lit("split_div")).otherwise("adjustment")),
    )
    home.store_day(KEPT)
    found = home.run(LATER)
    assert_same(found, without_rows(home, LATER))


def test_sources_in_another_order(tmp_path: Path) -> None:
    """Of two sources that carry dividends the first counts: no bar is selected anew for that."""
    home = home_of(tmp_path, walk(1, TRADED), walk(1, PAID), walk(1, OTHER))
    home.store_day(KEPT)
    home.given["known_sources"] = sources({PAID: 5})
    found = home.run(LATER)
    assert_same(found, without_rows(home, LATER))


def rates_of(first: date, instrument: int, value: float) -> list[dict[str, object]]:
    days = (day for day in SESSIONS if first <= day and day.weekday() == 1)
    more = {"instrument_id": instrument, "source_id": TRADED, "value": value}
    return [{"session": day, "vintage": day, **more} for day in days]


def test_a_series_of_rates_that_begins_later(tmp_path: Path) -> None:
    """From then on the first declared counts, and before that the other."""
    home = home_of(tmp_path, walk(1, TRADED))
    named = [
        {"instrument_id": n, "symbol": symbol, "asset_class": "rate"}
        for n, symbol in ((8, "DGS3MO"), (9, "DTB3"))
    ]
    home.given["instruments"] = pl.concat(
        [home.given["instruments"], rows(tables.INSTRUMENTS, *named)[1]]
    )
    young = rates_of(date(2025, 2, 1), 8, 1.0)
    every = rows(tables.OBSERVATIONS, *young, *rates_of(SESSIONS[0], 9, 5.0))[1]
    home.given["rates"] = every.filter(pl.col("session") <= KEPT)
    home.store_day(KEPT)
    home.given["rates"] = every
    found = home.run(LATER)
    assert_same(found, without_rows(home, LATER))


def test_a_range_that_ends_with_a_holiday_of_the_new_year_keeps_nothing_for_it(
    tmp_path: Path,
) -> None:
    """Its last session is of the old year, and so is its cut."""
    home = home_of(tmp_path, walk(1, TRADED))
    first, new_year = date(2024, 12, 16), date(2025, 1, 1)
    assert home.run(first, new_year)[tables.CARRIED].is_empty()
    assert home.run(first, date(2024, 12, 31))[tables.CARRIED].height == 1


def test_a_split_announced_that_is_called_off(tmp_path: Path) -> None:
    """What was paid is restated by the splits known: a ratio of three, then none."""
    home = home_of(tmp_path, walk(1, SPLIT), walk(2, TRADED))
    split = {"instrument_id": 1, "action": "split", "ex_date": date(2026, 6, 1), "ratio": 3.0}
    announced = rows(tables.ACTIONS, split)[1]
    home.given |= {"actions": announced, "factors": split_factors(announced)}
    assert home.store_day(KEPT)[tables.CARRIED]["instrument_id"].to_list() == [2]


def test_a_spin_off_pays_the_close_of_the_source_that_is_selected(tmp_path: Path) -> None:
    parent, child = walk(1, TRADED), walk(2, SPLIT)
    bars = pl.concat([parent, walk(2, TRADED), child])
    home = home_of(tmp_path, bars)
    chosen = pl.col("source_id") == pl.col("instrument_id")
    own = validated(bars).with_columns(selected=chosen)
    home.write("prices/validated", tables.VALIDATED, own, Slice())
    ex_date = date(2025, 6, 3)
    spun = {"instrument_id": 1, "action": "spin_off", "ex_date": ex_date, "ratio": 0.5,
            "other_symbol": "I2"}  # fmt: skip
    home.given["actions"] = rows(tables.ACTIONS, spun)[1]
    metrics = home.run(LATER)[tables.METRICS]
    found = metrics.filter(instrument_id=1, frame="1M", return_basis="gross_total")
    # The base price is of 30 May.
    base, opened, end = (
        parent.filter(session=day)["close"].item() for day in (date(2025, 5, 30), ex_date, LATER)
    )
    paid = 0.5 * child.filter(session=ex_date)["close"].item()
    expected = (opened + paid) / base * end / opened - 1
    assert found["total_return"].item() == pytest.approx(expected, rel=1e-12)
