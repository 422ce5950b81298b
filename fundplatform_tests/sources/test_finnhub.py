"""Finnhub keeps the vendors' contract; candles and quotes by what the key may do."""

import json as _json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.finnhub import PROFILE, Finnhub
from fundplatform.sources.finnhub.answers import parse_candles
from fundplatform.sources.finnhub.profile import classify
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.canned import Turns, access, asked, reply, track
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import json

THURSDAY, FRIDAY, SATURDAY = date(2024, 6, 6), date(2024, 6, 7), date(2024, 6, 8)
# 00:00 UTC of these days, in seconds.
T6, T7 = 1717632000, 1717718400
CANDLE, QUOTE, COMPANY = "/stock/candle", "/quote", "/stock/profile2"
TWO = {
    "o": [1240.48, 1197.7],
    "h": [1255.87, 1216.92],
    "l": [1183.2, 1180.22],
    "c": [1209.98, 1208.88],
    "v": [66469600, 41238600],
    "t": [T6, T7],
    "s": "ok",
}
# The quote after Friday's close, 16:00 in New York.
NOW_QUOTE = {"o": 1197.7, "h": 1216.92, "l": 1180.22, "c": 1208.88, "d": -1.1, "dp": -0.09}
NOW_QUOTE |= {"pc": 1209.98, "t": 1717790400}
UNKNOWN = {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}
NVDA_INC = {
    "country": "US",
    "currency": "USD",
    "exchange": "NASDAQ NMS - GLOBAL MARKET",
    "finnhubIndustry": "Semiconductors",
    "ipo": "1999-01-22",
    "marketCapitalization": 2973862.1,
    "name": "NVIDIA Corp",
    "shareOutstanding": 2460.0,
    "ticker": "NVDA",
}
REFUSED = json({"error": "You don't have access to this resource."}, 403)
NVDA = (track("NVDA"),)


def but(**changes: object) -> dict[str, object]:
    return {n: v for n, v in {**TWO, **changes}.items() if v is not ...}


def columns(*rows: tuple[object, ...]) -> dict[str, object]:
    names = ("o", "h", "l", "c", "v", "t")
    return {**dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)), "s": "ok"}


ROW6 = (1240.48, 1255.87, 1183.2, 1209.98, 66469600, T6)
ROW7 = (1197.7, 1216.92, 1180.22, 1208.88, 41238600, T7)


class TestFinnhub(VendorContract):
    profile = PROFILE
    first, last = THURSDAY, SATURDAY
    tracked: ClassVar = NVDA
    cases: ClassVar = {
        "normal": Case(
            {CANDLE: TWO},
            rows=2,
            row={"session": FRIDAY, "close": 1208.88, "volume": 41238600.0, "adjustment": "split"},
        ),
        # The vendor restates the days before a split: 1208.88 has become 120.888.
        "split_day": Case(
            {CANDLE: columns((119.77, 121.69, 118.02, 120.888, 412386000, T7))},
            rows=1,
            row={"session": FRIDAY, "close": 120.888, "adjustment": "split"},
        ),
        "numeric_strings": Case(
            {CANDLE: but(c=["1209.98", "1208.88"], v=["66469600", "4.12386e7"])},
            rows=2,
            row={"close": 1208.88, "volume": 41238600.0},
        ),
        "unfinished_bar": Case(
            {CANDLE: TWO},
            rows=1,
            rejected={"outside_coverage": 1},
            absent=frozenset({FRIDAY}),
            now=datetime(2024, 6, 7, 19, tzinfo=UTC),
        ),
        "doubled": Case(
            {CANDLE: columns(ROW6, ROW6, ROW7, (*ROW7[:3], 1.0, *ROW7[4:]))},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {CANDLE: columns((*ROW6[:5], T6 - 86400), ROW6, ROW7, (*ROW7[:5], T7 + 3 * 86400))},
            rows=2,
            rejected={"outside_coverage": 2},
        ),
        "bad_value": Case({CANDLE: but(o=[1240.48, "n/a"])}, rows=1, rejected={"unparseable": 1}),
        "empty_closed": Case({}, rows=0, first=SATURDAY),
        "empty_pending": Case(
            {CANDLE: {"s": "no_data"}},
            rows=0,
            absent=frozenset({THURSDAY, FRIDAY}),
            skipped={"NVDA": Failure.NO_DATA},
            now=datetime(2024, 6, 7, 23, tzinfo=UTC),
        ),
        "empty_symbol": Case({CANDLE: {"s": "no_data"}}, 0, skipped={"NVDA": Failure.NO_DATA}),
        "unknown_symbol": Case(
            {CANDLE: REFUSED, QUOTE: UNKNOWN},
            rows=0,
            skipped={"NVDA": Failure.UNKNOWN_SYMBOL},
            absent=frozenset({THURSDAY, FRIDAY}),
            now=datetime(2024, 6, 8, 12, tzinfo=UTC),
        ),
        "error_in_200": Case(
            {CANDLE: {"error": "API limit reached. Please try again later."}},
            failure=Failure.RATE_LIMITED,
            says="limit reached",
        ),
        "auth": Case(
            {CANDLE: json({"error": "Invalid API key"}, 401)},
            failure=Failure.AUTH,
            says="FINNHUB_API_KEY",
        ),
        "not_entitled": Case({COMPANY: REFUSED}, failure=Failure.NOT_ENTITLED, kind=Kind.SHARES),
        "missing_field": Case(
            {CANDLE: but(h=...)}, failure=Failure.SCHEMA_CHANGED, says="field h is missing"
        ),
        "changed_type": Case(
            {CANDLE: but(h=[{"v": 1}, {"v": 2}])},
            failure=Failure.SCHEMA_CHANGED,
            says="field h is no longer a number",
        ),
        "quote": Case(
            {CANDLE: REFUSED, QUOTE: NOW_QUOTE},
            rows=1,
            row={"session": FRIDAY, "close": 1208.88, "volume": None, "adjustment": "none"},
            absent=frozenset({THURSDAY}),
            now=datetime(2024, 6, 8, 12, tzinfo=UTC),
        ),
        "shares": Case(
            {COMPANY: NVDA_INC},
            rows=1,
            # 2,460 million; known when the fifth of May 2031 has ended in New York (03:08 there).
            row={"shares": 2.46e9, "known_at": datetime(2031, 5, 7, 4, tzinfo=UTC)},
            kind=Kind.SHARES,
        ),
        "profile": Case(
            {COMPANY: NVDA_INC},
            rows=1,
            row={"industry": "Semiconductors", "country": "US", "listed_year": 1999},
            kind=Kind.PROFILES,
        ),
        "profile_unknown": Case(
            {COMPANY: {}}, 0, skipped={"NVDA": Failure.UNKNOWN_SYMBOL}, kind=Kind.PROFILES
        ),
        "profile_without_count": Case(
            {COMPANY: {**NVDA_INC, "shareOutstanding": 0}},
            rows=0,
            skipped={"NVDA": Failure.NO_DATA},
            kind=Kind.SHARES,
        ),
    }
    not_applicable: ClassVar = {"paged": "one answer holds a stock's whole range"}

    def make(self, access: Access) -> Source:
        return Finnhub(access)


EVENING = datetime(2024, 6, 7, 23, tzinfo=UTC)
DENIED = VendorError("finnhub", Failure.NOT_ENTITLED, "no", "no")


def candles(given: Access, first: date = THURSDAY, now: datetime = EVENING) -> set[object]:
    batch = Finnhub(given).fetch(Kind.OHLCV, first, FRIDAY, now=now)
    return set(batch.rows.select("vendor_symbol", "session", "adjustment").rows())


def paths(given: Access) -> list[str]:
    return [text.partition("?")[0] for text in asked(given)]


def test_the_whole_range_is_one_call_a_stock() -> None:
    given = access({CANDLE: TWO}, *NVDA, track("KO"))
    assert len(candles(given)) == 4
    span = f"from={T6}&resolution=D"
    end = T7 + 86399
    assert asked(given) == [f"{CANDLE}?{span}&symbol={s}&to={end}" for s in ("NVDA", "KO")]


def test_a_free_key_is_found_out_once_and_asked_again_after_a_month() -> None:
    given = access({CANDLE: DENIED, QUOTE: NOW_QUOTE}, *NVDA, track("KO"))
    assert candles(given) == {(s, FRIDAY, "none") for s in ("NVDA", "KO")}
    assert paths(given) == [CANDLE, QUOTE, QUOTE]
    candles(given)
    assert paths(given)[3:] == [QUOTE, QUOTE]
    later = EVENING + timedelta(days=31)
    with pytest.raises(VendorError, match="the key has no candles") as error:
        candles(given, now=later)
    assert error.value.failure is Failure.NOT_ENTITLED
    assert paths(given)[5:] == [CANDLE]


def test_one_stock_outside_the_plan_does_not_cost_the_others() -> None:
    given = access({CANDLE: Turns([TWO, DENIED, TWO])}, *NVDA, track("FOREIGN"), track("KO"))
    batch = Finnhub(given).fetch(Kind.OHLCV, THURSDAY, FRIDAY, now=EVENING)
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [("FOREIGN", "not_entitled")]
    assert batch.rows.height == 4


def test_a_key_that_lost_its_candles_falls_back_to_quotes() -> None:
    given = access({CANDLE: Turns([TWO, DENIED]), QUOTE: NOW_QUOTE}, *NVDA)
    assert {a for _, _, a in candles(given)} == {"split"}  # type: ignore[misc]
    assert candles(given) == {("NVDA", FRIDAY, "none")}
    candles(given)
    assert paths(given) == [CANDLE, CANDLE, QUOTE, QUOTE]


def quote(body: object, now: datetime = EVENING) -> tuple[list[object], list[object], set[date]]:
    given = access({CANDLE: DENIED, QUOTE: body}, *NVDA)
    batch = Finnhub(given).fetch(Kind.OHLCV, FRIDAY, FRIDAY, now=now)
    return batch.rows["session"].to_list(), batch.skipped["failure"].to_list(), set(batch.absent)


def test_a_quote_of_another_day_is_no_bar() -> None:
    assert quote(NOW_QUOTE) == ([FRIDAY], [], set())
    # No trade on Friday: the quote is Thursday's.
    assert quote({**NOW_QUOTE, "t": 1717704000}) == ([], ["no_data"], {FRIDAY})
    # Monday 2024-06-10 09:31 in New York, asked before that session's close.
    monday = datetime(2024, 6, 10, 14, tzinfo=UTC)
    assert quote({**NOW_QUOTE, "t": 1718026260}, monday) == (
        [],
        ["history_unavailable"],
        {FRIDAY},
    )


def test_a_session_that_is_still_open_asks_nothing() -> None:
    given = access({}, *NVDA)
    batch = Finnhub(given).fetch(
        Kind.OHLCV, FRIDAY, FRIDAY, now=datetime(2024, 6, 7, 21, 59, tzinfo=UTC)
    )
    assert batch.absent == {FRIDAY} and asked(given) == []


def test_a_listing_counts_while_it_is_tracked() -> None:
    past = replace(track("OLD"), until=date(2024, 6, 5))
    given = access({CANDLE: TWO}, *NVDA, past)
    assert {s for s, _, _ in candles(given)} == {"NVDA"}  # type: ignore[misc]


def test_newest_sessions_without_any_candle_may_still_come() -> None:
    one = columns(ROW6)
    batch = Finnhub(access({CANDLE: one}, *NVDA)).fetch(Kind.OHLCV, THURSDAY, FRIDAY, now=EVENING)
    assert batch.absent == {FRIDAY}
    month = EVENING + timedelta(days=30)
    batch = Finnhub(access({CANDLE: one}, *NVDA)).fetch(Kind.OHLCV, THURSDAY, FRIDAY, now=month)
    assert not batch.absent


def test_columns_of_unequal_length_are_a_cut_answer() -> None:
    with pytest.raises(VendorError, match="unequal length") as error:
        parse_candles(_json.dumps(but(c=[1209.98])).encode(), "NVDA", THURSDAY, FRIDAY)
    assert error.value.failure is Failure.TRUNCATED


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"s": "maybe"}, "field s is 'maybe'"), ({"c": 1}, "field c is no list")],
)
def test_odd_candles_fail(changes: dict[str, object], words: str) -> None:
    with pytest.raises(VendorError, match=words):
        parse_candles(_json.dumps(but(**changes)).encode(), "NVDA", THURSDAY, FRIDAY)


def test_an_odd_profile_fails() -> None:
    for changes, words in (
        ({"ticker": "AMD"}, "'AMD', asked was 'NVDA'"),
        ({"shareOutstanding": "many"}, "shareOutstanding"),
        ({"ipo": "soon"}, "ipo"),
    ):
        given = access({COMPANY: {**NVDA_INC, **changes}}, *NVDA)
        with pytest.raises(VendorError, match=words):
            Finnhub(given).fetch(Kind.PROFILES, THURSDAY, date.max, now=EVENING)


def test_another_kind_is_refused() -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        Finnhub(access({})).fetch(Kind.TRADES, THURSDAY, FRIDAY, now=EVENING)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, TWO, None),
        (200, {}, None),
        (403, {"error": "You don't have access to this resource."}, Failure.NOT_ENTITLED),
        (
            429,
            {"error": "API limit reached. Please try again later. Remaining Limit: 0"},
            Failure.RATE_LIMITED,
        ),
        (401, {"error": "Please use an API key."}, Failure.AUTH),
        (422, {"error": "Invalid symbol"}, Failure.UNKNOWN_SYMBOL),
        (200, {"error": "Timeout"}, Failure.TRANSIENT),
        (500, {"error": "Timeout"}, None),
        (502, b'<html>"error"</html>', None),
    ],
)
def test_answers_are_judged_by_their_body(
    status: int, body: object, expected: Failure | None
) -> None:
    said = classify(reply(body, status=status))
    assert (said.failure if said else None) == expected


def test_recorded_candles_of_another_market_give_their_own_days(shared_data: Path) -> None:
    path = shared_data / "payloads/finnhub/forex_candle_OANDA-EUR_USD_D_2019-11.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    bars = parse_candles(path.read_bytes(), "EUR_USD", date(2019, 11, 1), date(2019, 12, 31))
    first = bars.rows.row(0, named=True)
    # 1572818400 is 2019-11-03 17:00 in New York, when a currency day begins.
    assert (first["session"], first["close"]) == (date(2019, 11, 3), 1.1127)
    assert bars.rows.height == 21 and bars.rejected.is_empty()


@pytest.mark.parametrize("name", ["403_stock_candle_free_tier", "429", "200_no_data"])
def test_recorded_errors_are_judged(shared_data: Path, name: str) -> None:
    path = shared_data / f"payloads/errors/finnhub_{name}.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    expected = {"403": Failure.NOT_ENTITLED, "429": Failure.RATE_LIMITED, "200": None}
    said = classify(reply(path.read_bytes(), status=int(name[:3])))
    assert (said.failure if said else None) == expected[name[:3]]
