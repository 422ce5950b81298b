"""Levels, the look-back and the borders of `build`; expected values by hand."""

import polars as pl
import pytest

from fundplatform.errors import SchemaError
from fundplatform.finance.index import build, levels, look_back
from fundplatform_tests.finance.index_cases import by_cap, by_volume, day, market, sessions


def test_a_total_loss_is_counted() -> None:
    returns = market({"A": [100.0, 0.0, 0.0]})
    result = build(by_volume(1), returns, sessions(3), first=day(0), last=day(2))
    assert result.performance["session_return"].to_list()[1] == -1.0
    assert result.contributions["drifted_weight"].to_list() == [1.0]
    found = levels(result.performance, by_volume(1))
    # From a price of 0 there is no further return, so no further level.
    assert found["level"].to_list() == [1000.0, 0.0]
    assert found["drawdown"].to_list() == [0.0, -1.0]


def test_levels_drawdown_and_other_indices() -> None:
    performance = pl.DataFrame(
        {
            "index_name": ["x"] * 5 + ["y"],
            "session": [day(4), day(0), day(1), day(2), day(3), day(1)],
            "return_basis": ["price"] * 6,
            "state": ["ok", "no_caps", "base", "ok", "ok", "base"],
            "session_return": [0.5, None, None, 0.1, -0.5, None],
        }
    )
    found = levels(performance, by_cap(base_level=100.0))
    assert found["session"].to_list() == [day(1), day(2), day(3), day(4)]
    assert found["level"].to_list() == pytest.approx([100, 110, 55, 82.5])
    assert found["drawdown"].to_list() == pytest.approx([0, 0, -0.5, -0.25])
    assert levels(performance.filter(state="ok"), by_cap()).is_empty()


def test_a_session_without_a_return_has_no_level() -> None:
    performance = pl.DataFrame(
        {
            "index_name": ["x"] * 4,
            "session": [day(0), day(1), day(2), day(3)],
            "return_basis": ["price"] * 4,
            "state": ["base", "ok", "stale_caps", "ok"],
            "session_return": [None, 0.1, None, 0.1],
        }
    )
    found = levels(performance, by_cap(base_level=100.0))
    assert found["session"].to_list() == [day(0), day(1), day(3)]
    assert found["level"].to_list() == pytest.approx([100, 110, 121])


def test_look_back_covers_windows_gaps_and_cap_ages() -> None:
    # 1 composition before, 1 margin, 5 for gaps, then the longest window.
    assert look_back(by_volume(window=3, stale_sessions=5)) == 7 + 20
    assert look_back(by_volume(window=30, stale_sessions=5)) == 7 + 30
    # 400 days hold at most 286 weekdays; growth may start 5 sessions earlier.
    assert look_back(by_cap()) == 7 + 287 + 5
    assert look_back(by_cap(calendar="24/7")) == 7 + 401 + 5


def test_sessions_out_of_order_are_refused() -> None:
    with pytest.raises(SchemaError, match="ascending"):
        build(by_volume(), market({"A": [1.0]}), [day(1), day(0)], first=day(0), last=day(1))


def test_an_index_of_a_single_name_says_so() -> None:
    alone = build(by_volume(2), market({"A": [10.0]}), sessions(1), first=day(0), last=day(0))
    assert alone.performance["note"].to_list() == ["only 1 of 2 names are eligible"]


def test_a_return_on_a_day_that_is_no_session_goes_to_the_next_session() -> None:
    returns = market({"A": [100.0, 110.0, 121.0, 121.0], "B": [1.0, 1.0, 1.0, 2.0]})
    calendar = [day(0), day(2)]
    result = build(by_volume(1), returns, calendar, first=day(0), last=day(2))
    assert result.performance["session_return"].to_list() == pytest.approx([None, 0.21])
