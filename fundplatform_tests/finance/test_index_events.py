"""What happens to names of an index: they pay, spin off, end, and others take their place."""

from dataclasses import replace

import polars as pl
import pytest

from fundplatform.finance.index import Facts, Payouts, build
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform_tests.finance.index_cases import (
    START,
    Closes,
    close_at,
    cutoffs,
    day,
    market,
    paid_by,
    sessions,
)


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
        assert changes.select("instrument_id", "change", "reason").rows() == [
            (1, "removed", "not_eligible"),
            (3, "added", "rank"),
        ]
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


def test_of_several_that_leave_the_largest_weight_goes_to_the_best_ranked() -> None:
    closes: Closes = {
        "A": [10.0, 10.0, None],
        "B": [9.0, 9.0, None],
        "C": [8.0, 16.0, 16.0],
        "D": [4.0] * 3,
        "E": [5.0] * 3,
    }
    returns = market(closes)
    definition = IndexDefinition("x", "X", Universe(), 3, "price", rebalance="quarterly")
    result = build(
        definition, returns, sessions(3), first=START, last=day(2), cutoffs=cutoffs(3),
        facts=Facts(paid=paid_by(
            returns, ends=[(1, "delisting", 2, 5.0), (2, "delisting", 2, 9.0)]
        )),
    )  # fmt: skip
    # A third each; A halves, C doubles: 1/6, 2/6, 4/6. B's 2/7 goes to E, A's 1/7 to D.
    after = result.compositions.filter(session=day(1)).sort("instrument_id")
    assert after["instrument_id"].to_list() == [3, 4, 5]
    assert after["target_weight"].to_list() == pytest.approx([4 / 7, 1 / 7, 2 / 7])


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


def test_what_a_spin_off_is_worth_is_awaited_on_its_ex_date_only() -> None:
    returns = market({"A": [10.0, 10.0, 10.0], "B": [9.0] * 3})
    awaited = pl.DataFrame({"instrument_id": [1], "session": [day(1)]})
    awaited = awaited.cast({"instrument_id": pl.Int32})
    result = build(
        IndexDefinition("x", "X", Universe(), 2, "price"),
        returns,
        sessions(3),
        first=START,
        last=day(2),
        facts=Facts(paid=replace(paid_by(returns), awaited=awaited)),
    )
    price = result.performance.filter(return_basis="price")
    assert price["provisional"].to_list() == [False, True, False]
    notes = price["note"].to_list()
    assert notes[0] is notes[2] is None
    assert notes[1].endswith("of A")
