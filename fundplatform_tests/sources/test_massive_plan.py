"""Massive's calls before they are made: a backfill in parts asks what its plan says."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from fundplatform.sources.base import Kind
from fundplatform.sources.massive import Massive
from fundplatform.sources.web.plan import Bound, Planner, estimate, united
from fundplatform.sources.web.profile import Access, Rate, Span
from fundplatform_tests.sources.canned import access, asked, track
from fundplatform_tests.sources.test_massive_actions import page
from fundplatform_tests.sources.test_massive_fetch import GROUPED, LATER, OPEN, answer, bar

# Two parts of two sessions each; Thursday the 4th is a holiday.
PARTS = [(date(2024, 7, 1), date(2024, 7, 2)), (date(2024, 7, 3), date(2024, 7, 7))]
WHOLE = Span(OPEN[0], OPEN[-1], 4)
RANGE = "/v2/aggs/ticker/{}/range/1/day/2024-07-01/2024-07-05"


def market(*tickers: str) -> dict[str, object]:
    """Answers to every range of the week and to every day."""
    ranges = {
        RANGE.format(t): answer([bar(None, d, hour=0) for d in OPEN], ticker=t) for t in tickers
    }
    days = {f"{GROUPED}/{d}": answer([bar(t, d) for t in tickers]) for d in OPEN}
    return {**ranges, **days}


def planned(given: Access) -> list[str]:
    source = Massive(given)
    assert isinstance(source, Planner)
    parts = [source.plan(Kind.OHLCV, *part, now=LATER) for part in PARTS]
    return [r.path for r in united(parts, shared=True).requests]


@pytest.mark.parametrize(
    ("tickers", "expected"),
    [
        # No more assets than sessions: a range each, for the whole week, not one for each part.
        (["A", "B", "C"], [RANGE.format(t) for t in "ABC"]),
        (["A", "B", "C", "D"], [RANGE.format(t) for t in "ABCD"]),
        # More: a day each.
        (["A", "B", "C", "D", "E"], [f"{GROUPED}/{d}" for d in OPEN]),
    ],
)
def test_the_whole_backfill_decides_for_its_parts(tickers: list[str], expected: list[str]) -> None:
    given = replace(access(market(*tickers), *map(track, tickers)), span=WHOLE)
    assert planned(given) == expected
    batches = [Massive(given).fetch(Kind.OHLCV, *part, now=LATER) for part in PARTS]
    assert list(dict.fromkeys(text.partition("?")[0] for text in asked(given))) == expected
    # Each part has its own sessions alone, and every ticker of them.
    for batch, sessions in zip(batches, [OPEN[:2], OPEN[2:]], strict=True):
        keys = set(batch.rows.select("vendor_symbol", "session").rows())
        assert keys == {(t, d) for t in tickers for d in sessions}
        assert not batch.absent and batch.skipped.is_empty() and batch.rejected.is_empty()


def test_sessions_that_are_there_already_do_not_count() -> None:
    """Of the week two sessions are missing: three tickers are more than two days."""
    given = replace(access({}, *map(track, "ABC")), span=replace(WHOLE, sessions=2))
    assert planned(given) == [f"{GROUPED}/{d}" for d in OPEN]


def test_a_part_without_a_backfill_decides_for_itself() -> None:
    given = access({}, *map(track, "ABC"))
    assert planned(given) == [f"{GROUPED}/{d}" for d in OPEN]


def test_a_ticker_that_is_tracked_later_is_not_asked_for_earlier_parts() -> None:
    given = replace(access({}, track("A"), track("B", OPEN[2])), span=WHOLE)
    source = Massive(given)
    first, second = (source.plan(Kind.OHLCV, *part, now=LATER) for part in PARTS)
    later = "/v2/aggs/ticker/B/range/1/day/2024-07-03/2024-07-05"
    assert [r.path for r in first.requests] == [RANGE.format("A")]
    assert [r.path for r in second.requests] == [RANGE.format("A"), later]


@pytest.mark.parametrize("tracked", [[], ["A"], ["A", "B"]])
@pytest.mark.parametrize("kind", [Kind.CORPORATE_ACTIONS, Kind.SHARES])
def test_the_plan_of_other_kinds_is_what_is_asked(kind: Kind, tracked: list[str]) -> None:
    answers: dict[str, object] = {
        "/stocks/v1/splits": page(),
        "/stocks/v1/dividends": page(),
        "/v3/reference/tickers": page(),
    }
    for ticker in tracked:
        answers[f"/vX/reference/tickers/{ticker}/events"] = {
            "status": "OK",
            "results": {"name": ticker, "events": []},
        }
        answers[f"/v3/reference/tickers/{ticker}"] = {
            "status": "OK",
            "results": {"ticker": ticker, "name": ticker},
        }
    given = access(answers, *map(track, tracked))
    source = Massive(given)
    for _ in range(2):
        # The second time the tickers' events are remembered.
        before = len(asked(given))
        plan = source.plan(kind, OPEN[0], date.max, now=LATER)
        source.fetch(kind, OPEN[0], date.max, now=LATER)
        assert [text.partition("?")[0] for text in asked(given)[before:]] == [
            r.path for r in plan.requests
        ]
    assert plan.requests or kind is Kind.SHARES


def test_a_backfill_of_two_years_is_what_the_vendor_reference_says() -> None:
    """2 years are 502 sessions: some 101 minutes at 5 calls a minute."""
    source = Massive(access({}))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    plan = source.plan(Kind.OHLCV, date(2023, 1, 1), date(2024, 12, 31), now=now)
    assert (len(plan.requests), plan.bound) == (502, Bound.EXACTLY)
    cost = estimate(len(plan.requests), (Rate(5, 60),))
    assert (cost.calls, cost.days) == (502, None)
    assert cost.seconds / 60 == pytest.approx(101, rel=0.01)


def test_days_of_quota() -> None:
    rates = (Rate(5, 60.0), Rate(25, 86_400.0))
    assert estimate(0, rates).days == 0
    assert [estimate(n, rates).days for n in (1, 25, 26, 60)] == [1, 1, 2, 3]
    # Of today's 25 calls 20 are gone: 5 today, 20 tomorrow.
    assert estimate(25, rates, {rates[1]: 20}).days == 2
    assert estimate(60, rates).seconds > 2 * 86_400
