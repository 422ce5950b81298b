"""Gaps that cost more calls than are left: what fits is asked for, the rest waits and is said."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import NoReturn

import duckdb
import pytest

from fundplatform.automation.gap_budget import Budget, budget
from fundplatform.gaps import Request
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
    class Growing(Metered):
        @property
        def spec(self) -> SourceSpec:
            return replace(super().spec, kinds={Kind.OHLCV: Coverage("XNYS", START, lag=DAY)})

    class Calls:
        def query(self, sql: str, values: object) -> "Calls":
            return self

        def rows(self) -> list[tuple[datetime, int]]:
            return [(LOADED - timedelta(hours=5), used), (LOADED - timedelta(hours=30), 25)]

        def __getattr__(self, name: str) -> NoReturn:
            raise NotImplementedError(name)

    given = access()
    source = Growing("metered", SYMBOLS, START,
                     access=replace(given, tracked=given.tracked[:listings]))  # fmt: skip
    found = budget(Calls(), source, Kind.OHLCV, LOADED)  # type: ignore[arg-type]
    assert found is not None
    assert (found.left, found.most) == (free, 25)
    assert found.more_at == LOADED - timedelta(hours=5) + DAY


def test_without_a_limit_of_a_day_there_is_no_budget() -> None:
    source = Metered("metered", SYMBOLS, START, access=access((Rate(5, 60.0),)))
    assert budget(None, source, Kind.OHLCV, LOADED) is None  # type: ignore[arg-type]
    assert budget(None, World("w", ["A"], START), Kind.OHLCV, LOADED) is None  # type: ignore[arg-type]
