"""What the Dagster UI says about a table: key, description, group, owner, column schema.

And what a run says about its result: index levels as numbers, as a line and as a table.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from fundplatform.tables import Table

_BARS = "▁▂▃▄▅▆▇█"
_SHOWN_SESSIONS = 10
_SHOWN_MONTHS = 60
_SHOWN_DOUBTS = 20


def key_of(table: Table) -> dg.AssetKey:
    """schema/name."""
    return dg.AssetKey([table.schema, table.name])


def table_metadata(table: Table) -> dict[str, Any]:
    """Static asset metadata of a table."""
    return {
        "dagster/table_name": table.full_name,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    c.name,
                    c.type,
                    c.doc,
                    constraints=dg.TableColumnConstraints(nullable=c.nullable),
                )
                for c in table.columns
            ]
        ),
    }


def version_of(*parts: object) -> str:
    """A code version of values whose `repr` says all of them: rules, definitions, numbers."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def output(table: Table, code_version: str | None = None, **metadata: object) -> dg.AssetOut:
    """The table as an output of a multi-asset: key, description, group, owner, columns.

    Args:
        table: The table.
        code_version: Changes with whatever but the inputs decides what is in it.
        **metadata: More of the asset's metadata.
    """
    return dg.AssetOut(
        key=key_of(table),
        description=table.doc,
        group_name=table.schema,
        owners=["team:data"],
        kinds={"polars", "table"},
        code_version=code_version,
        metadata={**table_metadata(table), **metadata},
        # What an asset returns is an order to the IO manager (storage/outputs.py), not a frame.
        dagster_type=dg.Any,
    )


def level_report(levels: pl.DataFrame) -> dict[str, Any]:
    """Run metadata of indices.levels: last level and drawdown of each index (the UI plots them).

    Args:
        levels: A frame of indices.levels, at least index_name, session, return_basis, level and
            drawdown; price basis is reported.
    """
    report: dict[str, Any] = {}
    for (name,), own in (
        levels.filter(pl.col("return_basis") == "price")
        .partition_by("index_name", as_dict=True, maintain_order=True)
        .items()
    ):
        ordered = own.sort("session")
        report[f"{name} level"] = float(ordered["level"][-1])
        report[f"{name} drawdown"] = float(ordered["drawdown"][-1])
        report[f"{name} sessions"] = dg.MetadataValue.md(_level_page(ordered))
    return report


def _level_page(levels: pl.DataFrame) -> str:
    months = levels.group_by(pl.col("session").dt.truncate("1mo"), maintain_order=True)
    closes = months.agg(pl.col("level").last())["level"].tail(_SHOWN_MONTHS).to_list()
    first, last = levels["session"][0], levels["session"][-1]
    head = [
        f"{first} to {last}, {levels.height:,} sessions; the last {len(closes)} month ends:",
        f"`{sparkline(closes)}` {min(closes):,.2f} to {max(closes):,.2f}",
        "| Session | Level | Change | Drawdown |\n|---|---:|---:|---:|",
    ]
    shown = levels.with_columns(change=pl.col("level").pct_change()).tail(_SHOWN_SESSIONS)
    rows = shown.select("session", "level", "change", "drawdown").reverse().iter_rows()
    return "\n\n".join(head) + "\n" + "\n".join(_row(*r) for r in rows)


def _row(session: date, level: float, change: float | None, drawdown: float) -> str:
    moved = "" if change is None else f"{change:+.2%}"
    return f"| {session} | {level:,.2f} | {moved} | {drawdown:.2%} |"


def sparkline(values: Sequence[float]) -> str:
    """One bar a value, lowest to highest; a flat line is drawn low."""
    low, high = min(values), max(values)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((v - low) * scale)] for v in values)


def doubt_report(doubts: pl.DataFrame, what: str = "splits") -> dict[str, Any]:
    """Run metadata of the catalog's actions: those on which sources disagree.

    Args:
        doubts: `finance.splits.DOUBTS`.
        what: What they are of, in the plural.
    """
    names = doubts.columns
    head = f"| {' | '.join(names)} |\n|{'---|' * len(names)}\n"
    rows = "\n".join(f"| {' | '.join(map(str, r))} |" for r in doubts.head(_SHOWN_DOUBTS).rows())
    shown = {f"{what} in doubt": doubts.height}
    return {**shown, f"{what} to look at": dg.MetadataValue.md(head + rows)} if rows else {**shown}


def session_returns(performance: pl.DataFrame) -> dict[date, dict[str, float]]:
    """Per session the return of each index on the price basis, for the plot by partition."""
    known = performance.filter(
        (pl.col("return_basis") == "price") & pl.col("session_return").is_not_null()
    )
    found: dict[date, dict[str, float]] = {}
    for session, name, value in known.select("session", "index_name", "session_return").iter_rows():
        found.setdefault(session, {})[f"{name} session_return"] = value
    return found


def noted_sessions(performance: pl.DataFrame, words: str, what: str) -> dict[str, Any]:
    """Metadata of the sessions whose note has these words; empty where none has.

    Args:
        performance: Rows of indices.performance; the price basis is counted.
        words: What the notes are told by.
        what: What these sessions are, for people.
    """
    has = pl.col("note").str.contains(words, literal=True).fill_null(value=False)
    rows = performance.filter(has, pl.col("return_basis") == "price").sort("session")
    if rows.is_empty():
        return {}
    by_index = rows.group_by("index_name", maintain_order=True).agg(
        sessions=pl.len(),
        first=pl.col("session").first().cast(pl.String),
        last=pl.col("session").last().cast(pl.String),
        last_note=pl.col("note").last(),
    )
    shown = by_index.sort("index_name").head(_SHOWN_DOUBTS)
    table = [dg.TableRecord(row) for row in shown.iter_rows(named=True)]
    return {
        f"sessions {what}": rows.height,
        f"indices {what}": dg.MetadataValue.table(table),
    }
