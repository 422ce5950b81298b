"""The contract of vendors: a sound one passes it, and for each law there is one that breaks it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, ClassVar

import polars as pl
import pytest

from fundplatform.sources.base import Batch, Kind, Source
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform_tests.sources import acme
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Vendor, serving

A = Tracked("A", "A", date(2024, 1, 2), "equity", "USD")
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
# Tuesday's close in New York is 21:00 UTC; published at 03:00 on Wednesday.
AT_NOON = datetime(2024, 3, 5, 17, 0, tzinfo=UTC)
EVENING = datetime(2024, 3, 5, 22, 0, tzinfo=UTC)
NEXT_DAY = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)


def bar(day: date, close: object = 10.5, **more: object) -> dict[str, object]:
    return {"d": day.isoformat(), "o": 10, "h": 11, "l": 9, "c": close, "v": 1e3, **more}


def body(*bars: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"bars": list(bars), **more}


def without(name: str) -> dict[str, object]:
    return {k: v for k, v in bar(MONDAY).items() if k != name}


class TestAcme(VendorContract):
    profile = acme.PROFILE
    first, last = MONDAY, TUESDAY
    tracked = (A,)
    cases: ClassVar = {
        "normal": Case(
            {"/bars": body(bar(MONDAY), bar(TUESDAY, 12.25))},
            rows=2,
            row={"vendor_symbol": "A", "session": TUESDAY, "close": 12.25, "volume": 1000.0},
        ),
        "paged": Case(
            {
                "/bars": (
                    body(bar(MONDAY), next="{url}/bars?page=2"),
                    body(bar(TUESDAY)),
                )
            },
            rows=2,
        ),
        "split_day": Case(
            {"/bars": body(bar(MONDAY, 100.0), bar(TUESDAY, 50.0))},
            rows=2,
            row={"session": MONDAY, "close": 100.0, "adjustment": "none"},
        ),
        "numeric_strings": Case({"/bars": body(bar(MONDAY, "10.5"))}, row={"close": 10.5}),
        "unfinished_bar": Case(
            {"/bars": body(bar(MONDAY), bar(TUESDAY))},
            rows=1,
            now=AT_NOON,
            absent=frozenset({TUESDAY}),
        ),
        "doubled": Case(
            {"/bars": body(bar(MONDAY), bar(MONDAY), bar(TUESDAY, 1.0), bar(TUESDAY, 2.0))},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {"/bars": body(bar(date(2024, 3, 1)), bar(MONDAY), bar(date(2024, 3, 6)))}, rows=1
        ),
        "bad_value": Case(
            {"/bars": body(bar(MONDAY, "n/a"), bar(TUESDAY))}, rows=1, rejected={"unparseable": 1}
        ),
        "empty_closed": Case(
            {"/bars": body()}, rows=0, first=date(2024, 3, 2), last=date(2024, 3, 3)
        ),
        "empty_pending": Case(
            {"/bars": body()}, rows=0, first=TUESDAY, now=NEXT_DAY, absent=frozenset({TUESDAY})
        ),
        "empty_symbol": Case({"/bars": body()}, rows=0, skipped={"A": Failure.NO_DATA}),
        "unknown_symbol": Case(
            {"/bars": {"error": "no such symbol"}}, rows=0, skipped={"A": Failure.UNKNOWN_SYMBOL}
        ),
        "error_in_200": Case({"/bars": {"error": "quota"}}, failure=Failure.QUOTA_EXHAUSTED),
        "auth": Case({"/bars": {"error": "bad key"}}, failure=Failure.AUTH),
        "not_entitled": Case({"/bars": {"error": "bad plan"}}, failure=Failure.NOT_ENTITLED),
        "missing_field": Case(
            {"/bars": body(without("c"))}, failure=Failure.SCHEMA_CHANGED, says="field c"
        ),
        "changed_type": Case(
            {"/bars": {"bars": "none"}}, failure=Failure.SCHEMA_CHANGED, says="field bars"
        ),
        # More than the contract asks for.
        "evening": Case(
            {"/bars": body(bar(MONDAY))}, rows=1, now=EVENING, absent=frozenset({TUESDAY})
        ),
    }

    def make(self, access: Access) -> Source:
        return acme.Acme(access)


@dataclass(frozen=True)
class Broken(acme.Acme):
    """Acme with a fault in what it brings."""

    spoil: Callable[[Batch], Batch]

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        return self.spoil(super().fetch(kind, first, last, now=now))


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        yield running


FAULTS: dict[str, tuple[str, Callable[[Batch], Batch]]] = {
    "loses a row": ("normal", lambda b: replace(b, rows=b.rows.head(1))),
    "another value": ("normal", lambda b: replace(b, rows=b.rows.with_columns(close=pl.lit(1.0)))),
    "another column": ("normal", lambda b: replace(b, rows=b.rows.with_columns(x=1))),
    "loses a reject": ("doubled", lambda b: replace(b, rejected=b.rejected.head(2))),
    "records an early day": ("empty_pending", lambda b: replace(b, absent=frozenset())),
    "swallows a symbol": ("unknown_symbol", lambda b: replace(b, skipped=b.skipped.clear())),
    "takes no notice of the range": (
        "out_of_range",
        lambda b: replace(b, rows=pl.concat([b.rows, b.rows])),
    ),
    "loses evidence": ("normal", lambda b: replace(b, payloads=b.payloads.clear())),
    "rows that nobody lists": ("normal", lambda b: replace(b, listings=None)),
    "rows without listing": (
        "normal",
        lambda b: replace(b, listings=b.listings.clear() if b.listings is not None else None),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(vendor: Vendor, fault: str) -> None:
    case, spoil = FAULTS[fault]

    class Spoilt(TestAcme):
        def make(self, access: Access) -> Source:
            return Broken(access, spoil)

    with pytest.raises(AssertionError):
        Spoilt().test_case(vendor, case)


def test_a_failure_of_another_kind_is_found(vendor: Vendor) -> None:
    class Wrong(TestAcme):
        cases: ClassVar[Any] = {"auth": Case({"/bars": {"error": "quota"}}, failure=Failure.AUTH)}

    with pytest.raises(AssertionError, match="quota"):
        Wrong().test_case(vendor, "auth")


def test_a_failure_that_is_swallowed_is_found(vendor: Vendor) -> None:
    class Wrong(TestAcme):
        cases: ClassVar[Any] = {"auth": Case({"/bars": body(bar(MONDAY))}, failure=Failure.AUTH)}

    with pytest.raises(pytest.fail.Exception):
        Wrong().test_case(vendor, "auth")


def test_a_missing_case_is_found() -> None:
    class Lacking(TestAcme):
        cases: ClassVar[Any] = {k: v for k, v in TestAcme.cases.items() if k != "paged"}

    with pytest.raises(AssertionError, match="paged: an answer in two pages"):
        Lacking().test_every_case_is_given()
