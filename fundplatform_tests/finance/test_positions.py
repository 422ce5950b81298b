"""Positions and what they are, worked by hand."""

from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.position_codes import isin_of
from fundplatform.finance.positions import alike, positions
from fundplatform_tests.storage.marts import rows

APPLE = "US0378331005"
DAY = date(2024, 1, 31)
SOURCES = rows(tables.SOURCES, {"priority": 10})[1]
LISTED = {"asset_class": "equity", "market": "US", "quote": "USD", "valid_from": date(2020, 1, 1),
          "valid_to": date(2024, 1, 5)}  # fmt: skip
INSTRUMENTS = rows(
    tables.INSTRUMENTS,
    {**LISTED, "instrument_id": 5, "symbol": "AAPL"},
    {**LISTED, "instrument_id": 6, "symbol": "USD", "asset_class": "etf"},
    {**LISTED, "instrument_id": 7, "symbol": "OLD", "valid_to": date(2021, 1, 1)},
    {**LISTED, "instrument_id": 8, "symbol": "BRK.B"},
)[1]


def held(*stated: dict[str, object]) -> pl.DataFrame:
    base = {"as_of": DAY, "value_currency": "USD"}
    numbered = [{**base, "line": n, **row} for n, row in enumerate(stated, 1)]
    return positions(rows(tables.HOLDINGS, *numbered)[1], INSTRUMENTS)


@pytest.mark.parametrize(
    ("cusip", "isin"),
    [("037833100", APPLE), ("594918104", "US5949181045"), ("02079K305", "US02079K3059")],
)
def test_published_isins_of_cusips(cusip: str, isin: str) -> None:
    assert isin_of(cusip) == isin


def test_no_isin_of_what_is_no_cusip() -> None:
    assert isin_of("03783310") is None
    assert isin_of("03783310*") is None


def test_what_a_position_is() -> None:
    found = held(
        {"ticker": "AAPL", "isin": APPLE, "lei": "APPLE_LEI", "asset_category": "EC"},
        {"cusip": "037833100", "country": "US", "instrument_id": 2},
        {"lei": "APPLE_LEI", "instrument_id": 2, "line": 3},
        {"ticker": "BRK/B", "asset_category": "Equity"},
    )
    assert found.select("holding_id", "matched_by", "security").rows() == [
        (5, "isin", "instrument 5"),
        (8, "ticker", "instrument 8"),
        (5, "isin", "instrument 5"),
        (5, "lei", "instrument 5"),
    ]


def test_what_is_not_known_stays_unknown() -> None:
    """Cash is no ETF, a line in euro not the one in dollars, and OLD was gone years before."""
    found = held(
        {"ticker": "USD", "name": "Usd Cash", "asset_category": "Cash"},
        {"ticker": "AAPL", "currency": "EUR", "name": "Apple"},
        {"ticker": "OLD", "name": "New Co"},
        {"isin": "DE0007164600", "name": "SAP"},
        {"cusip": "123", "name": "Bond"},
        {},
    )
    assert found["holding_id"].to_list() == [None] * 6
    assert found["security"].to_list() == [
        *("name USD CASH", "name APPLE", "ticker OLD"),
        *("DE0007164600", "CUSIP 123", "line 6"),
    ]


def test_a_security_is_the_same_by_isin_cusip_or_ticker() -> None:
    """Where no instrument is known: MSFT is listed nowhere here, its CUSIP is 594918104."""
    code = "US5949181045"
    found = held(
        {"isin": code, "ticker": "MSFT"},
        {"cusip": "594918104", "instrument_id": 2},
        {"ticker": "msft ", "instrument_id": 3},
        {"ticker": "MSFT", "instrument_id": 3, "as_of": date(2020, 1, 31)},
        {"isin": "IE00B4BNMY34", "cusip": "G1151C101"},
        {"isin": "GB0002374006", "cusip": "000000000", "ticker": "N/A"},
        {"cusip": "N/A", "name": "us dollar"},
    )
    assert found.sort("line")["security"].to_list() == [
        *(code, code, code, "ticker MSFT", "IE00B4BNMY34", "GB0002374006", "name US DOLLAR"),
    ]


def test_a_ticker_tells_no_isin_where_it_means_two_or_is_of_another_market() -> None:
    """SAN is Sanofi in Paris and Santander in Madrid, both in euro."""
    found = held(
        {"ticker": "SAN", "isin": "FR0000120578", "currency": "EUR"},
        {"ticker": "SAN", "currency": "EUR", "name": "Santander"},
        {"ticker": "TWO", "isin": "US0000000001"},
        {"ticker": "TWO", "isin": "US0000000002"},
        {"ticker": "TWO", "name": "Which"},
    )
    assert found["security"].to_list() == [
        *("FR0000120578", "name SANTANDER", "US0000000001", "US0000000002", "ticker TWO"),
    ]


def test_a_share_class_written_without_its_dot_is_the_same_share() -> None:
    """BRKB and BFB at iShares, at SPDR BRK.B and BF.B; GOOGL is no class L of GOOG."""
    found = held(
        *({"ticker": ticker} for ticker in ("BRKB", "BF.B", "GOOG", "GOOGL", "AAPL")),
        *({"ticker": t, "instrument_id": 2} for t in ("BFB", "BF.B")),
        {"ticker": "BRKB", "currency": "EUR", "name": "Other", "instrument_id": 3},
    )
    assert found["security"].to_list() == [
        *("instrument 8", "ticker BF.B", "ticker GOOG", "ticker GOOGL", "instrument 5"),
        *("ticker BF.B", "ticker BF.B", "name OTHER"),
    ]


def test_a_ticker_that_says_nothing_joins_no_lines() -> None:
    """Files have - or N/A where a bond has no ticker; NA and TRUE are tickers."""
    found = held(
        *(
            {"ticker": t, "name": f"Bond {n}"}
            for n, t in enumerate(("-", "--", "N/A", " . ", "#N/A"))
        ),
        {"ticker": "NA", "name": "Bank"},
    )
    assert found["security"].to_list() == [*(f"name BOND {n}" for n in range(5)), "ticker NA"]


def test_an_issuer_of_two_lines_is_told_by_neither() -> None:
    found = held(
        {"ticker": "AAPL", "lei": "ONE"}, {"ticker": "BRK.B", "lei": "ONE"}, {"lei": "ONE"}
    )
    assert found["holding_id"].to_list() == [5, 8, None]


@pytest.mark.parametrize(
    ("weights", "total", "complete"),
    [([0.7, -0.1, 0.4], 1.0, True), ([0.5, 0.44], 0.94, False), ([60.0, 40.0], 100.0, False)],
)
def test_sums(weights: list[float], total: float, complete: bool) -> None:
    """Shorts and cash count: 70 % - 10 % + 40 % = 100 %."""
    found = held(*({"ticker": f"T{n}", "weight": w} for n, w in enumerate(weights)))
    assert found["weight_sum"].to_list() == [pytest.approx(total)] * len(weights)
    assert found["complete"].unique().to_list() == [complete]


def test_how_alike_the_latest_complete_reports_are() -> None:
    """Fund 1: A .6, B .4; fund 2: A .5, B .5: .5 + .4 = .9 of 1, .1 apart; fund 3 holds C."""
    old = {"as_of": date(2024, 1, 1)}
    found = held(
        {"ticker": "C", "name": "C", "weight": 1.0, **old},
        *({"name": n, "weight": w} for n, w in (("A", 0.6), ("B", 0.4))),
        *({"name": n, "weight": w, "instrument_id": 2} for n, w in (("A", 0.5), ("B", 0.5))),
        {"name": "C", "weight": 1.0, "instrument_id": 3},
        {"name": "A", "weight": 0.6, "instrument_id": 4},
        {"name": "A", "weight": 1.0, "instrument_id": 12, "as_of": date(2023, 10, 1)},
    )
    (row,) = alike(found, SOURCES).rows(named=True)
    assert row == {
        "instrument_id": 1,
        "other_id": 2,
        "as_of": DAY,
        "other_as_of": DAY,
        "overlap": pytest.approx(0.9),
        "active_share": pytest.approx(0.1),
        "jaccard": 1.0,
        "common": 2,
    }


def test_nothing_held() -> None:
    none = positions(tables.HOLDINGS.empty(), INSTRUMENTS)
    assert none.is_empty()
    assert alike(none, SOURCES).is_empty()
