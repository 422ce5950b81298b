"""Rows for the views of BI, stated in few words, in either database."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.storage.base import WHOLE, Stamp, Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.tables import Table

DATABASES = ["duckdb", "postgres"]
NOW = datetime(2024, 1, 1, tzinfo=UTC)
Content = Sequence[tuple[Table, pl.DataFrame]]
# What a test does not state.
_FILLER = {
    "int16": 1, "int32": 1, "int64": 1, "float64": 1.0, "text": "x", "date": date(2005, 2, 24),
    "timestamp": NOW, "bool": False,
}  # fmt: skip


def rows(table: Table, *stated: dict[str, object]) -> tuple[Table, pl.DataFrame]:
    """Rows of the table; what is not stated is NULL, or a filler where NULL may not stand."""
    own = [c for c in table.columns if c.name not in ("recorded_from", "run_id")]
    full = [
        {c.name: row.get(c.name, None if c.nullable else _FILLER[c.type]) for c in own}
        for row in stated
    ]
    schema = {c.name: tables.POLARS[c.type] for c in own}
    for row in stated:
        assert set(row) <= set(schema), row
    return table, pl.DataFrame(full, schema=schema)


def bar(session: date, close: float, **more: object) -> dict[str, object]:
    """A daily bar as traded, of one price."""
    at = datetime(session.year, session.month, session.day, tzinfo=UTC)
    base: dict[str, object] = {
        "interval": "1d", "quote": "USD", "session": session, "bar_open_at": at, "close": close,
        "open": close, "high": close, "low": close, "volume": 100.0, "adjustment": "none",
    }  # fmt: skip
    return {**base, **more}


def chosen(session: date, close: float, **more: object) -> dict[str, object]:
    """The selected bar."""
    return {**bar(session, close), "selected": True, **more}


@contextmanager
def filled(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    content: Content,
) -> Iterator[Store]:
    """A published warehouse of the database `request.param` with these rows."""
    with ExitStack() as stack:
        made: Store
        if request.param == "duckdb":
            home = tmp_path_factory.mktemp(name)
            made = DuckDBStore(home / "warehouse.duckdb", home / "published")
            made.migrate()
        else:
            server = request.getfixturevalue("postgres")
            template = request.getfixturevalue("template_database")
            made = TimescaleStore(stack.enter_context(server.database(name, template)))
        with made.transaction(Stamp("r", NOW)) as writer:
            for table, frame in content:
                writer.write(table, frame, WHOLE)
        made.publish()
        yield made


def ask(store: Store, columns: str, view: str, order: str = "") -> Sequence[object]:
    """These columns of a view, ordered by all of them unless said otherwise."""
    by = order or ", ".join(str(n + 1) for n in range(columns.count(",") + 1))
    return store.query(f"SELECT {columns} FROM marts.{view} ORDER BY {by}").rows()
