"""Every row of funds.risk against a slow, obvious reference on prices; chunks change no bit."""

from datetime import date
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.frames import MIN_RETURNS, base_date
from fundplatform.finance.measured import Terms
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree
from fundplatform_tests.finance.test_metrics import Prices, series
from fundplatform_tests.finance.test_metrics_reference import SERIES, SESSIONS, prices_of

BENCH = 99
VALUES = (
    "calmar", "var_95", "cvar_95", "skewness", "kurtosis", "best_day", "worst_day", "best_month",
    "worst_month", "positive_months", "beta", "alpha", "tracking_error", "information_ratio",
    "up_capture", "down_capture",
)  # fmt: skip
DATES = ("peak_session", "trough_session", "recovery_session")
ENDS = [a for a, b in pairwise(SESSIONS) if a.month != b.month]
STEADY = {"seed": 1, "start": 0, "gaps": 0.0, "breaks": False, "flat": False}


def path(prices: Prices, as_of: date) -> list[tuple[date, float]]:
    """The unbroken prices up to a session."""
    found: list[tuple[date, float]] = []
    for day, price in prices.items():
        if day <= as_of:
            found = [(day, 1.0)] if price is None else [*found, (day, price)]
    return found


def month_returns(prices: Prices, window: date, as_of: date) -> dict[date, float]:
    held = path(prices, as_of)
    found = {}
    for before, end in pairwise(e for e in ENDS if e <= as_of):
        begin = [p for d, p in held if d <= before]
        inside = [p for d, p in held if before < d <= end]
        if before >= window and begin and inside:
            found[end] = inside[-1] / begin[-1] - 1
    return found


def growth(returns: list[float]) -> float:
    return float(np.prod([1 + r for r in returns])) ** (1 / len(returns)) - 1


def capture(pairs: list[tuple[float, float]]) -> tuple[float | None, float | None]:
    sides = []
    for up in (True, False):
        chosen = [p for p in pairs if (p[1] > 0 if up else p[1] < 0)]
        sides.append(
            growth([a for a, _ in chosen]) / growth([b for _, b in chosen]) if chosen else None
        )
    return sides[0], sides[1]


def reference(
    prices: Prices, bench: Prices, row: dict[str, Any], window: date | None, rf: float
) -> dict[str, Any]:
    """The values of one row of funds.risk, given its row of funds.metrics."""
    base, as_of = row["base_session"], row["session"]
    held = [(d, p) for d, p in path(prices, as_of) if d >= base]
    r = {b[0]: b[1] / a[1] - 1 for a, b in pairwise(held)}
    values = list(r.values())
    found: dict[str, Any] = dict.fromkeys((*VALUES, *DATES))
    top, deepest = held[0], 0.0
    for day, price in held:
        top = (day, price) if price >= top[1] else top
        if price / top[1] - 1 < deepest - 1e-13:
            deepest = price / top[1] - 1
            found |= {"peak_session": top[0], "trough_session": day, "top": top[1]}
    if deepest < -1e-12:
        back = [d for d, p in held if d > found["trough_session"] and p >= found["top"] - 1e-9]
        found["recovery_session"] = back[0] if back else None
        if row["annualized_return"] is not None:
            found["calmar"] = row["annualized_return"] / -deepest
    if len(values) >= 100:
        quantile = float(np.percentile(values, 5))
        found["var_95"] = -quantile
        found["cvar_95"] = -float(np.mean([v for v in values if v <= quantile + 1e-15]))
    if np.std(values) > 1e-11:
        found["skewness"] = pd.Series(values).skew()
        found["kurtosis"] = pd.Series(values).kurt()
    found |= {"best_day": max(values), "worst_day": min(values)}
    window = window or held[0][0]
    by_month = month_returns(prices, window, as_of)
    if by_month:
        rates = list(by_month.values())
        found |= {"best_month": max(rates), "worst_month": min(rates)}
        found["positive_months"] = sum(x > 0 for x in rates) / len(rates)
    found["n_months"] = len(by_month)
    return found | against(held, bench, row, rf, (by_month, month_returns(bench, window, as_of)))


def against(
    held: list[tuple[date, float]],
    bench: Prices,
    row: dict[str, Any],
    rf: float,
    months: tuple[dict[date, float], dict[date, float]],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    base, as_of, frame = row["base_session"], row["session"], row["frame"]
    r = {b[0]: (b[1] / a[1] - 1, a[0]) for a, b in pairwise(held)}
    b = {y[0]: (y[1] / x[1] - 1, x[0]) for x, y in pairwise(path(bench, as_of))}
    common = [d for d in r if d in b and b[d][1] == r[d][1]]
    found["n_common"] = len(common)
    if len(common) < max(MIN_RETURNS[frame], 0.9 * len(r)):
        return found | {"benchmark_reason": "too_few_common"}
    rate = (1 + rf) ** (1 / 252) - 1
    own, other = np.array([r[d][0] for d in common]), np.array([b[d][0] for d in common])
    if np.std(other) > 1e-12:
        found["beta"] = np.cov(own, other)[0, 1] / np.var(other, ddof=1)
        found["alpha"] = 252 * ((own - rate).mean() - found["beta"] * (other - rate).mean())
    error = float(np.std(own - other, ddof=1))
    found["tracking_error"] = 0.0 if error < 1e-12 else error * sqrt(252)
    if error > 1e-12:
        found["information_ratio"] = float((own - other).mean()) / error * sqrt(252)
    found["benchmark_reason"] = None if error > 1e-12 else "no_active_risk"
    pairs = list(zip(own.tolist(), other.tolist(), strict=True))
    if frame in ("1Y", "3Y", "5Y", "10Y") or (frame == "ALL" and (as_of - base).days >= 365.25):
        pairs = [(m, months[1][d]) for d, m in months[0].items() if d in months[1]]
    found["up_capture"], found["down_capture"] = capture(pairs)
    return found


def frames_of(drawn: list[dict[str, Any]]) -> list[Prices]:
    return [prices_of(**one) for one in drawn]


def window_of(row: dict[str, Any]) -> date | None:
    """The session of the base date: the last session on or before it."""
    wanted = base_date(row["session"], row["frame"], row["session"] in ENDS)
    return None if wanted is None else max(s for s in SESSIONS if s <= wanted)


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.lists(SERIES, min_size=1, max_size=3),
    SERIES,
    st.lists(st.sampled_from(SESSIONS[20:-1]), min_size=1, max_size=3, unique=True),
)
@example([STEADY], STEADY | {"seed": 2, "start": 30}, [SESSIONS[600]])  # A younger benchmark.
def test_every_row_equals_the_reference(
    drawn: list[dict[str, Any]], other: dict[str, Any], evaluate: list[date]
) -> None:
    instruments = frames_of(drawn)
    other |= {"breaks": False}
    bench = prices_of(**other)
    benchmark = series(bench).with_columns(instrument_id=pl.lit(BENCH, pl.Int32))
    terms = Terms(
        252,
        RiskFree(0.05),
        "price",
        Benchmarks({n: BENCH for n in range(len(instruments))}, benchmark),
    )
    found = list(measure(series(*instruments), SESSIONS, evaluate, terms))
    if not found:
        return
    metrics = pl.concat(m for m, _ in found)
    risk = pl.concat(r for _, r in found)
    keys = ["instrument_id", "session", "frame", "return_basis"]
    assert risk.select(keys).equals(metrics.select(keys))
    for row, own in zip(risk.iter_rows(named=True), metrics.iter_rows(named=True), strict=True):
        where = (row, own["reason"])
        if own["volatility"] is None:
            assert row["reason"] == own["reason"], where
            assert [row[n] for n in (*VALUES, *DATES)] == [None] * 19, where
            assert (row["n_months"], row["n_common"]) == (0, 0)
            continue
        expected = reference(instruments[row["instrument_id"]], bench, own, window_of(row), 0.05)
        assert row["reason"] == (None if own["n_returns"] >= 100 else "too_few_for_tails"), where
        for name in (*DATES, "n_months", "n_common", "benchmark_reason"):
            assert row[name] == expected[name], (name, expected, where)
        for name in VALUES:
            if expected[name] is None:
                assert row[name] is None, (name, expected, where)
            else:
                assert row[name] == pytest.approx(expected[name], rel=1e-7, abs=1e-9), (
                    name, expected, where,
                )  # fmt: skip


def test_one_pass_over_years_is_each_session_by_itself_to_the_last_bit() -> None:
    drawn = {"gaps": 0.02, "breaks": False, "flat": False}
    instruments = [prices_of(n, start=30 * n, **drawn) for n in range(4)]  # type: ignore[arg-type]
    benchmark = series(instruments[0]).with_columns(instrument_id=pl.lit(BENCH, pl.Int32))
    terms = Terms(
        252, RiskFree(0.01), "price", Benchmarks({n: BENCH for n in range(1, 4)}, benchmark)
    )
    returns, evaluate = series(*instruments), SESSIONS[300:600]
    whole = list(measure(returns, SESSIONS, evaluate, terms))
    for part in (0, 1):
        together = pl.concat(w[part] for w in whole).sort("instrument_id", "session", "frame")
        alone = pl.concat(
            w[part]
            for day in [*evaluate[::37], evaluate[-1]]
            for w in measure(
                # Neither what comes later nor what is long past moves a bit of it.
                returns.filter(pl.col("session") <= day),
                SESSIONS,
                [day],
                terms,
            )
        ).sort("instrument_id", "session", "frame")
        assert together.join(alone, on=["instrument_id", "session"], how="semi").equals(alone)
        first = whole[0][part].filter(pl.col("instrument_id") == 2)
        single = next(iter(measure(series(*instruments).filter(pl.col("instrument_id") == 2),
                                   SESSIONS, evaluate, terms)))[part]  # fmt: skip
        assert first.equals(single)
