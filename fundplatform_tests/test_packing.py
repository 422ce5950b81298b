"""Packed keys order and compare exactly as the columns they stand for, or there are none."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import packing

ROWS = packing._WORTH_IT


def _frame(**columns: list[object]) -> pl.DataFrame:
    """The given values over and over, up to a size that is packed."""
    times = ROWS // len(next(iter(columns.values()))) + 1
    return pl.DataFrame({n: v * times for n, v in columns.items()})


def test_telling_leaves_out_what_has_one_value() -> None:
    frame = pl.DataFrame({"a": [1, 1], "b": ["x", None], "c": [2.0, 3.0], "d": [None, None]})
    assert packing.telling(frame, ["d", "c", "b", "a"]) == ["c", "b"]
    assert packing.telling(frame.clear(), ["a"]) == []


@pytest.mark.parametrize(
    ("column", "ordered"),
    [
        ("numbers", [-7, 0, 5]),
        ("days", [date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29)]),
        ("texts", ["", "A", "a", "é"]),
        ("instants", [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in (0, 1, 9)]),
        ("odd", [datetime(2020, 1, 1, 0, 0, 0, n, tzinfo=UTC) for n in (0, 1, 3)]),
    ],
)
def test_order_and_equality_of_one_column(column: str, ordered: list[object]) -> None:
    frame = _frame(**{column: ordered[::-1]})
    place = packing.packed(frame, [column])
    assert place is not None
    assert place.n_unique() == len(ordered)
    assert packing.in_order(frame, [column])[column].unique(maintain_order=True).to_list() == (
        ordered
    )


def test_the_first_column_decides_before_the_second() -> None:
    frame = _frame(a=[2, 1, 2, 1], b=["y", "z", "x", "y"])
    rows = packing.in_order(frame, ["a", "b"]).unique(maintain_order=True).rows()
    assert rows == [(1, "y"), (1, "z"), (2, "x"), (2, "y")]


@pytest.mark.parametrize("values", [[1, None], [1.5, 2.5], [0, 2**63 - 1], [True, False]])
def test_what_cannot_be_packed_is_sorted_as_it_is(values: list[object]) -> None:
    frame = _frame(a=values)
    assert packing.packed(frame, ["a"]) is None
    assert packing.in_order(frame, ["a"])["a"].to_list() == sorted(
        frame["a"].to_list(), key=lambda v: (v is not None, v)
    )


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(seconds=1)])
def test_instants_take_the_room_of_their_steps(step: timedelta) -> None:
    """As microseconds, six thousand instants of ten years of bars would not fit beside the rest."""
    instants = [datetime(2013, 2, 8, 14, 30, tzinfo=UTC) + step * n for n in (0, 1, 86_400 * 30)]
    place = packing.packed(_frame(instants=instants[::-1]), ["instants"])
    assert place is not None
    assert place.unique().sort().to_list() == [0, 1, 86_400 * 30]


def test_too_wide_together_is_not_packed() -> None:
    wide = [0, 2**40]
    assert packing.packed(_frame(a=wide), ["a"]) is not None
    assert packing.packed(_frame(a=wide, b=wide), ["a", "b"]) is None


def test_a_small_frame_is_not_packed() -> None:
    small = pl.DataFrame({"a": [3, 1, 2]})
    assert packing.packed(small, ["a"]) is None
    assert packing.in_order(small, ["a"])["a"].to_list() == [1, 2, 3]


@pytest.mark.parametrize("times", [1, ROWS])
def test_copies_of_a_key(times: int) -> None:
    one = pl.DataFrame({"a": [1, 1, 2, 2], "b": ["x", "x", "x", None], "c": [7, 7, 7, 7]})
    frame = one.join(pl.DataFrame({"n": range(times)}), how="cross")
    counted = frame.select(copies=packing.copies(frame, ["n", "c", "a", "b"]))["copies"]
    assert counted.sort().unique(maintain_order=True).to_list() == [1, 2]
    assert (counted == 2).sum() == frame.height // 2


def test_copies_where_every_key_is_its_own() -> None:
    frame = pl.DataFrame({"a": range(ROWS), "b": [1] * ROWS})
    assert frame.select(packing.copies(frame, ["a", "b"])).to_series().to_list() == [1]
    assert frame.select("a", n=packing.copies(frame, ["b"]))["n"].unique().to_list() == [ROWS]
