"""Splits that several sources state; expected values by hand."""

from datetime import date, timedelta

import polars as pl
import pytest

from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.splits import distinct

DAY = date(2014, 6, 9)
# The second source has the higher priority.
SOURCES = pl.DataFrame({"source_id": [1, 2, 3], "priority": [100, 10, 100]}).cast(
    {"source_id": pl.Int16, "priority": pl.Int32}
)


def actions(*rows: tuple[int, int, date, float | None]) -> pl.DataFrame:
    """source_id, instrument_id, ex_date, ratio."""
    return pl.DataFrame(
        [(source, i, "split", day, ratio) for source, i, day, ratio in rows],
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "action": pl.String,
            "ex_date": pl.Date,
            "ratio": pl.Float64,
        },
        orient="row",
    )


@pytest.mark.parametrize("days", [-7, -1, 1, 3, 8])
def test_one_split_on_two_days_counts_once_on_the_day_of_the_higher_priority(days: int) -> None:
    found = distinct(actions((1, 7, DAY, 7.0), (2, 7, DAY + timedelta(days), 7.0)), SOURCES)
    assert found.counted.select("source_id", "ex_date").rows() == [(2, DAY + timedelta(days))]
    assert split_factors(found.counted)["split_factor"].to_list() == [1 / 7, 1.0]
    ((instrument, source, day, _, other, other_day, _, decision),) = found.doubts.rows()
    assert (instrument, source, day) == (7, 1, DAY)
    assert (other, other_day) == (2, DAY + timedelta(days))
    assert decision.startswith("the same split on two days")


def test_far_apart_or_of_another_instrument_they_are_two() -> None:
    far = actions((1, 7, DAY, 2.0), (2, 7, DAY + timedelta(days=9), 2.0), (2, 8, DAY, 2.0))
    found = distinct(far, SOURCES)
    assert found.counted.equals(far)
    assert found.doubts.is_empty()


def test_two_splits_of_one_source_are_two_however_near() -> None:
    own = actions((1, 7, DAY, 2.0), (1, 7, DAY + timedelta(days=1), 2.0))
    assert distinct(own, SOURCES).counted.equals(own)


def test_the_same_day_is_one_split_and_two_ratios_are_a_doubt() -> None:
    same = distinct(actions((1, 7, DAY, 1.3333), (2, 7, DAY, 4 / 3)), SOURCES)
    assert same.counted["ratio"].to_list() == [4 / 3]
    assert same.doubts.is_empty()
    other = distinct(actions((1, 7, DAY, 3.0), (2, 7, DAY, 2.0)), SOURCES)
    assert other.counted["ratio"].to_list() == [2.0]
    assert other.doubts["decision"].to_list() == [
        "two ratios on one day: that of the source of higher priority counts"
    ]


def test_another_ratio_some_days_later_counts_and_is_a_doubt() -> None:
    found = distinct(actions((2, 7, DAY, 2.0), (1, 7, DAY + timedelta(days=2), 3.0)), SOURCES)
    assert found.counted["ratio"].to_list() == [2.0, 3.0]
    assert found.doubts["decision"].to_list() == ["two splits within days: both count"]


def test_of_equal_priority_the_first_source_counts_and_an_unknown_one_comes_last() -> None:
    near = DAY + timedelta(days=1)
    found = distinct(actions((9, 7, DAY, 2.0), (3, 7, DAY, 2.0), (1, 7, near, 2.0)), SOURCES)
    assert found.counted.select("source_id", "ex_date").rows() == [(1, near)]
    assert found.doubts["source_id"].to_list() == [3, 9]


@pytest.mark.parametrize("ratio", [None, 0.0, -2.0, float("nan"), float("inf")])
def test_an_unusable_ratio_yields(ratio: float | None) -> None:
    found = distinct(actions((2, 7, DAY, ratio), (1, 7, DAY, 2.0)), SOURCES)
    assert found.counted["source_id"].to_list() == [1]
    assert distinct(actions((2, 7, DAY, ratio)), SOURCES).counted.is_empty()
