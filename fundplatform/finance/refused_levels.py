"""Returns that would carry a refused jump on: the series starts anew instead.

A bar that looks like a split nobody recorded (V20), hides one that is on record (V21) or is off by
a factor of 100 (V22) is refused, but the bars after it may stand on the same level. What lies
between that level and the one before is no return. In: returns and refused bars. Out: the returns,
NULL there.
"""

import polars as pl

RULES = ("V20", "V21", "V22")
COLUMNS = ["source_id", "instrument_id", "interval", "session", "close", "rules"]
"""What is read of prices.rejected."""

_LEAST = 0.1
"""Log return below which nothing jumped: the tolerance of V21."""


def levels(refused: pl.DataFrame) -> pl.DataFrame:
    """Those of the refused daily bars on whose level a series may go on."""
    return refused.filter(
        pl.col("interval") == "1d",
        pl.col("close") > 0,
        pl.col("rules").str.split(",").list.set_intersection(list(RULES)).list.len() > 0,
    )


def restarted(returns: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """`returns`, with a NULL where a source goes on from a level that a rule refused.

    That is on its first bar after a refused one whose close is nearer to the refused close than
    half of its return: a jump that was taken back is none.

    Args:
        returns: `finance.returns.SCHEMA` and any more columns, by instrument and session, each
            `return_basis` by itself where that is a column.
        refused: COLUMNS of prices.rejected.

    Returns:
        The same rows and columns; `growth` begins again at 1 there.
    """
    doubted = levels(refused)
    if doubted.is_empty() or returns.is_empty():
        return returns
    one = [n for n in ("return_basis", "instrument_id") if n in returns.columns]
    rows = returns.with_row_index("_row")
    near = rows.join(doubted.select("instrument_id").unique(), on="instrument_id", how="semi")
    jump = (1.0 + pl.col("ret")).log()
    found = (
        near.sort("session")
        .with_columns(_before=pl.col("session").shift().over(*one, "source_id"))
        .join_asof(
            doubted.select("source_id", "instrument_id", _on="session", _level="close").sort("_on"),
            left_on="session",
            right_on="_on",
            by=["source_id", "instrument_id"],
            strategy="backward",
            allow_exact_matches=False,
            coalesce=False,
            check_sortedness=False,
        )
        .filter(
            pl.col("_on") > pl.col("_before"),
            jump.is_finite() & (jump.abs() > _LEAST),
            (pl.col("close") / pl.col("_level")).log().abs() < jump.abs() / 2,
        )
    )
    if found.is_empty():
        return returns
    anew = pl.col("_row").is_in(found["_row"].implode())
    ret = pl.when(~anew).then("ret")
    stretch = pl.col("ret").is_null().cum_sum()
    growth = (1.0 + pl.col("ret").fill_null(0.0)).cum_prod()
    return (
        rows.with_columns(ret=ret)
        .with_columns(_stretch=stretch)
        .with_columns(growth=growth.over("_stretch"))
        .select(returns.columns)
    )
