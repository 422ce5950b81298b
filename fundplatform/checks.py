"""Asset checks: a blocking contract per main table, the users' suites, and the row identity.

What each expectation gave is shown on the check and kept in ops.quality_results.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import contract_worker, tables
from fundplatform.contracts import SPECIFIC, Expectation, Finding
from fundplatform.quality_results import record
from fundplatform.storage.io_manager import Warehouse
from fundplatform.suites import Suite
from fundplatform.tables import Table

_CONTRACT = "contract"


class Contracts(dg.ConfigurableResource[None]):
    """Starts the contracts' process with the run, so that it is ready when a batch is."""

    warehouse: dg.ResourceDependency[Warehouse]

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Start it; a process that lives is kept from run to run."""
        contract_worker.start()

    def verify(
        self, table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation] | None = None
    ) -> list[Finding]:
        """See `contract_worker.Worker.verify`."""
        return contract_worker.start().verify(table, batch, wanted)

    def keep(
        self, run_id: str, suite: str, table: Table, batch: pl.DataFrame, found: Sequence[Finding]
    ) -> None:
        """Write the findings to ops.quality_results."""
        at = self.warehouse.clock()
        record(self.warehouse.store, at, run_id, suite, table, batch, found)


def contract_checks(
    suites: Iterable[Suite] = (), report: Path | None = None
) -> list[dg.AssetChecksDefinition]:
    """A blocking contract check per main table, the users' suites, and the row identity.

    Args:
        suites: The users'.
        report: Where the latest quality report is, linked from the row identity.
    """
    return [
        *(contract_check(t) for t in SPECIFIC),
        *(suite_check(s) for s in suites),
        row_identity(report),
    ]


def suite_check(suite: Suite) -> dg.AssetChecksDefinition:
    """Hold what the run wrote against a user's suite: it says so and holds nothing back."""

    @dg.asset_check(
        name=f"suite_{suite.name}",
        asset=dg.AssetKey([suite.table.schema, suite.table.name]),
        blocking=False,
        description=suite.title,
        pool="warehouse",
    )
    def judge(
        context: dg.AssetCheckExecutionContext, batch: pl.DataFrame, contracts: Contracts
    ) -> dg.AssetCheckResult:
        try:
            found = contracts.verify(suite.table, batch, suite.expectations)
        except RuntimeError as crashed:
            # A mistake in a user's file must not stop the run.
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"could not be judged": str(crashed)[:2000]},
            )
        contracts.keep(context.run.run_id, suite.name, suite.table, batch, found)
        return as_result(found, batch.height, dg.AssetCheckSeverity.WARN)

    return judge


def contract_check(table: Table) -> dg.AssetChecksDefinition:
    """Hold what the run wrote to `table` against its declaration."""

    @dg.asset_check(
        name=_CONTRACT,
        asset=dg.AssetKey([table.schema, table.name]),
        blocking=True,
        description=f"Great Expectations contract of {table.full_name}, derived from tables.py.",
        pool="warehouse",
    )
    def contract(
        context: dg.AssetCheckExecutionContext, batch: pl.DataFrame, contracts: Contracts
    ) -> dg.AssetCheckResult:
        found = contracts.verify(table, batch)
        contracts.keep(context.run.run_id, _CONTRACT, table, batch, found)
        return as_result(found, batch.height)

    return contract


def as_result(
    findings: Iterable[Finding],
    rows: int,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Expected, actual and five offenders of each failed expectation, as a table.

    The numbers are plotted over the runs.
    """
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
        "unexpected values": sum(f.unexpected or 0 for f in findings),
    }
    if records:
        metadata["failures"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(passed=not failed, severity=severity, metadata=metadata)


def row_identity(report: Path | None = None) -> dg.AssetChecksDefinition:
    """Raw rows = validated + rejected + held, for every source and session of the run."""

    @dg.asset_check(
        name="row_identity",
        asset=dg.AssetKey(["ops", "gates"]),
        blocking=True,
        description="rows_raw = rows_validated + rows_rejected wherever the gate is open.",
        pool="warehouse",
    )
    def identity(gates: pl.DataFrame) -> dg.AssetCheckResult:
        result = judge_identity(gates)
        if report is None:
            return result
        link = {"quality report": dg.MetadataValue.url(report.as_uri())}
        return result._replace(metadata={**result.metadata, **link})

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
