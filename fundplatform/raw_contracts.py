"""Contracts of raw assets: what a source handed over, counted at the load and judged in a check.

Raw keeps what the vendor said: only the form is held here (columns, types, required values, the
key, known terms), never a value. The writer refuses a broken form by itself, and V25 bars of an
unknown interval or basis; the check says so and holds nothing back. Rows are counted once, in the
load; Great Expectations judges the counts at the end of the run (`contract_worker.py`).
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import dagster as dg
import polars as pl

from fundplatform import tables
from fundplatform.checks import CONTRACT, Contracts, as_result
from fundplatform.contracts import Counted, findings, summary
from fundplatform.quality_results import Judged, rows
from fundplatform.sources.base import Kind, batch_schema
from fundplatform.storage.base import Slice
from fundplatform.storage.io_manager import PATIENCE, table_of
from fundplatform.tables import Column, Table

_SYMBOL = Column("vendor_symbol", "text", "The vendor's symbol, before it is an instrument.")
# Judged after what computes: the process of the contracts imports meanwhile.
_LAST = {"dagster/priority": "-10"}


@cache
def batch_table(kind: Kind) -> Table:
    """The raw table as a batch has it: `vendor_symbol` for the instrument, no source, no stamps."""
    own = batch_schema(kind)
    columns = (_SYMBOL, *(c for c in kind.table.columns if c.name in own))
    named = ("vendor_symbol" if n == "instrument_id" else n for n in kind.table.key)
    return replace(kind.table, columns=columns, key=tuple(n for n in named if n in own))


def counted(kind: Kind, batch: pl.DataFrame, check_id: str) -> pl.DataFrame:
    """Rows of ops.quality_results without the writer's stamps, one per clause.

    Args:
        kind: What the batch is of.
        batch: `sources.base.Batch.rows`.
        check_id: Of `load_check_id`.
    """
    table = batch_table(kind)
    clauses = summary(table, batch)
    broken = [n for n, c in enumerate(clauses) if c.unexpected != 0]
    return rows(check_id, CONTRACT, Judged.of(table, batch, findings(clauses, broken)))


def load_check_id(run_id: str, asset: dg.AssetKey) -> str:
    """Under which the counts of a load stand in ops.quality_results."""
    return f"{run_id}/{asset.to_user_string()}"


def raw_contract_checks(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetChecksDefinition]:
    """One per raw asset, in its pool."""
    pools = {key: a.op.pool for a in assets for key in a.keys if key.path[0] == "raw"}
    return [raw_contract_check(key, pools[key]) for key in sorted(pools)]


def raw_contract_check(key: dg.AssetKey, pool: str | None) -> dg.AssetChecksDefinition:
    """Great Expectations on what the run's load of this asset was counted to be.

    Args:
        key: The asset.
        pool: Its pool. A run waits for all of its pools: with the warehouse's among them the loads
            of different vendors would wait for each other.
    """

    @dg.asset_check(
        name=CONTRACT,
        asset=key,
        blocking=False,
        description=f"Great Expectations contract of {table_of(key).full_name}: its form, no value "
        "(the writer refuses a broken one).",
        pool=pool,
        op_tags=_LAST,
    )
    def judge(context: dg.AssetCheckExecutionContext, contracts: Contracts) -> dg.AssetCheckResult:
        wanted = load_check_id(context.run.run_id, key)
        # A run that computes may hold the warehouse: this one is not in its pool.
        with contracts.warehouse.opened(PATIENCE):
            kept = contracts.warehouse.store.read(
                tables.QUALITY_RESULTS, Slice({"check_id": wanted})
            ).sort("number")
        if kept.is_empty():
            why = "this run loaded nothing: rows are counted while they are loaded"
            return dg.AssetCheckResult(
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"could not be judged": why},
            )
        clauses = _read_back(kept)
        broken = contracts.broken(key.to_user_string(), clauses)
        return as_result(findings(clauses, broken), int(kept["rows"][0]))

    return judge


def _read_back(kept: pl.DataFrame) -> list[Counted]:
    return [
        Counted(
            r["expectation"],
            r["expected"],
            r["unexpected"],
            r["actual"],
            tuple(json.loads(r["offenders"] or "[]")),
        )
        for r in kept.iter_rows(named=True)
    ]
