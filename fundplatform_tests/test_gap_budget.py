"""Gaps that cost more calls than are left: what fits is asked for, the rest waits and is said."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from fundplatform.automation.gap_budget import Budget, Budgets
from fundplatform.automation.gap_ledger import Ledger
from fundplatform.gaps import CELLS, LISTED, RANGES, Evidence, Request
from fundplatform.settings import Settings
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Counting
from fundplatform.sources.web.journal import Request as Call
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Profile, Rate
from fundplatform_tests.pipeline import make
from fundplatform_tests.played import Player
from fundplatform_tests.sources.canned import track
from fundplatform_tests.worlds import Nowhere, World

START, END = date(2012, 10, 22), date(2012, 10, 26)
HOLE = date(2012, 10, 24)
LOADED = datetime(2012, 10, 27, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SYMBOLS = [f"S{n:03}" for n in range(60)]
DAYS = tuple(START + n * DAY for n in range(5))
A_DAY = 25


def access(rates: tuple[Rate, ...] = (Rate(A_DAY, 86_400.0),)) -> Access:
    profile = Profile("metered", "http://127.0.0.1", lambda reply: None, rates)
    tracked = tuple(track(symbol, START) for symbol in SYMBOLS)
    return Access(Nowhere(), tracked, profile=profile, journal=Counting())


@dataclass
class Metered(World):
    """Five sessions, a call a symbol; past 25 calls in a day it refuses."""

    access: Access = field(default_factory=access)
    calls: list[datetime] = field(default_factory=list)
    free_until: datetime = LOADED + timedelta(hours=1)

    @property
    def spec(self) -> SourceSpec:
        kinds = {Kind.OHLCV: Coverage("XNYS", START, END)}
        tracked = tuple(t.vendor_symbol for t in self.access.tracked)
        return replace(super().spec, kinds=kinds, tracked=tracked)

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        return Plan([Call("/bars", {"of": t.vendor_symbol}) for t in self.access.tracked])

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        for call in self.plan(kind, first, last, now=now).requests:
            today = [at for at in self.calls if at > now - DAY]
            if now > self.free_until and len(today) >= A_DAY:
                raise VendorError("metered", Failure.QUOTA_EXHAUSTED, "used up", "Tomorrow")
            if now > self.free_until:
                self.calls.append(now)
            assert self.access.journal is not None
            self.access.journal.attempt(call, None, None)
        own = [t.vendor_symbol for t in self.access.tracked]
        return World.fetch(replace(self, symbols=own), kind, first, last, now=now)


@pytest.mark.slow
def test_more_gaps_than_calls_are_filled_day_by_day_without_a_failure(settings: Settings) -> None:
    """Sixty listings lack a session, 25 calls a day: 25, 25 and 10, and no run fails."""
    vendor = Metered("metered", SYMBOLS, START)
    made = make(settings, [vendor])
    player = Player(made, LOADED)
    made.fetch(START, END)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from raw.ohlcv where session = ?", [HOLE])
    made.store.publish()

    player.now = LOADED + 2 * DAY
    told = []
    for _ in range(3):
        begun = player.now
        player.sensor("fill_gaps")
        # An hour later nothing is left to ask with, and it says until when.
        player.now = begun + timedelta(hours=1)
        player.sensor("fill_gaps")
        told.append(player.said["fill_gaps"])
        player.now = begun + DAY
    assert [len([c for c in vendor.calls if c == LOADED + n * DAY]) for n in (2, 3, 4)] == [
        25,
        25,
        10,
    ]
    assert told == [
        "1 session of raw/metered/ohlcv left: waits for calls, the next are free at "
        f"2012-10-{30 + n} 12:00 UTC"
        for n in range(2)
    ] + ["no gaps"]
    assert [run.good for run in player.ran if run.origin == "gaps"] == [True] * 6
    assert len([r for r in player.ran if r.keys[0] == "raw/metered/ohlcv"]) == 3


def cost(one: Request) -> int:
    """A call a symbol and session."""
    return len(one.sessions) * len(one.symbols or SYMBOLS)


def left(calls: int, most: int = A_DAY) -> Budget:
    return Budget(calls, most, LOADED)


def test_what_fits_is_asked_for_whole_and_the_next_in_part() -> None:
    small, large = Request(DAYS[:2], ("A", "B")), Request(DAYS[:3], ("C", "D", "E"))
    found = left(10)
    assert found.fitting([small, large], cost, SYMBOLS) == [
        small,
        Request(DAYS[:3], ("C", "D")),
    ]
    assert found.left == 0
    assert left(13).fitting([small, large], cost, SYMBOLS) == [small, large]
    assert left(0).fitting([small, large], cost, SYMBOLS) == []


def test_where_not_even_one_symbol_fits_it_is_cut_by_sessions() -> None:
    """A vendor that is called by session, whatever the symbols."""
    whole = Request(DAYS, None)
    by_session = [Request(DAYS[:3], None)]
    assert left(3).fitting([whole], lambda one: len(one.sessions), SYMBOLS) == by_session


def test_what_costs_more_than_a_day_has_is_asked_for_in_its_smallest_part() -> None:
    whole = Request(DAYS, ("A", "B"))
    dear = 30
    assert left(25).fitting([whole], lambda one: dear, SYMBOLS) == [Request(DAYS[:1], ("A",))]
    assert left(24).fitting([whole], lambda one: dear, SYMBOLS) == []


class Growing(Metered):
    """It has no end, so a schedule loads it."""

    @property
    def spec(self) -> SourceSpec:
        return replace(super().spec, kinds={Kind.OHLCV: Coverage("XNYS", START, lag=DAY)})


@dataclass
class Calls:
    """A warehouse that knows of calls five hours ago, by source, and of 25 of the day before."""

    used: dict[str, int]
    asked: int = 0

    def query(self, sql: str, values: Sequence[datetime]) -> pl.DataFrame:
        assert values == [LOADED - DAY], "no more than the longest window is read"
        self.asked += 1
        lately = [(name, LOADED - timedelta(hours=5), n) for name, n in self.used.items()]
        before = [(name, LOADED - timedelta(hours=30), 25) for name in self.used]
        return pl.DataFrame(lately + before, ["source", "finished_at", "calls"], orient="row")


@pytest.mark.parametrize(
    ("listings", "used", "free"),
    [
        # More than can be kept up with: nothing is kept for the schedule.
        (60, 0, 25),
        (60, 10, 15),
        # The calls of a load stay free, also once they are taken: 25 - max(used, 20).
        (20, 0, 5),
        (20, 20, 5),
        (20, 23, 2),
    ],
)
def test_the_calls_of_a_days_load_are_kept_free(listings: int, used: int, free: int) -> None:
    given = access()
    source = Growing("metered", SYMBOLS, START,
                     access=replace(given, tracked=given.tracked[:listings]))  # fmt: skip
    found = Budgets(Calls({"metered": used}), [source], LOADED).left(source)  # type: ignore[arg-type]
    assert found is not None
    assert (found.left, found.most) == (free, 25)
    assert found.more_at == LOADED - timedelta(hours=5) + DAY


def of_account(name: str, listings: int) -> Metered:
    """One of several sources whose calls the vendor counts together."""
    given = access()
    assert given.profile is not None
    profile = replace(given.profile, name=name, account="shared")
    own = replace(given, profile=profile, tracked=given.tracked[:listings])
    return Growing(name, SYMBOLS, START, access=own)


def test_sources_on_one_account_share_its_calls() -> None:
    """10 and 5 of 25 are used; a day's loads are 8 and 4: 25 - max(15, 12) are left for both."""
    stocks, coins = of_account("stocks", 8), of_account("coins", 4)
    other = Growing("metered", SYMBOLS, START)
    store = Calls({"stocks": 10, "coins": 5, "metered": 25})
    budgets = Budgets(store, [stocks, other, coins], LOADED)  # type: ignore[arg-type]
    found = [budgets.left(source) for source in (stocks, coins, other, stocks)]
    assert [left and left.left for left in found] == [10, 10, 0, 10]
    assert store.asked == 1, "the record of calls is read once a look"


def test_what_one_of_them_was_promised_the_next_does_not_get() -> None:
    """60 listings lack a session at each of two sources: 25 calls, not 50."""
    stocks, coins = (replace(of_account(name, 60), name=name) for name in ("stocks", "coins"))
    lives = [(symbol, START, END, START, None) for symbol in SYMBOLS]
    lacking = Evidence(DAYS, END, pl.DataFrame(lives, LISTED, orient="row"), CELLS.to_frame())
    budgets = Budgets(Calls({"stocks": 0, "coins": 0}), [stocks, coins], LOADED)  # type: ignore[arg-type]
    told = [
        budgets.fitting(Ledger(s, Kind.OHLCV, lacking, CELLS.to_frame(), RANGES.to_frame()),
                        [Request(DAYS[:1], None)])
        for s in (stocks, coins)
    ]  # fmt: skip
    assert [sum(len(one.symbols or ()) for one in fits) for fits, _ in told] == [25, 0]
    assert told[1][1].startswith("left: waits for calls, the next are free at")


class Month:
    """A warehouse that knows of 5 calls five hours ago and of 80 twenty days ago."""

    def query(self, sql: str, values: Sequence[datetime]) -> pl.DataFrame:
        made = [("metered", LOADED - timedelta(hours=5), 5), ("metered", LOADED - 20 * DAY, 80)]
        rows = [row for row in made if row[1] > values[0]]
        return pl.DataFrame(rows, ["source", "finished_at", "calls"], orient="row")


@pytest.mark.parametrize(("month", "free", "more_at"), [
    (100, 15, LOADED + 10 * DAY),
    (200, 20, LOADED - timedelta(hours=5) + DAY),
])  # fmt: skip
def test_of_a_limit_of_a_day_and_one_of_a_month_the_tighter_counts(
    month: int, free: int, more_at: datetime
) -> None:
    """Of 25 a day 5 are used; of the month's 85, also the 80 of twenty days ago."""
    rates = (Rate(A_DAY, 86_400.0), Rate(month, 30 * 86_400.0))
    source = Metered("metered", SYMBOLS, START, access=access(rates))
    found = Budgets(Month(), [source], LOADED).left(source)  # type: ignore[arg-type]
    assert found is not None
    assert (found.left, found.more_at) == (free, more_at)


def test_without_a_limit_of_a_day_there_is_no_budget() -> None:
    source = Metered("metered", SYMBOLS, START, access=access((Rate(5, 60.0),)))
    for one in (source, World("w", ["A"], START)):
        assert Budgets(None, [one], LOADED).left(one) is None  # type: ignore[arg-type]
