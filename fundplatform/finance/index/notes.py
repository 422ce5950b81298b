"""The note of each session: what is missing, flagged or not earned, in words.

Nothing is decided here. In: the parts of an index. Out: one text per position that has one.
"""

from collections import defaultdict
from collections.abc import Iterator

import polars as pl

from fundplatform.finance.index.performance import Earned
from fundplatform.finance.index_definition import IndexDefinition

_NAMED = 5

NOTED = pl.Schema({"pos": pl.Int32(), "reason": pl.String(), "symbol": pl.String()})
"""Names left out, with the reason."""


def notes(
    definition: IndexDefinition,
    span: tuple[int, int],
    chosen: pl.DataFrame,
    earned: Earned,
    absent: pl.DataFrame,
    gaps: pl.DataFrame,
    left_out: pl.DataFrame,
) -> dict[int, str]:
    """The note by position; positions without anything to say are absent.

    Args:
        definition: The index.
        span: First and last position.
        chosen: pos, rank, symbol, age of the compositions.
        earned: Output of `performance.earn`.
        absent: Output of `composition.unpriced`.
        gaps: Output of `performance.not_earned`.
        left_out: NOTED, sorted.
    """
    within = pl.col("pos").is_between(*span)
    own = chosen.filter(within)
    parts: defaultdict[int, list[str]] = defaultdict(list)
    for pos, count, names in _by_pos(earned.contributions.filter("stale")):
        parts[pos].append(f"no price for {count} of the names held, last one carried: {names}")
    for pos, count, names in _by_pos(gaps.filter(within).with_columns(_with_return())):
        parts[pos].append(f"return over a gap not earned by {count} names: {names}")
    for pos, count in own.group_by("pos").len().filter(pl.col("len") < definition.n).iter_rows():
        parts[pos].append(f"only {count} of {definition.n} names are eligible")
    for (pos,) in (
        earned.contributions.join(own, on="pos", how="anti").select("pos").unique().iter_rows()
    ):
        parts[pos].append("no name is eligible")
    old = own.filter(pl.col("age") > definition.flag_cap_age_days)
    for pos, count, names in _by_pos(old):
        parts[pos].append(
            f"{count} market caps older than {definition.flag_cap_age_days} days: {names}"
        )
    for pos, count, names in _by_pos(absent):
        parts[pos].append(f"{count} of the first {definition.n} have no price: {names}")
    for reason in left_out["reason"].unique().sort():
        names_of = left_out.filter(within, pl.col("reason") == reason)
        for pos, count, names in _by_pos(names_of):
            parts[pos].append(f"{count} names left out, {reason}: {names}")
    return {pos: "; ".join(texts) for pos, texts in parts.items()}


def _with_return() -> pl.Expr:
    percent = pl.format("{} {}%", "symbol", (pl.col("ret") * 100).round(2))
    return percent.fill_null(pl.col("symbol")).alias("symbol")


def _by_pos(rows: pl.DataFrame) -> Iterator[tuple[int, int, str]]:
    """Position, number of rows, and the first symbols in row order."""
    grouped = rows.group_by("pos", maintain_order=True).agg(
        pl.len().alias("count"), pl.col("symbol").head(_NAMED).alias("names")
    )
    for pos, count, names in grouped.iter_rows():
        yield pos, count, ", ".join(names) + (", ..." if count > _NAMED else "")
