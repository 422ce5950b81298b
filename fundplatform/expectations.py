"""Expectations of our own, registered with Great Expectations by importing this module.

`contracts.py` imports it together with Great Expectations, never before.
"""

from typing import Any, Literal

import pandas as pd
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import MulticolumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_condition_partial import (  # noqa: E501
    multicolumn_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.multicolumn_map_metric_provider import (  # noqa: E501
    MulticolumnMapMetricProvider,
)


class MulticolumnValuesPresent(MulticolumnMapMetricProvider):
    """Which rows have a value in every one of some columns."""

    condition_metric_name = "multicolumn_values.present"
    condition_domain_keys = (
        "batch_id", "table", "column_list", "row_condition", "condition_parser", "ignore_row_if",
    )  # fmt: skip

    @multicolumn_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column_list: pd.DataFrame, **_: Any) -> "pd.Series[bool]":  # noqa: ANN401
        return column_list.notna().all(axis=1)


class ExpectMulticolumnValuesToNotBeNull(MulticolumnMapExpectation):
    """Every row has a value in each of the columns.

    One for all columns: each expectation of Great Expectations costs about 10 ms however few the
    rows, and most of a contract was one expectation per required column.
    """

    map_metric = "multicolumn_values.present"
    ignore_row_if: Literal["all_values_are_missing", "any_value_is_missing", "never"] = "never"
