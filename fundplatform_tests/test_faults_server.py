"""The PostgreSQL server crashes in the middle of a backfill: it fails in words, and resumes."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform.storage.timescale_write import TimescaleWriter
from fundplatform.tables import Table
from fundplatform_tests.pipeline import make
from fundplatform_tests.storage.postgres import Server
from fundplatform_tests.test_same_content import hashes

FIRST, LAST = date(2003, 1, 2), date(2003, 2, 28)


@pytest.mark.slow
def test_the_resume_completes_and_nothing_is_doubled_or_lost(
    settings: Settings,
    tmp_path: Path,
    calendar_cache: Path,
    warehouse_url: str,
    postgres: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quiet = make(settings)
    quiet.backfill(FIRST, LAST)

    home = tmp_path / "other"
    home.mkdir()
    (home / "calendars").symlink_to(calendar_cache)
    shaken = make(Settings(home=home, lock_timeout=20, warehouse_url=warehouse_url))
    copy, crashes = TimescaleWriter._copy, iter([True])

    def crashing(self: TimescaleWriter, table: Table, target: str, frame: pl.DataFrame) -> None:
        copy(self, table, target, frame)
        if table is tables.VALIDATED and next(crashes, False):
            postgres.stop("immediate")
            postgres.start()

    monkeypatch.setattr(TimescaleWriter, "_copy", crashing)
    shaken.backfill(FIRST, LAST)
    errors = [error for outcome in shaken.outcomes for error in outcome.errors]
    assert any("run the same command again" in error for error in errors), errors
    assert all("s3cret" not in error for error in errors)
    assert shaken.store.count(tables.VALIDATED) == 0
    assert shaken.store.count(tables.OHLCV) > 0, "what was committed before stays"

    shaken.outcomes.clear()
    assert shaken.backfill(FIRST, LAST)
    assert [o.errors for o in shaken.outcomes if o.errors] == []
    assert hashes(shaken.store) == hashes(quiet.store)
    assert shaken.backfill(FIRST, LAST) == []
