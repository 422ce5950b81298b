"""Answers that are taken again: of a fetch that broke off, of a backfill's other parts."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from fundplatform.sources.base import Kind
from fundplatform.sources.web.archive import INTERRUPTED, OK, Archive, read, records
from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.journal import Fetching
from fundplatform.sources.web.profile import Access, Span
from fundplatform.sources.web.resume import Newest, ResumedWeb, resumed
from fundplatform_tests.sources import acme
from fundplatform_tests.sources.vendor_server import Vendor, json, serving

NOW = datetime(2024, 3, 8, 12, 0, tzinfo=UTC)
LONG_AGO = Fetching("acme", Kind.OHLCV, date(2024, 1, 2), date(2024, 1, 31), NOW, keyed=True)
RECENT = replace(LONG_AGO, first=date(2024, 3, 6), last=date(2024, 3, 7))
PAGES = ("/a", "/b", "/c")


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        for path in PAGES:
            running.on(path, json({"path": path}))
        yield running


Ask = Callable[..., int]


@pytest.fixture
def ask(vendor: Vendor, tmp_path: Path) -> Ask:
    """Fetches pages and breaks off as told; the number of answers that were there already."""

    def asked(
        fetching: Fetching,
        *pages: str,
        breaks: BaseException | None = None,
        fresh: bool = False,
        later: timedelta = timedelta(),
        newest: Newest | None = None,
    ) -> int:
        fetching = replace(fetching, now=NOW + later)
        journal = Archive(tmp_path, "acme")
        web = HttpWeb(
            acme.PROFILE,
            lambda: fetching.now,
            key="k",
            base_url=vendor.url,
            journal=journal,
            patience=Patience(attempts=1),
        )
        access = resumed(Access(web, journal=journal), fetching, fresh=fresh, newest=newest)
        with suppress(VendorError, KeyboardInterrupt, ValueError), journal.fetch(fetching):
            for page in pages:
                assert access.web.get(page).body == json({"path": page}).body
            if breaks is not None:
                raise breaks
        return access.web.reused if isinstance(access.web, ResumedWeb) else 0

    return asked


def test_a_fetch_that_was_interrupted_goes_on(ask: Ask, vendor: Vendor, tmp_path: Path) -> None:
    assert ask(LONG_AGO, "/a", "/b", breaks=KeyboardInterrupt()) == 0
    assert [r.end for r in records(tmp_path, "acme")] == [INTERRUPTED]
    assert ask(LONG_AGO, *PAGES) == 2
    assert [a.path for a in vendor.asked] == ["/a", "/b", "/c"]
    # The record of the second fetch is whole: it can be played again by itself.
    second = records(tmp_path, "acme")[-1]
    assert (second.end, [r["path"] for r in second.requests]) == (OK, [*PAGES])
    # It succeeded, so that the next one asks anew.
    assert ask(LONG_AGO, *PAGES) == 0


def test_a_fetch_that_was_killed_goes_on(ask: Ask, vendor: Vendor, tmp_path: Path) -> None:
    ask(LONG_AGO, "/a", "/b", breaks=KeyboardInterrupt())
    (path,) = (tmp_path / "acme").iterdir()
    head, a, b, _ = path.read_text().splitlines()
    # Killed in the middle of a line, as far as a full disk allows it.
    path.write_text("\n".join([head, a, b[:20]]))
    assert len(read(path).requests) == 1
    assert ask(LONG_AGO, *PAGES) == 1
    # And before its first line.
    (tmp_path / "acme" / "20240308T120000000000-00000000.jsonl").touch()
    assert len(records(tmp_path, "acme")) == 2


def test_a_quota_used_up_goes_on_the_next_day(ask: Ask, vendor: Vendor) -> None:
    vendor.on("/c", json({"error": "quota"}))
    ask(LONG_AGO, *PAGES)
    vendor.on("/c", json({"path": "/c"}))
    assert ask(LONG_AGO, *PAGES, later=timedelta(days=1)) == 2
    assert [a.path for a in vendor.asked] == ["/a", "/b", "/c", "/c"]


def test_a_session_that_may_still_change_is_asked_again_the_next_day(ask: Ask) -> None:
    ask(RECENT, "/a", breaks=KeyboardInterrupt())
    assert ask(RECENT, "/a", breaks=KeyboardInterrupt(), later=timedelta(hours=5)) == 1
    assert ask(RECENT, "/a", later=timedelta(hours=12)) == 0


def test_an_answer_from_before_a_session_s_end_is_asked_again(ask: Ask) -> None:
    """A running bar must not be taken for a finished one, neither by the same fetch nor by a part.

    The session of the 7th ends two hours after the first answer.
    """

    def newest(at: datetime) -> date:
        return date(2024, 3, 7 if at >= NOW + timedelta(hours=2) else 6)

    hour = timedelta(hours=1)
    planned = replace(RECENT, plan="p")
    for fetching in (RECENT, planned):
        ask(fetching, "/a", breaks=KeyboardInterrupt(), newest=newest)
        assert ask(fetching, "/a", breaks=KeyboardInterrupt(), later=hour, newest=newest) == 1
        assert ask(fetching, "/a", later=3 * hour, newest=newest) == 0
    # A range that ended before the answer is not touched by it, nor is a whole.
    past = replace(RECENT, last=date(2024, 3, 6))
    ask(past, "/a", breaks=KeyboardInterrupt(), newest=newest)
    assert ask(past, "/a", later=3 * hour, newest=newest) == 1


def test_an_answer_that_could_not_be_read_is_asked_again(ask: Ask) -> None:
    ask(LONG_AGO, "/a", breaks=ValueError("field close is missing"))
    assert ask(LONG_AGO, "/a") == 0


@pytest.mark.parametrize(
    "other",
    [
        replace(LONG_AGO, last=date(2024, 2, 1)),
        replace(LONG_AGO, kind=Kind.FX),
        replace(LONG_AGO, span=Span(date(2024, 1, 2), date(2024, 3, 1), 40)),
    ],
)
def test_another_question_takes_nothing(ask: Ask, other: Fetching) -> None:
    ask(LONG_AGO, "/a", breaks=KeyboardInterrupt())
    assert ask(other, "/a") == 0


def test_a_refetch_takes_nothing_of_an_earlier_attempt(ask: Ask) -> None:
    ask(LONG_AGO, "/a", breaks=KeyboardInterrupt())
    assert ask(LONG_AGO, "/a", fresh=True) == 0


def test_parts_of_one_backfill_share_answers_and_other_backfills_do_not(ask: Ask) -> None:
    one, other = (
        replace(LONG_AGO, plan="x", first=day, last=day)
        for day in (date(2024, 1, 2), date(2024, 1, 3))
    )
    assert ask(one, "/a", fresh=True) == 0
    assert ask(other, "/a", "/b", fresh=True) == 1
    assert ask(replace(other, plan="y"), "/a") == 0


def test_a_lost_body_is_asked_for_again(ask: Ask, vendor: Vendor, tmp_path: Path) -> None:
    ask(LONG_AGO, "/a", "/b", breaks=KeyboardInterrupt())
    next((tmp_path / "bodies").rglob("*.zst")).write_bytes(b"")
    assert ask(LONG_AGO, "/a", "/b") == 1
    assert len(vendor.asked) == 3
