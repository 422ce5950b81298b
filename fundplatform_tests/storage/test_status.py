"""What `fundplatform status` counts: sources with bars, and those whose every row was refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from fundplatform import status_lines, summary, tables
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, bar, filled, rows

FRI, MON = date(2005, 2, 25), date(2005, 2, 28)
RESTS_UNTIL = datetime(2005, 3, 1, 6, tzinfo=UTC)
LOST = {"source_id": 2, "kind": "ohlcv", "rule": "unparseable"}
CONTENT = [
    rows(
        tables.SOURCES,
        {"source_id": 1, "name": "good", "calendar": "XNYS"},
        {"source_id": 2, "name": "lost", "calendar": "XNYS"},
        {"source_id": 3, "name": "silent", "calendar": "XNYS"},
    ),
    rows(tables.OHLCV, bar(FRI, 1.0), bar(MON, 2.0)),
    rows(
        tables.SOURCE_HEALTH,
        {"source": "silent", "state": "ERROR", "score": 0.0, "consecutive_failures": 3,
         "last_failure": "transient", "last_attempt_at": RESTS_UNTIL - timedelta(hours=1),
         "paused_until": RESTS_UNTIL},
    ),
    rows(
        tables.DATA_SYNC,
        *(
            {"source": source, "attempt_id": str(n), "status": status, "problem": problem,
             "finished_at": RESTS_UNTIL - timedelta(hours=9 - n)}
            for n, (source, status, problem) in enumerate(
                (
                    ("silent", "failed", "no answer"),
                    ("silent", "failed", "file a.csv has no column close. Rename it"),
                    ("silent", "paused", "it rests"),
                    ("good", "failed", "of another source"),
                )
            )
        ),
    ),
    rows(
        tables.REJECTED_AT_LOAD,
        {**LOST, "row_number": 1, "reason": "b is no date"},
        {**LOST, "row_number": 2, "reason": "a is no date"},
        {"source_id": 1, "kind": "ohlcv", "rule": "duplicate", "reason": "equal"},
    ),
    rows(
        tables.PERFORMANCE,
        *(
            {"index_name": name, "session": d, "return_basis": basis, "note": note,
             "n_constituents": 0}
            for name, d, note in (
                ("tech", FRI, "9 of 9 names with a price have no sector in a profile known by the "
                              "cutoff; and more"),
                ("tech", MON, "9 of 9 names with a price have no sector in a profile known by the "
                              "cutoff"),
                ("top", FRI, None),
                ("top", MON, "only 5 of 100 names are eligible"),
            )
            for basis in ("price", "gross_total")
        ),
    ),
]  # fmt: skip


@pytest.fixture(params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "status", CONTENT) as made:
        yield made


def test_a_source_without_a_good_row_is_there(store: Store) -> None:
    found = summary.status(store)
    counted = ["source", "rows", "sessions", "last_session", "missing", "rejected_at_load"]
    assert found.select(counted).rows() == [
        ("good", 2, 2, MON, 0, 1),
        ("lost", 0, 0, None, 0, 2),
    ]


def test_why_rows_were_refused_is_said_once_a_rule(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "refused at load: lost: 2 unparseable, like: a is no date"
    assert list(status_lines.refused(store)) == [said]
    monkeypatch.setattr(status_lines, "_MOST_REFUSED", 0)
    assert list(status_lines.refused(store)) == ["... and 1 more: marts.data_quality"]


def test_an_index_that_is_empty_for_want_of_profiles_is_named_with_the_line_to_write(
    store: Store,
) -> None:
    name, remedy = status_lines.unprofiled(store)
    assert name.startswith("index tech: at most 0 names on 2 sessions, 2005-02-25 to 2005-02-28")
    assert "Write `profiles: latest` below `universe:`" in remedy
    assert list(status_lines.lines(store, RESTS_UNTIL, ["silent"]))[2:] == [name, remedy]


def test_a_source_that_failed_is_named_with_the_reason_and_while_it_rests_until_when(
    store: Store,
) -> None:
    told = "silent: INACTIVE, transient, 3 failures in a row, never a success"
    why = "score 0 of 100: file a.csv has no column close. Rename it"
    before = RESTS_UNTIL - timedelta(seconds=1)
    (resting,) = status_lines.troubles(store, before, ["silent"])
    assert resting == f"{told}, rests until 2005-03-01 06:00 UTC; {why}"
    (rested,) = status_lines.troubles(store, RESTS_UNTIL, ["silent"])
    assert rested == f"{told}; {why}"
    # A source that was removed, or switched off.
    assert list(status_lines.troubles(store, RESTS_UNTIL, ["good"])) == []
