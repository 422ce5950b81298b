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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    SKIP_SCHEMA,
    Batch,
    Kind,
    Source,
    batch_schema,
)
from fundplatform.sources.web import replay
from fundplatform.sources.web.archive import Archive, records
from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Counting, Fetching
from fundplatform.sources.web.profile import Access, Profile, Tracked
from fundplatform.sources.web.transport import RequestsTransport, Timeouts, Transport
from fundplatform_tests.sources.vendor_server import Script, Vendor, serving

KEY = "t0p-s3cret+k/y"
CONTACT = "somebody@example.test"

CASES = {
    "normal": "rows as documented; give `row`",
    "paged": "an answer in two pages",
    "split_day": "a day on which a split takes effect: prices as this source states them",
    "numeric_strings": "numbers as text, where the vendor may send them so",
    "unfinished_bar": "the running bar is in the answer: dropped, its session `absent`",
    "doubled": "an equal row twice (once kept, once rejected) and two that differ (both rejected)",
    "out_of_range": "rows before and after the days asked for: left out",
    "bad_value": "one row with text or null where a number belongs: rejected, the others kept",
    "empty_closed": "nothing, on days that are no sessions: fine",
    "empty_pending": "nothing, for a session not yet published: `absent`, never a recorded day",
    "empty_symbol": "nothing for one symbol: `skipped` as no_data",
    "unknown_symbol": "a symbol the vendor does not know: `skipped` as unknown_symbol",
    "error_in_200": "status 200 with the vendor's error body: `failure`",
    "auth": "the vendor's own body for a wrong key: `failure` auth",
    "not_entitled": "the vendor's own body for a plan too small: `failure` not_entitled",
    "missing_field": "a field is gone: `failure` schema_changed, `says` its name",
    "changed_type": "a field has another type: `failure` schema_changed, `says` its name",
}

Answers = Mapping[str, "Script | bytes | object | Sequence[Script]"]


@dataclass(frozen=True)
class Case:
    """One situation and what must come of it.

    Attributes:
        answers: Path, or path?query, to its answer: a `Script`, bytes, a value for JSON, or a tuple
            of scripts given in turn. `{url}` in bytes or JSON text becomes the server's address.
        rows: Rows that must come out; None: not looked at.
        row: One of them, by the columns given.
        rejected: Rule to number of rejected rows.
        absent: Sessions not yet published.
        skipped: Vendor symbol to failure.
        failure: The fetch fails so.
        says: Text that the error must contain.
        first: First session asked for, where not the contract's.
        last: Last session asked for.
        now: The clock.
        tracked: Listings asked for.
        kind: Kind of data, where not the contract's.
    """

    answers: Answers
    rows: int | None = None
    row: Mapping[str, object] | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    absent: frozenset[date] = frozenset()
    skipped: Mapping[str, Failure] = field(default_factory=dict)
    failure: Failure | None = None
    says: str = ""
    first: date | None = None
    last: date | None = None
    now: datetime | None = None
    tracked: tuple[Tracked, ...] | None = None
    kind: Kind | None = None


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
        days = (case.first or self.first, case.last or self.last)
        return source.fetch(case.kind or self.kind, *days, now=now)

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
        told = [f"{name}: {CASES[name]}" for name in lacking]
        assert not told, "give these cases, or say in not_applicable why there is none: " + str(
            told
        )
        both = self.cases.keys() & self.not_applicable.keys()
        assert not both, f"given and not applicable: {both}"

    @pytest.mark.parametrize("name", CASES)
    def test_case(self, vendor: Vendor, name: str) -> None:
        if name in self.not_applicable:
            assert self.not_applicable[name].strip(), "say why"
            return
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


def verify(batch: Batch, case: Case, kind: Kind) -> None:
    """Everything that must hold of a fetch's result."""
    for frame, schema in (
        (batch.rows, batch_schema(kind)),
        (batch.rejected, REJECT_SCHEMA),
        (batch.payloads, PAYLOAD_SCHEMA),
        (batch.skipped, SKIP_SCHEMA),
    ):
        assert frame.schema == schema
    assert batch.listings is None or batch.listings.schema == LISTING_SCHEMA
    assert KEY not in str(batch.payloads.to_dicts()), "the key is in a payload's name"
    got = dict(batch.rejected.group_by("rule").len().iter_rows())
    assert got == dict(case.rejected), f"rejected: {batch.rejected.to_dicts()}"
    if case.rows is not None:
        assert batch.rows.height == case.rows, f"rows: {batch.rows.to_dicts()}"
    if case.row is not None:
        found = batch.rows.filter(pl.col(n).eq_missing(pl.lit(v)) for n, v in case.row.items())
        assert found.height == 1, f"{dict(case.row)} is not among {batch.rows.to_dicts()}"
    assert batch.absent == case.absent
    skipped = dict(batch.skipped.select("vendor_symbol", "failure").iter_rows())
    assert skipped == {s: str(f) for s, f in case.skipped.items()}
    counted = batch.rows.height + batch.rejected.height
    assert batch.payloads["rows"].sum() == counted, "each vendor row is a row or a reject"
    used = {*batch.rows["payload_hash"], *batch.rejected["payload_hash"]}
    assert used <= {*batch.payloads["payload_hash"]}
    if batch.listings is not None:
        lost = {*batch.rows["vendor_symbol"]} - {*batch.listings["vendor_symbol"]}
        assert not lost, f"rows without a listing: {lost}"


def _scripts(answer: object, url: str) -> tuple[Script, ...]:
    if isinstance(answer, tuple):
        return tuple(s for part in answer for s in _scripts(part, url))
    if isinstance(answer, Script):
        return (replace(answer, body=answer.body.replace(b"{url}", url.encode())),)
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return (Script(body.replace(b"{url}", url.encode())),)
