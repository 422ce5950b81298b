"""The gate at its edges, through a whole backfill; and a held session that a better file heals.

Held: more than max(3 rows, 1 %) rejected; a slice of at most 3 rows only when all are.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 10)
BAD_CLOSE = -1.0
# session: rows, bad rows, held
SESSIONS = {
    date(2024, 1, 2): (300, 1, False),
    date(2024, 1, 3): (300, 4, True),
    date(2024, 1, 4): (3, 2, False),
    date(2024, 1, 5): (3, 3, True),
    date(2024, 1, 8): (300, 3, False),
    date(2024, 1, 9): (400, 4, False),  # 4 of 400 is 1 %, not more
    date(2024, 1, 10): (399, 4, True),
}
HELD = {day for day, (_, _, held) in SESSIONS.items() if held}


def bars(*, healed: bool) -> str:
    return table(
        # Another volume each day: a copy of another session would be held for that.
        bar(str(day), f"A{n}", 10.5 if healed or n >= bad else BAD_CLOSE, str(100 + day.day))
        for day, (rows, bad, _) in SESSIONS.items()
        for n in range(rows)
    )


@pytest.fixture(scope="module")
def settings_and_pipeline(
    tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path
) -> Iterator[tuple[Settings, Pipeline]]:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    settings = Settings(home=home, sources=(), lock_timeout=20)
    (folder(settings, "mine") / "bars.csv").write_text(bars(healed=False))
    pipeline = make(settings)
    pipeline.backfill(FIRST, LAST)
    yield settings, pipeline
    calendars.use_cache(calendar_cache)


@pytest.fixture
def pipeline(settings_and_pipeline: tuple[Settings, Pipeline]) -> Pipeline:
    return settings_and_pipeline[1]


def rows_by_session(pipeline: Pipeline, table_: tables.Table) -> dict[date, int]:
    return dict(pipeline.store.read(table_).group_by("session").len().iter_rows())


def test_a_held_session_fails_no_run(pipeline: Pipeline) -> None:
    assert [o.errors for o in pipeline.outcomes if o.errors] == []


def test_exactly_the_sessions_beyond_the_limit_are_held(pipeline: Pipeline) -> None:
    gates = pipeline.store.read(tables.GATES)
    assert set(gates.filter("held")["session"]) == HELD
    reasons = dict(gates.filter("held").select("session", "reason").iter_rows())
    assert reasons[date(2024, 1, 3)] == "4 of 300 rows rejected"
    assert reasons[date(2024, 1, 5)] == "all 3 rows rejected"


def test_all_rows_are_in_raw_and_only_open_sessions_in_validated(pipeline: Pipeline) -> None:
    assert rows_by_session(pipeline, tables.OHLCV) == {d: n for d, (n, _, _) in SESSIONS.items()}
    assert rows_by_session(pipeline, tables.REJECTED) == {d: b for d, (_, b, _) in SESSIONS.items()}
    assert rows_by_session(pipeline, tables.VALIDATED) == {
        day: rows - bad for day, (rows, bad, held) in SESSIONS.items() if not held
    }


def test_only_the_held_sessions_are_not_recorded(pipeline: Pipeline) -> None:
    recorded = {date.fromisoformat(key) for key in pipeline.recorded("prices/validated")}
    assert set(SESSIONS) - recorded == HELD
    raw = {date.fromisoformat(key) for key in pipeline.recorded("raw/mine/ohlcv")}
    assert set(SESSIONS) <= raw


def test_a_held_session_is_not_asked_for_again_and_again(pipeline: Pipeline) -> None:
    assert pipeline.backfill(FIRST, LAST) == []


def test_a_better_file_opens_them(settings_and_pipeline: tuple[Settings, Pipeline]) -> None:
    settings, pipeline = settings_and_pipeline
    (settings.drop / "mine" / "bars.csv").write_text(bars(healed=True))
    pipeline.backfill(FIRST, LAST, refetch=True)
    every = {d: n for d, (n, _, _) in SESSIONS.items()}
    assert rows_by_session(pipeline, tables.VALIDATED) == every
    assert pipeline.store.read(tables.REJECTED).is_empty()
    assert not pipeline.store.read(tables.GATES)["held"].any()
    recorded = {date.fromisoformat(key) for key in pipeline.recorded("prices/validated")}
    assert set(SESSIONS) <= recorded
    # The versions that were bad are kept: 1 + 4 + 2 + 3 + 3 + 4 + 4.
    old = pipeline.store.query("select close from raw.ohlcv_revisions")
    assert old["close"].to_list() == [BAD_CLOSE] * 21
