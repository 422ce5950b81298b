"""Results of expectations as rows of ops.quality_results. Judging is not done here."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.contracts import Finding
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform.tables import Table


@dataclass(frozen=True)
class Judged:
    """A batch of a table, and what was found; the batch itself is not kept."""

    table: Table
    rows: int
    first: date | None
    last: date | None
    findings: Sequence[Finding]

    @classmethod
    def of(cls, table: Table, batch: pl.DataFrame, findings: Sequence[Finding]) -> "Judged":
        """With the batch's height and first and last session."""
        return cls(table, batch.height, *_span(table, batch), findings)


def record(store: Store, stamp: Stamp, suite: str, judged: Iterable[Judged]) -> None:
    """Write one row per expectation, in one transaction.

    Args:
        store: The warehouse.
        stamp: The run that wrote the batches, and when they were judged.
        suite: `contract`, or the name of a user's suite.
        judged: Findings in the order of the suite.
    """
    check_id = f"{stamp.run_id}/{stamp.recorded_at.isoformat()}"
    frame = pl.concat([rows(check_id, suite, one) for one in judged])
    own: dict[str, int | str] = {"check_id": check_id, "suite": suite}
    with store.transaction(stamp) as writer:
        writer.write(tables.QUALITY_RESULTS, frame, Slice(own))


def rows(check_id: str, suite: str, judged: Judged) -> pl.DataFrame:
    """The frame of `record`, without the writer's stamps."""
    own = [n for n in tables.QUALITY_RESULTS.column_names if n not in tables.QUALITY_RESULTS.stamps]
    told = [
        {
            "check_id": check_id,
            "table_name": judged.table.full_name,
            "suite": suite,
            "number": number,
            "expectation": f.expectation,
            "passed": f.passed,
            "expected": f.expected,
            "actual": f.actual,
            "unexpected": f.unexpected,
            "offenders": json.dumps(list(f.offenders), default=str) if f.offenders else None,
            "rows": judged.rows,
            "from_session": judged.first,
            "to_session": judged.last,
        }
        for number, f in enumerate(judged.findings, 1)
    ]
    return pl.DataFrame(told, {n: tables.QUALITY_RESULTS.polars_schema[n] for n in own})


def _span(table: Table, batch: pl.DataFrame) -> tuple[date | None, date | None]:
    if table.partition is None or table.partition not in batch.columns or batch.is_empty():
        return None, None
    days = batch[table.partition]
    first, last = days.min(), days.max()
    return (first, last) if isinstance(first, date) and isinstance(last, date) else (None, None)
