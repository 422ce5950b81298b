"""What funds held, with every position named as the platform names it (catalog.holdings).

In: rows of raw.holdings, instruments. Out: positions with their instrument where it is known, one
key per security, the sum of the report's weights; and how alike the latest reports are. The
measures of likeness are `overlap.py`'s.
"""

from datetime import timedelta

import polars as pl

from fundplatform import symbols
from fundplatform.errors import ConfigError
from fundplatform.finance import overlap
from fundplatform.tables import OVERLAPS, POSITIONS

VERSION = 1
REPORT = ("source_id", "instrument_id", "as_of", "known_at")
LEAST_OVERLAP = 0.1
"""Pairs less alike are not kept."""
_SLACK = timedelta(days=90)
# Reports further apart say little of whether two funds hold the same.
_APART = timedelta(days=100)
_SHARES = r"(?i)^ec$|equity|stock|fund|etf"
_CLASSES = ("equity", "etf", "fund")


def positions(holdings: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """The positions of every report with `holding_id`, `security` and the report's `weight_sum`.

    Shares are found by ticker and currency among the instruments listed at `as_of` (within 90
    days); an ISIN or CUSIP that stood beside such a ticker in any report finds the same instrument
    where no ticker does, an LEI only where a position has nothing else. What means two instruments
    means none.

    Args:
        holdings: Rows of raw.holdings.
        instruments: catalog.instruments.

    Returns:
        Columns of catalog.holdings without stamps, sorted by its key.
    """
    rows = holdings.with_columns(_code=_isin()).with_row_index("_row")
    rows = rows.join(_by_ticker(rows, instruments), on="_row", how="left")
    share = pl.col("asset_category").is_null() | pl.col("asset_category").str.contains(_SHARES)
    rows = rows.with_columns(by_ticker=pl.when(share).then("by_ticker"))
    nothing = pl.all_horizontal(pl.col("_code", "cusip", "ticker").is_null()) & share
    for name, mark, usable in (
        ("by_isin", "_code", pl.lit(True)),
        ("by_cusip", "cusip", pl.lit(True)),
        ("by_lei", "lei", nothing),
    ):
        known = _unique(rows.select(mark, "by_ticker").drop_nulls(), mark, "by_ticker", name)
        rows = rows.join(known, on=mark, how="left").with_columns(
            pl.when(usable).then(name).alias(name)
        )
    found = {"isin": "by_isin", "cusip": "by_cusip", "ticker": "by_ticker", "lei": "by_lei"}
    matched = pl.coalesce(
        pl.when(pl.col(column).is_not_null()).then(pl.lit(mark)) for mark, column in found.items()
    )
    holding = pl.coalesce(found.values())
    security = pl.coalesce(
        pl.lit("instrument ") + holding.cast(pl.String()),
        "_code",
        pl.lit("CUSIP ") + pl.col("cusip"),
        pl.concat_str(pl.lit("name "), pl.coalesce("name", "title", "ticker").str.to_uppercase()),
        pl.lit("line ") + pl.col("line").cast(pl.String()),
    )
    total = pl.col("weight").sum().over(REPORT)
    return (
        rows.with_columns(holding_id=holding, matched_by=matched, security=security)
        .with_columns(weight_sum=total, complete=total.is_between(*overlap.WEIGHT_SUM))
        .select(pl.col(n).cast(POSITIONS.polars_schema[n]) for n in POSITIONS.column_names
                if n not in POSITIONS.stamps)
        .sort(POSITIONS.key)
    )  # fmt: skip


def alike(held: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Overlap of the latest complete reports of every two funds, not over 100 days apart.

    Args:
        held: As `positions` returns.
        sources: catalog.sources; of two reports of one day the lower priority is taken.

    Returns:
        Columns of catalog.fund_overlaps without stamps: instrument_id < other_id.
    """
    reports = (
        held.filter("complete")
        .select(REPORT)
        .unique()
        .join(sources.select("source_id", "priority"), on="source_id", how="left")
        .sort("as_of", "priority", "known_at", descending=[False, True, False])
        .unique("instrument_id", keep="last", maintain_order=True)
    )
    latest = held.join(reports.select(REPORT), on=list(REPORT), how="semi")
    # Ten digits, so that text sorts as the numbers do.
    fund = pl.col("instrument_id").cast(pl.String()).str.zfill(10)
    pairs = overlap.overlaps(
        latest.select(fund=fund, holding="security", weight="weight").drop_nulls()
    ).filter(pl.col("overlap") >= LEAST_OVERLAP)
    days = reports.select("instrument_id", "as_of")
    return (
        pairs.with_columns(
            instrument_id=pl.col("fund").cast(pl.Int32()), other_id=pl.col("other").cast(pl.Int32())
        )
        .join(days, on="instrument_id")
        .join(days.rename({"instrument_id": "other_id", "as_of": "other_as_of"}), on="other_id")
        .filter((pl.col("as_of") - pl.col("other_as_of")).abs() <= _APART)
        .select(pl.col(n).cast(OVERLAPS.polars_schema[n]) for n in OVERLAPS.column_names
                if n not in OVERLAPS.stamps)
        .sort(OVERLAPS.key)
    )  # fmt: skip


def isin_of(cusip: str) -> str | None:
    """The ISIN of a US security out of its nine-character CUSIP, ISO 6166's check digit added."""
    text = f"US{cusip.upper()}"
    if len(text) != 11 or not text.isalnum() or not text.isascii():
        return None
    digits = "".join(str(int(c, 36)) for c in text)
    doubled = (int(d) * (1 + (n % 2 == 0)) for n, d in enumerate(reversed(digits)))
    return f"{text}{-sum(n // 10 + n % 10 for n in doubled) % 10}"


def _isin() -> pl.Expr:
    """The ISIN as stated, else that of the CUSIP of a US issuer."""
    made = pl.col("cusip").map_elements(isin_of, return_dtype=pl.String())
    american = pl.col("country").is_in(["US", "United States"])
    stated = pl.when(pl.col("isin").str.len_bytes() == 12).then(pl.col("isin").str.to_uppercase())
    return pl.coalesce(stated, pl.when(american).then(made))


def _by_ticker(rows: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """_row, by_ticker: the one instrument listed under ticker and currency on that day."""
    spelled = {t: _canonical(t) for t in rows["ticker"].drop_nulls().unique()}
    listed = instruments.filter(pl.col("asset_class").is_in(_CLASSES)).select(
        "symbol", "quote", "valid_from", "valid_to", by_ticker="instrument_id"
    )
    found = (
        rows.select(
            "_row",
            "as_of",
            symbol=pl.col("ticker").replace_strict(spelled, return_dtype=pl.String()),
            quote=pl.coalesce("currency", "value_currency"),
        )
        .join(listed, on=["symbol", "quote"])
        .filter(
            (pl.col("valid_from") <= pl.col("as_of") + _SLACK)
            & (pl.col("valid_to") >= pl.col("as_of") - _SLACK)
        )
    )
    return _unique(found.select("_row", "by_ticker"), "_row", "by_ticker", "by_ticker")


def _unique(pairs: pl.DataFrame, mark: str, value: str, name: str) -> pl.DataFrame:
    """mark, name: where the mark means one value only."""
    return (
        pairs.unique()
        .group_by(mark)
        .agg(pl.col(value).first().alias(name), _n=pl.len())
        .filter(pl.col("_n") == 1)
        .drop("_n")
    )


def _canonical(ticker: str) -> str | None:
    try:
        return symbols.equity(ticker)
    except ConfigError:
        return None
