"""Contracts: each kind of clause passes on a good batch and fails on a bad one.

That Great Expectations says the same of the whole batch as of its summary: `test_summaries.py`.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from fundplatform import contract_terms, tables
from fundplatform.checks import as_result, judge_identity, row_identity
from fundplatform.contracts import Finding, findings, summary
from fundplatform.expectations import broken
from fundplatform.identity_review import MERGED
from fundplatform.tables import Table

AT = datetime(2024, 1, 3, tzinfo=UTC)
STAMPS = {"recorded_from": AT, "run_id": "r"}
LEVEL = {"index_name": "i", "return_basis": "price", "level": 1000.0, "drawdown": 0.0, **STAMPS}


def levels(*rows: dict[str, Any]) -> pl.DataFrame:
    full = [{**LEVEL, "session": date(2024, 1, 2 + n), **row} for n, row in enumerate(rows)]
    return pl.DataFrame(full, schema=tables.LEVELS.polars_schema)


def found(table: Table, batch: pl.DataFrame) -> list[Finding]:
    counted = summary(table, batch)
    return findings(counted, broken([c.unexpected for c in counted]))


def failed(table: Table, batch: pl.DataFrame) -> list[str]:
    return [f.expectation for f in found(table, batch) if not f.passed]


def test_a_good_batch_passes() -> None:
    assert failed(tables.LEVELS, levels({}, {"level": 990.0, "drawdown": -0.01})) == []


def test_an_empty_batch_passes() -> None:
    assert failed(tables.LEVELS, tables.LEVELS.empty()) == []


@pytest.mark.parametrize(
    ("bad", "expectation"),
    [
        ({"level": None}, "expect_column_values_to_not_be_null"),
        ({"level": -1.0}, "expect_column_values_to_be_between"),
        ({"drawdown": 0.01}, "expect_column_values_to_be_between"),
        ({"return_basis": "dividends"}, "expect_column_values_to_be_in_set"),
        ({"session": date(2024, 1, 2)}, "expect_compound_columns_to_be_unique"),
    ],
)
def test_a_bad_row_fails(bad: dict[str, Any], expectation: str) -> None:
    assert failed(tables.LEVELS, levels({}, bad)) == [expectation]


def test_the_row_that_lacks_a_value_is_shown() -> None:
    batch = levels({}, {"level": None}, {"run_id": None, "drawdown": float("nan")})
    (finding,) = [f for f in found(tables.LEVELS, batch) if not f.passed]
    assert (finding.actual, finding.unexpected) == ("3 unexpected", 3)
    first, second = finding.offenders
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert (first["session"], first["index_name"], first["level"]) == (date(2024, 1, 3), "i", None)
    assert second["run_id"] is None


def test_a_row_without_any_value_is_no_exception() -> None:
    nothing = dict.fromkeys(tables.LEVELS.column_names)
    assert failed(tables.LEVELS, levels(nothing)) == ["expect_column_values_to_not_be_null"]


def test_a_pair_the_wrong_way_round_fails() -> None:
    row = {
        "instrument_id": 1, "from_session": date(2024, 1, 3), "to_session": date(2024, 1, 2),
        "split_factor": 0.5, **STAMPS,
    }  # fmt: skip
    batch = pl.DataFrame([row], schema=tables.ADJUSTMENT_FACTORS.polars_schema)
    assert failed(tables.ADJUSTMENT_FACTORS, batch) == [
        "expect_column_pair_values_a_to_be_greater_than_b"
    ]


def test_a_missing_column_fails_whatever_looks_at_it() -> None:
    batch = levels({}).rename({"level": "lvl"})
    bad = [f for f in found(tables.LEVELS, batch) if not f.passed]
    assert [(f.expectation, f.actual) for f in bad] == [
        ("expect_table_columns_to_match_set", "2 unexpected or missing"),
        ("expect_column_values_to_not_be_null", "cannot be counted: no column level"),
        ("expect_column_values_to_be_between", "cannot be counted: no column level"),
    ]


def test_a_column_of_another_type_fails() -> None:
    batch = levels({}).with_columns(pl.col("drawdown").cast(pl.String))
    bad = [f for f in found(tables.LEVELS, batch) if not f.passed]
    assert bad[0].expectation == "expect_column_values_to_be_of_type"
    assert bad[0].offenders == ("drawdown: String, not Float64",)
    assert {f.actual for f in bad[1:]} == {"cannot be counted: a column has another type"}


def test_the_check_shows_expected_actual_and_five_offenders() -> None:
    batch = levels(*({"level": -float(n)} for n in range(1, 9)))
    result = as_result(found(tables.LEVELS, batch), batch.height)
    assert not result.passed
    table = result.metadata["failures"]
    assert isinstance(table, dg.TableMetadataValue)
    record = table.records[0].data
    assert "min_value" in str(record["expected"])
    assert record["actual"] == "8 unexpected"
    assert str(record["offenders"]).count(";") == 4


def test_every_table_has_columns_types_required_values_and_the_key_in_its_contract() -> None:
    for table in tables.TABLES:
        kinds = [c.expectation for c in summary(table, table.empty())]
        assert kinds[:3] == [
            "expect_table_columns_to_match_set",
            "expect_column_values_to_be_of_type",
            "expect_column_values_to_not_be_null",
        ]
        assert kinds[3] in (
            "expect_compound_columns_to_be_unique",
            "expect_column_values_to_be_unique",
        )


def test_an_instrument_that_was_merged_breaks_no_contract() -> None:
    assert MERGED in contract_terms.ONE_OF["catalog.instruments", "asset_class"]


def test_every_term_is_about_a_column_that_there_is() -> None:
    by_name = {t.full_name: set(t.column_names) for t in tables.TABLES}
    every = set().union(*by_name.values())
    for table, column in [*contract_terms.ONE_OF, *contract_terms.BETWEEN]:
        assert column in by_name.get(table, every if table == "*" else ()), (table, column)
    for table, pairs in contract_terms.AT_LEAST.items():
        assert {n for pair in pairs for n in pair} <= by_name[table], table


def term_cases() -> list[tuple[Table, str, object]]:
    """A value that each term refuses."""
    cases: list[tuple[Table, str, object]] = []
    for table in tables.TABLES:
        for column in table.columns:
            told = contract_terms.terms(table, column)
            if told.one_of:
                cases.append((table, column.name, "no such value"))
            if told.between:
                low, high = told.between
                cases.append((table, column.name, (high or 0) + 1 if low is None else low - 1))
    return cases


def test_every_term_refuses_something() -> None:
    for table, column, bad in term_cases():
        own = {column: table.polars_schema[column]}
        row = pl.DataFrame({column: [bad]}, schema=own, strict=False)
        batch = pl.concat([table.empty(), row], how="diagonal")
        counted = [c for c in summary(table, batch) if f"column={column}," in c.expected]
        assert [c.unexpected for c in counted] == [1], (table.full_name, column)


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
