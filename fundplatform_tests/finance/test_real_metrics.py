"""Metrics of 100 real ETFs, 2005 to 2017, against a plain calculation on the file."""

from bisect import bisect_right
from datetime import date
from math import sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.metrics import fund_metrics
from fundplatform.finance.returns import session_returns
from fundplatform_tests.finance import real_bars
from fundplatform_tests.finance.test_total_return import acts

LAST = date(2017, 11, 10)
# A Friday within its month: the last close on or before the same day; what it takes of returns.
FRAMES = {
    "1M": (date(2017, 10, 10), 15), "3M": (date(2017, 8, 10), 40), "6M": (date(2017, 5, 10), 100),
    "YTD": (date(2016, 12, 30), 15), "1Y": (date(2016, 11, 10), 200),
    "3Y": (date(2014, 11, 10), 200), "5Y": (date(2012, 11, 9), 200),
    "10Y": (date(2007, 11, 9), 200), "ALL": (date.max, 200),
}  # fmt: skip
VALUES = ("total_return", "annualized_return", "volatility", "sharpe", "sortino", "max_drawdown")


def plain(days: list[date], closes: np.ndarray, frame: str) -> tuple[float | None, ...] | None:
    """`VALUES` of one fund; None without a base price, risk None where there are too few."""
    base, least = FRAMES[frame]
    first = 0 if frame == "ALL" else bisect_right(days, base) - 1
    if first < 0 or (frame != "ALL" and (base - days[first]).days > 7):
        return None
    path = closes[first:]
    r = path[1:] / path[:-1] - 1
    total = path[-1] / path[0] - 1
    years = {"1Y": 1, "3Y": 3, "5Y": 5, "10Y": 10}.get(frame, 0)
    if frame == "ALL":
        years = (LAST - days[0]).days / 365.25
    annual = (1 + total) ** (1 / years) - 1 if years >= 1 else None
    if len(r) < least or len(r) < 0.9 * np.busday_count(days[first], LAST) * 252 / 261:
        return total, annual, None, None, None, None
    downside = sqrt((np.minimum(r, 0) ** 2).mean() * 252)
    deepest = (path / np.maximum.accumulate(path) - 1).min()
    scale = r.std(ddof=1) * sqrt(252)
    return total, annual, scale, r.mean() * 252 / scale, r.mean() * 252 / downside, deepest


def test_a_hundred_etfs_equal_a_plain_calculation(shared_data: Path) -> None:
    bars = real_bars.etfs(shared_data).with_columns(selected=pl.lit(True))
    sessions = calendars.get("XNYS").sessions(date(2005, 2, 25), date(2017, 12, 29))
    returns = session_returns(bars, split_factors(acts()))
    found = fund_metrics(returns, sessions, [LAST], periods_per_year=252, risk_free_rate=0.0)
    assert (found.height, found["total_return"].count()) == (900, 853)
    ours = {(r["instrument_id"], r["frame"]): r for r in found.iter_rows(named=True)}
    for (number,), own in bars.sort("session").partition_by("instrument_id", as_dict=True).items():
        days, closes = own["session"].to_list(), own["close"].to_numpy()
        for frame in FRAMES:
            expected = plain(days, closes, frame)
            got = [ours[number, frame][n] for n in VALUES]
            wanted = expected or (None,) * len(VALUES)
            assert [v is None for v in got] == [v is None for v in wanted], (number, frame)
            pairs = [(a, b) for a, b in zip(got, wanted, strict=True) if b is not None]
            for value, other in pairs:
                assert value == pytest.approx(other, rel=1e-9, abs=1e-12), (number, frame)
