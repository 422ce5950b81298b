"""What every vendor on the web must keep, played over real HTTP on the loopback.

    class TestMassive(VendorContract):
        profile = massive.PROFILE
        cases: ClassVar = {"normal": Case({"/v2/aggs/...": body}, rows=2, row={...}), ...}
        not_applicable: ClassVar = {"paged": "one call brings it all"}

        def make(self, access: Access) -> Source:
            return Massive(access)

Give a case for each name in CASES, or the reason why the vendor has none. Bad transport (cut, slow,
reset, 429, 401, 403) is made here, from the normal case. Bodies are written by hand in the
documented shape; expected values are read from them by hand.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform.sources.base import (
    Batch,
    Kind,
    Source,
)
from fundplatform.sources.web import replay
from fundplatform.sources.web.archive import Archive, records
from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Counting, Fetching
from fundplatform.sources.web.plan import Planner
from fundplatform.sources.web.profile import Access, Profile, Tracked
from fundplatform.sources.web.transport import RequestsTransport, Timeouts, Transport
from fundplatform_tests.sources.vendor_case import CASES, KEY
from fundplatform_tests.sources.vendor_case import Case as Case
from fundplatform_tests.sources.vendor_server import Script, Vendor, serving
from fundplatform_tests.sources.vendor_verdict import as_planned, verify

CONTACT = "somebody@example.test"


class VendorContract:
    """The laws of a vendor's source."""

    profile: ClassVar[Profile]
    kind: ClassVar[Kind] = Kind.OHLCV
    first: ClassVar[date]
    last: ClassVar[date]
    now: ClassVar[datetime] = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    tracked: ClassVar[tuple[Tracked, ...]] = ()
    cases: ClassVar[Mapping[str, Case]] = {}
    not_applicable: ClassVar[Mapping[str, str]] = {}

    def make(self, access: Access) -> Source:
        """The source under test."""
        raise NotImplementedError

    def transport(self, vendor: Vendor) -> Transport:
        """What carries the requests, with limits of a second."""
        return RequestsTransport(Timeouts(1, 0.5, 1), self.profile.max_bytes)

    @pytest.fixture
    def vendor(self) -> Iterator[Vendor]:
        with serving() as running:
            yield running

    def fetch(self, vendor: Vendor, case: Case, attempts: int = 2) -> Batch:
        """Play the case."""
        source, now = self.make(self.access(vendor, case, attempts)), case.now or self.now
        days, kind = (case.first or self.first, case.last or self.last), case.kind or self.kind
        batch = source.fetch(kind, *days, now=now)
        # Where a fetch says nothing of symbols, the warehouse asks the source.
        known = source.listings(kind) if batch.listings is None else batch.listings
        return replace(batch, listings=known)

    def access(
        self, vendor: Vendor, case: Case, attempts: int = 2, journal: Archive | None = None
    ) -> Access:
        """What the source is handed to play the case."""
        for path, answer in case.answers.items():
            vendor.on(path, *_scripts(answer, vendor.url))
        now = case.now or self.now
        web = HttpWeb(
            self.profile,
            lambda: now,
            key=KEY if self.profile.key_env else None,
            contact=CONTACT,
            base_url=vendor.url,
            transport=self.transport(vendor),
            journal=journal or Counting(),
            patience=Patience(attempts=attempts),
            sleep=lambda seconds: None,
        )
        tracked = self.tracked if case.tracked is None else case.tracked
        return Access(web, tracked, keyed=self.profile.key_env is not None)

    def test_every_case_is_given(self) -> None:
        lacking = sorted(CASES.keys() - self.cases.keys() - self.not_applicable.keys())
        told = "\n".join(f"  {name}: {CASES[name]}" for name in lacking)
        assert not told, f"give these cases, or say in not_applicable why there is none:\n{told}"
        both = self.cases.keys() & self.not_applicable.keys()
        assert not both, f"given and not applicable: {both}"

    @pytest.mark.parametrize("name", CASES)
    def test_case(self, vendor: Vendor, name: str) -> None:
        if name in self.not_applicable:
            assert self.not_applicable[name].strip(), "say why"
            return
        if name not in self.cases:
            pytest.skip("not given: test_every_case_is_given names all of these at once")
        case = self.cases[name]
        if case.failure is None:
            verify(self.fetch(vendor, case), case, case.kind or self.kind)
            return
        with pytest.raises(VendorError) as caught:
            self.fetch(vendor, case)
        assert caught.value.failure is case.failure, str(caught.value)
        assert case.says in str(caught.value), f"{case.says!r} is not said in {caught.value}"
        assert KEY not in str(caught.value)

    def test_more_cases(self, vendor: Vendor) -> None:
        for name in self.cases.keys() - CASES.keys():
            case = self.cases[name]
            verify(self.fetch(vendor, case), case, case.kind or self.kind)

    @pytest.mark.parametrize(
        ("script", "failure"),
        [
            (Script(b"{}", 503), Failure.TRANSIENT),
            (Script(b"<html>Bad Gateway</html>", 502), Failure.TRANSIENT),
            (Script(b"", 401), Failure.AUTH),
            (Script(b"", 403), Failure.NOT_ENTITLED),
            (Script(b"", 429, {"retry-after": "3600"}), Failure.RATE_LIMITED),
            (Script(reset=True), Failure.TRANSIENT),
            (Script(b" " * 64, drip=0.1), Failure.TRANSIENT),
        ],
        ids=["503", "502", "401", "403", "429", "reset", "drip"],
    )
    def test_bad_transport_is_told_by_its_kind(
        self, vendor: Vendor, script: Script, failure: Failure
    ) -> None:
        normal = self.cases["normal"]
        bad = {path: script for path in normal.answers}
        with pytest.raises(VendorError) as caught:
            self.fetch(vendor, replace(normal, answers=bad), attempts=1)
        assert caught.value.failure is failure, str(caught.value)
        assert KEY not in str(caught.value)

    def test_a_truncated_body_is_never_taken(self, vendor: Vendor) -> None:
        normal = self.cases["normal"]
        cut = {
            path: tuple(replace(s, cut=max(1, len(s.body) // 2)) for s in _scripts(a, vendor.url))
            for path, a in normal.answers.items()
        }
        with pytest.raises(VendorError) as caught:
            self.fetch(vendor, replace(normal, answers=cut), attempts=1)
        assert caught.value.failure is Failure.TRUNCATED, str(caught.value)

    def test_a_call_refused_once_succeeds_the_second_time(self, vendor: Vendor) -> None:
        normal = self.cases["normal"]
        refused = Script(b"", 429, {"retry-after": "1"})
        answers = {p: (refused, *_scripts(a, vendor.url)) for p, a in normal.answers.items()}
        verify(
            self.fetch(vendor, replace(normal, answers=answers)), normal, normal.kind or self.kind
        )

    def test_the_plan_is_what_is_asked(self, vendor: Vendor) -> None:
        case = self.cases["normal"]
        source, kind = self.make(self.access(vendor, case)), case.kind or self.kind
        if not isinstance(source, Planner):
            pytest.skip("this source does not say its calls beforehand")
        days, now = (case.first or self.first, case.last or self.last), case.now or self.now
        plan = source.plan(kind, *days, now=now)
        assert vendor.asked == [], "a plan asks nothing"
        source.fetch(kind, *days, now=now)
        as_planned(plan, vendor, self.profile)

    def test_two_fetches_are_equal(self, vendor: Vendor) -> None:
        one, two = (self.fetch(vendor, self.cases["normal"]) for _ in range(2))
        assert one.rows.equals(two.rows)
        assert one.rejected.equals(two.rejected)

    def test_the_archive_plays_it_again_without_the_vendor(
        self, vendor: Vendor, tmp_path: Path
    ) -> None:
        """Every source's answers go through the archive, and nothing else decides its rows."""
        case, name = self.cases["normal"], self.profile.name
        kind, now = case.kind or self.kind, case.now or self.now
        journal = Archive(tmp_path, name)
        given = self.access(vendor, case, journal=journal)
        days = (case.first or self.first, case.last or self.last)
        fetching = Fetching(name, kind, *days, now, given.tracked, given.keyed)
        with journal.fetch(fetching):
            live = self.make(given).fetch(kind, *days, now=now)
        (record,) = records(tmp_path, name)
        before = len(vendor.asked)
        again = self.make(replay.access(given, record, journal.bodies))
        played = again.fetch(kind, *days, now=record.fetching.now)
        assert len(vendor.asked) == before > 0
        assert record.fetching.tracked == given.tracked
        for one, two in zip(
            (live.rows, live.rejected, live.payloads, live.skipped),
            (played.rows, played.rejected, played.payloads, played.skipped),
            strict=True,
        ):
            assert one.equals(two)
        assert KEY.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*.jsonl"))


def _scripts(answer: object, url: str) -> tuple[Script, ...]:
    if isinstance(answer, tuple):
        return tuple(s for part in answer for s in _scripts(part, url))
    if isinstance(answer, Script):
        return (replace(answer, body=answer.body.replace(b"{url}", url.encode())),)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return (Script(body.replace(b"{url}", url.encode())),)
