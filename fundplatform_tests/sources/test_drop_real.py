"""Real vendors' files through a drop folder; skipped where the data is absent.

Counts and rows were read with other tools (the manifest's checks, zcat, head).
"""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform.sources.base import Kind, Source
from fundplatform_tests.sources.contract import Facts, SourceContract
from fundplatform_tests.sources.drops import Drop

SP500 = """
title: S&P 500, five years
description: Kaggle's all_stocks_5yr
adjustment: split
start: 2013-02-08
end: 2018-02-07
columns: {symbol: Name}
"""


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


def put(drop: Drop, file: Path) -> None:
    target = drop.folder / file.name
    shutil.copyfile(file, target)


class TestSp500(SourceContract):
    facts: ClassVar = {
        Kind.OHLCV: Facts(
            rows=619_040,
            first=date(2015, 7, 17),
            last=date(2015, 7, 17),
            count=492,
            # date,open,high,low,close,volume,Name: 2015-07-17,,88.76,88.24,88.72,2056819,DHR
            row={"vendor_symbol": "DHR", "open": None, "high": 88.76, "close": 88.72},
        )
    }

    @pytest.fixture(scope="class")
    def source(  # type: ignore[override]
        self, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> Source:
        drop = Drop(tmp_path_factory.mktemp("sp500")).yaml(SP500)
        put(drop, shared_data / "us_stocks/sp500_5yr/all_stocks_5yr.csv.gz")
        return drop.source()

    def test_tickers(self, source: Source) -> None:
        listings = source.listings(Kind.OHLCV)
        assert listings["symbol"].n_unique() == 505


def test_market_caps_of_2016(drop: Drop, shared_data: Path) -> None:
    drop.yaml(
        "kind: market_caps\nstart: 2016-01-01\nend: 2016-12-31\n"
        "columns: {market_cap: Market Cap}\nunits: {market_cap: 1e9}\n"
        "known_at: {column: commit_utc}\n"
    )
    put(drop, shared_data / "market_caps/sp500_financials/constituents_financials_2016.parquet")
    batch = drop.fetch()
    assert batch.rows.height + batch.rejected.height == 321_048
    assert batch.rows["market_cap"].null_count() == 657
    # 12 dates in UTC, 11 in New York (computed from the timestamps with zoneinfo).
    assert batch.rows["known_at"].dt.date().n_unique() == 12
    assert batch.rows["session"].n_unique() == 11
    first = batch.rows.filter(vendor_symbol="MMM").row(0, named=True)
    assert first["known_at"] == datetime(2016, 2, 23, 15, 18, 46, tzinfo=UTC)
    assert first["market_cap"] == 95.20e9


def test_kraken_bundle(drop: Drop, shared_data: Path) -> None:
    drop.yaml("layout: kraken_ohlcvt\nstart: 2015-08-07\n")
    for name in ("ETHUSD_1440.csv", "ADAUSD_1440.csv", "ETHUSD_60.csv.gz"):
        put(drop, shared_data / "kraken" / name)
    batch = drop.fetch()
    assert batch.rejected.is_empty()
    counted = {
        (symbol, interval): rows
        for symbol, interval, rows in batch.rows.group_by("vendor_symbol", "interval").len().rows()
    }
    assert counted == {("ETHUSD", "1d"): 2058, ("ADAUSD", "1d"): 916, ("ETHUSD", "1h"): 41_688}
    # 1438992000,3.0,3.0,0.15,1.19999,1942.88814725,20
    day = batch.rows.filter(vendor_symbol="ETHUSD", interval="1d", session=date(2015, 8, 8))
    assert day.select("open", "low", "close", "trade_count").row(0) == (3.0, 0.15, 1.19999, 20)
    listed = drop.source().listings(Kind.OHLCV).select("symbol", "quote", "valid_from").rows()
    assert listed == [("ADA", "USD", date(2018, 9, 28)), ("ETH", "USD", date(2015, 8, 7))]


def test_kraken_trades(drop: Drop, shared_data: Path) -> None:
    drop.yaml("layout: kraken_trades\nstart: 2020-01-01\n")
    put(drop, shared_data / "kraken/trades/BCHEUR.csv")
    batch = drop.fetch()
    assert (batch.rows.height, batch.rejected.height) == (148, 0)
    assert batch.rows["trade_id"].to_list() == list(range(1, 149))
    assert batch.rows["traded_at"][0] == datetime(2023, 1, 1, 0, 3, 56, tzinfo=UTC)


def test_stooq_etfs(drop: Drop, shared_data: Path) -> None:
    drop.yaml("asset_class: etf\nadjustment: split_div\nstart: 2005-02-25\nend: 2017-11-10\n")
    put(drop, shared_data / "funds/stooq_etfs/stooq_etfs_100.parquet")
    batch = drop.fetch()
    assert (batch.rows.height, batch.rejected.height) == (252_551, 0)
    assert batch.rows["vendor_symbol"].n_unique() == 100


def test_stooq_text_files(drop: Drop, shared_data: Path) -> None:
    drop.yaml("layout: per_symbol\nadjustment: split_div\nstart: 1970-01-02\n")
    for file in (shared_data / "us_stocks/stooq/raw").iterdir():
        put(drop, file)
    batch = drop.fetch()
    assert (batch.rows.height, batch.rejected["rule"].to_list()) == (8946, ["unreadable_file"])
    assert "sfix.us.txt is empty" in batch.rejected["reason"].item()
    assert drop.source().listings(Kind.OHLCV)["symbol"].to_list() == ["A", "AAP", "ABBV"]
    first = batch.rows.filter(vendor_symbol="a.us").row(0, named=True)
    assert (first["session"], first["open"], first["volume"]) == (
        date(1999, 11, 18),
        30.713,
        66_277_506.0,
    )
