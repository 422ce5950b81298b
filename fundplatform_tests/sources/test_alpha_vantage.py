"""Alpha Vantage keeps the vendors' contract; compact answers are parts, notices are failures."""

import json as _json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform import calendars
from fundplatform.errors import SourceError
from fundplatform.sources.alpha_vantage import PROFILE, AlphaVantage, vendor_symbol
from fundplatform.sources.alpha_vantage.answers import parse_daily
from fundplatform.sources.alpha_vantage.profile import classify
from fundplatform.sources.base import Batch, Kind, Source
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.plan import Planner
from fundplatform.sources.web.profile import Access, Span
from fundplatform_tests.sources.canned import access, asked, reply, track
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script

THURSDAY, FRIDAY, SATURDAY = date(2024, 6, 6), date(2024, 6, 7), date(2024, 6, 8)
QUERY = "/query"
BAR7 = {
    "1. open": "1197.7000",
    "2. high": "1216.9171",
    "3. low": "1180.2200",
    "4. close": "1208.8800",
    "5. volume": "41238580",
}
BAR6 = {**BAR7, "1. open": "1240.4800", "2. high": "1255.8700", "4. close": "1209.9800"}
SPLIT = {**BAR7, "1. open": "120.3700", "3. low": "117.0100", "4. close": "121.7900"}
TWO = {"2024-06-07": BAR7, "2024-06-06": BAR6}
# Words as users quote them in public issues.
SECOND = (
    "Thank you for using Alpha Vantage! Please consider spreading out your free API requests more "
    "sparingly (1 request per second). You may subscribe to any of the premium plans at "
    "https://www.alphavantage.co/premium/ to lift the free key rate limit (25 requests per day)."
)
MINUTE = (
    "Thank you for using Alpha Vantage! Our standard API call frequency is 5 calls per minute and "
    "500 calls per day."
)
DAY = (
    "We have detected your API key as SECRET and our standard API rate limit is 25 requests per "
    "day. Please subscribe to any of the premium plans to instantly remove all daily rate limits."
)
PREMIUM = (
    "Thank you for using Alpha Vantage! The outputsize=full parameter value is a premium feature "
    "for the TIME_SERIES_DAILY endpoint."
)
WRONG = "Invalid API call. Please retry or visit the documentation for TIME_SERIES_DAILY."
NO_KEY = "the parameter apikey is invalid or missing. Please claim your free API key."
NVDA = (track("NVDA"),)
# The evening of Saturday, 2024-06-08 in New York.
NOW = datetime(2024, 6, 9, 1, tzinfo=UTC)


def daily(
    series: object, symbol: str = "NVDA", size: str = "Full size", **head: object
) -> dict[str, object]:
    meta = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": symbol,
        "3. Last Refreshed": "2024-06-07",
        "4. Output Size": size,
        "5. Time Zone": "US/Eastern",
    }
    return {"Meta Data": {**meta, **head}, "Time Series (Daily)": series}


def doubled(*days: tuple[str, dict[str, str]]) -> Script:
    """A series that names a day twice, which a Python dict cannot."""
    series = ", ".join(f'"{day}": {_json.dumps(bar)}' for day, bar in days)
    text = _json.dumps(daily({"X": 1})).replace('"X": 1', series)
    return Script(text.encode())


class TestAlphaVantage(VendorContract):
    profile = PROFILE
    first, last, now = THURSDAY, SATURDAY, NOW
    tracked: ClassVar = NVDA
    cases: ClassVar = {
        "normal": Case(
            {QUERY: daily(TWO)},
            rows=2,
            row={"session": FRIDAY, "close": 1208.88, "volume": 41238580.0, "adjustment": "none"},
        ),
        "split_day": Case(
            {QUERY: daily({"2024-06-10": SPLIT, "2024-06-07": BAR7})},
            rows=2,
            row={"session": date(2024, 6, 10), "close": 121.79, "adjustment": "none"},
            first=FRIDAY,
            last=date(2024, 6, 10),
            now=datetime(2024, 6, 12, tzinfo=UTC),
        ),
        "numeric_strings": Case(
            {QUERY: daily({"2024-06-07": {**BAR7, "4. close": 1208.88, "5. volume": "4.1e7"}})},
            rows=1,
            row={"close": 1208.88, "volume": 41000000.0},
            first=FRIDAY,
        ),
        "unfinished_bar": Case(
            {QUERY: daily(TWO)},
            rows=1,
            row={"session": THURSDAY},
            absent=frozenset({FRIDAY}),
            now=datetime(2024, 6, 7, 18, tzinfo=UTC),
        ),
        "doubled": Case(
            {
                QUERY: doubled(
                    ("2024-06-07", BAR7),
                    ("2024-06-07", BAR7),
                    ("2024-06-06", BAR6),
                    ("2024-06-06", SPLIT),
                )
            },
            rows=1,
            row={"session": FRIDAY},
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {QUERY: daily({"2024-06-10": SPLIT, **TWO, "2024-06-05": BAR6})}, rows=2
        ),
        "bad_value": Case(
            {QUERY: daily({**TWO, "2024-06-06": {**BAR6, "1. open": "None"}})},
            rows=1,
            rejected={"unparseable": 1},
        ),
        "empty_closed": Case({}, rows=0, first=SATURDAY),
        "empty_pending": Case(
            {QUERY: daily({"2024-06-06": BAR6})}, rows=1, absent=frozenset({FRIDAY})
        ),
        "empty_symbol": Case(
            {QUERY: daily({"2024-06-03": BAR6})},
            rows=0,
            skipped={"NVDA": Failure.NO_DATA},
            now=datetime(2024, 6, 20, tzinfo=UTC),
        ),
        "unknown_symbol": Case(
            {QUERY: {"Error Message": WRONG}},
            rows=0,
            skipped={"NVDA": Failure.UNKNOWN_SYMBOL},
            now=datetime(2024, 6, 20, tzinfo=UTC),
        ),
        "error_in_200": Case({QUERY: {"Information": DAY}}, failure=Failure.QUOTA_EXHAUSTED),
        "auth": Case(
            {QUERY: {"Error Message": NO_KEY}},
            failure=Failure.AUTH,
            says="ALPHA_VANTAGE_API_KEY",
        ),
        "not_entitled": Case(
            {QUERY: {"Information": "This is a premium endpoint."}}, failure=Failure.NOT_ENTITLED
        ),
        "missing_field": Case(
            {
                QUERY: daily(
                    {d: {n: v for n, v in b.items() if n != "3. low"} for d, b in TWO.items()}
                )
            },
            failure=Failure.SCHEMA_CHANGED,
            says="field 3. low is missing",
        ),
        "changed_type": Case(
            {QUERY: daily({day: {**bar, "3. low": [1]} for day, bar in TWO.items()})},
            failure=Failure.SCHEMA_CHANGED,
            says="field 3. low is no longer a number",
        ),
    }
    not_applicable: ClassVar = {
        "paged": "one answer holds a stock's whole history",
    }

    def make(self, access: Access) -> Source:
        return AlphaVantage(access)


SESSIONS = calendars.get("XNYS").sessions(date(2023, 6, 1), FRIDAY)


def series(days: Sequence[date]) -> dict[str, object]:
    return {f"{day}": BAR7 for day in reversed(days)}


COMPACT = daily(series(SESSIONS[-100:]), size="Compact")
DENIED = VendorError("alpha_vantage", Failure.NOT_ENTITLED, "no", "no")
FREE = {QUERY: COMPACT, f"{QUERY}?outputsize=full": DENIED}


def fetch(
    source: AlphaVantage, first: date = FRIDAY, last: date = FRIDAY, now: datetime = NOW
) -> Batch:
    return source.fetch(Kind.OHLCV, first, last, now=now)


def sizes(given: Access) -> list[str]:
    return [part for text in asked(given) for part in text.split("&") if "outputsize" in part]


def test_the_newest_hundred_sessions_are_asked_compactly_and_more_in_full() -> None:
    given = access({QUERY: COMPACT}, *NVDA)
    assert fetch(AlphaVantage(given), SESSIONS[-100]).rows.height == 100
    assert asked(given) == [f"{QUERY}?function=TIME_SERIES_DAILY&outputsize=compact&symbol=NVDA"]
    given = access({QUERY: daily(series(SESSIONS))}, *NVDA)
    batch = fetch(AlphaVantage(given), SESSIONS[-101])
    assert sizes(given) == ["outputsize=full"]
    assert batch.rows.height == 101 and not batch.absent


def test_a_compact_answer_is_a_part_and_older_sessions_are_not_taken_as_fetched() -> None:
    given = access(FREE, *NVDA)
    batch = fetch(AlphaVantage(given), SESSIONS[-103])
    assert sizes(given) == ["outputsize=full", "outputsize=compact"]
    assert batch.rows.height == 100
    assert batch.absent == set(SESSIONS[-103:-100])
    assert batch.skipped["failure"].to_list() == ["history_unavailable"]


def test_a_hundred_rows_are_a_part_whatever_was_asked() -> None:
    given = access({QUERY: daily(series(SESSIONS[-100:]))}, *NVDA)
    assert fetch(AlphaVantage(given), SESSIONS[-103]).absent == set(SESSIONS[-103:-100])
    # A stock that is younger than that is whole.
    given = access({QUERY: daily(series(SESSIONS[-60:]), size="Compact")}, *NVDA)
    batch = fetch(AlphaVantage(given), SESSIONS[-90])
    assert not batch.absent and batch.skipped.is_empty()


def test_a_refused_full_history_is_remembered_and_asked_again_after_a_month() -> None:
    given = access(FREE, *NVDA)
    fetch(AlphaVantage(given), SESSIONS[-103])
    fetch(AlphaVantage(given), SESSIONS[-103])
    assert sizes(given) == ["outputsize=full", "outputsize=compact", "outputsize=compact"]
    # What no answer of this key reaches costs no call.
    with pytest.raises(VendorError, match="last 100 sessions only") as error:
        fetch(AlphaVantage(given), SESSIONS[0], SESSIONS[5])
    assert error.value.failure is Failure.HISTORY_UNAVAILABLE
    assert len(asked(given)) == 3
    with pytest.raises(VendorError):
        fetch(AlphaVantage(given), SESSIONS[0], SESSIONS[5], NOW + timedelta(days=31))
    assert sizes(given)[3:] == ["outputsize=full"]


def test_one_old_answer_does_not_hide_the_other_stocks() -> None:
    answers = {
        QUERY: daily(series(SESSIONS[-100:]), "NVDA"),
        f"{QUERY}?symbol=KO": daily(series(SESSIONS), "KO"),
    }
    batch = fetch(AlphaVantage(access(answers, *NVDA, track("KO"))), SESSIONS[0], SESSIONS[5])
    assert set(batch.rows["vendor_symbol"]) == {"KO"} and batch.rows.height == 6
    assert batch.absent == set(SESSIONS[:6])


def test_the_chunks_of_a_backfill_share_one_answer() -> None:
    given = access({QUERY: daily(series(SESSIONS))}, *NVDA)
    source = AlphaVantage(given)
    parts = [fetch(source, SESSIONS[n], SESSIONS[n + 9]) for n in range(0, 100, 10)]
    assert sum(part.rows.height for part in parts) == 100
    assert len(asked(given)) == 1
    # A session later it is another answer; another source has its own.
    fetch(source, FRIDAY, FRIDAY, NOW + timedelta(days=3))
    fetch(AlphaVantage(given), SESSIONS[0])
    assert len(asked(given)) == 3


def test_the_plan_of_a_backfill_is_one_answer_a_stock() -> None:
    """Its parts would ask for sizes of their own: the oldest of them decides for all."""
    given = access({QUERY: daily(series(SESSIONS))}, *NVDA)
    given = replace(given, span=Span(SESSIONS[0], FRIDAY, len(SESSIONS)))
    source = AlphaVantage(given)
    assert isinstance(source, Planner)
    for first, last in ((SESSIONS[0], SESSIONS[99]), (SESSIONS[-10], FRIDAY)):
        plan = source.plan(Kind.OHLCV, first, last, now=NOW)
        assert [r.params["outputsize"] for r in plan.requests] == ["full"]
        # Another process fetches each part; only the archive tells them of each other.
        AlphaVantage(given).fetch(Kind.OHLCV, first, last, now=NOW)
    assert sizes(given) == ["outputsize=full"] * 2
    short = source.access.memory
    short.put("full", False, NOW.date())
    assert source.plan(Kind.OHLCV, SESSIONS[0], SESSIONS[99], now=NOW).requests == []
    (compact,) = source.plan(Kind.OHLCV, SESSIONS[-10], FRIDAY, now=NOW).requests
    assert compact.params["outputsize"] == "compact"


def test_a_listing_counts_while_it_is_tracked() -> None:
    given = access({QUERY: daily(TWO)}, replace(NVDA[0], since=FRIDAY))
    batch = fetch(AlphaVantage(given), THURSDAY)
    assert batch.rows["session"].to_list() == [FRIDAY]
    past = access({}, replace(NVDA[0], until=date(2024, 6, 5)))
    assert fetch(AlphaVantage(past), THURSDAY).rows.is_empty()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (daily(TWO, "AMD"), "'AMD', asked was 'NVDA'"),
        (daily(TWO, **{"5. Time Zone": "UTC"}), "field 5. Time Zone is 'UTC'"),
        ({"Meta Data": {}}, "field Time Series"),
        ({"Time Series (Daily)": TWO}, "field Meta Data is missing"),
        (daily([BAR7]), "is no object"),
    ],
)
def test_an_answer_in_another_shape_fails(body: object, words: str) -> None:
    with pytest.raises(VendorError, match=words) as error:
        parse_daily(_json.dumps(body).encode(), "NVDA")
    assert error.value.failure is Failure.SCHEMA_CHANGED


def test_another_kind_is_refused() -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        AlphaVantage(access({})).fetch(Kind.TRADES, FRIDAY, FRIDAY, now=NOW)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, daily(TWO), None),
        (200, {"Note": MINUTE}, Failure.RATE_LIMITED),
        (200, {"Information": SECOND}, Failure.RATE_LIMITED),
        (200, {"Information": DAY}, Failure.QUOTA_EXHAUSTED),
        (200, {"Information": "Our limits have new words"}, Failure.QUOTA_EXHAUSTED),
        (200, {"Information": PREMIUM}, Failure.NOT_ENTITLED),
        (200, {"Error Message": WRONG}, Failure.UNKNOWN_SYMBOL),
        (200, {"Error Message": NO_KEY}, Failure.AUTH),
        (200, {"Information": "The **demo** API key is for demo purposes only."}, Failure.AUTH),
        (200, {}, None),
        (200, b"timestamp,open,high,low,close,volume", None),
        (503, {"Note": MINUTE}, None),
    ],
)
def test_answers_are_judged_by_their_words_and_the_key_in_them_is_not_repeated(
    status: int, body: object, expected: Failure | None
) -> None:
    said = classify(reply(body, status=status))
    assert (said.failure if said else None) == expected
    assert said is None or "SECRET" not in f"{said}"


def test_share_classes_have_a_hyphen() -> None:
    assert vendor_symbol("BRK.B") == "BRK-B"
    assert vendor_symbol("NVDA", "USD") == "NVDA"


def test_limits_are_declared() -> None:
    assert [(r.calls, r.seconds) for r in PROFILE.rates] == [(1, 1), (5, 60), (25, 86_400)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("errors/alpha_vantage_note_5_per_min.json", Failure.RATE_LIMITED),
        ("errors/alpha_vantage_error_message.json", Failure.UNKNOWN_SYMBOL),
    ],
)
def test_recorded_errors_are_judged(shared_data: Path, name: str, expected: Failure) -> None:
    path = shared_data / "payloads" / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the shared data")
    said = classify(reply(path.read_bytes()))
    assert said is not None and said.failure is expected


def test_a_recorded_series_of_another_function_is_no_daily_one(shared_data: Path) -> None:
    path = shared_data / "payloads/alpha_vantage/mock_time_series.json"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    with pytest.raises(VendorError, match="field Time Series"):
        parse_daily(path.read_bytes(), "MSFT")
