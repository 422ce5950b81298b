"""Days that go on from what funds/carried keeps, on thirteen years of real prices, both stores."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fundplatform import calendars, tables
from fundplatform.assets import carried_series, funds
from fundplatform.assets.as_of import Past
from fundplatform.definitions import build_definitions
from fundplatform.settings import Settings
from fundplatform.storage.base import Slice
from fundplatform_tests.clean_build import assert_equals_a_clean_build
from fundplatform_tests.pipeline import make

FIRST, LAST = date(2000, 3, 1), date(2013, 3, 1)
BACKFILLED = date(2013, 2, 22)
ENDED = date(2012, 2, 24)
"""A year and a week before the end: the second piece of a year can go on from the first."""
NOW = datetime(2013, 3, 2, 12, tzinfo=UTC)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("database", ["duckdb", "postgres"])
def test_a_week_of_days_equals_a_clean_build(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    database: str,
) -> None:
    found: list[carried_series.Found] = []
    real = funds.read_series

    def read_series(*arguments: Any) -> carried_series.Found:  # noqa: ANN401
        found.append(real(*arguments))
        return found[-1]

    monkeypatch.setattr(funds, "read_series", read_series)
    url = request.getfixturevalue("warehouse_url") if database == "postgres" else None
    made = make(replace(settings, warehouse_url=url))
    made.clock = lambda: NOW
    made.backfill(FIRST, BACKFILLED)
    kept = made.store.read(tables.CARRIED)
    assert set(kept["session"]) >= {BACKFILLED}
    for day in calendars.get("XNYS").sessions(BACKFILLED, LAST)[1:]:
        found.clear()
        made.backfill(day, day)
        (own,) = found
        assert set(own.late["instrument_id"]) == set(kept["instrument_id"]) != set(), day
    clean = make(replace(settings, home=tmp_path / "clean"))
    assert_equals_a_clean_build(made, clean, FIRST, LAST)
    # As of now the same comes out, computed again in pieces of a year.
    definitions = build_definitions(made.settings, store=made.store, clock=lambda: NOW)
    again = Past(made.store, NOW, definitions).computed(tables.METRICS, (ENDED, LAST))
    stored = made.store.read(tables.METRICS, Slice({}, ENDED, LAST))
    assert again.drop(tables.METRICS.stamps).equals(stored.drop(tables.METRICS.stamps))
