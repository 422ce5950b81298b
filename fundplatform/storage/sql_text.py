"""SQL text that both databases read alike: literals, column lists, and a slice as a condition.

Literal bounds, not parameters: the planner then leaves out chunks and row groups. No connection.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.storage.base import Slice
from fundplatform.storage.staging import check_slice
from fundplatform.tables import Table, revisions_of

_QUOTED = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*)")


def literal(value: int | str | date | datetime) -> str:
    """A SQL literal; instants with their offset."""
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.isoformat()}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value))


def later(at: datetime, since: str | None) -> str:
    """The instant, or what the column `since` holds, if that is later.

    A version never ends before it began, and the next one begins where it ends, whatever the
    clocks of two hosts say: else both would stand at some instant.
    """
    return f"GREATEST({literal(at)}, {since})" if since else literal(at)


def withdrawn(table: Table, where: str, at: datetime) -> str:
    """A SELECT of key and `until`: rows of the slice that were taken out after `at`.

    What comes back begins there, else both versions would stand at some instant.
    """
    ledger = revisions_of(table).full_name
    return (
        f"SELECT {names(table.key)}, max(recorded_to) AS until FROM {ledger} "  # noqa: S608
        f"WHERE {where} AND recorded_to > {literal(at)} GROUP BY {names(table.key)}"
    )


def names(columns: Sequence[str], of: str = "") -> str:
    """Quoted column names, comma-separated, each after the prefix `of` (as in `t.`)."""
    return ", ".join(f'{of}"{n}"' for n in columns)


def bounds(table: Table, part: Slice) -> str:
    """The slice as a condition with literals; `true` for the whole table."""
    tests = [f'"{name}" = {literal(value)}' for name, value in part.where.items()]
    for name, values in part.among.items():
        listed = ", ".join(map(literal, values)) or "NULL"
        tests.append(f'"{name}" IN ({listed})')
    if table.partition and part.first:
        tests.append(f'"{table.partition}" >= {literal(part.first)}')
    if table.partition and part.last:
        tests.append(f'"{table.partition}" <= {literal(part.last)}')
    return " AND ".join(tests) or "true"


def select(
    table: Table,
    part: Slice,
    columns: Sequence[str] | None,
    *,
    ordered: bool = True,
    as_of: datetime | None = None,
) -> tuple[str, tuple[str, ...]]:
    """The SELECT of a slice, in key order unless not `ordered`, and the columns it gives.

    Args:
        table: The table.
        part: The slice.
        columns: Only these; None for all.
        ordered: In key order.
        as_of: The versions that stood at this instant: those of now and of the ledger with
            recorded_from <= as_of < recorded_to.

    Raises:
        SchemaError: The slice or `columns` name what the table does not have; `as_of` for a table
            without a ledger.
    """
    check_slice(table, part)
    wanted = table.column_names if columns is None else tuple(columns)
    check_slice(table, Slice({n: "" for n in wanted}))
    order = key_order(table, part) if ordered else []
    if as_of is None:
        sql = f"SELECT {names(wanted)} FROM {table.full_name} WHERE {bounds(table, part)}"  # noqa: S608
    else:
        sql = f"SELECT {names(wanted)} FROM ({versions(table, part, as_of)}) AS t"  # noqa: S608
    if order:
        sql += f" ORDER BY {names(order)}"
    return sql, wanted


def versions(table: Table, part: Slice, as_of: datetime) -> str:
    """A SELECT of all columns of the versions that stood at that instant, in no order.

    Raises:
        SchemaError: The table keeps no superseded versions, or the instant has no time zone.
    """
    if not table.revisions:
        raise SchemaError(
            table.full_name,
            "it keeps no superseded versions",
            "What is derived is recomputed: `fundplatform asof`",
        )
    if as_of.tzinfo is None:
        raise SchemaError(table.full_name, f"as_of {as_of} has no time zone", "Pass aware UTC")
    every, at = names(table.column_names), literal(as_of)
    where = f"{bounds(table, part)} AND recorded_from <= {at}"
    return (
        f"SELECT {every} FROM {table.full_name} WHERE {where} UNION ALL "  # noqa: S608
        f"SELECT {every} FROM {revisions_of(table).full_name} WHERE {where} AND recorded_to > {at}"
    )


def key_order(table: Table, part: Slice) -> list[str]:
    """The key columns that the slice leaves open."""
    return [n for n in table.key if n not in part.where]


def select_count(table: Table, part: Slice) -> str:
    """The SELECT of a slice's number of rows.

    Raises:
        SchemaError: The slice names what the table does not have.
    """
    check_slice(table, part)
    return f"SELECT count(*) FROM {table.full_name} WHERE {bounds(table, part)}"  # noqa: S608


def tight(table: Table, staged: pl.DataFrame, part: Slice) -> Slice:
    """Where absent rows stay, only the sessions that came need to be compared."""
    if table.partition is None:
        return part
    days = staged[table.partition]
    first, last = days.min(), days.max()
    if not isinstance(first, date) or not isinstance(last, date):
        return part
    return Slice(part.where, first, last)


def bind(sql: str, parameters: Sequence[object]) -> str:
    """The query with each `?` outside quotes and comments replaced by a literal.

    Raises:
        ValueError: Another number of `?` than of parameters, or a value without a literal form.
    """
    pieces = _QUOTED.split(sql)
    wanted = sum(piece.count("?") for piece in pieces[::2])
    if wanted != len(parameters):
        raise ValueError(f"{len(parameters)} parameters for {wanted} ? in the query")
    values = iter([_any_literal(v) for v in parameters])
    pieces[::2] = [re.sub(r"\?", lambda _: next(values), piece) for piece in pieces[::2]]
    return "".join(pieces)


def _any_literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE PRECISION)"
    if isinstance(value, int | str | date):
        return literal(value)
    raise ValueError(f"{type(value).__name__} has no literal form")
