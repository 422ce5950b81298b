"""A year of twelve months by hand: months, days, Calmar, drawdown dates, captures of months."""

from datetime import date
from math import sqrt

import polars as pl
import pytest

from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.frames import month_ends
from fundplatform.finance.measured import Terms
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree
from fundplatform_tests.finance.test_metrics import Prices, series, weekdays

DAYS = weekdays(date(2022, 12, 30), date(2024, 1, 31))
ENDS = [d for d in month_ends(DAYS) if d.year == 2023]
LAST = date(2023, 12, 29)
# What a month earns it earns on its last day; the months between move nothing.
OWN = {1: 0.10, 2: -0.05, 3: 0.02, 12: -0.04}
BENCH = {1: 0.05, 2: -0.10, 3: 0.01, 12: -0.02}


def prices(moves: dict[int, float]) -> Prices:
    price, found = 100.0, Prices()
    for day in (d for d in DAYS if d <= LAST):
        price *= 1 + (moves.get(day.month, 0.0) if day in ENDS else 0.0)
        found[day] = price
    return found


def test_a_year_of_months() -> None:
    returns = series(prices(OWN), prices(BENCH))
    against = Benchmarks({0: 1}, returns.filter(pl.col("instrument_id") == 1))
    ((metrics, risk),) = measure(returns, DAYS, [LAST], Terms(252, RiskFree(), "price", against))
    (basic,) = metrics.filter(frame="1Y", instrument_id=0).iter_rows(named=True)
    (found,) = risk.filter(frame="1Y", instrument_id=0).iter_rows(named=True)
    # 1.10 x 0.95 x 1.02 x 0.96 = 1.023264; from 1.10 down to it: 1.023264 / 1.10 - 1.
    assert basic["base_session"] == date(2022, 12, 30)
    assert basic["total_return"] == pytest.approx(0.023264)
    assert basic["annualized_return"] == pytest.approx(0.023264)
    assert basic["max_drawdown"] == pytest.approx(-0.06976)
    assert found["calmar"] == pytest.approx(0.023264 / 0.06976)
    # The price stands at its peak to the day before February's last.
    assert (found["peak_session"], found["trough_session"]) == (date(2023, 2, 27), LAST)
    assert found["recovery_session"] is None
    assert (found["n_months"], found["positive_months"]) == (12, pytest.approx(2 / 12))
    for unit in ("month", "day"):
        assert found[f"best_{unit}"] == pytest.approx(0.10)
        assert found[f"worst_{unit}"] == pytest.approx(-0.05)
    # Up in January and March, down in February and December: geometric means of both.
    up = (sqrt(1.10 * 1.02) - 1) / (sqrt(1.05 * 1.01) - 1)
    down = (sqrt(0.95 * 0.96) - 1) / (sqrt(0.90 * 0.98) - 1)
    assert (round(up, 4), round(down, 4)) == (1.9877, 0.7397)
    assert found["up_capture"] == pytest.approx(up)
    assert found["down_capture"] == pytest.approx(down)
