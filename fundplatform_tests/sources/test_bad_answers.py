"""Every vendor x every kind of data against every bad answer: none is ever taken for data.

The vendor answers everything so, so that no body of it is needed. What good and odd answers mean
is each source's `VendorContract`; this adds the kinds that a contract does not play, and exchanges.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.register import Vendor as Entry
from fundplatform.sources.web.client import HttpWeb, Patience
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform.sources.web.transport import RequestsTransport, Timeouts
from fundplatform_tests.sources.vendor_case import KEY
from fundplatform_tests.sources.vendor_server import Asked, Script, Vendor, serving

# Sunday noon: Friday's session is published everywhere, and snapshots can be had.
NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)
FIRST, LAST = date(2024, 3, 4), date(2024, 3, 10)
JSON = {"content-type": "application/json"}
BAD = {
    "503": (Script(b"{}", 503), Failure.TRANSIENT),
    "401": (Script(b"", 401), Failure.AUTH),
    "403": (Script(b"", 403), Failure.NOT_ENTITLED),
    "429": (Script(b"", 429, {"retry-after": "3600"}), Failure.RATE_LIMITED),
    "reset": (Script(reset=True), Failure.TRANSIENT),
    "truncated": (Script(b'{"results": [1, 2, 3]}', cut=10), Failure.TRUNCATED),
    "no end": (Script(b'{"results": [1, 2, 3', 200, JSON), Failure.TRUNCATED),
    "empty": (Script(b"", 200, JSON), Failure.TRUNCATED),
    "another form": (Script(b'{"unexpected": [1]}', 200, JSON), Failure.SCHEMA_CHANGED),
    "a page": (Script(b"<html>Sorry</html>", 200, {"content-type": "text/html"}), None),
}
# ECB's file is XML or a zip: JSON is no whole one.
OTHERWISE = {("ecb", "another form"): Failure.TRUNCATED}
SYMBOLS = {"coingecko": ("bitcoin", "BTC"), "fred": ("DGS10", "DGS10")}
PLAYED = [
    (name, kind)
    for name, entry in register.BUILT_IN.items()
    if isinstance(entry, Entry)
    for kind in entry.make(Access(web=None)).spec.kinds  # type: ignore[arg-type]
]


class Same(Vendor):
    """One answer to everything."""

    script = Script()

    def answer(self, asked: Asked, target: str) -> Script:
        self.asked.append(asked)
        return self.script


@pytest.fixture(scope="module")
def vendor() -> Iterator[Same]:
    with serving() as running:
        running.__class__ = Same
        assert isinstance(running, Same)
        yield running


def source(entry: Entry, kind: Kind, vendor: Vendor) -> Source:
    """The vendor's source with one listing that wants the kind, asking once."""
    profile = replace(entry.profile, transport=None)
    web = HttpWeb(
        profile,
        lambda: NOW,
        key=KEY if profile.key_env else None,
        contact="somebody@example.test",
        base_url=vendor.url,
        transport=RequestsTransport(Timeouts(1, 1, 1), profile.max_bytes),
        patience=Patience(attempts=1),
        sleep=lambda seconds: None,
    )
    spec = entry.make(Access(web)).spec
    quote = spec.quote if spec.asset_class == "crypto" else "USD"
    own, symbol = SYMBOLS.get(spec.name, (None, "BTC" if spec.asset_class == "crypto" else "SPY"))
    own = own or entry.vendor_symbol(symbol, quote)
    asset_class = "crypto" if spec.asset_class == "crypto" else "etf"
    since = date(2024, 1, 2)
    listing = Tracked(own, symbol, since, asset_class, quote, kinds=frozenset({str(kind)}))
    both = (listing, replace(listing, vendor_symbol="CPIAUCSL", symbol="CPIAUCSL"))
    return entry.make(Access(web, both if spec.name == "fred" else (listing,), keyed=True))


@pytest.mark.parametrize(("name", "kind"), PLAYED, ids=lambda v: str(v))
def test_a_bad_answer_is_told_by_its_kind(vendor: Same, name: str, kind: Kind) -> None:
    entry = register.BUILT_IN[name]
    assert isinstance(entry, Entry)
    for title, (script, failure) in BAD.items():
        vendor.script = script
        before = len(vendor.asked)
        with pytest.raises(VendorError) as caught:
            source(entry, kind, vendor).fetch(kind, FIRST, LAST, now=NOW)
        assert len(vendor.asked) > before, f"{title}: nothing was asked"
        expected = OTHERWISE.get((name, title), failure)
        said = f"{title}: {caught.value}"
        assert expected is None or caught.value.failure is expected, said
        assert KEY not in said


def test_all_vendors_and_kinds_are_played(settings: Settings) -> None:
    assert len({name for name, _ in PLAYED}) == len(register.vendors())
    assert ("kraken", Kind.TRADES) in PLAYED and ("sec_edgar", Kind.HOLDINGS) in PLAYED
