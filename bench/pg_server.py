"""A PostgreSQL server for the cases that need one, and rows to put into it.

The server is the tests' own: Debian's package (or FUNDPLATFORM_POSTGRES_BIN, which may have
TimescaleDB), a fresh cluster, fsync off. REF pays for no fsync either.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, ParamSpec, TypeVar

import numpy as np
import polars as pl
import psutil
import psycopg

from bench.cpu import used
from bench.result import LeftOut
from fundplatform import tables
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.storage.timescale_write import encoded
from fundplatform_tests.storage.postgres import MISSING, Server, programs, served

AT = datetime(2026, 1, 1, tzinfo=UTC)
_Args = ParamSpec("_Args")
_Given = TypeVar("_Given")


@contextmanager
def server() -> Iterator[Server]:
    """A running server.

    Raises:
        LeftOut: Its programs are not installed.
    """
    if programs() is None:
        raise LeftOut(MISSING)
    with served() as running:
        yield running


def database(running: Server, name: str) -> TimescaleStore:
    """A new, migrated database."""
    running.sql("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
    store = TimescaleStore(running.url(name))
    store.migrate()
    return store


def kind(store: TimescaleStore) -> str:
    """Which database this is, for the table."""
    return store.describe().partition(": ")[2]


class Spent(NamedTuple):
    """Seconds of a piece of work.

    Attributes:
        wall: As the clock has them.
        cpu: Of this process and the whole server.
    """

    wall: float
    cpu: float


def spent(
    running: Server, work: Callable[_Args, _Given], *args: _Args.args, **named: _Args.kwargs
) -> tuple[Spent, _Given]:
    """Do the work; what it took and gave."""
    main = psutil.Process(running.pid)

    def cpu() -> float:
        return used([psutil.Process(), main, *main.children(recursive=True)])

    begun, at = time.perf_counter(), cpu()
    given = work(*args, **named)
    return Spent(time.perf_counter() - begun, cpu() - at), given


def bars(symbols: int, first: date, sessions: int) -> pl.DataFrame:
    """raw.ohlcv rows without the writer's stamps: every symbol on every day."""
    random = np.random.default_rng(7)
    days = pl.select(pl.date_range(first, first + timedelta(sessions - 1), "1d")).to_series()
    rows = symbols * sessions
    close = 50 + random.random(rows)
    frame = pl.DataFrame(
        {
            "instrument_id": np.tile(np.arange(1, symbols + 1, dtype=np.int32), sessions),
            "session": days.gather(np.repeat(np.arange(sessions), symbols)),
            "open": close, "high": close + 1, "low": close - 1, "close": close,
            "volume": random.integers(1_000, 1_000_000, rows).astype(np.float64),
        }
    )  # fmt: skip
    frame = frame.with_columns(
        source_id=pl.lit(1), interval=pl.lit("1d"), quote=pl.lit("USD"),
        bar_open_at=pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        vwap=pl.lit(None, pl.Float64), trade_count=pl.lit(None, pl.Int64),
        adjustment=pl.lit("none"), fetched_at=pl.lit(AT), payload_hash=pl.lit("ab" * 32),
    )  # fmt: skip
    own = {n: t for n, t in tables.OHLCV.polars_schema.items() if n in frame.columns}
    return frame.select(pl.col(n).cast(t) for n, t in own.items())


def reference(running: Server, name: str, frame: pl.DataFrame) -> Spent:
    """REF: a binary COPY of these rows into a plain unlogged table without a key."""
    whole = frame.with_columns(recorded_from=pl.lit(AT), run_id=pl.lit("bench"))
    whole = tables.cast(tables.OHLCV, whole)
    with psycopg.connect(running.url(name)) as connection:
        connection.execute("CREATE UNLOGGED TABLE ref AS SELECT * FROM raw.ohlcv WITH NO DATA")

        def copied() -> None:
            with (
                connection.cursor() as cursor,
                cursor.copy("COPY ref FROM STDIN (FORMAT BINARY)") as to,
            ):
                for piece in encoded(tables.OHLCV, whole):
                    to.write(piece)

        took, _ = spent(running, copied)
        connection.execute("DROP TABLE ref")
    return took
