"""One open DuckDB transaction: staged, diffed writes by column name, and reads.

Opening, locking and committing belong to `duckdb.py`; the checks of a frame to `staging.py`.
Each write touches only the part of the table that its slice names (literal bounds, so that
DuckDB skips the other row groups).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

import duckdb
import polars as pl

from fundplatform import packing, tables
from fundplatform.sources.base import SourceSpec
from fundplatform.storage import catalog, change_record
from fundplatform.storage.base import WHOLE, Counts, Slice, Stamp
from fundplatform.storage.sql_text import (
    bounds,
    key_order,
    later,
    literal,
    names,
    select,
    select_count,
    tight,
    withdrawn,
)
from fundplatform.storage.staging import WRITER_STAMPS, days_of, stage
from fundplatform.tables import Table

_STAGED = "_staged"
_NONE: Mapping[str, str] = MappingProxyType({})
# From so many rows on, a text that is the same in all of them is written as a literal.
_MANY = 10_000


def read(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    part: Slice = WHOLE,
    columns: Sequence[str] | None = None,
    *,
    ordered: bool = True,
    as_of: datetime | None = None,
) -> pl.DataFrame:
    """The slice in key order (unless not `ordered`), in the table's exact types.

    `as_of`: as it stood at that instant.

    Raises:
        SchemaError: The slice or `columns` name what the table does not have.
    """
    order = key_order(table, part)
    here = ordered and (columns is None or set(order) <= set(columns))
    sql, wanted = select(table, part, columns, ordered=ordered and not here, as_of=as_of)
    found: pl.DataFrame = connection.sql(sql).pl()
    frame = found.cast({n: table.polars_schema[n] for n in wanted})
    # Twice as fast as ORDER BY; no key column may be NULL, and both order text by its bytes.
    return packing.in_order(frame, order) if here else frame


def count(connection: duckdb.DuckDBPyConnection, table: Table, part: Slice = WHOLE) -> int:
    """Number of rows in the slice."""
    return int(connection.sql(select_count(table, part)).fetchall()[0][0])


class DuckDBWriter:
    """A `Writer` on an open transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, stamp: Stamp) -> None:
        """Write through `connection` with `stamp`."""
        self._connection = connection
        self._stamp = stamp

    def source_id(self, spec: SourceSpec) -> int:
        """See `catalog.source_id`."""
        return catalog.source_id(self, spec)

    def register(
        self, source_id: int, listings: pl.DataFrame, *, stated: bool = False
    ) -> pl.DataFrame:
        """See `catalog.register`."""
        return catalog.register(self, source_id, listings, stated=stated)

    def read(
        self, table: Table, part: Slice = WHOLE, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read inside the transaction: sees its own writes."""
        return read(self._connection, table, part, columns)

    def next_change(self) -> int:
        """See `Writer.next_change`; there is one writer at a time."""
        return change_record.next_number(self)

    def write(self, table: Table, frame: pl.DataFrame, part: Slice) -> Counts:
        """Make the slice equal to the frame; see `Writer.write`.

        Raises:
            SchemaError: The frame does not fit the table or the slice; nothing is written then.
        """
        staged = stage(table, frame, part)
        if table.keeps_absent:
            if not staged.height:
                return Counts()
            part = tight(table, staged, part)
        where = bounds(table, part)
        found = f"(SELECT 1 FROM {table.full_name} WHERE {where} LIMIT 1)"  # noqa: S608
        gone = withdrawn(table, where, self._stamp.recorded_at) if table.revisions else ""
        behind = bool(gone) and self._count(f"({gone} LIMIT 1)") > 0
        if behind or self._count(found):
            self._register(staged)
            counts = self._merge(table, staged.height, where, gone if behind else "")
        else:
            fixed = _fixed(staged)
            self._register(staged.drop(fixed))
            self._insert(table, "", fixed)
            counts = Counts(inserted=staged.height, touched=days_of(table, staged))
        # Not in a `finally`: in an aborted transaction it fails itself and hides the cause.
        self._connection.unregister(_STAGED)
        return counts

    def restore(self, table: Table, frame: pl.DataFrame, part: Slice) -> None:
        """Make the slice hold exactly these rows; see `Writer.restore`."""
        self._connection.execute(f"DELETE FROM {table.full_name} WHERE {bounds(table, part)}")  # noqa: S608
        order = dict.fromkeys(n for n in (table.partition, *table.key) if n)
        self._register(frame.sort(list(order)))
        self._connection.execute(f"INSERT INTO {table.full_name} BY NAME SELECT * FROM {_STAGED}")  # noqa: S608
        self._connection.unregister(_STAGED)

    def _merge(self, table: Table, incoming: int, where: str, withdrawn_later: str) -> Counts:
        self._find_differences(table, where)
        if withdrawn_later:
            same = " AND ".join(f'_diff."{n}" = g."{n}"' for n in table.key)
            self._connection.execute(
                f"UPDATE _diff SET since = g.until FROM ({withdrawn_later}) AS g "  # noqa: S608
                f"WHERE _diff.old IS NULL AND {same}"
            )
        inserted = self._count("_diff WHERE old IS NULL")
        updated = self._count("_diff") - inserted
        removed = 0 if table.keeps_absent else self._find_absent(table, where, incoming - inserted)
        gone = (["SELECT old FROM _diff"] if updated else []) + (
            ["SELECT old FROM _absent"] if removed else []
        )
        came = f"JOIN _diff USING ({names(table.key)})"
        touched = self._days(table, f"{_STAGED} {came}") if inserted or updated else frozenset()
        if gone:
            old = f"{where} AND rowid IN ({' UNION ALL '.join(gone)})"
            touched |= self._days(table, f"{table.full_name} WHERE {old}")
            self._remember(table, old)
            self._connection.execute(f"DELETE FROM {table.full_name} WHERE {old}")  # noqa: S608
        if inserted or updated:
            self._insert(table, came, since="_diff.since")
        return Counts(inserted, updated, incoming - inserted - updated, removed, touched)

    def _days(self, table: Table, source: str) -> frozenset[date]:
        if table.day is None:
            return frozenset()
        sql = f'SELECT DISTINCT "{table.day}" FROM {source}'  # noqa: S608
        return frozenset(d for (d,) in self._connection.sql(sql).fetchall() if d is not None)

    def _count(self, source: str) -> int:
        return int(self._connection.sql(f"SELECT count(*) FROM {source}").fetchall()[0][0])  # noqa: S608

    def _find_differences(self, table: Table, where: str) -> None:
        """Temp table _diff: key, `old` rowid and `since` of rows that are new (NULL) or changed.

        DuckDB holds NaN equal to NaN, and IS DISTINCT FROM holds NULL equal to NULL.
        """
        changed = " OR ".join(f't."{n}" IS DISTINCT FROM s."{n}"' for n in table.values)
        on = " AND ".join(f't."{n}" = s."{n}"' for n in table.key)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _diff AS "  # noqa: S608
            f"SELECT {names(table.key, 's.')}, t.rowid AS old, t.recorded_from AS since "
            f"FROM {_STAGED} s LEFT JOIN (SELECT rowid, "
            f"{names((*table.key, *table.values, WRITER_STAMPS[0]))} FROM {table.full_name} "
            f"WHERE {where}) t ON {on} WHERE t.rowid IS NULL OR {changed or 'false'}"
        )

    def _find_absent(self, table: Table, where: str, matched: int) -> int:
        """Temp table _absent: `old` rowid of the slice's rows that were not brought."""
        absent = self._count(f"{table.full_name} WHERE {where}") - matched
        if absent:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE _absent AS SELECT t.rowid AS old "  # noqa: S608
                f"FROM (SELECT rowid, {names(table.key)} FROM {table.full_name} WHERE {where}) t "
                f"ANTI JOIN {_STAGED} s USING ({names(table.key)})"
            )
        return absent

    def _remember(self, table: Table, old: str) -> None:
        if table.revisions:
            ledger = tables.revisions_of(table).full_name
            until = later(self._stamp.recorded_at, "recorded_from")
            self._connection.execute(
                f"INSERT INTO {ledger} BY NAME "  # noqa: S608
                f"SELECT *, {until} AS recorded_to FROM {table.full_name} WHERE {old}"
            )

    def _register(self, staged: pl.DataFrame) -> None:
        self._connection.register(_STAGED, staged.to_arrow(compat_level=pl.CompatLevel.newest()))

    def _insert(
        self, table: Table, only: str, fixed: Mapping[str, str] = _NONE, since: str | None = None
    ) -> None:
        at, run = WRITER_STAMPS
        own = f'{later(self._stamp.recorded_at, since)} AS "{at}", '
        values = {run: self._stamp.run_id, **fixed}
        own += ", ".join(f'{literal(v)} AS "{n}"' for n, v in values.items())
        order = dict.fromkeys(n for n in (table.partition, *table.key) if n)
        # Staged rows come sorted; a join loses that order.
        self._connection.execute(
            f"INSERT INTO {table.full_name} BY NAME SELECT s.*, {own} FROM {_STAGED} s {only} "  # noqa: S608
            + (f"ORDER BY {names(list(order))}" if only else "")
        )


def _fixed(staged: pl.DataFrame) -> dict[str, str]:
    """The text columns of one value, such as a payload's hash: no need to hand them over by row."""
    if staged.height < _MANY:
        return {}
    texts = [n for n, type_ in staged.schema.items() if type_ == pl.String()]
    varying = packing.telling(staged, texts)
    values = {n: staged[n][0] for n in texts if n not in varying}
    return {n: v for n, v in values.items() if v is not None and "\0" not in v}
