"""Split factors and adjusted prices; expected values worked by hand."""

from datetime import date

import polars as pl
import pytest

from fundplatform.finance.adjustment import factor_of, split_adjusted, split_factors


def actions(*rows: tuple[int, int, str, date, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "action": pl.String,
            "ex_date": pl.Date,
            "ratio": pl.Float64,
        },
        orient="row",
    )


def prices(*rows: tuple[int, date, str, float, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "instrument_id": pl.Int32,
            "session": pl.Date,
            "adjustment": pl.String,
            "close": pl.Float64,
            "volume": pl.Float64,
        },
        orient="row",
    )


AAPL = actions(
    (1, 7, "split", date(2000, 6, 21), 2.0),
    (1, 7, "split", date(2005, 2, 28), 2.0),
    (1, 7, "dividend", date(2004, 1, 2), None),
)


def test_factors_multiply_backwards() -> None:
    assert split_factors(AAPL).rows() == [
        (7, date(1900, 1, 1), date(2000, 6, 20), 0.25),
        (7, date(2000, 6, 21), date(2005, 2, 27), 0.5),
        (7, date(2005, 2, 28), date(9999, 12, 31), 1.0),
    ]


def test_fractional_reverse_and_stock_dividend() -> None:
    found = split_factors(
        actions(
            (1, 1, "split", date(2020, 1, 2), 1.5),
            (1, 1, "split", date(2021, 1, 4), 0.1),
            (1, 2, "split", date(2020, 1, 2), 1.05),
        )
    )
    assert found["split_factor"].to_list() == pytest.approx(
        [1 / 0.15, 10.0, 1.0, 1 / 1.05, 1.0], rel=1e-15
    )
    assert found["instrument_id"].to_list() == [1, 1, 1, 2, 2]


def test_the_same_split_of_two_sources_counts_once_and_the_first_source_wins() -> None:
    found = split_factors(
        actions(
            (2, 7, "split", date(2000, 6, 21), 2.0),
            (1, 7, "split", date(2000, 6, 21), 4.0),
        )
    )
    assert found["split_factor"].to_list() == [0.25, 1.0]


@pytest.mark.parametrize("ratio", [None, 0.0, -2.0, float("nan"), float("inf")])
def test_an_unusable_ratio_yields_to_the_next_source(ratio: float | None) -> None:
    bad = (1, 7, "split", date(2000, 6, 21), ratio)
    assert split_factors(actions(bad)).is_empty()
    both = split_factors(actions(bad, (2, 7, "split", date(2000, 6, 21), 2.0)))
    assert both["split_factor"].to_list() == [0.5, 1.0]


def test_no_splits_no_rows() -> None:
    found = split_factors(actions((1, 7, "dividend", date(2004, 1, 2), None)))
    assert found.is_empty()
    assert found.columns == ["instrument_id", "from_session", "to_session", "split_factor"]


def test_only_as_traded_bars_are_adjusted_and_order_is_kept() -> None:
    bars = prices(
        (9, date(2000, 1, 3), "none", 10.0, 5.0),
        (7, date(2005, 2, 28), "none", 44.0, 100.0),
        (7, date(2000, 6, 20), "none", 101.25, 100.0),
        (7, date(2000, 6, 21), "none", 55.625, None),
        (7, date(2000, 6, 20), "split", 25.3125, 400.0),
        (8, date(2000, 6, 20), "none", 1.0, 1.0),
    )
    found = split_adjusted(bars, split_factors(AAPL), ("close", "volume"))
    assert found["adj_close"].to_list() == [10.0, 44.0, 25.3125, 27.8125, 25.3125, 1.0]
    assert found["adj_volume"].to_list() == [5.0, 100.0, 400.0, None, 400.0, 1.0]
    assert found.select(bars.columns).equals(bars)


def test_a_split_after_the_newest_bar_does_not_count_yet() -> None:
    # 7:1 announced for 2014-06-09: until then 2005 is what the prices are adjusted to.
    announced = pl.concat([AAPL, actions((1, 7, "split", date(2014, 6, 9), 7.0))])
    before = prices(
        (7, date(2000, 6, 20), "none", 101.25, 100.0), (7, date(2014, 6, 6), "none", 645.57, 1.0)
    )
    found = split_adjusted(before, split_factors(announced), ("close", "volume"))
    assert found["adj_close"].to_list() == pytest.approx([25.3125, 645.57], rel=1e-15)
    assert found["adj_volume"].to_list() == pytest.approx([400.0, 1.0], rel=1e-15)
    after = pl.concat([before, prices((7, date(2014, 6, 9), "none", 93.7, 1.0))])
    assert split_adjusted(after, split_factors(announced))["adj_close"].to_list() == pytest.approx(
        [25.3125 / 7, 645.57 / 7, 93.7], rel=1e-15
    )


def test_instruments_around_one_with_factors_keep_factor_one() -> None:
    bars = prices(
        (6, date(2030, 1, 2), "none", 1.0, 1.0),
        (8, date(1899, 1, 3), "none", 1.0, 1.0),
        (7, date(1899, 1, 3), "none", 1.0, 1.0),
    )
    assert factor_of(bars, split_factors(AAPL)).to_list() == [1.0, 1.0, 1.0]


def test_unknown_column_is_refused() -> None:
    with pytest.raises(ValueError, match="vwap"):
        split_adjusted(prices(), split_factors(AAPL), ("vwap",))
