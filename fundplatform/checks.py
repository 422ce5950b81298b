"""Blocking asset checks: one Great Expectations contract per main table, and the row identity."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import contract_worker, tables
from fundplatform.contracts import SPECIFIC, Finding
from fundplatform.tables import Table


class Contracts(dg.ConfigurableResource[None]):
    """Starts the contracts' process with the run, so that it is ready when a batch is."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Start it; a process that lives is kept from run to run."""
        contract_worker.start()

    def verify(self, table: Table, batch: pl.DataFrame) -> list[Finding]:
        """See `contract_worker.Worker.verify`."""
        return contract_worker.start().verify(table, batch)


def contract_checks() -> list[dg.AssetChecksDefinition]:
    """A blocking contract check per main table, and the row identity on ops/gates."""
    return [*(contract_check(t) for t in SPECIFIC), row_identity()]


def contract_check(table: Table) -> dg.AssetChecksDefinition:
    """Hold what the run wrote to `table` against its declaration."""

    @dg.asset_check(
        name="contract",
        asset=dg.AssetKey([table.schema, table.name]),
        blocking=True,
        description=f"Great Expectations contract of {table.full_name}, derived from tables.py.",
        pool="warehouse",
    )
    def contract(batch: pl.DataFrame, contracts: Contracts) -> dg.AssetCheckResult:
        return as_result(contracts.verify(table, batch), batch.height)

    return contract


def as_result(findings: Iterable[Finding], rows: int) -> dg.AssetCheckResult:
    """Expected, actual and five offenders of each failed expectation, as a table."""
    findings = list(findings)
    failed = [f for f in findings if not f.passed]
    records = [
        dg.TableRecord(
            {
                "expectation": f.expectation,
                "expected": f.expected,
                "actual": f.actual,
                "offenders": "; ".join(str(o) for o in f.offenders),
            }
        )
        for f in failed
    ]
    metadata: dict[str, Any] = {
        "rows": rows,
        "expectations": len(findings),
        "failed": len(failed),
    }
    if records:
        metadata["failures"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(passed=not failed, metadata=metadata)


def row_identity() -> dg.AssetChecksDefinition:
    """Raw rows = validated + rejected + held, for every source and session of the run."""

    @dg.asset_check(
        name="row_identity",
        asset=dg.AssetKey(["ops", "gates"]),
        blocking=True,
        description="rows_raw = rows_validated + rows_rejected wherever the gate is open.",
        pool="warehouse",
    )
    def identity(gates: pl.DataFrame) -> dg.AssetCheckResult:
        return judge_identity(gates)

    return identity


def judge_identity(gates: pl.DataFrame) -> dg.AssetCheckResult:
    """The verdict on a frame of ops.gates."""
    held = gates.filter("held")
    passed = pl.col("rows_validated") + pl.col("rows_rejected")
    wrong = gates.filter(
        pl.when("held").then(pl.col("rows_validated") != 0).otherwise(pl.col("rows_raw") != passed)
    )
    metadata: dict[str, Any] = {
        "rows raw": int(gates["rows_raw"].sum()),
        "rows validated": int(gates["rows_validated"].sum()),
        "rows rejected": int(gates["rows_rejected"].sum()),
        "rows held": int(held["rows_raw"].sum()) - int(held["rows_rejected"].sum()),
        "sessions held": held.height,
    }
    if held.height:
        shown = held.head(20).select("source_id", pl.col("session").cast(pl.String), "reason")
        records = [dg.TableRecord(row) for row in shown.iter_rows(named=True)]
        metadata["held"] = dg.MetadataValue.table(records)
    if wrong.height:
        columns = [*tables.GATES.key, "rows_raw", "rows_validated", "rows_rejected"]
        shown = wrong.head(5).select(columns)
        metadata["offenders"] = str(shown.rows())
    return dg.AssetCheckResult(passed=wrong.is_empty(), metadata=metadata)
