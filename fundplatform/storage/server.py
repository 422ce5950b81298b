"""The logins and databases of a PostgreSQL server that belongs to the platform (deploy/).

In: a superuser's address, and which logins there shall be. Out: a server on which `init` works and
everybody may do just their part. May be run again: that is how passwords are rotated. No tables.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from fundplatform.errors import ConfigError
from fundplatform.storage.timescale_connect import Address, Connection, connected
from fundplatform.storage.timescale_errors import translated

WRITER, READER = "fundplatform_writer", "bi_reader"
"""The group roles that sql/postgres grants rights to."""

_EXTENSION = "SELECT FROM pg_available_extensions WHERE name = 'timescaledb'"


@dataclass(frozen=True)
class Login:
    """One login.

    Attributes:
        name: Of the login.
        password: Its password.
        group: The group role it is in.
        database: The database it owns.
        warehouse: Whether that database is the warehouse: the groups and TimescaleDB come in.
    """

    name: str
    password: str = field(repr=False)
    group: str | None = None
    database: str | None = None
    warehouse: bool = False

    @classmethod
    def owner(cls, url: str, *, warehouse: bool = False) -> "Login":
        """The login that the URL names, owner of the database that it names.

        Raises:
            ConfigError: It is no PostgreSQL URL, or names no user, password or database.
        """
        given = Address.parse(url).parameters
        if missing := {"user", "password", "dbname"} - given.keys():
            raise ConfigError(
                "environment",
                "a database URL",
                f"{Address.parse(url).name} lacks {', '.join(sorted(missing))}",
                "Write it like postgresql://user@host:5432/database, its password in a file",
            )
        return cls(given["user"], given["password"], None, given["dbname"], warehouse)


def prepare(admin_url: str, logins: Sequence[Login]) -> list[str]:
    """Make the group roles, logins and databases that are missing, and set every password.

    Passwords go to the server as SCRAM verifiers, so that no log of it can show them.

    Returns:
        What was made, in words.

    Raises:
        WarehouseError: The server cannot be reached, or the login is no superuser.
        ConfigError: `admin_url` is no PostgreSQL URL.
    """
    admin = Address.parse(admin_url)
    done: list[str] = []
    with _autocommit(admin) as connection:
        for role in (WRITER, READER):
            done += _role(connection, role, "NOLOGIN")
        for login in logins:
            done += _role(connection, login.name, "LOGIN")
            _set_password(connection, login)
            if login.group:
                connection.execute(_text("GRANT {} TO {}", login.group, login.name))
        for login in logins:
            if login.database:
                done += _database(connection, login.database, login.name)
    for login in logins:
        if login.database:
            _admit(admin, login)
    return done


def require(url: str) -> None:
    """Connect once, and wait for a server that is starting: Dagster's own errors say less.

    Raises:
        WarehouseError: The server cannot be reached with this address.
        ConfigError: It is no PostgreSQL URL.
    """
    with connected(Address.parse(url), "fundplatform deployment"):
        return


def _role(connection: Connection, name: str, options: str) -> list[str]:
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is not None:
        return []
    connection.execute(_text(f"CREATE ROLE {{}} {options}", name))
    return [f"created role {name}"]


def _set_password(connection: Connection, login: Login) -> None:
    verifier = connection.pgconn.encrypt_password(
        login.password.encode(), login.name.encode(), b"scram-sha-256"
    ).decode()
    text = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        sql.Identifier(login.name), sql.Literal(verifier)
    )
    connection.execute(text)


def _database(connection: Connection, name: str, owner: str) -> list[str]:
    known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone()
    if known is not None:
        return []
    # template0: workers of TimescaleDB may be at work in template1, which then cannot be copied.
    connection.execute(_text("CREATE DATABASE {} OWNER {} TEMPLATE template0", name, owner))
    return [f"created database {name}"]


def _admit(admin: Address, owner: Login) -> None:
    """Let in only those who have business in the owner's database."""
    database = owner.database or ""
    place = Address(admin.name, {**admin.parameters, "dbname": database}, admin.lock_timeout)
    with _autocommit(place) as connection:
        connection.execute(_text("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database))
        if not owner.warehouse:
            return
        for role in (WRITER, READER):
            connection.execute(_text("GRANT CONNECT ON DATABASE {} TO {}", database, role))
        if connection.execute(_EXTENSION).fetchone() is not None:
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


@contextmanager
def _autocommit(address: Address) -> Iterator[Connection]:
    """A connection without a transaction around: CREATE DATABASE bears none."""
    with (
        translated(address.name),
        psycopg.connect(
            address.conninfo("fundplatform deployment", read_only=False), autocommit=True
        ) as connection,
    ):
        yield connection


def _text(template: str, *names: str) -> sql.Composed:
    return sql.SQL(template).format(*(sql.Identifier(n) for n in names))
