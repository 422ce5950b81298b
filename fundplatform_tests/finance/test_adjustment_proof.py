"""Our adjusted series against vendors': Yahoo's in the sample, Lean's factor files (slow)."""

import gzip
import importlib.util
import io
import os
import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform.assets.proofs import verdict
from fundplatform.finance.actions import counted
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.adjustment_proof import Proof, against_vendors, compare
from fundplatform.finance.payments import payments
from fundplatform.finance.total_return import total_factors, total_returns
from fundplatform_tests.finance.published_actions import (
    AAPL_DIVIDENDS,
    AAPL_SPLITS,
    MSFT_DIVIDENDS,
    MSFT_SPLITS,
    published,
)

SHARED = Path(
    os.environ.get("FUNDPLATFORM_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared/data")
)
SOURCES = pl.DataFrame({"source_id": [1, 2], "priority": [10, 20]}).cast(
    {"source_id": pl.Int16, "priority": pl.Int32}
)
DAYS = [date(2024, 1, d) for d in (2, 3, 4)]


def series(
    closes: list[float], source: int = 1, adjustment: str = "none", days: list[date] = DAYS
) -> pl.DataFrame:
    return pl.DataFrame(
        {"session": days, "close": closes}, schema={"session": pl.Date, "close": pl.Float64}
    ).with_columns(
        instrument_id=pl.lit(7, pl.Int32),
        source_id=pl.lit(source, pl.Int16),
        adjustment=pl.lit(adjustment),
        volume=pl.lit(None, pl.Float64),
        selected=pl.lit(source == 1),
    )


def proof_of(raw: pl.DataFrame, theirs: pl.DataFrame, actions: pl.DataFrame) -> Proof:
    """What the asset does: actions -> factors, payments -> payment factors, then compare."""
    found = counted(actions, SOURCES).actions
    names = pl.DataFrame(
        {"instrument_id": [7], "asset_class": ["equity"], "market": ["US"], "symbol": ["A"],
         "quote": ["USD"]}
    ).cast({"instrument_id": pl.Int32})  # fmt: skip
    paid = payments(found, names).paid
    factors = split_factors(found)
    both = pl.concat([raw, theirs.select(raw.columns)])
    return against_vendors(both, factors, total_factors(total_returns(raw, factors, paid)), SOURCES)


def test_a_vendor_with_our_actions_agrees_whatever_its_last_day() -> None:
    """Split-adjusted by a later 2:1 too: half of ours throughout, which is the same series."""
    ours = series([100.0, 102.0, 51.0])
    split = published(7, (("2024-01-04", 2),), ())
    got = proof_of(ours, series([25.0, 25.5, 25.5], 2, "split"), split)
    assert (got.series, got.prices, got.largest) == (1, 3, 0.0)
    assert verdict(got).passed


def test_a_split_that_we_lack_is_named_with_its_session() -> None:
    got = proof_of(
        series([100.0, 102.0, 51.0]),
        series([50.0, 51.0, 51.0], 2, "split"),
        published(7, (), (("2023-01-03", 1.0),)),
    )
    (row,) = got.offenders.rows(named=True)
    assert (row["instrument_id"], row["source_id"], row["session"]) == (7, 2, DAYS[1])
    assert row["sessions_off"] == 2
    assert row["deviation"] == pytest.approx(1.0, abs=0.02)
    shown = verdict(got)
    assert not shown.passed
    assert shown.metadata["series off"].value == 1


def test_rounded_prices_are_forgiven_what_rounding_does_and_no_more() -> None:
    """0.42 and 0.43 stand for 0.415 to 0.435."""
    mine = pl.DataFrame(
        {"instrument_id": [7, 7], "session": DAYS[:2], "close": [0.4151, 0.4300]},
        schema={"instrument_id": pl.Int32, "session": pl.Date, "close": pl.Float64},
    )
    theirs = series([0.42, 0.43], 2, "split", DAYS[:2])
    assert compare(mine, theirs).offenders.is_empty()
    wrong = mine.with_columns(pl.Series("close", [0.40, 0.43]))
    assert compare(wrong, theirs).offenders.height == 1
    assert compare(mine.clear(), theirs).series == 0


def sample(ticker: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = importlib.util.find_spec("bokeh_sampledata")
    assert found is not None and found.submodule_search_locations
    file = Path(found.submodule_search_locations[0]) / "_data/stocks.csv.gz"
    rows = pl.read_csv(gzip.decompress(file.read_bytes()), try_parse_dates=True).filter(
        pl.col("Ticker") == ticker
    )
    days = rows["Date"].to_list()
    return (
        series(rows["Close"].to_list(), days=days),
        series(rows["Adj Close"].to_list(), 2, "split_div", days),
    )


@pytest.mark.parametrize(
    ("ticker", "splits", "until"),
    [("AAPL", AAPL_SPLITS, date(2012, 8, 8)), ("MSFT", MSFT_SPLITS, date(2003, 2, 18))],
)
def test_the_splits_of_the_sample_within_a_ten_thousandth_of_yahoo(
    ticker: str, splits: tuple[tuple[str, int], ...], until: date
) -> None:
    """Up to the first dividend; Yahoo's price carries all later ones, which scales it whole."""
    raw, theirs = (f.filter(pl.col("session") <= until) for f in sample(ticker))
    got = proof_of(raw, theirs, published(7, splits, ()))
    assert got.prices == raw.height > 700
    assert got.offenders.is_empty()
    assert got.largest < 2e-7
    assert proof_of(raw, theirs, published(7, splits[1:], ())).offenders.height == 1


@pytest.mark.parametrize(
    ("ticker", "splits", "dividends", "largest"),
    [
        ("AAPL", AAPL_SPLITS, AAPL_DIVIDENDS, 1.7e-4),
        ("MSFT", MSFT_SPLITS, MSFT_DIVIDENDS, 2.0e-3),
    ],
)
def test_yahoos_own_dividends_of_that_time_are_off_and_listed(
    ticker: str,
    splits: tuple[tuple[str, int], ...],
    dividends: tuple[tuple[str, float], ...],
    largest: float,
) -> None:
    """Two of Apple's steps and some of Microsoft's are not 1 - D / P with what was really paid."""
    raw, theirs = sample(ticker)
    got = proof_of(raw, theirs, published(7, splits, dividends))
    assert got.offenders.height == 1
    assert largest * 0.9 < got.largest < largest


@pytest.mark.slow
def test_lean_factor_files_of_apple() -> None:
    """Raw closes x Lean's price and split factors, 1998 to 2021; dividends as Apple paid them."""
    folder = SHARED / "us_stocks/lean_daily"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    with zipfile.ZipFile(folder / "daily/aapl.zip") as archive:
        text = archive.read(archive.namelist()[0])
    rows = pl.read_csv(io.BytesIO(text), has_header=False, new_columns=list("tohlcv")).select(
        session=pl.col("t").str.slice(0, 8).str.to_date("%Y%m%d"),
        close=pl.col("c") / 10_000,
    )
    names = ["to", "price", "split", "reference"]
    factors = pl.read_csv(
        folder / "factor_files/aapl.csv", has_header=False, new_columns=names
    ).select(
        to=pl.col("to").cast(pl.String).str.to_date("%Y%m%d"),
        factor=pl.col("price") * pl.col("split"),
    )
    theirs = rows.join_asof(factors, left_on="session", right_on="to", strategy="forward")
    days = rows["session"].to_list()
    adjusted = (theirs["close"] * theirs["factor"]).to_list()
    got = proof_of(
        series(rows["close"].to_list(), days=days),
        series(adjusted, 2, "split_div", days),
        published(7, AAPL_SPLITS, AAPL_DIVIDENDS),
    )
    assert got.prices == len(days) > 5000
    assert got.offenders.is_empty(), got.offenders
