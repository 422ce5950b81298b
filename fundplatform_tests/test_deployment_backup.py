"""Backup and restore with the very commands of docs/operations.md: dump, and point in time."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.storage.base import WHOLE, Stamp
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.compose import ROOT
from fundplatform_tests.live import wait_for
from fundplatform_tests.storage.postgres import Server, served

AT = datetime(2024, 1, 2, 21, tzinfo=UTC)
ENDED = "SELECT NOT pg_is_in_recovery()"
_BLOCK = re.compile(r"^```sh\n# (\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    with served() as server:
        server.sql(
            "postgres",
            "CREATE ROLE fundplatform_owner LOGIN CREATEROLE",
            "CREATE DATABASE fundplatform OWNER fundplatform_owner",
            "CREATE DATABASE dagster",
        )
        yield server


def blocks() -> dict[str, str]:
    """The commands of docs/operations.md, by the name in their first line."""
    return dict(_BLOCK.findall((ROOT / "docs" / "operations.md").read_text()))


def run(server: Server, folder: Path, name: str, **variables: object) -> None:
    """Run a block as the user of the server, as its administrator would."""
    done = subprocess.run(
        ["sh", "-eu", "-c", blocks()[name]],
        cwd=folder,
        env={
            "PATH": f"{server.programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "FUNDPLATFORM_HOME": str(folder / "home"),
            **{key: str(value) for key, value in variables.items()},
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def add(store: TimescaleStore, *symbols: str) -> None:
    rows = pl.DataFrame(
        {
            "source_id": pl.Series([1] * len(symbols), dtype=pl.Int16()),
            "vendor_symbol": list(symbols),
            "tracked_from": [date(2024, 1, 2)] * len(symbols),
        }
    )
    with store.transaction(Stamp("test", AT)) as writer:
        assert writer.write(tables.TRACKED, rows, WHOLE).inserted == len(symbols)


@pytest.mark.slow
def test_a_dump_is_restored_row_for_row(cluster: Server, tmp_path: Path) -> None:
    store = TimescaleStore(cluster.url("fundplatform"))
    store.migrate()
    add(store, "AAPL", "BRK.B")
    urls = {
        "ADMIN": cluster.url("postgres"),
        "DAGSTER": cluster.url("dagster"),
        "WAREHOUSE": cluster.url("fundplatform"),
        "RESTORED": cluster.url("restored"),
    }
    run(cluster, tmp_path, "dump", **urls)
    add(store, "LATER")
    run(cluster, tmp_path, "restore", **urls)
    restored = TimescaleStore(urls["RESTORED"])
    for table in tables.TABLES:
        expected = store.read(table)
        if table is tables.TRACKED:
            expected = expected.filter(pl.col("vendor_symbol") != "LATER")
        assert restored.read(table).equals(expected), table.full_name
    assert restored.count(tables.TRACKED) == 2
    assert restored.migrate() == []


@pytest.mark.slow
def test_back_to_a_point_in_time(cluster: Server, tmp_path: Path) -> None:
    store = TimescaleStore(cluster.url("fundplatform"))
    store.migrate()
    archive, base, data = (cluster.folder / n for n in ("archive", "base", "recovered"))
    archive.mkdir()
    if cluster.user:
        shutil.chown(archive, cluster.user)
    places = {"ADMIN": cluster.url("postgres"), "ARCHIVE": archive, "BASE": base, "DATA": data}
    run(cluster, tmp_path, "archive", **places)
    cluster.stop("fast")
    cluster.start()
    run(cluster, tmp_path, "base", **places)

    add(store, "WANTED")
    ((moment,),) = cluster.sql("postgres", "SELECT clock_timestamp()::text")
    add(store, "MISTAKE")
    cluster.sql("postgres", "SELECT pg_switch_wal()")
    cluster.stop("fast")

    run(cluster, tmp_path, "recover", MOMENT=moment, **places)
    if cluster.user:
        for path in (data, *data.rglob("*")):
            shutil.chown(path, cluster.user)
    original = cluster.folder / "data"
    original.rename(cluster.folder / "lost")
    data.rename(original)
    cluster.start()
    wait_for(lambda: cluster.sql("postgres", ENDED) == [(True,)], 60, "the end of the recovery")
    symbols = store.read(tables.TRACKED)["vendor_symbol"].to_list()
    assert "WANTED" in symbols
    assert "MISTAKE" not in symbols
    add(store, "AGAIN")
