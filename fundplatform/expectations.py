"""Great Expectations: the one module that runs it. It judges summaries and users' suites.

In: a summary of clauses (`contracts.py`), or a batch and a suite. Out: which clauses are broken, or
findings. Its import costs seconds, so it is imported inside functions only; no row is put into
quarantine by what it says (that is `finance/rules/`).
"""

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import polars as pl

from fundplatform.contracts import SHOWN, Expectation, Finding
from fundplatform.late_imports import postponed

_NUMBER = "clause"
_CONTRACT = (
    Expectation("expect_column_values_to_not_be_null", {"column": "unexpected"}),
    Expectation(
        "expect_column_values_to_be_between",
        {"column": "unexpected", "min_value": 0, "max_value": 0},
    ),
)
"""What a summary must keep to: every clause could be counted, and nothing breaks any."""
_BASIC = {"result_format": "BASIC", "partial_unexpected_count": SHOWN}
_COMPLETE = {"result_format": "COMPLETE", "unexpected_index_column_names": [_NUMBER]}


def prepare() -> None:
    """Import what is needed, ahead of the first batch."""
    _great_expectations()


def verify(name: str, batch: pl.DataFrame, wanted: Sequence[Expectation]) -> list[Finding]:
    """Hold a batch of the table `name` against a suite; one finding per expectation.

    Raises:
        RuntimeError: An expectation crashed: it names a column that is not there, for example.
    """
    results = _validate(name, batch, wanted, _BASIC)
    return [_finding(e, r) for e, r in zip(wanted, results, strict=True)]


def broken(counts: Sequence[int | None]) -> list[int]:
    """The places of the clauses that do not hold.

    Args:
        counts: Of each clause the values that break it; None where it could not be counted.

    Raises:
        RuntimeError: Great Expectations could not judge the summary.
    """
    if not counts:
        return []
    frame = pl.DataFrame(
        {_NUMBER: range(len(counts)), "unexpected": counts},
        schema={_NUMBER: pl.Int64, "unexpected": pl.Int64},
    )
    results = _validate("summary", frame, _CONTRACT, _COMPLETE)
    for expectation, result in zip(_CONTRACT, results, strict=True):
        _finding(expectation, result)
    rows = (row for r in results for row in r.result.get("unexpected_index_list") or ())
    return sorted({int(row[_NUMBER]) for row in rows})


@cache
def _great_expectations() -> Any:  # noqa: ANN401  (an untyped library)
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    # For expectations that no contract has; a third of the time that the import takes.
    with postponed("altair", "scipy.stats"):
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.execution_engine import pandas_execution_engine

    # A fingerprint of the batch's values that nobody reads: half of a suite's time.
    pandas_execution_engine.HASH_THRESHOLD = 0
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


@cache
def _batch_definition(name: str) -> Any:  # noqa: ANN401
    """Made once per table: it writes the whole context's configuration anew each time."""
    source = _great_expectations().data_sources.add_or_update_pandas(name)
    return source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("batch")


def _validate(
    name: str, batch: pl.DataFrame, wanted: Sequence[Expectation], result_format: dict[str, Any]
) -> list[Any]:
    definition = _batch_definition(name)
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            ExpectationConfiguration(type=e.type, kwargs=e.kwargs, meta={"n": n}).to_domain_obj()
            for n, e in enumerate(wanted)
        ],
    )
    frame = definition.get_batch(batch_parameters={"dataframe": batch.to_pandas()})
    outcome = frame.validate(suite, result_format=result_format)
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
        offenders=list(details.get("partial_unexpected_list") or [])[:SHOWN],
        unexpected=None if wrong is None else int(wrong),
    )
