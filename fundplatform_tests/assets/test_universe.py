"""An index over names it must not compare: they are left out, and its note says so."""

from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.index_inputs import Known, one_index
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.index import IndexResult
from fundplatform.finance.index_definition import IndexDefinition, Universe

DAYS = [date(2024, 1, 2), date(2024, 1, 3)]
SOURCES = pl.DataFrame(
    {
        "source_id": [1, 2],
        "name": ["traded", "total"],
        "priority": [10, 20],
        "calendar": ["XNYS"] * 2,
    }
).cast({"source_id": pl.Int16, "priority": pl.Int32})
QUOTES = {1: "USD", 2: "EUR", 3: "USD"}
INSTRUMENTS = pl.DataFrame(
    {
        "instrument_id": list(QUOTES),
        "asset_class": ["equity"] * 3,
        "market": ["US"] * 3,
        "symbol": ["A", "B", "C"],
        "quote": list(QUOTES.values()),
        "valid_from": [DAYS[0]] * 3,
    }
).cast({"instrument_id": pl.Int32})


def built(universe: Universe, closes: dict[tuple[int, int], tuple[float, float]]) -> IndexResult:
    """The two most traded names; closes by (source, instrument), volumes of 100."""
    rows = [
        (source, i, "1d", QUOTES[i], day, close, 100.0, "none" if source == 1 else "split_div",
         source == min(s for s, n in closes if n == i))
        for (source, i), own in closes.items()
        for day, close in zip(DAYS, own, strict=True)
    ]  # fmt: skip
    schema = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}
    prices = pl.DataFrame(rows, schema=schema, orient="row")
    definition = IndexDefinition("x", "X", universe, 2, "dollar_volume", window=1)
    known = Known(prices, tables.ADJUSTMENT_FACTORS.empty(), INSTRUMENTS, SOURCES, None)
    return one_index(definition, known, *DAYS)


def test_names_in_another_currency_are_left_out_and_noted() -> None:
    # B is worth most in euro figures; nobody knows what it is in USD.
    result = built(Universe(), {(1, 1): (10.0, 11.0), (1, 2): (900.0, 990.0), (1, 3): (5.0, 5.0)})
    assert result.compositions.filter(session=DAYS[0])["instrument_id"].to_list() == [1, 3]
    assert result.performance["session_return"].to_list() == [None, pytest.approx(0.05)]
    assert (
        result.performance["note"].to_list() == ["1 names left out, quoted in EUR, not USD: B"] * 2
    )


def test_prices_that_carry_dividends_do_not_enter_a_price_index() -> None:
    result = built(Universe(), {(1, 1): (10.0, 11.0), (2, 3): (500.0, 400.0)})
    assert result.compositions["instrument_id"].to_list() == [1, 1]
    assert result.performance["session_return"].to_list() == [None, pytest.approx(0.1)]
    note = result.performance["note"].to_list()[1]
    assert "1 names left out, only dividend-adjusted prices, no price return: C" in note
    alone = built(Universe(), {(2, 3): (500.0, 400.0)})
    assert alone.compositions.is_empty()
    assert alone.performance["state"].to_list() == ["no_history"] * 2
    assert "only dividend-adjusted prices" in alone.performance["note"].to_list()[0]


def test_of_a_universe_of_sources_only_their_bars_count() -> None:
    both = {(1, 1): (10.0, 11.0), (2, 1): (10.0, 20.0), (1, 3): (1.0, 2.0)}
    own = built(Universe(sources=("traded",)), both)
    assert own.performance["session_return"].to_list() == [None, pytest.approx(0.55)]
    none = built(Universe(sources=("total",)), both)
    assert none.compositions.is_empty()
