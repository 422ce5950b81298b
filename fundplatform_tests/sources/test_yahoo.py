"""Yahoo: bars and dividends back to what was traded and paid, the live bar, markets kept apart.

Every request is carried by the real yfinance, to the loopback.
"""

import json as _json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform.sources.web.transport import Transport
from fundplatform.sources.yahoo import PROFILE, Yahoo, vendor_symbol
from fundplatform.sources.yahoo.chart import parse_chart
from fundplatform.sources.yahoo.facts import parse_facts
from fundplatform_tests.sources import yahoo_wire
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script, Vendor, json
from fundplatform_tests.sources.yahoo_wire import (
    CRUMB,
    CRUMB_PATH,
    Yahoos,
    bar,
    chart,
    refusal,
    stamp,
    utc,
    wired,
)

THURSDAY, FRIDAY, MONDAY = date(2024, 6, 6), date(2024, 6, 7), date(2024, 6, 10)
TUESDAY_MORNING, MONDAY_NOON = utc(date(2024, 6, 11), 12), utc(MONDAY, 16)
NVDA = Tracked("NVDA", "NVDA", date(1999, 1, 22), "equity", "USD")
QQQ = Tracked("QQQ", "QQQ", date(1999, 3, 10), "etf", "USD")
PATH = "/v8/finance/chart/NVDA"
TEN_FOR_ONE = {MONDAY: (10.0, 1.0)}
# As Yahoo shows the Friday before NVIDIA's split: a tenth of the price, ten times the volume.
FRI = bar(FRIDAY, 120.888, open=119.77, high=121.692, low=118.022, volume=412386000)
MON = bar(MONDAY, 121.79, open=120.37, high=123.1, low=117.01, volume=314162700)


@pytest.fixture(autouse=True, scope="module")
def _cookies(tmp_path_factory: pytest.TempPathFactory) -> None:
    yahoo_wire.keep_cookies_in(tmp_path_factory.mktemp("yfinance"))


class TestYahoo(VendorContract):
    profile = PROFILE
    first, last, now = FRIDAY, MONDAY, TUESDAY_MORNING
    tracked = (NVDA,)
    cases: ClassVar = {
        "normal": Case(
            {PATH: chart(FRI, MON)},
            rows=2,
            row={
                "vendor_symbol": "NVDA",
                "session": MONDAY,
                "bar_open_at": datetime(2024, 6, 10, tzinfo=UTC),
                "open": 120.37,
                "close": 121.79,
                "volume": 314162700.0,
                "quote": "USD",
                "adjustment": "none",
            },
        ),
        "split_day": Case(
            {PATH: chart(FRI, MON, splits=TEN_FOR_ONE)},
            rows=2,
            row={"session": FRIDAY, "close": 1208.88, "volume": 41238600.0, "adjustment": "none"},
        ),
        "numeric_strings": Case(
            {PATH: chart(bar(FRIDAY, "120.888", volume="412386000"), MON)},
            row={"close": 120.888, "volume": 412386000.0},
        ),
        "unfinished_bar": Case(
            {PATH: chart(FRI, MON)}, rows=1, now=MONDAY_NOON, absent=frozenset({MONDAY})
        ),
        "doubled": Case(
            {PATH: chart(bar(THURSDAY, 1.0), bar(THURSDAY, 2.0), FRI, FRI)},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
            first=THURSDAY,
            last=FRIDAY,
        ),
        "out_of_range": Case(
            {PATH: chart(bar(THURSDAY, 1.0), FRI, MON)}, rows=1, last=date(2024, 6, 9)
        ),
        "bad_value": Case(
            {PATH: chart(bar(FRIDAY, "n/a"), MON)}, rows=1, rejected={"unparseable": 1}
        ),
        "empty_closed": Case({}, rows=0, first=date(2024, 6, 8), last=date(2024, 6, 9)),
        "empty_pending": Case({PATH: chart(FRI)}, rows=1, absent=frozenset({MONDAY})),
        "empty_symbol": Case(
            {PATH: chart()},
            rows=0,
            first=date(2024, 1, 2),
            last=date(2024, 1, 3),
            skipped={"NVDA": Failure.NO_DATA},
        ),
        "unknown_symbol": Case(
            {PATH: json(refusal("Not Found", "No data found, symbol may be delisted"), 404)},
            rows=0,
            first=date(2024, 1, 2),
            last=date(2024, 1, 3),
            skipped={"NVDA": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case(
            {PATH: refusal("internal-error", "Gateway Timeout")}, failure=Failure.TRANSIENT
        ),
        "missing_field": Case(
            {PATH: _json.dumps(chart(FRI, MON)).replace('"close"', '"last"').encode()},
            failure=Failure.SCHEMA_CHANGED,
            says="field close",
        ),
        "changed_type": Case(
            {PATH: chart(bar(FRIDAY, {"raw": 1.0}), MON)},
            failure=Failure.SCHEMA_CHANGED,
            says="field close",
        ),
        # More than the contract asks for.
        "live bar": Case(
            {
                PATH: chart(
                    FRI, bar(MONDAY, 121.7), bar(MONDAY, 121.79, timestamp=stamp(MONDAY) + 23400)
                )
            },
            rows=2,
            row={"session": MONDAY, "close": 121.79},
            rejected={"duplicate": 1},
        ),
        "no trade": Case(
            {PATH: chart(bar(FRIDAY, None, open=None, high=None, low=None, volume=None), MON)},
            rows=2,
            row={"session": FRIDAY, "close": None},
        ),
        "another market": Case(
            {PATH: chart(FRI, instrumentType="CURRENCY")},
            skipped={"NVDA": Failure.UNKNOWN_SYMBOL},
            absent=frozenset({FRIDAY, MONDAY}),
        ),
        "another exchange": Case(
            {PATH: chart(FRI, exchangeTimezoneName="Europe/Berlin", currency="EUR")},
            skipped={"NVDA": Failure.UNKNOWN_SYMBOL},
            absent=frozenset({FRIDAY, MONDAY}),
        ),
    }
    not_applicable: ClassVar = {
        "paged": "a chart comes whole",
        "auth": "there is no key",
        "not_entitled": "there is no plan",
    }

    def make(self, access: Access) -> Source:
        return Yahoo(access)

    def transport(self, vendor: Vendor) -> Transport:
        return yahoo_wire.transport(vendor)


@pytest.fixture
def yahoo() -> Iterator[Yahoos]:
    with wired(PROFILE, TUESDAY_MORNING) as running:
        yield running


def test_yfinance_shakes_hands_and_sends_its_crumb(yahoo: Yahoos) -> None:
    yahoo.vendor.on(PATH, json(chart(FRI, MON)))
    batch = Yahoo(yahoo.access(NVDA)).fetch(Kind.OHLCV, FRIDAY, MONDAY, now=TUESDAY_MORNING)
    assert list(dict.fromkeys(asked.path for asked in yahoo.vendor.asked)) == [
        "/elsewhere/fc.yahoo.com/",
        CRUMB_PATH,
        PATH,
    ]
    asked = yahoo.vendor.asked[-1]
    assert asked.params["crumb"] == CRUMB
    assert "Chrome" in asked.headers["user-agent"]
    assert CRUMB not in str(batch.payloads.to_dicts())


def test_the_answer_reaches_to_the_present(yahoo: Yahoos) -> None:
    """The splits since the days asked for undo Yahoo's adjustment."""
    yahoo.vendor.on(PATH, json(chart(bar(date(2021, 7, 19), 18.779), splits={MONDAY: (10, 1)})))
    day = date(2021, 7, 19)
    source = Yahoo(yahoo.access(NVDA))
    rows = source.fetch(Kind.OHLCV, day, day, now=TUESDAY_MORNING).rows
    assert rows["close"].to_list() == [pytest.approx(187.79, abs=1e-9)]
    params = yahoo.vendor.asked[-1].params
    assert int(params["period1"]) <= stamp(day)
    assert int(params["period2"]) > TUESDAY_MORNING.timestamp()


def test_a_symbol_is_listed_from_its_first_trade(yahoo: Yahoos) -> None:
    yahoo.vendor.on(PATH, json(chart(FRI)))
    listings = (
        Yahoo(yahoo.access(NVDA)).fetch(Kind.OHLCV, FRIDAY, FRIDAY, now=TUESDAY_MORNING).listings
    )
    assert listings is not None
    assert listings.row(0, named=True) == {
        "vendor_symbol": "NVDA",
        "symbol": "NVDA",
        "asset_class": "equity",
        "market": "US",
        "quote": "USD",
        "name": "NVIDIA Corporation",
        "valid_from": date(1999, 1, 22),
        "valid_to": FRIDAY,
    }


def test_one_symbol_without_bars_does_not_hold_the_others(yahoo: Yahoos) -> None:
    other = Tracked("GONE", "GONE", date(2000, 1, 3), "equity", "USD")
    yahoo.vendor.on(PATH, json(chart(FRI, MON)))
    yahoo.vendor.on("/v8/finance/chart/GONE", json(chart()))
    batch = Yahoo(yahoo.access(NVDA, other)).fetch(Kind.OHLCV, FRIDAY, MONDAY, now=TUESDAY_MORNING)
    assert (batch.rows.height, batch.absent) == (2, frozenset())
    assert batch.skipped["vendor_symbol"].to_list() == ["GONE"]


def actions(yahoo: Yahoos, body: object) -> list[tuple[object, ...]]:
    yahoo.vendor.on(PATH, json(body))
    batch = Yahoo(yahoo.access(NVDA)).fetch(
        Kind.CORPORATE_ACTIONS, date(1962, 1, 2), date.max, now=TUESDAY_MORNING
    )
    return batch.rows.select("action", "ex_date", "ratio", "amount", "currency").rows()


def test_splits_and_dividends_as_paid(yahoo: Yahoos) -> None:
    """0.04 paid before a 10:1 split is 0.004 at Yahoo."""
    march, after = date(2024, 3, 5), date(2024, 6, 11)
    body = chart(splits=TEN_FOR_ONE, dividends={march: 0.004, after: 0.01})
    assert actions(yahoo, body) == [
        ("dividend", march, None, pytest.approx(0.04, abs=1e-15), "USD"),
        ("dividend", after, None, 0.01, "USD"),
        ("split", MONDAY, 10.0, None, None),
    ]


def test_an_action_is_known_when_its_day_begins(yahoo: Yahoos) -> None:
    yahoo.vendor.on(PATH, json(chart(splits=TEN_FOR_ONE)))
    batch = Yahoo(yahoo.access(NVDA)).fetch(
        Kind.CORPORATE_ACTIONS, date(1962, 1, 2), date.max, now=TUESDAY_MORNING
    )
    assert batch.rows["known_at"].to_list() == [datetime(2024, 6, 10, 4, tzinfo=UTC)]


def test_a_capital_gain_inside_the_dividend_counts_once(yahoo: Yahoos) -> None:
    december = date(2023, 12, 20)
    body = chart(dividends={december: 5.0}, gains={december: 4.5}, instrumentType="MUTUALFUND")
    assert actions(yahoo, body) == [
        ("dividend", december, None, 0.5, "USD"),
        ("special_dividend", december, None, 4.5, "USD"),
    ]


def test_a_gain_above_the_dividend_is_another_payment(yahoo: Yahoos) -> None:
    december = date(2023, 12, 20)
    body = chart(dividends={december: 0.5}, gains={december: 4.5})
    assert [row[3] for row in actions(yahoo, body)] == [0.5, 4.5]


def test_a_split_without_a_ratio_is_rejected(yahoo: Yahoos) -> None:
    yahoo.vendor.on(PATH, json(chart(FRI, splits={MONDAY: (0, 1), FRIDAY: (2, 1)})))
    batch = Yahoo(yahoo.access(NVDA)).fetch(
        Kind.CORPORATE_ACTIONS, date(1962, 1, 2), date.max, now=TUESDAY_MORNING
    )
    assert batch.rows["ratio"].to_list() == [2.0]
    assert batch.rejected["reason"].to_list() == ["split without a date or ratio"]


# Fund facts

SUMMARY = "/v10/finance/quoteSummary/QQQ"


def summary(**changes: dict[str, object]) -> dict[str, object]:
    found: dict[str, dict[str, object]] = {
        "quoteType": {"quoteType": "ETF", "longName": "Invesco QQQ Trust"},
        "fundProfile": {
            "family": "Invesco",
            "categoryName": "Large Growth",
            "feesExpensesInvestment": {
                "annualReportExpenseRatio": 0.002,
                "totalNetAssets": 337774.38,
            },
            "feesExpensesInvestmentCat": {"annualReportExpenseRatio": 0.0039},
        },
        "summaryDetail": {"totalAssets": 328302690304, "currency": "USD"},
        "defaultKeyStatistics": {"fundInceptionDate": 921024000},
    }
    for name, change in changes.items():
        found[name] = {**found[name], **change}
    return {"quoteSummary": {"result": [found], "error": None}}


TUESDAY = date(2024, 6, 11)


def test_the_facts_of_a_fund(yahoo: Yahoos) -> None:
    yahoo.vendor.on(SUMMARY, json(summary()))
    source = Yahoo(yahoo.access(QQQ))
    batch = source.fetch(Kind.FUND_FACTS, MONDAY, TUESDAY, now=TUESDAY_MORNING)
    row = batch.rows.row(0, named=True)
    assert {n: row[n] for n in ("name", "fund_type", "category", "issuer", "currency")} == {
        "name": "Invesco QQQ Trust",
        "fund_type": "etf",
        "category": "Large Growth",
        "issuer": "Invesco",
        "currency": "USD",
    }
    assert (row["expense_ratio"], row["aum"]) == (0.002, 328302690304.0)
    assert row["inception"] == date(1999, 3, 10)
    assert (row["effective_on"], row["session"], row["known_at"]) == (
        TUESDAY,
        TUESDAY,
        TUESDAY_MORNING,
    )
    assert batch.absent == {MONDAY}


def test_past_days_cannot_be_had_and_cost_no_call(yahoo: Yahoos) -> None:
    batch = Yahoo(yahoo.access(QQQ)).fetch(Kind.FUND_FACTS, FRIDAY, FRIDAY, now=TUESDAY_MORNING)
    assert (batch.rows.height, batch.absent) == (0, {FRIDAY})
    assert yahoo.vendor.asked == []


def test_a_stock_is_asked_for_facts_once(yahoo: Yahoos) -> None:
    yahoo.vendor.on(
        "/v10/finance/quoteSummary/NVDA",
        json({"quoteSummary": {"result": [{"quoteType": {"quoteType": "EQUITY"}}], "error": None}}),
    )
    source = Yahoo(yahoo.access(NVDA))
    for _ in range(2):
        batch = source.fetch(Kind.FUND_FACTS, TUESDAY, TUESDAY, now=TUESDAY_MORNING)
        assert (batch.rows.height, batch.skipped.height) == (0, 0)
    assert sum("quoteSummary" in asked.path for asked in yahoo.vendor.asked) == 1


def test_a_fund_without_facts_is_skipped(yahoo: Yahoos) -> None:
    text = "No fundamentals data found for any of the summaryTypes=fundProfile"
    yahoo.vendor.on(SUMMARY, json(refusal("Not Found", text, "quoteSummary"), 404))
    batch = Yahoo(yahoo.access(QQQ)).fetch(Kind.FUND_FACTS, TUESDAY, TUESDAY, now=TUESDAY_MORNING)
    assert batch.skipped["failure"].to_list() == ["no_data"]


def ratio(value: object, average: object = 0.0039) -> tuple[list[object], list[str]]:
    fees = {
        "feesExpensesInvestment": {"annualReportExpenseRatio": value},
        "feesExpensesInvestmentCat": {"annualReportExpenseRatio": average},
    }
    facts = parse_facts(_json.dumps(summary(fundProfile=fees)).encode())
    return facts.rows["expense_ratio"].to_list(), facts.rejected["reason"].to_list()


@pytest.mark.parametrize(
    ("value", "kept", "said"),
    [
        (0.002, [0.002], []),
        ({"raw": 0.002, "fmt": "0.20%"}, [0.002], []),
        (0.0039, [None], []),  # the category's average
        (None, [None], []),
        (20.0, [], ["expense_ratio is no decimal"]),
        ("n/a", [], ["expense_ratio is no number"]),
    ],
)
def test_expense_ratios(value: object, kept: list[object], said: list[str]) -> None:
    assert ratio(value) == (kept, said)


def test_facts_of_another_shape_are_refused() -> None:
    body = summary()
    result = body["quoteSummary"]["result"][0]  # type: ignore[index]
    del result["fundProfile"]
    with pytest.raises(VendorError, match="field fundProfile is missing"):
        parse_facts(_json.dumps(body).encode())


def test_it_has_no_trades(yahoo: Yahoos) -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        Yahoo(yahoo.access()).fetch(Kind.TRADES, FRIDAY, FRIDAY, now=TUESDAY_MORNING)


def test_spelling() -> None:
    assert vendor_symbol("BRK.B", "USD") == "BRK-B"
    assert vendor_symbol("ABR.PR.A", "USD") == "ABR-PA"


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (Script(b"Too Many Requests\r\n", 429), Failure.RATE_LIMITED),
        (Script(b"<html>Will be right back...</html>"), Failure.TRANSIENT),
        (Script(b"x" * (2**20 + 1)), Failure.SCHEMA_CHANGED),
        (json(refusal("Unauthorized", "Invalid Crumb", "finance"), 401), Failure.TRANSIENT),
    ],
)
def test_refusals(yahoo: Yahoos, script: Script, failure: Failure) -> None:
    yahoo.vendor.on(PATH, script)
    with pytest.raises(VendorError) as caught:
        Yahoo(yahoo.access(NVDA)).fetch(Kind.OHLCV, FRIDAY, MONDAY, now=TUESDAY_MORNING)
    assert caught.value.failure is failure
    assert CRUMB not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"timestamp": None}, "field timestamp"),
        ({"meta": {"currency": "USD"}}, "field meta.instrumentType"),
        ({"indicators": {}}, "field indicators.quote"),
        ({"events": {"splits": [1]}}, "field events.splits"),
    ],
)
def test_a_chart_of_another_shape_is_refused(change: dict[str, object], says: str) -> None:
    body = chart(FRI)
    result = body["chart"]["result"][0]  # type: ignore[index]
    changed = {n: v for n, v in {**result, **change}.items() if v is not None}
    with pytest.raises(VendorError, match=says) as caught:
        parse_chart(_json.dumps({"chart": {"result": [changed]}}).encode())
    assert caught.value.failure is Failure.SCHEMA_CHANGED


def test_columns_of_different_lengths_are_truncated() -> None:
    body = _json.loads(_json.dumps(chart(FRI, MON)))
    body["chart"]["result"][0]["indicators"]["quote"][0]["low"].pop()
    with pytest.raises(VendorError, match="field low has 1 values for 2 bars") as caught:
        parse_chart(_json.dumps(body).encode())
    assert caught.value.failure is Failure.TRUNCATED


def recorded(shared_data: Path, name: str) -> bytes:
    file = shared_data / "payloads/yahoo" / name
    return _json.dumps(_json.loads(file.read_text())["response"]["bodyJson"]).encode()


def test_recorded_split_day(shared_data: Path) -> None:
    """NVIDIA split 4:1 on 2021-07-20, after a close of 751.19.

    Yahoo's basis of 2025 also has the 10:1 split of 2024, which the recording does not reach.
    """
    found = parse_chart(
        recorded(shared_data, "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv.json")
    )
    assert found.actions.select("action", "ex_date", "ratio").rows() == [
        ("split", date(2021, 7, 20), 4.0)
    ]
    close = dict(found.bars.select("session", "close").iter_rows())
    assert found.bars.height == 252
    assert close[date(2021, 7, 19)] == pytest.approx(75.119, abs=1e-3)
    assert close[date(2021, 7, 20)] == pytest.approx(18.612, abs=1e-3)


def test_recorded_dividend_and_split(shared_data: Path) -> None:
    found = parse_chart(recorded(shared_data, "chart-AAPL-2020-08-31-to-2020-11-07.json"))
    assert found.actions.select("action", "ex_date", "ratio", "amount").rows() == [
        ("split", date(2020, 8, 31), 4.0, None),
        ("dividend", date(2020, 11, 6), None, 0.205),
    ]
    first = found.bars.row(0, named=True)
    assert (first["session"], first["close"]) == (date(2020, 8, 31), 129.0399932861328)


def test_a_recorded_chart_without_times_is_refused(shared_data: Path) -> None:
    with pytest.raises(VendorError, match="timestamp"):
        parse_chart(recorded(shared_data, "chart-notimestamp-weird-quote.fake.json"))


def test_a_recorded_empty_chart_has_no_bars(shared_data: Path) -> None:
    name = "chart-AAPL-2025-02-01-to-2025-02-02-includePrePost-false-interval-1m.json"
    assert parse_chart(recorded(shared_data, name)).bars.is_empty()


def test_recorded_facts(shared_data: Path) -> None:
    rows = parse_facts(recorded(shared_data, "quoteSummary-all-QQQ-2021.json")).rows
    row = rows.row(0, named=True)
    assert (row["expense_ratio"], row["aum"]) == (0.002, 148878360576.0)
    assert (row["category"], row["issuer"]) == ("Large Growth", "Invesco")
    assert row["inception"] == date(1999, 3, 10)


def test_recorded_refusal(shared_data: Path, yahoo: Yahoos) -> None:
    body = (shared_data / "payloads/errors/yahoo_404_chart.json").read_bytes()
    yahoo.vendor.on(PATH, Script(body, 404))
    batch = Yahoo(yahoo.access(NVDA)).fetch(Kind.OHLCV, FRIDAY, MONDAY, now=TUESDAY_MORNING)
    assert batch.skipped["failure"].to_list() == ["unknown_symbol"]


def test_the_rows_of_a_fetch_are_as_traded_before_and_after_a_split(yahoo: Yahoos) -> None:
    """Friday fetched before the split and again after it is the same row."""
    before = {**FRI, **{n: float(str(FRI[n])) * 10 for n in ("open", "high", "low", "close")}}
    yahoo.vendor.on(
        PATH, json(chart({**before, "volume": 41238600})), json(chart(FRI, splits=TEN_FOR_ONE))
    )
    source = Yahoo(yahoo.access(NVDA))
    first, second = (
        source.fetch(Kind.OHLCV, FRIDAY, FRIDAY, now=now).rows
        for now in (utc(date(2024, 6, 8), 12), TUESDAY_MORNING)
    )
    for name in ("open", "high", "low", "close", "volume"):
        assert first[name][0] == pytest.approx(second[name][0], rel=1e-12)
    assert first["adjustment"].equals(second["adjustment"])
    assert first.filter(pl.col("close") > 1200).height == 1
