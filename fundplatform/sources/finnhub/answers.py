"""Finnhub's candles, quotes and company profiles -> rows and rejects. No requests here.

Dates: a daily candle's `t` is 00:00 UTC of its date; any other second is taken in New York.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform.sources.finnhub.profile import NAME
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import (
    REJECTED,
    Field,
    changed,
    document,
    rejects_of,
    typed,
)

NEW_YORK = "America/New_York"
_PRICES = (
    Field("o", "open", "number"),
    Field("h", "high", "number"),
    Field("l", "low", "number"),
    Field("c", "close", "number"),
)
_TIME = Field("t", "t", "whole", key=True)
_CANDLE = (*_PRICES, Field("v", "volume", "number"), _TIME)
_COMPANY = (
    Field("ticker", "ticker", "text"),
    Field("name", "name", "text", required=False),
    Field("exchange", "exchange", "text", required=False),
    Field("finnhubIndustry", "industry", "text", required=False),
    Field("country", "country", "text", required=False),
    Field("ipo", "ipo", "date", required=False),
    Field("shareOutstanding", "millions", "number", required=False),
)
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Bars:
    """Bars (columns of raw.ohlcv and row_number), and REJECTED."""

    rows: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True)
class Company:
    """A company's profile; `shares` in units, None where it is not given."""

    row: Mapping[str, object]
    shares: float | None


def parse_candles(body: bytes, symbol: str, first: date, last: date) -> Bars:
    """Daily candles, split-adjusted by the vendor.

    Args:
        body: Columns c, h, l, o, t, v of equal length, and `s`: `ok` or `no_data`.
        symbol: The symbol asked for.
        first: First day asked for.
        last: Last day; rows outside are rejected.

    Returns:
        No rows where the vendor says `no_data`.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field; TRUNCATED: columns of unequal length.
    """
    found = document(NAME, body)
    if found.get("s") == "no_data":
        return Bars(_bars(pl.DataFrame(), symbol, "split"), REJECTED.to_frame())
    if found.get("s") != "ok":
        raise changed(NAME, "field s", f"is {found.get('s')!r} instead of ok or no_data")
    frame, rejected = typed(NAME, _rows(found), _CANDLE)
    frame = frame.with_columns(session=_session(pl.col("t")))
    inside = frame["session"].is_between(first, last)
    asked = pl.lit(f"{first}..{last}")
    reason = pl.format("t is {}, asked was {}", pl.col("session").cast(pl.String()), asked)
    outside = rejects_of(frame.filter(~inside), "outside_coverage", reason)
    rejected = pl.concat([rejected, outside]).with_columns(vendor_symbol=pl.lit(symbol))
    return Bars(_bars(frame.filter(inside), symbol, "split"), rejected)


def parse_quote(body: bytes, symbol: str) -> Bars:
    """The newest session's bar, as traded, without volume; unfinished while it is open.

    Returns:
        No row where the vendor does not know the symbol: everything is 0 then.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field.
    """
    found = document(NAME, body)
    if found.get("t") == 0 and found.get("c") == 0:
        return Bars(_bars(pl.DataFrame(), symbol, "none"), REJECTED.to_frame())
    frame, rejected = typed(NAME, [found], (*_PRICES, _TIME))
    frame = frame.with_columns(session=_session(pl.col("t")))
    return Bars(_bars(frame, symbol, "none"), rejected.with_columns(vendor_symbol=pl.lit(symbol)))


def parse_company(body: bytes, symbol: str) -> Company | None:
    """A company's profile; None where the vendor does not know the symbol: an empty object.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field.
    """
    found = document(NAME, body)
    if not found:
        return None
    frame, rejected = typed(NAME, [found], _COMPANY)
    if rejected.height:
        raise changed(NAME, "the profile", f"cannot be read: {rejected['reason'][0]}")
    row = frame.row(0, named=True)
    if row["ticker"] != symbol:
        raise changed(NAME, "field ticker", f"is {row['ticker']!r}, asked was {symbol!r}")
    millions, ipo = row["millions"], row["ipo"]
    kept = {n: row[n] for n in ("name", "exchange", "industry", "country")}
    shares = millions * 1e6 if millions else None
    return Company({**kept, "listed_year": ipo.year if ipo else None}, shares)


def _rows(found: Mapping[str, object]) -> list[object]:
    """The columns as objects."""
    columns: dict[str, list[object]] = {}
    for field in _CANDLE:
        values = found.get(field.name)
        if not isinstance(values, list):
            what = "is missing" if field.name not in found else "is no list"
            raise changed(NAME, f"field {field.name}", what)
        columns[field.name] = values
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise VendorError(
            NAME, Failure.TRUNCATED, f"columns of unequal length: {lengths}", "Fetch it again"
        )
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _session(seconds: pl.Expr) -> pl.Expr:
    at = pl.from_epoch(seconds, "s").dt.replace_time_zone("UTC")
    local = at.dt.convert_time_zone(NEW_YORK).dt.date()
    return pl.when(seconds % _SECONDS_A_DAY == 0).then(at.dt.date()).otherwise(local)


def _bars(rows: pl.DataFrame, symbol: str, adjustment: str) -> pl.DataFrame:
    if rows.is_empty():
        return _EMPTY.to_frame()
    return rows.drop("t").with_columns(
        vendor_symbol=pl.lit(symbol),
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        adjustment=pl.lit(adjustment),
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    )


_EMPTY = pl.Schema({"row_number": pl.Int64(), "vendor_symbol": pl.String(), "session": pl.Date()})
