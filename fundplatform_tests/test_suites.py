"""A user's suites: read with exact errors, run by the worker, kept as rows; none stops a run."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from fundplatform import suites, tables
from fundplatform.checks import Contracts, suite_check
from fundplatform.contracts import Expectation, Finding
from fundplatform.errors import ConfigError
from fundplatform.expectations import verify
from fundplatform.quality_results import Judged, record, rows
from fundplatform.storage.base import Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import Warehouse
from fundplatform.tables import Table
from fundplatform_tests.test_contracts import levels

AT = datetime(2024, 1, 3, tzinfo=UTC)
GOOD = """
table: indices.levels
title: No index of ours is below 900
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: level, min_value: 900}
  - {type: expect_column_values_to_not_be_null, kwargs: {column: level}}
"""


def load(folder: Path) -> list[suites.Suite]:
    return suites.load(folder, [tables.LEVELS, tables.VALIDATED])


@pytest.fixture
def duckdb_store(tmp_path: Path) -> DuckDBStore:
    store = DuckDBStore(tmp_path / "warehouse.duckdb", tmp_path / "published", lock_timeout=30)
    store.migrate()
    return store


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


def test_a_suite_in_yaml_and_in_great_expectations_own_json(tmp_path: Path) -> None:
    folder = written(tmp_path / "expectations", "mine.yaml", GOOD)
    own = {
        "name": "theirs",
        "meta": {"table": "prices.validated", "great_expectations_version": "1.24"},
        "expectations": [{"type": "expect_table_row_count_to_be_between",
                          "kwargs": {"min_value": 1}, "id": "x", "meta": {}}],
    }  # fmt: skip
    written(folder, "theirs.json", json.dumps(own))
    mine, theirs = load(folder)
    assert (mine.name, mine.table, len(mine.expectations)) == ("mine", tables.LEVELS, 2)
    assert mine.title == "No index of ours is below 900"
    assert theirs.table == tables.VALIDATED
    assert load(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("indices.levels", "indices.level"), "table: 'indices.level' cannot be"),
        (GOOD.replace("title:", "titel:"), "titel: it is no key here"),
        (GOOD.replace("kwargs: {column: level, min", "kwarg: {column: level, min"),
         r"expectations\[1\].kwarg: it is no key"),
        (GOOD.replace("expect_column_values_to_not_be_null", "not_null"),
         r"expectations\[2\].type: 'not_null' is no expectation"),
        ("table: indices.levels\n", "expectations: it is no list"),
        ("- a\n", "it is no mapping"),
        ("a: [\n", "it cannot be read"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(written(tmp_path / "expectations", "mine.yaml", text))


def test_a_suite_passes_and_fails(tmp_path: Path) -> None:
    (suite,) = load(written(tmp_path / "expectations", "mine.yaml", GOOD))
    good = verify(suite.table.full_name, levels({}), suite.expectations)
    assert [f.passed for f in good] == [True, True]
    bad = verify(suite.table.full_name, levels({}, {"level": 850.0}), suite.expectations)
    assert [f.passed for f in bad] == [False, True]
    assert (bad[0].unexpected, list(bad[0].offenders)) == (1, [850.0])


class Answering(Contracts):
    """Contracts without the process."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Nothing to start."""

    def verify(self, suite: suites.Suite, batch: pl.DataFrame) -> list[Finding]:
        return verify(suite.table.full_name, batch, suite.expectations)


def judged(store: DuckDBStore, suite: suites.Suite, batch: pl.DataFrame) -> dg.AssetCheckResult:
    contracts = Answering(warehouse=Warehouse(store, lambda: AT))

    class Context:
        class run:
            run_id = "r1"

    function = suite_check(suite).node_def.compute_fn.decorated_fn  # type: ignore[attr-defined]
    result = function(Context(), batch, contracts)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_the_check_warns_and_the_rows_are_kept(tmp_path: Path, duckdb_store: DuckDBStore) -> None:
    (suite,) = load(written(tmp_path / "expectations", "mine.yaml", GOOD))
    result = judged(duckdb_store, suite, levels({}, {"level": 850.0}))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.metadata["unexpected values"].value == 1
    columns = ["suite", "number", "passed", "unexpected", "offenders", "rows", "from_session"]
    kept = duckdb_store.read(tables.QUALITY_RESULTS, columns=columns)
    assert kept.rows() == [
        ("mine", 1, False, 1, "[850.0]", 2, date(2024, 1, 2)),
        ("mine", 2, True, 0, None, 2, date(2024, 1, 2)),
    ]


def test_an_unknown_expectation_fails_its_check_and_not_the_run(
    tmp_path: Path, duckdb_store: DuckDBStore
) -> None:
    text = GOOD.replace("column: level, min_value", "column: lvl, min_value")
    (suite,) = load(written(tmp_path / "expectations", "mine.yaml", text))
    result = judged(duckdb_store, suite, levels({}))
    assert not result.passed
    assert "lvl" in str(result.metadata["could not be judged"].value)
    assert duckdb_store.count(tables.QUALITY_RESULTS) == 0


def judged_of(table: Table) -> Judged:
    return Judged.of(table, table.empty(), [Finding("expect_x", True, "a=1", "0")])


def test_rows_of_a_batch_without_sessions(duckdb_store: DuckDBStore) -> None:
    found = [Finding("expect_x", passed=False, expected="a=1", actual="2", offenders=["é"])]
    table = tables.INSTRUMENTS
    judged = Judged.of(table, table.empty(), found)
    told = rows("r/now", "contract", judged).row(0, named=True)
    assert (told["from_session"], told["rows"], told["offenders"]) == (None, 0, '["\\u00e9"]')
    record(duckdb_store, Stamp("r", AT), "contract", [judged, judged_of(tables.LEVELS)])
    record(duckdb_store, Stamp("r", AT), "contract", [judged_of(tables.METRICS)])
    record(duckdb_store, Stamp("r2", AT), "contract", [judged])
    assert duckdb_store.count(tables.QUALITY_RESULTS) == 4


def test_the_worker_takes_a_suite() -> None:
    from fundplatform import contract_worker

    wanted = [Expectation("expect_table_row_count_to_be_between", {"min_value": 5})]
    found = contract_worker.start().verify("indices.levels", levels({}), wanted)
    assert [(f.passed, f.actual) for f in found] == [(False, "1")]
