"""What goes wrong with a server: each case one error that names the remedy, and no password."""

import logging
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from fundplatform import tables
from fundplatform.definitions import open_store
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.settings import Settings
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import FIRST, KEPT, THREE, WEEK, closes, put
from fundplatform_tests.storage.postgres import PASSWORD, Server, free_port

ACTS: dict[str, Callable[[TimescaleStore], object]] = {
    "read": lambda store: store.read(tables.OHLCV),
    "count": lambda store: store.count(tables.OHLCV),
    "query": lambda store: store.query("SELECT 1"),
    "write": lambda store: put(store, tables.OHLCV, THREE),
    "migrate": lambda store: store.migrate(),
    "describe": lambda store: store.describe(),
}


def refused(store: TimescaleStore, act: str) -> str:
    """The error's whole traceback, which holds no password."""
    with pytest.raises(WarehouseError) as caught:
        ACTS[act](store)
    text = "".join(traceback.format_exception(caught.value))
    for secret in (PASSWORD, "s3cret", "wrong-one"):
        assert secret not in text
    return str(caught.value)


@pytest.fixture
def store(warehouse_url: str) -> TimescaleStore:
    return TimescaleStore(warehouse_url, lock_timeout=30)


@pytest.mark.parametrize("act", ACTS)
def test_no_server(act: str) -> None:
    store = TimescaleStore(f"postgresql://owner:s3cret@127.0.0.1:{free_port()}/x")
    text = refused(store, act)
    assert "onnection refused" in text
    assert "FUNDPLATFORM_WAREHOUSE_URL names it" in text


@pytest.mark.parametrize("act", ACTS)
def test_wrong_password(postgres: Server, act: str) -> None:
    text = refused(TimescaleStore(postgres.url("postgres", password="wrong-one")), act)  # noqa: S106
    assert "password authentication failed" in text
    assert "PGPASSFILE" in text


@pytest.mark.parametrize("act", ACTS)
def test_missing_database(postgres: Server, act: str) -> None:
    text = refused(TimescaleStore(postgres.url("nowhere")), act)
    assert 'database "nowhere" does not exist' in text
    assert "createdb" in text


@pytest.mark.parametrize("act", ["read", "count", "write", "describe"])
def test_database_without_tables(postgres: Server, act: str) -> None:
    with postgres.database("bare") as url:
        assert "fundplatform init" in refused(TimescaleStore(url), act)


def test_older_schema_is_refused_before_anything_is_written(
    store: TimescaleStore, postgres: Server
) -> None:
    database = store.name.rsplit("/", 1)[1]
    postgres.sql(
        database,
        "DELETE FROM ops.migrations WHERE name = '0004_roles'",
        "ALTER TABLE raw.ohlcv DROP COLUMN vwap",
    )
    text = refused(store, "write")
    assert "0004_roles is not applied" in text
    assert "fundplatform init" in text
    text = refused(store, "read")
    assert '"vwap" does not exist' in text
    assert "fundplatform init" in text
    assert store.migrate() == ["0004_roles"]


def test_changed_and_unknown_migrations_are_refused(
    store: TimescaleStore, postgres: Server
) -> None:
    database = store.name.rsplit("/", 1)[1]
    postgres.sql(database, "UPDATE ops.migrations SET sha256 = 'x' WHERE name = '0002_marts'")
    assert "0002_marts was changed after it was applied" in refused(store, "migrate")
    postgres.sql(
        database,
        "DELETE FROM ops.migrations WHERE name = '0002_marts'",
        "INSERT INTO ops.migrations VALUES ('9999_future', 'x', now())",
    )
    assert "9999_future, unknown to this version" in refused(store, "migrate")
    assert "9999_future, unknown to this version" in refused(store, "write")


def test_statement_timeout(warehouse_url: str) -> None:
    slow = TimescaleStore(f"{warehouse_url}?options=-c%20statement_timeout%3D100")
    with pytest.raises(WarehouseError, match=r"statement timeout.*raise statement_timeout"):
        slow.query("SELECT pg_sleep(20)")
    with (
        pytest.raises(WarehouseError, match="statement timeout"),
        slow.transaction(FIRST) as writer,
    ):
        writer._run("SELECT pg_sleep(20)")


def test_long_read_holds_up_no_writer_but_a_migration(
    store: TimescaleStore, warehouse_url: str, postgres: Server
) -> None:
    put(store, tables.OHLCV, THREE)
    database = store.name.rsplit("/", 1)[1]
    postgres.sql(database, "DELETE FROM ops.migrations WHERE name = '0002_marts'")
    hasty = TimescaleStore(warehouse_url, lock_timeout=0.2)
    with psycopg.connect(warehouse_url) as reader:
        reader.execute("SELECT * FROM marts.latest_prices")
        text = refused(hasty, "migrate")
        assert "lock timeout" in text
        assert "FUNDPLATFORM_LOCK_TIMEOUT" in text
        left = postgres.sql(database, "SELECT count(*) FROM ops.migrations WHERE name ~ '^0002'")
        assert left == [(0,)]
    assert store.migrate() == ["0002_marts"]
    with psycopg.connect(warehouse_url) as reader:
        reader.execute("SELECT * FROM raw.ohlcv")
        assert put(hasty, tables.OHLCV, THREE).unchanged == 3


def test_too_many_connections(postgres: Server, warehouse_url: str) -> None:
    postgres.sql("postgres", "DROP ROLE IF EXISTS narrow", f"CREATE ROLE narrow LOGIN PASSWORD "
                 f"'{PASSWORD}' CONNECTION LIMIT 1")  # fmt: skip
    database = warehouse_url.rsplit("/", 1)[1]
    url = postgres.url(database, "narrow")
    with psycopg.connect(url):
        for act in ("query", "write"):
            text = refused(TimescaleStore(url), act)
            assert "too many connections" in text
            assert "max_connections" in text


def test_server_that_starts_up_is_waited_for(postgres: Server, store: TimescaleStore) -> None:
    put(store, tables.OHLCV, THREE)
    postgres.stop("fast")
    assert "onnection refused" in refused(store, "read")
    postgres.start()
    assert closes(store) == KEPT


def test_server_crash_inside_a_transaction(postgres: Server, store: TimescaleStore) -> None:
    put(store, tables.OHLCV, THREE)
    with pytest.raises(WarehouseError) as caught, store.transaction(FIRST) as writer:
        writer.write(tables.OHLCV, THREE.with_columns(close=99.0), WEEK)
        postgres.stop("immediate")
        postgres.start()
        writer.read(tables.OHLCV)
    assert "run the same command again" in str(caught.value)
    assert closes(store) == KEPT


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "mysql://u:s3cret@h/d",
        "postgresql+psycopg://u:s3cret@h/d",
        "postgresql://u:s3cret@h:port:x/d?nonsense=1",
        "postgresql://u:s3cret@h/d?nonsense=s3cret",
        "host=h password=s3cret",
    ],
)
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TimescaleStore(url)
    text = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in text
    assert "postgresql://user@host:5432/database" in text


def test_password_is_in_no_text(
    warehouse_url: str, postgres: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    env = {"FUNDPLATFORM_HOME": str(tmp_path), "FUNDPLATFORM_WAREHOUSE_URL": warehouse_url}
    settings = Settings.from_env(env)
    told: list[str] = []
    store = open_store(settings, told.append)
    assert isinstance(store, TimescaleStore)
    put(store, tables.OHLCV, THREE)
    with pytest.raises(WarehouseError) as caught:
        store.query("SELECT nothing")
    texts = [repr(settings), str(settings), repr(store), store.describe(), store.name, *told]
    texts += [repr(store._address), caplog.text, "".join(traceback.format_exception(caught.value))]
    texts += [str(r) for r in postgres.sql("postgres", "SELECT * FROM pg_stat_activity")]
    assert "owner@127.0.0.1" in store.describe()
    for text in texts:
        assert "s3cret" not in text


def test_secret_file(warehouse_url: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    env = {"FUNDPLATFORM_WAREHOUSE_URL_FILE": str(file)}
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings.from_env(env)
    file.write_text(warehouse_url + "\n")
    store = open_store(Settings.from_env(env))
    assert store.query("SELECT 1 AS one").rows() == [(1,)]
    with pytest.raises(ConfigError, match="both"):
        Settings.from_env({**env, "FUNDPLATFORM_WAREHOUSE_URL": warehouse_url})


def test_pgpassfile(
    postgres: Server, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = warehouse_url.rsplit("/", 1)[1]
    store = TimescaleStore(f"postgresql://owner@127.0.0.1:{postgres.port}/{database}")
    assert "PGPASSFILE" in refused(store, "query")
    file = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    file.write_text(f"127.0.0.1:{postgres.port}:*:owner:{escaped}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert put(store, tables.OHLCV, THREE).inserted == 3
    assert closes(store) == KEPT


def test_killed_in_the_middle_of_a_copy(store: TimescaleStore, warehouse_url: str) -> None:
    put(store, tables.OHLCV, THREE)
    code = (
        "import time\n"
        "from fundplatform import tables\n"
        "from fundplatform.storage import timescale_write\n"
        "from fundplatform.storage.timescale import TimescaleStore\n"
        "from fundplatform_tests.storage.frames import SECOND, WEDNESDAY, bars\n"
        "from fundplatform.storage.base import Slice\n"
        "whole = timescale_write.encoded\n"
        "def half(table, frame):\n"
        "    for piece in whole(table, frame):\n"
        "        yield piece\n"
        "        if frame.height > 1 and len(piece) > 1000:\n"
        "            print('in the copy', flush=True)\n"
        "            time.sleep(600)\n"
        "timescale_write.encoded = half\n"
        f"store = TimescaleStore({warehouse_url!r})\n"
        "rows = bars(*((n, WEDNESDAY, 1.0) for n in range(100_000)))\n"
        "with store.transaction(SECOND) as writer:\n"
        "    writer.write(tables.OHLCV, rows, Slice({'source_id': 1}, WEDNESDAY, WEDNESDAY))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "in the copy\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert closes(store) == KEPT
    assert put(store, tables.OHLCV, THREE).unchanged == 3


def test_waiting_says_for_whom(store: TimescaleStore, warehouse_url: str) -> None:
    told: list[str] = []
    done = threading.Event()
    other = TimescaleStore(warehouse_url, 30, told.append)

    def later() -> None:
        put(other, tables.OHLCV, THREE)
        done.set()

    with store.transaction(FIRST) as writer:
        writer.write(tables.OHLCV, THREE, WEEK)
        thread = threading.Thread(target=later)
        thread.start()
        until = time.monotonic() + 20
        while not told and time.monotonic() < until:
            done.wait(0.02)
        assert not done.is_set()
    thread.join()
    assert len(told) == 1
    assert "fundplatform run run-1" in told[0]
    assert "raw.ohlcv" in told[0]
    assert closes(store) == KEPT
