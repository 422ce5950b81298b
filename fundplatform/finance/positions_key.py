"""One key per security for the positions of several funds, whatever each report identifies it by.

In: positions with isin, cusip, ticker, name. Out: the same with `holding`. Which securities are the
same company's (share classes, receipts) is not decided here.
"""

import polars as pl

_WITH_CUSIP = ("US", "CA")
"""Countries whose ISIN is their prefix, the CUSIP and a check digit."""


def keyed(positions: pl.DataFrame) -> pl.DataFrame:
    """Add `holding`: CUSIP (also out of a US or Canadian ISIN), else ISIN, ticker, or name.

    A ticker stands for the identifier that another position of the frame has beside it, unless two
    different ones do. What is blank, `N/A` or all zeros identifies nothing.
    """
    isin, cusip, ticker = _known("isin"), _known("cusip"), _known("ticker")
    inside = (
        pl.when(isin.str.slice(0, 2).is_in(_WITH_CUSIP) & (isin.str.len_chars() == 12))
        .then(isin.str.slice(2, 9))
        .otherwise(None)
    )
    with_id = positions.with_columns(_id=pl.coalesce(cusip, inside, isin), _ticker=ticker)
    told = (
        with_id.drop_nulls(["_id", "_ticker"])
        .group_by("_ticker")
        .agg(_told=pl.col("_id").first(), n=pl.col("_id").n_unique())
        .filter(pl.col("n") == 1)
        .drop("n")
    )
    return (
        with_id.join(told, on="_ticker", how="left", maintain_order="left")
        .with_columns(
            holding=pl.coalesce("_id", "_told", "_ticker", _known("name"), pl.lit("(unnamed)"))
        )
        .drop("_id", "_ticker", "_told")
    )


def _known(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars().str.to_uppercase()
    return (
        pl.when(text.is_in(["", "N/A", "NA", "NONE", "-"]) | text.str.contains("^0+$"))
        .then(None)
        .otherwise(text)
    )
