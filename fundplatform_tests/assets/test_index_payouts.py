"""What an index's names pay, cut out of the warehouse's tables; expected values by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.assets.index_inputs import Known
from fundplatform.assets.indices import listings
from fundplatform.assets.series import PRICE_COLUMNS
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.payments import children

DAYS = [date(2024, 1, d) for d in (2, 3, 4)]
LATER = date(2024, 2, 1)
SOURCES = pl.DataFrame(
    {"source_id": [1], "name": ["s"], "priority": [10], "calendar": ["XNYS"]}
).cast({"source_id": pl.Int16, "priority": pl.Int32})
INSTRUMENTS = pl.DataFrame(
    {
        "instrument_id": [1, 2],
        "asset_class": "equity",
        "market": "US",
        "symbol": ["AAA", "KID"],
        "quote": "USD",
        "valid_from": DAYS[0],
        "valid_to": LATER,
    }
).cast({"instrument_id": pl.Int32})


def prices(closes: dict[int, list[float | None]], adjustment: str = "none") -> pl.DataFrame:
    rows = [
        (1, i, "1d", "USD", day, close, 100.0, adjustment, True)
        for i, own in closes.items()
        for day, close in zip(DAYS, own, strict=True)
        if close is not None
    ]
    schema = {n: tables.VALIDATED.polars_schema[n] for n in PRICE_COLUMNS}
    return pl.DataFrame(rows, schema=schema, orient="row")


def actions(*rows: dict[str, object]) -> pl.DataFrame:
    """catalog.corporate_actions of instrument 1."""
    schema = {
        n: t for n, t in tables.ACTIONS.polars_schema.items() if n not in tables.ACTIONS.stamps
    }
    base = dict.fromkeys(schema) | {"instrument_id": 1, "source_id": 1, "currency": "USD",
                                    "known_at": datetime(2024, 1, 1, tzinfo=UTC)}  # fmt: skip
    return pl.DataFrame([{**base, **r} for r in rows], schema=schema)


def test_a_child_without_actions_of_its_own_is_worth_its_first_close() -> None:
    """100 becomes 96 and half a share at 8: the four dollars were received."""
    counted = actions(
        {"action": "spin_off", "ex_date": DAYS[2], "ratio": 0.5, "other_symbol": "KID"}
    )
    bars = prices({1: [100.0, 100.0, 96.0], 2: [None, None, 8.0]})
    none = split_factors(counted)
    paid = Known(bars, none, INSTRUMENTS, SOURCES, None, actions=counted).paid(())
    assert paid is not None
    assert paid.yields.select("instrument_id", "session", "spin_off").rows() == [
        (1, DAYS[2], pytest.approx(0.04))
    ]
    assert paid.children is not None
    assert paid.children.rows() == [(1, DAYS[2], 2, pytest.approx(0.04))]


def test_of_two_children_nobody_knows_the_parts() -> None:
    spun = {"action": "spin_off", "ex_date": DAYS[2], "ratio": 0.5}
    both = actions({**spun, "other_symbol": "KID"}, {**spun, "other_symbol": "BABY"})
    assert children(both, INSTRUMENTS).is_empty()
    alone = children(both.head(1), INSTRUMENTS)
    assert alone.rows() == [(1, DAYS[2], 2)]


@pytest.mark.parametrize(
    ("adjustment", "today", "expected"),
    [("none", DAYS[2], 0.04), ("split", DAYS[2], 0.04), ("split", LATER, 0.02)],
)
def test_a_dividend_counts_on_the_shares_that_the_prices_are_of(
    adjustment: str, today: date, expected: float
) -> None:
    """4 on 100; once the split is there, the vendor's 100 is half of an old share."""
    counted = actions(
        {"action": "dividend", "ex_date": DAYS[2], "amount": 4.0},
        {"action": "split", "ex_date": LATER, "ratio": 2.0},
    )
    bars = prices({1: [100.0, 100.0, 96.0]}, adjustment)
    factors = split_factors(counted)
    known = Known(bars, factors, INSTRUMENTS, SOURCES, None, actions=counted, today=today)
    paid = known.paid(())
    assert paid is not None
    assert paid.yields["dividend"].to_list() == [pytest.approx(expected)]


def test_an_index_is_quoted_in_its_own_currency() -> None:
    euro = IndexDefinition("euro", "Euro", Universe(), 1, "price", currency="EUR")
    levels = pl.DataFrame({"index_name": ["euro"], "session": [DAYS[0]]})
    assert listings(levels, [euro])["quote"].to_list() == ["EUR"]
