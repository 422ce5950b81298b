"""A contract's summary says what Great Expectations says of the whole batch, count by count."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.contracts import Expectation, summary
from fundplatform.expectations import broken, verify
from fundplatform_tests.test_contracts import levels

_REQUIRED = (
    "index_name",
    "session",
    "return_basis",
    "level",
    "drawdown",
    "recorded_from",
    "run_id",
)
# By hand: what is declared of indices.levels, in Great Expectations' own words.
_WHOLE = [
    Expectation(
        "expect_table_columns_to_match_set",
        {"column_set": list(_REQUIRED), "exact_match": True},
    ),
    Expectation(
        "expect_compound_columns_to_be_unique",
        {"column_list": ["index_name", "session", "return_basis"]},
    ),
    Expectation(
        "expect_column_values_to_be_in_set",
        {"column": "return_basis", "value_set": ["price", "gross_total", "net_total"]},
    ),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "level", "min_value": 0, "strict_min": True},
    ),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "drawdown", "min_value": -1, "max_value": 0},
    ),
    *(Expectation("expect_column_values_to_not_be_null", {"column": n}) for n in _REQUIRED),
]
_ORDER = (0, 3, 4, 5, 6)
"""Places in the summary of the first five of `_WHOLE`; at 2 stand the required values."""


@pytest.mark.parametrize(
    "rows",
    [
        [{}, {"level": 990.0, "drawdown": -0.01}],
        [{"session": date(2024, 1, 2)}, {"session": date(2024, 1, 2)}, {}],
        [{"return_basis": "dividends"}, {"return_basis": None}, {"return_basis": "price"}],
        [{"level": -1.0}, {"level": 0.0}, {"level": None}, {"level": float("nan")}],
        [{"drawdown": 0.01}, {"drawdown": -1.5}, {"drawdown": -1.0}, {"drawdown": 0.0}],
        [{"run_id": None}, {"level": None, "drawdown": None}],
        [{"level": float("inf")}, {"level": -float("inf")}],
    ],
)
def test_the_summary_counts_as_great_expectations_does(rows: list[dict[str, Any]]) -> None:
    batch = levels(*rows)
    counted = summary(tables.LEVELS, batch)
    whole = verify("indices.levels", batch, _WHOLE)
    theirs = [f.unexpected or 0 for f in whole]
    assert [counted[n].unexpected for n in _ORDER] == theirs[:5]
    assert counted[2].unexpected == sum(theirs[5:])
    fails = {n for n, f in zip(_ORDER, whole[:5], strict=True) if not f.passed}
    fails |= {2} if any(not f.passed for f in whole[5:]) else set()
    assert set(broken([c.unexpected for c in counted])) == fails


def test_a_doubled_key_among_many_rows_is_counted() -> None:
    """From 10,000 rows on the key is compared as one number (`packing`)."""
    first = date(2000, 1, 1)
    days = pl.date_range(first, first + timedelta(days=11_999), eager=True).alias("session")
    one = levels({}).drop("session")
    batch = one.join(days.to_frame(), how="cross").select(tables.LEVELS.column_names)
    twice = pl.concat([batch, batch.tail(2)])
    counted = summary(tables.LEVELS, twice)
    (place,) = broken([c.unexpected for c in counted])
    assert counted[place].expectation == "expect_compound_columns_to_be_unique"
    assert counted[place].unexpected == 4
