"""The contract of each main table as Great Expectations, derived from `tables.py`.

Contracts hold a batch that was just written against its declaration. They never decide which row
is quarantined (that is `finance/rules.py`). Great Expectations is imported inside `verify` only:
its import costs seconds.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl

from fundplatform import tables
from fundplatform.late_imports import postponed
from fundplatform.tables import Table


@dataclass(frozen=True)
class Expectation:
    """One expectation: its Great Expectations type and arguments."""

    type: str
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """How one expectation went.

    Attributes:
        expectation: Type and columns, readable.
        expected: What must hold.
        actual: What was found (number of unexpected values, or the observed value).
        offenders: Up to five offending values.
        unexpected: Values that broke it; None where it does not count them.
    """

    expectation: str
    passed: bool
    expected: str
    actual: str
    offenders: Sequence[object] = ()
    unexpected: int | None = None


def _between(column: str, low: float | None, high: float | None) -> Expectation:
    return Expectation(
        "expect_column_values_to_be_between",
        {"column": column, "min_value": low, "max_value": high},
    )


def _at_least(column: str, other: str) -> Expectation:
    return Expectation(
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": column, "column_B": other, "or_equal": True},
    )


def _one_of(column: str, *values: str) -> Expectation:
    return Expectation(
        "expect_column_values_to_be_in_set", {"column": column, "value_set": list(values)}
    )


_BASIS = _one_of("return_basis", "price", "gross_total", "net_total")

SPECIFIC: dict[Table, tuple[Expectation, ...]] = {
    tables.VALIDATED: (
        _at_least("high", "low"),
        _at_least("high", "close"),
        _at_least("close", "low"),
        _between("volume", 0, None),
        _one_of("adjustment", "none", "split", "split_div"),
    ),
    tables.COMPOSITIONS: (_between("target_weight", 0, 1), _between("rank", 1, None)),
    tables.PERFORMANCE: (
        _BASIS,
        _between("session_return", -1, None),
        _between("turnover", 0, 1 + 1e-9),
    ),
    tables.LEVELS: (_BASIS, _between("level", 1e-9, None), _between("drawdown", -1, 0)),
    tables.METRICS: (
        _BASIS,
        _one_of("frame", "1M", "3M", "6M", "YTD", "1Y", "3Y", "5Y", "10Y", "ALL"),
        _between("max_drawdown", -1, 0),
        _between("volatility", 0, None),
        _between("total_return", -1, None),
    ),
    tables.INSTRUMENTS: (_at_least("valid_to", "valid_from"),),
    tables.ACTIONS: (_between("ratio", 1e-9, None), _between("amount", 0, None)),
    tables.ADJUSTMENT_FACTORS: (
        _at_least("to_session", "from_session"),
        _between("split_factor", 1e-9, None),
    ),
}
"""The tables under contract, with what `tables.py` cannot say."""


def expectations(table: Table) -> list[Expectation]:
    """Columns, required values, the unique key, and the table's own rules."""
    required = [c.name for c in table.columns if not c.nullable]
    return [
        Expectation(
            "expect_table_columns_to_match_set",
            {"column_set": list(table.column_names), "exact_match": True},
        ),
        Expectation("expect_multicolumn_values_to_not_be_null", {"column_list": required}),
        Expectation(
            "expect_compound_columns_to_be_unique"
            if len(table.key) > 1
            else "expect_column_values_to_be_unique",
            {"column_list": list(table.key)} if len(table.key) > 1 else {"column": table.key[0]},
        ),
        *SPECIFIC.get(table, ()),
    ]


def prepare() -> None:
    """Import what `verify` needs, ahead of the first batch."""
    _great_expectations()


def verify(
    table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation] | None = None
) -> list[Finding]:
    """Hold a batch against the table's contract, or `wanted`; one finding per expectation."""
    wanted = expectations(table) if wanted is None else wanted
    results = _validate(table, batch, wanted)
    return [_finding(e, r) for e, r in zip(wanted, results, strict=True)]


@cache
def _great_expectations() -> Any:  # noqa: ANN401  (an untyped library)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # For expectations that no contract has; a third of the time that the import takes.
    with postponed("altair", "scipy.stats"):
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.execution_engine import pandas_execution_engine

        import fundplatform.expectations  # noqa: F401  (registers them)

    # A fingerprint of the batch's values that nobody reads: half of a contract's time.
    pandas_execution_engine.HASH_THRESHOLD = 0
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@cache
def _batch_definition(name: str) -> Any:  # noqa: ANN401
    """Made once per table: it writes the whole context's configuration anew each time."""
    source = _great_expectations().data_sources.add_or_update_pandas(name)
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("batch")


def _validate(table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation]) -> list[Any]:
    definition = _batch_definition(table.full_name)
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = gx.ExpectationSuite(
        name=table.full_name,
        expectations=[
            ExpectationConfiguration(type=e.type, kwargs=e.kwargs, meta={"n": n}).to_domain_obj()
            for n, e in enumerate(wanted)
        ],
    )
    frame = definition.get_batch(batch_parameters={"dataframe": batch.to_pandas()})
    outcome = frame.validate(
        suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 5}
    )
    # Results come in an order of their own.
    return sorted(outcome.results, key=lambda r: int(r.expectation_config.meta["n"]))


def _finding(expectation: Expectation, result: Any) -> Finding:  # noqa: ANN401
    info = result.exception_info or {}
    crashed = (
        info.get("raised_exception")
        if "raised_exception" in info
        else any(v.get("raised_exception") for v in info.values() if isinstance(v, dict))
    )
    if crashed:
        raise RuntimeError(f"{expectation.type} {expectation.kwargs} crashed: {info}")
    details = result.result or {}
    wrong = details.get("unexpected_count")
    return Finding(
        expectation=expectation.type,
        passed=bool(result.success),
        expected=", ".join(f"{k}={v}" for k, v in expectation.kwargs.items() if v is not None),
        actual=str(details.get("observed_value", f"{wrong or 0} unexpected")),
        offenders=list(details.get("partial_unexpected_list") or [])[:5],
        unexpected=None if wrong is None else int(wrong),
    )
