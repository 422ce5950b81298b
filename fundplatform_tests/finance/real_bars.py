"""Real data sets as the rules take them, read from the folder `shared_data`."""

import io
import tarfile
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from fundplatform import calendars
from fundplatform.finance.rules import CONTEXT, Judged
from fundplatform.tables import OHLCV

_NUMBERS = dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64)
_FETCHED = datetime(2027, 1, 1, tzinfo=UTC)


def bars(
    rows: pl.DataFrame, adjustment: str, asset_class: str = "equity", calendar: str = "XNYS"
) -> pl.DataFrame:
    """symbol, session, open, high, low, close, volume as one source's bars, symbol kept."""
    first, last = rows.select(a=pl.col("session").min(), b=pl.col("session").max()).row(0)
    closes = calendars.get(calendar).closes(first, last)
    closes = closes.with_columns(session_number=pl.int_range(pl.len(), dtype=pl.Int64))
    opened = pl.col("session").cast(pl.Datetime("us", "UTC"))
    made = rows.join(closes, on="session", how="left", maintain_order="left").with_columns(
        instrument_id=pl.col("symbol").rank("dense"),
        bar_open_at=opened,
        is_session=pl.col("close_at").is_not_null(),
        bar_close_at="close_at",
        **{n: pl.lit(v) for n, v in _same(adjustment, asset_class).items()},
        volume=pl.col("volume").cast(pl.Float64),
    )
    schema = {n: t for n, t in {**OHLCV.polars_schema, **CONTEXT}.items() if n in made.columns}
    return made.with_columns(pl.col(n).cast(t) for n, t in schema.items())


def _same(adjustment: str, asset_class: str) -> dict[str, object]:
    return {
        "source_id": 1, "interval": "1d", "quote": "USD", "vwap": None, "trade_count": None,
        "adjustment": adjustment, "fetched_at": _FETCHED, "asset_class": asset_class,
        "coverage_start": None, "priority": 1,
    }  # fmt: skip


def sp500(data: Path) -> pl.DataFrame:
    """Split-adjusted, 2013 to 2018."""
    path = data / "us_stocks" / "sp500_5yr" / "all_stocks_5yr.csv.gz"
    rows = pl.read_csv(path, schema_overrides=_NUMBERS, null_values=[""])
    return bars(
        rows.with_columns(session=pl.col("date").str.to_date()).rename({"Name": "symbol"}), "split"
    )


def stooq(path: Path, asset_class: str) -> pl.DataFrame:
    """Adjusted for splits and dividends."""
    rows = pl.read_parquet(path).rename({"ticker": "symbol", "date": "session"})
    return bars(rows, "split_div", asset_class)


def stocks(data: Path) -> pl.DataFrame:
    """Stooq, half of the S&P 500, since 1970."""
    return stooq(data / "us_stocks" / "stooq" / "stooq_sp500_half_long.parquet", "equity")


def etfs(data: Path) -> pl.DataFrame:
    """Stooq, 100 ETFs."""
    return stooq(data / "funds" / "stooq_etfs" / "stooq_etfs_100.parquet", "etf")


def pystock(data: Path) -> pl.DataFrame:
    """The whole US market as traded, 70 days of 2016; the last publication of each bar."""
    parts = []
    for path in sorted((data / "us_stocks" / "pystock_daily").glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            member = archive.extractfile("prices.csv")
            assert member
            table = pl.read_csv(io.BytesIO(member.read()), schema_overrides=_NUMBERS)
        parts.append(table.with_columns(pl.col("date").str.to_date()))
    rows = pl.concat(parts, how="diagonal_relaxed").rename({"date": "session"})
    return bars(rows.unique(["symbol", "session"], keep="last", maintain_order=True), "none")


def lean(data: Path) -> pl.DataFrame:
    """Ten shares as traded, 1998 to 2021."""
    parts = []
    names = ["time", "open", "high", "low", "close", "volume"]
    for path in sorted((data / "us_stocks" / "lean_daily" / "daily").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            text = archive.read(archive.namelist()[0])
        table = pl.read_csv(io.BytesIO(text), has_header=False, new_columns=names)
        prices = [pl.col(n) / 10_000 for n in names[1:5]]
        day = pl.col("time").str.slice(0, 8).str.to_date("%Y%m%d")
        parts.append(table.with_columns(*prices, session=day, symbol=pl.lit(path.stem)))
    return bars(pl.concat(parts), "none")


def kraken(path: Path) -> pl.DataFrame:
    """A daily file of Kraken's dump: unix seconds, o, h, l, c, volume, trades."""
    names = ["time", "open", "high", "low", "close", "volume", "trades"]
    rows = pl.read_csv(path, has_header=False, new_columns=names, schema_overrides=_NUMBERS)
    day = pl.from_epoch("time").dt.date()
    return bars(rows.with_columns(session=day, symbol=pl.lit(path.stem)), "none", "crypto", "24/7")


def wti(data: Path) -> pl.DataFrame:
    """FRED's daily spot price of crude oil: one value a day."""
    rows = pl.read_csv(data / "commodities" / "wti-daily.csv").with_columns(
        session=pl.col("Date").str.to_date(), symbol=pl.lit("WTI"), volume=None
    )
    price = pl.col("Price").cast(pl.Float64)
    rows = rows.with_columns(open=price, high=price, low=price, close=price)
    return bars(rows, "none", "commodity", "24/5")


def counts(judged: Judged) -> tuple[dict[str, int], dict[str, int]]:
    """Rule id to rows refused, and to rows marked."""
    refused = judged.rejected["rules"].str.split(",").explode(empty_as_null=False)
    marked = judged.validated["warnings"].drop_nulls().str.split(",").explode(empty_as_null=False)
    return tuple(dict(sorted(s.value_counts().rows())) for s in (refused, marked))  # type: ignore[return-value]


def at(judged: Judged, made: pl.DataFrame, symbol: str, session: date) -> str:
    """`rejected V..`, the warnings, or an empty text: what became of one bar."""
    number = made.filter(pl.col("symbol") == symbol)["instrument_id"][0]
    own = (pl.col("instrument_id") == number) & (pl.col("session") == session)
    for row in judged.rejected.filter(own).iter_rows(named=True):
        return f"rejected {row['rules']}"
    return str(judged.validated.filter(own)["warnings"].item() or "")
