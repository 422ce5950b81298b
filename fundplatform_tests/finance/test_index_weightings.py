"""Weightings, reviews and total return; the numbers of methodology A5."""

from datetime import date, timedelta

import numpy as np
import pytest

from fundplatform.finance.index import Facts, IndexResult, build, levels
from fundplatform.finance.index.reviews import reviews, third_friday
from fundplatform.finance.index.weights import capped
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform_tests.finance.index_cases import (
    START,
    Closes,
    by_cap,
    cutoffs,
    day,
    market,
    paid_by,
    sessions,
)
from fundplatform_tests.finance.test_index import A5_CAPS, A5_CLOSES, ABCD


def a5(dividend: bool = True, **changes: object) -> IndexResult:
    returns = market(A5_CLOSES, splits=[("B", 1, 2.0)], ids=ABCD)
    paid = paid_by(returns, [(1, 2, 1.0, 0.0)]) if dividend else None
    return build(
        by_cap(2, **changes),
        returns,
        sessions(3),
        first=START,
        last=day(2),
        caps=A5_CAPS,
        cutoffs=cutoffs(3),
        facts=Facts(paid=paid),
    )


def level(result: IndexResult, basis: str = "price") -> list[float]:
    found = levels(result.performance, by_cap(2)).filter(return_basis=basis)
    return found["level"].to_list()


def test_a5_total_return() -> None:
    result = a5(withholding=0.15)
    assert level(result) == pytest.approx([1000, 1000, 975.0], abs=1e-9)
    assert level(result, "gross_total") == pytest.approx([1000, 1000, 979.901961], abs=1e-6)
    # Net: (-2.5 % + 0.85 x 1/102 / 2) = -2.083333 %.
    assert level(result, "net_total") == pytest.approx([1000, 1000, 979.166667], abs=1e-6)


def test_a5_cap_weights() -> None:
    result = a5(weighting="cap")
    assert level(result) == pytest.approx([1000, 1001.0526, 976.7847], abs=5e-5)
    first = result.compositions.filter(session=START)["target_weight"].to_list()
    assert first == pytest.approx([1000 / 1900, 900 / 1900])
    divisor = result.baskets["basket_value"].to_numpy() / np.array(level(result))
    assert divisor.tolist() == pytest.approx([1.9, 1.977918, 1.977918], abs=1e-6)


def test_a5_price_weights() -> None:
    result = a5(weighting="price")
    assert level(result) == pytest.approx([1000, 1012.0, 1002.3619], abs=5e-5)
    # At the split B's weight halves: 50 of 150 before, 25 of 125 after.
    start = result.contributions.filter(session=day(1), return_basis="price")
    assert start["start_weight"].to_list() == pytest.approx([0.8, 0.2])
    divisor = result.baskets["basket_value"].to_numpy() / np.array(level(result))
    assert divisor.tolist() == pytest.approx([0.15, 0.12450593, 0.12450593], abs=1e-8)


def test_capped_weights_by_hand() -> None:
    # 50 30 15 5 at 40 %: 10 over 50 gives 40 36 18 6; at 35 %: then 36 is over, and so on.
    assert capped(np.array([50.0, 30, 15, 5]), 0.4).tolist() == pytest.approx(
        [0.4, 0.36, 0.18, 0.06]
    )
    assert capped(np.array([50.0, 30, 15, 5]), 0.35).tolist() == pytest.approx(
        [0.35, 0.35, 0.225, 0.075]
    )
    assert capped(np.array([3.0, 1.0]), 0.4).tolist() == [0.5, 0.5]
    result = a5(weighting="capped", max_weight=0.52)
    first = result.compositions.filter(session=START)["target_weight"].to_list()
    assert first == pytest.approx([0.52, 0.48])


def test_float_cap_weights() -> None:
    result = a5(weighting="float_cap", float_factors={"A": 0.45})
    first = result.compositions.filter(session=START)["target_weight"].to_list()
    assert first == pytest.approx([450 / 1350, 900 / 1350])


def fixed(closes: Closes, weights: dict[str, float], **changes: object) -> IndexResult:
    count = max(map(len, closes.values()))
    definition = IndexDefinition(
        "x",
        "X",
        Universe(),
        len(weights),
        "weight",
        weighting="fixed",
        weights=weights,
        **changes,  # type: ignore[arg-type]
    )
    return build(definition, market(closes), sessions(count), first=START, last=day(count - 1))


def test_fixed_weights_drift_until_the_next_review() -> None:
    closes: Closes = {"A": [10.0, 20.0, 20.0, 20.0], "B": [10.0, 10.0, 10.0, 20.0]}
    result = fixed(closes, {"A": 3.0, "B": 1.0}, rebalance="dates", rebalance_dates=(day(2),))
    weights = result.compositions.filter(instrument_id=1)["target_weight"].to_list()
    # 0.75 doubles against 0.25: 6/7; back to 3/4 on day 2; then 3 against 2.
    assert weights == pytest.approx([0.75, 6 / 7, 0.75, 0.6])
    assert result.performance["turnover"].to_list() == pytest.approx([None, 0.0, 6 / 7 - 0.75, 0.0])
    assert result.baskets["reviewed"].to_list() == [True, False, True, False]
    assert level(result) == pytest.approx([1000, 1750, 1750, 2187.5])


def test_without_reviews_an_index_is_buy_and_hold() -> None:
    rng = np.random.default_rng(1)
    paths = {s: (100 * np.exp(np.cumsum(rng.normal(0, 0.03, 20)))).tolist() for s in "ABC"}
    result = fixed(paths, {"A": 0.5, "B": 0.3, "C": 0.2}, rebalance="quarterly")
    held = 1000 * sum(
        w * np.array(paths[s]) / paths[s][0] for s, w in {"A": 0.5, "B": 0.3, "C": 0.2}.items()
    )
    assert level(result) == pytest.approx(held.tolist(), rel=1e-12)


def test_reviews() -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(366)]
    weekdays = [d for d in days if d.weekday() < 5 and d != date(2024, 6, 21)]

    def on(**keys: object) -> list[date]:
        flags = reviews(by_cap(**keys), weekdays)
        return [d for d, f in zip(weekdays, flags, strict=True) if f]

    assert third_friday(2024, 3) == date(2024, 3, 15)
    # 21 June is closed here: the session before it.
    assert on(rebalance="quarterly") == [
        date(2024, 3, 15), date(2024, 6, 20), date(2024, 9, 20), date(2024, 12, 20),
    ]  # fmt: skip
    assert on(rebalance="monthly")[:3] == [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 29)]
    assert on(rebalance="dates", rebalance_dates=(date(2024, 5, 4),)) == [date(2024, 5, 3)]


@pytest.mark.parametrize(("buffer", "stays"), [(0.0, False), (0.5, True)])
def test_a_buffer_keeps_a_seat(buffer: float, stays: bool) -> None:
    # C overtakes B on day 1: rank 3 of n = 2 is within 2 x 1.5; entering needs rank <= 1.
    closes: Closes = {"A": [10.0, 10.0], "B": [9.0, 7.0], "C": [8.0, 8.0]}
    definition = IndexDefinition("x", "X", Universe(), 2, "price", buffer=buffer)
    result = build(definition, market(closes), sessions(2), first=START, last=day(1))
    chosen = result.compositions.filter(session=day(1))
    assert chosen["instrument_id"].to_list() == ([1, 2] if stays else [1, 3])
    assert chosen["rank"].to_list() == ([1, 3] if stays else [1, 2])
    turnover = result.performance["turnover"].to_list()[1]
    assert (turnover < 0.1) is stays
