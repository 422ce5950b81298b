"""A vendor's limits, kept by all processes together and over restarts (pyrate-limiter's buckets).

A call counts from the moment it is allowed until its answer is there, and from then on as long as
each window lasts. The vendor counts it somewhere in between, so that no window of theirs ever
holds more calls than it may: taking the moment of permission alone, measured, let a sixth call
into a window of five. Rows and answers are not seen here.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, cast

import psycopg
from psycopg import sql
from pyrate_limiter import PostgresBucket, RateItem, SQLiteBucket
from pyrate_limiter import Rate as BucketRate

from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Rate

LEASE_SECONDS = 150.0
"""How long a call without an answer counts as running: longer than any request may last."""
LONGEST_WAIT = 900.0
"""A fetch that would wait longer for its next call ends instead (a day's quota is used up)."""
_SCHEMA = "limits"


class Bucket(Protocol):
    """Where the calls of a vendor are counted."""

    def now(self) -> int:
        """Milliseconds of a clock that all processes share."""
        ...

    def put(self, item: RateItem) -> bool:
        """Count the call if every window has a place."""
        ...

    def waiting(self, item: RateItem) -> int:
        """Milliseconds until a place is free."""
        ...

    def leak(self, current_timestamp: int) -> int:
        """Forget calls older than the longest window."""
        ...

    def move(self, name: str, at: int) -> None:
        """Let a counted call have been at this time."""
        ...


class _SQLite(SQLiteBucket):
    def move(self, name: str, at: int) -> None:
        with self.lock:
            update = f"UPDATE '{self.table}' SET item_timestamp = ? WHERE name = ?"  # noqa: S608
            self.conn.execute(update, (at, name))
            self.conn.commit()


class _Postgres(PostgresBucket):
    def now(self) -> int:
        return cast(int, self._clock.now())

    def move(self, name: str, at: int) -> None:
        update = sql.SQL("UPDATE {} SET item_timestamp = TO_TIMESTAMP(%s) WHERE name = %s").format(
            sql.Identifier(self._full_tbl)
        )
        with self.pool.connection() as connection:
            connection.execute(update, (at / 1000, name))


@dataclass(frozen=True)
class _Connections:
    """What the bucket asks of a pool; a connection a call is enough at a few calls a second."""

    conninfo: str
    closed: bool = True

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        # Instants are stored without a zone: every session must have the same one.
        options = f"-c timezone=UTC -c search_path={_SCHEMA}"
        with psycopg.connect(self.conninfo, options=options) as connection:
            yield connection


def in_file(path: Path, rates: tuple[Rate, ...]) -> Bucket:
    """The calls of one vendor in a SQLite file, guarded by a lock file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The library types its buckets for both sync and async use; these two are sync.
    return cast(
        Bucket, _SQLite.init_from_file(_rates(rates), "calls", str(path), use_file_lock=True)
    )


def in_postgres(conninfo: str, source: str, rates: tuple[Rate, ...]) -> Bucket:
    """The calls of one vendor in a table of the warehouse's database.

    Args:
        conninfo: Of a login that may create tables in the schema `limits`.
        source: The vendor.
        rates: Its limits.
    """
    return cast(Bucket, _Postgres(_Connections(conninfo), source, _rates(rates)))


def _rates(rates: tuple[Rate, ...]) -> list[BucketRate]:
    return [BucketRate(r.calls, round(r.seconds * 1000)) for r in rates]


@dataclass
class SharedLimits:
    """`Limits` over every process that shares the bucket.

    Attributes:
        source: The vendor, for errors.
        rates: Its limits.
        open_bucket: Opens the bucket, at the first call.
        lease: See LEASE_SECONDS.
        longest_wait: See LONGEST_WAIT.
        sleep: Waits so many seconds.
    """

    source: str
    rates: tuple[Rate, ...]
    open_bucket: Callable[[], Bucket]
    lease: float = LEASE_SECONDS
    longest_wait: float = LONGEST_WAIT
    sleep: Callable[[float], None] = time.sleep
    _bucket: Bucket | None = None

    def slot(self) -> AbstractContextManager[None]:
        """Wait for a free place in every window, and hold it until the answer is there.

        Raises:
            VendorError: QUOTA_EXHAUSTED where the next place is further away than `longest_wait`.
        """
        return self._slot()

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if not self.rates:
            yield
            return
        if self._bucket is None:
            self._bucket = self.open_bucket()
        name = uuid.uuid4().hex
        self._reserve(self._bucket, name)
        try:
            yield
        finally:
            self._bucket.move(name, self._bucket.now())

    def _reserve(self, bucket: Bucket, name: str) -> None:
        # Another process may free or take a place meanwhile, so nobody sleeps for long.
        longest_nap = min(1.0, min(r.seconds for r in self.rates) / 60)
        while True:
            now = bucket.now()
            item = RateItem(name, now)
            if bucket.put(item):
                bucket.move(name, now + round(self.lease * 1000))
                bucket.leak(now)
                return
            wait = max(bucket.waiting(item), 1) / 1000
            if wait > self.longest_wait:
                raise self._used_up(now / 1000 + wait)
            self.sleep(min(wait, longest_nap))

    def _used_up(self, free_at: float) -> VendorError:
        when = datetime.fromtimestamp(free_at, UTC)
        allowed = ", ".join(f"{r.calls} in {r.seconds:g} s" for r in self.rates)
        return VendorError(
            self.source,
            Failure.QUOTA_EXHAUSTED,
            f"its calls are used up ({allowed})",
            f"The next call is free at {when:%Y-%m-%d %H:%M} UTC; run the same command then",
        )
