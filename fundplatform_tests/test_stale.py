"""What was computed before a correction, a late split or a failed run is computed again."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import chunk_sizes, tables
from fundplatform.assets import funds
from fundplatform.assets.catalog import FACTORS, TIERS
from fundplatform.chain_plan import CHAIN
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 11)
SESSIONS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09",
            "2024-01-10", "2024-01-11")  # fmt: skip
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
ENDED = "start: 2024-01-02\nend: 2024-01-11\n"
HALF_AWAY = dict.fromkeys(SESSIONS[:4], 100.0) | dict.fromkeys(SESSIONS[4:], 50.0)


def bars(settings: Settings, closes: dict[str, float]) -> None:
    rows = [bar(session, "AAA", close) for session, close in closes.items()]
    (folder(settings, "mine", ENDED) / "bars.csv").write_text(table(rows))


def pipeline(settings: Settings) -> Pipeline:
    made = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    made.clock = lambda: NOW
    return made


def returns_since_start(of: Pipeline) -> list[float]:
    """total_return of frame ALL of every session but the first (it has none)."""
    rows = of.store.read(tables.METRICS).filter(pl.col("frame") == "ALL").sort("session")
    return [round(r, 6) for r in rows["total_return"].drop_nulls().to_list()]


def fail_once(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """Let the metrics of the run with that number (from 1) fail."""
    real, seen = funds.ends_of, []

    def ends_of(sources: pl.DataFrame) -> frozenset[date]:
        seen.append(1)
        if len(seen) == number:
            raise RuntimeError("power cut")
        return real(sources)

    monkeypatch.setattr(funds, "ends_of", ends_of)
    return lambda: len(seen)


@pytest.mark.slow
@pytest.mark.parametrize("failing", [1, 2])
def test_a_recomputation_that_failed_is_made_up_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    monkeypatch.setattr(chunk_sizes, "MOST", 5)
    bars(settings, dict.fromkeys(SESSIONS, 100.0))
    pipeline(settings).backfill(FIRST, LAST)
    bars(settings, {**dict.fromkeys(SESSIONS, 100.0), SESSIONS[0]: 50.0})
    with monkeypatch.context() as patch:
        fail_once(patch, failing)
        broken = pipeline(settings)
        broken.backfill(FIRST, LAST, refetch=True)
        assert [o for o in broken.outcomes if o.errors]
    again = pipeline(settings)
    again.backfill(FIRST, LAST)
    assert returns_since_start(again) == [1.0] * 7
    assert again.backfill(FIRST, LAST) == []


@pytest.mark.slow
def test_a_split_that_comes_later_reaches_what_was_computed(settings: Settings) -> None:
    bars(settings, HALF_AWAY)
    before = pipeline(settings)
    before.backfill(FIRST, LAST)
    assert returns_since_start(before) == [0.0] * 3 + [-0.5] * 4
    splits = folder(settings, "splits", "kind: corporate_actions\nstart: 2024-01-02\n")
    (splits / "splits.csv").write_text("symbol,action,ex_date,ratio\nAAA,split,2024-01-08,2\n")
    after = pipeline(settings)
    after.backfill(FIRST, LAST)
    assert [o.errors for o in after.outcomes if o.errors] == []
    assert returns_since_start(after) == [0.0] * 7
    assert after.backfill(FIRST, LAST) == []


@pytest.mark.slow
def test_a_split_that_two_sources_date_differently_counts_once(settings: Settings) -> None:
    bars(settings, HALF_AWAY)
    for name, day, priority in (("splits", "2024-01-08", 10), ("others", "2024-01-09", 20)):
        own = folder(
            settings, name, f"kind: corporate_actions\nstart: 2024-01-02\npriority: {priority}\n"
        )
        (own / "splits.csv").write_text(f"symbol,action,ex_date,ratio\nAAA,split,{day},2\n")
    made = pipeline(settings)
    made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    assert returns_since_start(made) == [0.0] * 7
    event = made.instance.get_latest_materialization_event(FACTORS)
    assert event is not None and event.asset_materialization is not None
    facts = event.asset_materialization.metadata
    assert facts["splits in doubt"].value == 1
    assert "2024-01-09" in str(facts["splits to look at"].value)


@pytest.mark.slow
def test_tiers_in_a_run_over_one_day_keep_their_history(settings: Settings) -> None:
    days = ("2024-01-30", "2024-01-31", "2024-02-01")
    rows = [bar(session, "AAA") for session in days]
    (folder(settings, "mine", "start: 2024-01-30\nend: 2024-02-01\n") / "bars.csv").write_text(
        table(rows)
    )
    made = pipeline(settings)
    made.backfill(date(2024, 1, 30), date(2024, 2, 1))
    before = made.store.read(tables.TIERS)
    assert before["session"].to_list() == [date(2024, 1, 30), date(2024, 1, 31)]
    job = made.job(date(2024, 1, 30), date(2024, 2, 1))
    day = Chunk("one day", (*CHAIN, TIERS), date(2024, 2, 1), date(2024, 2, 1))
    assert run_chunk(day, job.job, made.instance).errors == ()
    stamps = list(tables.TIERS.stamps)
    assert made.store.read(tables.TIERS).drop(stamps).equals(before.drop(stamps))
