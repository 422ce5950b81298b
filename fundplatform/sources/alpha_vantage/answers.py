"""Alpha Vantage's daily series -> rows and rejects. No requests here."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from fundplatform.sources.alpha_vantage.profile import NAME, SERIES
from fundplatform.sources.web.records import Field, changed, document, typed

# Rows of a compact answer; one that has so many may be the end of a longer history.
COMPACT = 100
_DAY = re.compile(rb'"\d{4}-\d\d-\d\d"\s*:')
_META, _ZONES = "Meta Data", ("US/Eastern", "America/New_York")
_FIELDS = (
    Field("day", "session", "date", key=True),
    Field("1. open", "open", "number"),
    Field("2. high", "high", "number"),
    Field("3. low", "low", "number"),
    Field("4. close", "close", "number"),
    Field("5. volume", "volume", "number"),
)


@dataclass(frozen=True)
class Daily:
    """One stock's bars (columns of raw.ohlcv, row_number), REJECTED, and whether more is lacking.

    Attributes:
        rows: Bars, newest first as the vendor sends them.
        rejected: Rows that could not be read.
        compact: True where the answer is the newest part of a history that may be longer.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    compact: bool


def parse_daily(body: bytes, symbol: str) -> Daily:
    """One stock's daily bars.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field; TRUNCATED.
    """
    found = document(NAME, body)
    meta, series = _object(found, _META), _object(found, SERIES)
    if str(meta.get("2. Symbol", "")).upper() != symbol.upper():
        raise changed(
            NAME, "field 2. Symbol", f"is {meta.get('2. Symbol')!r}, asked was {symbol!r}"
        )
    if meta.get("5. Time Zone") not in _ZONES:
        raise changed(NAME, "field 5. Time Zone", f"is {meta.get('5. Time Zone')!r}")
    rows = [{**v, "day": d} if isinstance(v, dict) else v for d, v in _days(body, series)]
    frame, rejected = typed(NAME, rows, _FIELDS)
    bars = frame.with_columns(
        vendor_symbol=pl.lit(symbol),
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        adjustment=pl.lit("none"),
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    )
    compact = len(rows) == COMPACT or str(meta.get("4. Output Size", "")).lower() == "compact"
    return Daily(
        bars, rejected.with_columns(vendor_symbol=pl.lit(symbol)), compact and len(rows) >= COMPACT
    )


def _days(body: bytes, series: Mapping[str, object]) -> Iterable[tuple[str, object]]:
    """Days and their values; a day that is named twice comes twice, which a dict cannot say."""
    if len(_DAY.findall(body)) == len(series):
        return series.items()
    pairs = dict(json.loads(body, object_pairs_hook=_Pairs))[SERIES]
    return [(day, dict(v) if isinstance(v, _Pairs) else v) for day, v in pairs]


class _Pairs(list[tuple[str, object]]):
    """A JSON object as it is written."""


def _object(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = found.get(name)
    if not isinstance(value, dict):
        raise changed(NAME, f"field {name}", "is missing" if value is None else "is no object")
    return value
