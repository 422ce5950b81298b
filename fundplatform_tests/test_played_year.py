"""A year of days, played: it ends as a build at once, nothing runs twice, and what ran is counted.

New York, Frankfurt (two days late), Europe's central banks and a crypto exchange that dies for a
week; New York restates a close, which a weekly job finds. Both changes of the clocks, a storm,
half days, Christmas. The default ends after Thanksgiving's half day; PLAYED_UNTIL=2013-10-24
PLAYED_TURNS=7 makes it a year (24 minutes of CPU).
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform.sources.base import Batch, Kind
from fundplatform.sources.web.profile import Access
from fundplatform_tests.clean_build import assert_equals_a_clean_build
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.played import Player, Ran, ticks
from fundplatform_tests.worlds import Nowhere, World, put_index

START = date(2012, 10, 25)
END = date.fromisoformat(os.environ.get("PLAYED_UNTIL", "2012-11-26"))
TURNS = int(os.environ.get("PLAYED_TURNS", "4"))
"""Days from one turn of the sensors to the next."""
RESTATED = date(2012, 11, 5)
FOUND_FROM = datetime(2012, 11, 8, tzinfo=UTC)
DEAD = (datetime(2012, 11, 12, tzinfo=UTC), datetime(2012, 11, 19, 12, tzinfo=UTC))
HALF_DAYS = (date(2012, 11, 23), date(2012, 12, 24), date(2013, 7, 3))
JOBS = """
jobs:
  restated: {sources: [newyork], kinds: [ohlcv], mode: batch, days: 7, cron: "0 6 * * 6"}
"""
CHAIN = ("prices/rejected", "indices/performance", "funds/metrics")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


@dataclass
class Vendor(World):
    """A world that rests after failures as any vendor on the web does; its answers are counted."""

    access: Access = field(default_factory=lambda: Access(Nowhere()))
    answers: Counter[tuple[date, str]] = field(default_factory=Counter)
    refused: list[datetime] = field(default_factory=list)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """As it is, and by session what it came to: absent, there, or there with another close."""
        if self.dead and self.dead[0] <= now < self.dead[1]:
            self.refused.append(now)
        batch = super().fetch(kind, first, last, now=now)
        restated = {day for (_, day), (since, _) in self.restated.items() if now >= since}
        for day in batch.rows["session"].unique():
            self.answers[day, "restated" if day in restated else "there"] += 1
        self.answers.update((day, "absent") for day in batch.absent)
        return batch


def vendors() -> list[Vendor]:
    late = timedelta(days=2)
    restated = {("AAA", RESTATED): (FOUND_FROM, 1.01)}
    return [
        Vendor("newyork", ["AAA", "BBB"], START, restated=restated),
        Vendor("frankfurt", ["DDD"], START, calendar="XETR", priority=200, late=late),
        Vendor("euro", ["EUR"], START, calendar="TARGET", asset_class="fx"),
        Vendor("coins", ["XBT"], START, calendar="24/7", asset_class="crypto", dead=DEAD),
    ]


def home(settings: Settings) -> Pipeline:
    put_index(settings)
    settings.jobs.write_text(JOBS)
    return make(settings, vendors())


def play(made: Pipeline, until: datetime) -> Player:
    """Schedules at their times, the sensors every few days before noon."""
    player = Player(made, datetime(2012, 10, 25, 12, tzinfo=UTC))
    days = 0
    while player.now < until:
        tomorrow = player.now + timedelta(days=1)
        for at, name in ticks(player.here, player.now, tomorrow):
            player.now = at
            player.schedule(name)
        player.now, days = tomorrow - timedelta(minutes=5), days + 1
        if days % TURNS == 0 or tomorrow >= until:
            player.settle(["fill_gaps", "propagate"])
            print(tomorrow, round(sum(os.times()[:4])), len(player.ran), flush=True)
        player.now = tomorrow
    return player


def told(player: Player, cpu: float) -> None:
    """For people: `pytest -s`."""
    print(Counter((ran.origin, ran.good) for ran in player.ran))
    print(Counter((ran.origin, len(ran.keys)) for ran in player.ran))
    for vendor in player.made.sources:
        assert isinstance(vendor, Vendor)
        states = Counter(state for _, state in vendor.answers.elements())
        print(vendor.spec.name, dict(states), "refused", len(vendor.refused))
    print("CPU s", round(cpu), "runs", len(player.ran))


def assert_nothing_twice(ran: list[Ran]) -> None:
    """Between two runs of a day of an asset, something upstream of it was changed."""
    for asset in CHAIN:
        numbers: dict[date, list[int]] = {}
        for run in ran:
            if asset in run.keys and run.first and run.last:
                for n in range((run.last - run.first).days + 1):
                    numbers.setdefault(run.first + timedelta(days=n), []).append(run.upstream)
        for day, found in numbers.items():
            assert all(a < b for a, b in pairwise(found)), (asset, day, found)


def test_a_year_of_days_equals_a_build_at_once(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = home(settings)
    begun = sum(os.times()[:4])
    player = play(made, datetime(END.year, END.month, END.day, 12, tzinfo=UTC) + timedelta(days=4))
    told(player, sum(os.times()[:4]) - begun)
    newyork, frankfurt, _, coins = made.sources
    sessions = {
        vendor.spec.name: set(calendars.get(vendor.spec.kinds[Kind.OHLCV].calendar)
                              .sessions(START, END))
        for vendor in made.sources
    }  # fmt: skip
    for vendor in made.sources:
        assert isinstance(vendor, Vendor)
        name = vendor.spec.name
        recorded = made.times(name)
        assert {str(day) for day in sessions[name]} <= set(recorded)
        if vendor is not newyork:
            # Late or dead: every session is stored once, and no answer that has it comes twice.
            assert set(recorded.values()) == {1}, name
            there = {key: n for key, n in vendor.answers.items() if key[1] == "there"}
            assert set(there.values()) == {1}, name
    assert {day for day in HALF_DAYS if day <= END} <= sessions["newyork"]
    assert_nothing_twice(player.ran)

    # Runs against the fewest that there can be.
    fetches = Counter(run.origin for run in player.ran if run.keys[:1] == ("raw/euro/ohlcv",))
    assert fetches == {"load_euro_ohlcv": len(made.times("euro"))}
    assert isinstance(frankfurt, Vendor)
    assert isinstance(coins, Vendor)
    waits = Counter(day for day, state in frankfurt.answers.elements() if state == "absent")
    assert max(waits.values()) <= 7, waits.most_common(3)
    # A day, an hour of it: at most 3 to open the breaker, then one every six hours.
    assert len(coins.refused) <= 3 + 4 * 8

    clean = home(Settings(home=tmp_path_factory.mktemp("clean"), sources=()))
    assert_equals_a_clean_build(made, clean, START, player.now.date())
    stored = made.store.read(tables.OHLCV).filter(pl.col("session") == RESTATED)
    assert stored.height >= 3
