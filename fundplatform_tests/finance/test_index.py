"""Index building: the worked example of the methodology and each rule, by hand."""

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.index import Facts, IndexResult, build, levels
from fundplatform_tests.finance.index_cases import (
    START,
    Closes,
    by_cap,
    by_volume,
    caps,
    close_at,
    cutoffs,
    day,
    market,
    sessions,
)

ABCD = {"A": 1, "B": 2, "C": 3, "D": 4}
A5_CLOSES = {
    "A": [100.0, 102.0, 102.0],
    "B": [50.0, 24.5, 24.5],
    "C": [20.0, 24.0, 22.8],
    "D": [10.0, 10.0, 10.0],
}
A5_CAPS = caps(
    [(s, close_at(0), c) for s, c in [("A", 1000.0), ("B", 900.0), ("C", 800.0), ("D", 300.0)]],
    ABCD,
)


def a5(splits: list[tuple[str, int, float]]) -> IndexResult:
    return build(
        by_cap(2),
        market(A5_CLOSES, splits=splits),
        sessions(3),
        first=START,
        last=day(2),
        caps=A5_CAPS,
        cutoffs=cutoffs(3),
    )


def names(result: IndexResult, i: int) -> list[int]:
    return result.compositions.filter(session=day(i)).sort("rank")["instrument_id"].to_list()


def run(definition: object, closes: Closes, **more: object) -> IndexResult:
    count = max(len(c) for c in closes.values())
    extra = {k: more.pop(k) for k in ("volumes", "ids", "listed", "splits") if k in more}
    return build(
        definition,  # type: ignore[arg-type]
        market(closes, **extra),  # type: ignore[arg-type]
        sessions(count),
        first=more.pop("first", START),  # type: ignore[arg-type]
        last=more.pop("last", day(count - 1)),  # type: ignore[arg-type]
        cutoffs=cutoffs(count),
        **more,  # type: ignore[arg-type]
    )


def test_worked_example_a5() -> None:
    result = a5([("B", 1, 2.0)])
    r = result.performance["session_return"].to_list()
    assert r[0] is None
    assert r[1] == pytest.approx(0.0, abs=1e-15)
    assert r[1] != pytest.approx(0.11)  # C chosen with the caps of D1: look-ahead
    assert r[1] != pytest.approx(-0.245)  # the split taken for a loss
    assert r[2] == pytest.approx(-0.025, abs=1e-15)
    assert result.performance["turnover"].to_list() == [
        None,
        pytest.approx(0.50, abs=1e-15),
        pytest.approx(0.5 * (abs(0.5 - 0.5 / 0.975) + abs(0.5 - 0.475 / 0.975)), abs=1e-15),
    ]
    assert result.performance["state"].to_list() == ["base", "ok", "ok"]
    assert levels(result.performance, by_cap())["level"].to_list() == pytest.approx(
        [1000.0, 1000.0, 975.0], abs=1e-9
    )
    assert [names(result, i) for i in range(3)] == [[1, 2], [1, 3], [1, 3]]
    assert result.compositions["measure"].to_list() == pytest.approx(
        [1000, 900, 1020, 960, 1020, 912], rel=1e-14
    )
    changed = result.composition_changes.filter(session=day(1)).sort("instrument_id")
    assert changed.select(
        "instrument_id", "change", "rank_before", "rank_after", "reason"
    ).rows() == [
        (2, "removed", 2, 3, "rank"),
        (3, "added", 3, 2, "rank"),
    ]
    assert changed["weight_before"].to_list() == pytest.approx([0.49, 0.0])
    assert changed["weight_after"].to_list() == [0.0, 0.5]
    drifted = result.contributions.filter(session=day(1))["drifted_weight"].to_list()
    assert drifted == pytest.approx([0.51, 0.49])


def test_a5_without_the_split_row_would_be_the_wrong_minus_24_5_percent() -> None:
    assert a5([]).performance["session_return"].to_list()[1] == pytest.approx(-0.245)


def test_frames_have_their_tables_columns_even_when_empty() -> None:
    full = a5([("B", 1, 2.0)])
    empty = build(by_volume(), market({"A": []}), sessions(2), first=day(5), last=day(6))
    none = build(by_volume(), market({"A": []}), sessions(2), first=day(0), last=day(1))
    assert none.performance["state"].to_list() == ["no_history", "no_history"]
    for name, table in {
        "compositions": tables.COMPOSITIONS,
        "performance": tables.PERFORMANCE,
        "composition_changes": tables.COMPOSITION_CHANGES,
        "contributions": tables.CONTRIBUTIONS,
        "unpriced": tables.UNPRICED,
        "baskets": tables.BASKETS,
        "exclusions": tables.EXCLUSIONS,
    }.items():
        schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
        for result in (full, empty, none):
            frame = getattr(result, name)
            assert dict(frame.schema) == schema
            assert not frame.select(table.key).is_duplicated().any()
            required = [c.name for c in table.columns if not c.nullable and c.name in schema]
            assert frame.select(required).null_count().sum_horizontal().sum() == 0
    assert empty.performance.is_empty()


@pytest.mark.parametrize("policy", ["most_liquid_line", "each_line"])
def test_ties_by_liquidity_then_symbol_then_listing_never_by_id(policy: str) -> None:
    known = [(s, close_at(0), 500.0) for s in ("P", "Q", "R")]
    flat = {"P": [10.0], "Q": [10.0], "R": [10.0]}

    def first_of(volumes: dict[str, float], ids: dict[str, int]) -> int:
        result = run(
            by_cap(1, share_class_policy=policy),
            flat,
            ids=ids,
            volumes=volumes,
            caps=caps(known, ids),
        )
        return names(result, 0)[0]

    up, down = {"P": 1, "Q": 2, "R": 3}, {"P": 3, "Q": 2, "R": 1}
    more = {"P": 1.0, "Q": 2.0, "R": 1.0}
    same = {"P": 1.0, "Q": 1.0, "R": 1.0}
    assert first_of(more, up) == up["Q"]
    assert first_of(more, down) == down["Q"]
    assert first_of(same, up) == up["P"]
    assert first_of(same, down) == down["P"]


def test_a_tie_of_one_symbol_goes_to_the_first_listing() -> None:
    returns = market({"P": [10.0], "Q": [10.0]}, listed={"P": day(0), "Q": day(-9)})
    same = returns.with_columns(symbol=pl.lit("P"))
    result = build(by_volume(1), same, sessions(1), first=START, last=START)
    assert names(result, 0) == [2]


def test_caps_equal_but_for_rounding_are_a_tie() -> None:
    # 0.1 + 0.2 is not 0.3 in binary; the more liquid name wins, not the larger last bit.
    ids = {"P": 1, "Q": 2}
    known = caps([("P", close_at(0), 0.1 + 0.2), ("Q", close_at(0), 0.3)], ids)
    result = run(by_cap(1), {"P": [1.0], "Q": [1.0]}, volumes={"P": 1.0, "Q": 2.0}, caps=known)
    assert names(result, 0) == [2]


HALTED: Closes = {
    "A": [10.0, 10.0, 11.0, 11.0, 11.0],
    "B": [9.0, 9.0, None, 4.5, 4.5],
    "C": [1.0, 1.0, 1.0, 1.0, 1.0],
}


def test_a_halted_name_keeps_its_price_and_its_seat_and_earns_the_gap() -> None:
    result = run(by_volume(2), HALTED)
    # Day 2: (10 % + 0) / 2. Day 3: B comes back at half its price, still in the index.
    assert result.performance["session_return"].to_list() == pytest.approx(
        [None, 0.0, 0.05, -0.25, 0.0]
    )
    assert not result.performance["provisional"].any()
    stale = result.contributions.filter("stale")
    assert stale.select("session", "instrument_id", "instrument_return").rows() == [
        (day(2), 2, 0.0)
    ]
    assert names(result, 2) == [1, 2]
    assert result.composition_changes.filter(change="removed").is_empty()
    notes = result.performance["note"].to_list()
    assert notes[2] == "no price for 1 of the names held, last one carried: B"
    assert notes[1] is notes[3] is None


def test_a_bar_missing_here_is_no_return_of_0_but_that_of_the_rest() -> None:
    ours = pl.DataFrame({"session": [day(2)], "instrument_id": [2]})
    result = run(by_volume(2), HALTED, facts=Facts(ours=ours.cast({"instrument_id": pl.Int32})))
    # Day 2: A alone has a return, 10 %. Day 3: both start with half; B has fallen since day 1.
    assert result.performance["session_return"].to_list() == pytest.approx(
        [None, 0.0, 0.1, -0.25, 0.0]
    )
    assert result.performance["provisional"].to_list() == [False, False, True, False, False]
    assert "missing here, return of the rest assumed: B" in result.performance["note"].to_list()[2]
    of_b = result.contributions.filter(session=day(2), instrument_id=2)
    assert of_b.select("instrument_return", "contribution", "stale").rows() == [
        (pytest.approx(0.1), pytest.approx(0.05), True)
    ]


def test_a_name_without_a_price_leaves_after_stale_sessions_at_its_last_price() -> None:
    closes: Closes = {"B": [9.0, None, None, None, 4.5], "A": [1.0] * 5}
    gone = run(by_volume(1, stale_sessions=2), closes)
    assert [names(gone, i) for i in range(5)] == [[1], [1], [1], [2], [1]]
    left = gone.composition_changes.filter(session=day(3), change="removed")
    assert left.select("rank_before", "rank_after", "reason").rows() == [(1, None, "no_price")]


def test_a_halted_name_cannot_enter() -> None:
    closes: Closes = {"A": [10.0, 1.0, 1.0], "B": [5.0, None, 5.0]}
    result = run(by_volume(1), closes)
    # At the close of day 1 B is worth more, but could not be bought.
    assert [names(result, i) for i in range(3)] == [[1], [1], [2]]


def test_fewer_than_n_publish_with_the_actual_number() -> None:
    result = run(by_volume(3), {"A": [10.0, 11.0], "B": [5.0, 5.0]})
    assert result.compositions["target_weight"].to_list() == [0.5] * 4
    assert result.performance["n_constituents"].to_list() == [2, 2]
    assert result.performance["n_target"].to_list() == [3, 3]
    assert result.performance["session_return"].to_list() == pytest.approx([None, 0.05])
    assert "only 2 of 3" in result.performance["note"].to_list()[0]


def test_a_session_on_which_no_name_held_has_a_price_has_no_level() -> None:
    closes: Closes = {"A": [10.0, 11.0, None, 12.0, 6.0]}
    result = run(by_volume(1), closes)
    assert result.performance["state"].to_list() == ["base", "ok", "no_return", "ok", "ok"]
    assert result.performance["session_return"].to_list() == pytest.approx(
        [None, 0.1, None, 12 / 11 - 1, -0.5]
    )
    found = levels(result.performance, by_volume())
    assert found["session"].to_list() == [sessions(5)[n] for n in (0, 1, 3, 4)]
    assert found["level"].to_list() == pytest.approx([1000, 1100, 1200, 600])
    assert result.performance["turnover"].to_list()[2] is None
    assert result.performance["provisional"].to_list()[2]
    at_once = run(by_volume(1, stale_sessions=0), closes).performance
    assert at_once["state"].to_list() == ["base", "ok", "no_return", "base", "ok"]
    assert "no name is eligible" in at_once["note"].to_list()[2]


def test_dollar_volume_needs_a_bar_on_every_session_of_the_window() -> None:
    closes: Closes = {
        "A": [1.0, 2.0, 9.0, 4.0, 5.0],
        "B": [8.0, None, 8.0, 8.0, 8.0],
    }
    result = run(by_volume(2, window=3), closes)
    assert result.performance["state"].to_list() == ["no_history", "no_history", "base", "ok", "ok"]
    assert result.compositions.select("session", "instrument_id", "measure").rows() == [
        (day(2), 1, 200.0),
        (day(3), 1, 400.0),
        (day(4), 2, 800.0),
        (day(4), 1, 500.0),
    ]


def test_one_line_per_issuer_is_the_more_liquid_and_each_line_keeps_all() -> None:
    ids = {"GOOG": 1, "GOOGL": 2, "X": 3}
    known = caps(
        [("GOOG", close_at(0), 9.0), ("GOOGL", close_at(0), 8.0), ("X", close_at(0), 1.0)], ids
    )
    closes: Closes = {s: [1.0] for s in ids}
    volumes = {"GOOG": 1.0, "GOOGL": 5.0, "X": 1.0}
    issuers = {"GOOG": "Alphabet", "GOOGL": "Alphabet"}
    one = run(by_cap(2, issuers=issuers), closes, volumes=volumes, caps=known)
    assert names(one, 0) == [2, 3]
    each = run(
        by_cap(2, issuers=issuers, share_class_policy="each_line"),
        closes,
        volumes=volumes,
        caps=known,
    )
    assert names(each, 0) == [1, 2]


def test_base_date_and_base_session() -> None:
    closes: Closes = {"A": [1.0] * 4}
    result = run(by_volume(1, base_date=day(1)), closes)
    assert result.performance["state"].to_list() == ["no_history", "base", "ok", "ok"]
    assert result.compositions["session"].min() == day(1)
    later = run(by_volume(1), closes, first=day(2), base_session=day(0))
    assert later.performance["state"].to_list() == ["ok", "ok"]
    told = run(by_volume(1), closes, base_session=day(2))
    assert told.performance["state"].to_list() == ["no_history", "no_history", "base", "ok"]


def test_a_series_that_starts_anew_counts_as_carried() -> None:
    returns = market({"A": [100.0, 10.0]}).with_columns(ret=pl.lit(None, pl.Float64))
    result = build(by_volume(1), returns, sessions(2), first=day(0), last=day(1))
    assert result.performance["session_return"].to_list() == [None, None]
    assert result.performance["state"].to_list() == ["base", "no_return"]
    assert result.performance["provisional"].to_list() == [False, True]
