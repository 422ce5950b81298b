"""A share count that is filed later moves the index from the day it was known, and nothing else."""

from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline
from fundplatform_tests.test_stale import ENDED, FIRST, LAST, SESSIONS, pipeline

INDEX = """
name: biggest
title: The biggest
universe: {asset_classes: [equity], markets: [US], securities: us_common}
n: 1
rank_by: market_cap
weighting: cap
"""
COUNTS = (
    "symbol,measured_on,shares,filed\nAAA,2023-12-20,10,2024-01-01\nBBB,2023-12-20,6,2024-01-01\n"
)
FILED = """
kind: shares
start: 2023-12-01
known_at: {column: filed, time: "09:00", zone: America/New_York}
"""


def prepare(settings: Settings, counts: str) -> Pipeline:
    rows = [bar(session, symbol, 10.0) for session in SESSIONS for symbol in ("AAA", "BBB")]
    (folder(settings, "mine", ENDED) / "bars.csv").write_text(table(rows))
    (folder(settings, "filings", FILED) / "shares.csv").write_text(counts)
    settings.indices.mkdir(parents=True, exist_ok=True)
    (settings.indices / "biggest.yaml").write_text(INDEX)
    return pipeline(settings)


def held(of: Pipeline) -> dict[str, str]:
    names = of.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol")
    rows = of.store.read(tables.COMPOSITIONS).filter(index_name="biggest")
    found = rows.join(names, on="instrument_id").sort("session").select("session", "symbol")
    return {day.isoformat(): symbol for day, symbol in found.iter_rows()}


@pytest.mark.slow
def test_a_late_count_builds_the_indices_it_touches(settings: Settings) -> None:
    made = prepare(settings, COUNTS)
    made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    assert set(held(made).values()) == {"AAA"}
    again = prepare(settings, COUNTS + "BBB,2024-01-04,7,2024-01-05\nBBB,2024-01-05,8,2024-01-08\n")
    chunks = again.backfill(FIRST, LAST)
    assert [o.errors for o in again.outcomes if o.errors] == []
    # 6, 7 and 8 shares: still fewer than 10.
    assert set(held(again).values()) == {"AAA"}
    assert {c.label for c in chunks} >= {"caps", "indices → metrics"}
    (built,) = [c for c in chunks if c.label.startswith("indices")]
    # Known on the morning of the 5th: nothing before the 4th's close + 4 h can rest on it.
    assert (built.first, built.last) == (date(2024, 1, 4), LAST)
    assert not [c for c in chunks if c.label.startswith("prices")]
    last = prepare(
        settings,
        COUNTS + "BBB,2024-01-04,7,2024-01-05\nBBB,2024-01-05,8,2024-01-08\n"
        "AAA,2024-01-09,9,2024-01-09\nBBB,2024-01-09,9.5,2024-01-09\n",
    )
    last.backfill(FIRST, LAST)
    assert held(last) == {s: "AAA" if s < "2024-01-09" else "BBB" for s in SESSIONS}
    assert last.backfill(FIRST, LAST) == []
    measured = last.store.read(tables.COMPOSITIONS).filter(
        pl.col("session") == LAST, index_name="biggest"
    )
    assert measured["measure"].to_list() == [95.0]
