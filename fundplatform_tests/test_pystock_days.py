"""Seventy daily archives of the US market, taken in one after the other as a schedule would.

Each repeats the session before, some of it restated. The counts are the data set's own (MANIFEST of
the shared data): a repeated row is restated where it differs from its first publication.
"""

from pathlib import Path

import pytest

from bench.pystock_days import held, walk
from fundplatform.settings import Settings

REPEATED, RESTATED = 416_920, 6_068
# MSG stands twice in every archive, with the same values: for both of its sessions.
TWICE_IN_ONE = 140

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_what_is_restated_is_a_revision_and_what_is_not_starts_nothing(
    settings: Settings, shared_data: Path
) -> None:
    archives = shared_data / "us_stocks" / "pystock_daily"
    if not archives.is_dir():
        pytest.skip("no pystock_daily in the shared data")
    *days, again = walk(Settings(home=settings.home, sources=()), archives, 70)
    assert len(days) == 70
    assert sum(day.updated + day.unchanged for day in days) == REPEATED - TWICE_IN_ONE
    assert sum(day.updated for day in days) == RESTATED
    rows = held(settings)
    assert rows["raw.ohlcv_revisions"] == RESTATED
    assert rows["raw.ohlcv"] == sum(day.inserted for day in days)
    # A whole archive of unchanged rows marks no session, so nothing is computed.
    assert (again.inserted, again.updated, again.marked) == (0, 0, 0)
    assert again.unchanged == days[-1].inserted + days[-1].updated + days[-1].unchanged
