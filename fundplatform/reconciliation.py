"""Our metrics beside those of empyrical-reloaded, quantstats and ffn, each difference explained.

In: daily returns of one frame, its benchmark's, and our values. Out: one row per metric and
library: ours, theirs, and what theirs must be where its convention differs (methodology B4). A
library's answer that is neither is unexplained. The libraries are the dependency group `reconcile`;
nothing else of the platform uses them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from math import isclose, sqrt
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.errors import ConfigError

LIBRARIES = {"empyrical": "empyrical-reloaded", "quantstats": "quantstats", "ffn": "ffn"}
SCHEMA = pl.Schema(
    {
        "metric": pl.String(),
        "library": pl.String(),
        "library_version": pl.String(),
        "ours": pl.Float64(),
        "theirs": pl.Float64(),
        "expected": pl.Float64(),
        "explanation": pl.String(),
        "explained": pl.Boolean(),
    }
)

Floats = NDArray[np.float64]
_SIGNED = "losses are signed: ours are positive"
_BY_COUNT = "years = returns / 252, ours by the calendar"
_BY_DAYS = "years = days / 365.25, ours the frame's name"
_NORMAL = "from a fitted normal distribution and signed, ours historical"
_PER_DAY = "not annualised: ours x 1 / sqrt(252)"


@dataclass(frozen=True)
class Case:
    """One frame of one instrument.

    Attributes:
        days: Sessions; the first is that of the base price.
        returns: One per session but the first, decimals.
        benchmark: The benchmark's on the same sessions; None: no benchmark.
        risk_free_rate: Annual, decimal, constant.
        ours: Column of funds.metrics or funds.risk -> value; NULL ones are left out.
    """

    days: list[date]
    returns: Floats
    benchmark: Floats | None
    risk_free_rate: float
    ours: Mapping[str, float]


@dataclass(frozen=True)
class _Answer:
    """What a library says, and what it must say; `why` is None where both are ours."""

    metric: str
    theirs: float
    expected: float | None = None
    why: str | None = None


def reconciled(case: Case) -> pl.DataFrame:
    """Ask all libraries for all metrics of the case that they have.

    Returns:
        SCHEMA. `explained` is False where theirs is neither ours nor what their convention makes
        of the same returns.

    Raises:
        ConfigError: A library is not installed.
    """
    rows = []
    for library, distribution in LIBRARIES.items():
        version = _version(distribution)
        # Where a ratio has no sound value ours is NULL, and theirs is not looked at.
        with np.errstate(divide="ignore", invalid="ignore"):
            for answer in _ASKED[library](case):
                if (ours := case.ours.get(answer.metric)) is not None:
                    rows.append((answer.metric, library, version, *_judged(answer, ours)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise ConfigError(
            "reconciliation",
            distribution,
            "it is not installed",
            "uv pip install --group reconcile",
        ) from None


def _judged(answer: _Answer, ours: float) -> tuple[float, float, float | None, str | None, bool]:
    if _same(answer.theirs, ours):
        return ours, answer.theirs, None, None, True
    fits = answer.expected is not None and _same(answer.theirs, answer.expected)
    return ours, answer.theirs, answer.expected, answer.why if fits else None, fits


def _same(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=1e-8, abs_tol=1e-11)


class _Facts:
    """What the conventions are computed from, by plain numpy on the case's returns."""

    def __init__(self, case: Case) -> None:
        r = case.returns
        self.r, self.n = r, len(r)
        self.total = float(np.prod(1 + r)) - 1
        self.rate = (1 + case.risk_free_rate) ** (1 / 252) - 1
        self.by_count = (1 + self.total) ** (252 / self.n) - 1
        held = (case.days[-1] - case.days[0]).days
        self.by_days = (1 + self.total) ** (365.25 / held) - 1
        path = np.concatenate([[1.0], np.cumprod(1 + r)])
        self.deepest = (path / np.maximum.accumulate(path) - 1).min()
        self.mean, self.std = float(r.mean()), float(r.std(ddof=1))
        self.quantile = float(np.quantile(r, 0.05))
        self.tail = float(r[r <= self.quantile].mean())


def _empyrical(case: Case) -> Iterator[_Answer]:
    import empyrical as ep

    f = _Facts(case)
    yield _Answer("total_return", ep.cum_returns_final(f.r))
    yield _Answer("annualized_return", ep.annual_return(f.r), f.by_count, _BY_COUNT)
    yield _Answer("volatility", ep.annual_volatility(f.r))
    # Its risk-free rate is per period: an annual one would be subtracted from each day.
    yield _Answer("sharpe", ep.sharpe_ratio(f.r, risk_free=f.rate))
    yield _Answer("sortino", ep.sortino_ratio(f.r))
    yield _Answer("max_drawdown", ep.max_drawdown(f.r))
    yield _Answer("calmar", ep.calmar_ratio(f.r), f.by_count / -f.deepest, _BY_COUNT)
    yield _Answer("var_95", ep.value_at_risk(f.r), f.quantile, _SIGNED)
    lowest = np.sort(f.r)[: int((f.n - 1) * 0.05) + 1].mean()
    yield _Answer("cvar_95", ep.conditional_value_at_risk(f.r), float(lowest), _SIGNED)
    if case.benchmark is not None:
        yield from _empyrical_pair(ep, case, f, case.benchmark)


def _empyrical_pair(ep: Any, case: Case, f: _Facts, b: Floats) -> Iterator[_Answer]:  # noqa: ANN401
    beta = _beta(f.r, b)
    daily = (f.mean - f.rate) - beta * (float(b.mean()) - f.rate)
    yield _Answer("beta", ep.beta(f.r, b, f.rate))
    yield _Answer(
        "alpha", ep.alpha(f.r, b, f.rate), (1 + daily) ** 252 - 1, "compounded: (1 + mean)^252 - 1"
    )
    active = f.r - b
    per_day = float(active.mean() / active.std(ddof=1))
    yield _Answer("information_ratio", ep.excess_sharpe(f.r, b), per_day, _PER_DAY)
    for name, ask, side in (
        ("up_capture", ep.up_capture, b > 0),
        ("down_capture", ep.down_capture, b < 0),
    ):
        own, other = (float(np.prod(1 + x[side])) ** (252 / side.sum()) - 1 for x in (f.r, b))
        yield _Answer(
            name, ask(f.r, b), own / other, "ratio of annualised returns of such days, not of means"
        )


def _quantstats(case: Case) -> Iterator[_Answer]:
    import pandas as pd
    import quantstats.stats as qs

    f = _Facts(case)
    index = pd.DatetimeIndex(case.days[1:])
    r = pd.Series(f.r, index=index)
    # It takes returns for prices where none is below 0 and one above 1.
    as_returns: dict[str, Any] = {"prepare_returns": False}
    yield _Answer("total_return", qs.comp(r))
    yield _Answer("annualized_return", qs.cagr(r, periods=252), f.by_count, _BY_COUNT)
    yield _Answer("volatility", qs.volatility(r, periods=252, **as_returns))
    yield _Answer("sharpe", qs.sharpe(r, rf=case.risk_free_rate, periods=252))
    yield _Answer("sortino", qs.sortino(r, periods=252))
    yield _Answer("max_drawdown", qs.max_drawdown(r))
    # Of a fund that never fell it divides by zero.
    if f.deepest < 0:
        yield _Answer("calmar", qs.calmar(r, **as_returns), f.by_count / -f.deepest, _BY_COUNT)
    low = -1.6448536269514722  # 5 % of a normal distribution lies below.
    yield _Answer("var_95", qs.value_at_risk(r, **as_returns), f.mean + low * f.std, _NORMAL)
    density = float(np.exp(-(low**2) / 2) / sqrt(2 * np.pi))
    shortfall = f.mean - f.std * density / 0.05
    yield _Answer("cvar_95", qs.cvar(r, **as_returns), shortfall, _NORMAL)
    yield _Answer("skewness", qs.skew(r, **as_returns))
    yield _Answer("kurtosis", qs.kurtosis(r, **as_returns))
    yield _Answer("best_day", qs.best(r, **as_returns))
    yield _Answer("worst_day", qs.worst(r, **as_returns))
    if case.benchmark is not None:
        b = case.benchmark
        greeks = qs.greeks(r, pd.Series(b, index=index), 252, **as_returns)
        beta = _beta(f.r, b)
        plain = 252 * (f.mean - beta * float(b.mean()))
        yield _Answer("beta", greeks["beta"])
        yield _Answer("alpha", greeks["alpha"], plain, "of returns, not of excess returns")
        active = f.r - b
        per_day = float(active.mean() / active.std(ddof=1))
        ratio = qs.information_ratio(r, pd.Series(b, index=index), **as_returns)
        yield _Answer("information_ratio", ratio, per_day, _PER_DAY)


def _ffn(case: Case) -> Iterator[_Answer]:
    import ffn
    import pandas as pd

    f = _Facts(case)
    index = pd.DatetimeIndex(case.days)
    path = pd.Series(np.concatenate([[1.0], np.cumprod(1 + f.r)]), index=index)
    r = pd.Series(f.r, index=index[1:])
    yield _Answer("total_return", ffn.calc_total_return(path))
    yield _Answer("annualized_return", ffn.calc_cagr(path), f.by_days, _BY_DAYS)
    yield _Answer("volatility", float(r.std()) * sqrt(252))
    yield _Answer("sharpe", ffn.calc_sharpe(r, rf=case.risk_free_rate, nperiods=252))
    yield _Answer("sortino", ffn.calc_sortino_ratio(r, rf=0.0, nperiods=252))
    yield _Answer("max_drawdown", ffn.calc_max_drawdown(path))
    yield _Answer("calmar", ffn.calc_calmar_ratio(path), f.by_days / -f.deepest, _BY_DAYS)


def _beta(own: Floats, other: Floats) -> float:
    return float(np.cov(own, other)[0, 1] / other.var(ddof=1))


_ASKED: Mapping[str, Callable[[Case], Iterator[_Answer]]] = {
    "empyrical": _empyrical,
    "quantstats": _quantstats,
    "ffn": _ffn,
}
