"""What a frame must be before any store writes it: exact types, required values, unique keys.

Shared by every `Store`; no SQL. In: a frame, its table and the slice. Out: the frame in the
table's columns (without the writer's stamps), sorted by partition and key, or a `SchemaError`.
"""

from dataclasses import replace
from datetime import date
from functools import cache

import polars as pl

from fundplatform import packing, tables
from fundplatform.errors import SchemaError
from fundplatform.storage.base import Slice
from fundplatform.tables import Table

WRITER_STAMPS = ("recorded_from", "run_id")
"""The columns that the writer fills in itself."""

_SHOWN = 5


def stage(table: Table, frame: pl.DataFrame, part: Slice) -> pl.DataFrame:
    """The frame as it may be written into the slice.

    Returns:
        All columns but recorded_from and run_id, in the table's order and exact types, sorted by
        partition column and key.

    Raises:
        SchemaError: Missing or unknown columns, a cast that would change a value, a NULL in a
            required column, a row outside the slice, or a doubled key.
    """
    own = _without_stamps(table)
    check_slice(table, part)
    if part.among:
        raise SchemaError(table.full_name, "a slice by `among` is to be read", "Write by `where`")
    _check_types(own, frame)
    staged = tables.cast(own, frame)
    _check_lossless(own, frame, staged)
    _check_required(own, staged)
    _check_inside(own, staged, part)
    _check_keys(own, staged, part)
    return packing.in_order(staged, _order(table, part))


def check_slice(table: Table, part: Slice) -> None:
    """Refuse a slice that names what the table does not have.

    Raises:
        SchemaError: An unknown column, or dates for a table without a partition column.
    """
    unknown = [n for n in (*part.where, *part.among) if n not in table.column_names]
    if unknown:
        raise SchemaError(table.full_name, f"the slice names {unknown}", "Use its own columns")
    if table.partition is None and (part.first or part.last):
        raise SchemaError(
            table.full_name, "the slice has dates, the table no partition column", "Use WHOLE"
        )


@cache
def _without_stamps(table: Table) -> Table:
    return replace(table, columns=tuple(c for c in table.columns if c.name not in WRITER_STAMPS))


def _order(table: Table, part: Slice) -> list[str]:
    """Partition column, then the key; columns that the slice fixes need no sorting."""
    names = [table.partition, *table.key] if table.partition else [*table.key]
    return list(dict.fromkeys(n for n in names if n not in part.where)) or [table.key[0]]


def _castable(found: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether values may carry over: numbers to numbers, text to text, instants to instants.

    A naive datetime is no instant, and text is parsed by sources, not by the warehouse.
    """
    if found == pl.Null or found == wanted:
        return True
    if found.is_numeric() and wanted.is_numeric():
        return True
    if isinstance(found, pl.Categorical | pl.Enum):
        return wanted == pl.String
    return (
        isinstance(found, pl.Datetime)
        and found.time_zone is not None
        and (isinstance(wanted, pl.Datetime))
    )


def _check_types(table: Table, frame: pl.DataFrame) -> None:
    for name, wanted in table.polars_schema.items():
        found = frame.schema.get(name)
        if found is not None and not _castable(found, wanted):
            raise SchemaError(
                table.full_name, f"column {name} is {found}, not {wanted}", "Cast it by meaning"
            )


def _check_lossless(table: Table, frame: pl.DataFrame, staged: pl.DataFrame) -> None:
    for name, wanted in table.polars_schema.items():
        found = frame.schema[name]
        if found == wanted or isinstance(found, pl.Categorical | pl.Enum) or found == pl.Null:
            continue
        lost = frame[name].ne_missing(staged[name].cast(found))
        if lost.any():
            values = frame[name].filter(lost).head(_SHOWN).to_list()
            raise SchemaError(
                table.full_name,
                f"column {name}: {lost.sum()} values do not fit {wanted} exactly, such as {values}",
                "Round or widen them first",
            )


def _check_required(table: Table, staged: pl.DataFrame) -> None:
    required = [c.name for c in table.columns if not c.nullable]
    holes = {n: staged[n].null_count() for n in required if staged[n].null_count()}
    if holes:
        raise SchemaError(
            table.full_name, f"NULL in required columns (rows): {holes}", "Fill or reject them"
        )


def _check_inside(table: Table, staged: pl.DataFrame, part: Slice) -> None:
    tests = [pl.col(name) != value for name, value in part.where.items()]
    if table.partition and part.first:
        tests.append(pl.col(table.partition) < part.first)
    if table.partition and part.last:
        tests.append(pl.col(table.partition) > part.last)
    if not tests or not staged.height:
        return
    outside = staged.select(pl.any_horizontal(tests)).to_series()
    if outside.any():
        found = staged.filter(outside)
        shown = list(dict.fromkeys(n for n in (*table.key, table.partition) if n))
        raise SchemaError(
            table.full_name,
            f"{found.height} rows outside the slice {part}, such as "
            f"{found.select(shown).head(_SHOWN).rows()}",
            "Return only rows of the slice that was asked for",
        )


def _check_keys(table: Table, staged: pl.DataFrame, part: Slice) -> None:
    if staged.height < 2:
        return
    free = [n for n in table.key if n not in part.where]
    # Columns of one value (interval, quote) cannot tell rows apart; leaving them out is 6x faster.
    telling = packing.telling(staged, free)
    place = packing.packed(staged, telling)
    different = staged.select(telling).n_unique() if place is None else place.n_unique()
    if telling and different == staged.height:
        return
    doubled = staged.group_by(table.key).len().filter(pl.col("len") > 1).sort(table.key)
    raise SchemaError(
        table.full_name,
        f"{doubled.height} doubled keys {list(table.key)}, such as {doubled.head(_SHOWN).rows()}",
        "Keep one row per key, or reject the conflicting ones",
    )


def days_of(table: Table, staged: pl.DataFrame) -> frozenset[date]:
    """The days (`Table.day`) of the rows."""
    return frozenset() if table.day is None else frozenset(staged[table.day].drop_nulls().unique())
