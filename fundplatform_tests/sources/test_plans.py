"""How many calls each source plans, worked out by hand from pairs x windows, pages and files.

That the calls are then made as planned is each source's `VendorContract`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind
from fundplatform.sources.coinbase import Coinbase
from fundplatform.sources.coingecko import Coingecko
from fundplatform.sources.ecb import HISTORY, RECENT, Ecb
from fundplatform.sources.finnhub import Finnhub
from fundplatform.sources.fred import Fred
from fundplatform.sources.kraken import Kraken
from fundplatform.sources.nasdaq_screener import NasdaqScreener
from fundplatform.sources.register import Vendor
from fundplatform.sources.sec_edgar import SecEdgar
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan, Planner, estimate, united
from fundplatform.sources.web.profile import Access, Rate, Span
from fundplatform.sources.yahoo import Yahoo
from fundplatform_tests.sources.canned import access, track
from fundplatform_tests.sources.web.wire import pair

NOW = datetime(2024, 3, 10, 12, 0, tzinfo=UTC)  # a Sunday
DAY = timedelta(days=1)
BTC, ETH = pair("XBTUSD", "BTC", "USD"), pair("ETHUSD", "ETH", "USD", since=date(2024, 3, 1))


def planned(
    source: object,
    kind: Kind,
    *parts: tuple[date, date],
    shared: bool = True,
    now: datetime = NOW,
) -> Plan:
    assert isinstance(source, Planner)
    return united([source.plan(kind, *part, now=now) for part in parts], shared=shared)


def parts(first: date, last: date, days: int) -> list[tuple[date, date]]:
    starts = (first + n * days * DAY for n in range((last - first).days // days + 1))
    return [(start, min(last, start + (days - 1) * DAY)) for start in starts]


def within(given: Access, first: date, last: date) -> Access:
    return replace(given, span=Span(first, last, (last - first).days + 1))


def test_coinbase_asks_300_days_a_call() -> None:
    source = Coinbase(access({}, BTC, ETH))
    # 2014-01-01..2024-03-09 are 3,721 days: 12 full windows and one of 121 days; ETH's is one.
    whole = planned(source, Kind.OHLCV, (date(2014, 1, 1), date(2024, 3, 31)))
    assert (len(whole.requests), whole.bound) == (13 + 1, Bound.EXACTLY)
    assert whole.requests[12].params["end"] == "2024-03-09T00:00:00Z"
    # In runs of 250 days 15 for BTC.
    cut = planned(source, Kind.OHLCV, *parts(date(2014, 1, 1), date(2024, 3, 31), 250))
    assert len(cut.requests) == 15 + 1


def test_kraken_asks_one_call_a_pair_for_all_runs() -> None:
    """It ends with today whatever is asked, so one answer serves every run."""
    given = within(access({}, BTC, ETH), date(2022, 7, 1), date(2024, 3, 9))
    runs = parts(date(2022, 7, 1), date(2024, 3, 9), 250)
    assert len(runs) == 3
    plan = planned(Kraken(given), Kind.OHLCV, *runs)
    assert (len(plan.requests), plan.bound) == (2, Bound.EXACTLY)
    # Without an archive the runs cannot share it: three for BTC, and ETH in the last run.
    assert len(planned(Kraken(access({}, BTC, ETH)), Kind.OHLCV, *runs, shared=False).requests) == 4
    # 720 days with today begin on 2022-03-22: what is older may be made from trades.
    old = planned(Kraken(access({}, BTC)), Kind.OHLCV, (date(2022, 3, 20), date(2022, 3, 30)))
    assert (old.bound, old.because) == (
        Bound.AT_LEAST,
        "and the trades of days before the newest 720",
    )
    reached = (date(2022, 3, 22), date(2022, 3, 30))
    assert planned(Kraken(access({}, BTC)), Kind.OHLCV, reached).bound is Bound.EXACTLY


def test_kraken_s_trades_are_only_known_to_be_more() -> None:
    asks = replace(BTC, kinds=frozenset({"ohlcv", "trades"}))
    plan = planned(Kraken(access({}, asks, ETH)), Kind.TRADES, (date(2024, 3, 1), date(2024, 3, 2)))
    assert [r.params["pair"] for r in plan.requests] == ["XBTUSD"]
    assert (plan.bound, plan.because) == (
        Bound.AT_LEAST,
        "and one for each further page of 1,000 trades",
    )


def test_coingecko_asks_one_call_a_coin_and_one_for_250_supplies() -> None:
    coins = [pair(f"coin-{n}", f"C{n}", "USD") for n in range(251)]
    source = Coingecko(access({}, *coins))
    days = parts(date(2023, 6, 1), date(2024, 3, 9), 250)
    assert len(planned(source, Kind.MARKET_CAPS, *days).requests) == 251 * 2
    supply = planned(source, Kind.SHARES, (date(2013, 4, 28), date.max))
    assert (len(supply.requests), supply.bound) == (2, Bound.EXACTLY)


def test_the_ecb_is_asked_for_one_file() -> None:
    runs = parts(date(1999, 1, 4), date(2024, 3, 10), 350)
    alone = planned(Ecb(access({})), Kind.FX, *runs, shared=True)
    assert [r.path for r in alone.requests] == [HISTORY]
    # The last run alone would be served by the small file; a part of the whole shares the large.
    last = (date(2024, 3, 1), date(2024, 3, 8))
    assert [r.path for r in planned(Ecb(access({})), Kind.FX, last).requests] == [RECENT]
    given = within(access({}), date(1999, 1, 4), date(2024, 3, 8))
    assert [r.path for r in planned(Ecb(given), Kind.FX, last).requests] == [HISTORY]


def test_yahoo_asks_one_chart_a_symbol_for_all_runs() -> None:
    tracked = [track("AAPL"), track("SPY", date(2024, 1, 2))]
    runs = parts(date(2020, 1, 2), date(2024, 3, 8), 350)
    given = within(access({}, *tracked), date(2020, 1, 2), date(2024, 3, 8))
    plan = planned(Yahoo(given), Kind.OHLCV, *runs)
    assert (len(plan.requests), plan.bound) == (2, Bound.EXACTLY)
    # 2020-01-01 and 2024-01-01 00:00 UTC: a day before what is wanted.
    assert [r.params["period1"] for r in plan.requests] == ["1577836800", "1704067200"]
    assert len(planned(Yahoo(given), Kind.CORPORATE_ACTIONS, (date.min, date.max)).requests) == 2


def test_yahoo_asks_facts_of_today_and_not_of_what_is_no_fund() -> None:
    given = access({}, track("AAPL"), track("SPY"), track("VTI"))
    given.memory.put("type of AAPL", "EQUITY", date(2024, 3, 8))
    given.memory.put("type of SPY", "ETF", date(2024, 3, 8))
    source = Yahoo(given)
    today = planned(source, Kind.FUND_FACTS, (date(2024, 3, 1), date(2024, 3, 10)))
    assert [r.path.rpartition("/")[2] for r in today.requests] == ["SPY", "VTI"]
    past = planned(source, Kind.FUND_FACTS, (date(2024, 3, 1), date(2024, 3, 9)))
    assert past.requests == []


@pytest.mark.parametrize(
    ("entitled", "last", "count", "bound"),
    [
        (True, date(2024, 3, 7), 2, Bound.EXACTLY),
        # Without candles: quotes of Friday's session, and nothing of older ones.
        (False, date(2024, 3, 8), 2, Bound.EXACTLY),
        (False, date(2024, 3, 7), 0, Bound.EXACTLY),
        # Not known: a candle is refused and two quotes are asked, or two candles come.
        (None, date(2024, 3, 8), 3, Bound.AT_MOST),
        (None, date(2024, 3, 7), 2, Bound.AT_MOST),
    ],
)
def test_finnhub_asks_candles_or_quotes(
    entitled: bool | None, last: date, count: int, bound: Bound
) -> None:
    given = access({}, track("AAPL"), track("IBM"))
    if entitled is not None:
        given.memory.put("candles", entitled, date(2024, 3, 8))
    plan = planned(Finnhub(given), Kind.OHLCV, (date(2024, 3, 4), last))
    assert (len(plan.requests), plan.bound) == (count, bound)
    assert len(planned(Finnhub(given), Kind.PROFILES, (last, last)).requests) == 2


def test_fred_asks_at_least_one_call_a_series() -> None:
    source = Fred(access({}, track("DGS10"), track("CPIAUCSL"), track("DFF")))
    rates = planned(source, Kind.RATES, (date(1776, 7, 4), date.max))
    assert [r.params["series_id"] for r in rates.requests] == ["DGS10", "DFF"]
    assert rates.bound is Bound.AT_LEAST


def test_the_screener_is_asked_only_between_a_close_and_the_next_opening() -> None:
    source = NasdaqScreener(access({}))
    week = (date(2024, 3, 4), date(2024, 3, 10))
    assert len(planned(source, Kind.MARKET_CAPS, week).requests) == 3
    open_ = datetime(2024, 3, 8, 16, 0, tzinfo=UTC)
    assert planned(source, Kind.MARKET_CAPS, week, now=open_).requests == []
    older = (date(2024, 3, 4), date(2024, 3, 7))
    assert planned(source, Kind.MARKET_CAPS, older).requests == []
    assert len(planned(source, Kind.PROFILES, week).requests) == 3


def test_edgar_names_what_does_not_depend_on_its_lists() -> None:
    source = SecEdgar(access({}, track("AAPL"), track("VTI", asset_class="etf")))
    whole = (date(2023, 10, 2), date(2024, 3, 8))
    assert len(planned(source, Kind.PROFILES, whole).requests) == 2
    shares = planned(source, Kind.SHARES, whole)
    assert (len(shares.requests), shares.bound) == (3, Bound.ABOUT)
    assert "of AAPL>" in shares.requests[-1].path
    # 2023q4 is over on 10 March, 2024q1 is not.
    facts = planned(source, Kind.FUND_FACTS, whole)
    assert [r.path.rpartition("/")[2] for r in facts.requests[1:]] == ["2023q4_rr1.zip"]
    assert planned(SecEdgar(access({})), Kind.PROFILES, whole).requests == []


def test_every_vendor_says_its_calls(settings: Settings) -> None:
    """Then `--plan` can never say that calls are not known, but for a source of your own."""
    lacking = [
        name
        for name, entry in register.BUILT_IN.items()
        if isinstance(entry, Vendor)
        and not isinstance(
            register.vendor_source(settings, entry, lambda: NOW, ()),
            Planner,
        )
    ]
    assert not lacking, f"give these a `plan` (sources/web/plan.py): {lacking}"


def asks(*paths: str) -> Sequence[Request]:
    return [Request(path, {}) for path in paths]


def test_plans_are_united() -> None:
    one, two = Plan(asks("/a", "/b")), Plan(asks("/b"), Bound.AT_LEAST, "and more")
    join = partial(united, [one, two, Plan((), Bound.AT_MOST, "nothing is asked")])
    assert [r.path for r in join(shared=True).requests] == ["/a", "/b"]
    assert [r.path for r in join(shared=False).requests] == ["/a", "/b", "/b"]
    assert (join(shared=True).bound, join(shared=True).because) == (Bound.AT_LEAST, "and more")
    mixed = united([two, Plan(asks("/c"), Bound.AT_MOST, "or less")], shared=True)
    assert (mixed.bound, mixed.because) == (Bound.ABOUT, "and more, or less")


def test_a_month_s_quota_may_be_spent_in_a_day() -> None:
    rates = (Rate(30, 60.0), Rate(10_000, 30 * 86_400.0))
    assert [estimate(n, rates).days for n in (0, 1, 10_000, 10_001)] == [0, 1, 1, 31]
    # Of the month's calls 9,990 are gone: 10 are left until the oldest of them are 30 days old.
    assert [estimate(n, rates, {rates[1]: 9_990}).days for n in (10, 11)] == [1, 31]


def test_calls_of_one_fetch_follow_each_other() -> None:
    """Ten calls of half a second at 5 a second: the answers take longer than the limit."""
    assert estimate(10, (Rate(5, 1.0),)).seconds == pytest.approx(5.0)
