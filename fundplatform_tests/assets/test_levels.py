"""Levels end before a session that has not been computed."""

from datetime import date
from pathlib import Path

import polars as pl

from fundplatform.assets.indices import unbroken
from fundplatform.finance.index_definition import SHIPPED, load_definition

INDEX = load_definition(Path(SHIPPED) / "sample_top_2.yaml")
# Thursday, Friday, Monday, Tuesday.
DAYS = [date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 8), date(2024, 1, 9)]


def performance(days: list[date]) -> pl.DataFrame:
    return pl.DataFrame({"index_name": ["sample_top_2"] * len(days), "session": days})


def test_a_weekend_is_no_hole() -> None:
    assert unbroken(performance(DAYS), INDEX)["session"].to_list() == DAYS


def test_nothing_from_the_first_missing_session_on() -> None:
    assert unbroken(performance([DAYS[0], DAYS[1], DAYS[3]]), INDEX)["session"].to_list() == [
        DAYS[0],
        DAYS[1],
    ]


def test_no_rows_stay_no_rows() -> None:
    assert unbroken(performance([]).cast({"session": pl.Date}), INDEX).is_empty()
