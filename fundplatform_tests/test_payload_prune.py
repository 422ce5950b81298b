"""Which fetches may leave the archive, decided on records written as fetches write them."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fundplatform import tables
from fundplatform.errors import SourceError
from fundplatform.payload_prune import planned, referred, remove
from fundplatform.sources.base import Kind
from fundplatform.sources.web.archive import Archive
from fundplatform.sources.web.bodies import holding
from fundplatform.sources.web.journal import Fetching, Request
from fundplatform.sources.web.profile import Reply
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, bar, filled, rows

DAY = timedelta(days=1)
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
NEVER = BEGIN - DAY
LATER = BEGIN + 100 * DAY


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def fetched(
    archive: Path, day: int, *bodies: str, source: str = "acme", fails: bool = False
) -> str:
    """A fetch of the given day with these answers; the name of its record."""
    now = BEGIN + day * DAY
    journal = Archive(archive, source)
    fetching = Fetching(source, Kind.OHLCV, date(2024, 1, 1), date(2024, 1, 2), now)
    before = set((archive / source).glob("*")) if (archive / source).exists() else set()
    try:
        with journal.fetch(fetching):
            for text in bodies:
                reply = Reply("/x", 200, {}, text.encode(), digest(text), now)
                journal.attempt(Request("/x", {}), reply, None)
                journal.outcome(Request("/x", {"n": text}), reply, None)
            if fails:
                raise SourceError(source, "broken", "Mend it")
    except SourceError:
        assert fails
    for body in (archive / "bodies").rglob("*.zst"):
        if body.stem in map(digest, bodies):
            os.utime(body, (now.timestamp(), now.timestamp()))
    (new,) = set((archive / source).glob("*")) - before
    return new.name


def gone(archive: Path, held: set[str], before: datetime) -> tuple[set[str], set[str]]:
    """Names of the records and hashes of the bodies that would go."""
    prune = planned(archive, held, before)
    return {p.name for p in prune.records}, {p.stem for p in prune.bodies}


def test_what_a_row_names_stays_with_all_of_its_fetch(tmp_path: Path) -> None:
    fetched(tmp_path, 0, "a", "b")
    empty = fetched(tmp_path, 1, "c")
    failed = fetched(tmp_path, 2, "d", fails=True)
    killed = tmp_path / "acme" / "20240104T000000000000-000-00000000.jsonl"
    killed.touch()
    last = fetched(tmp_path, 4, "e")
    assert gone(tmp_path, {digest("a")}, LATER) == ({empty, failed}, {digest("c"), digest("d")})
    # The last good one stays without a row; of another source as well.
    assert gone(tmp_path, set(), NEVER) == (set(), set())
    other = fetched(tmp_path, 0, "z", source="other")
    names, _ = gone(tmp_path, set(), LATER)
    assert last not in names and other not in names
    some = planned(tmp_path, set(), LATER, ["other"])
    assert (some.records, some.gone.total()) == ([], 0)


def test_a_body_stays_while_anything_names_or_uses_it(tmp_path: Path) -> None:
    """`same` is in a fetch that goes and in one that stays; `used` was found again lately."""
    old = fetched(tmp_path, 0, "same", "used", "alone")
    fetched(tmp_path, 50, "same")
    used = next((tmp_path / "bodies").rglob(f"{digest('used')}.zst"))
    os.utime(used, (LATER.timestamp(), LATER.timestamp()))
    assert gone(tmp_path, set(), LATER) == ({old}, {digest("alone")})
    before = BEGIN + 10 * DAY
    prune = remove(tmp_path, set(), before)
    assert prune.bytes > 0
    assert not (tmp_path / "acme" / old).exists()
    left = {p.stem for p in (tmp_path / "bodies").rglob("*.zst")}
    assert left == {digest("same"), digest("used")}


def test_a_row_without_its_record_keeps_its_body(tmp_path: Path) -> None:
    name = fetched(tmp_path, 0, "a")
    (tmp_path / "acme" / name).unlink()
    assert gone(tmp_path, {digest("a")}, LATER) == (set(), set())
    assert gone(tmp_path, set(), LATER) == (set(), {digest("a")})


def test_nothing_that_is_in_doubt_goes(tmp_path: Path) -> None:
    old = fetched(tmp_path, 0, "a")
    fetched(tmp_path, 1, "b")
    broken = tmp_path / "acme" / "20240101T000000000000-009-00000000.jsonl"
    broken.write_text(json.dumps({"end": "ok"}) + "\n")
    prune = planned(tmp_path, set(), LATER)
    assert prune.unread == [broken]
    # What the unreadable one names is not known, so no body goes.
    assert ([p.name for p in prune.records], prune.bodies) == ([old], [])


def test_nothing_goes_while_a_fetch_is_under_way(tmp_path: Path) -> None:
    old = fetched(tmp_path, 0, "a")
    fetched(tmp_path, 1, "b")
    with holding(tmp_path, alone=False), pytest.raises(SourceError, match="a fetch is under way"):
        remove(tmp_path, set(), LATER)
    assert (tmp_path / "acme" / old).exists()


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    content = (
        rows(tables.OHLCV, {**bar(date(2024, 1, 2), 1.0), "payload_hash": "bar"}),
        rows(tables.REJECTED_AT_LOAD, {"payload_hash": "reject"}),
        rows(tables.PAYLOADS, {"payload_hash": "only listed"}),
    )
    with filled(request, tmp_path_factory, "prune", content) as made:
        yield made


def test_rows_of_every_table_name_payloads(store: Store) -> None:
    assert referred(store) == {"bar", "reject"}
