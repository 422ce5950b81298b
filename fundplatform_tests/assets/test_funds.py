"""What the asset of the fund metrics adds to the formulas: each instrument its own calendar."""

from datetime import date, timedelta
from math import sqrt
from statistics import stdev

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.assets import metric_terms
from fundplatform.assets.fund_measures import Policy, all_metrics
from fundplatform.assets.metric_terms import Span
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.finance.risk_free import RiskFree

FIRST, LAST = date(2024, 1, 2), date(2024, 3, 28)
DAYS = [FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1)]


def test_a_coin_has_365_periods_a_year_beside_a_fund_of_252() -> None:
    """1M at 2024-03-28, the last session of March: the fund's from 02-29, the coin's from 02-28."""
    own = {1: DAYS, 2: calendars.get("XNYS").sessions(FIRST, LAST)}
    moves = {n: [0.01 * (i % 3 - 1) for i in range(len(days))] for n, days in own.items()}
    series = pl.concat(
        pl.DataFrame(
            {"instrument_id": n, "session": days, "ret": [None, *moves[n][1:]],
             "calendar": "24/7" if n == 1 else "XNYS", "return_basis": "price"},
            schema_overrides={"instrument_id": pl.Int32},
        )
        for n, days in own.items()
    )  # fmt: skip
    policy = Policy(LAST, LAST, FIRST, frozenset(), RiskFree(0.0))
    rows = all_metrics(series, [Span(LAST, LAST, {"price": None})], policy)
    month = rows[tables.METRICS].filter(pl.col("frame") == "1M").sort("instrument_id")
    for row, base, k in zip(
        month.iter_rows(named=True), (date(2024, 2, 28), date(2024, 2, 29)), (365, 252), strict=True
    ):
        number = row["instrument_id"]
        held = [r for d, r in zip(own[number], moves[number], strict=True) if d > base]
        assert (row["base_session"], row["n_returns"]) == (base, len(held))
        assert row["volatility"] == pytest.approx(stdev(held) * sqrt(k))


def test_a_day_is_measured_against_the_first_benchmark_that_has_prices_by_then() -> None:
    """SPY begins on 1 March: before, the index stands in, also where one run has both days."""
    fund, index, spy = 1, 2, 3
    days = calendars.get("XNYS").sessions(date(2024, 1, 2), LAST)
    begin = date(2024, 3, 1)
    series = pl.concat(
        pl.DataFrame(
            {"instrument_id": n, "session": own,
             "ret": [None, *(0.01 * ((i * n) % 5 - 2) for i in range(1, len(own)))],
             "growth": 1.0, "calendar": "XNYS", "return_basis": "price"},
            schema_overrides={"instrument_id": pl.Int32},
        )
        for n, own in ((fund, days), (index, days), (spy, [d for d in days if d >= begin]))
    )  # fmt: skip
    names = pl.DataFrame(
        {"instrument_id": [fund, index, spy], "asset_class": ["etf", "index", "etf"],
         "symbol": ["EFA", "us_top_100_equal", "SPY"], "quote": ["USD"] * 3,
         "valid_to": [LAST] * 3},
        schema_overrides={"instrument_id": pl.Int32},
    )  # fmt: skip

    def risk(first: date, last: date) -> pl.DataFrame:
        known = series.filter(pl.col("session") <= last)
        spans = metric_terms.spans(load_metric_rules(), [known], names, (first, last))
        policy = Policy(first, last, FIRST, frozenset(), RiskFree(0.0))
        found = all_metrics(known, spans, policy)[tables.RISK]
        key = ["instrument_id", "session", "frame"]
        return found.filter(instrument_id=fund).sort(key)

    whole = risk(FIRST, LAST)
    alone = pl.concat(risk(day, day) for day in days)
    assert whole.equals(alone)
    against = dict(whole.select("session", "benchmark_id").unique().iter_rows())
    assert against == {d: spy if d >= begin else index for d in days}
    eve = whole.filter(frame="1M", session=date(2024, 2, 29))
    assert eve["beta"].is_not_null().all()


def test_a_benchmark_is_of_the_same_currency_where_there_is_one() -> None:
    """Bitcoin in euro lasts longer, but moves with the euro too; of tether there is none."""
    listed = [
        (1, "BTC", "USD", LAST), (2, "BTC", "EUR", LAST + timedelta(9)), (3, "ETH", "USD", LAST),
        (4, "ETH", "EUR", LAST), (5, "ETH", "USDT", LAST),
    ]  # fmt: skip
    names = pl.DataFrame(
        listed, ["instrument_id", "symbol", "quote", "valid_to"], orient="row"
    ).cast({"instrument_id": pl.Int32})
    series = names.select(
        "instrument_id", session=pl.lit(FIRST), ret=pl.lit(0.0), return_basis=pl.lit("price")
    )
    found = metric_terms.benchmarks_by_basis(
        load_metric_rules(), [series], names.with_columns(asset_class=pl.lit("crypto")), FIRST
    )["price"]
    assert found is not None
    assert found.of == {1: 1, 2: 2, 3: 1, 4: 2, 5: 2}
    assert set(found.returns["instrument_id"]) == {1, 2}
