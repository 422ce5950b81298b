"""Every shipped index on one made-up market: who is in it after its first review, by hand.

Thirty companies, three in each of the ten sectors, and six coins; caps fall from the first on.
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.index_inputs import Known, build_all
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.index import IndexResult
from fundplatform.finance.index_definition import SHIPPED, load_definitions
from fundplatform.finance.profile_history import as_known
from fundplatform.finance.securities import history

# From before the third Friday of March to after the end of the month: every review is between.
FIRST, LAST = date(2024, 3, 1), date(2024, 4, 2)
DAYS = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
DEFINITIONS = {d.name: d for d in load_definitions(SHIPPED)}
SECTORS = sorted({d.universe.sectors[0] for d in DEFINITIONS.values() if d.universe.sectors})
COMPANIES, COINS = 30, 6
SOURCES = pl.DataFrame(
    {"source_id": [1, 2], "name": ["us", "sample"], "priority": [10, 20], "calendar": ["24/7"] * 2}
).cast({"source_id": pl.Int16, "priority": pl.Int32})
# After the close of the first day, which is the price that the caps were made with.
KNOWN_AT = datetime(2024, 3, 2, tzinfo=UTC)
IDS = range(1, COMPANIES + COINS + 1)


def sector_of(i: int) -> str:
    return SECTORS[i % len(SECTORS)]


@pytest.fixture(scope="module")
def built() -> dict[str, IndexResult]:
    bars = [
        (source, i, "1d", "USD", d, 10.0, 100.0 * i, "none", source == 1)
        for i in IDS
        for d in DAYS
        for source in (1, 2)
    ]
    schema = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}
    prices = pl.DataFrame(bars, schema=schema, orient="row")
    stock = [i <= COMPANIES for i in IDS]
    instruments = pl.DataFrame(
        {
            "instrument_id": list(IDS), "symbol": [f"N{i:02d}" for i in IDS], "quote": "USD",
            "asset_class": ["equity" if s else "crypto" for s in stock],
            "market": ["US" if s else "CRYPTO" for s in stock],
            "name": [f"N{i:02d} Inc" for i in IDS], "valid_from": FIRST,
        }
    ).cast({"instrument_id": pl.Int32})  # fmt: skip
    profiles = as_known(
        pl.DataFrame(
            [(1, i, KNOWN_AT, f"N{i:02d} Inc", "United States", None, sector_of(i))
             for i in range(1, COMPANIES + 1)],
            schema={
                "source_id": pl.Int16, "instrument_id": pl.Int32,
                "fetched_at": pl.Datetime("us", "UTC"), "name": pl.String, "country": pl.String,
                "cik": pl.Int64, "sector": pl.String,
            },
            orient="row",
        )
    )  # fmt: skip
    own = {n: t for n, t in tables.CAPS.polars_schema.items() if n not in tables.CAPS.stamps}
    caps = pl.DataFrame(
        [(1, i, "snapshot", KNOWN_AT, FIRST, cap_of(i), "USD", "line", True, None) for i in IDS],
        schema=own, orient="row",
    )  # fmt: skip
    known = Known(
        prices, tables.ADJUSTMENT_FACTORS.empty(), instruments, SOURCES, caps,
        profiles=profiles, securities=history(instruments, profiles),
    )  # fmt: skip
    results = build_all(list(DEFINITIONS.values()), known, FIRST, LAST)
    return dict(zip(DEFINITIONS, results, strict=True))


def cap_of(i: int) -> float:
    return 1e12 / i


def last(result: IndexResult) -> dict[int, float]:
    rows = result.compositions.filter(pl.col("session") == pl.col("session").max())
    return dict(rows.select("instrument_id", "target_weight").iter_rows())


def shares(ids: list[int]) -> dict[int, float]:
    """Weights by cap."""
    whole = sum(map(cap_of, ids))
    return {i: cap_of(i) / whole for i in ids}


COMPANY_IDS = list(range(1, COMPANIES + 1))
BY_CAP = {
    d.name: [i for i in COMPANY_IDS if sector_of(i) in d.universe.sectors]
    for d in DEFINITIONS.values()
    if d.universe.sectors
} | {"us_top_100_cap": COMPANY_IDS}


@pytest.mark.parametrize("name", sorted(BY_CAP))
def test_by_cap(built: dict[str, IndexResult], name: str) -> None:
    assert last(built[name]) == pytest.approx(shares(BY_CAP[name]))


def test_there_are_ten_sectors_of_three() -> None:
    assert len(BY_CAP) == 11
    assert {len(ids) for name, ids in BY_CAP.items() if "sector" in name} == {3}


def test_equal_and_capped(built: dict[str, IndexResult]) -> None:
    assert last(built["us_top_100_equal"]) == pytest.approx(dict.fromkeys(COMPANY_IDS, 1 / 30))
    for name, ids, most in (
        ("us_top_100_capped", COMPANY_IDS, 0.05),
        ("crypto_top_20", list(range(COMPANIES + 1, max(IDS) + 1)), 0.25),
    ):
        found = last(built[name])
        assert sorted(found) == ids
        assert sum(found.values()) == pytest.approx(1)
        assert max(found.values()) <= most + 1e-12
        # Who is not capped stands to each other as the caps do.
        free = [i for i in ids if found[i] < most - 1e-9]
        assert {round(found[i] * i / (found[free[0]] * free[0]), 9) for i in free} == {1.0}


def test_the_demos_own_is_by_what_is_traded(built: dict[str, IndexResult]) -> None:
    assert last(built["sample_top_2"]) == {29: 0.5, 30: 0.5}
