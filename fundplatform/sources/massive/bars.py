"""Massive's daily bars: the whole market of one day, or one ticker's range -> rows and rejects.

The date is taken from the request (whole day) or from `t` in New York (range), never from `t` in
UTC. Whether the day was asked at the right time is the source's.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import polars as pl

from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import (
    REJECTED,
    Field,
    changed,
    document,
    rejects_of,
    rows_of,
    typed,
)

ZONE = ZoneInfo("America/New_York")
_VALUES = (
    Field("o", "open", "number"),
    Field("h", "high", "number"),
    Field("l", "low", "number"),
    Field("c", "close", "number"),
    Field("v", "volume", "number"),
    Field("vw", "vwap", "number", required=False),
    Field("n", "trade_count", "whole", required=False),
    Field("t", "t", "whole", key=True),
)
_TICKER = Field("T", "vendor_symbol", "text", key=True)
_RAPID_TYPES = {"number": pl.Float64(), "whole": pl.Int64(), "text": pl.String()}


@dataclass(frozen=True)
class Bars:
    """One answer: bars (columns of raw.ohlcv and row_number), rejects (REJECTED), next page.

    Attributes:
        rows: Bars.
        rejected: What could not be read.
        more: Path and parameters of the next page; None: this was the last.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    more: tuple[str, Mapping[str, str]] | None = None


def parse_grouped(body: bytes, session: date, *, adjusted: bool = False) -> Bars:
    """The whole market of one day.

    Args:
        body: The answer.
        session: The day asked for; rows whose `t` is another day in New York are rejected.
        adjusted: What was asked for.

    Raises:
        VendorError: SCHEMA_CHANGED or TRUNCATED.
    """
    head, frame, rejected = _read(body, (_TICKER, *_VALUES), adjusted=adjusted)
    rejected = rejected.with_columns(session=pl.lit(session))
    low, high = _millis(session), _millis(session + timedelta(days=1))
    inside = pl.col("t").is_between(low, high, closed="left")
    rows = frame.with_columns(session=pl.lit(session))
    if not rows.select(inside.all()).item():
        rejected = pl.concat([rejected, _elsewhere(rows.filter(~inside), f"{session}")])
        rows = rows.filter(inside)
    return Bars(_bars(rows, adjusted=adjusted), rejected, next_page(head))


def parse_range(
    body: bytes, ticker: str, first: date, last: date, *, adjusted: bool = False
) -> Bars:
    """One ticker's daily bars.

    Args:
        body: The answer.
        ticker: The ticker asked for.
        first: First day asked for.
        last: Last day asked for; rows outside are rejected.
        adjusted: What was asked for.

    Raises:
        VendorError: SCHEMA_CHANGED (another ticker included) or TRUNCATED.
    """
    head, frame, rejected = _read(body, _VALUES, adjusted=adjusted)
    if head.get("ticker") != ticker:
        raise changed(NAME, "field ticker", f"is {head.get('ticker')!r}, asked was {ticker!r}")
    millis = pl.col("row").str.json_path_match("$.t").cast(pl.Int64(), strict=False)
    rejected = rejected.with_columns(session=new_york(millis))
    rows = frame.with_columns(vendor_symbol=pl.lit(ticker), session=new_york(pl.col("t")))
    inside = pl.col("session").is_between(first, last)
    if not rows.select(inside.all()).item():
        rejected = pl.concat([rejected, _elsewhere(rows.filter(~inside), f"{first}..{last}")])
        rows = rows.filter(inside)
    return Bars(
        _bars(rows, adjusted=adjusted),
        rejected.with_columns(vendor_symbol=pl.lit(ticker)),
        next_page(head),
    )


def new_york(millis: pl.Expr) -> pl.Expr:
    """The New York date of milliseconds since 1970."""
    return (
        pl.from_epoch(millis, "ms")
        .dt.replace_time_zone("UTC")
        .dt.convert_time_zone(ZONE.key)
        .dt.date()
    )


def next_page(head: Mapping[str, object]) -> tuple[str, Mapping[str, str]] | None:
    """Path and parameters of `next_url`, without its host and key: the client adds its own.

    Raises:
        VendorError: SCHEMA_CHANGED: it is no address.
    """
    link = head.get("next_url")
    if link is None or link == "":
        return None
    if not isinstance(link, str) or "/" not in link:
        raise changed(NAME, "field next_url", f"is no address: {link!r}")
    parts = urlsplit(link)
    return parts.path, {n: v for n, v in parse_qsl(parts.query) if n.lower() != "apikey"}


def _read(
    body: bytes, fields: tuple[Field, ...], *, adjusted: bool
) -> tuple[Mapping[str, object], pl.DataFrame, pl.DataFrame]:
    """The answer's head, and its rows as columns; quickly where every row is as documented."""
    rapid = _rapid(body, fields)
    if rapid is None:
        found = document(NAME, body)
        count = found.get("resultsCount")
        # A day without bars has no `results` at all.
        rows = rows_of(NAME, found, "results") if "results" in found or count != 0 else []
        head: Mapping[str, object] = found
        given = len(rows)
        frame, rejected = typed(NAME, rows, fields)
    else:
        head, frame = rapid
        given, rejected = frame.height, REJECTED.to_frame()
    if head.get("adjusted") is not adjusted:
        raise changed(NAME, "field adjusted", f"is {head.get('adjusted')!r}, asked was {adjusted}")
    if head.get("resultsCount") != given:
        raise VendorError(
            NAME,
            Failure.TRUNCATED,
            f"resultsCount is {head.get('resultsCount')!r}, there are {given} rows",
            "Fetch it again",
        )
    return head, frame, rejected


def _rapid(
    body: bytes, fields: tuple[Field, ...]
) -> tuple[Mapping[str, object], pl.DataFrame] | None:
    """Head and rows by polars' own reader; None where anything is not plainly as documented."""
    # polars takes true for the number 1; `adjusted` is the one truth value of a good answer.
    if body.count(b"true") + body.count(b"false") > 1:
        return None
    row = pl.Struct({f.name: _RAPID_TYPES[f.type] for f in fields})
    schema: dict[str, pl.DataType] = {
        "ticker": pl.String(),
        "adjusted": pl.Boolean(),
        "resultsCount": pl.Int64(),
        "next_url": pl.String(),
        "results": pl.List(row),
    }
    try:
        found = pl.read_json(io.BytesIO(body), schema=schema)
    except (pl.exceptions.PolarsError, OverflowError):
        return None
    if found.height != 1 or not found["results"].list.len().item():
        return None
    frame = found["results"].explode().struct.unnest()
    sure = [f.name for f in fields if f.required]
    if frame.select(pl.any_horizontal(pl.col(sure).is_null().any())).item():
        return None
    # It takes the number 5 for the text "5", too; no US ticker begins so, nor is one empty.
    if (
        "T" in frame.columns
        and frame.select(pl.col("T").str.contains(r"^[\s\d.-]|^$").any()).item()
    ):
        return None
    head = found.drop("results").row(0, named=True)
    names = {f.name: f.column for f in fields}
    return head, frame.rename(names).with_row_index("row_number", offset=1)


def _bars(rows: pl.DataFrame, *, adjusted: bool) -> pl.DataFrame:
    return rows.drop("t").with_columns(
        interval=pl.lit("1d"),
        quote=pl.lit("USD"),
        adjustment=pl.lit("split" if adjusted else "none"),
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    )


def _elsewhere(rows: pl.DataFrame, asked: str) -> pl.DataFrame:
    day = new_york(pl.col("t")).cast(pl.String())
    reason = pl.format("t is {} in New York, asked was {}", day, pl.lit(asked))
    return rejects_of(rows.with_columns(session=new_york(pl.col("t"))), "outside_coverage", reason)


def _millis(day: date) -> int:
    return round(datetime.combine(day, time(), ZONE).timestamp() * 1000)
