"""Sectors and countries of funds, and of funds of funds, worked by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.look_through import exposures
from fundplatform.finance.segments import countries, sectors
from fundplatform_tests.storage.marts import rows

DAY = date(2024, 1, 31)
SOURCES = rows(tables.SOURCES, {"priority": 10}, {"source_id": 2, "priority": 5})[1]
FUND, INNER = 1, 2


def held(*stated: dict[str, object]) -> pl.DataFrame:
    base = {"as_of": DAY, "weight_sum": 1.0, "complete": True}
    numbered = [{**base, "security": f"s{n}", "line": n, **row} for n, row in enumerate(stated, 1)]
    return rows(tables.POSITIONS, *numbered)[1]


def found(positions: pl.DataFrame, kind: str, profiles: pl.DataFrame | None = None,
          fund: int = FUND) -> dict[str, tuple[float, float]]:  # fmt: skip
    filed = tables.PROFILES.empty() if profiles is None else profiles
    own = exposures(positions, SOURCES, filed).filter(instrument_id=fund, kind=kind)
    return {r["name"]: (r["weight"], r["through"]) for r in own.iter_rows(named=True)}


def test_one_name_per_sector_and_country() -> None:
    assert sectors(["Technology", "Financial Services", "CORP", "UST", "Odd One", "-"]) == {
        "Technology": "Information Technology", "Financial Services": "Financials", "CORP": None,
        "UST": "Government", "Odd One": "Odd One", "-": None,
    }  # fmt: skip
    places = ["United States", "US", "Korea (South)", "United Kingdom", "Atlantis", "-"]
    assert countries(places) == {
        "United States": "US", "US": "US", "Korea (South)": "KR", "United Kingdom": "GB",
        "Atlantis": "Atlantis", "-": None,
    }  # fmt: skip


def test_shorts_and_cash_count_and_the_weights_add_up() -> None:
    own = held(
        {"weight": 0.7, "sector": "Energy", "country": "United States"},
        {"weight": -0.1, "sector": "Energy", "country": "US"},
        {"weight": 0.3, "asset_category": "Cash", "name": "USD"},
        {"weight": 0.1, "isin": "DE0007164600"},
        {"weight": None, "sector": "Energy"},
    )
    assert found(own, "sector") == {
        "Energy": (pytest.approx(0.6), 0), "Cash and derivatives": (0.3, 0), "(unknown)": (0.1, 0),
    }  # fmt: skip
    assert found(own, "country") == {
        "US": (pytest.approx(0.6), 0), "DE": (0.1, 0), "(unknown)": (0.3, 0),
    }  # fmt: skip


def test_what_a_report_does_not_say_others_do() -> None:
    """First the report itself, then another report of the security, then the issuer's profile."""
    profiles = rows(
        tables.PROFILES,
        {"instrument_id": 7, "sector": "Finance", "country": "United States"},
        {"instrument_id": 8, "sector": "Finance"},
        {"instrument_id": 8, "sector": "Energy", "source_id": 2},
    )[1]
    own = held(
        {"weight": 0.1, "security": "a", "sector": "Utilities", "holding_id": 7},
        {"weight": 0.2, "security": "b", "sector": "CORP", "holding_id": 7},
        {"weight": 0.3, "security": "c", "holding_id": 7},
        {"weight": 0.4, "security": "d", "holding_id": 8},
        {"weight": 1.0, "security": "b", "sector": "Materials", "instrument_id": 3},
    )
    assert found(own, "sector", profiles) == {
        "Utilities": (0.1, 0), "Materials": (0.2, 0), "Financials": (0.3, 0), "(unknown)": (0.4, 0),
    }  # fmt: skip
    assert found(own, "country", profiles)["US"] == (pytest.approx(0.6), 0)


def test_of_other_reports_the_newest_known_by_then_says_the_sector() -> None:
    """As in 2018, when Meta left technology: an old report does not move with the new name."""

    def known(year: int) -> datetime:
        return datetime(year, 3, 1, tzinfo=UTC)

    own = held(
        *(
            {"weight": 1.0, "security": "meta", "as_of": date(year, 1, 31), "known_at": known(year)}
            for year in (2016, 2017, 2019)
        ),
        *(
            {"weight": 1.0, "security": "meta", "instrument_id": 3, "sector": name,
             "as_of": date(year, 1, 31), "known_at": known(year)}
            for year, name in ((2017, "Technology"), (2018, "Communication"))
        ),
    )  # fmt: skip
    rows_found = exposures(own, SOURCES, tables.PROFILES.empty()).filter(
        instrument_id=FUND, kind="sector"
    )
    # Before anyone says so, the first who does.
    assert rows_found.select("as_of", "name").rows() == [
        (date(2016, 1, 31), "Information Technology"),
        (date(2017, 1, 31), "Information Technology"),
        (date(2019, 1, 31), "Communication Services"),
    ]


def test_a_fund_held_counts_as_what_it_holds() -> None:
    """0.4 of a fund of 0.45 Energy and 0.54 Utilities (sum 0.99): 0.4 x 0.45 / 0.99."""
    late = datetime(2024, 3, 1, tzinfo=UTC)
    inner = {"instrument_id": INNER, "weight_sum": 0.99, "as_of": date(2023, 12, 31)}
    own = held(
        {"weight": 0.6, "sector": "Energy"},
        {"weight": 0.4, "holding_id": INNER, "sector": "Financials"},
        {**inner, "weight": 0.45, "sector": "Energy", "known_at": late},
        {**inner, "weight": 0.54, "sector": "Utilities", "known_at": late},
    )
    opened = found(own, "sector")
    assert opened["Energy"] == (pytest.approx(0.6 + 0.4 * 0.45 / 0.99),
                                pytest.approx(0.4 * 0.45 / 0.99))  # fmt: skip
    assert opened["Utilities"][0] == pytest.approx(0.4 * 0.54 / 0.99)
    assert sum(w for w, _ in opened.values()) == pytest.approx(1.0)
    told = exposures(own, SOURCES, tables.PROFILES.empty()).filter(instrument_id=FUND)
    assert told["known_at"].max() == late


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": date(2023, 10, 1)},  # more than 100 days before
        {"as_of": date(2024, 2, 1)},  # not reported yet
        {"complete": False},
        {"instrument_id": 9},
    ],
)
def test_a_fund_is_not_opened_by_a_report_that_does_not_fit(change: dict[str, object]) -> None:
    own = held(
        {"weight": 1.0, "holding_id": INNER, "sector": "Financials"},
        {"instrument_id": INNER, "weight": 1.0, "sector": "Energy", **change},
    )
    assert found(own, "sector") == {"Financials": (1.0, 0)}


def test_funds_that_hold_each_other_or_themselves_end() -> None:
    own = held(
        {"weight": 0.5, "holding_id": INNER, "sector": "Energy"},
        {"weight": 0.5, "holding_id": FUND, "sector": "Materials"},
        {"instrument_id": INNER, "weight": 1.0, "holding_id": FUND, "sector": "Utilities"},
    )
    assert sum(w for w, _ in found(own, "sector").values()) == pytest.approx(1.0)


def test_of_two_reports_of_a_day_the_source_before_the_other_counts() -> None:
    own = held(
        {"weight": 1.0, "sector": "Energy"},
        {"weight": 1.0, "sector": "Utilities", "source_id": 2},
    )
    assert found(own, "sector") == {"Utilities": (1.0, 0)}


def test_nothing_held() -> None:
    assert exposures(tables.POSITIONS.empty(), SOURCES, tables.PROFILES.empty()).is_empty()
