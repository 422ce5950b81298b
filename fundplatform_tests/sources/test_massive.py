"""Massive keeps the vendors' contract: whole days, ranges, actions and share counts over HTTP.

What a fetch asks for is in test_massive_fetch.py, parsing in test_massive_bars.py and
test_massive_actions.py.
"""

from datetime import UTC, date, datetime
from typing import ClassVar

from fundplatform.sources.base import Kind, Source
from fundplatform.sources.massive import PROFILE, Massive
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.canned import track
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import json

FRIDAY, SATURDAY = date(2024, 6, 7), date(2024, 6, 8)
DAY = f"/v2/aggs/grouped/locale/us/market/stocks/{FRIDAY}"
RANGE = f"/v2/aggs/ticker/NVDA/range/1/day/{FRIDAY}/{FRIDAY}"
# 2024-06-07 16:00 in New York (as whole days carry it) and 00:00 (as ranges do), in UTC ms.
CLOSE_MS, OPEN_MS, HOURS_24 = 1717790400000, 1717732800000, 86_400_000
NVDA = {"T": "NVDA", "o": 1197.7, "h": 1216.92, "l": 1180.22, "c": 1208.88, "v": 4.1238593e7}
NVDA |= {"vw": 1205.1234, "n": 812345, "t": CLOSE_MS}
KO = {**NVDA, "T": "KO", "o": 63.5, "h": 64.0, "l": 63.1, "c": 63.8}
BAR = {n: v for n, v in NVDA.items() if n != "T"} | {"t": OPEN_MS}


def whole(*rows: object, **head: object) -> dict[str, object]:
    found: dict[str, object] = {"resultsCount": len(rows), "adjusted": False, "status": "OK"}
    return {**found, **({"results": rows} if rows else {}), **head}


def ranged(*rows: object, **head: object) -> dict[str, object]:
    return whole(*rows, ticker="NVDA", **head)


def but(row: dict[str, object], **changes: object) -> dict[str, object]:
    return {n: v for n, v in {**row, **changes}.items() if v is not ...}


class TestMassive(VendorContract):
    profile = PROFILE
    first, last = FRIDAY, SATURDAY
    tracked: ClassVar = ()
    cases: ClassVar = {
        "normal": Case(
            {DAY: whole(NVDA, KO)},
            rows=2,
            row={"vendor_symbol": "KO", "session": FRIDAY, "close": 63.8, "adjustment": "none"},
        ),
        "paged": Case(
            {
                RANGE: ranged(BAR, next_url="{url}/v2/aggs/more?cursor=b%3D"),
                "/v2/aggs/more": ranged(),
            },
            rows=1,
            tracked=(track("NVDA"),),
            last=FRIDAY,
        ),
        "split_day": Case(
            {
                DAY: whole(NVDA),
                DAY.replace("06-07", "06-10"): whole(
                    but(NVDA, o=120.37, h=123.1, l=117.01, c=121.79, t=CLOSE_MS + 3 * HOURS_24)
                ),
            },
            rows=2,
            row={"session": date(2024, 6, 10), "close": 121.79, "adjustment": "none"},
            last=date(2024, 6, 10),
        ),
        "numeric_strings": Case(
            {DAY: whole(but(NVDA, c="1208.88", v="5.78172308e+08", n="7", t=str(CLOSE_MS)), KO)},
            rows=2,
            row={"close": 1208.88, "volume": 578172308.0, "trade_count": 7},
        ),
        "unfinished_bar": Case(
            {RANGE: ranged(BAR, but(BAR, t=OPEN_MS + 3 * HOURS_24))},
            rows=1,
            rejected={"outside_coverage": 1},
            absent=frozenset({date(2024, 6, 10)}),
            tracked=(track("NVDA"),),
            last=date(2024, 6, 10),
            now=datetime(2024, 6, 10, 19, tzinfo=UTC),
        ),
        "doubled": Case(
            {DAY: whole(NVDA, NVDA, KO, but(KO, c=63.9))},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {DAY: whole(NVDA, but(KO, t=CLOSE_MS - HOURS_24), but(KO, t=CLOSE_MS + HOURS_24))},
            rows=1,
            rejected={"outside_coverage": 2},
        ),
        "bad_value": Case({DAY: whole(NVDA, but(KO, o="n/a"))}, 1, rejected={"unparseable": 1}),
        "empty_closed": Case({}, rows=0, first=SATURDAY),
        "empty_pending": Case({DAY: whole()}, rows=0, absent=frozenset({FRIDAY})),
        "empty_symbol": Case(
            {RANGE: ranged()}, 0, skipped={"NVDA": Failure.NO_DATA}, tracked=(track("NVDA"),)
        ),
        "unknown_symbol": Case(
            {
                "/v3/reference/tickers/NOPE": json(
                    {"status": "NOT_FOUND", "message": "Ticker not found."}, 404
                )
            },
            rows=0,
            skipped={"NOPE": Failure.UNKNOWN_SYMBOL},
            tracked=(track("NOPE", date(2031, 5, 1)),),
            kind=Kind.SHARES,
        ),
        "error_in_200": Case(
            {DAY: {"status": "ERROR", "error": "You've exceeded the maximum requests per minute"}},
            failure=Failure.RATE_LIMITED,
            says="maximum requests",
        ),
        "auth": Case(
            {DAY: json({"status": "ERROR", "error": "Unknown API Key"}, 401)},
            failure=Failure.AUTH,
            says="MASSIVE_API_KEY",
        ),
        "not_entitled": Case(
            {
                DAY: json(
                    {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."},
                    403,
                )
            },
            failure=Failure.NOT_ENTITLED,
            says="not entitled",
        ),
        "missing_field": Case(
            {DAY: whole(but(NVDA, c=...), but(KO, c=...))},
            failure=Failure.SCHEMA_CHANGED,
            says="field c is missing",
        ),
        "changed_type": Case(
            {DAY: whole(but(NVDA, c={"value": 1}), but(KO, c={"value": 2}))},
            failure=Failure.SCHEMA_CHANGED,
            says="field c is no longer a number",
        ),
        "splits": Case(
            {
                "/stocks/v1/splits": {
                    "results": [
                        {
                            "ticker": "NVDA",
                            "execution_date": "2024-06-10",
                            "split_from": 1,
                            "split_to": 10,
                        }
                    ]
                },
                "/stocks/v1/dividends": {"results": []},
                "/v3/reference/tickers": {"results": []},
            },
            rows=1,
            row={"vendor_symbol": "NVDA", "action": "split", "ratio": 10.0},
            kind=Kind.CORPORATE_ACTIONS,
            last=date.max,
        ),
    }

    def make(self, access: Access) -> Source:
        return Massive(access)
