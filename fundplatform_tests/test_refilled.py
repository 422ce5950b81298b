"""What was deleted at random is all named, and refilled by the fewest runs and calls.

Rows, days, symbols and months of three vendors on three calendars, played through the gap sensor
and its backfills, round the closures of 2012, 2018 and 2025. The short form of the default suite
is `test_automation.py`'s, and `test_gaps.py`'s without a warehouse.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import duckdb
import polars as pl
import psycopg
import pytest

from fundplatform import calendars, tables
from fundplatform.automation.gap_ledger import ledgers
from fundplatform.settings import Settings
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.profile import Access
from fundplatform.storage.base import Store
from fundplatform_tests.clean_build import content
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.played import Player
from fundplatform_tests.sources.canned import track
from fundplatform_tests.test_same_content import content_hash
from fundplatform_tests.worlds import Nowhere, World

Cell = tuple[str, date]
Month = tuple[int, int]
Window = tuple[date, date, date, date]
"""First and last day, an IPO and a delisting."""
Lives = Mapping[str, tuple[date, date]]
FIRST_EVER, LAST_EVER = date(1990, 1, 1), date(2100, 1, 1)
# What exchanges were closed for by themselves, the holidays of a year, and Christmas of the euro.
CLOSED = {
    "newyork": [
        date(2012, 10, 29), date(2012, 10, 30), date(2012, 11, 22), date(2012, 12, 25),
        date(2018, 12, 5), date(2025, 1, 9),
    ],
    "euro": [date(2012, 12, 25), date(2012, 12, 26), date(2018, 12, 25), date(2024, 12, 26)],
}  # fmt: skip
HALF_DAYS = [date(2012, 11, 23), date(2012, 12, 24), date(2018, 11, 23), date(2024, 12, 24)]


@dataclass
class Counted(World):
    """A vendor that is called once a listing and range; IPOs and delistings have their days."""

    until: date = LAST_EVER
    lives: Lives = field(default_factory=dict)
    access: Access = field(default_factory=lambda: Access(Nowhere()))
    calls: list[tuple[str, date, date]] = field(default_factory=list)

    @property
    def spec(self) -> SourceSpec:
        spec = super().spec
        kinds = {Kind.OHLCV: Coverage(self.calendar, self.start, self.until)}
        return self.access.expecting(replace(spec, kinds=kinds))

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        own = [t.vendor_symbol for t in self.access.tracked]
        self.calls += [(symbol, first, last) for symbol in own]
        batch = World.fetch(replace(self, symbols=own), kind, first, last, now=now)
        alive = pl.any_horizontal(
            pl.lit(False),
            *(
                (pl.col("vendor_symbol") == s) & pl.col("session").is_between(*self.life(s))
                for s in own
            ),
        )
        rows = batch.rows.filter(alive)
        assert batch.listings is not None
        ends = rows.group_by("vendor_symbol").agg(
            valid_from=pl.col("session").min(), valid_to=pl.col("session").max()
        )
        listings = batch.listings.drop("valid_from", "valid_to").join(ends, on="vendor_symbol")
        return replace(batch, rows=rows, listings=listings.select(batch.listings.columns))

    def life(self, symbol: str) -> tuple[date, date]:
        """First and last day of its trading."""
        return self.lives.get(symbol, (FIRST_EVER, LAST_EVER))


def vendors(first: date, last: date, lives: Lives) -> list[Counted]:
    """Stocks of New York, two exchange rates, two coins; each says what is tracked until when."""
    found = []
    for name, symbols, calendar, asset_class in (
        ("newyork", ["AAA", "BBB", "CCC", *lives], "XNYS", "equity"),
        ("euro", ["USD", "GBP"], "TARGET", "fx"),
        ("coins", ["XBT", "ETH"], "24/7", "crypto"),
    ):
        tracked = []
        for symbol in symbols:
            begin, end = lives.get(symbol, (first, LAST_EVER))
            until = end if end < LAST_EVER else None
            tracked.append(replace(track(symbol, begin, asset_class), until=until))
        made = Counted(name, symbols, first, calendar=calendar, asset_class=asset_class)
        made.access = Access(Nowhere(), tuple(tracked))
        made.until, made.lives = last, lives
        found.append(made)
    return found


def held(source: Counted) -> list[Cell]:
    """What it has: each symbol at each session of its life."""
    sessions = calendars.get(source.calendar).sessions(source.start, source.until)
    lives = [(symbol, source.life(symbol)) for symbol in source.symbols]
    return [(s, day) for s, (begin, end) in lives for day in sessions if begin <= day <= end]


def lost(source: Counted, dice: random.Random, month: Month, rows: int) -> set[Cell]:
    """Rows, days, most of a symbol, a month."""
    cells = held(source)
    sessions = sorted({day for _, day in cells})
    days = set(dice.sample(sessions, rows // 3))
    symbol = dice.choice(list(source.symbols))
    gone = {(s, d) for s, d in cells if d in days or (d.year, d.month) == month}
    gone |= {(s, d) for s, d in cells if s == symbol and d.day > 5}
    return gone | set(dice.sample(cells, rows))


def delete(made: Pipeline, cells: set[Cell]) -> None:
    """Behind the platform's back."""
    ids = made.store.read(tables.INSTRUMENTS).select("symbol", "instrument_id")
    known = dict(ids.iter_rows())
    rows = [(known[symbol], day) for symbol, day in sorted(cells)]
    sql = "delete from raw.ohlcv where instrument_id = {0} and session = {0}"
    if made.settings.warehouse_url:
        with psycopg.connect(made.settings.warehouse_url) as server, server.cursor() as cursor:
            cursor.executemany(sql.format("%s"), rows)
    else:
        with duckdb.connect(str(made.settings.warehouse)) as file:
            file.executemany(sql.format("?"), rows)


def stretches(sessions: Sequence[date], days: Iterable[date]) -> list[tuple[date, date]]:
    """First and last of each run of neighbouring sessions."""
    at = sorted(sessions.index(day) for day in days)
    groups = groupby(enumerate(at), lambda pair: pair[1] - pair[0])
    found = [[n for _, n in group] for _, group in groups]
    return [(sessions[some[0]], sessions[some[-1]]) for some in found]


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STORM = (date(2012, 10, 22), date(2012, 12, 4), date(2012, 10, 31), date(2012, 11, 27))
AUTUMN = (date(2012, 10, 15), date(2013, 1, 11), date(2012, 11, 14), date(2012, 12, 7))
# The days of mourning lie between a delisting and an IPO.
YEARS = [
    AUTUMN,
    (date(2018, 10, 15), date(2019, 1, 31), date(2018, 12, 6), date(2018, 12, 4)),
    (date(2024, 10, 15), date(2025, 1, 31), date(2025, 1, 10), date(2025, 1, 8)),
]


def test_what_is_deleted_is_named_and_comes_back_by_the_fewest_runs_and_calls(
    settings: Settings,
) -> None:
    refilled(settings, STORM, 0, rows=3)


@pytest.mark.parametrize("database", ["duckdb", "postgres"])
@pytest.mark.parametrize(("seed", "window"), list(enumerate(YEARS, 1)))
def test_of_other_years_on_either_store(
    settings: Settings,
    seed: int,
    window: Window,
    database: str,
    request: pytest.FixtureRequest,
) -> None:
    url = request.getfixturevalue("warehouse_url") if database == "postgres" else None
    refilled(replace(settings, warehouse_url=url), window, seed)


def refilled(settings: Settings, window: Window, seed: int, rows: int = 9) -> None:
    """Load but for a month, delete, look, fill, compare."""
    first, last, ipo, delisted = window
    dice = random.Random(seed)  # noqa: S311
    sources = vendors(first, last, {"IPO": (ipo, LAST_EVER), "GONE": (first, delisted)})
    everyday = calendars.get("24/7").sessions(first, last)
    months = sorted({(day.year, day.month) for day in everyday})[1:-1]
    never, month = dice.sample(months, 2) if len(months) > 1 else (months[0], months[0])
    forgotten = {day for day in everyday if (day.year, day.month) == never}

    made = make(settings, sources)
    loaded = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=5)
    player = Player(made, loaded)
    made.fetch(first, min(forgotten) - timedelta(days=1))
    made.fetch(max(forgotten) + timedelta(days=1), last)
    assert [o.errors for o in made.outcomes if o.errors] == []
    before = content_hash(bars(made.store))

    missing = {s.name: lost(s, dice, month, rows) for s in sources}
    missing = {name: {(s, d) for s, d in c if d not in forgotten} for name, c in missing.items()}
    for source in sources:
        delete(made, missing[source.name])
        source.calls.clear()
    made.store.publish()
    player.now = loaded + timedelta(days=2)
    every = {
        s.name: missing[s.name] | {cell for cell in held(s) if cell[1] in forgotten}
        for s in sources
    }
    for ledger in ledgers(made.store, made.instance, sources, player.now):
        name = ledger.source.spec.name
        named = ledger.cells.filter(~pl.col("state").is_in(["present", "not_listed"]))
        assert {(s, d): state for s, d, state in named.iter_rows()} == {
            (s, d): "unfetched" if d in forgotten else "vendor_missing" for s, d in every[name]
        }
        assert named.height == len(every[name])

    assert player.sensor("fill_gaps")
    for source in sources:
        sessions = calendars.get(source.calendar).sessions(first, last)
        by_symbol = {
            s: frozenset(d for of, d in every[source.name] if of == s) for s in source.symbols
        }
        fewest = [(s, *span) for s, days in by_symbol.items() for span in stretches(sessions, days)]
        told = [(s, *spanned(sessions, a, b)) for s, a, b in source.calls]
        assert Counter(told) == Counter(fewest), "each stretch of each listing once, no other day"
        # Listings that lack the same days are asked for together.
        shared = {days for days in by_symbol.values() if days}
        runs = [run for run in player.ran if run.keys == (f"raw/{source.name}/ohlcv",)]
        assert len(runs) == sum(len(stretches(sessions, days)) for days in shared)
    assert all(run.good for run in player.ran)
    after = bars(made.store)
    assert content_hash(after.filter(~pl.col("session").is_in(forgotten))) == before
    assert after.height == sum(len(held(source)) for source in sources)
    player.now += timedelta(minutes=1)
    assert not player.sensor("fill_gaps")
    assert player.said["fill_gaps"] == "no gaps"


def bars(store: Store) -> pl.DataFrame:
    """Content of raw.ohlcv by symbol; when an instrument began may lie in the month not loaded."""
    frame = content(store, tables.OHLCV)
    named = frame.with_columns(pl.col("_instrument_id").str.head(-len("2012-11-14")))
    return named.sort(named.columns)


def spanned(sessions: Sequence[date], first: date, last: date) -> tuple[date, date]:
    """The sessions of a range: a run asks up to the day before the next session."""
    inside = [day for day in sessions if first <= day <= last]
    return inside[0], inside[-1]


def test_the_closures_lie_within() -> None:
    """What must be no gap, and half days, which are sessions."""
    for days, calendar in ((CLOSED["newyork"], "XNYS"), (CLOSED["euro"], "TARGET")):
        assert [day for day in days if calendars.get(calendar).sessions(day, day)] == []
    assert [day for day in HALF_DAYS if not calendars.get("XNYS").sessions(day, day)] == []
    inside = [any(a <= day <= b for a, b, *_ in YEARS) for day in (*CLOSED["newyork"], *HALF_DAYS)]
    assert all(inside)
