"""Weightings, reviews, total return and the ends of names; the numbers of methodology A5."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from fundplatform.finance.index import Facts, IndexResult, Payouts, build, levels, payouts
from fundplatform.finance.index.reviews import reviews, third_friday
from fundplatform.finance.index.weights import capped
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.payments import PAYMENTS
from fundplatform.tables import ACTIONS
from fundplatform_tests.finance.index_cases import (
    START,
    by_cap,
    close_at,
    cutoffs,
    market,
    sessions,
)
from fundplatform_tests.finance.test_index import A5_CAPS, A5_CLOSES, ABCD

Closes = dict[str, list[float | None]]
NO_FACTORS = pl.DataFrame(
    schema={
        "instrument_id": pl.Int32,
        "from_session": pl.Date,
        "to_session": pl.Date,
        "split_factor": pl.Float64,
    }
)


def day(i: int) -> date:
    return START + timedelta(days=i)


def paid_by(
    returns: pl.DataFrame,
    cash: list[tuple[int, int, float, float]] = [],  # noqa: B006
    spun: list[tuple[int, int, float]] = [],  # noqa: B006
    ends: list[tuple[int, str, int, float | None]] = [],  # noqa: B006
    children: list[tuple[int, int, int]] = [],  # noqa: B006
) -> Payouts:
    """Cash as (id, day, amount, special part), spin-offs as (id, day, worth), ends, children."""
    amounts = [(i, day(t), a, s) for i, t, a, s in cash]
    worth = [(i, day(t), a, a) for i, t, a in spun]
    rows = [
        {
            "instrument_id": i,
            "action": a,
            "ex_date": day(t),
            "amount": v,
            "known_at": close_at(t - 1),
        }
        for i, a, t, v in ends
    ]
    return payouts(
        pl.DataFrame(amounts, schema=PAYMENTS, orient="row"),
        pl.DataFrame(worth, schema=PAYMENTS, orient="row"),
        pl.DataFrame(rows, schema=ACTIONS.polars_schema),
        returns.with_columns(adjustment=pl.lit("none")),
        NO_FACTORS,
        None,
        pl.DataFrame(
            [(i, day(t), child) for i, t, child in children],
            schema={"instrument_id": pl.Int32, "ex_date": pl.Date, "child_id": pl.Int32},
            orient="row",
        ),
    )


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


def test_a_special_dividend_and_a_spin_off_count_in_the_price_return() -> None:
    closes: Closes = {"A": [100.0, 90.0], "B": [50.0, 50.0]}
    returns = market(closes)
    definition = IndexDefinition("x", "X", Universe(), 2, "price")

    def first_return(paid: Payouts) -> float:
        result = build(
            definition, returns, sessions(2), first=START, last=day(1), facts=Facts(paid=paid)
        )
        by_basis = result.performance.filter(session=day(1)).sort("return_basis")
        assert by_basis["return_basis"].to_list() == ["gross_total", "net_total", "price"]
        assert by_basis["session_return"].n_unique() == 1
        return float(by_basis["session_return"][2])

    # Special: 90 / (100 - 10) - 1 = 0. Spin-off worth 10: (90 + 10) / 100 - 1 = 0.
    assert first_return(paid_by(returns, [(1, 1, 10.0, 10.0)])) == pytest.approx(0.0, abs=1e-15)
    assert first_return(paid_by(returns, spun=[(1, 1, 10.0)])) == pytest.approx(0.0, abs=1e-15)
    assert first_return(paid_by(returns)) == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("action", "worth", "default", "expected"),
    [
        ("delisting", 1.0, 0.0, -0.45),  # 10 -> 1: -90 % of half
        ("delisting", None, -0.3, -0.15),
        ("delisting", None, 0.0, 0.0),
        ("merger", 12.0, -0.3, 0.1),
        ("merger", None, -0.3, 0.0),  # terms not known: the last close
        ("delisting", 0.0, 0.0, -0.5),
    ],
)
def test_the_last_return_of_a_dead_name_counts(
    action: str, worth: float | None, default: float, expected: float
) -> None:
    closes: Closes = {"A": [10.0, 10.0, None, None], "B": [9.0] * 4, "C": [5.0] * 4}
    returns = market(closes)
    definition = IndexDefinition("x", "X", Universe(), 2, "price", delisting_return=default)
    for known, at in ((1, 1), (2, 2)):
        # Known before the close of its last session, it leaves there; known later, on that day.
        paid = paid_by(returns, ends=[(1, action, 2, worth)])
        ends = paid.ends.with_columns(
            known_at=pl.lit(close_at(known)).cast(pl.Datetime("us", "UTC"))
        )
        result = build(
            definition,
            returns,
            sessions(4),
            first=START,
            last=day(3),
            cutoffs=cutoffs(4),
            facts=Facts(paid=Payouts(paid.yields, ends)),
        )
        got = result.performance.filter(return_basis="price")["session_return"].to_list()
        assert got[at] == pytest.approx(expected, abs=1e-12)
        assert sum(abs(r) for r in got[1:]) == pytest.approx(abs(expected), abs=1e-12)
        changes = result.composition_changes.filter(session=day(at))
        assert changes.select("instrument_id", "change").rows() == [(1, "removed"), (3, "added")]
        assert "A ended" in result.performance.filter(session=day(at))["note"][0]


def test_between_reviews_a_new_name_takes_the_weight_of_the_one_that_left() -> None:
    closes: Closes = {"A": [10.0, 10.0, None], "B": [9.0, 18.0, 18.0], "C": [5.0] * 3}
    returns = market(closes)
    definition = IndexDefinition("x", "X", Universe(), 2, "price", rebalance="quarterly")
    result = build(
        definition, returns, sessions(3), first=START, last=day(2), cutoffs=cutoffs(3),
        facts=Facts(paid=paid_by(returns, ends=[(1, "delisting", 2, 5.0)])),
    )  # fmt: skip
    # At the close of day 1 A is worth 5 of 10, B doubled: 0.25 and 1.0, so 0.2 goes to C.
    after = result.compositions.filter(session=day(1)).sort("instrument_id")
    assert after["instrument_id"].to_list() == [2, 3]
    assert after["target_weight"].to_list() == pytest.approx([0.8, 0.2])


def test_what_was_spun_off_is_held_at_its_worth_until_the_next_review() -> None:
    """A at 100 becomes 80 and a KID at 20: half of the index is then 0.4 A and 0.1 KID."""
    closes: Closes = {
        "A": [100.0, 80.0, 88.0, 88.0],
        "B": [50.0] * 4,
        "KID": [None, 20.0, 10.0, 10.0],
    }
    returns = market(closes)
    definition = IndexDefinition(
        "x", "X", Universe(), 2, "price", rebalance="dates", rebalance_dates=(day(0), day(2))
    )
    paid = paid_by(returns, spun=[(1, 1, 20.0)], children=[(1, 1, 3)])
    result = build(
        definition, returns, sessions(4), first=START, last=day(3), facts=Facts(paid=paid)
    )
    held = {
        s: dict(rows.select("instrument_id", "target_weight").iter_rows())
        for (s,), rows in result.compositions.group_by("session")
    }
    assert held[day(1)] == pytest.approx({1: 0.4, 2: 0.5, 3: 0.1})
    # 0.4 x 10 % - 0.1 x 50 % = -1 %; at the review KID is third of two, and leaves.
    assert held[day(2)] == pytest.approx({1: 0.5, 2: 0.5})
    of_price = result.performance.filter(return_basis="price").sort("session")
    assert of_price["session_return"].to_list()[1:] == pytest.approx([0.0, -0.01, 0.0], abs=1e-15)
    # Nothing is traded on day 1; on day 2 weights are 0.44, 0.5 and 0.05 of 0.99.
    traded = 0.05 / 0.99
    assert of_price["turnover"].to_list()[1:3] == pytest.approx(
        [0.0, (traded + (0.5 - 0.44 / 0.99) + abs(0.5 - 0.5 / 0.99)) / 2]
    )
    changes = result.composition_changes.filter(instrument_id=3)
    assert changes.select("session", "change", "reason").rows() == [
        (day(1), "added", "spin_off"),
        (day(2), "removed", "rank"),
    ]


def test_a_price_index_holds_no_child() -> None:
    closes: Closes = {"A": [100.0, 80.0], "B": [50.0] * 2, "KID": [None, 20.0]}
    returns = market(closes)
    definition = IndexDefinition(
        "x", "X", Universe(), 2, "price", weighting="price", rebalance="dates",
        rebalance_dates=(day(0),),
    )  # fmt: skip
    paid = paid_by(returns, spun=[(1, 1, 20.0)], children=[(1, 1, 3)])
    result = build(
        definition, returns, sessions(2), first=START, last=day(1), facts=Facts(paid=paid)
    )
    assert result.compositions.filter(session=day(1))["instrument_id"].sort().to_list() == [1, 2]
