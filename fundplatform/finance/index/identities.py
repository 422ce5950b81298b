"""What must hold of every index on every session, whatever the data (methodology A7).

In: the stored rows of indices. Out: the rows that break an identity, with what was expected and
found. Nothing is mended here.
"""

import polars as pl

TOLERANCE = 1e-12

BROKEN = pl.Schema(
    {
        "index_name": pl.String(),
        "session": pl.Date(),
        "return_basis": pl.String(),
        "expected": pl.Float64(),
        "found": pl.Float64(),
    }
)
"""A session on which an identity does not hold."""

_KEY = ("index_name", "session", "return_basis")


def weights_add_up(compositions: pl.DataFrame) -> pl.DataFrame:
    """Sum of target weights = 1 (1e-12) wherever an index holds anything."""
    sums = compositions.group_by("index_name", "session").agg(pl.col("target_weight").sum())
    return _broken(
        sums.with_columns(return_basis=pl.lit(None, pl.String)),
        pl.lit(1.0),
        pl.col("target_weight"),
        pl.lit(TOLERANCE),
    )


def contributions_add_up(performance: pl.DataFrame, contributions: pl.DataFrame) -> pl.DataFrame:
    """Sum of contributions = session return (1e-12), on every basis; none without the other."""
    sums = contributions.group_by(_KEY).agg(
        pl.col("contribution").sum(), priced=(~pl.col("stale")).any()
    )
    both = performance.select(*_KEY, "session_return").join(sums, on=_KEY, how="left")
    known = pl.col("session_return").is_not_null()
    both = both.filter(known | pl.col("priced").fill_null(False))
    return _broken(both, pl.col("contribution"), pl.col("session_return"), pl.lit(TOLERANCE))


def levels_follow(levels: pl.DataFrame, performance: pl.DataFrame) -> pl.DataFrame:
    """Level ratio of two stored sessions = 1 + return of the later one (1e-12 relative)."""
    chained = (
        levels.sort(_KEY[0], _KEY[2], _KEY[1])
        .with_columns(before=pl.col("level").shift().over("index_name", "return_basis"))
        .join(performance.select(*_KEY, "session_return"), on=_KEY, how="left")
        .drop_nulls("before")
    )
    expected = pl.col("before") * (1 + pl.col("session_return").fill_null(0.0))
    return _broken(chained, expected, pl.col("level"), TOLERANCE * expected.abs() * 4)


def total_is_no_less(performance: pl.DataFrame) -> pl.DataFrame:
    """Price return <= net total <= gross total, of every session that has them."""
    wide = performance.pivot("return_basis", index=_KEY[:2], values="session_return")
    parts = [BROKEN.to_frame()]
    for low, high in (("price", "net_total"), ("net_total", "gross_total")):
        if low in wide.columns and high in wide.columns:
            less = wide.filter(pl.col(high) < pl.col(low) - TOLERANCE)
            parts.append(_as_broken(less.with_columns(return_basis=pl.lit(high)), low, high))
    return pl.concat(parts)


def _broken(
    rows: pl.DataFrame, expected: pl.Expr, found: pl.Expr, tolerance: pl.Expr
) -> pl.DataFrame:
    """Rows farther apart than allowed; one that lacks either side is broken too."""
    away = ((expected - found).abs() <= tolerance).fill_null(False)
    wrong = rows.with_columns(expected=expected, found=found).filter(~away)
    return _as_broken(wrong, "expected", "found")


def _as_broken(rows: pl.DataFrame, expected: str, found: str) -> pl.DataFrame:
    named = rows.with_columns(expected=pl.col(expected), found=pl.col(found))
    return named.select(pl.col(n).cast(t) for n, t in BROKEN.items()).sort(
        "index_name", "session", nulls_last=True
    )
