"""Changed rules recompute what rests on them, and only that; without a change nothing runs."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform import chunk_sizes, tables
from fundplatform.assets import catalog, funds, prices
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 11)
SESSIONS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09",
            "2024-01-10", "2024-01-11")  # fmt: skip
DAYS = 10  # from the 2nd to the 11th
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
WHOLE = "prices → indices → metrics"
INDEX = """
name: mine
title: Mine
universe: {asset_classes: [equity]}
n: %d
rank_by: dollar_volume
window: 1
"""


@pytest.fixture
def own(settings: Settings) -> Settings:
    """Two stocks of eight sessions: AAA stands still, BBB rises by a half on the last day."""
    rows = [bar(s, "AAA", 100.0) for s in SESSIONS]
    rows += [bar(s, "BBB", 50.0 if s != SESSIONS[-1] else 75.0) for s in SESSIONS]
    put = folder(settings, "mine", "start: 2024-01-02\nend: 2024-01-11\n")
    (put / "bars.csv").write_text(table(rows))
    return Settings(home=settings.home, sources=(), lock_timeout=20)


def pipeline(settings: Settings) -> Pipeline:
    made = make(settings)
    made.clock = lambda: NOW
    return made


def ran(settings: Settings) -> list[tuple[str, int]]:
    """Label and partitions of what a backfill runs; every run must succeed."""
    made = pipeline(settings)
    chunks = made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    return [(c.label, c.partitions) for c in chunks]


def put_index(settings: Settings, n: int, comment: str = "") -> Path:
    settings.indices.mkdir(exist_ok=True)
    path = settings.indices / "mine.yaml"
    path.write_text(comment + INDEX % n)
    return path


def last_return(settings: Settings) -> float:
    rows = pipeline(settings).store.read(tables.PERFORMANCE).filter(index_name="mine")
    return float(rows.sort("session")["session_return"][-1])


@pytest.mark.slow
def test_what_rests_on_a_changed_rule_is_computed_again_once(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ran(own)
    assert first[-2:] == [(WHOLE, DAYS), ("catalog/tiers", 1)]
    assert ran(own) == []

    rated = replace(own, risk_free_rate=0.05)
    assert ran(rated) == [("metrics", DAYS)]
    assert ran(rated) == []
    rates = pipeline(rated).store.read(tables.METRICS)["risk_free_rate"].unique()
    assert rates.to_list() == [0.05]

    put_index(rated, 1)
    assert ran(rated) == [("indices → metrics", DAYS)]
    assert ran(rated) == []
    assert last_return(rated) == 0.0  # AAA alone
    levels = pipeline(rated).store.read(tables.LEVELS).filter(index_name="mine")
    assert levels["session"].to_list() == [date.fromisoformat(s) for s in SESSIONS]

    put_index(rated, 2, "# A comment changes nothing.\n")
    assert ran(rated) == [("indices → metrics", DAYS)]
    assert last_return(rated) == 0.25
    put_index(rated, 2, "# Nor does another one.\n")
    assert ran(rated) == []

    monkeypatch.setattr(prices, "RULES", "rules of tomorrow")
    # No verdict changes, so the tiers have nothing new to rest on.
    assert ran(rated) == [(WHOLE, DAYS)]
    monkeypatch.setattr(catalog, "TIERS_VERSION", 1_000)
    assert ran(rated) == [("catalog/tiers", 1)]
    assert ran(rated) == []


@pytest.mark.slow
def test_a_recomputation_that_was_cut_off_goes_on_where_it_stopped(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_sizes, "MOST", 5)
    ran(own)
    rated = replace(own, risk_free_rate=0.05)
    with monkeypatch.context() as patch:
        real, seen = funds.ends_of, []

        def ends_of(sources: pl.DataFrame) -> frozenset[date]:
            seen.append(1)
            if len(seen) == 2:
                raise RuntimeError("power cut")
            return real(sources)

        patch.setattr(funds, "ends_of", ends_of)
        broken = pipeline(rated)
        broken.backfill(FIRST, LAST)
        assert [bool(o.errors) for o in broken.outcomes] == [False, True]
    again = pipeline(rated)
    chunks = again.backfill(FIRST, LAST)
    assert [(c.label, c.first) for c in chunks] == [("metrics", date(2024, 1, 7))]
    assert again.store.read(tables.METRICS)["risk_free_rate"].unique().to_list() == [0.05]
    assert again.backfill(FIRST, LAST) == []


@pytest.mark.slow
def test_a_home_of_a_release_without_versions_is_computed_again(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        # It noted nothing, and its assets had no code version.
        older.setattr("fundplatform.staleness.outdated_until", lambda *_: 0)
        older.setattr(prices, "RULES", None)
        ran(own)
    assert ran(own) == [(WHOLE, DAYS)]
    assert ran(own) == []
