"""Methodology B3's risk figures, to the printed digits, and the edges of each fold."""

from functools import reduce

import numpy as np
import pytest

from fundplatform.finance import folds, tails
from fundplatform.finance.blocks import Layout, Part, Statistic, Windows
from fundplatform.finance.panel import Carried
from fundplatform.finance.recovery import Highest, recovered, recovered_since
from fundplatform.finance.windows import fold

R = np.array([0.02, -0.02, 0.05, -0.01, 0.0])
B = np.array([0.01, -0.01, 0.02, 0.0, 0.005])
ALL = np.ones(5, dtype=np.bool_)
SUM = Statistic(lambda values: (values,), folds.add, (0.0,))


def whole(leaf: Part, combine: object) -> list[float]:
    rows = [tuple(f[n : n + 1] for f in leaf) for n in range(len(leaf[0]))]
    return [float(f[0]) for f in reduce(combine, rows)]  # type: ignore[arg-type]


def test_b3_beta_alpha_tracking_error_and_information_ratio() -> None:
    n, own, other, squares, product, active = whole(folds.pair(R, B, ALL), folds.join_pair)
    beta = product / squares
    assert beta == pytest.approx(2.40, abs=1e-12)
    assert 252 * (own - beta * other) == pytest.approx(-1.0080, abs=1e-12)
    error = float(folds.deviation(np.array([n]), np.array([active]))[0])
    assert round(100 * error * 252**0.5, 6) == 27.265363
    assert round((own - other) * 252 / (error * 252**0.5), 6) == 2.772749
    assert round((own - other) / error, 6) == 0.174667


def test_b3_captures() -> None:
    sides = whole(folds.captured(R, B, ALL), folds.add)
    up, down = sides[:3], sides[3:]
    assert round(100 * float(folds.capture(tuple(np.array([v]) for v in up))[0]), 2) == 198.56
    assert round(100 * float(folds.capture(tuple(np.array([v]) for v in down))[0]), 2) == 200.00
    never = folds.capture((np.zeros(1), np.zeros(1), np.zeros(1)))
    assert np.isnan(never).all()


def test_b3_value_at_risk() -> None:
    # Asked below its minimum: the figure is B3's, the minimum is risk.py's.
    observed = tails.Observed.of(R[:, None], ALL[:, None], 1)
    var, shortfall = tails.tails(observed, np.array([0]), np.array([4]), np.array([[True]]))
    assert (round(float(var[0, 0]), 12), round(float(shortfall[0, 0]), 12)) == (0.018, 0.02)


def test_tails_count_equal_losses_once_each() -> None:
    # 40 returns: place 1.95 between the second and third lowest, both -2 %.
    values = np.array([-0.03, -0.02, -0.02, -0.02, *[0.01] * 36])
    observed = tails.Observed.of(values[:, None], np.ones((40, 1), dtype=np.bool_), 1)
    var, shortfall = tails.tails(observed, np.array([0]), np.array([39]), np.array([[True]]))
    assert float(var[0, 0]) == pytest.approx(0.02, abs=1e-15)
    assert float(shortfall[0, 0]) == pytest.approx(0.09 / 4, abs=1e-15)


def test_skew_and_kurtosis_by_hand() -> None:
    # 1, 2, 3, 10: mean 4, sums of powers 50, 180, 1394.
    values = np.array([1.0, 2.0, 3.0, 10.0])
    part = tuple(
        np.array([v]) for v in whole(folds.shape(values, np.ones(4, np.bool_)), folds.join_shape)
    )
    assert [float(f[0]) for f in part] == pytest.approx([4, 4, 50, 180, 1394])
    plain = (180 / 4) / (50 / 4) ** 1.5
    assert float(folds.skewness(part)[0]) == pytest.approx(plain * (4 * 3) ** 0.5 / 2)
    excess = (1394 / 4) / (50 / 4) ** 2 - 3
    assert float(folds.kurtosis(part)[0]) == pytest.approx(3 / (2 * 1) * (5 * excess + 6))
    flat = whole(folds.shape(np.full(9, 0.01), np.ones(9, np.bool_)), folds.join_shape)
    assert np.isnan(folds.skewness(tuple(np.array([v]) for v in flat))).all()


def test_drawdown_dates_and_recovery() -> None:
    growth = np.array([1.0, 1.2, 0.9, 1.2, 1.3, 1.04, 1.1, 1.3])
    rows = np.arange(8.0)
    seen = [
        whole(tuple(f[:end] for f in folds.located(growth, rows)), folds.join_located)
        for end in (4, 8)
    ]
    # -25 % from row 1 to row 2 stays the deepest; -20 % from row 4 to 5 is not.
    assert [(s[2], s[5], s[6]) for s in seen] == [(pytest.approx(-0.25), 1.0, 2.0)] * 2
    peak, trough = np.array([[1.0], [1.0], [4.0]]), np.array([[2.0], [2.0], [5.0]])
    found = recovered(Highest.of(growth[:, None]), peak, trough, np.array([2, 3, 7]))
    np.testing.assert_equal(found, [[np.nan], [3.0], [7.0]])


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13, 64, 100])
def test_the_first_row_at_a_price_is_found_as_by_looking_at_every_row(length: int) -> None:
    rng = np.random.default_rng(length)
    prices = rng.normal(0.0, 1.0, (length, 3)).cumsum(axis=0).round(1)
    column, begin = rng.integers(0, 3, 300), rng.integers(0, length + 1, 300)
    level = rng.normal(0.0, 3.0, 300).round(1)
    expected = [
        next((row for row in range(b, length) if prices[row, c] >= price), np.inf)
        for c, b, price in zip(column, begin, level, strict=True)
    ]
    np.testing.assert_array_equal(Highest.of(prices).first(column, begin, level), expected)


def test_a_fall_from_before_the_cut_is_made_good_on_no_day_to_come() -> None:
    """The peak, 2.0, is kept; the trough is row 1, and row 4 is at the peak's price again."""
    nothing, row = np.full((1, 1), np.nan), np.array([-5], dtype=np.int32)
    parts = {"located": (np.array([[2.0]]), *(nothing for _ in range(6)))}
    carried = Carried(
        np.array([], "datetime64[D]"), row, row, row, np.ones(1), np.ones(1, np.bool_), parts,
        top=np.array([2.0]), recovery=np.array([np.nan]), lowest=nothing,
    )  # fmt: skip
    prices = Highest.of(np.array([1.9, 1.0, 1.5, 1.8, 2.0, 2.1])[:, None])
    trough, rows = np.array([[1.0], [1.0], [1.0]]), np.array([3, 4, 5], dtype=np.int32)
    found = recovered_since(prices, carried, trough, rows)
    np.testing.assert_equal(found, [[np.nan], [4.0], [4.0]])


def test_the_latest_of_equal_peaks_counts() -> None:
    growth = np.array([1.0, 1.5, 1.5, 1.2, 1.2])
    found = whole(folds.located(growth, np.arange(5.0)), folds.join_located)
    assert (found[5], found[6]) == (2.0, 3.0)


@pytest.mark.parametrize("width", [5, 7])
def test_windows_are_sums_of_their_rows(width: int) -> None:
    days = np.arange("2009-11-02", "2010-03-29", dtype="datetime64[D]")
    weekday = (days.astype(np.int64) + 3) % 7
    days = days[(weekday < width) & (days != np.datetime64("2009-12-25"))]
    layout = Layout.fortnights(days)
    assert layout.width == 2 * width
    values = np.random.default_rng(1).integers(0, 9, (len(days), 3)).astype(np.float64)
    last = np.arange(40, len(days), dtype=np.int32)
    wanted = [Windows(None, last), Windows(last - 31, last), Windows(last - 14, last)]
    found = list(fold(SUM, [layout.spread(values)], layout, wanted))
    few = [Windows(None if w.first is None else w.first[-2:], w.last[-2:]) for w in wanted]
    for whole_range, (sums,) in zip(
        found, fold(SUM, [layout.spread(values)], layout, few), strict=True
    ):
        np.testing.assert_array_equal(sums, whole_range[0][-2:])
    for first, (sums,) in zip((None, 31, 14), found, strict=True):
        begin = np.zeros_like(last) if first is None else last - first
        expected = [values[a : b + 1].sum(axis=0) for a, b in zip(begin, last, strict=True)]
        np.testing.assert_array_equal(sums, expected)


def test_windows_from_a_block_on_hold_nothing_before_it() -> None:
    """Prices far above the first one: a window that began with it would see a fall to it."""
    # 2080 weeks after Monday 1969-12-29: a fortnight begins.
    days = np.arange("2009-11-09", "2010-03-29", dtype="datetime64[D]")
    days = days[(days.astype(np.int64) + 3) % 7 < 5]
    layout = Layout.fortnights(days)
    prices = 50 + np.random.default_rng(1).random((len(days), 2))
    for block in (1, 2, 4):
        begin = block * 10
        last = np.arange(begin, len(days), dtype=np.int32)
        number = np.full(len(last), layout.first + block)
        (found,) = fold(
            folds.DRAWDOWN, [layout.carried(prices)], layout, [Windows(None, last, number)]
        )
        for at, high, low, deepest in zip(last, *found, strict=True):
            own = prices[begin : at + 1]
            np.testing.assert_array_equal(high, own.max(axis=0))
            np.testing.assert_array_equal(low, own.min(axis=0))
            falls = own / np.maximum.accumulate(own) - 1
            np.testing.assert_allclose(deepest, falls.min(axis=0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("statistic", [folds.MOMENTS, folds.LOSSES])
def test_whole_blocks_at_once_are_their_rows_one_after_the_other(statistic: Statistic) -> None:
    rng = np.random.default_rng(4)
    present = rng.random((6, 10, 5)) < 0.9
    present[2] = False
    values = np.where(present, rng.normal(0.001, 0.01, present.shape), 0.0)
    assert statistic.block is not None
    found = statistic.block(values, present)
    rows = [statistic.leaf(values[:, n], present[:, n]) for n in range(10)]
    for ours, theirs in zip(found, reduce(statistic.combine, rows), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-18)
    alone = statistic.block(values[:, :, :1], present[:, :, :1])
    for ours, theirs in zip(found, alone, strict=True):
        np.testing.assert_array_equal(ours[:, :1], theirs, "whoever is measured beside")


def test_falls_within_whole_blocks_are_those_of_their_rows() -> None:
    growth = np.exp(np.random.default_rng(4).normal(0.0, 0.02, (6, 10, 5)).cumsum(axis=1))
    rows = [folds.drawdown(growth[:, n]) for n in range(10)]
    for ours, theirs in zip(
        folds.drawdown_of(growth), reduce(folds.join_drawdown, rows), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_how_rows_are_cut_changes_nothing_but_the_last_digits() -> None:
    """Moments of any two neighbours give those of both; a neutral side changes no bit."""
    rng = np.random.default_rng(7)
    values = rng.normal(1.0, 0.01, (60, 2))
    present = rng.random((60, 2)) < 0.9
    leaf = folds.shape(np.where(present, values, 0.0), present)
    both = reduce(folds.join_shape, [tuple(f[n] for f in leaf) for n in range(60)])
    for cut in (1, 7, 30, 59):
        parts = [
            reduce(folds.join_shape, [tuple(f[n] for f in leaf) for n in rows])
            for rows in (range(cut), range(cut, 60))
        ]
        for ours, theirs in zip(folds.join_shape(*parts), both, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-15)
    nothing = tuple(np.full(2, v) for v in folds.SHAPE.neutral)
    for side in (folds.join_shape(nothing, both), folds.join_shape(both, nothing)):
        for ours, theirs in zip(side, both, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_many_windows_at_once_are_each_window_sorted() -> None:
    rng = np.random.default_rng(11)
    values = rng.normal(0.0, 0.01, (400, 3)).round(3)  # many equal values
    present = rng.random((400, 3)) < 0.95
    values = np.where(present, values, 0.0)
    last = np.arange(200, 400, dtype=np.int32)
    first = (last - rng.integers(120, 200, 200)).astype(np.int32)
    wanted = rng.random((200, 3)) < 0.8
    many = tails.tails(tails.Observed.of(values, present, 200), first, last, wanted)
    few = tails.Observed.of(values, present, 1)
    for t in range(200):
        one = tails.tails(few, first[t : t + 1], last[t : t + 1], wanted[t : t + 1])
        for ours, theirs in zip(many, one, strict=True):
            np.testing.assert_array_equal(ours[t : t + 1], theirs)
    own = values[first[7] : last[7] + 1, 0][present[first[7] : last[7] + 1, 0]]
    quantile = np.quantile(own, 0.05)
    alone = tails.tails(few, first[7:8], last[7:8], np.ones((1, 3), np.bool_))
    assert float(alone[0][0, 0]) == pytest.approx(-quantile, abs=1e-15)
    assert float(alone[1][0, 0]) == pytest.approx(-own[own <= quantile].mean(), abs=1e-15)
