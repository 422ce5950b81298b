"""The schedule of quotes, and that quotes stay out of daily history."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from fundplatform.automation.gap_ledger import ledgers
from fundplatform.automation.quotes import trading
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.definitions import build_definitions
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.finnhub import PROFILE, Finnhub
from fundplatform.sources.web.quotes import quoting
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.sources.test_coinbase import CANDLES, MAR_7, MAR_8
from fundplatform_tests.sources.vendor_server import Vendor, json, serving
from fundplatform_tests.sources.web.wire import NOW, wired
from fundplatform_tests.storage.marts import ask

QUOTES = dg.AssetKey(["raw", "coinbase", "quotes"])
TICKER = "/products/BTC-USD/ticker"


def quote(price: str, bid: str, time: str) -> dict[str, str]:
    return {"price": price, "bid": bid, "ask": "68400", "time": f"2024-03-10T{time}Z"}


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        yield running


@pytest.fixture
def made(settings: Settings, vendor: Vendor) -> Pipeline:
    settings.tracked.write_text("coinbase: [BTC/USD: {since: 2024-03-07}]\n")
    environment = {"FUNDPLATFORM_COINBASE_URL": vendor.url}
    own = Settings(settings.home, ("coinbase",), lock_timeout=20, environment=environment)
    pipeline = make(own, register.load(own, lambda: NOW).sources)
    pipeline.clock = lambda: NOW
    return pipeline


def test_quotes_never_mix_into_daily_history(made: Pipeline, vendor: Vendor) -> None:
    vendor.on(CANDLES, json([MAR_8, MAR_7]))
    vendor.on(
        TICKER,
        json(quote("68317.5", "68300", "11:45:00")),
        json(quote("68317.5", "68310", "11:45:00")),
        json(quote("68350", "68340", "11:59:00")),
    )
    first, last = date(2024, 3, 7), date(2024, 3, 8)
    made.fetch(first, last)
    assert [o.errors for o in made.outcomes if o.errors] == []
    made.store.publish()
    tables = ("raw.ohlcv", "catalog.listings", "catalog.instruments", "catalog.tracked",
              "catalog.sources")  # fmt: skip
    before = [made.store.query(f"select * from {t} order by all").rows() for t in tables]
    plan = made.job(first, last).downstream()
    job = made.job(first, last)
    for _ in range(3):
        done = run_chunk(Chunk("quotes", (QUOTES,)), job.job, made.instance)
        assert done.errors == ()
    made.store.publish()
    columns = "symbol, price, bid, ask, source"
    assert ask(made.store, columns, "latest_quotes") == [
        ("BTC", 68350.0, 68340.0, 68400.0, "coinbase")
    ]
    # The bid moved while no trade did: the old one is in the ledger.
    assert made.store.query("select price, bid from raw.quotes order by quoted_at").rows() == [
        (68317.5, 68310.0),
        (68350.0, 68340.0),
    ]
    assert made.store.query("select bid from raw.quotes_revisions").rows() == [(68300.0,)]
    after = [made.store.query(f"select * from {t} order by all").rows() for t in tables]
    assert after == before
    # Nothing more is to be computed, nothing is fetched by a backfill, nothing is a gap.
    assert made.job(first, last).downstream() == plan
    assert made.job(first, last).fetches() == []
    assert {str(one.kind) for one in ledgers(made.store, made.instance, made.sources, NOW)} == {
        "ohlcv"
    }


def test_the_schedule_asks_while_the_market_trades_and_never_twice(made: Pipeline) -> None:
    location = build_definitions(
        made.settings, sources=made.sources, store=made.store, clock=made.clock
    ).get_repository_def()
    schedule = location.get_schedule_def("latest_quotes")
    assert schedule.cron_schedule == "*/15 * * * *"

    def tick() -> list[dg.RunRequest]:
        context = dg.build_schedule_context(
            instance=made.instance, scheduled_execution_time=NOW, repository_def=location
        )
        return list(schedule.evaluate_tick(context).run_requests)

    (asked,) = tick()
    assert list(asked.asset_selection or ()) == [QUOTES]
    assert asked.run_key == "raw/coinbase/quotes 2024-03-10T12:00"
    waiting = dg.DagsterRun(
        job_name="latest_quotes",
        status=dg.DagsterRunStatus.STARTED,
        asset_selection=frozenset([QUOTES]),
    )
    made.instance.add_run(waiting)
    assert tick() == []


@pytest.mark.parametrize(
    ("at", "open_now"),
    [
        # New York closes at 20:00 UTC in summer, at 17:00 on the half day; the 4th is a holiday.
        (datetime(2024, 7, 2, 14, 30, tzinfo=UTC), True),
        (datetime(2024, 7, 2, 20, 15, tzinfo=UTC), True),
        (datetime(2024, 7, 2, 20, 30, tzinfo=UTC), False),
        (datetime(2024, 7, 3, 18, 0, tzinfo=UTC), False),
        (datetime(2024, 7, 4, 15, 0, tzinfo=UTC), False),
        (datetime(2024, 7, 6, 15, 0, tzinfo=UTC), False),
    ],
)
def test_no_quote_of_a_closed_market(at: datetime, open_now: bool) -> None:
    with wired(PROFILE) as wire:
        stocks = quoting(Finnhub(wire.access()))
    assert stocks
    assert trading(stocks, at) is open_now
