"""A warehouse rebuilt from nothing holds what the first one held, in whatever pieces it came.

Slow: three backfills of a year, and one of half a year.
"""

from datetime import date
from pathlib import Path

import pytest

from fundplatform.settings import Settings
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.test_same_content import END, NOW, START, hashes, market

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MIDDLE = date(2015, 6, 30)


def home(path: Path, calendar_cache: Path) -> Path:
    path.mkdir()
    (path / "calendars").symlink_to(calendar_cache)
    return path


def pipeline(settings: Settings) -> Pipeline:
    made = make(settings, market())
    made.clock = lambda: NOW
    return made


def test_rebuilt_in_two_pieces_in_the_other_database(
    tmp_path: Path, calendar_cache: Path, warehouse_url: str
) -> None:
    first = pipeline(Settings(home=home(tmp_path / "first", calendar_cache), lock_timeout=20))
    first.backfill(START, END)
    rebuilt = pipeline(
        Settings(
            home=home(tmp_path / "rebuilt", calendar_cache),
            lock_timeout=20,
            warehouse_url=warehouse_url,
        )
    )
    rebuilt.backfill(START, MIDDLE)
    rebuilt.backfill(START, END)
    for made in (first, rebuilt):
        assert [o.errors for o in made.outcomes if o.errors] == []
    one, other = hashes(first.store), hashes(rebuilt.store)
    # What tells in how many pieces it came: a name's first days were once its last.
    for pieces in ("ops.changes", "catalog.instruments_revisions"):
        assert one.pop(pieces) != other.pop(pieces)
    assert one == other
