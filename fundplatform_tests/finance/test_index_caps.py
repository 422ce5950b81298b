"""Market caps in an index: the firewall, growth, ages, and names without a price."""

from datetime import timedelta

import polars as pl
import pytest

from fundplatform.errors import SchemaError
from fundplatform.finance.index import IndexResult, build
from fundplatform_tests.finance.index_cases import (
    CUTOFF_LAG,
    START,
    Closes,
    by_cap,
    caps,
    close_at,
    cutoffs,
    day,
    market,
    sessions,
)

IDS = {"A": 1, "B": 2, "C": 3}
FLAT: Closes = {"A": [10.0] * 4, "B": [10.0] * 4}


def run(
    closes: Closes, snapshots: list[tuple[str, object, float | None]], n: int = 1, **changes: object
) -> IndexResult:
    count = max(len(c) for c in closes.values())
    ids = {s: IDS.get(s, 9) for s in closes}
    return build(
        by_cap(n, **changes),
        market(closes, ids=ids),
        sessions(count),
        first=START,
        last=day(count - 1),
        caps=caps(snapshots, {**IDS, **ids, "G": 7, "H": 8}),  # type: ignore[arg-type]
        cutoffs=cutoffs(count),
    )


def first_names(result: IndexResult) -> list[int]:
    return result.compositions.filter(rank=1)["instrument_id"].to_list()


def test_a_snapshot_counts_from_the_session_whose_cutoff_it_meets() -> None:
    base = [("A", close_at(0), 2.0), ("B", close_at(0), 1.0)]
    on_time = run(FLAT, [*base, ("B", close_at(1) + CUTOFF_LAG, 3.0)])
    assert first_names(on_time) == [1, 2, 2, 2]
    late = run(FLAT, [*base, ("B", close_at(1) + CUTOFF_LAG + timedelta(microseconds=1), 3.0)])
    assert first_names(late) == [1, 1, 2, 2]


@pytest.mark.parametrize(("dated", "expected"), [(1, [1, 2, 2, 2]), (2, [1, 1, 2, 2])])
def test_a_snapshot_waits_for_its_date(dated: int, expected: list[int]) -> None:
    # Known at 00:30 of day 2, within the cutoff of day 1 (01:00): usable there if dated day 1.
    early = caps([("B", close_at(1) + timedelta(hours=3.5), 3.0)], IDS, sessions(4)[dated])
    base = caps([("A", close_at(0), 2.0), ("B", close_at(0), 1.0)], IDS)
    given = pl.concat([base, early])

    def names(last: int) -> list[int]:
        # What the IO manager reads: snapshots dated up to the end of the run's range.
        read = given.filter(pl.col("session") <= sessions(4)[last])
        result = build(
            by_cap(1),
            market(FLAT, ids={"A": 1, "B": 2}),
            sessions(last + 1),
            first=START,
            last=sessions(4)[last],
            caps=read,
            cutoffs=cutoffs(4),
        )
        return first_names(result)

    assert names(3) == expected
    assert names(1) == expected[:2]


def test_a_snapshot_dated_tomorrow_grows_from_the_price_it_was_taken_at() -> None:
    # Taken after the close of day 0 at 10, dated day 1 at 15: the cap at day 1 is 1.5 times it.
    result = build(
        by_cap(1),
        market({"A": [10.0, 15.0]}),
        sessions(2),
        first=START,
        last=sessions(2)[1],
        caps=caps([("A", close_at(0) + timedelta(hours=1), 100.0)], IDS, sessions(2)[1]),
        cutoffs=cutoffs(2),
    )
    assert result.compositions["measure"].to_list() == pytest.approx([150.0], rel=1e-14)
    assert result.performance["state"].to_list() == ["no_caps", "base"]


def test_a_snapshot_grows_with_the_price_since_the_last_close_before_it() -> None:
    closes: Closes = {"A": [10.0, 20.0, 30.0], "B": [1.0, 1.0, 1.0]}
    # Taken before the close of day 1: its price session is day 0.
    before = run(closes, [("A", close_at(1) - timedelta(seconds=1), 100.0)])
    assert before.compositions["measure"].to_list() == pytest.approx([200.0, 300.0], rel=1e-14)
    at_close = run(closes, [("A", close_at(1), 100.0)])
    assert at_close.compositions["measure"].to_list() == pytest.approx([100.0, 150.0], rel=1e-14)


def test_growth_starts_at_a_bar_a_few_sessions_before_the_snapshot_at_most() -> None:
    closes: Closes = {"A": [10.0, None, None, 20.0]}
    snapshot = [("A", close_at(2), 100.0)]
    near = run(closes, snapshot, stale_sessions=2)
    assert near.compositions["measure"].to_list() == pytest.approx([200.0], rel=1e-14)
    far = run(closes, snapshot, stale_sessions=1)
    assert far.compositions.is_empty()
    assert far.performance["state"].to_list() == ["no_caps", "no_caps", "no_history", "no_history"]
    assert far.unpriced["session"].to_list() == sessions(4)[2:]


def test_a_snapshot_from_before_the_data_has_no_price_to_grow_from() -> None:
    result = run(FLAT, [("A", close_at(-1), 2.0), ("A", close_at(2), 3.0)])
    assert result.compositions.select("session", "measure").rows() == [
        (sessions(4)[2], 3.0),
        (sessions(4)[3], 3.0),
    ]
    assert result.performance["state"].to_list() == ["no_history", "no_history", "base", "ok"]


def test_a_series_that_starts_anew_has_no_cap_until_the_next_snapshot() -> None:
    returns = market({"A": [10.0, 10.0, 10.0, 10.0]}).with_columns(
        ret=pl.when(pl.col("session") == sessions(3)[2]).then(None).otherwise("ret")
    )
    result = build(
        by_cap(1),
        returns,
        sessions(4),
        first=START,
        last=sessions(4)[3],
        caps=caps([("A", close_at(0), 5.0), ("A", close_at(3), 6.0)], IDS),
        cutoffs=cutoffs(4),
    )
    assert result.compositions.select("session", "measure").rows() == [
        (sessions(4)[0], 5.0),
        (sessions(4)[1], 5.0),
        (sessions(4)[3], 6.0),
    ]


@pytest.mark.parametrize("bad", [None, 0.0, -1.0, float("nan"), float("inf")])
def test_unusable_caps_are_ignored(bad: float | None) -> None:
    result = run(FLAT, [("A", close_at(0), 2.0), ("B", close_at(0), 1.0), ("A", close_at(1), bad)])
    assert first_names(result) == [1, 1, 1, 1]


def test_states_before_the_first_composition() -> None:
    none = run(FLAT, [("A", close_at(2), 2.0)])
    assert none.performance["state"].to_list() == ["no_caps", "no_caps", "base", "ok"]
    old = run(FLAT, [("A", close_at(-9), 2.0), ("A", close_at(3), 2.0)], max_cap_age_days=5)
    assert old.performance["state"].to_list() == ["stale_caps", "stale_caps", "stale_caps", "base"]
    never = build(
        by_cap(), market(FLAT), sessions(4), first=START, last=sessions(4)[3], cutoffs=cutoffs(4)
    )
    assert never.performance["state"].to_list() == ["no_caps"] * 4


def test_a_cap_ages_out_and_is_flagged_before() -> None:
    result = run(
        {"A": [10.0] * 5}, [("A", close_at(0), 2.0)], max_cap_age_days=3, flag_cap_age_days=1
    )
    assert result.performance["n_constituents"].to_list() == [1, 1, 1, 1, 0]
    notes = result.performance["note"].to_list()
    assert notes[1] is None
    assert notes[2] == "1 market caps older than 1 days: A"
    assert result.performance["state"].to_list() == ["base", "ok", "ok", "ok", "ok"]
    assert result.performance["session_return"].to_list()[4] == 0.0


def test_names_without_a_price_are_listed_where_they_would_rank() -> None:
    closes: Closes = {"A": [10.0, 10.0], "B": [10.0, 10.0], "C": [10.0, None]}
    snapshots = [(s, close_at(0), c) for s, c in [("A", 50.0), ("B", 40.0), ("C", 60.0)]]
    ghosts = [("G", close_at(0), 45.0), ("H", close_at(0), 39.0)]
    result = run(closes, [*snapshots, *ghosts], n=2)
    found = result.unpriced.select("session", "instrument_id", "rank", "measure").rows()
    # C 60, A 50, then G 45: third, outside. On day 1 C keeps its seat at its last price.
    assert found == []
    out = run(closes, [*snapshots, *ghosts], n=2, stale_sessions=0)
    found = out.unpriced.select("session", "instrument_id", "rank", "measure").rows()
    assert found == [(day(1), 3, 1, 60.0)]
    three = run(closes, [*snapshots, *ghosts], n=3)
    assert three.unpriced.select("session", "instrument_id", "rank").rows() == [
        (START, 7, 3),
        (day(1), 7, 3),
    ]
    assert "1 of the first 3 have no price: G" in three.performance["note"].to_list()[0]


def test_another_line_of_a_priced_issuer_is_not_missing() -> None:
    closes: Closes = {"A": [10.0]}
    snapshots = [("A", close_at(0), 50.0), ("G", close_at(0), 60.0), ("H", close_at(0), 55.0)]
    alone = run(closes, snapshots, n=3, issuers={"A": "I", "G": "I"})
    assert alone.unpriced["instrument_id"].to_list() == [8]
    both = run(closes, snapshots, n=3, issuers={"G": "J", "H": "J"})
    assert both.unpriced.select("instrument_id", "rank").rows() == [(7, 1)]
    each = run(closes, snapshots, n=3, issuers={"G": "J", "H": "J"}, share_class_policy="each_line")
    assert each.unpriced["instrument_id"].to_list() == [7, 8]


def test_a_line_with_a_bar_but_no_cap_does_not_hide_the_missing_one() -> None:
    closes: Closes = {"A": [10.0], "B": [10.0]}
    snapshots = [("B", close_at(0), 50.0), ("G", close_at(0), 60.0)]
    found = run(closes, snapshots, n=3, issuers={"A": "I", "G": "I"})
    assert found.unpriced.select("instrument_id", "rank").rows() == [(7, 1)]


def test_of_equal_caps_the_priced_name_is_within_n() -> None:
    snapshots = [("A", close_at(0), 50.0), ("G", close_at(0), 50.0)]
    assert run({"A": [10.0]}, snapshots, n=1).unpriced.is_empty()
    assert run({"A": [10.0]}, snapshots, n=2).unpriced["rank"].to_list() == [2]


def test_an_old_snapshot_is_no_longer_missing() -> None:
    result = run(
        {"A": [10.0] * 4},
        [("A", close_at(3), 1.0), ("G", close_at(0), 9.0)],
        max_cap_age_days=2,
        flag_cap_age_days=2,
    )
    assert result.unpriced["session"].to_list() == sessions(3)


def test_cutoffs_are_required_for_every_session() -> None:
    for clock in (None, cutoffs(1)):
        with pytest.raises(SchemaError, match="cutoff"):
            build(by_cap(), market(FLAT), sessions(2), first=START, last=START, cutoffs=clock)


def test_a_cap_that_comes_after_a_names_last_bar_is_nobody_elses() -> None:
    # A trades on days 0 and 1 only; its snapshot of day 2 has no bar to count from. B's first one
    # comes on day 3: before it B has no cap, and never A's.
    closes: Closes = {"A": [10.0, 10.0, None, None], "B": [10.0] * 4}
    known = [("A", close_at(0), 5.0), ("A", close_at(2), 7.0), ("B", close_at(3), 1.0)]
    result = run(closes, known, n=2)
    held = result.compositions.filter(instrument_id=2)
    assert held["session"].to_list() == [day(3)]
    assert held["measure"].to_list() == [1.0]
