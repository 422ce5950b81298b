"""The gate of each source and session: held where too much of it is refused, or released.

In: judged rows, findings on whole sessions, what people released. Out: rows of ops.gates. Which
rows are refused is settled before.
"""

from collections.abc import Mapping

import polars as pl

GATE_ROWS = 3
GATE_PERCENT = 1
Released = Mapping[tuple[int, object], str]


def gates_of(judged: pl.DataFrame, whole: pl.DataFrame, released: Released) -> pl.DataFrame:
    """ops.gates without stamps, and some columns more.

    Args:
        judged: source_id, session and _bad of every row.
        whole: FINDINGS on whole sessions.
        released: (source, session) to who released it and why.
    """
    raw, bad = pl.col("rows_raw"), pl.col("rows_rejected")
    # Whole numbers on both sides: 1 % of 300 rows must not hang on a rounding.
    too_many = (bad > GATE_ROWS) & (bad * 100 > raw * GATE_PERCENT)
    all_bad = (raw <= GATE_ROWS) & (bad == raw)
    errors = (
        whole.filter(pl.col("severity") == "error")
        .sort("rule")
        .group_by("source_id", "session")
        .agg(_found=pl.format("{}: {}", "rule", "finding").str.join("; "))
    )
    gates = (
        judged.group_by("source_id", "session")
        .agg(rows_raw=pl.len().cast(pl.Int64), rows_rejected=pl.col("_bad").sum().cast(pl.Int64))
        .join(errors, on=["source_id", "session"], how="left")
        .with_columns(
            held=too_many | all_bad | pl.col("_found").is_not_null(),
            _why=pl.when(all_bad)
            .then(pl.format("all {} rows rejected", raw))
            .when(too_many)
            .then(pl.format("{} of {} rows rejected", bad, raw)),
        )
        .with_columns(reason=_join("_why", "_found"))
    )
    return _released(gates, released).with_columns(
        rows_validated=pl.when("held").then(0).otherwise(raw - bad)
    )


def _released(gates: pl.DataFrame, released: Released) -> pl.DataFrame:
    """Open the gates that a person released; the reason goes on to say what they would hold."""
    if not released:
        return gates.with_columns(pl.when("held").then("reason").alias("reason"))
    said = pl.DataFrame(
        [(s, d, text) for (s, d), text in released.items()],
        schema={"source_id": pl.Int16, "session": pl.Date, "_said": pl.String},
        orient="row",
    )
    opened = pl.col("held") & pl.col("_said").is_not_null()
    return (
        gates.join(said, on=["source_id", "session"], how="left")
        .with_columns(_opened=opened)
        .with_columns(
            reason=pl.when("_opened")
            .then(pl.format("released by {}; {}", "_said", "reason"))
            .when("held")
            .then("reason"),
            held=pl.col("held") & ~pl.col("_opened"),
        )
    )


def _join(*names: str) -> pl.Expr:
    return pl.concat_str(names, separator="; ", ignore_nulls=True)
