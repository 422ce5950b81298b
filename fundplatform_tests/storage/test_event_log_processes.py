"""The embedded event log under several processes, a killed one, and the live log of the UI."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from dagster._core.events.log import EventLogEntry

from fundplatform.storage.event_log import EmbeddedEventLogStorage
from fundplatform_tests.storage.event_log_writer import PRICES, materialized

ROOT = Path(__file__).resolve().parents[2]
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[EmbeddedEventLogStorage]:
    storage = EmbeddedEventLogStorage(str(tmp_path / "ours"))
    yield storage
    storage.dispose()


def start_writer(home: Path, run_id: str, batches: int, size: int) -> subprocess.Popen[str]:
    module = "fundplatform_tests.storage.event_log_writer"
    return subprocess.Popen(
        [sys.executable, "-m", module, str(home), run_id, str(batches), str(size)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_three_processes_lose_nothing_and_a_watch_sees_it_live(tmp_path: Path) -> None:
    home = tmp_path / "log"
    writers = [start_writer(home, f"run-{n}", batches=20, size=50) for n in range(3)]
    ours = EmbeddedEventLogStorage(str(home))
    seen: list[tuple[EventLogEntry, str]] = []
    all_seen = threading.Event()

    def on_event(event: EventLogEntry, cursor: str) -> None:
        seen.append((event, cursor))
        if len(seen) == 20 * 51:
            all_seen.set()

    ours.watch("run-1", None, on_event)
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
        assert "locked" not in errors
    assert all_seen.wait(10)
    for n in range(3):
        assert len(ours.get_records_for_run(f"run-{n}").records) == 20 * 51
    assert len(ours.get_materialized_partitions(PRICES)) == 3 * 20 * 50
    stored = ours.get_records_for_run("run-1").records
    assert [event for event, _ in seen] == [record.event_log_entry for record in stored]
    ours.dispose()


def test_killed_writer_loses_nothing_it_reported(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, "run", batches=10_000, size=40)
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(5)]
    writer.kill()
    writer.communicate()
    assert lines == ["0\n", "1\n", "2\n", "3\n", "4\n"]
    ours = EmbeddedEventLogStorage(str(tmp_path))
    stored = len(ours.get_materialized_partitions(PRICES))
    assert stored >= 5 * 40
    assert stored % 40 == 0
    with closing(sqlite3.connect(ours.get_db_path())) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    ours.store_event(materialized("next", "run"))
    ours.dispose()


def test_watch_starts_after_its_cursor_and_ends_when_told(ours: EmbeddedEventLogStorage) -> None:
    ours.store_event_batch([materialized(DAYS[0], "run"), materialized(DAYS[1], "run")])
    cursor = ours.get_records_for_run("run", limit=1).cursor
    seen: list[str | None] = []
    arrived = threading.Semaphore(0)

    def on_event(event: EventLogEntry, _: str) -> None:
        seen.append(event.get_dagster_event().partition)
        arrived.release()

    ours.watch("run", cursor, on_event)
    assert arrived.acquire(timeout=10)
    ours.store_event(materialized(DAYS[2], "run"))
    assert arrived.acquire(timeout=10)
    ours.end_watch("run", on_event)
    ours.store_event(materialized(DAYS[3], "run"))
    assert not arrived.acquire(timeout=0.6)
    assert seen == [DAYS[1], DAYS[2]]
