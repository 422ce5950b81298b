"""How the PostgreSQL warehouse is reached: its address without secrets, and two kinds of access.

psycopg for control and writes, ADBC for reads into Arrow. What is done with a connection is not
decided here; what goes wrong is put into words in `timescale_errors.py`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import polars as pl
import psycopg
import pyarrow as pa
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fundplatform.errors import ConfigError
from fundplatform.storage.timescale_errors import STARTING, translated

if TYPE_CHECKING:
    from adbc_driver_manager import AdbcDatabase
    from adbc_driver_manager.dbapi import Connection as ReadConnection

Connection = psycopg.Connection[tuple[object, ...]]

_CONNECT_SECONDS = 10
_START_SECONDS = 30.0
_RETRY_SECONDS = 0.2
_SCHEMES = ("postgresql://", "postgres://")


@dataclass(frozen=True)
class Address:
    """Where the warehouse is. Its text and `repr` never show the password.

    Attributes:
        name: `postgresql://user@host:port/database`, for messages.
        parameters: What libpq is given, the password among it.
        lock_timeout: Seconds to wait for a lock of another session.
    """

    name: str
    parameters: Mapping[str, str] = field(repr=False)
    lock_timeout: float = 120.0

    @classmethod
    def parse(cls, url: str, lock_timeout: float = 120.0) -> "Address":
        """Read a `postgresql://` URL; what it leaves out, libpq takes from PGPASSFILE and PG*.

        Raises:
            ConfigError: Not such a URL. The text is not repeated: it may hold a password.
        """
        problem = ConfigError(
            "environment",
            "FUNDPLATFORM_WAREHOUSE_URL",
            "it is not a PostgreSQL URL",
            "Write it like postgresql://user@host:5432/database",
        )
        if not url.startswith(_SCHEMES):
            raise problem
        try:
            found = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None}
        except psycopg.ProgrammingError:
            raise problem from None
        user = f"{found['user']}@" if "user" in found else ""
        port = f":{found['port']}" if "port" in found else ""
        place = f"{user}{found.get('host', '')}{port}/{found.get('dbname', '')}"
        return cls(f"postgresql://{place}", found, lock_timeout)

    def conninfo(self, program: str, *, read_only: bool) -> str:
        """What libpq connects with; holds the password."""
        wait = f"-c lock_timeout={int(self.lock_timeout * 1000)}"
        # Compiling a query costs a second, and the writes' plans look costly enough to be compiled.
        own = f"-c timezone=UTC -c jit=off {wait}"
        if read_only:
            own += " -c default_transaction_read_only=on"
            own += " -c default_transaction_isolation=repeatable\\ read"
        # The URL's own options come last and win.
        options = f"{own} {self.parameters.get('options', '')}".strip()
        defaults = {"connect_timeout": str(_CONNECT_SECONDS), "application_name": program}
        return make_conninfo("", **{**defaults, **self.parameters, "options": options})


@contextmanager
def connected(
    address: Address, program: str = "fundplatform", *, autocommit: bool = False
) -> Iterator[Connection]:
    """One transaction: commits at the end of the block, rolls back on any exception.

    With `autocommit` each statement is one instead.

    Raises:
        WarehouseError: See `timescale_errors.translated`.
    """
    with translated(address.name):
        connection = _connected(address.conninfo(program, read_only=False))
        connection.autocommit = autocommit
        with connection:
            yield connection


def _connected(conninfo: str) -> Connection:
    """A connection; a server that is starting up is waited for."""
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            # No prepared statements: a pooler between may hand the next one to another session.
            return psycopg.connect(conninfo, prepare_threshold=None)
        except psycopg.OperationalError as error:
            if STARTING not in str(error) or time.monotonic() >= until:
                raise
        time.sleep(_RETRY_SECONDS)


@contextmanager
def reading(address: Address) -> Iterator[Callable[[str], pl.DataFrame]]:
    """What gives the rows of a SELECT: all in one read-only transaction, of what is there now.

    NUMERIC becomes Float64.

    Raises:
        WarehouseError: See `timescale_errors.translated`.
    """
    conninfo = address.conninfo("fundplatform reads", read_only=True)
    with translated(address.name), _connection(conninfo) as connection:

        def fetched(sql: str) -> pl.DataFrame:
            with connection.cursor() as cursor:
                # It is wrapped into COPY (...): no semicolon, and no comment that eats the bracket.
                cursor.execute(sql.rstrip().rstrip(";") + "\n")
                found = cursor.fetch_arrow_table()
            frame = pl.from_arrow(_plain(found))
            if not isinstance(frame, pl.DataFrame):
                raise TypeError(f"a table became {type(frame).__name__}")
            return frame

        yield fetched


def fetch(address: Address, sql: str) -> pl.DataFrame:
    """The rows of one SELECT; see `reading`."""
    with reading(address) as fetched:
        return fetched(sql)


def _connection(conninfo: str) -> "ReadConnection":
    """A connection of its own; what ADBC knows of the server's types is kept for the next one."""
    # 0.1 s, and a process that only writes never needs it.
    from adbc_driver_manager import AdbcConnection, AdbcDatabase, dbapi

    link = AdbcConnection(_types_known(conninfo))
    return dbapi.Connection(cast(AdbcDatabase, _Lasting()), link)


@lru_cache(maxsize=8)
def _types_known(conninfo: str) -> "AdbcDatabase":
    """The server as ADBC sees it. Making it reads all types, 70 ms of CPU; it holds no session."""
    import adbc_driver_postgresql

    database: AdbcDatabase = adbc_driver_postgresql.connect(conninfo)
    return database


class _Lasting:
    """What a connection closes in place of its database, which stays for the next one."""

    def close(self) -> None:
        """Nothing is closed."""


def _plain(found: pa.Table) -> pa.Table:
    """The table without ADBC's opaque type, in which it hands on what Arrow has no type for."""
    for number, column in enumerate(found.schema):
        if isinstance(column.type, pa.OpaqueType):
            stored = pa.chunked_array([c.storage for c in found.column(number).chunks])
            if column.type.type_name == "numeric":
                stored = stored.cast(pa.float64())
            found = found.set_column(number, column.name, stored)
    return found
