"""The server's disk runs full; a dump is restored. With docs/operations.md's own commands."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage.base import Slice
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import KEPT, THREE, WEDNESDAY, bars, closes, put
from fundplatform_tests.storage.postgres import Server

_AROUND = "SELECT timescaledb_"


@pytest.fixture
def small_disk(postgres: Server) -> Iterator[Path]:
    """A file system of 40 MB that the server may write to."""
    folder = postgres.folder / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("nothing can be mounted by this user")
    shutil.chown(folder, postgres.user or os.geteuid())
    (folder / "filler").write_bytes(bytes(2 << 20))
    (folder / "spare").write_bytes(bytes(1 << 20))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def _free(folder: Path) -> int:
    at = os.statvfs(folder)
    return at.f_bavail * at.f_frsize


def test_full_disk_keeps_the_old_rows(
    postgres: Server, template_database: str, small_disk: Path
) -> None:
    postgres.sql("postgres", f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    postgres.sql("postgres", f"CREATE DATABASE small TEMPLATE {template_database} TABLESPACE small")
    try:
        store = TimescaleStore(postgres.url("small"))
        put(store, tables.OHLCV, THREE)
        many = bars(*((n, WEDNESDAY, float(n)) for n in range(200_000)))
        day = Slice({"source_id": 1}, WEDNESDAY, WEDNESDAY)
        with pytest.raises(WarehouseError, match=r"could not extend file.*Free space") as caught:
            put(store, tables.OHLCV, many, day)
        assert "nothing of this transaction was stored" in str(caught.value)
        # A new connection writes the cache of the catalog where an autovacuum took it away.
        for cache in small_disk.rglob("pg_internal.init"):
            cache.unlink()
        (small_disk / "cached").write_bytes(bytes(_free(small_disk)))
        with pytest.raises(WarehouseError, match=r"could not write init file. Free space"):
            closes(store)
        (small_disk / "spare").unlink()
        assert closes(store) == KEPT
        # What the failed load took stays taken until it is vacuumed, which needs a little room.
        (small_disk / "filler").unlink()
        postgres.sql("small", "VACUUM raw.ohlcv")
        assert put(store, tables.OHLCV, many.head(100), day).inserted == 100, "there is room again"
    finally:
        postgres.sql(
            "postgres", "DROP DATABASE small WITH (FORCE)", "CHECKPOINT", "DROP TABLESPACE small"
        )


def test_a_dump_is_restored(postgres: Server, warehouse_url: str, tmp_path: Path) -> None:
    store = TimescaleStore(warehouse_url)
    put(store, tables.OHLCV, THREE)
    put(store, tables.OHLCV, THREE.with_columns(close=8.0))
    extended = "Timescale" in store.describe()
    dump = str(tmp_path / "warehouse.dump")

    def run(*command: str) -> None:
        done = subprocess.run(
            [str(postgres.programs / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    run("pg_dump", "--format=custom", f"--file={dump}", warehouse_url)
    with postgres.database("restored", "template0") as url:
        if extended:
            postgres.sql("restored", "CREATE EXTENSION timescaledb", f"{_AROUND}pre_restore()")
        run("pg_restore", "--no-acl", f"--dbname={url}", dump)
        if extended:
            postgres.sql("restored", f"{_AROUND}post_restore()")
        restored = TimescaleStore(url)
        assert restored.migrate() == []
        assert restored.describe().partition(": ")[2] == store.describe().partition(": ")[2]
        for table in (tables.OHLCV, tables.revisions_of(tables.OHLCV)):
            assert restored.read(table).equals(store.read(table))
        granted = postgres.sql(
            "restored", "SELECT has_table_privilege('bi_reader', 'marts.sources', 'SELECT')"
        )
        assert granted == [(True,)]
