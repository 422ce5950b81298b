"""Advisory locks of the PostgreSQL warehouse: who writes the same slice, or new ids, takes turns.

A lock belongs to the transaction and ends with it. One notice says who is waited for.
"""

from collections.abc import Callable

from fundplatform.storage.sql_text import literal
from fundplatform.storage.timescale_connect import Connection

Notify = Callable[[str], None]

_HOLDERS = """
SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'this host')
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (
        SELECT oid FROM pg_database WHERE datname = current_database())
  AND ((l.classid::bigint << 32) | l.objid::bigint) = {key}
"""


def take(connection: Connection, name: str, notify: Notify) -> None:
    """Wait for the lock of this name until the end of the transaction.

    Raises:
        psycopg.errors.LockNotAvailable: Held longer than the connection's lock_timeout.
    """
    # Hashed by the server, so that every client agrees.
    key = f"hashtextextended({literal('fundplatform ' + name)}, 0)"
    if _first(connection, f"SELECT pg_try_advisory_xact_lock({key})"):
        return
    holder = connection.execute(_HOLDERS.format(key=key).encode()).fetchone()
    who = f"session {holder[0]} ({holder[1]}) on {holder[2]}" if holder else "another session"
    notify(f"waiting for {who}, which writes {name}")
    connection.execute(f"SELECT pg_advisory_xact_lock({key})".encode())


def _first(connection: Connection, sql: str) -> object:
    row = connection.execute(sql.encode()).fetchone()
    return row[0] if row else None
