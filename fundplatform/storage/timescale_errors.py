"""What PostgreSQL and its drivers report, as one error that says what to do next.

Told by SQLSTATE where there is one, else (a connection that never came about) by libpq's text.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from adbc_driver_manager import Error as ADBCError

from fundplatform.errors import WarehouseError

STARTING = "the database system is starting up"

_INIT = "Run `fundplatform init`"
_KEPT = "nothing of this transaction was stored"
_AGAIN = f"{_KEPT[0].upper()}{_KEPT[1:]}; run it again"
_SERVER = (
    "Check that the server runs and FUNDPLATFORM_WAREHOUSE_URL names it; "
    "what was committed stays, run the same command again"
)
_LOGIN = (
    "Set the password in FUNDPLATFORM_WAREHOUSE_URL, in the file that "
    "FUNDPLATFORM_WAREHOUSE_URL_FILE names, or in PGPASSFILE"
)

_FULL = "Free space on the server's disk"

_BY_STATE = (
    (r"42P01|42703|3F000|42883", _INIT),
    (
        r"55P03",
        "Let the session that holds the lock finish (pg_stat_activity shows it), or set "
        f"FUNDPLATFORM_LOCK_TIMEOUT higher; {_KEPT}",
    ),
    (
        r"57014",
        "A statement timeout or an administrator stopped it: raise statement_timeout for this "
        f"login; {_KEPT}",
    ),
    (
        r"53100",
        f"{_FULL} (VACUUM gives back what the failed load took), then run it again; {_KEPT}",
    ),
    (
        r"53300",
        "Close idle sessions or raise max_connections on the server, then run it again",
    ),
    (r"53...", f"The server is short of resources; {_KEPT}, run it again"),
    (r"57P0.|08...", _SERVER),
    (r"23505", f"Another run wrote the same rows at the same time: {_KEPT}; run it again"),
    (r"40...", _AGAIN),
    (
        r"42501",
        "GRANT fundplatform_writer to this login, or use one that may (docs/operations.md)",
    ),
    (r"25006", "Queries only read; writes go through a run"),
    (r"22021|22P05", "Text holds a character that PostgreSQL cannot store; reject that row"),
    (r"28...", _LOGIN),
    (r"3D000", "Create it: `createdb NAME`, then `fundplatform init`"),
)
_BY_TEXT = (
    (r"password authentication failed|no password supplied|role .* does not exist|pg_hba", _LOGIN),
    (r"could not write init file|No space left", f"{_FULL}, then run it again"),
    (r"database .* does not exist", "Create it: `createdb NAME`, then `fundplatform init`"),
    (
        r"too many clients|remaining connection slots|too many connections",
        "Close idle sessions or raise max_connections on the server, then run it again",
    ),
    (
        r"SSL|certificate",
        "Check sslmode and sslrootcert in the URL: the file holds the certificate of the authority "
        "that signed the server's, and verify-full wants the host name that stands in it",
    ),
    (r"", _SERVER),
)


@contextmanager
def translated(warehouse: str) -> Iterator[None]:
    """Turn the drivers' errors into one that names the warehouse and the remedy.

    Raises:
        WarehouseError: For every error of psycopg and ADBC inside the block.
    """
    try:
        yield
    except (psycopg.Error, ADBCError) as error:
        raise explained(warehouse, error) from error


def explained(warehouse: str, error: psycopg.Error | ADBCError) -> WarehouseError:
    """The error in words: what the server said, and what to do."""
    text = first_line(error)
    state = error.sqlstate or ""
    lost = not state and isinstance(error, psycopg.OperationalError | ADBCError)
    for pattern, remedy in _BY_STATE:
        if state and re.fullmatch(pattern, state):
            return WarehouseError(warehouse, text, remedy)
    if lost:
        remedy = next(r for p, r in _BY_TEXT if re.search(p, str(error)))
        return WarehouseError(warehouse, text, remedy)
    return WarehouseError(warehouse, text, f"{_KEPT[0].upper()}{_KEPT[1:]}")


def first_line(error: Exception) -> str:
    """The telling part of the error's first line, without a full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^.*?(?:FATAL|ERROR):\s+", "", lines[0]).rstrip(".")
