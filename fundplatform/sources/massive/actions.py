"""Massive's splits, dividends and delistings -> rows of raw.corporate_actions, and rejects.

Asking for them is the source's. No answer names an hour: what a New York day announces is known
when that day has ended, and an action without announcement when its ex-date begins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform import calendars
from fundplatform.sources.massive.bars import ZONE, next_page
from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.web.records import Field, document, rejects_of, rows_of, typed

_SPLIT = (
    Field("ticker", "vendor_symbol", "text", key=True),
    Field("execution_date", "ex_date", "date", key=True),
    Field("split_from", "old", "number"),
    Field("split_to", "new", "number"),
)
_DIVIDEND = (
    Field("ticker", "vendor_symbol", "text", key=True),
    Field("ex_dividend_date", "ex_date", "date", key=True),
    Field("cash_amount", "amount", "number"),
    Field("currency", "currency", "text", required=False),
    Field("declaration_date", "declared", "date", required=False),
    # The newer endpoint says distribution_type, the older dividend_type.
    Field("distribution_type", "sort", "text", required=False),
    Field("dividend_type", "older_sort", "text", required=False),
)
_TICKER = (
    Field("ticker", "vendor_symbol", "text", key=True),
    Field("name", "name", "text", required=False),
    Field("delisted_utc", "delisted", "date", required=False),
)
# One-time payments; SC is the older endpoint's special cash.
_SPECIAL = ("special", "SC")


@dataclass(frozen=True)
class Page:
    """One answer: rows (with row_number), rejects (REJECTED), the next page (None: the last)."""

    rows: pl.DataFrame
    rejected: pl.DataFrame
    more: tuple[str, Mapping[str, str]] | None


def parse_splits(body: bytes) -> Page:
    """Splits and stock dividends, both as action `split` with ratio = split_to / split_from.

    The vendor states no announcement: known when the ex-date begins. A count that is not positive
    rejects the row.

    Raises:
        VendorError: SCHEMA_CHANGED or TRUNCATED.
    """
    head, frame, rejected = _read(body, _SPLIT)
    sound = (pl.col("old") > 0) & (pl.col("new") > 0)
    bad = frame.filter(~sound.fill_null(False))
    reason = pl.format("split from {} to {} is no ratio", *_texts("old", "new"))
    rows = frame.filter(sound).select(
        "row_number",
        "vendor_symbol",
        "ex_date",
        action=pl.lit("split"),
        ratio=pl.col("new") / pl.col("old"),
        known_at=day_start(pl.col("ex_date")),
        reference=pl.lit("massive.com stocks/v1/splits"),
    )
    return Page(rows, pl.concat([rejected, _refused(bad, reason)]), next_page(head))


def parse_dividends(body: bytes) -> Page:
    """Cash dividends per share; recurring, supplemental and others as `dividend`.

    An amount below zero or none at all rejects the row. A missing currency stays NULL. The column
    `sort` is the vendor's type of payment, for `united`.

    Raises:
        VendorError: SCHEMA_CHANGED or TRUNCATED.
    """
    head, frame, rejected = _read(body, _DIVIDEND)
    sound = pl.col("amount") >= 0
    bad = frame.filter(~sound.fill_null(False))
    reason = pl.format("cash_amount {} is no dividend", *_texts("amount"))
    sort = pl.coalesce("sort", "older_sort")
    rows = frame.filter(sound).select(
        "row_number",
        "vendor_symbol",
        "ex_date",
        action=pl.when(sort.is_in(_SPECIAL))
        .then(pl.lit("special_dividend"))
        .otherwise(pl.lit("dividend")),
        ratio=pl.lit(None, pl.Float64()),
        amount=pl.col("amount"),
        currency=pl.col("currency").str.to_uppercase(),
        known_at=pl.coalesce(day_end(pl.col("declared")), day_start(pl.col("ex_date"))),
        reference=pl.lit("massive.com stocks/v1/dividends"),
        sort=sort,
    )
    return Page(rows, pl.concat([rejected, _refused(bad, reason)]), next_page(head))


def parse_delisted(body: bytes) -> Page:
    """Tickers that ceased to trade, as action `delisting`, with `name` and `listed_to`.

    `delisted_utc` is the last day of trading; the ex-date is the session after it. Known at the
    end of that last day: nothing earlier is stated. Tickers without the date have no row.

    Raises:
        VendorError: SCHEMA_CHANGED or TRUNCATED.
    """
    head, frame, rejected = _read(body, _TICKER)
    gone = frame.filter(pl.col("delisted").is_not_null())
    after = {day: _session_after(day) for day in gone["delisted"].unique()}
    rows = gone.select(
        "row_number",
        "vendor_symbol",
        "name",
        listed_to=pl.col("delisted"),
        ex_date=pl.col("delisted").replace_strict(after, return_dtype=pl.Date()),
        action=pl.lit("delisting"),
        known_at=day_end(pl.col("delisted")),
        reference=pl.lit("massive.com v3/reference/tickers"),
    )
    return Page(rows, rejected, next_page(head))


def day_start(day: pl.Expr) -> pl.Expr:
    """00:00 of a New York day, as an instant (UTC)."""
    midnight = day.cast(pl.Datetime("us")).dt.replace_time_zone(ZONE.key)
    return midnight.dt.convert_time_zone("UTC")


def day_end(day: pl.Expr) -> pl.Expr:
    """24:00 of a New York day, as an instant (UTC)."""
    return day_start(day.dt.offset_by("1d"))


def united(rows: pl.DataFrame) -> pl.DataFrame:
    """Payments of different sorts on one ex-date (income and gains) as one row, summed.

    A holder gets both, and `raw.corporate_actions` has one row per action and ex-date. Rows of one
    sort stay apart: equal ones are one fact told twice, different ones a contradiction.

    Args:
        rows: Dividends of all pages, with `sort` and `page`; the sum stands at the first of them.
    """
    key = ["vendor_symbol", "action", "ex_date", "currency"]
    alone = pl.len().over([*key, "sort"]) == 1
    several = (pl.col("sort").n_unique().over(key) > 1) & alone.all().over(key)
    mixed = rows.filter(several)
    summed = mixed.group_by(key, maintain_order=True).agg(
        pl.col("page", "row_number", "ratio", "reference").first(),
        pl.col("amount").sum(),
        pl.col("known_at").max(),
    )
    names = [n for n in rows.columns if n != "sort"]
    return pl.concat([rows.filter(~several).select(names), summed.select(names)])


def _session_after(day: date) -> date:
    return calendars.get("XNYS").next_session(day)


def _read(
    body: bytes, fields: tuple[Field, ...]
) -> tuple[Mapping[str, object], pl.DataFrame, pl.DataFrame]:
    head = document(NAME, body)
    frame, rejected = typed(NAME, rows_of(NAME, head, "results"), fields)
    return head, frame, rejected


def _texts(*names: str) -> list[pl.Expr]:
    return [pl.col(n).cast(pl.String()).fill_null("null") for n in names]


def _refused(rows: pl.DataFrame, reason: pl.Expr) -> pl.DataFrame:
    return rejects_of(rows, "unparseable", reason)
