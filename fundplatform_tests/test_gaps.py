"""The gap ledger's states, ranges and next tries, by hand; no warehouse here."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.assets.raw import raw_key
from fundplatform.automation.gap_ledger import runs
from fundplatform.gap_cells import cells
from fundplatform.gaps import (
    ATTEMPTS,
    CELLS,
    LISTED,
    RANGES,
    Evidence,
    Request,
    due,
    next_try,
    ranges,
    requests,
)
from fundplatform.sources.base import Kind

# Monday 2024-07-01 to Wednesday 2024-07-10 in New York: the 4th and the weekend are closed.
DAYS = [date(2024, 7, n) for n in (1, 2, 3, 5, 8, 9, 10)]
RAW = raw_key("acme", Kind.OHLCV)
NOW = datetime(2024, 7, 10, 6, tzinfo=UTC)


def listed(*rows: tuple[str, int, int]) -> pl.DataFrame:
    made = [(s, date(2024, 7, a), date(2024, 7, b), date(2024, 7, a), None) for s, a, b in rows]
    return pl.DataFrame(made, LISTED, orient="row")


def cell(*pairs: tuple[str, int]) -> pl.DataFrame:
    return pl.DataFrame([(s, date(2024, 7, n)) for s, n in pairs], CELLS, orient="row")


def known(**other: object) -> Evidence:
    """A is all there; B lists on the 3rd and lacks the 5th; the 10th is not published."""
    there = [("A", n) for n in (1, 2, 3, 5, 8, 9)] + [("B", n) for n in (3, 8, 9)]
    base = Evidence(
        sessions=DAYS,
        newest=date(2024, 7, 9),
        listed=listed(("A", 1, 9), ("B", 3, 9)),
        present=cell(*there),
        asked=frozenset(DAYS[:-1]),
    )
    return replace(base, **other)  # type: ignore[arg-type]


def states(evidence: Evidence, symbol: str) -> dict[int, str]:
    found = cells(evidence).filter(pl.col("vendor_symbol") == symbol)
    return {day.day: state for day, state in found.select("session", "state").iter_rows()}


def test_every_session_has_exactly_one_state() -> None:
    found = cells(known())
    assert found.height == 2 * len(DAYS)
    assert states(known(), "A") == {
        **dict.fromkeys((1, 2, 3, 5, 8, 9), "present"),
        10: "not_yet_published",
    }
    assert states(known(), "B") == {
        1: "not_listed",
        2: "not_listed",
        3: "present",
        5: "vendor_missing",
        8: "present",
        9: "present",
        10: "not_yet_published",
    }


@pytest.mark.parametrize(
    ("other", "state"),
    [
        ({"asked": frozenset(DAYS) - {date(2024, 7, 5)}}, "unfetched"),
        ({"rejected": cell(("B", 5))}, "rejected"),
        ({"untraded_elsewhere": cell(("B", 5))}, "no_trade"),
        ({"sparse": True}, "no_trade"),
        ({"sparse": True, "traded_elsewhere": cell(("B", 5))}, "vendor_missing"),
        ({"newest": date(2024, 7, 3)}, "not_yet_published"),
        ({"listed": listed(("A", 1, 9), ("B", 3, 3), ("B", 8, 9))}, "not_listed"),
    ],
)
def test_why_a_session_is_not_there(other: dict[str, object], state: str) -> None:
    assert states(known(**other), "B")[5] == state


def test_a_row_that_a_rule_rejected_is_not_present() -> None:
    assert states(known(rejected=cell(("A", 2))), "A")[2] == "rejected"


def test_before_the_first_row_nobody_may_have_asked() -> None:
    """Wanted since the 1st: the 1st was answered without B, nobody asked for the 2nd."""
    wanted = known().listed.with_columns(wanted_from=pl.lit(date(2024, 7, 1)))
    found = states(known(listed=wanted, asked=frozenset(DAYS) - {date(2024, 7, 2)}), "B")
    assert (found[1], found[2]) == ("not_listed", "unfetched")


def test_after_its_last_day_wanted_nothing_is_missing() -> None:
    """B until the 5th: the 8th was fetched without it, nobody asked for the 9th."""
    ended = known().listed.with_columns(
        last=pl.lit(date(2024, 7, 5)), wanted_until=pl.lit(date(2024, 7, 5))
    )
    there = cell(*[("A", n) for n in (1, 2, 3, 5, 8)], ("B", 3), ("B", 5))
    asked = frozenset(DAYS[:-2])
    found = states(known(listed=ended.filter(vendor_symbol="B"), present=there, asked=asked), "B")
    assert (found[5], found[8], found[9]) == ("present", "not_listed", "not_listed")


def test_neighbouring_sessions_are_one_stretch() -> None:
    """The 3rd and the 5th are neighbours: New York was closed between them."""
    days = [date(2024, 7, n) for n in (9, 1, 3, 5, 10)]
    spans = [(c.first.day, c.last.day) for c in runs(RAW, DAYS, days) if c.first and c.last]
    assert spans == [(1, 1), (3, 5), (9, 10)]
    assert runs(RAW, DAYS, []) == []


def test_ranges_and_places() -> None:
    evidence = known(present=cell(*[("A", n) for n in (2, 5, 9)]), listed=listed(("A", 1, 9)))
    found = ranges(evidence, cells(evidence))
    assert found.schema == RANGES
    told = found.select("state", "place", "first_session", "last_session", "sessions").rows()
    assert [(s, p, a.day, b.day, n) for s, p, a, b, n in told] == [
        ("vendor_missing", "head", 1, 1, 1),
        ("vendor_missing", "interior", 3, 3, 1),
        ("vendor_missing", "interior", 8, 8, 1),
        ("not_yet_published", "tail", 10, 10, 1),
    ]
    none = known(present=CELLS.to_frame(), listed=listed(("A", 1, 9)))
    assert ranges(none, cells(none))["place"].to_list() == ["all", "all"]


def attempts(*rows: tuple[int, int, list[str] | None, int], absent: int = 0) -> pl.DataFrame:
    made = [
        (date(2024, 7, a), date(2024, 7, b), symbols, datetime(2024, 7, at, 1, tzinfo=UTC), absent)
        for a, b, symbols, at in rows
    ]
    return pl.DataFrame(made, ATTEMPTS, orient="row")


def test_tries_count_the_answers_that_covered_the_gap() -> None:
    """All symbols on the 6th, B alone on the 7th, A alone and other days do not count."""
    tried = attempts((1, 9, None, 6), (5, 5, ["B"], 7), (5, 5, ["A"], 8), (1, 3, None, 9))
    (gap,) = ranges(known(attempts=tried), cells(known())).filter(state="vendor_missing").to_dicts()
    assert gap["tries"] == 2
    assert gap["last_try_at"] == datetime(2024, 7, 7, 1, tzinfo=UTC)
    assert gap["next_try_at"] == datetime(2024, 7, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize(("tries", "days"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 30), (50, 30)])
def test_it_backs_off_and_rests(tries: int, days: int) -> None:
    assert next_try("vendor_missing", tries, NOW) == NOW + timedelta(days=days)


@pytest.mark.parametrize("state", ["not_listed", "not_yet_published", "no_trade", "closed"])
def test_what_asking_cannot_mend_is_never_due(state: str) -> None:
    assert next_try(state, 1, NOW) is None
    row = dict.fromkeys(RANGES, None) | {"state": state}
    assert due(pl.DataFrame([row], RANGES), NOW).is_empty()


def test_an_unfetched_session_is_due_at_once_and_a_missing_one_in_its_time() -> None:
    missing = known(attempts=attempts((1, 9, None, 10)))
    found = ranges(missing, cells(missing))
    assert due(found, NOW).is_empty()
    assert due(found, NOW + timedelta(days=1))["first_session"].to_list() == [date(2024, 7, 5)]
    unfetched = known(asked=frozenset(DAYS) - {date(2024, 7, 5)})
    asked = due(ranges(unfetched, cells(unfetched)), NOW)
    assert asked.select("state", "vendor_symbol").rows() == [("unfetched", "B")]


@pytest.mark.parametrize(("tries", "hours"), [(1, 1), (2, 2), (6, 32), (10, 512), (60, 720)])
def test_what_is_not_out_yet_is_asked_for_less_and_less(tries: int, hours: int) -> None:
    assert next_try("unfetched", tries, NOW) == NOW + timedelta(hours=hours)


def test_only_an_answer_that_called_it_unpublished_makes_an_unfetched_session_wait() -> None:
    """The answer of a run that was killed before it recorded its sessions says nothing."""
    left = frozenset(DAYS) - {date(2024, 7, 5)}
    said = datetime(2024, 7, 10, 1, tzinfo=UTC)
    for absent, due_at in ((0, None), (1, said + timedelta(hours=1))):
        evidence = known(asked=left, attempts=attempts((5, 5, None, 10), absent=absent))
        (gap,) = ranges(evidence, cells(evidence)).filter(state="unfetched").to_dicts()
        assert gap["next_try_at"] == due_at


def test_symbols_with_the_same_gap_are_asked_for_together() -> None:
    sessions = DAYS[:6]
    evidence = Evidence(
        sessions=sessions,
        newest=sessions[-1],
        listed=listed(("A", 1, 9), ("B", 1, 9), ("C", 1, 9)),
        present=cell(*[(s, n) for s in "ABC" for n in (1, 9)], ("C", 3), ("C", 5)),
        asked=frozenset({date(2024, 7, 1), date(2024, 7, 9)}),
    )
    wanted = due(ranges(evidence, cells(evidence)), NOW)
    days = [date(2024, 7, n) for n in (2, 3, 5, 8)]
    assert requests(wanted, sessions, frozenset("ABC")) == [
        Request(tuple(days), ("A", "B")),
        Request((days[0], days[3]), ("C",)),
    ]
    assert requests(wanted, sessions, frozenset("ABC"), most=1) == [Request(tuple(days), None)]
    assert requests(wanted.clear(), sessions, frozenset("ABC")) == []


@pytest.mark.parametrize("seed", range(3))
def test_what_is_deleted_at_random_is_named_and_nothing_else(seed: int) -> None:
    """Rows, days, a symbol and a month of twelve years; an IPO and a delisting within them."""
    dice = random.Random(seed)  # noqa: S311
    sessions = calendars.get("XNYS").sessions(date(2012, 10, 1), date(2025, 1, 31))
    first, last = sessions[0], sessions[-1]
    lives = [
        ("OLD", first, last),
        ("IPO", date(2018, 12, 6), last),
        ("GONE", first, date(2018, 12, 4)),
    ]
    held = [(name, day) for name, a, b in lives for day in sessions if a <= day <= b]
    lost = set(dice.sample(held, 40))
    days = set(dice.sample(sessions, 5))
    lost |= {(s, d) for s, d in held if d in days or (d.year, d.month) == (2020, 3)}
    symbol = dice.choice(["IPO", "GONE"])
    lost |= {(s, d) for s, d in held if s == symbol and d.year == 2018}
    there = pl.DataFrame([c for c in held if c not in lost], CELLS, orient="row")
    listings = pl.DataFrame([(*life, life[1], None) for life in lives], LISTED, orient="row")
    evidence = Evidence(sessions, sessions[-1], listings, there, frozenset(sessions))
    found = cells(evidence)
    named = found.filter(pl.col("state").is_in(["vendor_missing", "unfetched", "rejected"]))
    assert set(named.select("vendor_symbol", "session").iter_rows()) == lost
    closed = {date(2012, 10, 29), date(2012, 10, 30), date(2018, 12, 5), date(2025, 1, 9)}
    assert not closed & set(found["session"])
    assert {date(2012, 11, 23), date(2018, 12, 24)} <= set(found["session"]), "half days count"


def test_christmas_is_no_gap_of_exchange_rates() -> None:
    sessions = calendars.get("TARGET").sessions(date(2023, 12, 20), date(2023, 12, 29))
    there = [date(2023, 12, n) for n in (20, 21, 22, 27, 28, 29)]
    listings = pl.DataFrame([("EURUSD", there[0], there[-1], there[0], None)], LISTED, orient="row")
    present = pl.DataFrame([("EURUSD", day) for day in there], CELLS, orient="row")
    evidence = Evidence(sessions, there[-1], listings, present, frozenset(there))
    assert set(cells(evidence)["state"]) == {"present"}
