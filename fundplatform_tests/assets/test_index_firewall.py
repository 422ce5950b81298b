"""The look-ahead firewall around caps, share counts, exchange rates and new names.

A whole market is built, then again with all that came after a day taken away, and with all of that
made wild: the rows up to the day are the same, to the last bit.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform import calendars, tables
from fundplatform.assets.catalog import closes_of
from fundplatform.assets.index_inputs import CUTOFF, Known, one_index
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.caps import market_caps
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.profile_history import as_known
from fundplatform.finance.securities import history
from fundplatform_tests.finance.index_cases import FRAMES

FIRST, LAST = date(2024, 1, 2), date(2024, 4, 30)
XNYS = calendars.get("XNYS")
NAMES = 9
TOP = IndexDefinition(
    "x", "X", Universe(("equity",), ("US",), securities="us_common"), 3, "market_cap",
    weighting="cap", rebalance="monthly", max_cap_age_days=60, stale_sessions=2, buffer=0.4,
)  # fmt: skip
SOURCES = pl.DataFrame(
    {"source_id": [1], "name": ["s"], "priority": [10], "calendar": ["XNYS"]}
).cast({"source_id": pl.Int16, "priority": pl.Int32})


@pytest.fixture(scope="module")
def sessions() -> list[date]:
    return XNYS.sessions(FIRST, LAST)


def raw_market(sessions: list[date]) -> dict[str, pl.DataFrame]:
    """Nine names, three in euro, one without a country and one foreign; counts and snapshots."""
    rng = np.random.default_rng(5)
    bars, shares, caps = [], [], []
    for i in range(1, NAMES + 1):
        walk = 50 * np.exp(np.cumsum(rng.normal(0, 0.05, len(sessions))))
        born = 30 if i == 4 else 0
        quote = "EUR" if i % 3 == 0 else "USD"
        bars += [
            (1, i, "1d", quote, s, float(p), 1e6, "none", True)
            for t, (s, p) in enumerate(zip(sessions, walk, strict=True))
            if t >= born and rng.random() > 0.03
        ]
        for s in rng.choice(np.array(sessions[:-1], dtype=object), 5, replace=False):
            known = datetime(s.year, s.month, s.day, 14, tzinfo=UTC) + timedelta(
                hours=float(rng.uniform(0, 14))
            )
            size = float(rng.choice([1.0, 1.1, 1.5]))
            if i % 2:
                shares.append((1, i, s - timedelta(days=9), known, 1e7 * size))
            else:
                caps.append((1, i, known, s, 6e8 * size * (1000.0 if size > 1.4 else 1.0), quote))
    fixings = [(1, 20, s, s, float(rng.uniform(1.0, 1.2))) for s in sessions[::3]]
    # A second source of the same pair, and a cross, that begin in the middle.
    fixings += [(2, 21, s, s, 0.9) for s in sessions[40:]]
    schemas = {
        "prices": {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS},
        "shares": _without(tables.SHARES),
        "caps": _without(tables.MARKET_CAPS),
        "rates": _without(tables.OBSERVATIONS),
        "profiles": PROFILE,
    }
    rows = {"prices": bars, "shares": shares, "caps": caps, "rates": fixings,
            "profiles": profiles_of(sessions)}  # fmt: skip
    return {n: pl.DataFrame(r, schema=schemas[n], orient="row") for n, r in rows.items()}


PROFILE = {
    "source_id": pl.Int16(), "instrument_id": pl.Int32(), "fetched_at": pl.Datetime("us", "UTC"),
    "name": pl.String(), "country": pl.String(), "cik": pl.Int64(), "sector": pl.String(),
}  # fmt: skip


def profiles_of(sessions: list[date]) -> list[tuple[object, ...]]:
    """What two sources say from the tenth session on, and what each changes its mind to."""

    def at(n: int) -> datetime:
        return datetime.combine(sessions[n], datetime.min.time(), UTC) + timedelta(hours=17)

    known = {i: ("USA", i, "Tech" if i < 6 else "Oil") for i in range(1, NAMES + 1)}
    # 7 says no country; 8 is foreign; 1 and 5 are lines of one company.
    known |= {7: (None, 7, "Tech"), 8: ("France", 8, "Oil"), 5: ("USA", 1, "Tech")}
    changed = {2: ("France", 2, "Tech"), 8: ("USA", 8, "Oil"), 5: ("USA", 5, "Oil"),
               4: ("USA", 1, "Tech")}  # fmt: skip
    rows: list[tuple[object, ...]] = []
    for i, (country, cik, sector) in known.items():
        rows.append((1, i, at(10), f"Company {i}", country, cik, sector))
    for i, (country, cik, sector) in changed.items():
        rows.append((1, i, at(40), f"Company {i}", country, cik, sector))
    return [*rows, (2, 9, at(45), "Company 9", "Italy", 9, "Tech")]


def _without(table: tables.Table) -> dict[str, pl.DataType]:
    return {n: t for n, t in table.polars_schema.items() if n not in table.stamps}


def known_of(raw: dict[str, pl.DataFrame], sessions: list[date]) -> Known:
    """The catalog made of what is there, as the assets make it."""
    equity = [(i, f"S{i}", "equity", "EUR" if i % 3 == 0 else "USD") for i in range(1, NAMES + 1)]
    instruments = pl.DataFrame(
        [*equity, (20, "EUR", "fx", "USD"), (21, "USD", "fx", "EUR")],
        schema=["instrument_id", "symbol", "asset_class", "quote"],
        orient="row",
    ).with_columns(
        pl.col("instrument_id").cast(pl.Int32), market=pl.lit("US"), name=pl.col("symbol"),
        valid_from=pl.lit(sessions[0]),
    )  # fmt: skip
    profiles = as_known(raw["profiles"])
    securities = history(instruments, profiles)
    factors = split_factors(tables.CORPORATE_ACTIONS.empty())
    closes = closes_of(raw["prices"], instruments, SOURCES)
    caps = market_caps(raw["shares"], raw["caps"], closes, factors, securities)
    return Known(
        raw["prices"], factors, instruments, SOURCES, caps, rates=raw["rates"],
        securities=securities, profiles=profiles,
    )  # fmt: skip


def cut(raw: dict[str, pl.DataFrame], day: date) -> tuple[dict[str, pl.DataFrame], ...]:
    """What was known at the cutoff of the day, and the rest."""
    close = XNYS.closes(day, day)["close_at"][0] + CUTOFF
    # A snapshot dated later waits for its date.
    early = {
        "prices": pl.col("session") <= day,
        "shares": pl.col("known_at") <= close,
        "caps": (pl.col("known_at") <= close) & (pl.col("session") <= day),
        "rates": (pl.col("session") <= day) & (pl.col("vintage") <= day),
        "profiles": pl.col("fetched_at") <= close,
    }
    return tuple({n: raw[n].filter(t if keep else ~t) for n, t in early.items()}
                 for keep in (True, False))  # fmt: skip


WILD = {"prices": "close", "shares": "shares", "caps": "market_cap", "rates": "value"}
TOLD = ("country", "cik", "sector")
SECTOR = replace(TOP, universe=Universe(("equity",), ("US",), sectors=("Tech",)), n=2)


def wild(past: dict[str, pl.DataFrame], later: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The past, and all that came later with its values shuffled or multiplied."""
    rng = np.random.default_rng(1)
    found = {}
    for name, rows in later.items():
        if name == "profiles":
            mixed = [pl.col(c).shuffle(seed=k) for k, c in enumerate(TOLD)]
            found[name] = pl.concat([past[name], rows.with_columns(mixed)])
        else:
            noise = pl.Series(rng.lognormal(0, 2, rows.height))
            moved = rows.with_columns(pl.col(WILD[name]) * noise)
            found[name] = pl.concat([past[name], moved])
    return found


@pytest.mark.parametrize(
    "definition",
    [
        TOP,
        replace(TOP, rebalance="daily"),
        replace(SECTOR, rebalance="daily"),
        replace(SECTOR, universe=replace(SECTOR.universe, sectors=(), countries=("USA",))),
    ],
    ids=lambda d: f"{d.universe.securities or d.universe.sectors + d.universe.countries}",
)
def test_nothing_that_came_later_moves_a_session(
    sessions: list[date], definition: IndexDefinition
) -> None:
    raw = raw_market(sessions)
    whole = one_index(definition, known_of(raw, sessions), sessions[0], LAST)
    for at in (9, 35, 40, 70):
        day = sessions[at]
        past, later = cut(raw, day)
        for other, last in ((past, day), (wild(past, later), LAST)):
            result = one_index(definition, known_of(other, sessions), sessions[0], last)
            for name in FRAMES:
                same = (getattr(r, name).filter(pl.col("session") <= day) for r in (result, whole))
                assert_frame_equal(*same, check_exact=True)


def named(definition: IndexDefinition, sessions: list[date]) -> dict[date, set[int]]:
    """Who is in, of all who have a bar and a cap."""
    every = replace(definition, n=NAMES, rebalance="daily", buffer=0.0, max_cap_age_days=400)
    built = one_index(every, known_of(raw_market(sessions), sessions), sessions[0], LAST)
    groups = built.compositions.group_by("session").agg("instrument_id")
    return {session: set(ids) for session, ids in groups.iter_rows()}


def seen(rows: dict[date, set[int]], span: list[date]) -> set[int]:
    return set().union(*(rows.get(session, set()) for session in span))


def test_a_profile_counts_from_the_day_on_it_was_known(sessions: list[date]) -> None:
    """By hand: what `profiles_of` says on the tenth and the fortieth session."""
    before, first, then = sessions[:10], sessions[10:40], sessions[45:]
    common = named(TOP, sessions)
    assert 8 not in seen(common, first), "said to be of France"
    assert {2, 9} <= seen(common, first)
    assert 8 in seen(common, then), "said to be of the USA since"
    assert 2 not in seen(common, then), "of France since"
    assert 9 in seen(common, then), "of two sources the first one says the country"
    tech = named(SECTOR, sessions)
    assert seen(tech, before) == set(), "nobody says the sector of anybody"
    # Of 1 and 5, then of 1 and 4, only the line that is traded more.
    assert {2, 3, 7} < seen(tech, first) < {1, 2, 3, 4, 5, 7}
    assert {2, 3, 7, 9} < seen(tech, then) <= {1, 2, 3, 4, 7, 9}


def test_the_latest_profiles_decide_where_the_definition_says_so(sessions: list[date]) -> None:
    latest = replace(SECTOR, universe=replace(SECTOR.universe, profiles="latest"))
    assert {2, 3, 7, 9} < seen(named(latest, sessions), sessions[:45]) <= {1, 2, 3, 4, 7, 9}


def test_lines_of_an_issuer_are_those_known_then(sessions: list[date]) -> None:
    """1 and 5 have one CIK from the tenth session on, 1 and 4 from the fortieth on."""
    common = named(TOP, sessions)
    first = [common.get(s, set()) for s in sessions[10:40]]
    then = [common.get(s, set()) for s in sessions[40:]]
    assert not any({1, 5} <= ids for ids in first)
    assert not any({1, 4} <= ids for ids in then)
    assert any({1, 5} <= ids for ids in then)
