"""Contracts as asset checks: one step an asset definition, blocking, with what failed shown."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from fundplatform import tables
from fundplatform.checks import Contracts, checked_tables, contract_check
from fundplatform.contracts import Counted
from fundplatform.expectations import broken
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import Warehouse
from fundplatform.tables import Table
from fundplatform_tests.test_contracts import levels

AT = datetime(2024, 1, 3, tzinfo=UTC)
_WRITTEN: dict[str, pl.DataFrame] = {}


class Stored(Contracts):
    """Contracts of `_WRITTEN`, judged without a process."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Nothing to start."""

    def batch(self, table: Table, tags: Mapping[str, str]) -> pl.DataFrame:
        """As written; nothing was written to the others."""
        return _WRITTEN.get(table.full_name, table.empty())

    def broken(self, name: str, counted: Sequence[Counted]) -> list[int]:
        """In this process."""
        return broken([c.unexpected for c in counted])


@dg.multi_asset(
    name="index",
    outs={
        "levels": dg.AssetOut(["indices"], is_required=False),
        "baskets": dg.AssetOut(["indices"], is_required=False),
    },
)
def index() -> tuple[None, None]:
    return None, None


@dg.asset(deps=[dg.AssetKey(["indices", "levels"])])
def downstream() -> None: ...


def run(store: DuckDBStore, batch: pl.DataFrame) -> dg.ExecuteInProcessResult:
    _WRITTEN["indices.levels"] = batch
    check = contract_check(index, Path("rules.yaml"))
    contracts = Stored(warehouse=Warehouse(store, lambda: AT))
    return dg.materialize(
        [index, downstream, check], resources={"contracts": contracts}, raise_on_error=False
    )


@pytest.fixture
def store(tmp_path: Path) -> DuckDBStore:
    made = DuckDBStore(tmp_path / "warehouse.duckdb", tmp_path / "published", lock_timeout=30)
    made.migrate()
    return made


def test_a_good_batch_passes_and_every_clause_is_kept(store: DuckDBStore) -> None:
    result = run(store, levels({}, {"level": 990.0}))
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert {e.asset_key.path[-1] for e in evaluations if e.passed} == {"levels", "baskets"}
    kept = store.read(tables.QUALITY_RESULTS)
    by_table = dict(kept.group_by("table_name").len().iter_rows())
    # levels: columns, types, values, key, basis, level, drawdown. baskets: the first four.
    assert by_table == {"indices.levels": 7, "indices.baskets": 4}
    assert kept["passed"].all()
    assert kept.filter(table_name="indices.levels")["rows"].to_list() == [2] * 7


def test_a_bad_batch_stops_what_rests_on_it(store: DuckDBStore) -> None:
    result = run(store, levels({}, {"level": -1.0}))
    assert not result.success
    assert "downstream" not in {e.step_key for e in result.get_step_success_events()}
    told = {e.asset_key.path[-1]: e for e in result.get_asset_check_evaluations()}
    assert (told["levels"].passed, told["baskets"].passed) == (False, True)
    shown = told["levels"].metadata["failures"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert shown.records[0].data["actual"] == "1 unexpected"
    assert "-1.0" in str(shown.records[0].data["offenders"])
    failed = store.read(tables.QUALITY_RESULTS).filter(~pl.col("passed"))
    assert failed["expectation"].to_list() == ["expect_column_values_to_be_between"]


def test_a_users_suite_is_about_a_computed_table() -> None:
    @dg.asset(key=["raw", "sample", "ohlcv"])
    def raw() -> None: ...

    assert checked_tables([raw, index]) == [tables.BASKETS, tables.LEVELS]
