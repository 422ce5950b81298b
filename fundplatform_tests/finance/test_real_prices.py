"""Rules and metrics on 619,040 real bars (S&P 500 members, 2013-02..2018-02) with known defects."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform.finance.metrics import fund_metrics
from fundplatform.finance.rules import judge


@pytest.fixture(scope="module")
def prices(shared_data: Path) -> pl.DataFrame:
    path = shared_data / "us_stocks" / "sp500_5yr" / "all_stocks_5yr.csv.gz"
    numbers = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
    return pl.read_csv(path, schema_overrides=numbers).with_columns(
        session=pl.col("date").str.to_date(),
        instrument_id=pl.col("Name").rank("dense").cast(pl.Int32),
    )


def test_the_known_defects_and_no_others(prices: pl.DataFrame) -> None:
    opened = pl.col("session").cast(pl.Datetime("us", "UTC"))
    bars = prices.with_columns(
        source_id=pl.lit(1, pl.Int16),
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        bar_open_at=opened,
        bar_close_at=opened + pl.duration(hours=21),
        vwap=pl.lit(None, pl.Float64),
        trade_count=pl.lit(None, pl.Int64),
        adjustment=pl.lit("split"),
        fetched_at=pl.lit(datetime(2018, 2, 8, tzinfo=UTC)),
        asset_class=pl.lit("equity"),
        is_session=pl.lit(True),
        coverage_start=pl.lit(date(2013, 2, 8)),
        priority=pl.lit(100, pl.Int32),
    )
    judged = judge(bars)
    # Counted in the file with awk: 11 rows without an open (8 of them without high and low), 12
    # with the low above open, high or close, 1 of these with the high below open and close.
    found = dict(judged.rejected["rules"].value_counts().rows())
    assert found == {"V02": 11, "V05": 11, "V04,V05": 1}
    assert judged.validated.height == 619_040 - 23
    assert not judged.gates["held"].any()
    assert judged.gates.height == 1259
    # 2014-05-19: high 23.595 below open and close of 24.445.
    both = judged.rejected.filter(pl.col("rules") == "V04,V05").row(0, named=True)
    assert both["session"] == date(2014, 5, 19)
    assert both["reason"].startswith("high 23.595 < max(open, low, close) 24.445; low 23.85 >")


def test_a_year_of_apple(prices: pl.DataFrame) -> None:
    apple = prices.filter(pl.col("Name") == "AAPL").sort("session")
    returns = apple.with_columns(ret=pl.col("close") / pl.col("close").shift(1) - 1)
    sessions = apple["session"].to_list()
    found = fund_metrics(
        returns, sessions, [date(2018, 1, 31)], periods_per_year=252, risk_free_rate=0.0
    )
    year = found.row(by_predicate=pl.col("frame") == "1Y", named=True)
    # Worked out from the file's closes with awk: base 121.35 on 2017-01-31, end 167.43.
    assert (year["base_session"], year["n_returns"]) == (date(2017, 1, 31), 252)
    assert year["total_return"] == pytest.approx(167.43 / 121.35 - 1, rel=1e-12)
    assert year["annualized_return"] == pytest.approx(0.379728059333, abs=1e-12)
    assert year["volatility"] == pytest.approx(0.186793608186, abs=1e-12)
    assert year["sharpe"] == pytest.approx(1.816628564456, abs=1e-12)
    assert year["sortino"] == pytest.approx(3.024752056096, abs=1e-12)
    assert year["max_drawdown"] == pytest.approx(-0.088597053171, abs=1e-12)
    assert year["reason"] is None
