"""What one fetch of Massive asks for and brings; answers are given beforehand."""

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind
from fundplatform.sources.massive import PROFILE, Massive
from fundplatform.sources.massive.profile import classify
from fundplatform.sources.massive.symbols import canonical, vendor_symbol
from fundplatform.sources.massive.wanted import Wish, listings
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform_tests.sources.canned import Turns, access, asked, reply, track
from fundplatform_tests.sources.test_massive_actions import DIVIDEND, SPLIT, page

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"
# Monday 2024-07-01 .. Friday 2024-07-05; Thursday is a holiday, Wednesday a half day.
WEEK = (date(2024, 7, 1), date(2024, 7, 7))
OPEN = [date(2024, 7, n) for n in (1, 2, 3, 5)]
LATER = datetime(2024, 8, 1, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def bar(ticker: str | None, day: date, price: float = 10.0, hour: int = 16) -> dict[str, object]:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=NEW_YORK).timestamp()
    own = {"T": ticker} if ticker else {}
    prices = {"o": price, "h": price + 1, "l": price - 1, "c": price + 0.5}
    return {**own, **prices, "v": 1000, "vw": price, "n": 5, "t": round(at * 1000)}


def answer(rows: list[dict[str, object]], **head: object) -> dict[str, object]:
    found: dict[str, object] = {"resultsCount": len(rows), "adjusted": False, "status": "OK"}
    return {**found, **({"results": rows} if rows else {}), **head}


def days(*tickers: str) -> dict[str, object]:
    return {f"{GROUPED}/{d}": answer([bar(t, d) for t in tickers]) for d in OPEN}


def ranges(*tickers: str, sessions: list[date] = OPEN) -> dict[str, object]:
    return {
        f"/v2/aggs/ticker/{t}/range/1/day/{OPEN[0]}/{OPEN[-1]}": answer(
            [bar(None, d, hour=0) for d in sessions], ticker=t
        )
        for t in tickers
    }


def keys(given: Access, now: datetime = LATER) -> set[tuple[str, date]]:
    rows = Massive(given).fetch(Kind.OHLCV, *WEEK, now=now).rows
    return set(rows.select("vendor_symbol", "session").rows())


def test_the_whole_market_is_one_call_a_session_and_none_on_closed_days() -> None:
    given = access(days("AAPL", "BRK.B"))
    batch = Massive(given).fetch(Kind.OHLCV, *WEEK, now=LATER)
    assert asked(given) == [f"{GROUPED}/{d}?adjusted=false&include_otc=false" for d in OPEN]
    assert batch.rows.height == 8 and not batch.absent
    assert batch.payloads["rows"].to_list() == [2, 2, 2, 2]
    assert batch.listings is not None
    assert batch.listings.sort("vendor_symbol").rows() == [
        ("AAPL", "AAPL", "equity", "US", "USD", None, OPEN[0], OPEN[-1]),
        ("BRK.B", "BRK.B", "equity", "US", "USD", None, OPEN[0], OPEN[-1]),
    ]


def test_only_closed_days_ask_nothing_and_are_no_gap() -> None:
    given = access({})
    batch = Massive(given).fetch(Kind.OHLCV, date(2024, 7, 6), date(2024, 7, 7), now=LATER)
    assert batch.rows.is_empty() and not batch.absent and asked(given) == []


def test_sessions_that_are_not_published_are_not_asked() -> None:
    # Friday's close is 16:00 in New York; nine hours later it is 05:00 UTC on Saturday.
    given = access(days("AAPL"))
    soon = datetime(2024, 7, 6, 4, 59, tzinfo=UTC)
    batch = Massive(given).fetch(Kind.OHLCV, *WEEK, now=soon)
    assert batch.absent == {OPEN[-1]} and len(asked(given)) == 3
    batch = Massive(given).fetch(Kind.OHLCV, *WEEK, now=soon + timedelta(minutes=1))
    assert not batch.absent and batch.rows["session"].max() == OPEN[-1]
    # The half day closed at 13:00: 02:00 UTC on Thursday.
    batch = Massive(given).fetch(Kind.OHLCV, *WEEK, now=datetime(2024, 7, 4, 2, tzinfo=UTC))
    assert batch.absent == {OPEN[-1]} and batch.rows["session"].max() == OPEN[2]


def test_an_open_day_without_bars_is_not_published() -> None:
    empty = {f"{GROUPED}/{OPEN[-1]}": answer([])}
    batch = Massive(access({**days("AAPL"), **empty})).fetch(Kind.OHLCV, *WEEK, now=LATER)
    assert batch.absent == {OPEN[-1]} and batch.rows.height == 3


def test_few_tickers_are_asked_by_range_and_many_by_day_with_equal_rows() -> None:
    few = access(ranges("AAPL", "MSFT"), track("AAPL"), track("MSFT"))
    assert keys(few) == {(t, d) for t in ("AAPL", "MSFT") for d in OPEN}
    assert asked(few) == [
        f"/v2/aggs/ticker/{t}/range/1/day/2024-07-01/2024-07-05?adjusted=false&limit=50000&sort=asc"
        for t in ("AAPL", "MSFT")
    ]
    tickers = ["AAPL", "AMD", "IBM", "KO", "MSFT"]
    many = access(days(*tickers, "OTHER"), *map(track, tickers))
    by_range = access(ranges(*tickers), *map(track, tickers[:4]))
    assert keys(many) == {(t, d) for t in tickers for d in OPEN}
    assert len(asked(many)) == 4
    assert keys(by_range) == {k for k in keys(many) if k[0] != "MSFT"}


@pytest.mark.parametrize("tracked", [[], ["*"], ["AAPL"], ["A", "B", "C", "D", "E"]])
def test_the_plan_is_what_is_asked(tracked: list[str]) -> None:
    given = access({**days("AAPL"), **ranges("AAPL")}, *map(track, tracked))
    source = Massive(given)
    planned = source.plan(Kind.OHLCV, *WEEK, now=LATER)
    source.fetch(Kind.OHLCV, *WEEK, now=LATER)
    assert [text.partition("?")[0] for text in asked(given)] == [c.path for c in planned.requests]


def test_a_ticker_counts_from_the_day_it_is_tracked() -> None:
    tickers = ["A", "B", "C", "D", "AAPL"]
    given = access(days(*tickers), *map(track, tickers[:4]), track("AAPL", OPEN[2]))
    assert {d for t, d in keys(given) if t == "AAPL"} == {OPEN[2], OPEN[3]}
    path = f"/v2/aggs/ticker/AAPL/range/1/day/{OPEN[2]}/{OPEN[3]}"
    given = access({path: answer([], ticker="AAPL")}, track("AAPL", date(2024, 7, 3)))
    keys(given)
    assert asked(given)[0].startswith(path)


def test_pages_are_followed_to_the_end() -> None:
    path = f"/v2/aggs/ticker/AAPL/range/1/day/{OPEN[0]}/{OPEN[-1]}"
    link = f"https://api.massive.com{path}?cursor=abc"
    first = answer([bar(None, d, hour=0) for d in OPEN[:2]], ticker="AAPL", next_url=link)
    second = answer([bar(None, d, hour=0) for d in OPEN[2:]], ticker="AAPL")
    given = access({path: first, f"{path}?cursor=abc": second}, track("AAPL"))
    assert {d for _, d in keys(given)} == set(OPEN)
    assert asked(given)[1] == f"{path}?cursor=abc"


def test_a_page_that_leads_back_is_an_error() -> None:
    path = f"/v2/aggs/ticker/AAPL/range/1/day/{OPEN[0]}/{OPEN[-1]}"
    body = answer([bar(None, OPEN[0], hour=0)], ticker="AAPL", next_url=f"{path}?cursor=abc")
    with pytest.raises(VendorError, match="leads back"):
        keys(access({path: body}, track("AAPL")))


def test_a_ticker_without_bars_is_skipped_and_the_others_come() -> None:
    given = access({**ranges("AAPL"), **ranges("GONE", sessions=[])}, track("AAPL"), track("GONE"))
    batch = Massive(given).fetch(Kind.OHLCV, *WEEK, now=LATER)
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [("GONE", "no_data")]
    assert batch.rows.height == 4 and not batch.absent


def test_newest_sessions_without_any_bar_may_still_come() -> None:
    given = access(ranges("AAPL", sessions=OPEN[:3]), track("AAPL"))
    morning = datetime(2024, 7, 6, 12, tzinfo=UTC)
    assert Massive(given).fetch(Kind.OHLCV, *WEEK, now=morning).absent == {OPEN[-1]}
    # A month later it is a session without a trade.
    assert not Massive(given).fetch(Kind.OHLCV, *WEEK, now=LATER).absent


def test_doubled_rows_count_once_and_contradictions_go() -> None:
    rows = [bar("AAPL", OPEN[0]), bar("AAPL", OPEN[0]), bar("KO", OPEN[0]), bar("KO", OPEN[0], 11)]
    given = access({f"{GROUPED}/{OPEN[0]}": answer(rows)})
    batch = Massive(given).fetch(Kind.OHLCV, OPEN[0], OPEN[0], now=LATER)
    assert batch.rows["vendor_symbol"].to_list() == ["AAPL"]
    assert batch.rejected["rule"].to_list() == [
        "duplicate",
        "conflicting_duplicate",
        "conflicting_duplicate",
    ]


def test_a_split_day_stays_as_traded() -> None:
    days_ = [date(2024, 6, 7), date(2024, 6, 10)]
    given = access(
        {
            f"{GROUPED}/{d}": answer([bar("NVDA", d, p)])
            for d, p in zip(days_, (1200, 120), strict=True)
        }
    )
    rows = Massive(given).fetch(Kind.OHLCV, *days_, now=LATER).rows
    assert rows["close"].to_list() == [1200.5, 120.5]
    assert rows["adjustment"].unique().to_list() == ["none"]


def test_a_tracked_class_is_kept() -> None:
    given = access(ranges("SPY"), track("SPY", asset_class="etf"))
    listings = Massive(given).fetch(Kind.OHLCV, *WEEK, now=LATER).listings
    assert listings is not None and listings["asset_class"].to_list() == ["etf"]
    assert Massive(given).spec.tracked == ("SPY",)
    assert Massive(access({})).spec.tracked is None


EVENTS = "/vX/reference/tickers"
RENAMED = {
    "results": {
        "name": "Meta",
        "events": [
            {"type": "ticker_change", "date": "2022-06-09", "ticker_change": {"ticker": "META"}},
            {"type": "ticker_change", "date": "2012-05-18", "ticker_change": {"ticker": "FB"}},
        ],
    },
    "status": "OK",
}
ACTIONS: dict[str, object] = {
    "/stocks/v1/splits": {"results": []},
    "/stocks/v1/dividends": {"results": []},
    "/v3/reference/tickers": {"results": []},
}


def test_a_renamed_company_is_one_instrument_and_asked_under_both_tickers() -> None:
    gone = {"ticker": "FB", "name": "Facebook", "delisted_utc": "2022-06-08T00:00:00Z"}
    answers = {
        **ACTIONS,
        f"{EVENTS}/META/events": RENAMED,
        "/v3/reference/tickers?ticker=FB": {"results": [gone]},
    }
    given = access(answers, track("META", date(2021, 1, 4)))
    batch = Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    # The old ticker's end is a rename, not a delisting.
    assert batch.rows.is_empty()
    assert batch.listings is not None
    assert batch.listings.select("vendor_symbol", "symbol", "valid_from", "valid_to").rows() == [
        ("FB", "META", date(2021, 1, 4), date(2022, 6, 8)),
        ("META", "META", date(2022, 6, 9), date(2024, 7, 31)),
    ]
    assert sum("events" in text for text in asked(given)) == 1
    planned = Massive(given).plan(Kind.OHLCV, date(2022, 6, 6), date(2022, 6, 10), now=LATER)
    assert [c.path.removeprefix("/v2/aggs/ticker/") for c in planned.requests] == [
        "FB/range/1/day/2022-06-06/2022-06-08",
        "META/range/1/day/2022-06-09/2022-06-10",
    ]
    # What the ticker META was before is another company's.
    assert (
        not Massive(given).plan(Kind.OHLCV, date(2020, 6, 1), date(2020, 6, 5), now=LATER).requests
    )
    # Remembered: a second fetch does not ask again, a month later it does.
    Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    assert sum("events" in text for text in asked(given)) == 1
    later = LATER + timedelta(days=31)
    Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=later)
    assert sum("events" in text for text in asked(given)) == 2


def test_a_written_meaning_goes_before_the_vendor_s() -> None:
    answers = {**ACTIONS, f"{EVENTS}/META/events": RENAMED}
    old = Tracked("FB", "META", date(2012, 5, 18), "equity", "USD", until=date(2022, 6, 7))
    given = access(answers, track("META", date(2022, 6, 9)), old)
    Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    assert sum("events" in text for text in asked(given)) == 1
    planned = Massive(given).plan(Kind.OHLCV, date(2022, 6, 6), date(2022, 6, 10), now=LATER)
    assert [c.path.removeprefix("/v2/aggs/ticker/") for c in planned.requests] == [
        "FB/range/1/day/2022-06-06/2022-06-07",
        "META/range/1/day/2022-06-09/2022-06-10",
    ]


@pytest.mark.parametrize("until", [date(2022, 10, 27), date(2022, 10, 28), None])
def test_the_end_of_a_ticker_whose_last_day_is_written_is_a_delisting(until: date | None) -> None:
    """The last bar was of the 27th; Massive says the 28th."""
    gone = {"ticker": "TWTR", "name": "Twitter", "delisted_utc": "2022-10-28T00:00:00Z"}
    unknown = VendorError("massive", Failure.UNKNOWN_SYMBOL, "no", "no")
    answers = {
        **ACTIONS,
        f"{EVENTS}/TWTR/events": unknown,
        "/v3/reference/tickers?ticker=TWTR": {"results": [gone]},
    }
    twitter = Tracked("TWTR", "TWTR", date(2020, 1, 2), "equity", "USD", until=until)
    batch = Massive(access(answers, twitter)).fetch(
        Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER
    )
    assert batch.rows.select("vendor_symbol", "action", "ex_date").rows() == [
        ("TWTR", "delisting", date(2022, 10, 31))
    ]
    # Written under its next ticker as well, it was renamed.
    answers["/v3/reference/tickers?ticker=X"] = {"results": []}
    other = Tracked("X", "TWTR", date(2022, 10, 28), "equity", "USD", until=date(2024, 1, 5))
    if until == date(2022, 10, 27):
        given = access(answers, twitter, other)
        batch = Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
        assert batch.rows.is_empty()


@pytest.mark.parametrize("kind", [Failure.UNKNOWN_SYMBOL, Failure.NOT_ENTITLED])
def test_a_plan_without_ticker_events_is_no_failure(kind: Failure) -> None:
    refused = VendorError("massive", kind, "no", "no")
    given = access({**ACTIONS, f"{EVENTS}/KO/events": refused}, track("KO"))
    batch = Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    assert batch.rows.is_empty()
    transient = VendorError("massive", Failure.TRANSIENT, "no", "no")
    given = access({**ACTIONS, f"{EVENTS}/KO/events": transient}, track("KO"))
    with pytest.raises(VendorError):
        Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)


def test_actions_of_the_whole_market_come_in_pages() -> None:
    more = "https://api.massive.com/stocks/v1/splits?cursor=2"
    other = "https://api.massive.com/stocks/v1/dividends?cursor=d"
    gone = {"ticker": "TWTR", "name": "Twitter", "delisted_utc": "2022-10-28"}
    gain = {**DIVIDEND, "distribution_type": "irregular", "cash_amount": 0.25}
    given = access(
        {
            "/stocks/v1/splits": json.loads(page(SPLIT, next_url=more)),
            "/stocks/v1/splits?cursor=2": {"results": [{**SPLIT, "ticker": "AMC"}]},
            # The two halves of a payment on two pages are one sum, too.
            "/stocks/v1/dividends": {"results": [DIVIDEND], "next_url": other},
            "/stocks/v1/dividends?cursor=d": {"results": [gain]},
            "/v3/reference/tickers": {"results": [gone]},
        }
    )
    batch = Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    got = batch.rows.select("vendor_symbol", "action", "ex_date", "ratio", "amount").rows()
    assert sorted(got) == [
        ("AMC", "split", date(2024, 6, 10), 10.0, None),
        ("KO", "dividend", date(2024, 3, 14), None, 0.735),
        ("NVDA", "split", date(2024, 6, 10), 10.0, None),
        ("TWTR", "delisting", date(2022, 10, 31), None, None),
    ]
    assert "execution_date.gte=2003-09-10&limit=5000" in asked(given)[0]
    assert batch.listings is not None
    twitter = batch.listings.filter(pl.col("vendor_symbol") == "TWTR").row(0, named=True)
    assert (twitter["name"], twitter["valid_to"]) == ("Twitter", date(2022, 10, 28))


def test_actions_of_tracked_tickers_are_asked_together() -> None:
    unknown = VendorError("massive", Failure.UNKNOWN_SYMBOL, "no", "no")
    tickers = [f"T{n:02d}" for n in range(60)]
    answers = {**ACTIONS, **{f"{EVENTS}/{t}/events": unknown for t in tickers}}
    stray = {**SPLIT, "ticker": "OTHER"}
    old = {**SPLIT, "ticker": "T01", "execution_date": "2019-01-02"}
    future = {**SPLIT, "ticker": "T02", "execution_date": "2024-12-02"}
    answers["/stocks/v1/splits"] = Turns(
        [{"results": [stray, old, {**SPLIT, "ticker": "T00"}, future]}, {"results": []}]
    )
    given = access(answers, *(track(t, date(2020, 1, 1)) for t in tickers))
    batch = Massive(given).fetch(Kind.CORPORATE_ACTIONS, WEEK[0], date.max, now=LATER)
    assert batch.rows["vendor_symbol"].to_list() == ["T00", "T02"]
    # 60 tickers: two questions each for splits and dividends, the whole list of delisted ones.
    assert len(asked(given)) == 60 + 2 + 2 + 1
    assert batch.listings is not None
    # A split to come does not lengthen a listing into the future.
    assert batch.listings["valid_to"].max() == date(2024, 7, 31)


OVERVIEW = "/v3/reference/tickers/AAPL"


def overview(count: float | None, **fields: object) -> dict[str, object]:
    found = {"ticker": "AAPL", "name": "Apple Inc.", "share_class_shares_outstanding": count}
    return {"status": "OK", "results": {**found, **fields}}


def test_share_counts_are_not_known_before_their_reports_were_filed() -> None:
    answers = {
        f"{OVERVIEW}?date=2024-07-31": overview(15_000),
        f"{OVERVIEW}?date=2024-03-31": overview(15_500),
        f"{OVERVIEW}?date=2023-12-31": VendorError("massive", Failure.UNKNOWN_SYMBOL, "no", "no"),
    }
    given = access(answers, track("AAPL", date(2023, 12, 1)))
    batch = Massive(given).fetch(Kind.SHARES, WEEK[0], date.max, now=LATER)
    # LATER is the evening of 2024-07-31 in New York. The quarter ended on 03-31 + 120 days is
    # 07-29; that of 06-30 may not have been filed yet and is not asked.
    assert batch.rows.select("measured_on", "known_at", "shares").rows() == [
        (date(2024, 3, 31), datetime(2024, 7, 30, 4, tzinfo=UTC), 15_500.0),
        (date(2024, 7, 31), datetime(2024, 8, 1, 4, tzinfo=UTC), 15_000.0),
    ]
    assert batch.skipped.is_empty()
    again = Massive(given).fetch(Kind.SHARES, WEEK[0], date.max, now=LATER)
    assert again.rows.drop("fetched_at").equals(batch.rows.drop("fetched_at"))


def test_tickers_without_a_count_are_skipped() -> None:
    funds = access({OVERVIEW: overview(None)}, track("AAPL", date(2024, 7, 1)))
    batch = Massive(funds).fetch(Kind.SHARES, WEEK[0], date.max, now=LATER)
    assert batch.rows.is_empty() and batch.payloads.height == 1
    assert batch.skipped.select("failure").rows() == [("no_data",)]
    unknown = VendorError("massive", Failure.UNKNOWN_SYMBOL, "Ticker not found.", "no")
    lost = access({OVERVIEW: unknown}, track("AAPL", date(2024, 7, 1)))
    batch = Massive(lost).fetch(Kind.SHARES, WEEK[0], date.max, now=LATER)
    assert batch.skipped.select("failure").rows() == [("unknown_symbol",)]
    nothing = Massive(access({})).fetch(Kind.SHARES, WEEK[0], date.max, now=LATER)
    assert nothing.rows.is_empty()


def test_another_kind_is_refused() -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        Massive(access({})).fetch(Kind.TRADES, *WEEK, now=LATER)


def test_a_refusal_ends_the_fetch() -> None:
    refused = VendorError("massive", Failure.HISTORY_UNAVAILABLE, "no", "no")
    with pytest.raises(VendorError):
        keys(access({f"{GROUPED}/{OPEN[0]}": refused}))


MANY = "You've exceeded the maximum requests per minute, please wait or upgrade."


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "OK", "results": []}, None),
        (200, {"status": "DELAYED"}, None),
        (200, b"no json", None),
        (200, {"results": []}, None),
        (200, {"status": "ERROR", "error": MANY}, Failure.RATE_LIMITED),
        (200, {"status": "ERROR", "error": "Something went wrong"}, Failure.TRANSIENT),
        (429, {"status": "ERROR", "error": MANY}, Failure.RATE_LIMITED),
        (401, {"status": "ERROR", "error": "Unknown API Key"}, Failure.AUTH),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": "You are not entitled."},
            Failure.NOT_ENTITLED,
        ),
        (
            403,
            {
                "status": "NOT_AUTHORIZED",
                "message": "Your plan doesn't include this data timeframe.",
            },
            Failure.HISTORY_UNAVAILABLE,
        ),
        (404, {"status": "NOT_FOUND", "message": "Ticker not found."}, Failure.UNKNOWN_SYMBOL),
        (500, {"status": "OK"}, None),
        (503, b"<html>", None),
    ],
)
def test_answers_are_judged_by_their_body(
    status: int, body: object, expected: Failure | None
) -> None:
    said = classify(reply(body, status=status))
    assert (said.failure if said else None) == expected


def test_a_long_good_answer_is_not_read_twice() -> None:
    assert classify(reply(b'{"status": "ERROR"' + b" " * 9000 + b"}")) is None


def test_tickers_and_symbols_map_both_ways() -> None:
    pairs = {"BRK.B": "BRK.B", "ABRpD": "ABR.PR.D", "ABCp": "ABC.PR", "XYZw": "XYZ.WI"}
    pairs |= {"XYZr": "XYZ.RT", "ACAH.WS": "ACAH.WS", "NAN": "NAN", "TRUE": "TRUE"}
    for ticker, symbol in pairs.items():
        assert canonical(ticker) == symbol
        assert vendor_symbol(symbol) == ticker


def test_limits_and_key_are_declared() -> None:
    assert [(r.calls, r.seconds) for r in PROFILE.rates] == [(5, 60)]
    assert (PROFILE.key_env, PROFILE.key_header) == ("MASSIVE_API_KEY", "Authorization")


def test_a_ticker_that_was_silent_for_long_has_two_listings() -> None:
    days_ = [date(2021, 1, 4), date(2021, 1, 5), date(2021, 4, 5), date(2021, 7, 5)]
    seen = pl.DataFrame({"vendor_symbol": ["X"] * 4, "session": days_})
    found = listings(seen, []).select("valid_from", "valid_to").rows()
    # 90 days are no silence, 91 are one.
    assert found == [(days_[0], days_[2]), (days_[3], days_[3])]


def test_a_ticker_means_what_is_tracked_while_it_is() -> None:
    seen = pl.DataFrame({"vendor_symbol": ["FB", "FB"], "session": [OPEN[0], OPEN[1]]})
    wish = Wish("FB", OPEN[0], OPEN[0], track("META"))
    found = listings(seen, [wish]).select("symbol", "valid_from", "valid_to").rows()
    assert found == [("META", OPEN[0], OPEN[0]), ("FB", OPEN[1], OPEN[1])]
