"""Whom statements are of: they say who something is, not when it trades. Cases by hand."""

from datetime import date

import polars as pl
import pytest

from fundplatform.identity_statements import doubtful
from fundplatform_tests.test_identity import COIN, Catalog, ids, listing

FACTS, PRICES, MORE = 1, 2, 3
D = date.fromisoformat
STATED = listing("SPY", "2016-05-01", "2016-05-01", name="S&P 500 ETF")
TRADED = listing("spy.us", "2024-01-02", "2024-12-31", "SPY")


def test_statement_far_from_the_prices_is_of_the_one_that_trades() -> None:
    catalog = Catalog()
    catalog.take(PRICES, TRADED)
    assert ids(catalog.state(FACTS, STATED)) == [1]
    assert catalog.ranges() == [(1, "SPY", "2024-01-02", "2024-12-31")], "it did not trade in 2016"
    assert catalog.instruments["name"].to_list() == ["S&P 500 ETF"]
    assert catalog.listings["vendor_symbol"].to_list() == ["spy.us"]


def test_prices_far_from_the_statement_are_of_the_one_that_was_named() -> None:
    catalog = Catalog()
    assert ids(catalog.state(FACTS, STATED)) == [1]
    assert catalog.ranges() == [(1, "SPY", "2016-05-01", "2016-05-01")]
    assert ids(catalog.take(PRICES, TRADED)) == [1]
    assert catalog.ranges() == [(1, "SPY", "2024-01-02", "2024-12-31")]
    assert catalog.instruments["name"].to_list() == ["S&P 500 ETF"]
    assert not catalog.state(FACTS, STATED).changed


def test_daily_runs_in_either_order_make_one() -> None:
    catalog = Catalog()
    for month in ("03", "06", "09"):
        day = f"2016-{month}-30"
        assert ids(catalog.state(FACTS, listing("SPY", day, day))) == [1]
    assert catalog.statements.select("valid_from", "valid_to").rows() == [
        (D("2016-03-30"), D("2016-09-30"))
    ]
    for day in ("2024-01-02", "2024-01-03"):
        assert ids(catalog.take(PRICES, listing("SPY", day, day))) == [1]
        assert ids(catalog.take(MORE, listing("spy", day, day, "SPY"))) == [1]
        assert ids(catalog.state(FACTS, listing("SPY", day, day))) == [1]
    assert catalog.ranges() == [(1, "SPY", "2024-01-02", "2024-01-03")]
    far = listing("SPY", "2030-01-02", "2030-01-02")
    assert ids(catalog.state(FACTS, far)) == [1]
    assert catalog.ranges() == [(1, "SPY", "2024-01-02", "2024-01-03")]


def test_prices_after_a_silence_stay_two_instruments_whatever_was_stated_between() -> None:
    catalog = Catalog()
    catalog.take(PRICES, listing("FB", "1999-09-29", "2008-07-01"))
    for year in range(2008, 2013):
        for month in ("01", "04", "07", "10"):
            day = f"{year}-{month}-15"
            whose = ids(catalog.state(FACTS, listing("FB", day, day)))
            assert whose == ([1, 2] if day > "2012-05-18" else [1])
            if day == "2012-04-15":
                found = catalog.take(PRICES, listing("FB", "2012-05-18", "2021-03-31"))
                assert found.mapping["instrument_id"].to_list() == [1, 2]
                assert found.proposals["problem"].to_list() == ["gap"]
    assert catalog.ranges() == [
        (1, "FB", "1999-09-29", "2008-07-01"),
        (2, "FB", "2012-05-18", "2021-03-31"),
    ]


@pytest.mark.parametrize(
    ("day", "whose"), [("2005-01-03", 1), ("2009-06-30", 1), ("2011-06-30", 2), ("2015-01-02", 2)]
)
def test_of_several_the_nearest_in_time(day: str, whose: int) -> None:
    catalog = Catalog()
    catalog.take(
        PRICES, listing("FB", "1999-09-29", "2008-07-01"), listing("FB", "2012-05-18", "2021-03-31")
    )
    assert ids(catalog.state(FACTS, listing("FB", day, day))) == [whose]


def test_of_several_that_begin_to_trade_the_nearest_is_the_one_that_was_named() -> None:
    catalog = Catalog()
    catalog.state(FACTS, listing("FB", "2011-01-03", "2011-01-03"))
    found = catalog.take(
        PRICES, listing("FB", "1999-09-29", "2008-07-01"), listing("FB", "2012-05-18", "2021-03-31")
    )
    assert ids(found) == [2, 1]


def test_what_trades_keeps_its_statement_when_its_ticker_goes_on_elsewhere() -> None:
    catalog = Catalog()
    catalog.state(FACTS, listing("X", "2016-05-01", "2016-05-01"))
    catalog.take(PRICES, listing("X", "2015-01-02", "2016-01-29"))
    assert ids(catalog.take(PRICES, listing("X", "2020-01-02", "2020-02-03"))) == [1, 2]
    assert ids(catalog.state(FACTS, listing("X", "2016-05-01", "2016-05-01"))) == [1]


def test_stock_and_coin_never_meet_nor_do_currencies() -> None:
    catalog = Catalog()
    catalog.state(FACTS, listing("COMP", "2016-05-01", "2016-05-01"))
    assert ids(catalog.take(PRICES, listing("COMP", "2024-01-02", "2024-02-01", kind=COIN))) == [2]
    assert ids(catalog.take(MORE, listing("COMP", "2024-01-02", "2024-02-01", quote="EUR"))) == [3]
    assert ids(catalog.take(4, listing("COMP", "2024-01-02", "2024-02-01"))) == [1]


def test_two_sources_state_one_that_nobody_prices() -> None:
    catalog = Catalog()
    catalog.state(FACTS, listing("SPY", "2016-05-01", "2016-05-01"))
    assert ids(catalog.state(MORE, listing("spy", "2022-01-03", "2022-01-03", "SPY"))) == [1]
    assert not catalog.state(MORE, listing("spy", "2022-01-03", "2022-01-03", "SPY")).changed
    assert catalog.listings.is_empty()


def doubts(catalog: Catalog) -> list[tuple[object, ...]]:
    found = doubtful(catalog.instruments, catalog.listings, catalog.statements)
    return found.select("instrument_id", "other_id", "proposal").rows()


def test_a_person_is_asked_only_where_another_one_could_be_meant() -> None:
    catalog = Catalog()
    catalog.take(PRICES, listing("FB", "1999-09-29", "2008-07-01"))
    catalog.state(FACTS, listing("FB", "2011-06-30", "2011-06-30"))
    assert doubts(catalog) == [], "there is one only"
    catalog.take(PRICES, listing("FB", "2012-05-18", "2021-03-31"))
    asked = (
        "What was stated of FB on 2011-06-30 is of the FB that trades since 2012-05-18, not of the "
        "one since 1999-09-29"
    )
    assert doubts(catalog) == [(2, 1, asked)], "the nearer one came later"
    catalog.statements = catalog.statements.with_columns(instrument_id=pl.lit(2, pl.Int32))
    assert doubts(catalog) == [(2, 1, asked)], "the same words, so that it is decided once"
    catalog.take(PRICES, listing("FB", "2021-04-01", "2021-04-01"))
    assert doubts(catalog) == [(2, 1, asked)]
    catalog.state(MORE, listing("FB", "2008-07-30", "2008-07-30"))
    catalog.state(MORE, listing("FB", "2015-01-02", "2015-01-02"))
    assert doubts(catalog) == [(2, 1, asked)], "nearer than 90 days nobody asks"


def test_one_that_only_statements_name_beside_one_that_trades_is_asked_for() -> None:
    # A home of before: the statement made an instrument of its own.
    catalog = Catalog()
    catalog.state(FACTS, listing("SPY", "2016-05-01", "2016-05-01"))
    catalog.take(PRICES, listing("SPY", "2024-01-02", "2024-12-31", "SPY2"))
    catalog.instruments = catalog.instruments.with_columns(symbol=pl.lit("SPY"))
    ((kept, other, words),) = doubts(catalog)
    assert (kept, other) == (2, 1)
    assert (
        words == "What was stated of SPY on 2016-05-01 is of the SPY that trades since 2024-01-02"
    )
