"""Rows on closed days at both ends of a coverage: none is lost, each is rejected with V09."""

from datetime import date

import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make

# 2024-01-06 is a Saturday, 2024-01-14 a Sunday.
WEEKENDS = "start: 2024-01-06\nend: 2024-01-14\n"
DAYS = ["2024-01-06", "2024-01-08", "2024-01-12", "2024-01-13", "2024-01-14"]


@pytest.mark.slow
def test_rows_on_closed_days_at_the_edges_are_judged(settings: Settings) -> None:
    rows = [bar(day, symbol) for day in DAYS for symbol in ("AAA", "BBB", "CCC", "DDD")]
    (folder(settings, "mine", WEEKENDS) / "bars.csv").write_text(table(rows))
    pipeline = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    pipeline.backfill(date(2024, 1, 1), date(2024, 1, 31))
    assert pipeline.store.read(tables.OHLCV).height == len(rows)
    gates = pipeline.store.read(tables.GATES)
    assert [d.isoformat() for d in gates["session"]] == DAYS
    rejected = pipeline.store.read(tables.REJECTED)
    assert sorted({d.isoformat() for d in rejected["session"]}) == [DAYS[0], DAYS[3], DAYS[4]]
    assert set(rejected["rules"]) == {"V09"}
    assert pipeline.store.read(tables.VALIDATED).height == 8
