"""Doubled keys: which row of a key stays, and why the others go.

Within one file nobody can say which of two conflicting rows is right, so all of them go; between
files the newest file is right. Frames in, frames out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

FILE = "file"
"""Column: order of the file a row comes from, oldest first."""


@dataclass(frozen=True)
class Split:
    """The rows that stay, and those that go with `rule` and `reason` added."""

    kept: pl.DataFrame
    gone: pl.DataFrame


def within_file(rows: pl.DataFrame, key: Sequence[str], order: str) -> Split:
    """Equal rows of a key leave the first (by `order`); rows that differ all go.

    Args:
        rows: Rows of one file, sorted by `key`.
        key: The columns that must be unique.
        order: Column with the row's place in the file.
    """
    repeats = rows.select(_repeats(key).fill_null(False)).to_series()
    if not repeats[1:].any():
        return Split(rows, _none(rows))
    doubled = repeats | repeats.shift(-1, fill_value=False)
    values = _values(rows, key, order)
    several = rows.filter(doubled).sort(order)
    several = several.with_columns(
        _first=pl.col(order).first().over(key),
        _kinds=pl.struct(values).n_unique().over(key),
    )
    conflict = pl.col("_kinds") > 1
    keeps = ~conflict & (pl.col(order) == pl.col("_first"))
    reason = (
        pl.when(conflict)
        .then(pl.lit("rows with this key differ from each other"))
        .otherwise(pl.lit("equal to row ") + pl.col("_first").cast(pl.String()))
    )
    rule = _rule(conflict)
    gone = several.filter(~keeps).with_columns(rule=rule, reason=reason)
    kept = pl.concat([rows.filter(~doubled), several.filter(keeps).select(rows.columns)])
    return Split(kept, gone.drop("_first", "_kinds"))


def between_files(
    rows: pl.DataFrame, key: Sequence[str], scope: Sequence[str], order: str
) -> Split:
    """Of several files with the same `scope`, the newest one's rows stay.

    Args:
        rows: Rows of several files, with FILE, sorted by `key` so that a scope is in one piece.
        key: The columns that must be unique.
        scope: The part of the key that one file owns as a whole: the key itself for bars, the
            instrument and session for trades, whose numbers differ from file to file.
        order: Column with the row's place in its file.
    """
    if not rows.select((_repeats(scope) & (pl.col(FILE) != pl.col(FILE).shift())).any()).item():
        return Split(rows, _none(rows))
    contested = rows.select(pl.col(FILE).n_unique().over(scope) > 1).to_series()
    several = rows.filter(contested)
    newest = pl.col(FILE) == pl.col(FILE).max().over(scope)
    values = _values(rows, key, order)
    winners = several.filter(newest).select(*key, _winner=pl.struct(values))
    losers = several.filter(~newest).join(winners, on=list(key), how="left", nulls_equal=True)
    conflict = ~pl.struct(values).eq_missing(pl.col("_winner"))
    reason = (
        pl.when(conflict)
        .then(pl.lit("a newer file says otherwise"))
        .otherwise(pl.lit("a newer file says the same"))
    )
    gone = losers.with_columns(rule=_rule(conflict), reason=reason).drop("_winner")
    kept = pl.concat([rows.filter(~contested), several.filter(newest)])
    return Split(kept, gone)


def _values(rows: pl.DataFrame, key: Sequence[str], order: str) -> list[str]:
    """The columns that say something: neither key, spelling of the symbol, nor origin."""
    origin = {FILE, order, "vendor_symbol", "name", "payload_hash", "fetched_at"}
    return [n for n in rows.columns if n not in {*key, *origin}]


def _repeats(key: Sequence[str]) -> pl.Expr:
    """Whether a row has the key of the row before it."""
    return pl.all_horizontal(pl.col(n).eq_missing(pl.col(n).shift()) for n in key)


def _rule(conflict: pl.Expr) -> pl.Expr:
    return pl.when(conflict).then(pl.lit("conflicting_duplicate")).otherwise(pl.lit("duplicate"))


def _none(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.clear().with_columns(
        rule=pl.lit(None, pl.String()), reason=pl.lit(None, pl.String())
    )
