"""A rename later alters nothing earlier: ties and notes go by the symbol of then. By hand."""

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fundplatform.finance.index import Facts, IndexResult, build
from fundplatform.finance.index.names import FORMER, Names, as_then, placed_former
from fundplatform_tests.finance.index_cases import (
    START,
    by_cap,
    by_volume,
    caps,
    close_at,
    cutoffs,
    day,
    market,
    sessions,
)

COUNT = 6


def former(*rows: tuple[int, str, date]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=FORMER, orient="row")


# Instrument 1 was called Z until day 2 and is called A since; 2 is M all the time.
RENAMED = former((1, "Z", day(2)))


def tied(symbol: str, count: int, renames: pl.DataFrame | None, policy: str) -> IndexResult:
    """Instruments 1 (`symbol`) and 2 (M): equal caps, equal liquidity; one seat."""
    ids = {symbol: 1, "M": 2}
    return build(
        by_cap(1, share_class_policy=policy, issuers={symbol: "Co", "M": "Co"}),
        market({s: [10.0] * count for s in ids}, ids=ids),
        sessions(count),
        first=START,
        last=day(count - 1),
        caps=caps([(s, close_at(0), 500.0) for s in ids], ids),
        cutoffs=cutoffs(count),
        facts=Facts(former=renames),
    )


@pytest.mark.parametrize("policy", ["each_line", "most_liquid_line"])
def test_a_tie_goes_by_the_symbol_of_then(policy: str) -> None:
    now = tied("A", COUNT, RENAMED, policy)
    assert now.compositions["instrument_id"].to_list() == [2, 2, 2, 1, 1, 1], "M < Z, then A < M"
    before = tied("Z", 3, None, policy)
    for name in ("compositions", "performance", "composition_changes", "contributions"):
        frame: pl.DataFrame = getattr(now, name)
        own = frame.filter(pl.col("session") <= day(2))
        assert_frame_equal(own, getattr(before, name), check_exact=True)


def test_a_note_names_the_symbol_of_then() -> None:
    gone = {"A": [10.0, None, 10.0, 10.0, None, 10.0], "M": [10.0] * COUNT}
    result = build(
        by_volume(2), market(gone), sessions(COUNT), first=START, last=day(COUNT - 1),
        facts=Facts(former=RENAMED),
    )  # fmt: skip
    notes = result.performance["note"].to_list()
    assert notes[1] == "no price for 1 of the names held, last one carried: Z"
    assert notes[4] == "no price for 1 of the names held, last one carried: A"


def test_symbols_and_their_order_at_a_position() -> None:
    names = Names(["A", "M"], [START, None], {0: [(2, "Y"), (4, "Z")]})
    assert [names.at(pos, 0) for pos in range(6)] == ["Y", "Y", "Y", "Z", "Z", "A"]
    assert names.places(5) is None
    for pos in (0, 4):
        places = names.places(pos)
        assert places is not None
        assert places.tolist() == [1, 0]


def test_a_last_day_that_is_no_session_is_the_session_before() -> None:
    days = [day(1), day(3), day(5)]
    rows = former((1, "B", day(4)), (1, "C", day(5)), (2, "D", day(0)), (3, "E", day(9)))
    placed = placed_former(rows, days)
    assert placed.rows() == [(1, "B", 1), (1, "C", 2), (3, "E", 2)]
    frame = pl.DataFrame(
        {"pos": [0, 1, 2, 0], "instrument_id": [1, 1, 1, 4], "symbol": ["X"] * 4},
        schema_overrides={"pos": pl.Int32, "instrument_id": pl.Int32},
    )
    assert as_then(frame, placed)["symbol"].to_list() == ["B", "B", "C", "X"]
