"""The contract of a table: clauses made of `tables.py` and `contract_terms.py`, and their summary.

A batch that was just written is counted once, in polars; Great Expectations judges the counts
(`expectations.py`), so that a contract costs the same for ten rows and ten million. What the rules
say of stored bars is added by `rule_clauses.py`. No row is put into quarantine here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from fundplatform import contract_terms, packing
from fundplatform.tables import Table

SHOWN = 5
"""Offenders that are kept of each clause."""


@dataclass(frozen=True)
class Expectation:
    """One expectation of a user's suite: its Great Expectations type and arguments."""

    type: str
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """How one expectation went.

    Attributes:
        expectation: Great Expectations' type.
        expected: What must hold.
        actual: What was found (number of unexpected values, or the observed value).
        offenders: Up to five offending values or rows.
        unexpected: Values that broke it; None where it does not count them.
    """

    expectation: str
    passed: bool
    expected: str
    actual: str
    offenders: Sequence[object] = ()
    unexpected: int | None = None


@dataclass(frozen=True)
class Clause:
    """What must hold of each row.

    Attributes:
        expectation: Great Expectations' name for it.
        expected: The rest of it, in words or numbers.
        columns: Columns it looks at: shown of offenders beside the key.
        breaks: True where a row breaks it; NULL and False where not.
        count: Values that break it, as one number.
    """

    expectation: str
    expected: str
    columns: tuple[str, ...]
    breaks: pl.Expr
    count: pl.Expr


@dataclass(frozen=True)
class Counted:
    """A clause held against a batch, not yet judged.

    Attributes:
        unexpected: Values that break it; None where it could not be counted.
        actual: What was found, in words.
        offenders: Up to `SHOWN` of them.
    """

    expectation: str
    expected: str
    unexpected: int | None
    actual: str
    offenders: tuple[object, ...] = ()


def clauses(table: Table) -> list[Clause]:
    """What rows must keep to: required values, a unique key, allowed values, ranges, pairs."""
    made = [_required(table), _unique(table)]
    for column in table.columns:
        told = contract_terms.terms(table, column)
        if told.one_of is not None:
            made.append(_one_of(column.name, told.one_of))
        if told.between is not None:
            made.append(_between(column.name, *told.between))
    pairs = contract_terms.AT_LEAST.get(table.full_name, ())
    return [*made, *(_at_least(a, b) for a, b in pairs)]


def summary(table: Table, batch: pl.DataFrame) -> list[Counted]:
    """The batch held against the table's columns, their types, and every clause, in one pass."""
    if batch.height and set(table.key) <= set(batch.columns):
        batch = batch.with_columns(packing.copies(batch, table.key).alias(_COPIES))
    else:
        batch = batch.with_columns(pl.lit(1).alias(_COPIES))
    wanted = clauses(table)
    sound = {n for n, t in table.polars_schema.items() if batch.schema.get(n) == t}
    able = [c for c in wanted if sound.issuperset(c.columns)]
    counts = batch.select(c.count.alias(str(n)) for n, c in enumerate(able)).row(0)
    found = {id(c): int(n or 0) for c, n in zip(able, counts, strict=True)}
    return [
        *_structure(table, batch.drop(_COPIES)),
        *(_counted(table, batch, c, found.get(id(c))) for c in wanted),
    ]


def findings(counted: Iterable[Counted], broken: Iterable[int]) -> list[Finding]:
    """What was counted, with the verdict: `broken` are the places of those that do not hold."""
    wrong = set(broken)
    return [
        Finding(c.expectation, n not in wrong, c.expected, c.actual, c.offenders, c.unexpected)
        for n, c in enumerate(counted)
    ]


def rows_of(batch: pl.DataFrame, columns: Iterable[str]) -> tuple[object, ...]:
    """The first rows of a frame of offenders, as mappings."""
    shown = [n for n in dict.fromkeys(columns) if n in batch.columns]
    return tuple(batch.head(SHOWN).select(shown).iter_rows(named=True))


_COPIES = "_copies"


def _required(table: Table) -> Clause:
    names = tuple(c.name for c in table.columns if not c.nullable)
    floats = {c.name for c in table.columns if c.type == "float64"}

    def missing(name: str) -> pl.Expr:
        value = pl.col(name)
        # NaN is no value: Great Expectations, too, takes it for a missing one.
        return value.is_null() | value.is_nan() if name in floats else value.is_null()

    def number(name: str) -> pl.Expr:
        value = pl.col(name)
        nulls = value.null_count()
        return nulls + value.is_nan().sum() if name in floats else nulls

    return Clause(
        "expect_column_values_to_not_be_null",
        f"columns={', '.join(names)}",
        names,
        pl.any_horizontal(missing(n) for n in names),
        pl.sum_horizontal(number(n) for n in names),
    )


def _unique(table: Table) -> Clause:
    several = len(table.key) > 1
    kind = (
        "expect_compound_columns_to_be_unique" if several else "expect_column_values_to_be_unique"
    )
    return _clause(kind, f"columns={', '.join(table.key)}", table.key, pl.col(_COPIES) > 1)


def _one_of(name: str, values: tuple[str, ...]) -> Clause:
    breaks = ~pl.col(name).is_in(list(values))
    kind = "expect_column_values_to_be_in_set"
    return _clause(kind, f"column={name}, value_set={list(values)}", (name,), breaks)


def _between(name: str, low: float | None, high: float | None) -> Clause:
    value = pl.col(name).cast(pl.Float64)
    own: list[tuple[str, pl.Expr]] = []
    if low is not None:
        own.append((f"min_value={low:g}", value < low))
    if high is not None:
        own.append((f"max_value={high:g}", value > high))
    expected = ", ".join([f"column={name}", *(text for text, _ in own)])
    # polars puts NaN above every number.
    breaks = pl.any_horizontal(b for _, b in own) & ~value.is_nan()
    return _clause("expect_column_values_to_be_between", expected, (name,), breaks)


def _at_least(name: str, other: str) -> Clause:
    return _clause(
        "expect_column_pair_values_a_to_be_greater_than_b",
        f"column_A={name}, column_B={other}, or_equal=True",
        (name, other),
        pl.col(name) < pl.col(other),
    )


def _clause(kind: str, expected: str, columns: tuple[str, ...], breaks: pl.Expr) -> Clause:
    return Clause(kind, expected, columns, breaks, breaks.sum())


def _structure(table: Table, batch: pl.DataFrame) -> list[Counted]:
    """Exactly the declared columns, in the declared types."""
    declared = table.polars_schema
    astray = sorted(set(declared) ^ set(batch.columns))
    other = [n for n, t in declared.items() if n in batch.columns and batch.schema[n] != t]
    return [
        Counted(
            "expect_table_columns_to_match_set",
            f"column_set={list(declared)}, exact_match=True",
            len(astray),
            f"{len(astray)} unexpected or missing",
            tuple(astray[:SHOWN]),
        ),
        Counted(
            "expect_column_values_to_be_of_type",
            "the types of tables.py",
            len(other),
            f"{len(other)} of another type",
            tuple(f"{n}: {batch.schema[n]}, not {declared[n]}" for n in other[:SHOWN]),
        ),
    ]


def _counted(table: Table, batch: pl.DataFrame, clause: Clause, number: int | None) -> Counted:
    said = clause.expectation, clause.expected
    if number is None:
        absent = [n for n in clause.columns if n not in batch.columns]
        why = f"no column {', '.join(absent)}" if absent else "a column has another type"
        return Counted(*said, None, f"cannot be counted: {why}")
    broken = batch.filter(clause.breaks) if number else batch.clear()
    offenders = rows_of(broken, [*table.key, *clause.columns])
    return Counted(*said, number, f"{number} unexpected", offenders)
