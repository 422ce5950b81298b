"""One open PostgreSQL transaction: staged, diffed writes by column name, and reads.

Opening and committing belong to `timescale.py`; the checks of a frame to `staging.py`. An empty
slice gets a straight binary COPY; else rows go to a temporary table and only differences move.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder

from fundplatform import tables
from fundplatform.errors import SchemaError
from fundplatform.sources.base import SourceSpec
from fundplatform.storage import catalog, change_record, timescale_locks, timescale_quoted
from fundplatform.storage.base import WHOLE, Counts, Slice, Stamp
from fundplatform.storage.sql_text import bounds, later, literal, names, select, tight, withdrawn
from fundplatform.storage.staging import days_of, stage
from fundplatform.storage.timescale_connect import Connection
from fundplatform.storage.timescale_locks import Notify
from fundplatform.tables import Table

# Rows encoded at a time: bounds the memory of a load, and is past the point where more is faster.
_BATCH = 65_536
_FROM = "recorded_from"
_BARS = (tables.OHLCV, tables.VALIDATED)


def encoded(table: Table, frame: pl.DataFrame) -> Iterator[bytes]:
    """The frame as PostgreSQL's binary COPY, piece by piece.

    Raises:
        SchemaError: A column is not exactly of the table's type. The encoder would write its raw
            bits: int64 15 into float8 becomes 7.4e-323, without an error.
    """
    wrong = {n: t for n, t in frame.schema.items() if t != table.polars_schema.get(n)}
    if wrong:
        raise SchemaError(table.full_name, f"not of the exact type: {wrong}", "Cast it first")
    encoder = ArrowToPostgresBinaryEncoder(_arrow(frame.head(0)).schema)
    yield encoder.write_header()
    for piece in frame.iter_slices(_BATCH):
        for batch in _arrow(piece).to_batches():
            yield encoder.write_batch(batch)
    yield encoder.finish()


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class TimescaleWriter:
    """A `Writer` on an open transaction."""

    def __init__(self, connection: Connection, stamp: Stamp, notify: Notify) -> None:
        """Write through `connection` with `stamp`; `notify` is told of waiting."""
        self._connection = connection
        self._stamp = stamp
        self._notify = notify

    def source_id(self, spec: SourceSpec) -> int:
        """See `catalog.source_id`."""
        return catalog.source_id(self, spec, self._lock_ids)

    def register(
        self, source_id: int, listings: pl.DataFrame, *, stated: bool = False
    ) -> pl.DataFrame:
        """See `catalog.register`."""
        return catalog.register(self, source_id, listings, self._lock_ids, stated=stated)

    def next_change(self) -> int:
        """See `Writer.next_change`."""
        timescale_locks.take(self._connection, "numbers of changes", self._notify)
        return change_record.next_number(self)

    def _lock_ids(self) -> None:
        timescale_locks.take(self._connection, "new ids", self._notify)

    def read(
        self, table: Table, part: Slice = WHOLE, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Read inside the transaction: sees its own writes.

        Raises:
            SchemaError: The slice or `columns` name what the table does not have.
        """
        sql, wanted = select(table, part, columns)
        schema = pl.Schema({n: table.polars_schema[n] for n in wanted})
        with self._connection.cursor(binary=True) as cursor:
            rows = cursor.execute(sql.encode()).fetchall()
        return pl.DataFrame(rows, schema=schema, orient="row")

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
        own = " ".join(f"{n}={v}" for n, v in sorted(part.where.items()))
        timescale_locks.take(self._connection, f"{table.full_name} {own}".strip(), self._notify)
        self._fit_chunks(table, staged)
        timescale_quoted.note(self._connection, table, staged)
        where = bounds(table, part)
        gone = withdrawn(table, where, self._stamp.recorded_at) if table.revisions else ""
        behind = bool(gone) and self._any(gone)
        if behind or self._any(f"SELECT 1 FROM {table.full_name} WHERE {where}"):  # noqa: S608
            return self._merge(table, staged, where, gone if behind else "")
        self._copy(table, table.full_name, staged.with_columns(**self._stamps()))
        return Counts(inserted=staged.height, touched=days_of(table, staged))

    def restore(self, table: Table, frame: pl.DataFrame, part: Slice) -> None:
        """Make the slice hold exactly these rows; see `Writer.restore`.

        Raises:
            SchemaError: A column is not exactly of the table's type.
        """
        timescale_locks.take(self._connection, f"{table.full_name}", self._notify)
        self._fit_chunks(table, frame)
        timescale_quoted.note(self._connection, table, frame)
        self._run(f"DELETE FROM {table.full_name} WHERE {bounds(table, part)}")  # noqa: S608
        order = dict.fromkeys(n for n in (table.partition, *table.key) if n)
        self._copy(table, table.full_name, frame.sort(list(order)))

    def _merge(
        self, table: Table, staged: pl.DataFrame, where: str, withdrawn_later: str
    ) -> Counts:
        self._stage(table, staged)
        self._find_differences(table, where)
        if withdrawn_later:
            same = " AND ".join(f'd."{n}" = g."{n}"' for n in table.key)
            self._run(
                f"UPDATE _diff AS d SET _since = g.until FROM ({withdrawn_later}) AS g "  # noqa: S608
                f"WHERE NOT d._known AND {same}"
            )
        changed = self._number("SELECT count(*) FROM _diff")
        updated = self._number("SELECT count(*) FROM _diff WHERE _known") if changed else 0
        inserted = changed - updated
        removed = 0
        touched = self._days(table, "_diff AS t") if changed else frozenset()
        if not table.keeps_absent:
            here = self._number(f"SELECT count(*) FROM {table.full_name} WHERE {where}")  # noqa: S608
            removed = here - (staged.height - inserted)
        if removed:
            absent = f"NOT EXISTS (SELECT FROM _staged s WHERE {_same(table)})"
            touched |= self._days(table, f"{table.full_name} AS t WHERE {where} AND {absent}")
            self._take_out(table, where, absent)
        if updated:
            found = f"EXISTS (SELECT FROM _diff s WHERE s._known AND {_same(table)})"
            touched |= self._days(table, f"{table.full_name} AS t WHERE {where} AND {found}")
            self._take_out(table, where, found)
        if changed:
            self._put_in(table)
        return Counts(inserted, updated, staged.height - changed, removed, touched)

    def _days(self, table: Table, source: str) -> frozenset[date]:
        if table.day is None:
            return frozenset()
        sql = f'SELECT DISTINCT t."{table.day}" FROM {source}'  # noqa: S608
        found = self._connection.execute(sql.encode()).fetchall()
        return frozenset(d for (d,) in found if isinstance(d, date))

    def _fit_chunks(self, table: Table, frame: pl.DataFrame) -> None:
        """Shorter chunks from the first intraday bar on: a year of minutes is too much for one."""
        if table in _BARS and (frame["interval"] != "1d").any():
            self._run(f"SELECT ops.narrow_chunks('{table.full_name}')")

    def _number(self, sql: str) -> int:
        row = self._connection.execute(sql.encode()).fetchone()
        return int(str(row[0])) if row else 0

    def _any(self, sql: str) -> bool:
        return self._number(f"SELECT count(*) FROM ({sql} LIMIT 1) AS any_row") > 0  # noqa: S608

    def _run(self, sql: str) -> None:
        self._connection.execute(sql.encode())

    def _copy(self, table: Table, target: str, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        sql = f"COPY {target} ({names(frame.columns)}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(sql.encode()) as copy:
            for piece in encoded(table, frame):
                copy.write(piece)

    def _stage(self, table: Table, staged: pl.DataFrame) -> None:
        """Temp table _staged with the frame's rows."""
        self._run("DROP TABLE IF EXISTS _staged, _diff")
        self._run(
            f"CREATE TEMP TABLE _staged ON COMMIT DROP AS "  # noqa: S608
            f"SELECT {names(staged.columns)} FROM {table.full_name} WITH NO DATA"
        )
        self._copy(table, "_staged", staged)
        # Without it the planner thinks of a handful of rows, and joins them one by one.
        self._run("ANALYZE _staged")

    def _find_differences(self, table: Table, where: str) -> None:
        """Temp table _diff: rows that are new or, where `_known`, changed `_since` they stand.

        PostgreSQL holds NaN equal to NaN, and IS DISTINCT FROM holds NULL equal to NULL.
        """
        first = f't."{table.key[0]}"'
        changed = " OR ".join(f't."{n}" IS DISTINCT FROM s."{n}"' for n in table.values)
        self._run(
            f"CREATE TEMP TABLE _diff ON COMMIT DROP AS "  # noqa: S608
            f"SELECT s.*, {first} IS NOT NULL AS _known, t.recorded_from AS _since "
            f"FROM _staged s LEFT JOIN (SELECT {names((*table.key, *table.values, _FROM))} "
            f"FROM {table.full_name} WHERE {where}) t "
            f"ON {_same(table)} WHERE {first} IS NULL OR {changed or 'false'}"
        )

    def _take_out(self, table: Table, where: str, which: str) -> None:
        """Delete these rows of the slice; a ledger keeps them."""
        gone = f"DELETE FROM {table.full_name} AS t WHERE {where} AND {which}"  # noqa: S608
        if table.revisions:
            ledger = tables.revisions_of(table)
            columns = names(table.column_names)
            gone = (
                f"WITH gone AS ({gone} RETURNING {names(table.column_names, 't.')}) "  # noqa: S608
                f'INSERT INTO {ledger.full_name} ({columns}, "recorded_to") '
                f"SELECT {columns}, {later(self._stamp.recorded_at, _FROM)} FROM gone"
            )
        self._run(gone)

    def _put_in(self, table: Table) -> None:
        own = f"{later(self._stamp.recorded_at, '_since')}, {literal(self._stamp.run_id)}"
        columns = [n for n in table.column_names if n not in self._stamps()]
        order = dict.fromkeys(n for n in (table.partition, *table.key) if n)
        self._run(
            f"INSERT INTO {table.full_name} ({names([*columns, *self._stamps()])}) "  # noqa: S608
            f"SELECT {names(columns)}, {own} FROM _diff ORDER BY {names(list(order))}"
        )

    def _stamps(self) -> dict[str, pl.Expr]:
        at = pl.lit(self._stamp.recorded_at).cast(pl.Datetime("us", "UTC"))
        return {"recorded_from": at, "run_id": pl.lit(self._stamp.run_id)}


def _same(table: Table) -> str:
    return " AND ".join(f't."{n}" = s."{n}"' for n in table.key)
