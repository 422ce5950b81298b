"""Yahoo's currencies: London's days, also in summer. What its sources share: test_yahoo.py."""

from datetime import date, time
from typing import ClassVar

import pytest

from fundplatform.sources.base import Source
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform.sources.web.transport import Transport
from fundplatform.sources.yahoo_fx import PROFILE, make, vendor_symbol
from fundplatform_tests.sources import yahoo_wire
from fundplatform_tests.sources.vendor_contract import CASES, Case, VendorContract
from fundplatform_tests.sources.vendor_server import Vendor
from fundplatform_tests.sources.yahoo_wire import bar, chart, stamp, utc

ZONE = "Europe/London"
FRIDAY, MONDAY = date(2024, 6, 7), date(2024, 6, 10)
PATH = "/v8/finance/chart/EURUSD%3DX"
FRI, MON = (bar(day, 1.5, timestamp=stamp(day, ZONE, time(0))) for day in (FRIDAY, MONDAY))
META = {"instrumentType": "CURRENCY", "exchangeTimezoneName": ZONE, "currency": "USD"}


@pytest.fixture(autouse=True, scope="module")
def _cookies(tmp_path_factory: pytest.TempPathFactory) -> None:
    yahoo_wire.keep_cookies_in(tmp_path_factory.mktemp("yfinance"))


class TestYahooFx(VendorContract):
    profile = PROFILE
    first, last, now = FRIDAY, MONDAY, utc(date(2024, 6, 11), 12)
    tracked = (Tracked("EURUSD=X", "EUR", date(2003, 12, 1), "fx", "USD"),)
    cases: ClassVar = {
        "normal": Case(
            {PATH: chart(FRI, MON, **META)},
            rows=2,
            row={"session": FRIDAY, "close": 1.5, "volume": None, "quote": "USD"},
        ),
        "unfinished_bar": Case(
            {PATH: chart(FRI, MON, **META)},
            rows=1,
            last=MONDAY,
            now=utc(MONDAY, 16),
            absent=frozenset({MONDAY}),
        ),
        "unknown_symbol": Case(
            {PATH: chart(FRI, **{**META, "instrumentType": "EQUITY"})},
            rows=0,
            first=date(2024, 1, 2),
            last=date(2024, 1, 3),
            skipped={"EURUSD=X": Failure.UNKNOWN_SYMBOL},
        ),
    }
    not_applicable: ClassVar = {
        name: "one parser serves all of Yahoo's sources: test_yahoo.py"
        for name in CASES.keys() - cases.keys()
    }

    def make(self, access: Access) -> Source:
        return make(access)

    def transport(self, vendor: Vendor) -> Transport:
        return yahoo_wire.transport(vendor)


def test_spelling() -> None:
    assert vendor_symbol("EUR", "USD") == "EURUSD=X"


def test_limits_are_yahoos() -> None:
    assert PROFILE.account == "yahoo"
