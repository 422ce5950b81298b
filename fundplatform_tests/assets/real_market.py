"""Real US markets as the input of indices: 2016 from files of prices and caps, 2024 from snapshots.

In: the shared data. Out: a `Known` for `build_all`. Nothing is expected here.
"""

import gzip
import io
import json
import tarfile
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from fundplatform import tables
from fundplatform.assets.catalog import closes_of
from fundplatform.assets.index_inputs import Known
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.caps import market_caps
from fundplatform.finance.securities import classify

SOURCES = pl.DataFrame(
    {"source_id": [1, 2], "name": ["sp", "py"], "priority": [10, 20], "calendar": ["XNYS"] * 2}
).cast({"source_id": pl.Int16, "priority": pl.Int32})
NO_ACTIONS = tables.CORPORATE_ACTIONS.empty()
_SCREENER = "market_caps/nasdaq_screener"


def of_2016(data: Path) -> tuple[Known, dict[int, str]]:
    """S&P members' split-adjusted bars, pystock's as traded beside them, caps of S&P's list."""
    sp = pl.read_csv(
        data / "us_stocks/sp500_5yr/all_stocks_5yr.csv.gz",
        null_values=[""],
        schema_overrides={"Name": pl.String},
    ).select(
        symbol="Name",
        session=pl.col("date").str.to_date(),
        close="close",
        volume=pl.col("volume").cast(pl.Float64),
        source_id=1,
        adjustment=pl.lit("split"),
    )
    sp = sp.filter(pl.col("session").is_between(date(2015, 11, 2), date(2017, 1, 13)))
    py, named = _pystock(data / "us_stocks/pystock_daily")
    bars = pl.concat([sp, py.select(sp.columns)]).drop_nulls("close")
    bars = bars.with_columns(
        selected=pl.col("source_id") == pl.col("source_id").min().over("symbol", "session")
    )
    # The S&P's list first: its names are those of companies.
    listed = pl.read_parquet(
        data / "market_caps/sp500_financials/constituents_financials_2016.parquet",
        columns=["Symbol", "Name", "Market Cap", "commit_utc"],
    ).with_columns(symbol=pl.col("Symbol").str.replace("-", "."))
    names = pl.concat([listed.select("symbol", name="Name"), named]).unique(
        "symbol", keep="first", maintain_order=True
    )
    caps = listed.select(
        "symbol",
        known_at="commit_utc",
        session=pl.col("commit_utc").dt.convert_time_zone("America/New_York").dt.date(),
        market_cap=pl.col("Market Cap").cast(pl.Float64, strict=False) * 1e9,
    )
    return _known(bars, names.with_columns(country=pl.lit(None, pl.String)), caps, NO_ACTIONS)


def _pystock(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The last publication of each bar, and symbol, name."""
    parts, names = [], []
    for path in sorted(folder.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                held = archive.extractfile(member)
                if held is None or not member.name.endswith(("prices.csv", "symbols.txt")):
                    continue
                text = held.read()
                if member.name.endswith("prices.csv"):
                    parts.append(pl.read_csv(io.BytesIO(text), infer_schema=False))
                else:
                    rows = [line.split("\t") for line in text.decode().splitlines() if line]
                    names += [(r[0], r[1]) for r in rows if len(r) > 1]
    bars = pl.concat(parts).select(
        symbol=pl.col("symbol").str.replace("-", "."),
        session=pl.col("date").str.to_date(),
        close=pl.col("close").cast(pl.Float64),
        volume=pl.col("volume").cast(pl.Float64, strict=False),
        source_id=2,
        adjustment=pl.lit("none"),
    )
    bars = bars.unique(["symbol", "session"], keep="last", maintain_order=True)
    # A decimal close at or below zero is no price; rule V03 refuses it.
    found = pl.DataFrame(names, schema=["symbol", "name"], orient="row").unique(
        "symbol", keep="last", maintain_order=True
    )
    return bars.filter(pl.col("close") > 0), found


def of_2024(data: Path) -> tuple[Known, dict[int, str], pl.DataFrame]:
    """The screener's snapshots of each session: last sale, cap; and its own frame.

    A split shows in the vendor's net change, which is against the price before, adjusted: its ratio
    is last sale of the snapshot before / (last sale - net change).
    """
    own = (
        pl.read_parquet(data / _SCREENER / "us_daily_2024.parquet")
        .rename({"as_of": "session", "lastsale": "close", "snapshot_utc": "known_at"})
        .with_columns(pl.col("symbol").str.replace("/", "."), pl.col("known_at").cast(_INSTANT))
        .filter(pl.col("session").dt.weekday() < 6, pl.col("close") > 0)
        .sort("symbol", "session", "known_at")
        .unique(["symbol", "session"], keep="last", maintain_order=True)
    )
    before = pl.col("close").shift().over("symbol")
    own = own.with_columns(ratio=before / (pl.col("close") - pl.col("netchange")))
    whole = pl.when(pl.col("ratio") > 1).then(pl.col("ratio")).otherwise(1 / pl.col("ratio"))
    is_split = (whole >= 1.9) & ((whole / whole.round() - 1).abs() < 0.01) & whole.is_finite()
    ids = _ids(own["symbol"])
    splits = own.filter(is_split.fill_null(value=False)).select(
        source_id=pl.lit(1, pl.Int16),
        instrument_id=pl.col("symbol").replace_strict(ids, return_dtype=pl.Int32),
        action=pl.lit("split"),
        ex_date="session",
        ratio=pl.when(pl.col("ratio") > 1).then(whole.round()).otherwise(1 / whole.round()),
    )
    bars = own.select(
        "symbol", "session", "close", "volume", source_id=1, adjustment=pl.lit("none"),
        selected=pl.lit(value=True),
    )  # fmt: skip
    known, symbols = _known(bars, _listed(data / _SCREENER / "raw"), own, splits)
    return known, symbols, own


def _listed(folder: Path) -> pl.DataFrame:
    """symbol, name, country of the two snapshots that keep them; the later one goes first."""
    rows = [
        (r["symbol"].replace("/", "."), r["name"], r["country"] or None)
        for day in ("20250101T002437Z", "20240201T001713Z")
        for path in sorted((folder / day).glob("*.json.gz"))
        for r in json.loads(gzip.decompress(path.read_bytes()))
    ]
    frame = pl.DataFrame(rows, schema=["symbol", "name", "country"], orient="row")
    return frame.unique("symbol", keep="first", maintain_order=True)


_INSTANT = pl.Datetime("us", "UTC")


def _ids(symbols: pl.Series) -> dict[str, int]:
    return {s: i + 1 for i, s in enumerate(symbols.unique().sort().to_list())}


def _known(
    bars: pl.DataFrame, names: pl.DataFrame, caps: pl.DataFrame, actions: pl.DataFrame
) -> tuple[Known, dict[int, str]]:
    symbols = pl.concat([bars["symbol"], caps["symbol"]])
    ids = _ids(symbols)
    number = pl.col("symbol").replace_strict(ids, return_dtype=pl.Int32)
    first = bars.group_by("symbol").agg(valid_from=pl.col("session").min())
    instruments = (
        pl.DataFrame({"symbol": list(ids), "instrument_id": list(ids.values())})
        .cast({"instrument_id": pl.Int32})
        .join(first, on="symbol", how="left")
        .join(names.select("symbol", "name"), on="symbol", how="left")
        .with_columns(
            asset_class=pl.lit("equity"), market=pl.lit("US"), quote=pl.lit("USD"),
            valid_from=pl.col("valid_from").fill_null(date(2016, 1, 1)),
        )
        .sort("instrument_id")
    )  # fmt: skip
    profiles = names.filter(pl.col("symbol").is_in(list(ids))).select(
        source_id=pl.lit(1, pl.Int16), instrument_id=number, name="name", country="country",
        cik=pl.lit(None, pl.String),
    )  # fmt: skip
    prices = bars.with_columns(instrument_id=number, interval=pl.lit("1d"), quote=pl.lit("USD"))
    schema = tables.VALIDATED.polars_schema
    prices = prices.select(pl.col(n).cast(schema[n]) for n in PRICE_COLUMNS)
    snapshots = caps.with_columns(
        source_id=pl.lit(1, pl.Int16), instrument_id=number, currency=pl.lit("USD")
    )
    factors = split_factors(actions)
    securities = classify(instruments, profiles)
    closes = closes_of(prices, instruments, SOURCES)
    wanted = ("source_id", "instrument_id", "known_at", "session", "market_cap", "currency")
    trusted = market_caps(
        tables.SHARES.empty(), snapshots.select(wanted), closes, factors, securities
    )
    known = Known(prices, factors, instruments, SOURCES, trusted, securities=securities)
    return known, {i: s for s, i in ids.items()}


def year(n: int) -> tuple[date, date]:
    """First and last day."""
    return date(n, 1, 1), date(n + 1, 1, 1) - timedelta(days=1)
