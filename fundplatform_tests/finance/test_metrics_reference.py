"""Every metric row against a slow, obvious reference that works on prices, on any series."""

from datetime import date, timedelta
from itertools import accumulate, pairwise
from math import sqrt
from random import Random
from statistics import mean, stdev
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundplatform.finance.frames import FRAMES, MIN_RETURNS, YEARS, base_date
from fundplatform.finance.metrics import fund_metrics
from fundplatform_tests.finance.test_metrics import Prices, series

DAYS = [date(2021, 6, 1) + timedelta(days=i) for i in range(900)]
SESSIONS = [d for d in DAYS if d.weekday() < 5 and d.day != 4]
VALUES = ("total_return", "annualized_return", "volatility", "sharpe", "sortino", "max_drawdown")


def reference(prices: Prices, as_of: date, frame: str, rf: float) -> dict[str, Any]:
    """One frame of one series of positive prices; None marks a break, a new start at 100."""
    nothing = dict.fromkeys(VALUES) | {"n_returns": 0, "base_session": None}
    history: list[tuple[date, float]] = []
    for day, price in prices.items():
        if day > as_of:
            break
        history = [(day, 1.0)] if price is None else [*history, (day, price)]
    later = [s for s in SESSIONS if s > as_of]
    month_end = bool(later) and later[0].month != as_of.month
    wanted = base_date(as_of, frame, month_end)
    if wanted is None:
        wanted = history[0][0]
    elif month_end or frame == "YTD":
        wanted = max((s for s in SESSIONS if s <= wanted), default=wanted)
    before = [day for day, _ in history if day <= wanted]
    if not before or before[-1] == as_of:
        return nothing | {"reason": "insufficient_history"}
    base = before[-1]
    if (wanted - base).days > 7:
        return nothing | {"reason": "stale_base"}
    path = [price for day, price in history if day >= base]
    r = [b / a - 1 for a, b in pairwise(path)]
    total = path[-1] / path[0] - 1
    years = YEARS.get(frame, (as_of - base).days / 365.25 if frame == "ALL" else 0)
    result = nothing | {
        "n_returns": len(r),
        "base_session": base,
        "total_return": total,
        "annualized_return": (1 + total) ** (1 / years) - 1 if years >= 1 else None,
    }
    expected = sum(1 for s in SESSIONS if base < s <= as_of)
    if len(r) < MIN_RETURNS[frame]:
        return result | {"reason": "too_few_returns"}
    if len(r) < 0.9 * expected - 1e-9:
        return result | {"reason": "low_coverage"}
    downside = sqrt(mean(min(x, 0.0) ** 2 for x in r) * 252)
    peaks = list(accumulate(path, max))
    excess = [x - ((1 + rf) ** (1 / 252) - 1) for x in r]
    deviation = stdev(excess)
    flat, rising = deviation < 1e-12, downside < 1e-12
    return result | {
        "volatility": 0.0 if flat else stdev(r) * sqrt(252),
        "sharpe": None if flat else mean(excess) / deviation * sqrt(252),
        "sortino": None if rising else mean(r) * 252 / downside,
        "max_drawdown": min(p / top - 1 for p, top in zip(path, peaks, strict=True)),
        "reason": "zero_variance" if flat else "no_downside" if rising else None,
    }


def prices_of(seed: int, *, start: int, gaps: float, breaks: bool, flat: bool) -> Prices:
    random = Random(seed)  # noqa: S311 - a price path, not a secret
    prices: Prices = {}
    price = 100.0
    hole = random.randrange(len(SESSIONS))
    for number, day in enumerate(SESSIONS[start:]):
        price *= 1.0 if flat else 1 + random.gauss(0.0005, 0.01)
        # A hole of up to nine sessions reaches stale base prices; scattered ones, coverage.
        if random.random() < gaps or (gaps and hole <= number < hole + 9):
            continue
        prices[day] = price
    if breaks and len(prices) > 50:
        # From the break on the series is worth 1.0 and goes on from there.
        days = list(prices)
        at = random.randrange(20, len(days) - 20)
        scale = prices[days[at]] or 1.0
        prices = {d: p / scale if i > at and p else p for i, (d, p) in enumerate(prices.items())}
        prices[days[at]] = None
    return prices


SERIES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**31),
        "start": st.sampled_from([0, 0, 30, 350, 600]),
        "gaps": st.sampled_from([0.0, 0.02, 0.11]),
        "breaks": st.booleans(),
        "flat": st.sampled_from([False, False, False, True]),
    }
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(SERIES, min_size=1, max_size=4),
    st.lists(st.sampled_from(SESSIONS[20:-1]), min_size=1, max_size=4, unique=True),
    st.sampled_from([0.0, 0.05]),
)
def test_every_row_equals_the_reference(
    drawn: list[dict[str, Any]], evaluate: list[date], rf: float
) -> None:
    instruments = [prices_of(**one) for one in drawn]
    arguments: dict[str, Any] = {"periods_per_year": 252, "risk_free_rate": rf}
    found = fund_metrics(series(*instruments), SESSIONS, evaluate, **arguments)
    keys = [
        (number, day, frame)
        for number, prices in enumerate(instruments)
        for day in sorted(evaluate)
        if day in prices
        for frame in FRAMES
    ]
    assert found.select("instrument_id", "session", "frame").rows() == keys
    for row in found.iter_rows(named=True):
        prices = instruments[row["instrument_id"]]
        expected = reference(prices, row["session"], row["frame"], rf)
        where = (row["session"], row["frame"], row, expected)
        for name in ("reason", "n_returns", "base_session"):
            assert row[name] == expected[name], where
        for name in VALUES:
            if expected[name] is None:
                assert row[name] is None, where
            else:
                assert row[name] == pytest.approx(expected[name], rel=1e-9, abs=1e-11), where
    # To the last bit the same, whoever stands beside it: a rerun reports "unchanged".
    alone = fund_metrics(series(instruments[0]), SESSIONS, evaluate, **arguments)
    assert found.filter(pl.col("instrument_id") == 0).equals(alone)
