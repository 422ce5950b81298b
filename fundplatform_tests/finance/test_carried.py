"""A day that goes on from what was kept before the cut equals the day computed of everything."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform import calendars
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.carried import SCHEMA
from fundplatform.finance.cuts import cut_of
from fundplatform.finance.measured import Terms
from fundplatform.finance.metrics import measure, measure_behind
from fundplatform.finance.risk_free import RiskFree

SESSIONS = calendars.get("XNYS").sessions(date(2003, 1, 1), date(2026, 1, 31))
CUT = date(2014, 12, 15)
BENCH = 900
Frames = tuple[pl.DataFrame, pl.DataFrame]


@pytest.mark.parametrize(
    ("day", "cut"),
    [
        # Fortnights are counted from Monday 1969-12-29: 2243, 2295, 2399 and 2556 weeks before.
        (date(2023, 1, 1), date(2012, 12, 17)),
        (date(2024, 12, 31), date(2013, 12, 16)),
        (date(2026, 1, 31), date(2015, 12, 14)),
        (date(2029, 7, 4), date(2018, 12, 24)),  # A Monday itself.
    ],
)
def test_the_cut_begins_the_fortnight_of_christmas_eve_eleven_years_before(
    day: date, cut: date
) -> None:
    assert cut_of(day) == cut
    assert cut.weekday() == 0
    assert date(day.year - 10, 1, 1) - cut > timedelta(days=7), "a base price a week old is behind"


def walk(
    number: int,
    first: date = SESSIONS[0],
    last: date = SESSIONS[-1],
    *,
    gaps: float = 0.0,
    flat: float = 0.0,
    drift: float = 0.0002,
    falls: Sequence[date] = (),
    broken: Sequence[date] = (),
) -> pl.DataFrame:
    """A random walk: some sessions without a bar, some without a move, halved on `falls`."""
    dice = np.random.default_rng(number)
    days = [s for s in SESSIONS if first <= s <= last]
    ret = dice.normal(drift, 0.012, len(days))
    ret[dice.random(len(days)) < flat] = 0.0
    rows = pl.DataFrame({"session": days, "ret": ret}).with_columns(
        instrument_id=pl.lit(number, pl.Int32),
        ret=pl.when(pl.col("session").is_in(falls)).then(-0.5).otherwise("ret"),
    )
    rows = rows.filter(pl.Series(dice.random(len(days)) >= gaps) | pl.col("session").is_in(falls))
    start = pl.col("session").is_in(broken) | (pl.int_range(pl.len()) == 0)
    return rows.select("instrument_id", "session", ret=pl.when(~start).then("ret"))


def near(day: date, ahead: int = 0) -> date:
    """The session on or before a day, or so many after it."""
    return SESSIONS[max(n for n, s in enumerate(SESSIONS) if s <= day) + ahead]


BEFORE = near(CUT - timedelta(days=1))
SERIES = (
    walk(1),
    walk(2, gaps=0.04),
    walk(3, flat=0.97),
    walk(4, drift=0.003, falls=[date(2008, 9, 15)]),  # Made good before the cut.
    walk(5, falls=[date(2014, 6, 3)]),  # Made good behind it, or never.
    walk(6, falls=[BEFORE, near(CUT)]),
    walk(7, drift=-0.002),
    walk(8, first=date(2014, 10, 1)),
    walk(9, first=BEFORE),
    walk(10, first=near(CUT)),
    walk(11, first=date(2019, 3, 1), gaps=0.02),
    walk(12, broken=[date(2009, 5, 4)]),
    walk(13, broken=[date(2013, 12, 2), date(2021, 3, 1)]),
    walk(14, broken=[near(CUT)]),
    walk(15, last=date(2012, 1, 5)),
    walk(16, last=date(2025, 3, 14)),
    walk(17).filter(~pl.col("session").is_between(date(2014, 12, 9), date(2015, 1, 14))),
    # Below zero before the cut, and above it again.
    walk(18)
    .with_columns(ret=pl.when(session=date(2010, 4, 20)).then(-3.0).otherwise("ret"))
    .with_columns(ret=pl.when(session=date(2010, 4, 27)).then(-2.0).otherwise("ret")),
    walk(19, drift=0.004, falls=[date(2014, 11, 3)]),
    walk(20, gaps=0.3),
    # The deepest fall is from the last peak before the cut, not from that of the fall before.
    walk(21, drift=0.003, falls=[date(2008, 9, 15), near(CUT), near(CUT, 1)]),
)
OLD = walk(BENCH, gaps=0.01)
YOUNG = walk(BENCH, first=date(2012, 5, 1), broken=[date(2016, 2, 1)])
RATES = pl.DataFrame(
    {
        "known_on": pl.date_range(date(2003, 1, 2), date(2025, 12, 1), "1mo", eager=True),
        "rate": np.linspace(0.0, 0.05, 275),
    }
)


def terms(benchmark: pl.DataFrame | None, rates: pl.DataFrame | None) -> Terms:
    against = None
    if benchmark is not None:
        against = Benchmarks({n: BENCH for n in range(2, 22)}, benchmark)
    return Terms(252, RiskFree(0.02, () if rates is None else (rates,)), "price", against)


def whole(returns: pl.DataFrame, days: list[date], by: Terms) -> tuple[Frames, pl.DataFrame]:
    """Metrics, risk and what is kept, of everything."""
    kept = [SCHEMA.to_frame()]
    parts = list(measure(returns, SESSIONS, days, by, keep=kept.append))
    return together(parts), pl.concat(kept)


def together(parts: Sequence[Frames]) -> Frames:
    key = ["instrument_id", "session", "frame"]
    metrics, risk = (pl.concat(p).sort(key) for p in zip(*parts, strict=True))
    return metrics, risk


def gone_on(rows: pl.DataFrame, day: date, by: Terms) -> Frames:
    """The metrics of a day: of instruments with a row from the cut on, of the others whole."""
    has_row = pl.col("instrument_id").is_in(rows["instrument_id"].implode())
    returns = pl.concat(SERIES).filter(pl.col("session") <= day)
    # Of what lies before the cut only the end is there to be read.
    late = returns.filter(has_row, pl.col("session") >= CUT - timedelta(days=60))
    return together(
        [
            *measure_behind(late, rows, SESSIONS, [day], by),
            *measure(returns.filter(~has_row), SESSIONS, [day], by),
        ]
    )


@pytest.mark.parametrize(
    ("benchmark", "rates"),
    [(None, None), (OLD, RATES), (YOUNG, None)],
    ids=["alone", "old_benchmark_and_rates_by_date", "young_benchmark"],
)
def test_a_day_goes_on_to_the_last_bit(
    benchmark: pl.DataFrame | None, rates: pl.DataFrame | None
) -> None:
    by = terms(benchmark, rates)
    returns = pl.concat(SERIES)
    _, rows = whole(returns, [date(2025, 1, 2)], by)
    latest = rows.sort("start_session").unique("instrument_id", keep="last", maintain_order=True)
    assert sorted(latest["instrument_id"]) == [n for n in range(1, 22) if n not in (10, 11)]
    for day in (date(2025, 1, 2), date(2025, 1, 31), date(2025, 12, 17)):
        expected, _ = whole(returns, [day], by)
        found = gone_on(latest, day, by)
        for one, other in zip(found, expected, strict=True):
            assert_frame_equal(one, other, check_exact=True)
        sound = found[1].filter(pl.col("frame") == "ALL", pl.col("reason").is_null())
        assert sound.height >= 12, "something is compared"


@pytest.mark.parametrize("number", [1, 4, 5, 7, 11, 21])
def test_all_is_put_together_of_both_sides_of_the_cut(number: int) -> None:
    """Held against numpy and pandas on all prices at once."""
    day = date(2025, 6, 30)
    own = SERIES[number - 1].filter(pl.col("session") <= day)
    (metrics,), (risk,) = (
        frame.filter(pl.col("frame") == "ALL").to_dicts()
        for frame in whole(own, [day], terms(None, None))[0]
    )
    returns = own["ret"].drop_nulls().to_numpy()
    prices = pd.Series(np.cumprod([1.0, *(1 + returns)]), pd.to_datetime(own["session"].to_list()))
    fall = prices / prices.cummax() - 1
    losses = np.minimum(returns, 0.0)
    excess = returns - (1.02 ** (1 / 252) - 1)
    months = prices.resample("ME").last().pct_change().dropna()
    expected = {
        "n_returns": len(returns),
        "total_return": prices.iloc[-1] - 1,
        "volatility": returns.std(ddof=1) * np.sqrt(252),
        "sharpe": excess.mean() / excess.std(ddof=1) * np.sqrt(252),
        "sortino": returns.mean() * 252 / (np.sqrt((losses**2).mean()) * np.sqrt(252)),
        "max_drawdown": fall.min(),
        "skewness": pd.Series(returns).skew(),
        "kurtosis": pd.Series(returns).kurt(),
        "best_day": returns.max(),
        "worst_day": returns.min(),
        "var_95": -np.quantile(returns, 0.05),
        "cvar_95": -returns[returns <= np.quantile(returns, 0.05)].mean(),
        "n_months": len(months),
        "best_month": months.max(),
        "worst_month": months.min(),
        "positive_months": (months > 0).mean(),
    }
    row = metrics | risk
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    trough = fall.idxmin()
    assert row["trough_session"] == trough.date()
    assert row["peak_session"] == prices[:trough].idxmax().date()
    again = prices[trough:][prices[trough:] >= prices[:trough].max()]
    assert row["recovery_session"] == (again.index[0].date() if len(again) else None)


def test_a_benchmark_without_a_bar_where_a_block_begins_counts_as_beside_an_older_series() -> None:
    """Its price of the week before stands for the month's end, whoever else is measured."""
    first, end, day = date(2019, 3, 28), date(2019, 3, 29), date(2020, 3, 31)
    silent = walk(BENCH).filter(~pl.col("session").is_between(first, end))
    by = terms(silent, None)
    young = walk(2, first=first)
    alone, _ = whole(young, [day], by)
    beside, _ = whole(pl.concat([young, walk(3)]), [day], by)
    for one, other in zip(alone, beside, strict=True):
        assert_frame_equal(one, other.filter(instrument_id=2), check_exact=True)
