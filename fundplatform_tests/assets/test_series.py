"""Return bases: prices that carry their dividends give total returns and are labelled so."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.funds import price_series
from fundplatform.assets.series import (
    PRICE_COLUMNS,
    RETURN_COLUMNS,
    Bases,
    best_returns,
    price_bars,
    price_returns,
    returns_by_basis,
)
from fundplatform_tests.storage.marts import rows as table_rows

NO_SPLITS = tables.ADJUSTMENT_FACTORS.empty()
SOURCES = pl.DataFrame({"source_id": [1, 2, 3], "priority": [10, 20, 30]}).cast(
    {"source_id": pl.Int16, "priority": pl.Int32}
)
SCHEMA = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}


def bar(
    source: int,
    instrument: int,
    day: int,
    close: float,
    adjustment: str,
    selected: bool,
    quote: str = "USD",
) -> tuple[object, ...]:
    return (source, instrument, "1d", quote, date(2024, 1, day), close, 1.0, adjustment, selected)


def frame(*bars: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(bars, schema=SCHEMA, orient="row")


def found(*bars: tuple[object, ...]) -> dict[tuple[int, str], list[float | None]]:
    """The returns by instrument and basis."""
    prices = pl.DataFrame(bars, schema=SCHEMA, orient="row")
    rows = returns_by_basis(prices, NO_SPLITS, SOURCES)
    groups = rows.partition_by("instrument_id", "return_basis", as_dict=True)
    return {(int(i), str(b)): own["ret"].to_list() for (i, b), own in groups.items()}


def test_dividend_adjusted_prices_are_a_total_return() -> None:
    kinds = ((1, 7, "none"), (2, 8, "split"), (3, 9, "split_div"))
    labels = found(*(bar(source, i, 2, 10.0, kind, True) for source, i, kind in kinds))
    assert set(labels) == {(7, "price"), (8, "price"), (9, "gross_total")}


def test_a_hole_of_one_basis_is_not_filled_from_the_other() -> None:
    # Source 1 has no bar on the 4th, on which source 3 is selected; it doubles meanwhile.
    own = [bar(1, 7, day, close, "none", True) for day, close in ((2, 100), (3, 100), (5, 200))]
    total = [
        bar(3, 7, day, close, "split_div", day == 4)
        for day, close in ((2, 40), (3, 40), (4, 80), (5, 88))
    ]
    returns = found(*own, *total)
    assert returns[7, "price"] == [None, 0.0, 1.0]
    assert [r and round(r, 12) for r in returns[7, "gross_total"]] == [None, 0.0, 1.0, 0.1]


def test_of_two_sources_of_a_basis_the_first_by_priority_counts() -> None:
    bars = [bar(s, 7, d, 10.0 * s * d, "none", False) for s in (1, 2) for d in (2, 3)]
    bars += [bar(3, 7, d, 1.0, "split_div", True) for d in (2, 3)]
    prices = pl.DataFrame(bars, schema=SCHEMA, orient="row")
    rows = returns_by_basis(prices, NO_SPLITS, SOURCES).filter(pl.col("return_basis") == "price")
    assert rows["close"].to_list() == [20.0, 30.0]


def test_no_prices_no_returns() -> None:
    assert found() == {}


def test_price_returns_pass_over_a_preferred_source_that_carries_dividends() -> None:
    # 100 -> 99 ex a dividend of 1: the price fell by 1 %, the total return is 0.
    bars = [bar(1, 7, 2, 99.0, "split_div", True), bar(1, 7, 3, 99.0, "split_div", True)]
    bars += [bar(2, 7, 2, 100.0, "none", False), bar(2, 7, 3, 99.0, "none", False)]
    bars += [bar(1, 8, 2, 5.0, "split_div", True), bar(1, 8, 3, 6.0, "split_div", True)]
    found = price_returns(frame(*bars), NO_SPLITS, SOURCES)
    assert found.select("instrument_id", "close").rows() == [(7, 100.0), (7, 99.0)]
    assert [r and round(r, 12) for r in found["ret"]] == [None, -0.01]
    best = best_returns(frame(*bars), NO_SPLITS, SOURCES)
    assert best.select("instrument_id", "close").rows() == [
        (7, 100.0),
        (7, 99.0),
        (8, 5.0),
        (8, 6.0),
    ]


def test_of_chosen_sources_the_bars_are_selected_anew() -> None:
    # Source 1 was selected among all; of source 2 alone, its own bars count.
    own = [bar(2, 7, d, 10.0 * d, "none", False) for d in (2, 3)]
    found = price_returns(frame(*own), NO_SPLITS, SOURCES, anew=True)
    assert found["close"].to_list() == [20.0, 30.0]


def test_of_a_part_of_the_bars_the_same_are_selected_as_of_all() -> None:
    """Among all bars another source carries dividends, so `selected` is not what counts here."""
    mine = [bar(1, 7, 2, 10.0, "none", False), bar(2, 7, 2, 20.0, "none", True)]
    other = bar(3, 8, 2, 30.0, "split_div", True)
    known = Bases.of(frame(*mine, other))
    assert known == Bases(frozenset({3}), mixed=True)
    assert Bases.of(frame(*mine), known) == known
    assert Bases.of(frame(*mine)) == Bases()
    assert price_bars(frame(*mine), SOURCES)["selected"].to_list() == [False, True]
    assert price_bars(frame(*mine), SOURCES, known=known)["selected"].to_list() == [True, False]
    part = returns_by_basis(frame(*mine), NO_SPLITS, SOURCES, known)
    assert part["close"].to_list() == [10.0]
    later = returns_by_basis(frame(bar(3, 8, 3, 30.0, "none", True)), NO_SPLITS, SOURCES, known)
    assert later["return_basis"].to_list() == ["gross_total"], "its source carries dividends"


def test_dollar_volumes_are_usd_that_were_traded_or_nothing() -> None:
    bars = frame(
        bar(1, 7, 2, 10.0, "none", True),
        bar(1, 8, 2, 10.0, "none", True, "EUR"),
        bar(1, 9, 2, 10.0, "none", True, "USDT"),
        bar(3, 6, 2, 10.0, "split_div", True),
    )
    found = best_returns(bars, NO_SPLITS, SOURCES)
    assert dict(found.select("instrument_id", "dollar_volume").iter_rows()) == {
        6: None,
        7: 10.0,
        8: None,
        9: None,
    }


def test_total_returns_stand_beside_the_price_returns_of_who_paid() -> None:
    # 100 -> 99 ex a dividend of 2: the price fell by 1 %, the total return is 1 %.
    bars = [bar(1, i, d, close, "none", True) for i in (7, 8) for d, close in ((2, 100), (3, 99))]
    _, instruments = table_rows(
        tables.INSTRUMENTS, *({"instrument_id": i, "quote": "USD"} for i in (7, 8))
    )
    _, actions = table_rows(
        tables.ACTIONS,
        {"instrument_id": 7, "action": "dividend", "ex_date": date(2024, 1, 3), "amount": 2.0,
         "currency": "USD"},
    )  # fmt: skip
    known = SOURCES.with_columns(calendar=pl.lit("XNYS"))
    prices = frame(*bars).select(RETURN_COLUMNS)
    given = (NO_SPLITS, actions, instruments, known, date(2024, 1, 4))
    series = price_series(prices, *given).partition_by(
        "instrument_id", "return_basis", as_dict=True
    )
    returns = {key: [r and round(r, 12) for r in own["ret"]] for key, own in series.items()}
    assert returns == {
        (7, "price"): [None, -0.01], (8, "price"): [None, -0.01],
        (7, "gross_total"): [None, 0.01],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("early", "days", "expected"),
    [
        (True, [1, 2, 3, 4, 5, 8, 9], [None, 0.25, 0.1, 0.1, 0.0, 0.02, 1.2 / 1.02 - 1]),
        # Until the 5th nothing says that payments are known: source 3 stands by itself.
        (False, [2, 3, 5, 8, 9], [None, 0.1, 0.1, 0.02, 1.2 / 1.02 - 1]),
    ],
)
def test_where_prices_that_carry_dividends_have_no_bar_total_returns_are_of_what_was_paid(
    early: bool, days: list[int], expected: list[float | None]
) -> None:
    """Source 3 carries dividends from the 2nd on, without the 4th and 8th; source 1 pays twice.

    2nd: 100 / 80. 4th: 121 / 110. 5th: (119 + 2) / 121, or source 3's 60.5 / 55. 9th: source 3
    makes 20 % since the 5th, of which the 8th, (119 + 2.38) / 119, has earned 2 %. A payment on the
    first day of prices, where it is known, pays nobody.
    """
    own = [
        bar(1, 7, day, close, "none", day in (1, 4, 8))
        for day, close in ((1, 80), (2, 100), (3, 110), (4, 121), (5, 119), (8, 119))
    ]
    carried = [
        bar(3, 7, d, c, "split_div", True) for d, c in ((2, 50.0), (3, 55.0), (5, 60.5), (9, 72.6))
    ]
    _, instruments = table_rows(tables.INSTRUMENTS, {"instrument_id": 7, "quote": "USD"})
    told = {"instrument_id": 7, "action": "dividend", "currency": "USD"}
    _, actions = table_rows(
        tables.ACTIONS,
        *([told | {"ex_date": date(2024, 1, 1), "amount": 1.0}] if early else []),
        told | {"ex_date": date(2024, 1, 5), "amount": 2.0},
        told | {"ex_date": date(2024, 1, 8), "amount": 2.38},
    )
    known = SOURCES.with_columns(calendar=pl.lit("XNYS"))
    prices = frame(*own, *carried).select(RETURN_COLUMNS)
    series = price_series(prices, NO_SPLITS, actions, instruments, known, date(2024, 1, 10))
    total = series.filter(return_basis="gross_total").sort("session")
    assert total["session"].dt.day().to_list() == days
    assert total["ret"].to_list() == [None, *map(pytest.approx, expected[1:])]
    assert total["growth"][-1] == pytest.approx((1.25 if early else 1.0) * 1.1 * 1.1 * 1.2)
    price = series.filter(return_basis="price").sort("session")["ret"].to_list()
    assert price[1:] == pytest.approx([0.25, 0.1, 0.1, 119 / 121 - 1, 0.0])


def test_a_first_payment_after_a_file_that_carried_dividends_begins_anew() -> None:
    own = [bar(1, 7, d, c, "none", True) for d, c in ((4, 100), (5, 110), (8, 119), (9, 119))]
    carried = [bar(3, 7, d, c, "split_div", True) for d, c in ((1, 50.0), (2, 55.0))]
    _, instruments = table_rows(tables.INSTRUMENTS, {"instrument_id": 7, "quote": "USD"})
    paid = {"instrument_id": 7, "action": "dividend", "currency": "USD", "amount": 2.0}
    _, actions = table_rows(tables.ACTIONS, paid | {"ex_date": date(2024, 1, 8)})
    known = SOURCES.with_columns(calendar=pl.lit("XNYS"))
    prices = frame(*own, *carried).select(RETURN_COLUMNS)
    series = price_series(prices, NO_SPLITS, actions, instruments, known, date(2024, 1, 10))
    total = series.filter(return_basis="gross_total").sort("session")
    assert total["session"].dt.day().to_list() == [1, 2, 8, 9]
    assert total["ret"].to_list() == [None, pytest.approx(0.1), None, pytest.approx(0.0)]


def test_a_day_of_total_returns_depends_on_no_later_day_or_payment() -> None:
    dice = np.random.default_rng(4)
    days = {1: range(1, 31), 3: range(6, 25)}
    own, other = (
        [bar(n, 7, d, dice.uniform(90, 110), kind, False) for d in days[n] if dice.random() < 0.7]
        for n, kind in ((1, "none"), (3, "split_div"))
    )
    _, instruments = table_rows(tables.INSTRUMENTS, {"instrument_id": 7, "quote": "USD"})
    paid = {"instrument_id": 7, "action": "dividend", "currency": "USD", "amount": 1.0}
    _, actions = table_rows(
        tables.ACTIONS, *(paid | {"ex_date": date(2024, 1, d)} for d in (9, 17))
    )
    known = SOURCES.with_columns(calendar=pl.lit("XNYS"))
    # Source 1 is selected where both have a bar, as its priority says.
    both = frame(*own, *other).with_columns(
        selected=pl.col("source_id") == pl.col("source_id").min().over("session")
    )

    def until(day: int) -> dict[int, float | None]:
        prices = both.filter(pl.col("session") <= date(2024, 1, day)).select(RETURN_COLUMNS)
        told = actions.filter(pl.col("ex_date") <= date(2024, 1, day))
        series = price_series(prices, NO_SPLITS, told, instruments, known, date(2024, 2, 1))
        total = series.filter(return_basis="gross_total")
        return dict(zip(total["session"].dt.day(), total["ret"], strict=True))

    whole = until(31)
    counts = (pl.col("source_id") == 3) | (pl.col("session") >= date(2024, 1, 9))
    assert len(whole) == both.filter(counts)["session"].n_unique()
    for day in range(2, 31):
        assert until(day) == {d: r for d, r in whole.items() if d <= day}
