"""What `fundplatform status` counts: sources with bars, and those whose every row was refused."""

from collections.abc import Iterator
from datetime import date

import pytest

from fundplatform import summary, tables
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, bar, filled, rows

FRI, MON = date(2005, 2, 25), date(2005, 2, 28)
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
        tables.REJECTED_AT_LOAD,
        {**LOST, "row_number": 1, "reason": "b is no date"},
        {**LOST, "row_number": 2, "reason": "a is no date"},
        {"source_id": 1, "kind": "ohlcv", "rule": "duplicate", "reason": "equal"},
    ),
]


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
    assert list(summary.refused(store)) == [said]
    monkeypatch.setattr(summary, "_MOST_REFUSED", 0)
    assert list(summary.refused(store)) == ["... and 1 more: marts.data_quality"]
