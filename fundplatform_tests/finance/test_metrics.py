"""Frames, base prices and reasons against hand-made series."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fundplatform.finance.frames import FRAMES
from fundplatform.finance.metrics import fund_metrics
from fundplatform.tables import METRICS

B3_PRICES = [100, 102, 99.96, 104.958, 103.90842, 103.90842]

Prices = dict[date, float | None]


def weekdays(first: date, last: date) -> list[date]:
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [d for d in days if d.weekday() < 5]


def series(*instruments: Prices) -> pl.DataFrame:
    """Return rows of price series; a price of None breaks the series there."""
    rows: list[tuple[int, date, float | None]] = []
    for number, prices in enumerate(instruments):
        before: float | None = None
        for day, price in prices.items():
            rows.append((number, day, price / before - 1 if before and price else None))
            before = price if price is not None else 1.0
    schema = {"instrument_id": pl.Int32, "session": pl.Date, "ret": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def measure(
    returns: pl.DataFrame, sessions: list[date], *evaluate: date, rf: float = 0.0
) -> pl.DataFrame:
    return fund_metrics(returns, sessions, evaluate, periods_per_year=252, risk_free_rate=rf)


def row(metrics: pl.DataFrame, frame: str, instrument: int = 0) -> dict[str, Any]:
    found = metrics.filter(pl.col("frame") == frame, pl.col("instrument_id") == instrument)
    return found.row(0, named=True)


SESSIONS = weekdays(date(2019, 1, 1), date(2024, 8, 30))
RISK = ("volatility", "sharpe", "sortino", "max_drawdown")


def wave(first: date, last: date) -> Prices:
    """Up 2 %, down 1 %, in turn, from 100."""
    prices: Prices = {}
    price = 100.0
    for number, day in enumerate(s for s in SESSIONS if first <= s <= last):
        price *= 1.0 if number == 0 else (1.02 if number % 2 else 0.99)
        prices[day] = price
    return prices


def test_b3_has_too_few_returns_for_risk_values() -> None:
    days = weekdays(date(2024, 1, 2), date(2024, 1, 9))
    found = measure(series(dict(zip(days, B3_PRICES, strict=True))), SESSIONS, date(2024, 1, 9))
    assert found["frame"].to_list() == list(FRAMES)
    whole = row(found, "ALL")
    assert round(100 * whole["total_return"], 5) == 3.90842
    assert (whole["n_returns"], whole["base_session"]) == (5, date(2024, 1, 2))
    assert whole["reason"] == "too_few_returns"
    assert [whole[n] for n in (*RISK, "annualized_return")] == [None] * 5
    for frame in FRAMES[:-1]:
        short = row(found, frame)
        assert short["reason"] == "insufficient_history"
        assert short["total_return"] is None
        assert (short["n_returns"], short["base_session"]) == (0, None)


def test_three_years_of_ten_percent() -> None:
    days = [d for d in SESSIONS if date(2021, 1, 4) <= d <= date(2024, 1, 4)]
    prices: Prices = {d: 100.0 * 1.331 ** (i / (len(days) - 1)) for i, d in enumerate(days)}
    found = measure(series(prices), SESSIONS, date(2024, 1, 4))
    three, whole = row(found, "3Y"), row(found, "ALL")
    assert three["base_session"] == whole["base_session"] == date(2021, 1, 4)
    assert round(100 * three["total_return"], 6) == 33.1
    assert round(100 * three["annualized_return"], 4) == 10.0
    assert round(100 * whole["annualized_return"], 4) == 10.0072
    # A price that grows evenly has no variance: that is said, not divided by.
    assert three["reason"] == "zero_variance"
    assert (three["volatility"], three["sharpe"], three["sortino"]) == (0.0, None, None)
    assert three["max_drawdown"] == 0.0
    assert row(found, "6M")["annualized_return"] is None
    assert row(found, "5Y")["reason"] == "insufficient_history"


def test_years_of_ten_percent() -> None:
    days = weekdays(date(2013, 12, 30), date(2024, 1, 31))
    # The price of a year stands from its last session on: 2013 ends at 100, 2014 at 110, ...
    last = {max(d for d in days if d.year == year) for year in range(2013, 2024)}
    prices: Prices = {}
    for day in days:
        prices[day] = (
            (prices[max(prices)] or 0.0) * (1.1 if day in last else 1.0)
            if prices
            else (100.0 / 1.1)
        )
    found = measure(series(prices), days, date(2023, 12, 29))
    for frame, years in (("1Y", 1), ("3Y", 3), ("5Y", 5), ("10Y", 10)):
        own = row(found, frame)
        assert own["total_return"] == pytest.approx(1.1**years - 1)
        assert own["annualized_return"] == pytest.approx(0.1)


def test_month_frame_by_hand() -> None:
    # June 2024 by month ends: base 05-31, 20 sessions, ten times up 2 % and down 1 %.
    prices = wave(date(2024, 4, 30), date(2024, 6, 28))
    found = row(measure(series(prices), SESSIONS, date(2024, 6, 28), rf=0.05), "1M")
    assert (found["base_session"], found["n_returns"]) == (date(2024, 5, 31), 20)
    assert found["total_return"] == pytest.approx((1.02 * 0.99) ** 10 - 1, rel=1e-12)
    # Mean .005, every deviation +-.015: std = .015 * sqrt(20 / 19).
    std = 0.015 * (20 / 19) ** 0.5
    assert found["volatility"] == pytest.approx(std * 252**0.5, rel=1e-12)
    daily_rate = 1.05 ** (1 / 252) - 1
    assert found["sharpe"] == pytest.approx((0.005 - daily_rate) / std * 252**0.5, rel=1e-12)
    # Half of the days lose 1 %: downside .01 * sqrt(1/2) a day.
    assert found["sortino"] == pytest.approx(0.005 / (0.01 * 0.5**0.5) * 252**0.5, rel=1e-12)
    assert found["max_drawdown"] == pytest.approx(-0.01, rel=1e-12)
    assert found["annualized_return"] is None
    assert found["risk_free_rate"] == 0.05
    assert found["reason"] is None


def test_the_calendar_decides_what_a_month_end_is() -> None:
    prices = wave(date(2024, 1, 2), date(2024, 3, 28))
    closed = [s for s in SESSIONS if s != date(2024, 3, 29)]
    anchored = row(measure(series(prices), closed, date(2024, 3, 28)), "1M")
    assert anchored["base_session"] == date(2024, 2, 29)
    mid_month = row(measure(series(prices), SESSIONS, date(2024, 3, 28)), "1M")
    assert mid_month["base_session"] == date(2024, 2, 28)


def test_year_to_date_starts_at_the_last_close_of_the_year_before() -> None:
    prices = wave(date(2023, 12, 1), date(2024, 2, 15))
    found = row(measure(series(prices), SESSIONS, date(2024, 2, 15)), "YTD")
    assert found["base_session"] == date(2023, 12, 29)
    assert found["n_returns"] == 34
    assert found["total_return"] == pytest.approx(
        prices[date(2024, 2, 15)] / prices[date(2023, 12, 29)] - 1,
        rel=1e-12,  # type: ignore[operator]
    )


def test_a_base_price_may_be_seven_days_old_but_not_eight() -> None:
    def base(gap_from: date, gap_to: date) -> dict[str, Any]:
        prices = wave(date(2024, 1, 2), date(2024, 6, 20))
        kept = {d: p for d, p in prices.items() if not gap_from <= d <= gap_to}
        return row(measure(series(kept), SESSIONS, date(2024, 6, 20)), "1M")

    # Base date Monday 2024-05-20.
    fine = base(date(2024, 5, 14), date(2024, 5, 20))
    assert fine["base_session"] == date(2024, 5, 13)
    assert fine["reason"] == "low_coverage"  # 23 of 28 sessions
    assert fine["total_return"] is not None
    stale = base(date(2024, 5, 13), date(2024, 5, 20))
    assert (stale["reason"], stale["total_return"]) == ("stale_base", None)
    assert (stale["n_returns"], stale["base_session"]) == (0, None)


def test_the_age_of_a_base_price_is_counted_from_the_last_session_of_a_month() -> None:
    """Both base dates are Sundays, with the last price on the Friday of the week before."""

    def reason(as_of: date, gap_from: date, gap_to: date) -> object:
        prices = wave(date(2024, 1, 2), as_of)
        kept = {d: p for d, p in prices.items() if not gap_from <= d <= gap_to}
        return row(measure(series(kept), SESSIONS, as_of), "1M")["reason"]

    # The end of April: 31 March is meant by Friday the 29th, seven days after the price; there are
    # returns on 22 of the 27 sessions since.
    assert reason(date(2024, 4, 30), date(2024, 3, 25), date(2024, 3, 29)) == "low_coverage"
    # 21 May: 21 April, nine days after it.
    assert reason(date(2024, 5, 21), date(2024, 4, 15), date(2024, 4, 19)) == "stale_base"


def test_coverage_of_ninety_percent() -> None:
    prices = wave(date(2024, 4, 30), date(2024, 6, 28))
    june = [s for s in SESSIONS if date(2024, 6, 3) <= s <= date(2024, 6, 28)]

    def without(count: int) -> dict[str, Any]:
        kept = {d: p for d, p in prices.items() if d not in june[2 : 2 + count]}
        return row(measure(series(kept), SESSIONS, date(2024, 6, 28)), "1M")

    enough, short = without(2), without(3)
    assert (enough["n_returns"], enough["reason"]) == (18, None)
    assert (short["n_returns"], short["reason"]) == (17, "low_coverage")
    assert [short[n] for n in RISK] == [None] * 4
    # The return over the hole is in the next return: nothing of the total is lost.
    total = (1.02 * 0.99) ** 10 - 1
    assert enough["total_return"] == pytest.approx(total, rel=1e-12)
    assert short["total_return"] == pytest.approx(total, rel=1e-12)


def test_minimum_counts() -> None:
    def of(first: date, frame: str) -> tuple[int, str | None]:
        prices = wave(first, date(2024, 6, 28))
        found = row(measure(series(prices), SESSIONS, date(2024, 6, 28)), frame)
        return found["n_returns"], found["reason"]

    # ALL needs 200 returns: 2023-09-22 starts 200 weekdays before, 09-25 one fewer.
    assert of(date(2023, 9, 22), "ALL") == (200, None)
    assert of(date(2023, 9, 25), "ALL") == (199, "too_few_returns")


def test_a_broken_series_starts_anew() -> None:
    prices = wave(date(2023, 1, 2), date(2024, 6, 28))
    broken = prices | {date(2024, 3, 1): None}
    found = measure(series(broken, prices), SESSIONS, date(2024, 2, 29), date(2024, 6, 28))
    late = found.filter(pl.col("session") == date(2024, 6, 28))
    assert row(late, "ALL")["base_session"] == date(2024, 3, 1)
    assert row(late, "6M")["reason"] == "insufficient_history"
    assert row(late, "3M")["base_session"] == date(2024, 3, 29)
    assert row(late, "ALL", 1)["base_session"] == date(2023, 1, 2)
    # Before the break, it is not known yet.
    early = found.filter(pl.col("session") == date(2024, 2, 29))
    assert row(early, "1Y") == row(early, "1Y", 1) | {"instrument_id": 0}


def test_prices_below_zero() -> None:
    # WTI in April 2020: 18.31, -36.98, 8.91 (FRED DCOILWTICO).
    prices = wave(date(2019, 1, 1), date(2020, 4, 17))
    prices |= {date(2020, 4, 20): -36.98, date(2020, 4, 21): 8.91}
    found = measure(series(prices), SESSIONS, date(2020, 4, 20), date(2020, 4, 21))
    down = row(found.filter(pl.col("session") == date(2020, 4, 20)), "1M")
    assert (down["total_return"], down["reason"]) == (None, "non_positive_price")
    after = row(found.filter(pl.col("session") == date(2020, 4, 21)), "1Y")
    # Both ends are positive, so the total return is sound; the path between is not.
    base = prices[date(2019, 4, 19)]
    assert base is not None
    assert after["base_session"] == date(2019, 4, 19)
    assert after["total_return"] == pytest.approx(8.91 / base - 1, rel=1e-9)
    assert after["reason"] == "non_positive_price"
    assert [after[n] for n in RISK] == [None] * 4


def test_rows_only_where_there_is_a_price() -> None:
    day = date(2024, 6, 27)
    prices = wave(date(2024, 1, 2), date(2024, 6, 28))
    absent = {d: p for d, p in prices.items() if d != day}
    late = wave(date(2024, 6, 28), date(2024, 6, 28))
    found = measure(series(prices, absent, late), SESSIONS, day)
    assert found["instrument_id"].unique().to_list() == [0]
    first_day = measure(series(prices, absent, late), SESSIONS, date(2024, 6, 28))
    new = row(first_day, "ALL", 2)
    assert (new["reason"], new["total_return"]) == ("insufficient_history", None)


def test_no_look_ahead() -> None:
    prices = wave(date(2022, 1, 3), date(2024, 6, 28))
    until = {d: p for d, p in prices.items() if d <= date(2023, 6, 30)}
    later = until | {d: 1e6 for d in prices if d > date(2023, 6, 30)}
    at = date(2023, 6, 30)
    assert measure(series(until), SESSIONS, at).equals(measure(series(later), SESSIONS, at))


def test_chunks_and_neighbours_change_nothing() -> None:
    some = [wave(date(2022, 1, 3), date(2024, 6, 28)), wave(date(2023, 5, 8), date(2024, 6, 28))]
    days = [date(2024, 1, 31), date(2024, 5, 15), date(2024, 6, 28)]
    whole = measure(series(*some), SESSIONS, *days)
    chunks = pl.concat(measure(series(*some), SESSIONS, d) for d in days)
    assert whole.equals(chunks.sort("instrument_id", "session", maintain_order=True))
    alone = measure(series(some[0]), SESSIONS, *days)
    assert whole.filter(pl.col("instrument_id") == 0).equals(alone)


def test_bars_on_foreign_days_are_part_of_the_next_return() -> None:
    prices = wave(date(2024, 4, 30), date(2024, 6, 28))
    weekends: Prices = {date(2024, 6, 8): 50.0, date(2024, 6, 9): 200.0, date(2024, 4, 28): 7.0}
    mixed = dict(sorted((prices | weekends).items()))
    evaluated = date(2024, 6, 28)
    plain, foreign = (
        measure(series(p), SESSIONS, evaluated).drop("reason") for p in (prices, mixed)
    )
    for name in ("total_return", "volatility", "sharpe", "sortino", "max_drawdown"):
        values = plain[name].drop_nulls().to_list()
        assert values
        assert foreign[name].drop_nulls().to_list() == pytest.approx(values, rel=1e-9)
    assert foreign["base_session"].to_list() == plain["base_session"].to_list()


def test_a_price_that_never_moves_is_not_annualised_below_a_year() -> None:
    days = [d for d in SESSIONS if date(2023, 12, 29) <= d <= date(2024, 6, 28)]
    found = measure(series(dict.fromkeys(days, 50.0)), SESSIONS, date(2024, 6, 28))
    assert row(found, "ALL")["total_return"] == row(found, "6M")["total_return"] == 0.0
    assert found["annualized_return"].null_count() == len(FRAMES)


def test_the_frame_fits_its_table() -> None:
    expected = METRICS.empty().drop(METRICS.stamps).schema
    empty = series({}).clear()
    assert measure(empty, SESSIONS, date(2024, 6, 28)).schema == expected
    assert measure(empty, SESSIONS).is_empty()
    full = measure(series(wave(date(2024, 4, 30), date(2024, 6, 28))), SESSIONS, date(2024, 6, 28))
    assert full.schema == expected
    assert full["return_basis"].unique().to_list() == ["price"]


def test_an_evaluation_outside_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2024, 6, 29"):
        measure(series({}), SESSIONS, date(2024, 6, 29))
