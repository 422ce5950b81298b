"""A home that cannot be written, is full, or is held: one sentence, a remedy, nothing lost."""

import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from fundplatform import calendars, tables
from fundplatform.definitions import utc_now
from fundplatform.errors import SourceError
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind
from fundplatform_tests import commands
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make
from fundplatform_tests.storage.processes import child, holding

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 3)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Settings]:
    """A home with one raw partition; nothing downstream, to be quick."""
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    settings = Settings(home=home, sources=(), lock_timeout=1)
    (folder(settings, "mine") / "bars.csv").write_text(table([bar("2024-01-02", "AAA")]))
    make(settings).fetch(FIRST, FIRST)
    yield settings
    calendars.use_cache(calendar_cache)


def one_line(text: str) -> str:
    """The only line, which is an error of the platform."""
    (line,) = text.strip().splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize(
    "command",
    [
        ("backfill",),
        pytest.param(("init",), marks=pytest.mark.slow),
        pytest.param(("backfill", "--plan"), marks=pytest.mark.slow),
    ],
)
def test_a_home_that_cannot_be_made(
    command: tuple[str, ...], tmp_path: Path, calendar_cache: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = commands.run(tmp_path / "file" / "home", *command)
    assert done.returncode == 1
    assert "Set FUNDPLATFORM_HOME to a folder you can write to" in one_line(done.stderr)


def test_a_home_that_may_only_be_read(loaded: Settings) -> None:
    paths = [loaded.home, *loaded.home.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths if not path.is_symlink()}
    code = commands.NO_OVERRIDE.format(commands.MAIN)
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o222)
        if os.geteuid() and os.access(loaded.warehouse, os.W_OK):
            pytest.skip("this file system does not keep modes")
        done = commands.run(loaded.home, "backfill", code=code, **commands.environment(loaded))
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert done.returncode == 1
    line = one_line(done.stderr)
    assert str(loaded.warehouse) in line
    assert "Permission denied" in line
    assert "the folder is writable" in line


def test_a_warehouse_held_by_another_process(loaded: Settings) -> None:
    with child(holding(loaded.warehouse)) as other:
        done = commands.run(loaded.home, "backfill", **commands.environment(loaded))
    waiting, refused = done.stderr.strip().splitlines()
    assert done.returncode == 1
    assert waiting.startswith(f"waiting for process {other.pid} (")
    assert f"held by process {other.pid} (" in one_line(refused)
    assert "for longer than 1 s" in refused
    assert "FUNDPLATFORM_LOCK_TIMEOUT" in refused


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file of this process can grow beyond `size` bytes: what a full disk looks like."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.slow
def test_a_disk_too_full_for_the_run_records(loaded: Settings) -> None:
    before = make(loaded).store.read(tables.OHLCV)
    done = commands.run(
        loaded.home,
        *("backfill", "--to", "2024-01-03"),
        before=commands.FULL_DISK.format(200_000),
        **commands.environment(loaded),
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    error = done.stderr.splitlines()[-1]
    assert error.startswith(f"error: Dagster's records in {loaded.dagster_home}")
    assert "disk has space" in error
    assert make(loaded).store.read(tables.OHLCV).equals(before)


def test_a_disk_too_full_for_the_warehouse(loaded: Settings) -> None:
    pipeline = make(loaded)
    before = pipeline.store.read(tables.OHLCV)
    rows = (bar("2024-01-03", f"S{n}", 10 + n / 7) for n in range(60_000))
    (folder(loaded, "big") / "bars.csv").write_text(table(rows))
    pipeline = make(loaded)
    with room(4_500_000):
        pipeline.fetch(FIRST, LAST)
    shutil.rmtree(loaded.drop / "big")
    (error,) = [e for o in pipeline.outcomes for e in o.errors]
    assert f"warehouse {loaded.warehouse}: " in error
    assert "othing of this transaction was stored" in error
    # The small source beside it went through, the big one left nothing.
    assert pipeline.store.read(tables.OHLCV).equals(before)
    assert pipeline.recorded("raw/big/ohlcv") == set()
    assert pipeline.recorded("raw/mine/ohlcv") == {"2024-01-02", "2024-01-03"}


def test_a_disk_too_full_to_keep_what_was_parsed(loaded: Settings) -> None:
    rows = (bar("2024-01-03", f"S{n}", 10 + n / 7) for n in range(30_000))
    (folder(loaded, "huge") / "bars.csv").write_text(table(rows))
    (huge,) = (s for s in register.load(loaded).sources if s.spec.name == "huge")
    with room(400_000), pytest.raises(SourceError) as refused:
        huge.fetch(Kind.OHLCV, FIRST, LAST, now=utc_now())
    shutil.rmtree(loaded.drop / "huge")
    assert "its parsed data cannot be kept in" in str(refused.value)
    assert "File too large" in str(refused.value)
    assert "Free space there" in refused.value.remedy
    assert list((loaded.payloads / "huge").iterdir()) == []


def test_with_space_again_the_new_rows_come(loaded: Settings) -> None:
    (loaded.drop / "mine" / "bars.csv").write_text(
        table([bar("2024-01-02", "AAA"), bar("2024-01-04", "AAA")])
    )
    pipeline = make(loaded)
    pipeline.fetch(FIRST, date(2024, 1, 4))
    assert [o.errors for o in pipeline.outcomes] == [()]
    assert pipeline.store.read(tables.OHLCV)["session"].to_list() == [FIRST, date(2024, 1, 4)]
