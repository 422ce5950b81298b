"""Contracts: each kind of expectation passes on a good batch and fails on a bad one."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pytest

from fundplatform import tables
from fundplatform.checks import as_result, judge_identity, row_identity
from fundplatform.contracts import SPECIFIC, expectations, verify
from fundplatform.tables import Table

AT = datetime(2024, 1, 3, tzinfo=UTC)
STAMPS = {"recorded_from": AT, "run_id": "r"}
LEVEL = {"index_name": "i", "return_basis": "price", "level": 1000.0, "drawdown": 0.0, **STAMPS}


def levels(*rows: dict[str, Any]) -> pl.DataFrame:
    full = [{**LEVEL, "session": date(2024, 1, 2 + n), **row} for n, row in enumerate(rows)]
    return pl.DataFrame(full, schema=tables.LEVELS.polars_schema)


def failed(table: Table, batch: pl.DataFrame) -> list[str]:
    return [f.expectation for f in verify(table, batch) if not f.passed]


def test_a_good_batch_passes() -> None:
    assert failed(tables.LEVELS, levels({}, {"level": 990.0, "drawdown": -0.01})) == []


def test_an_empty_batch_passes() -> None:
    assert failed(tables.LEVELS, tables.LEVELS.empty()) == []


@pytest.mark.parametrize(
    ("bad", "expectation"),
    [
        ({"level": None}, "expect_multicolumn_values_to_not_be_null"),
        ({"level": -1.0}, "expect_column_values_to_be_between"),
        ({"drawdown": 0.01}, "expect_column_values_to_be_between"),
        ({"return_basis": "dividends"}, "expect_column_values_to_be_in_set"),
        ({"session": date(2024, 1, 2)}, "expect_compound_columns_to_be_unique"),
    ],
)
def test_a_bad_row_fails(bad: dict[str, Any], expectation: str) -> None:
    assert failed(tables.LEVELS, levels({}, bad)) == [expectation]


def test_the_row_that_lacks_a_value_is_shown() -> None:
    batch = levels({}, {"level": None}, {"run_id": None, "drawdown": None})
    (finding,) = [f for f in verify(tables.LEVELS, batch) if not f.passed]
    assert finding.actual == "2 unexpected"
    first, second = finding.offenders
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (str(first["session"])[:10], first["index_name"]) == ("2024-01-03", "i")
    assert [n for n, v in first.items() if pd.isna(v)] == ["level"]
    assert [n for n, v in second.items() if pd.isna(v)] == ["drawdown", "run_id"]


def test_a_row_without_any_value_is_no_exception() -> None:
    nothing = dict.fromkeys(tables.LEVELS.column_names)
    assert "expect_multicolumn_values_to_not_be_null" in failed(tables.LEVELS, levels(nothing))


def test_high_below_low_fails() -> None:
    row = {
        "source_id": 1, "instrument_id": 1, "interval": "1d", "quote": "USD",
        "bar_open_at": AT, "session": date(2024, 1, 2), "open": 10.0, "high": 9.0, "low": 11.0,
        "close": 10.0, "volume": 1.0, "vwap": None, "trade_count": None, "adjustment": "none",
        "known_at": AT, "selected": True, "warnings": None, **STAMPS,
    }  # fmt: skip
    batch = pl.DataFrame([row], schema=tables.VALIDATED.polars_schema)
    assert set(failed(tables.VALIDATED, batch)) == {
        "expect_column_pair_values_a_to_be_greater_than_b"
    }


def test_a_missing_column_fails() -> None:
    found = failed(tables.LEVELS, levels({}).rename({"level": "lvl"}).with_columns(level=1.0))
    assert found == ["expect_table_columns_to_match_set"]


def test_a_check_that_cannot_run_is_an_error_not_a_failed_datum() -> None:
    with pytest.raises(RuntimeError, match="crashed"):
        verify(tables.LEVELS, levels({}).drop("level"))


def test_the_check_shows_expected_actual_and_five_offenders() -> None:
    batch = levels(*({"level": -float(n)} for n in range(1, 9)))
    result = as_result(verify(tables.LEVELS, batch), batch.height)
    assert not result.passed
    table = result.metadata["failures"]
    assert isinstance(table, dg.TableMetadataValue)
    record = table.records[0].data
    assert "min_value" in str(record["expected"])
    assert record["actual"] == "8 unexpected"
    assert str(record["offenders"]).count(";") == 4


def test_every_contract_asks_for_columns_required_values_and_the_key() -> None:
    for table in SPECIFIC:
        kinds = {e.type for e in expectations(table)}
        assert "expect_table_columns_to_match_set" in kinds
        assert "expect_multicolumn_values_to_not_be_null" in kinds
        assert kinds & {
            "expect_compound_columns_to_be_unique",
            "expect_column_values_to_be_unique",
        }


def test_great_expectations_is_imported_only_when_a_contract_runs() -> None:
    code = "import sys, fundplatform.definitions; print('great_expectations' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


def gate(raw: int, rejected: int, validated: int, *, held: bool = False) -> pl.DataFrame:
    row = {
        "source_id": 1, "session": date(2024, 1, 2), "rows_raw": raw, "rows_rejected": rejected,
        "rows_validated": validated, "held": held, "reason": None, **STAMPS,
    }  # fmt: skip
    return pl.DataFrame([row], schema=tables.GATES.polars_schema)


@pytest.mark.parametrize(
    ("gates", "passed"),
    [
        (gate(10, 2, 8), True),
        (gate(10, 2, 7), False),
        (gate(10, 2, 9), False),
        (gate(10, 5, 0, held=True), True),
        (gate(10, 5, 5, held=True), False),
    ],
)
def test_row_identity(gates: pl.DataFrame, passed: bool) -> None:
    assert judge_identity(gates).passed is passed


def test_the_identity_links_the_quality_report(tmp_path: Path) -> None:
    report = tmp_path / "latest.html"
    function = row_identity(report).node_def.compute_fn.decorated_fn  # type: ignore[attr-defined]
    metadata = function(gate(10, 2, 8)).metadata
    assert metadata["quality report"].value == report.as_uri()
    assert metadata["rows raw"].value == 10
