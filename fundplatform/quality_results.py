"""Results of expectations as rows of ops.quality_results. Judging is not done here."""

import json
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from fundplatform import tables
from fundplatform.contracts import Finding
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform.tables import Table


def record(
    store: Store,
    at: datetime,
    run_id: str,
    suite: str,
    table: Table,
    batch: pl.DataFrame,
    findings: Sequence[Finding],
) -> None:
    """Write one row per expectation.

    Args:
        store: The warehouse.
        at: When it was judged, aware UTC.
        run_id: The run that wrote the batch.
        suite: `contract`, or the name of a user's suite.
        table: The table.
        batch: What was judged.
        findings: In the order of the suite.
    """
    frame = rows(at, run_id, suite, table, batch, findings)
    own: dict[str, int | str] = {
        "check_id": _check_id(run_id, at), "table_name": table.full_name, "suite": suite,
    }  # fmt: skip
    with store.transaction(Stamp(run_id, at)) as writer:
        writer.write(tables.QUALITY_RESULTS, frame, Slice(own))


def rows(
    at: datetime,
    run_id: str,
    suite: str,
    table: Table,
    batch: pl.DataFrame,
    findings: Sequence[Finding],
) -> pl.DataFrame:
    """The frame of `record`, without the writer's stamps."""
    first, last = _span(table, batch)
    own = [n for n in tables.QUALITY_RESULTS.column_names if n not in tables.QUALITY_RESULTS.stamps]
    told = [
        {
            "check_id": _check_id(run_id, at),
            "table_name": table.full_name,
            "suite": suite,
            "number": number,
            "expectation": f.expectation,
            "passed": f.passed,
            "expected": f.expected,
            "actual": f.actual,
            "unexpected": f.unexpected,
            "offenders": json.dumps(list(f.offenders), default=str) if f.offenders else None,
            "rows": batch.height,
            "from_session": first,
            "to_session": last,
        }
        for number, f in enumerate(findings, 1)
    ]
    return pl.DataFrame(told, {n: tables.QUALITY_RESULTS.polars_schema[n] for n in own})


def _check_id(run_id: str, at: datetime) -> str:
    return f"{run_id}/{at.isoformat()}"


def _span(table: Table, batch: pl.DataFrame) -> tuple[date | None, date | None]:
    if table.partition is None or table.partition not in batch.columns or batch.is_empty():
        return None, None
    days = batch[table.partition]
    first, last = days.min(), days.max()
    return (first, last) if isinstance(first, date) and isinstance(last, date) else (None, None)
