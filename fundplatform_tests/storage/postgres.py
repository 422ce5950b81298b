"""A real PostgreSQL server for the tests: Debian's package, a cluster of its own, a free port.

Started once per test session as an unprivileged user, with a password, in a temporary folder.
Where the programs are missing the tests skip and say what to install; they fail instead with
FUNDPLATFORM_REQUIRE_POSTGRES=1 (as in CI). TimescaleDB is preloaded where the installation has it.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

PASSWORD = "s3cret/p@ss:wörd"  # noqa: S105
MISSING = (
    "no PostgreSQL server programs (initdb, postgres): install them, on Debian or Ubuntu "
    "`apt-get install postgresql`, or set FUNDPLATFORM_POSTGRES_BIN to their folder"
)
OWN_TABLES = ("ops.migrations", "ops.quoted")
"""What the store keeps for itself, outside of the declaration."""
# A test cluster need not survive a power cut. It must survive a crash of the server, so commits
# stay synchronous.
_CONFIG = """
fsync = off
full_page_writes = off
max_connections = 40
shared_buffers = 64MB
unix_socket_directories = ''
listen_addresses = '127.0.0.1'
logging_collector = off
log_min_messages = warning
timezone = 'America/New_York'
"""


def programs() -> Path | None:
    """The folder of initdb and postgres; None where they are not installed."""
    given = os.environ.get("FUNDPLATFORM_POSTGRES_BIN")
    found = shutil.which("initdb")
    folders = [Path(given)] if given else []
    folders += [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists()), None)


@dataclass
class Server:
    """One cluster; `url` names a database in it."""

    programs: Path
    folder: Path
    port: int
    user: str | None

    def url(self, database: str, user: str = "owner", password: str = PASSWORD) -> str:
        """With the password in it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def run(self, *command: str) -> None:
        """Run a server program as the unprivileged user."""
        done = subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            user=self.user,
            group=self.user and _group(self.user),
            extra_groups=[] if self.user else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{self.log()}"

    def log(self) -> str:
        """What the server logged."""
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    @property
    def pid(self) -> int:
        """Its first process; the pid file's first line."""
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start and wait until it answers."""
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self.run("pg_ctl", "-D", data, "-l", log, "-w", "-t", "60", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate` is a crash."""
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def sql(self, database: str, *statements: str, user: str = "owner") -> list[tuple[object, ...]]:
        """Run statements, each committed; the rows of the last."""
        rows: list[tuple[object, ...]] = []
        with psycopg.connect(self.url(database, user), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    @contextmanager
    def database(self, name: str, template: str = "template1") -> Iterator[str]:
        """A database of its own, dropped at the end; gives its URL."""
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.sql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _unprivileged() -> str | None:
    """The server refuses to run as root; None where this user will do."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _preloads(folder: Path) -> Sequence[str]:
    shared = subprocess.run(
        [str(folder / "pg_config"), "--sharedir"], capture_output=True, text=True, check=False
    ).stdout.strip()
    installed = shared and (Path(shared) / "extension/timescaledb.control").exists()
    if not installed:
        return []
    return [
        "shared_preload_libraries = 'timescaledb'",
        # A worker of the extension in the template would keep it from being copied.
        "timescaledb.max_background_workers = 0",
        "timescaledb.telemetry_level = off",
    ]


@contextmanager
def served() -> Iterator[Server]:
    """A running server with a superuser `owner`; stopped and removed at the end."""
    found = programs()
    if found is None:
        if os.environ.get("FUNDPLATFORM_REQUIRE_POSTGRES") == "1":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="fundplatform-pg-"))
    server = Server(found, folder, free_port(), _unprivileged())
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if server.user:
        for path in (folder, secret):
            shutil.chown(path, server.user)
    try:
        data = folder / "data"
        server.run(
            "initdb", "-D", str(data), "-U", "owner", "--auth=scram-sha-256",
            f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        with (data / "postgresql.conf").open("a") as config:
            config.write(_CONFIG + "\n".join([f"port = {server.port}", *_preloads(found)]) + "\n")
        server.start()
        yield server
    finally:
        _end(server)
        shutil.rmtree(folder, ignore_errors=True)


def _end(server: Server) -> None:
    """Stop the server if it runs."""
    try:
        pid = server.pid
    except (OSError, IndexError, ValueError):
        return
    os.kill(pid, signal.SIGQUIT)
    try:
        server.stop()
    except AssertionError:
        return
