"""Two sources on one account: one sum of calls in a plan, and one count of today's."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from fundplatform import tables
from fundplatform.accounts import account_of, sharing, terms_of
from fundplatform.assets.raw import raw_key
from fundplatform.call_plan import calls, lines
from fundplatform.chunks import Chunk
from fundplatform.health import Terms
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.sample import Sample
from fundplatform.sources.web.profile import Rate
from fundplatform.storage.syncs import Attempt, Syncs
from fundplatform_tests import pipeline
from fundplatform_tests.test_gap_budget import START, SYMBOLS, Growing, of_account

NOW = datetime(2012, 10, 27, 12, tzinfo=UTC)
DAY = date(2012, 10, 24)


def load(source: Source) -> Chunk:
    return Chunk("", (raw_key(source.spec.name, Kind.OHLCV),), DAY, DAY)


def test_who_shares_with_whom() -> None:
    stocks, coins = of_account("stocks", 8), of_account("coins", 4)
    other, files = Growing("metered", SYMBOLS, START), Sample()
    every = [stocks, other, files, coins]
    assert [s.spec.name for s in sharing(coins, every)] == ["coins", "stocks"]
    assert [s.spec.name for s in sharing(files, every)] == ["sample"]
    assert (account_of(coins), account_of(other)) == ("shared", "metered")
    assert terms_of(coins, every) == Terms(25, "UTC", ("stocks",))
    assert terms_of(other, every) == Terms(25, "UTC", ())
    assert terms_of(files, every) == Terms()


def test_the_shipped_sources_of_yahoo_are_one_account() -> None:
    every = register.vendors()
    together = {name for name, v in every.items() if v.profile.counted_as == "yahoo"}
    assert together == {"yahoo", "yahoo_crypto", "yahoo_fx", "yahoo_commodities"}


@pytest.mark.parametrize("named", [("stocks", "coins"), ("coins",)])
def test_a_plan_sums_by_account(settings: Settings, named: tuple[str, ...]) -> None:
    """8 + 4 calls and 20 that are gone are two days of 25, whoever made them; 4 are one."""
    stocks, coins = of_account("stocks", 8), of_account("coins", 4)
    made = pipeline.make(settings, [stocks, coins])
    syncs = Syncs(made.store, made.sources)
    for source, number, at in (
        (stocks, 19, NOW),
        (coins, 1, NOW),
        (stocks, 25, NOW - 2 * timedelta(days=1)),
    ):
        at -= timedelta(hours=1)
        name = source.spec.name
        done = Attempt(f"{name}/{at}", name, "ohlcv", "ok", at, at, calls=number)
        health = syncs.record(done, syncs.terms(source), "run")
        assert health.requests_quota == 25
    assert syncs.health("coins", syncs.terms(coins), NOW).requests_today == 20
    asked = [s for s in (stocks, coins) if s.spec.name in named]
    told = list(lines(calls(asked, [load(s) for s in asked], syncs, lambda: NOW)))
    gone = "of quota (20 calls of today are gone)"
    if len(named) == 2:
        assert [line.split(":")[0] for line in told] == [
            "stocks ohlcv",
            "coins ohlcv",
            "stocks, coins",
        ]
        assert told[-1].startswith("stocks, coins: 12 calls at 25 a day: about ")
        assert told[-1].endswith(f", 2 days {gone}")
    else:
        assert told[-1].startswith("coins: 4 calls at 25 a day: about ")
        assert told[-1].endswith(f", 1 day {gone}")


def test_a_plan_counts_what_a_month_s_quota_has_lost(settings: Settings) -> None:
    """Of 100 calls in 30 days 95 and 3 are gone: of 4 more two wait, for a month at most."""
    source = of_account("stocks", 4)
    access = source.access
    assert access.profile is not None
    profile = replace(access.profile, rates=(Rate(30, 60.0), Rate(100, 30 * 86_400.0)))
    source = replace(source, access=replace(access, profile=profile))
    made = pipeline.make(settings, [source])
    syncs = Syncs(made.store, made.sources)
    for days, number in ((40, 50), (20, 95), (1, 3)):
        at = NOW - timedelta(days=days)
        done = Attempt(f"{days}", "stocks", "ohlcv", "ok", at, at, calls=number)
        syncs.record(done, syncs.terms(source), "run")
    *_, told = lines(calls([source], [load(source)], syncs, lambda: NOW))
    assert told.startswith("stocks: 4 calls at 30 a minute and 100 in 30 days: about ")
    assert told.endswith(", 31 days of quota (98 calls of the last 30 days are gone)")


@pytest.mark.slow
def test_a_load_says_how_many_calls_its_account_made_today(settings: Settings) -> None:
    """8 of one source, then 4 of the other."""
    made = pipeline.make(settings, [of_account("stocks", 8), of_account("coins", 4)])
    made.clock = lambda: NOW
    made.fetch(DAY, DAY)
    health = made.store.read(tables.SOURCE_HEALTH)
    told = health.select("source", "requests_today", "requests_quota").rows()
    assert sorted(told) == [("coins", 12, 25), ("stocks", 8, 25)]
