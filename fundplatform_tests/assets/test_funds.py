"""What the asset of the fund metrics adds to the formulas: each instrument its own calendar."""

from datetime import date, timedelta
from math import sqrt
from statistics import stdev

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.assets.fund_measures import Policy, all_metrics
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
    rows = all_metrics(series, {"price": None}, policy)
    month = rows[tables.METRICS].filter(pl.col("frame") == "1M").sort("instrument_id")
    for row, base, k in zip(
        month.iter_rows(named=True), (date(2024, 2, 28), date(2024, 2, 29)), (365, 252), strict=True
    ):
        number = row["instrument_id"]
        held = [r for d, r in zip(own[number], moves[number], strict=True) if d > base]
        assert (row["base_session"], row["n_returns"]) == (base, len(held))
        assert row["volatility"] == pytest.approx(stdev(held) * sqrt(k))
