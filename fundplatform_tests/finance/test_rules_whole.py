"""Of all rules at once: chunks change nothing, no row is lost, overrides do as they say."""

import random
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundplatform.finance.rules import (
    ACTIONS,
    AHEAD_DAYS,
    BY_ID,
    LOOKBACK_DAYS,
    OVERRIDES,
    Judged,
    judge,
)
from fundplatform.tables import BAR_KEY
from fundplatform_tests.finance.series_cases import bar, calm, day, filled, found, frame

SESSIONS = 200


def market(seed: int) -> pl.DataFrame:
    """Twelve series from two sources with faults of every kind strewn in, in no order."""
    rng = random.Random(seed)  # noqa: S311 - a test's dice
    rows: list[dict[str, Any]] = []
    for number in range(12):
        price = 10.0 * (number + 1)
        for n in range(SESSIONS):
            if rng.random() < 0.02:
                continue
            price *= 1 + rng.gauss(0, 0.02)
            price *= rng.choice([0.5, 2, 0.2, 1 / 3]) if rng.random() < 0.01 else 1
            made = bar(n, price, instrument_id=number % 6, source_id=1 + number // 6)
            made["volume"] = rng.choice([0.0, 100.0, 100.0 + n, 5000.0, None])
            if rng.random() < 0.03:
                times = rng.choice([100, 0.01, 10])
                made |= {name: made[name] * times for name in ("open", "high", "low", "close")}
            if rng.random() < 0.02:
                made[rng.choice(["open", "high", "low", "close"])] = rng.choice([None, -1.0, 1e6])
            if rng.random() < 0.2 and rows and rows[-1]["instrument_id"] == number % 6:
                kept = ("open", "high", "low", "close", "volume")
                made |= {name: rows[-1][name] for name in kept}
            rows.append(made)
    rng.shuffle(rows)
    return frame(rows)


SPLITS = pl.DataFrame(
    [(n, day(40 * n + 7), "split", 2.0, None) for n in range(4)]
    + [(5, day(100), "dividend", None, 1.0)],
    schema=ACTIONS,
    orient="row",
)


def together(parts: list[Judged]) -> list[pl.DataFrame]:
    names = ("validated", "rejected", "gates", "findings")
    return [
        pl.concat([getattr(p, n) for p in parts]).sort(
            [c for c in (*BAR_KEY, "session", "rule") if c in getattr(parts[0], n).columns]
        )
        for n in names
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_chunks_in_any_order_give_the_same_as_the_whole(seed: int) -> None:
    bars = market(seed)
    whole = together([judge(bars, actions=SPLITS)])
    rules = ",".join(whole[1]["rules"]) + ",".join(whole[0]["warnings"].drop_nulls())
    expected = ("V02", "V03", "V04", "V05", "V07", "V15", "V16", "V17", "V18", "V19", "V20",
                "V21", "V22", "V23", "V24")  # fmt: skip
    assert [r for r in expected if r not in rules] == [], "a market in which nothing fails"
    first, last = date(2024, 1, 1), day(SESSIONS)
    rng = random.Random(seed)  # noqa: S311
    parts, begin = [], first
    while begin <= last:
        end = begin + timedelta(days=rng.randrange(1, 60))
        near = pl.col("session").is_between(
            begin - timedelta(days=LOOKBACK_DAYS), end + timedelta(days=AHEAD_DAYS)
        )
        chunk = bars.filter(near).sample(fraction=1.0, shuffle=True, seed=seed)
        parts.append(judge(chunk, window=(begin, end), actions=SPLITS))
        begin = end + timedelta(days=1)
    rng.shuffle(parts)
    for one, other in zip(whole, together(parts), strict=True):
        assert one.equals(other)


OVERRIDE = st.fixed_dictionaries(
    {
        "override_id": st.just("x"),
        "action": st.sampled_from(["accept", "correct", "exclude", "release"]),
        "source_id": st.sampled_from([1, 2]),
        "instrument_id": st.integers(0, 5),
        "first_session": st.integers(0, 20).map(day),
        "last_session": st.integers(10, 60).map(day),
        "rules": st.sampled_from([None, "V17", "V04,V22"]),
        "field": st.sampled_from(["open", "close", "volume"]),
        "value": st.sampled_from([1.0, 50.0, -1.0]),
        "author": st.just("me"),
        "reason": st.just("so"),
    }
)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.lists(OVERRIDE, max_size=4), st.integers(0, 40))
def test_no_row_is_lost_whatever_people_decide(
    seed: int, drawn: list[dict[str, Any]], first: int
) -> None:
    bars = market(seed).filter(pl.col("session") <= day(60))
    window = (day(first), day(50))
    judged = judge(
        bars, window=window, actions=SPLITS, overrides=pl.DataFrame(drawn, schema=OVERRIDES)
    )
    inside = bars.filter(pl.col("session").is_between(*window))
    gates = judged.gates
    assert gates["rows_raw"].sum() == inside.height
    assert gates["rows_rejected"].sum() == judged.rejected.height
    assert gates["rows_validated"].sum() == judged.validated.height
    held = gates.filter("held").select("source_id", "session")
    rest = inside.join(judged.validated, on=BAR_KEY, how="anti").join(
        judged.rejected, on=BAR_KEY, how="anti"
    )
    assert rest.join(held, on=held.columns, how="anti").is_empty()
    assert judged.validated.height + judged.rejected.height + rest.height == inside.height
    assert judged.rejected["reason"].str.len_bytes().min() != 0


def decided(**change: Any) -> pl.DataFrame:  # noqa: ANN401
    one = {
        "override_id": "x", "action": "accept", "source_id": None, "instrument_id": 1,
        "first_session": day(20), "last_session": day(20), "rules": None, "field": None,
        "value": None, "author": "jane", "reason": "seen on the tape", **change,
    }  # fmt: skip
    return pl.DataFrame([one], schema=OVERRIDES)


CRASH = [*calm(20), bar(20, 15.0), *(bar(n, 15.0) for n in range(21, 24))]


def test_an_accepted_row_passes_and_says_so() -> None:
    assert found(CRASH)[20] == "rejected V17"
    assert found(CRASH, overrides=decided())[20] == "V16,V24,accepted"
    assert found(CRASH, overrides=decided(rules="V17"))[20] == "V16,V24,accepted"
    assert found(CRASH, overrides=decided(rules="V22"))[20] == "rejected V17"
    assert found(CRASH, overrides=decided(instrument_id=2))[20] == "rejected V17"
    assert found(CRASH, overrides=decided(first_session=day(21), last_session=day(22)))[20] == (
        "rejected V17"
    )


def test_a_row_without_a_price_cannot_be_accepted() -> None:
    rows = [*calm(20), bar(20, 100.0, open=None)]
    assert found(rows, overrides=decided())[20] == "rejected V02"
    assert not [r.id for r in BY_ID.values() if r.id in ("V01", "V02", "V03") and r.acceptable]


def test_a_correction_is_judged_like_any_value_and_says_so() -> None:
    rows = [*calm(20), bar(20, 71.0, high=7.133)]
    assert found(rows)[20].startswith("rejected V04")
    fixed = decided(action="correct", field="high", value=71.33)
    assert found(rows, overrides=fixed)[20] == "V16,V24,corrected"
    judged = judge(filled(frame(rows)), overrides=fixed)
    assert 71.33 in judged.validated["high"].to_list()
    wrong = decided(action="correct", field="high", value=1.0)
    assert found(rows, overrides=wrong)[20].startswith("rejected V04")


def test_an_excluded_row_is_refused_with_its_author_and_is_no_reference() -> None:
    rows = [*calm(20), bar(20, 120.0), bar(21, 100.0)]
    out = decided(action="exclude")
    assert found(rows, overrides=out) == {20: "rejected excluded"}
    judged = judge(filled(frame(rows)), overrides=out)
    assert judged.rejected["reason"].item() == "excluded by jane: seen on the tape"


def test_a_released_session_is_open_and_says_who_opened_it() -> None:
    rows = frame([bar(20, 10.0, instrument_id=n, low=None) for n in range(3)] + [bar(20, 10.0)])
    rows = rows.with_columns(instrument_id=pl.int_range(pl.len(), dtype=pl.Int32))
    more = frame([bar(20, 10.0, instrument_id=9, low=None)])
    bars = pl.concat([rows, more])
    gate = judge(bars).gates.row(0, named=True)
    assert (gate["held"], gate["reason"]) == (True, "4 of 5 rows rejected")
    judged = judge(bars, overrides=decided(action="release", source_id=1, instrument_id=None))
    gate = judged.gates.row(0, named=True)
    assert (gate["held"], gate["rows_validated"]) == (False, 1)
    assert gate["reason"] == "released by jane: seen on the tape; 4 of 5 rows rejected"
    assert judged.validated.height == 1


def copied(lag: int, changed: int, volume: float = 100.0) -> Judged:
    """100 instruments, six sessions; the last equals the one `lag` before but for some rows."""
    rows = []
    for n in range(6):
        source = n - lag if n == 5 else n
        for i in range(100):
            price = 50.0 + source if n != 5 or i >= changed else 90.0
            rows.append(bar(n, price, instrument_id=i, volume=volume * (source + 1)))
    return judge(frame(rows))


@pytest.mark.parametrize("lag", [1, 2, 5])
def test_v26_a_copy_of_another_session_is_held(lag: int) -> None:
    judged = copied(lag, 4)
    held = judged.gates.filter("held")
    assert held["session"].to_list() == [day(5)]
    text = f"V26: 96 of 100 rows equal those of {lag} sessions before, volume included"
    assert held["reason"].item() == text
    assert judged.findings.select("rule", "severity").rows() == [("V26", "error")]
    assert not copied(lag, 5).gates["held"].any(), "95 % is not more than 95 %"


def test_v26_rows_without_a_volume_prove_nothing() -> None:
    assert not copied(1, 0, volume=0.0).gates["held"].any()


def counted(rows: int) -> Judged:
    """20 sessions of 100 rows, then one of `rows`."""
    made = [
        bar(n, 50.0 + i, instrument_id=i, volume=n * 1000.0 + i)
        for n in range(21)
        for i in range(100 if n < 20 else rows)
    ]
    return judge(frame(made))


@pytest.mark.parametrize(
    ("rows", "severity"),
    [(100, None), (90, None), (89, "warning"), (50, "warning"), (49, "error"), (111, "warning")],
)
def test_v13_row_counts(rows: int, severity: str | None) -> None:
    judged = counted(rows)
    own = judged.findings.filter(pl.col("rule") == "V13")
    assert own["severity"].to_list() == ([severity] if severity else [])
    gate = judged.gates.filter(pl.col("session") == day(20)).row(0, named=True)
    assert gate["held"] is (severity == "error")
    if severity == "error":
        assert gate["reason"] == "V13: 49 rows where 100 are usual"
