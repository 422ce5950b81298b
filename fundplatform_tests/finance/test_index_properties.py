"""Laws of every index: chunks equal the whole, the future changes nothing, weights add up."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fundplatform.finance.index import Facts, IndexResult, build, levels, look_back
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform_tests.finance.index_cases import (
    FRAMES,
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

COUNT = 70
SYMBOLS = [f"S{i}" for i in range(7)]
IDS = {s: i + 1 for i, s in enumerate(SYMBOLS)}
VOLUME = by_volume(3, window=5, stale_sessions=2)
CAP = by_cap(
    3, max_cap_age_days=12, flag_cap_age_days=6, stale_sessions=2, issuers={"S0": "I", "S1": "I"}
)


def random_market(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Random walks with halts, late listings, a death and irregular snapshots."""
    rng = np.random.default_rng(seed)
    closes: Closes = {}
    snapshots = []
    for i, symbol in enumerate(SYMBOLS):
        walk = (20 * np.exp(np.cumsum(rng.normal(0, 0.05, COUNT)))).tolist()
        born = int(rng.integers(0, 20)) if i % 3 == 0 else 0
        dies = 45 if i == 4 else COUNT
        halted = set(rng.choice(COUNT, 4).tolist())
        closes[symbol] = [
            p if born <= t < dies and t not in halted else None for t, p in enumerate(walk)
        ]
        for t in sorted(rng.choice(np.arange(-5, COUNT), 9, replace=False).tolist()):
            known = close_at(t) + timedelta(hours=float(rng.uniform(-10, 10)))
            snapshots.append((symbol, known, float(rng.uniform(1, 2))))
    return market(closes, ids=IDS), caps(snapshots, IDS)


def run(
    definition: IndexDefinition,
    data: tuple[pl.DataFrame, pl.DataFrame],
    first: int,
    last: int,
    base: date | None = None,
    state: pl.DataFrame | None = None,
) -> IndexResult:
    """Build positions first..last from the look-back and the state before, as an asset does."""
    start = max(0, first - look_back(definition))
    calendar = sessions(COUNT)[start : last + 1]
    returns, snapshots = data
    return build(
        definition,
        # What lies before the look-back is not there, growth starts elsewhere, rows are shuffled.
        returns.filter(pl.col("session") >= calendar[0]).sample(fraction=1.0, shuffle=True, seed=1),
        calendar,
        first=day(first),
        last=day(last),
        caps=snapshots.sample(fraction=1.0, shuffle=True, seed=2),
        cutoffs=cutoffs(COUNT),
        base_session=base,
        facts=Facts(state=state),
    )


def in_chunks(
    definition: IndexDefinition,
    data: tuple[pl.DataFrame, pl.DataFrame],
    cuts: list[int],
    base: date | None = None,
) -> list[IndexResult]:
    """Every chunk from what the one before left in the warehouse."""
    parts: list[IndexResult] = []
    for a, b in pairwise(cuts):
        before = day(a - 1)
        state = parts[-1].compositions.filter(session=before) if parts else None
        parts.append(run(definition, data, a, b - 1, base, state))
    return parts


def base_of(result: IndexResult) -> date | None:
    return result.performance.filter(state="base")["session"].first()  # type: ignore[return-value]


@pytest.mark.parametrize("definition", [VOLUME, CAP], ids=["volume", "cap"])
@pytest.mark.parametrize("seed", range(6))
def test_chunks_equal_the_whole_to_the_last_bit(definition: IndexDefinition, seed: int) -> None:
    data = random_market(seed)
    whole = run(definition, data, 0, COUNT - 1)
    rng = np.random.default_rng(seed)
    cuts = [0, *sorted(rng.choice(np.arange(1, COUNT), 4, replace=False).tolist()), COUNT]
    base = base_of(whole)
    parts = in_chunks(definition, data, cuts, base)
    for name in FRAMES:
        assert_frame_equal(
            pl.concat([getattr(p, name) for p in parts]), getattr(whole, name), check_exact=True
        )
    assert not whole.contributions.filter("stale").is_empty()
    assert not whole.composition_changes.filter(change="removed").is_empty()


@pytest.mark.parametrize("definition", [VOLUME, CAP], ids=["volume", "cap"])
def test_chunks_find_the_base_by_themselves(definition: IndexDefinition) -> None:
    data = random_market(3)
    whole = run(definition, data, 0, COUNT - 1).performance
    parts = in_chunks(definition, data, list(range(COUNT + 1)))
    assert_frame_equal(pl.concat([p.performance for p in parts]), whole, check_exact=True)


@pytest.mark.parametrize("size", [1, 7])
def test_chunks_agree_on_a_restart_after_sessions_without_caps(size: int) -> None:
    # Caps age out after 3 sessions; the next snapshot comes 20 sessions later.
    returns = market({"A": [10.0] * COUNT})
    known = caps([("A", close_at(n), 2.0) for n in (30, 53)], {"A": 1})
    short = by_cap(1, max_cap_age_days=3, flag_cap_age_days=3, stale_sessions=2)
    whole = run(short, (returns, known), 0, COUNT - 1).performance
    parts = in_chunks(short, (returns, known), [*range(0, COUNT, size), COUNT])
    assert_frame_equal(pl.concat([p.performance for p in parts]), whole, check_exact=True)
    assert whole.filter(state="base")["session"].to_list() == [sessions(COUNT)[n] for n in (30, 53)]
    # Sessions 31 to 34 and 54 to 57 earned something: a level each, and two for the starts' sake.
    chained = levels(whole, short)["session"].to_list()
    assert chained == [sessions(COUNT)[n] for n in (30, 31, 32, 33, 34, 54, 55, 56, 57)]


@pytest.mark.parametrize("definition", [VOLUME, CAP], ids=["volume", "cap"])
@pytest.mark.parametrize("cut", [25, 44, 52])
def test_the_future_changes_nothing(definition: IndexDefinition, cut: int) -> None:
    data = random_market(11)
    whole = run(definition, data, 0, COUNT - 1)
    end = day(cut)
    returns, snapshots = data
    rng = np.random.default_rng(0)
    later = pl.col("session") > end
    noise = pl.Series(rng.lognormal(0, 1, returns.height))
    wild = returns.with_columns(
        pl.when(later).then(pl.col(c) * noise).otherwise(c).alias(c)
        for c in ("ret", "dollar_volume")
    )
    deadline = close_at(cut) + timedelta(hours=4)
    known = snapshots.with_columns(
        pl.when(pl.col("known_at") > deadline)
        .then(999.0)
        .otherwise("market_cap")
        .alias("market_cap")
    )
    changed = run(definition, (wild, known), 0, COUNT - 1)
    for name in FRAMES:
        before, after = (
            getattr(r, name).filter(pl.col("session") <= end) for r in (whole, changed)
        )
        assert_frame_equal(before, after, check_exact=True)
    assert not whole.performance.equals(changed.performance)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([VOLUME, CAP]))
def test_laws(seed: int, definition: IndexDefinition) -> None:
    result = run(definition, random_market(seed), 0, COUNT - 1)
    weights = result.compositions.group_by("session").agg(pl.col("target_weight").sum())
    assert ((weights["target_weight"] - 1.0).abs() <= 1e-12).all()
    drifted = result.contributions.group_by("session").agg(pl.col("drifted_weight").sum())
    assert ((drifted["drifted_weight"] - 1.0).abs() <= 1e-12).all()
    summed = result.contributions.group_by("session").agg(pl.col("contribution").sum())
    joined = result.performance.drop_nulls("session_return").join(summed, on="session")
    assert ((joined["session_return"] - joined["contribution"]).abs() <= 1e-12).all()
    assert joined.height == result.performance["session_return"].count()
    chained = levels(result.performance, definition)
    total = float((1 + result.performance["session_return"].drop_nulls()).product())
    assert chained["level"][-1] == pytest.approx(1000 * total, rel=1e-12)
    turnover = result.performance["turnover"].drop_nulls()
    assert turnover.is_between(0, 1 + 1e-12).all()
    assert replayed(result) == members(result)


def members(result: IndexResult) -> dict[date, set[int]]:
    rows = result.compositions.select("session", "instrument_id").rows()
    found: dict[date, set[int]] = {}
    for session, instrument in rows:
        found.setdefault(session, set()).add(instrument)
    return found


def replayed(result: IndexResult) -> dict[date, set[int]]:
    """The compositions that follow from the changes alone."""
    current: set[int] = set()
    found = {}
    for session in result.performance["session"].to_list():
        for change, instrument in (
            result.composition_changes.filter(session=session)
            .select("change", "instrument_id")
            .rows()
        ):
            (current.add if change == "added" else current.remove)(instrument)
        if current:
            found[session] = set(current)
    return found


def slow_volume_index(returns: pl.DataFrame, n: int, window: int, stale: int) -> dict[date, float]:
    """The same index by dictionaries and loops, straight from the rule."""
    bars = {(r["session"], r["symbol"]): r for r in returns.to_dicts()}
    calendar = sessions(COUNT)

    def measure(t: int, symbol: str) -> float | None:
        days = calendar[max(0, t - window + 1) : t + 1]
        values = [bars[d, symbol]["dollar_volume"] for d in days if (d, symbol) in bars]
        return float(np.median(values)) if len(values) == window else None

    def last_bar(t: int, symbol: str) -> int:
        return max((u for u in range(t + 1) if (calendar[u], symbol) in bars), default=-COUNT)

    found = {}
    held: list[str] = []
    for t, session in enumerate(calendar):
        if held:
            here = [bars.get((session, s)) for s in held]
            if any(here):
                found[session] = sum(b["ret"] for b in here if b) / len(held)
        near = {s: last_bar(t, s) for s in SYMBOLS}
        can = [s for s, u in near.items() if u == t or (s in held and t - u <= stale)]
        ranked = [(-m, s) for s in can if (m := measure(near[s], s)) is not None]
        held = [s for _, s in sorted(ranked)[:n]]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_slow_and_obvious_reference(seed: int) -> None:
    data = random_market(seed)
    result = run(VOLUME, data, 0, COUNT - 1).performance.drop_nulls("session_return")
    expected = slow_volume_index(data[0], VOLUME.n, VOLUME.window, VOLUME.stale_sessions)
    assert result["session"].to_list() == list(expected)
    assert result["session_return"].to_list() == pytest.approx(list(expected.values()), abs=1e-14)
