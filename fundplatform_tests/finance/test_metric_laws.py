"""What holds of metrics whatever the prices are, and the odd calendars of methodology B1."""

from datetime import date, timedelta
from itertools import pairwise
from math import sqrt
from random import Random
from statistics import stdev

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.metrics import fund_metrics
from fundplatform.finance.returns import session_returns
from fundplatform.finance.total_return import total_returns
from fundplatform_tests.finance.test_metrics import SESSIONS, measure, row, series, wave, weekdays
from fundplatform_tests.finance.test_total_return import acts, bars

DAYS = weekdays(date(2022, 12, 1), date(2024, 3, 29))
COUNT = 260
NONE = split_factors(acts())
few = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
moves = st.lists(st.floats(-0.5, 0.9), min_size=COUNT, max_size=COUNT)


def prices_of(steps: list[float], start: float = 100.0) -> pl.DataFrame:
    """Bars of one instrument, one a weekday."""
    closes, close = [], start
    for step in steps:
        closes.append(close)
        close = max(close * (1 + step), 1e-3 * start)
    return bars(*((7, d, c) for d, c in zip(DAYS, closes, strict=False)))


def metrics_of(returns: pl.DataFrame) -> pl.DataFrame:
    return measure(returns.select("instrument_id", "session", "ret"), DAYS, *DAYS[210:COUNT:20])


@few
@given(moves, st.floats(1e-3, 1e6))
def test_the_unit_of_the_price_says_nothing(steps: list[float], scale: float) -> None:
    one = metrics_of(session_returns(prices_of(steps), NONE))
    other = metrics_of(session_returns(prices_of(steps, 100.0 * scale), NONE))
    assert_frame_equal(one, other, rel_tol=1e-6, abs_tol=1e-9)


@few
@given(moves, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_says_nothing(steps: list[float], random: Random) -> None:
    returns = session_returns(prices_of(steps), NONE).select("instrument_id", "session", "ret")
    both = pl.concat([returns, returns.with_columns(instrument_id=pl.lit(9, pl.Int32))])
    places = list(range(both.height))
    random.shuffle(places)
    assert_frame_equal(metrics_of(both[places]), metrics_of(both))


@few
@given(moves, st.integers(1, 39))
def test_chunks_say_nothing(steps: list[float], cut: int) -> None:
    returns = session_returns(prices_of(steps), NONE)
    days = DAYS[COUNT - 40 : COUNT]
    parts = [measure(returns, DAYS, *days[:cut]), measure(returns, DAYS, *days[cut:])]
    key = ["instrument_id", "session", "frame"]
    assert_frame_equal(pl.concat(parts).sort(key), measure(returns, DAYS, *days).sort(key))


@few
@given(moves, st.integers(COUNT - 40, COUNT - 2))
def test_what_comes_after_a_day_never_alters_it(steps: list[float], at: int) -> None:
    """Cut at the day, and with all that comes after it in another order and size."""
    whole = session_returns(prices_of(steps), NONE).select("instrument_id", "session", "ret")
    day = DAYS[at]
    past, later = (whole.filter(t) for t in (pl.col("session") <= day, pl.col("session") > day))
    assert later.height
    wild = later.with_columns(pl.col("ret").reverse() * -0.7 + 0.1)
    found = measure(whole, DAYS, DAYS[at - 1], day)
    assert found.filter(session=day, frame="6M")["total_return"].is_not_null().all()
    for other in (past, pl.concat([past, wild])):
        assert_frame_equal(measure(other, DAYS, DAYS[at - 1], day), found, check_exact=True)
    # And it is seen where one of the day itself is another.
    moved = pl.when(pl.col("session") == day).then(pl.col("ret") + 0.1).otherwise("ret")
    assert not measure(whole.with_columns(ret=moved), DAYS, day).equals(measure(whole, DAYS, day))


@few
@given(moves)
def test_a_drawdown_is_a_share_of_what_there_was(steps: list[float]) -> None:
    falls = metrics_of(session_returns(prices_of(steps), NONE))["max_drawdown"].drop_nulls()
    assert len(falls)
    assert falls.is_between(-1, 0).all()


@few
@given(moves, st.lists(st.floats(0, 30), min_size=8, max_size=8))
def test_who_is_paid_has_no_less(steps: list[float], amounts: list[float]) -> None:
    prices = prices_of(steps)
    paid = pl.DataFrame(
        {"instrument_id": [7] * 8, "ex_date": [DAYS[20 + 30 * n] for n in range(8)],
         "amount": amounts}, schema_overrides={"instrument_id": pl.Int32},
    )  # fmt: skip
    price = metrics_of(session_returns(prices, NONE))
    total = metrics_of(total_returns(prices, NONE, paid))
    both = price.join(total, on=["session", "frame"], suffix="_total").drop_nulls("total_return")
    assert both.height
    more = both["total_return_total"] - both["total_return"]
    assert (more >= -1e-9 * (1 + both["total_return"])).all()


def test_a_fund_of_one_price_a_day_and_its_distribution() -> None:
    """10.00, then 9.80 on the ex-date of 0.50: (9.80 + 0.50) / 10.00; then 9.9960, 2 % more."""
    navs = bars((7, DAYS[0], 10.0), (7, DAYS[1], 9.8), (7, DAYS[2], 9.996))
    paid = pl.DataFrame({"instrument_id": [7], "ex_date": [DAYS[1]], "amount": [0.5]},
                        schema_overrides={"instrument_id": pl.Int32})  # fmt: skip
    found = row(measure(total_returns(navs, NONE, paid), DAYS, DAYS[2]), "ALL", 7)
    assert found["total_return"] == pytest.approx(1.03 * 1.02 - 1)
    alone = row(measure(session_returns(navs, NONE), DAYS, DAYS[2]), "ALL", 7)
    assert alone["total_return"] == pytest.approx(-0.0004)


def test_a_market_that_never_closes_has_365_periods() -> None:
    """31 days of 2024-03, weekends included: 1M from 02-29, 31 returns, sqrt(365) a year."""
    days = [date(2024, 2, 1) + timedelta(n) for n in range(90)]
    prices = {d: 100.0 + (n * 7) % 5 for n, d in enumerate(days)}
    month = [prices[d] for d in days if date(2024, 2, 29) <= d <= date(2024, 3, 31)]
    returns = [b / a - 1 for a, b in pairwise(month)]
    found = row(
        fund_metrics(series(prices), days, [date(2024, 3, 31)], periods_per_year=365,
                     risk_free_rate=0.0), "1M")  # fmt: skip
    assert (found["base_session"], found["n_returns"]) == (date(2024, 2, 29), 31)
    assert found["volatility"] == pytest.approx(stdev(returns) * sqrt(365))


def test_a_month_that_ends_on_a_closed_day() -> None:
    """2024-03-29, Good Friday, is closed: the 28th ends March; 1M from 02-29, 1Y from 03-31."""
    sessions = [d for d in SESSIONS if d != date(2024, 3, 29)]
    prices = {d: p for d, p in wave(date(2020, 1, 2), date(2024, 4, 2)).items() if d in sessions}
    found = measure(series(prices), sessions, date(2024, 3, 28))
    assert row(found, "1M")["base_session"] == date(2024, 2, 29)
    assert row(found, "1Y")["base_session"] == date(2023, 3, 31)
    # A month's end on a weekend: 2023-12-31 was a Sunday, 3M from the 29th.
    assert row(found, "3M")["base_session"] == date(2023, 12, 29)


def test_a_leap_day_is_a_month_end_of_the_years_before() -> None:
    """2024-02-29 was February's last session: 1Y from 2023-02-28, 3Y from 2021-02-26 (Friday)."""
    found = measure(series(wave(date(2019, 1, 2), date(2024, 3, 1))), SESSIONS, date(2024, 2, 29))
    assert row(found, "1Y")["base_session"] == date(2023, 2, 28)
    assert row(found, "3Y")["base_session"] == date(2021, 2, 26)


def test_a_listing_inside_the_frame_shortens_nothing() -> None:
    listed = date(2024, 3, 15)
    found = measure(series(wave(listed, date(2024, 6, 28))), SESSIONS, date(2024, 6, 28))
    one, three = row(found, "1M"), row(found, "6M")
    assert one["base_session"] == date(2024, 5, 31)
    assert (three["total_return"], three["reason"]) == (None, "insufficient_history")
    assert row(found, "ALL")["base_session"] == listed


def test_a_fund_that_was_delisted_keeps_its_last_metrics_and_has_none_after() -> None:
    last = date(2024, 5, 15)
    prices = wave(date(2022, 1, 3), date(2024, 6, 28))
    gone = {d: p for d, p in prices.items() if d <= last}
    found = measure(series(prices, gone), SESSIONS, last, date(2024, 5, 31), date(2024, 6, 28))
    assert found.filter(instrument_id=1)["session"].unique().to_list() == [last]
    there = found.filter(session=last)
    assert row(there, "1Y", 1) == row(there, "1Y") | {"instrument_id": 1}
