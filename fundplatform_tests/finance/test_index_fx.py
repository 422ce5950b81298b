"""Exchange rates: direct, inverse, crossed, pence, and too old ones."""

from datetime import date

import polars as pl
import pytest

from fundplatform.finance.index.fx import converted, rates

DAYS = [date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]
PAIRS = pl.DataFrame(
    {
        "instrument_id": [1, 2],
        "asset_class": ["fx"] * 2,
        "symbol": ["EUR"] * 2,
        "quote": ["USD", "GBP"],
    }
)


def published(rows: list[tuple[int, date, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(1, i, d, d, v) for i, d, v in rows],
        schema=["source_id", "instrument_id", "session", "vintage", "value"],
        orient="row",
    )


# EUR 1 = USD 1.10 = GBP 0.88, so GBP 1 = USD 1.25; the day after EUR 1 = USD 1.21.
TWO_DAYS = published(
    [(1, DAYS[0], 1.10), (2, DAYS[0], 0.88), (1, DAYS[1], 1.21), (2, DAYS[1], 0.88)]
)


def test_direct_crossed_and_minor_units() -> None:
    found = rates(TWO_DAYS, PAIRS, "USD", ["EUR", "GBP", "GBp", "USD", "JPY"])
    by_currency = {c: g["rate"].to_list() for (c,), g in found.group_by("currency")}
    assert by_currency == {
        "EUR": pytest.approx([1.10, 1.21]),
        "GBP": pytest.approx([1.25, 1.375]),
        "GBp": pytest.approx([0.0125, 0.01375]),
        "USD": [1.0, 1.0],
    }
    into_euro = rates(TWO_DAYS, PAIRS, "EUR", ["USD"])["rate"].to_list()
    assert into_euro == pytest.approx([1 / 1.10, 1 / 1.21])


def shell(sessions: list[date]) -> pl.DataFrame:
    """2,000 pence, then + 5 % a session, 100 traded."""
    n = len(sessions)
    return pl.DataFrame(
        {
            "instrument_id": [9] * n,
            "session": sessions,
            "ret": [None, *[0.05] * (n - 1)],
            "close": [2000.0 * 1.05**i for i in range(n)],
            "dollar_volume": [200_000.0] * n,
            "currency": ["GBp"] * n,
        }
    )


def test_a_return_in_dollars_of_a_price_in_pence() -> None:
    known = rates(TWO_DAYS, PAIRS, "USD", ["GBp"])
    found = converted(shell(DAYS[:2]), known, 0)
    # 20 pounds at 1.25; then + 5 % in pounds and + 10 % of the pound: + 15.5 %.
    assert found["close"].to_list() == pytest.approx([25.0, 28.875])
    assert found["ret"].to_list() == [None, pytest.approx(0.155)]
    assert found["dollar_volume"].to_list() == pytest.approx([2500.0, 2750.0])


def test_an_old_rate_is_used_as_long_as_allowed_and_its_age_told() -> None:
    known = rates(TWO_DAYS, PAIRS, "USD", ["GBp"])
    assert converted(shell(DAYS), known, 1)["fx_age"].to_list() == [0, 0, 1]
    assert converted(shell(DAYS), known, 1)["ret"].to_list()[2] == pytest.approx(0.05)
    assert converted(shell(DAYS), known, 0)["session"].to_list() == DAYS[:2]
    assert converted(shell(DAYS), known.clear(), 9).is_empty()


def test_a_pair_that_begins_later_takes_nothing_from_the_days_before() -> None:
    pairs = pl.concat(
        [PAIRS, pl.DataFrame([(3, "fx", "GBP", "USD")], schema=PAIRS.schema, orient="row")]
    )
    later = pl.concat([TWO_DAYS, published([(3, DAYS[1], 1.30)])])
    found = rates(later, pairs, "USD", ["GBP"])
    assert found["session"].to_list() == DAYS[:2]
    assert found["rate"].to_list() == pytest.approx([1.25, 1.30])


def test_a_rate_counts_from_the_day_it_was_published() -> None:
    # The rates of the 2nd and the 3rd came together on the 4th.
    weekly = TWO_DAYS.filter(pl.col("instrument_id") == 1).with_columns(vintage=pl.lit(DAYS[2]))
    found = rates(weekly, PAIRS, "USD", ["EUR"])
    assert found.rows() == [("EUR", DAYS[2], 1.21)]
