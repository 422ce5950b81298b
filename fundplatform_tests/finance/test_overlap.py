"""Overlap of holdings: methodology B2's example and hand work."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fundplatform.finance import overlap
from fundplatform.finance.overlap import HOLDINGS


def _holdings(**funds: dict[str, float]) -> pl.DataFrame:
    rows = [(fund, h, w) for fund, held in funds.items() for h, w in held.items()]
    return pl.DataFrame(rows, schema=HOLDINGS, orient="row")


BOOK = _holdings(X={"A": 0.3, "B": 0.2, "C": 0.5}, Y={"A": 0.1, "B": 0.4, "D": 0.5})


def test_published_example() -> None:
    # Methodology B2: 0.30 / 0.70 / 0.50.
    (row,) = overlap.overlaps(BOOK).rows(named=True)
    assert (row["fund"], row["other"], row["common"]) == ("X", "Y", 2)
    assert row["overlap"] == pytest.approx(0.30, abs=1e-12)
    assert row["active_share"] == pytest.approx(0.70, abs=1e-12)
    assert row["jaccard"] == 0.50


def test_nothing_in_common() -> None:
    (row,) = overlap.overlaps(_holdings(X={"A": 1.0}, Y={"B": 1.0})).rows(named=True)
    assert (row["overlap"], row["active_share"], row["jaccard"]) == (0.0, 1.0, 0.0)


def test_shorts_and_lots() -> None:
    # X is short A, Y long: no overlap there. X's B comes in two lots of 0.5 and 0.6.
    lots = pl.concat(
        [
            _holdings(X={"A": -0.1, "B": 0.5}, Y={"A": 0.2, "B": 0.8}),
            _holdings(X={"B": 0.6}),
        ]
    )
    (row,) = overlap.overlaps(lots).rows(named=True)
    assert row["overlap"] == pytest.approx(0.8, abs=1e-12)
    # (|-0.1 - 0.2| + |1.1 - 0.8|) / 2
    assert row["active_share"] == pytest.approx(0.3, abs=1e-12)
    assert row["common"] == 2


def test_three_funds_are_three_pairs() -> None:
    book = pl.concat([BOOK, _holdings(Z={"C": 1.0})])
    got = overlap.overlaps(book).select("fund", "other", "overlap").rows()
    assert got == [("X", "Y", pytest.approx(0.3)), ("X", "Z", 0.5), ("Y", "Z", 0.0)]


def test_weight_sums() -> None:
    book = _holdings(Whole={"A": 0.7, "CASH": 0.26}, Part={"A": 0.9}, Hedge={"A": 1.3, "B": -0.3})
    got = {r["fund"]: r for r in overlap.weight_sums(book).rows(named=True)}
    assert got["Whole"]["complete"]
    assert not got["Part"]["complete"]
    assert got["Hedge"]["complete"]
    assert (got["Hedge"]["long"], got["Hedge"]["short"]) == (1.3, -0.3)


def test_common_holdings() -> None:
    got = overlap.common_holdings(BOOK)
    assert got.rows() == [("B", 0.2, 0.2, 0.4), ("A", 0.1, 0.3, 0.1)]
    assert overlap.common_holdings(BOOK, limit=1).height == 1
    assert overlap.common_holdings(_holdings(X={"A": 1.0}, Y={"B": 1.0})).is_empty()


def test_same_holdings_higher_fee() -> None:
    book = _holdings(
        A={"S": 0.5, "T": 0.5}, B={"S": 0.5, "T": 0.5}, C={"S": 0.6, "T": 0.4}, D={"Q": 1.0}
    )
    ratios = pl.DataFrame(
        {"fund": ["A", "B", "C", "D"], "expense_ratio": [0.0003, 0.0009, 0.0068, 0.01]}
    )
    got = overlap.same_holdings_higher_fee(overlap.overlaps(book), ratios)
    assert got.select("dearer", "cheaper").rows() == [("C", "A"), ("C", "B"), ("B", "A")]
    # Per 10,000 a year: 0.65 %, 0.59 %, 0.06 %.
    assert got["cost_per_year"].to_list() == pytest.approx([65, 59, 6])
    unknown = ratios.with_columns(expense_ratio=pl.lit(None, pl.Float64))
    assert overlap.same_holdings_higher_fee(overlap.overlaps(book), unknown).is_empty()


_WEIGHTS = st.dictionaries(st.sampled_from("ABCDEFG"), st.integers(1, 100), min_size=1).map(
    lambda held: {h: w / sum(held.values()) for h, w in held.items()}
)


@given(_WEIGHTS, _WEIGHTS)
def test_long_only_overlap_and_active_share_sum_to_one(
    one: dict[str, float], other: dict[str, float]
) -> None:
    (row,) = overlap.overlaps(_holdings(X=one, Y=other)).rows(named=True)
    assert row["overlap"] + row["active_share"] == pytest.approx(1, abs=1e-9)
    assert 0 <= row["jaccard"] <= 1
