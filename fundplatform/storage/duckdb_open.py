"""Opening a DuckDB file: waiting for a lock, saying who holds it, closing whatever happens.

The connection is served by dagster-duckdb's resource. What is done with it is not decided here.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from dagster_duckdb import DuckDBResource

from fundplatform.errors import WarehouseError

Notify = Callable[[str], None]

_HOLDER = re.compile(r"held in (?P<program>.*?) ?\(PID (?P<pid>\d+)\)")
_RETRY_SECONDS = 0.2
# DuckDB refuses two configurations of one file in a process; the resource sets this one.
_AGENT = {"custom_user_agent": "dagster"}
_INTERRUPTED = "Query interrupted"


def log_notice(message: str) -> None:
    """The default notice: a warning in the log."""
    logging.getLogger(__name__).warning(message)


@contextmanager
def opened(
    path: Path, *, read_only: bool = False, lock_timeout: float = 0.0, notify: Notify = log_notice
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file; closed at the end, also after an error. Instants are UTC.

    Args:
        path: The file; its folder must be there.
        read_only: Open without the right to write.
        lock_timeout: Seconds to wait while another process holds the file.
        notify: Told once, at once, who holds the file.

    Raises:
        WarehouseError: Held longer than `lock_timeout`, not writable, unreadable or no warehouse;
            or DuckDB could not read or write the file inside the block (disk full).
        KeyboardInterrupt: A signal's handler raised something while DuckDB ran.
    """
    config = {"access_mode": "READ_ONLY"} if read_only else {}
    # The resource retries for 103 s without a word, so it is asked only once this process holds
    # the file's lock through a connection of its own.
    with _translated(path):
        guard = _waited(path, config, lock_timeout, notify)
        try:
            resource = DuckDBResource(database=str(path), connection_config=config)
            served = resource.get_connection()
            connection: duckdb.DuckDBPyConnection = served.__enter__()
        finally:
            guard.close()
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            # Not served.__exit__: it leaves the connection open after an exception.
            connection.close()


def _waited(
    path: Path, config: dict[str, str], lock_timeout: float, notify: Notify
) -> duckdb.DuckDBPyConnection:
    until = time.monotonic() + lock_timeout
    told = False
    while True:
        try:
            return duckdb.connect(str(path), config={**_AGENT, **config})
        except duckdb.IOException as error:
            holder = _holder(str(error))
            if holder is None:
                raise
            if time.monotonic() >= until:
                raise WarehouseError(
                    str(path),
                    f"held by {holder} for longer than {lock_timeout:g} s",
                    "Let it finish or stop it; FUNDPLATFORM_LOCK_TIMEOUT sets how long to wait",
                ) from error
            if not told:
                notify(f"waiting for {holder}, which holds {path}")
                told = True
        time.sleep(_RETRY_SECONDS)


def _holder(message: str) -> str | None:
    """Who holds the lock, read from DuckDB's text; None where the text is not about a lock."""
    if "lock" not in message.lower():
        return None
    found = _HOLDER.search(message)
    if found is None:
        return "another process"
    name = found["program"]
    with suppress(OSError):
        words = Path(f"/proc/{found['pid']}/cmdline").read_bytes().split(b"\0")
        # One line, whatever the arguments hold (python -c ...).
        name = " ".join(b" ".join(words).decode(errors="replace").split())[:200] or name
    return f"process {found['pid']} ({name})"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn DuckDB's errors into one that names the warehouse and the remedy."""
    try:
        yield
    except duckdb.CatalogException as error:
        raise WarehouseError(str(path), _first_line(error), "Run `fundplatform init`") from error
    except (duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
        raise WarehouseError(
            str(path),
            _first_line(error),
            "Check that the disk has space and the folder is writable; nothing of this "
            "transaction was stored",
        ) from error
    except duckdb.Error as error:
        raise WarehouseError(
            str(path), _first_line(error), "Nothing of this transaction was stored"
        ) from error
    except RuntimeError as error:
        if str(error) != _INTERRUPTED:
            raise
        # What the handler raised is lost in DuckDB. As an error of its own it would pass for the
        # step's fault, and a run that its process' end interrupted would not be tried again.
        raise KeyboardInterrupt(_INTERRUPTED) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
