"""Files that change behind a backfill: exactly what they touch is asked for again, once."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fundplatform import changes, chunk_sizes, tables
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind
from fundplatform.storage import io_manager
from fundplatform.tables import Table
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)
SESSIONS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09",
            "2024-01-10", "2024-01-11", "2024-01-12")  # fmt: skip
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
ENDED = "start: 2024-01-02\nend: 2024-01-12\n"
Closes = dict[str, float]


@pytest.fixture
def own(settings: Settings) -> Settings:
    return Settings(home=settings.home, sources=(), lock_timeout=20)


def write(path: Path, closes: Closes, symbol: str = "AAA") -> None:
    path.write_text(table(bar(day, symbol, close) for day, close in closes.items()))


def flat(*days: str) -> Closes:
    return dict.fromkeys(days or SESSIONS, 100.0)


def pipeline(settings: Settings) -> Pipeline:
    made = make(settings)
    made.clock = lambda: NOW
    return made


def fetched(settings: Settings, last: date = LAST) -> list[tuple[str, str, str]]:
    """Asset, first and last session of the raw runs of a backfill; every run must succeed.

    What is computed from them is left out: it takes ten times as long.
    """
    made = pipeline(settings)
    made.fetch(FIRST, last)
    assert [o.errors for o in made.outcomes if o.errors] == []
    return [(o.chunk.label, str(o.chunk.first), str(o.chunk.last)) for o in made.outcomes]


def computed(settings: Settings) -> list[tuple[str, str, str]]:
    """As `fetched`, of a whole backfill, which computes if and only if it fetches."""
    made = pipeline(settings)
    chunks = made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    raw = [c for c in chunks if c.label.startswith("raw/")]
    assert bool(raw) == bool(chunks)
    return [(c.label, str(c.first), str(c.last)) for c in raw]


def closes(settings: Settings, table: Table = tables.OHLCV) -> list[float]:
    rows = pipeline(settings).store.read(table).sort("session", "instrument_id")
    return rows["close"].to_list()


MINE = "raw/mine/ohlcv"


@pytest.mark.slow
def test_a_corrected_row_a_late_row_and_nothing_else(own: Settings) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    late = [s for s in SESSIONS if s != "2024-01-09"]
    write(file, flat(*late))
    assert computed(own) == [(MINE, SESSIONS[0], SESSIONS[-1])]
    assert computed(own) == []

    write(file, {**flat(), "2024-01-03": 101.0, "2024-01-04": 102.0})
    assert computed(own) == [
        (MINE, "2024-01-03", "2024-01-04"),
        (MINE, "2024-01-09", "2024-01-09"),
    ]
    assert closes(own, tables.VALIDATED) == [100.0, 101.0, 102.0, *[100.0] * 6]
    assert computed(own) == []

    # The same content, written again and under another name, is no change.
    file.write_text(file.read_text())
    file.rename(file.with_name("renamed.csv"))
    assert computed(own) == []


def test_a_new_file_touches_its_sessions_and_one_that_goes_gives_way(own: Settings) -> None:
    put = folder(own, "mine", ENDED)
    write(put / "a.csv", flat())
    assert len(fetched(own)) == 1
    write(put / "b.csv", {"2024-01-05": 7.0, "2024-01-08": 8.0}, "BBB")
    assert fetched(own) == [(MINE, "2024-01-05", "2024-01-08")]
    assert [c for c in closes(own) if c < 10] == [7.0, 8.0]
    # A newer file wins over a.csv; without it a.csv has its day again.
    write(put / "c.csv", {"2024-01-10": 50.0})
    assert fetched(own) == [(MINE, "2024-01-10", "2024-01-10")]
    assert 50.0 in closes(own)
    (put / "c.csv").unlink()
    assert fetched(own) == [(MINE, "2024-01-10", "2024-01-10")]
    assert 50.0 not in closes(own)
    # A row that no file has any more stays, and asks for nothing.
    write(put / "a.csv", flat(*SESSIONS[:-1]))
    (put / "b.csv").unlink()
    fetched(own)
    assert fetched(own) == []
    assert len(closes(own)) == len(SESSIONS) + 2


@pytest.mark.slow
def test_days_outside_the_range_asked_for_stay_due(own: Settings) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    fetched(own)
    write(file, {**flat(), "2024-01-03": 101.0, "2024-01-11": 102.0})
    assert fetched(own, date(2024, 1, 5)) == [(MINE, "2024-01-03", "2024-01-03")]
    assert fetched(own) == [(MINE, "2024-01-11", "2024-01-11")]
    assert fetched(own) == []


@pytest.mark.slow
def test_a_row_on_a_closed_day_touches_the_session_before(own: Settings) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    computed(own)
    write(file, {**flat(), "2024-01-06": 10.0})
    assert computed(own) == [(MINE, "2024-01-05", "2024-01-05")]
    rejected = pipeline(own).store.read(tables.REJECTED)
    assert rejected.select("session", "rules").rows() == [(date(2024, 1, 6), "V09")]


def test_a_growing_file_asks_for_what_it_grew_by(own: Settings) -> None:
    file = folder(own, "mine", "start: 2024-01-02\n") / "bars.csv"
    write(file, flat(*SESSIONS[:5]))
    assert fetched(own) == [(MINE, SESSIONS[0], SESSIONS[4])]
    write(file, {**flat(*SESSIONS[:6]), "2024-01-04": 101.0})
    assert fetched(own) == [(MINE, "2024-01-04", "2024-01-04"), (MINE, SESSIONS[5], SESSIONS[5])]
    assert fetched(own) == []


def test_another_unit_in_the_yaml_touches_what_it_changes(own: Settings) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    fetched(own)
    folder(own, "mine", ENDED + "units: {volume: 1000}\n")
    assert fetched(own) == [(MINE, SESSIONS[0], SESSIONS[-1])]
    folder(own, "mine", ENDED + "units: {volume: 1000}\ntitle: Mine\n")
    assert fetched(own) == []


def test_without_the_kept_files_everything_recorded_is_due(own: Settings) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    fetched(own)
    for kept in (own.payloads / "mine").glob("*-*"):
        for part in kept.iterdir():
            part.unlink()
    write(file, {**flat(), "2024-01-03": 101.0})
    assert fetched(own) == [(MINE, SESSIONS[0], SESSIONS[-1])]
    assert fetched(own) == []


@pytest.mark.slow
def test_corporate_actions_are_fetched_again_when_their_file_changed(own: Settings) -> None:
    write(folder(own, "mine", ENDED) / "bars.csv", {**flat(), **dict.fromkeys(SESSIONS[5:], 50.0)})
    put = folder(own, "splits", "kind: corporate_actions\nstart: 2024-01-02\n") / "splits.csv"
    put.write_text("symbol,action,ex_date,ratio\nAAA,dividend,2024-01-04,\n")
    computed(own)
    assert computed(own) == []
    put.write_text("symbol,action,ex_date,ratio\nAAA,split,2024-01-09,2\n")
    assert computed(own) == [("raw/splits/corporate_actions", "None", "None")]
    rows = pipeline(own).store.read(tables.METRICS).filter(frame="ALL").sort("session")
    assert rows["total_return"].drop_nulls().abs().max() == pytest.approx(0.0, abs=1e-12)
    assert computed(own) == []


@pytest.mark.slow
def test_a_backfill_that_broke_off_asks_for_the_rest(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    fetched(own)
    write(file, {day: 101.0 + n for n, day in enumerate(SESSIONS)})
    monkeypatch.setattr(chunk_sizes, "MOST", 4)
    with monkeypatch.context() as patch:
        real, seen = io_manager.write_load, []

        def fails_second(*given: object) -> object:
            seen.append(1)
            if len(seen) == 2:
                raise RuntimeError("power cut")
            return real(*given)  # type: ignore[arg-type]

        patch.setattr(io_manager, "write_load", fails_second)
        broken = pipeline(own)
        broken.fetch(FIRST, LAST)
        assert [o for o in broken.outcomes if o.errors]
    # The first four were asked for again; a change of one of them meanwhile is seen too.
    write(file, {day: 101.0 + n + (day == SESSIONS[1]) for n, day in enumerate(SESSIONS)})
    again = fetched(own)
    assert sorted({day for _, *span in again for day in span}) == sorted(
        {SESSIONS[0], SESSIONS[3], SESSIONS[4], SESSIONS[7], SESSIONS[8]}
    )
    assert closes(own) == [101.0, 103.0, *(101.0 + n for n in range(2, 9))]
    assert fetched(own) == []


def test_an_unchanged_folder_is_not_read(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder(own, "mine", ENDED) / "bars.csv"
    write(file, flat())
    fetched(own)
    monkeypatch.setattr("fundplatform.sources.drop.inventory.read_steady", pytest.fail)
    made = pipeline(own)
    assert changes.due(made.sources[0], Kind.OHLCV, made.instance, NOW) == changes.NOTHING
