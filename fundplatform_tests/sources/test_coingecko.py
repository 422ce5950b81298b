"""CoinGecko: points at midnight are closes, the last point is now, supply, refusals by code."""

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from fundplatform.errors import ConfigError, SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.coingecko import PROFILE, Coingecko, vendor_symbol
from fundplatform.sources.coingecko.answers import parse_caps, parse_supply
from fundplatform.sources.coingecko.profile import classify
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script, json
from fundplatform_tests.sources.web.wire import NOW, Wire, pair, reply, wired

BTC = pair("bitcoin", "BTC", "USD")
ETH = pair("ethereum", "ETH", "USDT")
CHART = "/coins/bitcoin/market_chart/range"
MARKETS = "/coins/markets"
MAR_9 = 1709942400000  # 2024-03-09 00:00 UTC in ms
DAY = 86400000
UPDATED = "2024-03-10T11:58:02.123Z"


def chart(*points: object) -> Script:
    return json({"prices": [], "market_caps": list(points), "total_volumes": []})


def coin(name: str, supply: object, updated: str = UPDATED) -> dict[str, object]:
    return {
        "id": name,
        "symbol": name[:3],
        "market_cap": 1344541111222,
        "circulating_supply": supply,
        "last_updated": updated,
    }


def limited(code: int, message: str) -> object:
    return {"status": {"error_code": code, "error_message": message}}


MANY = tuple(pair(f"coin-{n}", f"C{n}", "USD") for n in range(251))
LAST = coin("coin-250", 2.0)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE, key="CG-secret") as running:
        yield running


class TestCoingecko(VendorContract):
    profile = PROFILE
    kind = Kind.MARKET_CAPS
    first, last, now = date(2024, 3, 8), date(2024, 3, 9), NOW
    tracked = (BTC,)
    cases: ClassVar = {
        "normal": Case(
            {CHART: chart([MAR_9, 1343e9], [MAR_9 + DAY, 1344.5e9])},
            rows=2,
            row={
                "vendor_symbol": "bitcoin",
                "session": date(2024, 3, 9),
                "known_at": datetime(2024, 3, 10, tzinfo=UTC),
                "market_cap": 1344.5e9,
            },
        ),
        "paged": Case(
            {MARKETS: (json([coin(c.vendor_symbol, 1.5) for c in MANY[:250]]), json([LAST]))},
            rows=251,
            row={"vendor_symbol": "coin-250", "shares": 2.0, "measured_on": date(2024, 3, 10)},
            tracked=MANY,
            kind=Kind.SHARES,
        ),
        "numeric_strings": Case(
            {CHART: chart([str(MAR_9), "1343.5"])},
            rows=1,
            row={"market_cap": 1343.5},
            absent=frozenset({date(2024, 3, 9)}),
        ),
        "unfinished_bar": Case(
            {CHART: chart([MAR_9, 1.0], [MAR_9 + DAY, 2.0], [MAR_9 + DAY + 43200123, 3.0])},
            rows=2,
            last=date(2024, 3, 10),
            absent=frozenset({date(2024, 3, 10)}),
        ),
        "doubled": Case(
            {CHART: chart([MAR_9, 1.0], [MAR_9, 1.0], [MAR_9 + DAY, 2.0], [MAR_9 + DAY, 3.0])},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "out_of_range": Case(
            {CHART: chart([MAR_9 - DAY, 1.0], [MAR_9 + DAY, 2.0], [MAR_9 + 2 * DAY, 3.0])}, rows=1
        ),
        "bad_value": Case(
            {CHART: chart([MAR_9, None], [MAR_9 + DAY, 2.0])},
            rows=1,
            rejected={"unparseable": 1},
        ),
        "empty_pending": Case(
            {CHART: chart()},
            rows=0,
            first=date(2024, 3, 9),
            absent=frozenset({date(2024, 3, 9)}),
        ),
        "empty_symbol": Case(
            {CHART: chart()},
            rows=0,
            first=date(2024, 1, 1),
            last=date(2024, 1, 2),
            skipped={"bitcoin": Failure.NO_DATA},
        ),
        "unknown_symbol": Case(
            {CHART: json({"error": "coin not found"}, 404)},
            rows=0,
            absent=frozenset({date(2024, 3, 8), date(2024, 3, 9)}),
            skipped={"bitcoin": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case({CHART: limited(429, "Rate Limit")}, failure=Failure.RATE_LIMITED),
        "auth": Case({CHART: json(limited(10002, "API Key Missing"), 401)}, failure=Failure.AUTH),
        "not_entitled": Case(
            {CHART: json(limited(10005, "limited to PRO"), 401)}, failure=Failure.NOT_ENTITLED
        ),
        "missing_field": Case(
            {CHART: {"prices": []}}, failure=Failure.SCHEMA_CHANGED, says="field market_caps"
        ),
        "changed_type": Case(
            {CHART: chart([MAR_9, {"usd": 1}])},
            failure=Failure.SCHEMA_CHANGED,
            says="field market_cap",
        ),
    }
    not_applicable: ClassVar = {
        "split_day": "coins do not split",
        "empty_closed": "the market never closes",
    }

    def make(self, access: Access) -> Source:
        return Coingecko(access)


def test_a_midnight_point_is_the_close_of_the_day_before(wire: Wire) -> None:
    now_point = [MAR_9 + DAY + 43200123, 1.4e12]
    wire.vendor.on(CHART, chart([MAR_9, 1343e9], [MAR_9 + DAY, 1344.5e9], now_point))
    batch = Coingecko(wire.access(BTC)).fetch(
        Kind.MARKET_CAPS, date(2024, 3, 8), date(2024, 3, 10), now=NOW
    )
    columns = ("vendor_symbol", "session", "known_at", "market_cap", "currency")
    assert batch.rows.select(columns).rows() == [
        ("bitcoin", date(2024, 3, 8), datetime(2024, 3, 9, tzinfo=UTC), 1343e9, "USD"),
        ("bitcoin", date(2024, 3, 9), datetime(2024, 3, 10, tzinfo=UTC), 1344.5e9, "USD"),
    ]
    assert batch.rejected.is_empty()
    assert batch.absent == {date(2024, 3, 10)}
    asked = wire.vendor.asked[0]
    assert asked.params == {
        "vs_currency": "usd",
        "interval": "daily",
        "precision": "full",
        "from": "1709938800",
        "to": "1710032400",
    }
    assert asked.headers["x-cg-demo-api-key"] == "CG-secret"


def test_the_listing_is_the_pair_that_is_tracked(wire: Wire) -> None:
    wire.vendor.on("/coins/ethereum/market_chart/range", chart([MAR_9, 4.7e11]))
    batch = Coingecko(wire.access(ETH)).fetch(
        Kind.MARKET_CAPS, date(2024, 3, 8), date(2024, 3, 8), now=NOW
    )
    assert batch.listings is not None
    assert batch.listings.select("vendor_symbol", "symbol", "quote").rows() == [
        ("ethereum", "ETH", "USDT")
    ]
    assert batch.rows["currency"].to_list() == ["USD"]


def test_until_a_quarter_to_one_yesterday_is_not_published(wire: Wire) -> None:
    early = datetime(2024, 3, 10, 0, 44, tzinfo=UTC)
    day = date(2024, 3, 9)
    batch = Coingecko(wire.access(BTC)).fetch(Kind.MARKET_CAPS, day, day, now=early)
    assert (batch.absent, wire.vendor.asked) == ({day}, [])


def test_an_odd_point_within_is_a_reject() -> None:
    answer = parse_caps(
        reply({"market_caps": [[MAR_9 - 1204299, 1.0], [MAR_9, 2.0], [MAR_9 + DAY, None]]}), BTC
    )
    assert answer.rows["market_cap"].to_list() == [2.0]
    assert answer.rejected.select("row_number", "reason").rows() == [
        (1, "time is no 00:00 UTC"),
        (3, "market_cap is no number"),
    ]


def test_the_demo_keys_reach_is_no_success(wire: Wire) -> None:
    # 365 days before 2024-03-10 is 2023-03-11.
    wire.vendor.on(CHART, chart([1678579200000, 1.0], [MAR_9, 1.0]))
    with pytest.raises(VendorError, match="the answer begins at 2023-03-11") as caught:
        Coingecko(wire.access(BTC)).fetch(
            Kind.MARKET_CAPS, date(2022, 1, 1), date(2024, 3, 8), now=NOW
        )
    assert caught.value.failure is Failure.HISTORY_UNAVAILABLE


def test_a_younger_coin_is_whole(wire: Wire) -> None:
    wire.vendor.on(CHART, chart([MAR_9, 1.0]))
    batch = Coingecko(wire.access(BTC)).fetch(
        Kind.MARKET_CAPS, date(2023, 6, 1), date(2024, 3, 8), now=NOW
    )
    assert batch.rows.height == 1


def test_supply(wire: Wire) -> None:
    other = coin("litecoin", 1.0)
    coins = [coin("bitcoin", 19653950.0), coin("ethereum", "120092741.5"), other]
    wire.vendor.on(MARKETS, json(coins))
    gone = pair("gone", "GONE", "USD")
    batch = Coingecko(wire.access(BTC, ETH, gone)).fetch(
        Kind.SHARES, date(2013, 4, 28), date.max, now=NOW
    )
    at = datetime(2024, 3, 10, 11, 58, 2, 123000, tzinfo=UTC)
    assert batch.rows.select("vendor_symbol", "measured_on", "known_at", "shares").rows() == [
        ("bitcoin", date(2024, 3, 10), at, 19653950.0),
        ("ethereum", date(2024, 3, 10), at, 120092741.5),
    ]
    assert batch.skipped.select("vendor_symbol", "failure").rows() == [("gone", "unknown_symbol")]
    assert wire.vendor.asked[0].params["ids"] == "bitcoin,ethereum,gone"


def test_supply_is_paged_by_250(wire: Wire) -> None:
    wire.vendor.on(MARKETS, json([]))
    Coingecko(wire.access(*MANY)).fetch(Kind.SHARES, date(2013, 4, 28), date.max, now=NOW)
    assert [len(a.params["ids"].split(",")) for a in wire.vendor.asked] == [250, 1]


def test_a_supply_that_cannot_be_read_is_a_reject(wire: Wire) -> None:
    wire.vendor.on(MARKETS, json([coin("bitcoin", None), coin("ethereum", 5.0, "soon")]))
    batch = Coingecko(wire.access(BTC, ETH)).fetch(
        Kind.SHARES, date(2013, 4, 28), date.max, now=NOW
    )
    assert batch.rows.height == 0
    assert batch.rejected.select("vendor_symbol", "reason").rows() == [
        ("bitcoin", "circulating_supply is no number"),
        ("ethereum", "measured_on is missing; known_at is missing"),
    ]
    assert batch.skipped.is_empty()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"prices": []}, "field market_caps is missing"),
        ([], "field market_caps is missing"),
        ({"market_caps": {}}, "a list was expected, not dict"),
        ({"market_caps": [[MAR_9], [MAR_9]]}, "field market_cap is missing"),
        ({"market_caps": [[MAR_9, {"usd": 1}]]}, "field market_cap is of another type now"),
        (b'{"market_caps": [', "the answer is no JSON"),
    ],
)
def test_another_form_of_caps_fails_loudly(body: object, named: str) -> None:
    with pytest.raises(VendorError, match=named) as caught:
        parse_caps(reply(body), BTC)
    assert caught.value.failure is Failure.SCHEMA_CHANGED


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "a list of coins was expected"),
        ([{"id": "bitcoin", "last_updated": UPDATED}], "field circulating_supply is missing"),
        ([{"circulating_supply": 1, "last_updated": UPDATED}], "field id is missing"),
        ([coin("bitcoin", [1])], "field circulating_supply is of another type now: list"),
    ],
)
def test_another_form_of_supply_fails_loudly(body: object, named: str) -> None:
    with pytest.raises(VendorError, match=named) as caught:
        parse_supply(reply(body))
    assert caught.value.failure is Failure.SCHEMA_CHANGED


@pytest.mark.parametrize(
    ("body", "status", "failure"),
    [
        (limited(429, "You've exceeded the Rate Limit."), 429, Failure.RATE_LIMITED),
        (limited(429, "You've exceeded the Rate Limit."), 200, Failure.RATE_LIMITED),
        (limited(429, "monthly call limit reached"), 429, Failure.QUOTA_EXHAUSTED),
        (limited(10002, "API Key Missing"), 401, Failure.AUTH),
        (limited(10005, "limited to PRO"), 401, Failure.NOT_ENTITLED),
        ({"error": limited(10012, "exceeds the allowed time")}, 401, Failure.HISTORY_UNAVAILABLE),
        (limited(99999, "?"), 400, Failure.SCHEMA_CHANGED),
        ({"error": "coin not found"}, 404, Failure.UNKNOWN_SYMBOL),
        ({"error": "Invalid vs_currency"}, 200, Failure.SCHEMA_CHANGED),
    ],
)
def test_refusals(body: object, status: int, failure: Failure) -> None:
    refusal = classify(reply(body, status))
    assert refusal is not None
    assert refusal.failure is failure


@pytest.mark.parametrize("body", [{"market_caps": []}, b"<html>error</html>", [{"error": 1}]])
def test_no_refusals(body: object) -> None:
    assert classify(reply(body)) is None


def test_symbols() -> None:
    assert vendor_symbol("BTC", "USD") == "bitcoin"
    with pytest.raises(ConfigError, match="symbols are not unique at CoinGecko"):
        vendor_symbol("COMP", "USD")


def test_another_kind_is_refused(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no ohlcv"):
        Coingecko(wire.access(BTC)).fetch(Kind.OHLCV, date(2024, 1, 1), date(2024, 1, 2), now=NOW)


def test_the_recorded_answer(shared_data: Path) -> None:
    name = "payloads/coingecko/market_chart_bitcoin_usd_max_2013_2023.json.gz"
    answer = parse_caps(reply(gzip.decompress((shared_data / name).read_bytes())), BTC)
    # Counted with another tool: 3,688 points, 5 of them not at midnight, the last of these is now;
    # one cap, at 1491091200000, is null.
    assert answer.rows.height == 3682
    assert sorted(answer.rejected["reason"]) == [
        "market_cap is no number",
        *["time is no 00:00 UTC"] * 4,
    ]
    # Read by eye: the first point is [1367107200000, 1500517590]: 2013-04-28 00:00 UTC.
    assert answer.rows.select("session", "market_cap").row(0) == (date(2013, 4, 27), 1500517590.0)


def test_the_recorded_refusal(shared_data: Path) -> None:
    body = (shared_data / "payloads/errors/coingecko_429.json").read_bytes()
    refusal = classify(reply(body, 429))
    assert refusal is not None
    assert refusal.failure is Failure.RATE_LIMITED
