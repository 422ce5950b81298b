"""What funds held, with every position named as the platform names it (catalog.holdings).

In: rows of raw.holdings, instruments. Out: positions with their instrument where it is known, one
key per security, the sum of the report's weights; and how alike the latest reports are. The
measures of likeness are `overlap.py`'s.
"""

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from fundplatform.finance import overlap
from fundplatform.finance.position_codes import SLACK, coded, market_ticker, one_each
from fundplatform.tables import OVERLAPS, POSITIONS

VERSION = 3
REPORT = ("source_id", "instrument_id", "as_of", "known_at")
LEAST_OVERLAP = 0.1
"""Pairs less alike are not kept."""
APART = timedelta(days=100)
"""Reports further apart say little of whether two funds hold the same."""
_SHARES = r"(?i)^ec$|equity|stock|fund|etf"
_CLASSES = ("equity", "etf", "fund")


def positions(holdings: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """The positions of every report with `holding_id`, `security` and the report's `weight_sum`.

    Shares are found by ticker and currency among the instruments listed at `as_of` (within 90
    days); an ISIN or CUSIP that stood beside such a ticker in any report finds the same instrument
    where no ticker does, an LEI only where a position has nothing else. What means two instruments
    means none. `security` is the instrument, else ISIN, CUSIP, ticker of the US market, or name.

    Args:
        holdings: Rows of raw.holdings.
        instruments: catalog.instruments.

    Returns:
        Columns of catalog.holdings without stamps, sorted by its key.
    """
    rows = coded(holdings.with_row_index("_row"), set(_listed(instruments)["_ticker"]))
    rows = rows.join(_by_ticker(rows, instruments), on="_row", how="left")
    share = pl.col("asset_category").is_null() | pl.col("asset_category").str.contains(_SHARES)
    rows = rows.with_columns(by_ticker=pl.when(share).then("by_ticker"))
    nothing = pl.all_horizontal(pl.col("_code", "_cusip", "_ticker").is_null()) & share
    for name, mark, known_as, usable in (
        ("by_isin", "_code", "_code", pl.lit(True)),
        ("by_told", "_told", "_code", share),
        ("by_cusip", "_cusip", "_cusip", pl.lit(True)),
        ("by_lei", "_lei", "_lei", nothing),
    ):
        pairs = rows.select(pl.col(known_as).alias(mark), pl.col("by_ticker").alias(name))
        rows = rows.join(one_each(pairs.drop_nulls()), on=mark, how="left").with_columns(
            pl.when(usable).then(name).alias(name)
        )
    rows = rows.with_columns(by_ticker=pl.coalesce("by_ticker", "by_told"))
    found = {"isin": "by_isin", "cusip": "by_cusip", "ticker": "by_ticker", "lei": "by_lei"}
    matched = pl.coalesce(
        pl.when(pl.col(column).is_not_null()).then(pl.lit(mark)) for mark, column in found.items()
    )
    holding = pl.coalesce(found.values())
    security = pl.coalesce(
        pl.lit("instrument ") + holding.cast(pl.String()),
        "_code",
        pl.when(share).then("_told"),
        pl.lit("CUSIP ") + pl.col("_cusip"),
        pl.when(share).then(pl.lit("ticker ") + market_ticker()),
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


def newest(
    held: pl.DataFrame, sources: pl.DataFrame, per: Sequence[str] = ("instrument_id",)
) -> pl.DataFrame:
    """The newest report of each fund: of one day that of the lower priority, as last amended.

    Args:
        held: Positions with the columns `REPORT`.
        sources: catalog.sources.
        per: One report is told for each of these; with `as_of`, one for each day.

    Returns:
        Columns `REPORT`, a row a fund.
    """
    ranked = held.select(REPORT).unique().join(
        sources.select("source_id", "priority"), on="source_id", how="left"
    )  # fmt: skip
    order = ("as_of", "priority", "known_at", "source_id")
    return (
        ranked.sort(order, descending=[False, True, False, False])
        .unique(per, keep="last", maintain_order=True)
        .select(REPORT)
    )


def alike(held: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Overlap of the latest complete reports of every two funds, not over 100 days apart.

    Args:
        held: As `positions` returns.
        sources: catalog.sources; of two reports of one day the lower priority is taken.

    Returns:
        Columns of catalog.fund_overlaps without stamps: instrument_id < other_id.
    """
    reports = newest(held.filter("complete"), sources)
    latest = held.join(reports, on=list(REPORT), how="semi")
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
        .filter((pl.col("as_of") - pl.col("other_as_of")).abs() <= APART)
        .select(pl.col(n).cast(OVERLAPS.polars_schema[n]) for n in OVERLAPS.column_names
                if n not in OVERLAPS.stamps)
        .sort(OVERLAPS.key)
    )  # fmt: skip


def _by_ticker(rows: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """_row, by_ticker: the one instrument listed under ticker and currency on that day."""
    found = (
        rows.select("_row", "as_of", "_ticker", "_quote")
        .join(_listed(instruments), on=["_ticker", "_quote"])
        .filter(
            (pl.col("valid_from") <= pl.col("as_of") + SLACK)
            & (pl.col("valid_to") >= pl.col("as_of") - SLACK)
        )
    )
    return one_each(found.select("_row", "by_ticker"))


def _listed(instruments: pl.DataFrame) -> pl.DataFrame:
    """The instruments that a position may be, by ticker and currency."""
    return instruments.filter(pl.col("asset_class").is_in(_CLASSES)).select(
        "valid_from", "valid_to", _ticker="symbol", _quote="quote", by_ticker="instrument_id"
    )
