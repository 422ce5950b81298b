"""funds/metrics of one day: what is not read again changes no bit, and whom it is not kept of."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform import calendars, tables
from fundplatform.assets import carried_series, funds
from fundplatform.finance.adjustment import split_factors
from fundplatform.storage.base import Slice
from fundplatform_tests.metrics_home import Frames, MetricsHome, validated
from fundplatform_tests.storage.marts import rows

NOW = datetime(2025, 7, 1, tzinfo=UTC)
SESSIONS = calendars.get("XNYS").sessions(date(2008, 1, 2), date(2025, 6, 30))
EVERY_DAY = calendars.get("24/7").sessions(date(2008, 1, 2), date(2025, 6, 30))
CUT = date(2014, 12, 22)
KEPT, LATER = date(2025, 1, 2), date(2025, 6, 30)
TRADED, SPLIT, PAID, COINS = 1, 2, 3, 4
ADJUSTMENT = {TRADED: "none", SPLIT: "split", PAID: "split_div", COINS: "none"}
SPY, PARENT, CHILD = 10, 13, 14
GOING_ON = {1, 2, 4, 5, 8, 11, 12, 18}
Between = tuple[date, date]
ALWAYS = (SESSIONS[0], SESSIONS[-1])


def until(year: int, month: int = 1) -> Between:
    return SESSIONS[0], date(year, month, 1)


def since(year: int, month: int = 1) -> Between:
    return date(year, month, 1), SESSIONS[-1]


# Instrument -> source -> when it has bars, and the share of sessions on which it has none.
LISTED: dict[int, dict[int, tuple[list[Between], float]]] = {
    1: {TRADED: ([ALWAYS], 0.0)},
    2: {TRADED: ([until(2018)], 0.0), SPLIT: ([since(2010)], 0.0)},
    3: {TRADED: ([ALWAYS], 0.05), SPLIT: ([until(2010), since(2022)], 0.0)},  # Silent, and back.
    4: {PAID: ([ALWAYS], 0.02)},
    5: {TRADED: ([ALWAYS], 0.0), PAID: ([ALWAYS], 0.1)},
    6: {TRADED: ([since(2016)], 0.0)},
    7: {TRADED: ([ALWAYS], 0.0)},  # With bars on two Saturdays.
    8: {TRADED: ([until(2014, 11), since(2015, 2)], 0.0)},  # Halted over the cut.
    9: {TRADED: ([ALWAYS], 0.2), SPLIT: ([since(2019)], 0.0)},  # Splits after it was kept.
    SPY: {TRADED: ([ALWAYS], 0.0)},
    11: {COINS: ([ALWAYS], 0.01)},
    12: {TRADED: ([ALWAYS], 0.2), SPLIT: ([ALWAYS], 0.2)},
    PARENT: {TRADED: ([ALWAYS], 0.0)},
    CHILD: {TRADED: ([since(2018, 3)], 0.0)},
    15: {TRADED: ([ALWAYS], 0.0), PAID: ([until(2009)], 0.0)},  # Its dividends were carried once.
    16: {TRADED: ([until(2012)], 0.0)},
    17: {TRADED: ([ALWAYS], 0.0)},  # A refused level.
    18: {TRADED: ([ALWAYS], 0.2), SPLIT: ([since(2019)], 0.0)},
    19: {  # Back three weeks before the cut, while the other has no bars.
        TRADED: ([(SESSIONS[0], date(2014, 11, 25)), (date(2014, 12, 26), SESSIONS[-1])], 0.0),
        SPLIT: ([until(2010), (date(2014, 12, 1), date(2015, 3, 2))], 0.0),
    },
}
SPLITS = {1: date(2010, 6, 7), 2: date(2016, 6, 6), 9: date(2025, 3, 3)}
SATURDAYS = (date(2012, 3, 3), date(2019, 3, 2))


def market() -> pl.DataFrame:
    """Random walks, as each source states them."""
    dice = np.random.default_rng(3)
    parts = []
    for instrument, sources in LISTED.items():
        days = EVERY_DAY if COINS in sources else SESSIONS
        if instrument == 7:
            days = sorted([*days, *SATURDAYS])
        close = 100 * np.exp(dice.normal(0.0002, 0.012, len(days)).cumsum())
        for source, (spans, gaps) in sources.items():
            there = np.array([any(a <= d <= b for a, b in spans) for d in days])
            there &= dice.random(len(days)) >= gaps
            own = pl.DataFrame({"session": days, "close": close * (1 + source / 100)})
            own = own.filter(pl.Series(there))
            split = SPLITS.get(instrument)
            if split and ADJUSTMENT[source] == "none":
                half = pl.when(pl.col("session") >= split).then(0.5).otherwise(1.0)
                own = own.with_columns(close=pl.col("close") * half)
            labels = {"instrument_id": instrument, "source_id": source}
            parts.append(own.with_columns(**labels, adjustment=pl.lit(ADJUSTMENT[source])))
    return pl.concat(parts)


def catalog() -> dict[str, pl.DataFrame]:
    """The inputs of funds/metrics beside prices."""
    sources = [
        {"source_id": n, "name": f"s{n}", "priority": n, "asset_class": "equity",
         "calendar": "24/7" if n == COINS else "XNYS"}
        for n in ADJUSTMENT
    ]  # fmt: skip
    instruments = [
        {"instrument_id": n, "symbol": {SPY: "SPY", CHILD: "KID"}.get(n, f"I{n}"), "quote": "USD",
         "asset_class": "etf" if n == SPY else "crypto" if n == 11 else "equity", "market": "US",
         "valid_from": SESSIONS[0], "valid_to": date(9999, 12, 31)}
        for n in LISTED
    ]  # fmt: skip
    paid = [
        {"instrument_id": n, "action": "dividend", "ex_date": date(year, 6, 10), "amount": 1.5}
        for n in (1, 2, 9, 12, 18)
        for year in range(2009, 2026)
    ]
    splits = [
        {"instrument_id": n, "action": "split", "ex_date": day, "ratio": 2.0}
        for n, day in SPLITS.items()
    ]
    spun = {"instrument_id": PARENT, "action": "spin_off", "ex_date": date(2018, 3, 1),
            "ratio": 0.5, "other_symbol": "KID"}  # fmt: skip
    refused = {"instrument_id": 17, "source_id": TRADED, "interval": "1d", "close": 40.0,
               "session": date(2013, 5, 6), "rules": "V20"}  # fmt: skip
    actions = rows(tables.ACTIONS, *paid, *splits, spun)[1]
    return {
        "levels": tables.LEVELS.empty(),
        "factors": split_factors(actions),
        "actions": actions,
        "rejected": rows(tables.REJECTED, refused)[1],
        "instruments": rows(tables.INSTRUMENTS, *instruments)[1],
        "known_sources": rows(tables.SOURCES, *sources)[1],
    }


class Home(MetricsHome):
    """The market of `LISTED`, and what each run found."""

    def __init__(self, folder: Path) -> None:
        """In a new file."""
        self.bars = validated(market())
        self.found: list[carried_series.Found] = []
        super().__init__(folder, self.bars, catalog(), NOW)

    def replace(self, bars: pl.DataFrame, first: date | None = None) -> None:
        """The bars from a day on, or all of them."""
        own = bars.filter(pl.col("session") >= (first or SESSIONS[0]))
        self.write("prices/validated", tables.VALIDATED, own, Slice({}, first))

    def correct(self, instrument: int, day: date) -> None:
        """One close, by a tenth."""
        own = (pl.col("instrument_id") == instrument) & (pl.col("session") == day)
        higher = pl.when(own).then(pl.col("close") * 1.1).otherwise("close")
        self.bars = self.bars.with_columns(close=higher)
        one = self.bars.filter(pl.col("session") == day)
        self.write("prices/validated", tables.VALIDATED, one, Slice({}, day, day))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home(tmp_path)
    real = funds.read_series

    def read_series(*arguments: Any) -> carried_series.Found:  # noqa: ANN401
        made.found.append(real(*arguments))
        return made.found[-1]

    monkeypatch.setattr(funds, "read_series", read_series)
    return made


def going_on(home: Home) -> set[int]:
    return set(home.found[-1].late["instrument_id"])


KEY = ["return_basis", "instrument_id", "session", "frame"]


def assert_same_but(instrument: int, found: Frames, expected: Frames) -> None:
    own = pl.col("instrument_id") == instrument
    for table in (tables.METRICS, tables.RISK):
        assert not found[table].filter(own).sort(KEY).equals(expected[table].filter(own).sort(KEY))
    assert_same(
        {t: f.filter(~own) for t, f in found.items() if t in (tables.METRICS, tables.RISK)},
        {t: f.filter(~own) for t, f in expected.items() if t in (tables.METRICS, tables.RISK)},
    )


def assert_same(found: Frames, expected: Frames) -> None:
    for table in (tables.METRICS, tables.RISK):
        assert_frame_equal(found[table].sort(KEY), expected[table].sort(KEY), check_exact=True)


def test_a_later_day_goes_on_to_the_last_bit(home: Home) -> None:
    days = (date(2025, 1, 31), LATER)
    expected = [home.run(day) for day in days]
    assert going_on(home) == set(), "nothing is kept yet"
    kept = home.store_day(KEPT)[tables.CARRIED]
    always_whole, young, dead, announced = {SPY, PARENT, 17}, {6, CHILD}, {16}, {9}
    lacking = always_whole | young | dead | announced
    assert set(kept["instrument_id"]) == set(LISTED) - lacking
    for day, one in zip(days, expected, strict=True):
        found = home.run(day)
        assert going_on(home) == GOING_ON
        again = set(found[tables.CARRIED]["instrument_id"])
        assert again <= announced, "what is kept already is not kept again"
        assert_same(found, one)
        tails = found[tables.RISK].filter(pl.col("frame") == "ALL")["var_95"].drop_nulls()
        assert tails.len() >= 12, "something is compared"
    assert set(found[tables.METRICS]["return_basis"]) == {"price", "gross_total"}


def test_what_was_kept_counts_while_nothing_before_it_changes(home: Home) -> None:
    home.store_day(KEPT)
    before = home.run(LATER)
    home.correct(1, date(2025, 3, 4))
    assert_same_but(1, home.run(LATER), before)
    assert going_on(home) == GOING_ON, "a change after it does not matter"
    home.correct(1, date(2010, 5, 5))
    found = home.run(LATER)
    assert going_on(home) == set()
    home.store_day(date(2025, 6, 27))
    assert_same(home.run(LATER), found)
    assert going_on(home) == GOING_ON | {9}, "of what was read again it was kept again"


@pytest.mark.slow
def test_a_split_since_reads_its_instrument_whole(home: Home) -> None:
    """2 is stated by a source that adjusts, and has paid: its closes as traded are restated."""
    home.store_day(KEPT)
    split = {"instrument_id": 2, "action": "split", "ex_date": date(2025, 4, 7), "ratio": 3.0}
    actions = pl.concat([home.given["actions"], rows(tables.ACTIONS, split)[1]])
    home.given |= {"actions": actions, "factors": split_factors(actions)}
    found = home.run(LATER)
    assert going_on(home) == GOING_ON - {2}
    home.correct(1, date(2012, 5, 7))
    assert_same_but(1, home.run(LATER), found)
    assert going_on(home) == set()


@pytest.mark.slow
def test_other_rules_and_another_year_begin_anew(home: Home) -> None:
    home.store_day(KEPT)
    home.run(date(2025, 1, 3), date(2025, 1, 31))
    assert going_on(home) == GOING_ON
    home.run(date(2025, 1, 3), date(2025, 2, 14))
    assert going_on(home) == set(), "a long range is one pass over everything"
    home.run(KEPT)
    assert going_on(home) == set(), "a day does not rest on what it kept itself"
    home.run(date(2024, 12, 30))
    assert going_on(home) == set(), "nor on a later one, nor one of another year"
    home.risk_free_rate = 0.03
    home.run(LATER)
    assert going_on(home) == set()


@pytest.mark.slow
def test_another_benchmark_begins_anew(home: Home) -> None:
    home.store_day(KEPT)
    whole = home.given["instruments"]
    home.given["instruments"] = whole.filter(pl.col("symbol") != "SPY")
    found = home.run(LATER)
    assert going_on(home) == set()
    assert found[tables.RISK]["beta"].drop_nulls().is_empty()
    home.given["instruments"] = whole
    home.run(LATER)
    assert going_on(home) == GOING_ON


@pytest.mark.slow
def test_an_instrument_that_comes_later_is_kept_when_it_is_first_read(home: Home) -> None:
    bars = home.bars
    home.replace(bars.filter(pl.col("instrument_id") != 1))
    home.store_day(KEPT)
    home.replace(bars, first=date(2025, 1, 3))  # Of 1 only what is new.
    home.store_day(date(2025, 1, 3))
    assert going_on(home) == GOING_ON - {1}
    home.run(LATER)
    assert going_on(home) == GOING_ON - {1}, "1 has nothing before the cut"


@pytest.mark.slow
def test_a_run_over_new_year_keeps_nothing_of_the_year_before(home: Home) -> None:
    """Nothing has a bar in January yet: what is kept would be cut a year too early."""
    home.replace(home.bars.filter(pl.col("session") < date(2025, 1, 1)))
    frames = home.run(date(2024, 12, 20), KEPT)
    assert frames[tables.CARRIED].is_empty()
    kept = home.run(date(2024, 12, 20), date(2024, 12, 31))[tables.CARRIED]
    assert set(kept["cut"]) == {date(2013, 12, 16)}
