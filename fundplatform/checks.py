"""Asset checks: a blocking contract per table, the users' suites, and the row identity.

What each expectation gave is shown on the check and kept in ops.quality_results.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from fundplatform import contract_worker, tables
from fundplatform.contracts import Counted, Finding, findings, summary
from fundplatform.finance.rules import load_limits
from fundplatform.quality_results import Judged, record
from fundplatform.rule_clauses import rule_clauses
from fundplatform.storage.base import Stamp
from fundplatform.storage.io_manager import Warehouse, input_slice, table_of
from fundplatform.suites import Suite
from fundplatform.tables import Table

CONTRACT = "contract"


class Contracts(dg.ConfigurableResource[None]):
    """Starts the contracts' process with the run, so that it is ready when a batch is."""

    warehouse: dg.ResourceDependency[Warehouse]

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Start it; a process that lives is kept from run to run."""
        contract_worker.start()

    def verify(self, suite: Suite, batch: pl.DataFrame) -> list[Finding]:
        """Hold a batch against a user's suite; see `contract_worker.Worker.verify`."""
        name = suite.table.full_name
        return contract_worker.start().verify(name, batch, suite.expectations)

    def broken(self, name: str, counted: Sequence[Counted]) -> list[int]:
        """Which clauses do not hold; see `contract_worker.Worker.broken`."""
        return contract_worker.start().broken(name, [c.unexpected for c in counted])

    def batch(self, table: Table, tags: Mapping[str, str]) -> pl.DataFrame:
        """What a run with these tags wrote to the table: its range, or the whole table."""
        part = input_slice(table, {}, tags, {})
        return self.warehouse.store.read(table, part, ordered=False)

    def keep(self, run_id: str, suite: str, judged: Sequence[Judged]) -> None:
        """Write the findings to ops.quality_results."""
        stamp = Stamp(run_id, self.warehouse.clock())
        record(self.warehouse.store, stamp, suite, judged)


def contract_checks(
    assets: Iterable[dg.AssetsDefinition],
    suites: Iterable[Suite],
    rules: Path,
    report: Path | None = None,
) -> list[dg.AssetChecksDefinition]:
    """A blocking contract per computed table, the users' suites, and the row identity.

    Args:
        assets: All of the location. Raw ones are `raw_contracts.py`'s: they keep what vendors sent,
            bad rows included, and only their form is held.
        suites: The users'.
        rules: Their limits.
        report: Where the latest quality report is, linked from the row identity.
    """
    under = under_contract(assets)
    known = {key for a in under for key in a.keys}
    identity = [row_identity(report)] if dg.AssetKey(["ops", "gates"]) in known else []
    return [
        *(contract_check(a, rules) for a in under),
        *(suite_check(s) for s in suites),
        *identity,
    ]


def under_contract(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Those that compute something."""
    return [a for a in assets if all(key.path[0] != "raw" for key in a.keys)]


def checked_tables(assets: Iterable[dg.AssetsDefinition]) -> list[Table]:
    """The tables behind them: a user's suite can be about any of these."""
    return [table_of(key) for a in under_contract(assets) for key in sorted(a.keys)]


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
            found = contracts.verify(suite, batch)
        except RuntimeError as crashed:
            # A mistake in a user's file must not stop the run.
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.ERROR,
                metadata={"could not be judged": str(crashed)[:2000]},
            )
        contracts.keep(context.run.run_id, suite.name, [Judged.of(suite.table, batch, found)])
        return as_result(found, batch.height, dg.AssetCheckSeverity.WARN)

    return judge


def contract_check(asset: dg.AssetsDefinition, rules: Path) -> dg.AssetChecksDefinition:
    """Hold what the run wrote to the tables of one asset definition against their declarations."""
    keys = sorted(asset.keys)

    @dg.multi_asset_check(
        name=f"contract_of_{asset.node_def.name}",
        specs=[
            dg.AssetCheckSpec(
                CONTRACT,
                asset=key,
                blocking=True,
                description=f"Great Expectations contract of {table_of(key).full_name}, made of "
                "its declaration.",
            )
            for key in keys
        ],
        pool="warehouse",
    )
    def judge(
        context: dg.AssetCheckExecutionContext, contracts: Contracts
    ) -> Iterator[dg.AssetCheckResult]:
        tags = dict(context.run.tags)
        judged = held(contracts, [table_of(key) for key in keys], tags, rules)
        contracts.keep(context.run.run_id, CONTRACT, judged)
        for key, one in zip(keys, judged, strict=True):
            result = as_result(one.findings, one.rows)
            yield result._replace(asset_key=key, check_name=CONTRACT)

    return judge


def held(
    contracts: Contracts, written: Sequence[Table], tags: Mapping[str, str], rules: Path
) -> list[Judged]:
    """What a run wrote to these tables, held against their contracts in one go."""
    batches = {table: contracts.batch(table, tags) for table in written}
    counted = {table: summary(table, batch) for table, batch in batches.items()}
    if tables.VALIDATED in counted:
        known = contracts.batch(tables.INSTRUMENTS, {})
        counted[tables.VALIDATED] += rule_clauses(
            batches[tables.VALIDATED], batches[tables.REJECTED], known, load_limits(rules)
        )
    broken = contracts.broken(written[0].full_name, [c for own in counted.values() for c in own])
    first, judged = 0, []
    for table, own in counted.items():
        places = [n - first for n in broken if first <= n < first + len(own)]
        judged.append(Judged.of(table, batches[table], findings(own, places)))
        first += len(own)
    return judged


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
