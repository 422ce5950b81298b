"""An index by sector before the profiles came: its sessions say so, and the check warns. By hand.

The close of XNYS is at 21:00 UTC in January and the cutoff four hours later: what is fetched on the
4th at 00:59 counts for the 3rd, what is fetched at 01:01 for the 4th.
"""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.index_checks import profiles_known
from fundplatform.assets.index_inputs import Known, one_index
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.index import IndexResult
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.profile_history import as_known

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
EARLY, LATE = datetime(2024, 1, 4, 0, 59, tzinfo=UTC), datetime(2024, 1, 4, 1, 1, tzinfo=UTC)
NAMES = 20
TECH = IndexDefinition(
    "tech", "T", Universe(("equity",), ("US",), sectors=("Tech",)), 3, "dollar_volume", window=1
)
LATEST = replace(TECH, universe=replace(TECH.universe, profiles="latest"))
SOURCES = pl.DataFrame(
    {"source_id": [1], "name": ["s"], "priority": [10], "calendar": ["XNYS"]}
).cast({"source_id": pl.Int16, "priority": pl.Int32})
WORDS = "in a profile known by the cutoff"


def profiles(early: int, sector: str | None = "Tech") -> pl.DataFrame:
    """Of the first names known early, of the rest late."""
    ids = range(1, NAMES + 1)
    return pl.DataFrame(
        [(1, i, EARLY if i <= early else LATE, f"N{i}", "USA", sector) for i in ids],
        schema={
            "source_id": pl.Int16, "instrument_id": pl.Int32,
            "fetched_at": pl.Datetime("us", "UTC"), "name": pl.String, "country": pl.String,
            "sector": pl.String,
        },
        orient="row",
    )  # fmt: skip


def built(
    definition: IndexDefinition, said: pl.DataFrame | None, tiers: pl.DataFrame | None = None
) -> IndexResult:
    """Every name at 10 on every day."""
    ids = range(1, NAMES + 1)
    bars = [(1, i, "1d", "USD", d, 10.0, 100.0, "none", True) for i in ids for d in DAYS]
    schema = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}
    prices = pl.DataFrame(bars, schema=schema, orient="row")
    instruments = pl.DataFrame(
        {
            "instrument_id": list(ids), "asset_class": "equity", "market": "US", "quote": "USD",
            "symbol": [f"N{i}" for i in ids], "valid_from": DAYS[0],
        }
    ).cast({"instrument_id": pl.Int32})  # fmt: skip
    known = Known(
        prices, tables.ADJUSTMENT_FACTORS.empty(), instruments, SOURCES, None,
        profiles=None if said is None else as_known(said), tiers=tiers,
    )  # fmt: skip
    return one_index(definition, known, DAYS[0], DAYS[-1])


def told(result: IndexResult) -> list[str | None]:
    """The part of each session's note that is of profiles."""
    notes = result.performance.filter(return_basis="price")["note"].to_list()
    return [next((p for p in (n or "").split("; ") if WORDS in p), None) for n in notes]


def test_sessions_before_the_profiles_say_so_and_the_check_warns() -> None:
    result = built(TECH, profiles(early=1))
    assert result.performance["n_constituents"].to_list() == [0, 1, 3]
    assert told(result) == [
        f"20 of 20 names with a price have no sector {WORDS}",
        f"19 of 20 names with a price have no sector {WORDS}",
        None,
    ]
    gross = result.performance.with_columns(return_basis=pl.lit("gross_total"))
    warned = profiles_known(pl.concat([result.performance, gross]))
    assert (warned.passed, warned.severity.value) == (False, "WARN")
    assert "Write `profiles: latest` below `universe:`" in str(warned.description)
    assert warned.metadata["sessions without profiles"].value == 2
    (row,) = warned.metadata["indices without profiles"].value.records
    assert {n: row.data[n] for n in ("index_name", "sessions", "first", "last")} == {
        "index_name": "tech", "sessions": 2, "first": "2024-01-02", "last": "2024-01-03",
    }  # fmt: skip


def test_a_tenth_of_the_names_is_enough() -> None:
    assert [bool(t) for t in told(built(TECH, profiles(early=2)))] == [True, False, False]


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        (LATEST, profiles(early=0)),
        (replace(TECH, universe=Universe(("equity",), ("US",))), None),
        (TECH, profiles(early=0).with_columns(fetched_at=pl.lit(datetime(2024, 1, 1, tzinfo=UTC)))),
    ],
    ids=["latest", "no filter", "known before"],
)
def test_nothing_is_said_where_profiles_decide_or_are_not_asked(
    definition: IndexDefinition, said: pl.DataFrame | None
) -> None:
    result = built(definition, said)
    assert told(result) == [None] * 3
    assert result.performance["n_constituents"].to_list() == [3, 3, 3]
    assert profiles_known(result.performance).passed


@pytest.mark.parametrize("said", [None, profiles(early=0, sector=None)], ids=["none", "silent"])
def test_the_latest_of_nothing_is_nothing(said: pl.DataFrame | None) -> None:
    assert [bool(t) for t in told(built(LATEST, said))] == [True] * 3


def test_all_that_is_asked_must_be_known() -> None:
    both = replace(TECH, universe=replace(TECH.universe, countries=("USA",)))
    silent = profiles(early=20).with_columns(country=pl.lit(None, pl.String))
    first = f"20 of 20 names with a price have no sector and country {WORDS}"
    assert told(built(both, silent)) == [first] * 3


@pytest.mark.parametrize("latest", [True, False], ids=["latest", "dated"])
def test_one_source_may_know_the_sector_and_another_the_country(latest: bool) -> None:
    """As who is in the index is judged: each filter by whoever says something of it."""
    own = (LATEST if latest else TECH).universe
    both = replace(TECH, universe=replace(own, countries=("USA",)))
    sectors = profiles(early=20).with_columns(country=pl.lit(None, pl.String))
    countries = profiles(early=20).with_columns(
        source_id=pl.lit(2, pl.Int16), sector=pl.lit(None, pl.String)
    )
    result = built(both, pl.concat([sectors, countries]))
    assert result.performance["n_constituents"].to_list()[1:] == [3, 3]
    assert [bool(t) for t in told(result)] == [not latest, False, False]


def test_a_sector_that_its_source_no_longer_says_is_not_known() -> None:
    """The index is empty from then on, as it was before the first profile."""
    silent = profiles(early=0, sector=None)
    result = built(TECH, pl.concat([profiles(early=20), silent]))
    assert result.performance["n_constituents"].to_list() == [0, 3, 0]
    assert [bool(t) for t in told(result)] == [True, False, True]


def test_only_names_that_the_other_filters_let_through_are_counted() -> None:
    """Of twenty the one in the tier has its sector by the second day: nothing is lacking then."""
    top = replace(TECH, universe=replace(TECH.universe, tiers=("T1",)))
    tiers = pl.DataFrame(
        {"instrument_id": range(1, NAMES + 1), "session": date(2024, 1, 1),
         "tier": ["T1"] + ["T4"] * (NAMES - 1)},
        schema_overrides={"instrument_id": pl.Int32},
    )  # fmt: skip
    result = built(top, profiles(early=1), tiers)
    assert result.performance["n_constituents"].to_list() == [0, 1, 1]
    assert told(result) == [f"1 of 1 names with a price have no sector {WORDS}", None, None]
