"""Random markets with splits, dividends, deaths, halts and renames: the identities hold always.

And each identity is broken once, so that its check is known to see it.
"""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from fundplatform.assets.index_checks import verdict
from fundplatform.finance.index import Facts, IndexResult, Payouts, build, levels, look_back
from fundplatform.finance.index.identities import (
    BROKEN,
    contributions_add_up,
    levels_follow,
    total_is_no_less,
    weights_add_up,
)
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform_tests.finance.index_cases import (
    FRAMES,
    START,
    Closes,
    by_cap,
    by_volume,
    caps,
    close_at,
    cutoffs,
    day,
    market,
    paid_by,
    sessions,
)

COUNT = 60
SYMBOLS = [f"S{i}" for i in range(8)]
IDS = {s: i + 1 for i, s in enumerate(SYMBOLS)}
KINDS = [
    by_cap(3, max_cap_age_days=50, stale_sessions=2, issuers={"S0": "I", "S1": "I"}),
    by_cap(3, weighting="cap", max_cap_age_days=50, rebalance="monthly", withholding=0.3),
    by_cap(4, weighting="capped", max_weight=0.3, buffer=0.25, max_cap_age_days=50),
    by_volume(3, weighting="price", rebalance="monthly", buffer=0.4, stale_sessions=3),
    by_volume(5, rebalance="dates", rebalance_dates=(day(33),)),
]

Data = tuple[pl.DataFrame, pl.DataFrame, Payouts, pl.DataFrame]


def random_market(seed: int) -> Data:
    """Walks with splits, halts, dividends of all kinds, a merger, a delisting, missing bars."""
    rng = np.random.default_rng(seed)
    closes: Closes = {}
    snapshots, splits, cash, spun, children = [], [], [], [], []
    ends: list[tuple[int, str, int, float | None]] = []
    for i, symbol in enumerate(SYMBOLS):
        walk = 20 * np.exp(np.cumsum(rng.normal(0, 0.05, COUNT)))
        if rng.random() < 0.5:
            at, ratio = int(rng.integers(5, COUNT)), float(rng.choice([2.0, 0.1, 1.5]))
            walk[at:] /= ratio
            splits.append((symbol, at, ratio))
        dies = COUNT
        if i in (2, 5):
            dies = int(rng.integers(10, COUNT))
            worth = float(rng.choice([0.0, 5.0])) if rng.random() < 0.7 else None
            ends.append((IDS[symbol], ["delisting", "merger"][i == 5], dies, worth))
        halted = set(rng.choice(COUNT, 5).tolist())
        closes[symbol] = [
            float(p) if t < dies and t not in halted else None for t, p in enumerate(walk)
        ]
        for t in rng.choice(np.arange(1, COUNT), 3, replace=False).tolist():
            amount = float(rng.uniform(0.01, 0.5))
            cash.append((IDS[symbol], t, amount, amount if rng.random() < 0.3 else 0.0))
        spun.append((IDS[symbol], int(rng.integers(1, COUNT)), 0.4))
        if i < 3:
            children.append((*spun[-1][:2], IDS["S7"]))
        for t in sorted(rng.choice(np.arange(-5, COUNT), 8, replace=False).tolist()):
            snapshots.append((symbol, close_at(t), float(rng.uniform(1, 2))))
    returns = market(closes, ids=IDS, splits=splits)
    ours = pl.DataFrame(
        {
            "session": [START + timedelta(days=int(t)) for t in rng.integers(0, COUNT, 6)],
            "instrument_id": pl.Series(rng.integers(1, 9, 6), dtype=pl.Int32),
        }
    )
    returns = returns.join(ours, on=["session", "instrument_id"], how="anti")
    return returns, caps(snapshots, IDS), paid_by(returns, cash, spun, ends, children), ours


def renamed(returns: pl.DataFrame, day: date) -> pl.DataFrame:
    """From `day` on S6 is called NEW, and S3 is called S6: names, and nothing else, change."""
    since = pl.col("session") >= day
    symbol = pl.col("symbol")
    return returns.with_columns(
        symbol=pl.when(since & (symbol == "S6"))
        .then(pl.lit("NEW"))
        .when(since & (symbol == "S3"))
        .then(pl.lit("S6"))
        .otherwise(symbol)
    )


def run(
    definition: IndexDefinition,
    data: Data,
    first: int = 0,
    last: int = COUNT - 1,
    state: pl.DataFrame | None = None,
) -> IndexResult:
    start = max(0, first - look_back(definition))
    returns, snapshots, paid, ours = data
    calendar = sessions(COUNT + 40)[start:]
    return build(
        definition,
        returns.filter(pl.col("session").is_between(calendar[0], day(last))).sample(
            fraction=1.0, shuffle=True, seed=3
        ),
        calendar,
        first=day(first),
        last=day(last),
        caps=snapshots,
        cutoffs=cutoffs(COUNT + 40),
        facts=Facts(paid=paid, ours=ours, state=state),
    )


def broken(result: IndexResult, definition: IndexDefinition) -> dict[str, int]:
    chained = levels(result.performance, definition)
    return {
        "weights": weights_add_up(result.compositions).height,
        "contributions": contributions_add_up(result.performance, result.contributions).height,
        "levels": levels_follow(chained, result.performance).height,
        "totals": total_is_no_less(result.performance).height,
    }


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS))
def test_the_identities_hold_in_every_market(seed: int, definition: IndexDefinition) -> None:
    returns, *others = random_market(seed)
    # A ticker is left and taken by another name on some day: the same instruments as before.
    turned = renamed(returns, day(seed % COUNT))
    result = run(definition, (turned, *others))  # type: ignore[arg-type]
    plain = run(definition, (returns, *others)).performance  # type: ignore[arg-type]
    figures = ["session", "return_basis", "session_return", "turnover", "n_constituents", "state"]
    assert_frame_equal(
        result.performance.select(figures), plain.select(figures), rel_tol=1e-12, abs_tol=1e-12
    )
    assert not any(broken(result, definition).values()), broken(result, definition)
    assert result.performance["return_basis"].n_unique() == 3
    assert result.compositions["target_weight"].min() >= 0  # type: ignore[operator]
    priced = result.performance.filter(return_basis="price").drop_nulls("session_return")
    chained = levels(result.performance, definition).filter(return_basis="price")
    total = float((1 + priced["session_return"]).product())
    assert chained["level"][-1] == pytest.approx(1000 * total, rel=1e-12)
    drifted = result.contributions.filter(return_basis="price").group_by("session")
    sums = drifted.agg(pl.col("drifted_weight").sum())["drifted_weight"]
    assert ((sums - 1).abs() <= 1e-12).all()


@pytest.mark.parametrize("definition", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_chunks_with_what_was_stored_equal_the_whole(
    seed: int, definition: IndexDefinition
) -> None:
    data = random_market(seed)
    whole = run(definition, data)
    cuts = [0, *sorted(np.random.default_rng(seed).choice(np.arange(1, COUNT), 4).tolist()), COUNT]
    parts: list[IndexResult] = []
    for a, b in pairwise(sorted(set(cuts))):
        before = day(a - 1)
        state = parts[-1].compositions.filter(session=before) if parts else None
        parts.append(run(definition, data, a, b - 1, state))
    for name in FRAMES:
        joined = pl.concat([getattr(p, name) for p in parts])
        assert_frame_equal(joined, getattr(whole, name), check_exact=True)


@pytest.mark.parametrize("definition", KINDS)
def test_building_up_to_a_day_gives_the_same_rows_of_it(definition: IndexDefinition) -> None:
    # The look-ahead firewall: all that was not known at the cutoff of `cut` is taken away.
    returns, snapshots, paid, ours = data = random_market(7)
    whole = run(definition, data)
    for cut in (12, 31, 47):
        cut_at, deadline = day(cut), close_at(cut) + timedelta(hours=4)
        ends = paid.ends.filter(pl.col("known_at") <= deadline)
        past = (
            returns.filter(pl.col("session") <= cut_at),
            snapshots.filter(pl.col("known_at") <= deadline),
            replace(paid, yields=paid.yields.filter(pl.col("session") <= cut_at), ends=ends),
            ours.filter(pl.col("session") <= cut_at),
        )
        short = run(definition, past, last=cut)
        for name in FRAMES:
            early = getattr(whole, name).filter(pl.col("session") <= cut_at)
            assert_frame_equal(getattr(short, name), early, check_exact=True)


@pytest.mark.parametrize("definition", KINDS)
def test_shuffling_what_comes_after_a_day_never_alters_it(definition: IndexDefinition) -> None:
    returns, snapshots, paid, ours = data = random_market(9)
    whole = run(definition, data)
    cut_at = day(30)
    later = returns.filter(pl.col("session") > cut_at)
    shuffled = later.with_columns(
        pl.col("ret", "dollar_volume", "close").sample(fraction=1.0, shuffle=True, seed=5)
    )
    wild = pl.concat([returns.filter(pl.col("session") <= cut_at), shuffled])
    changed = run(definition, (wild, snapshots, paid, ours))
    for name in FRAMES:
        both = (getattr(r, name).filter(pl.col("session") <= cut_at) for r in (changed, whole))
        assert_frame_equal(*both, check_exact=True)


def test_ids_and_a_rename_change_nothing() -> None:
    data = random_market(4)
    whole = run(KINDS[1], data)
    # The same market in a warehouse that numbered its instruments the other way round.
    turned = {i: 99 - i for i in IDS.values()}

    def other(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(pl.col("instrument_id").replace(turned))

    returns, snapshots, paid, ours = data
    assert paid.children is not None
    children = other(paid.children).with_columns(pl.col("child_id").replace(turned))
    moved = Payouts(other(paid.yields), other(paid.ends), children=children)
    result = run(KINDS[1], (other(returns), other(snapshots), moved, other(ours)))
    assert_frame_equal(result.performance, whole.performance, check_exact=True)
    # A rename in the middle keeps its instrument, so nobody enters or leaves.
    cut_at = day(30)
    renamed = returns.with_columns(
        symbol=pl.when(pl.col("session") >= cut_at, pl.col("symbol") == "S3")
        .then(pl.lit("S3X"))
        .otherwise("symbol")
    )
    after = run(KINDS[1], (renamed, snapshots, paid, ours))
    assert_frame_equal(after.compositions, whole.compositions, check_exact=True)


def test_each_identity_is_seen_to_break() -> None:
    definition = KINDS[1]
    result = run(definition, random_market(2))
    chained = levels(result.performance, definition)
    wrong = result.compositions.with_columns(pl.col("target_weight") * (1 + 1e-9))
    assert weights_add_up(wrong).height == wrong["session"].n_unique()
    off = result.contributions.with_columns(pl.col("contribution") + 1e-9)
    assert contributions_add_up(result.performance, off).height > 0
    none = result.contributions.clear()
    assert contributions_add_up(result.performance, none).height > 0
    jumped = chained.with_columns(
        pl.when(pl.col("session") == date(2024, 2, 9))
        .then(pl.col("level") * 1.001)
        .otherwise("level")
    )
    # The level itself and the one after it, on each of three bases.
    assert levels_follow(jumped, result.performance).height == 6
    lower = result.performance.with_columns(
        pl.when(pl.col("return_basis") == "gross_total")
        .then(pl.col("session_return") - 0.01)
        .otherwise("session_return")
        .alias("session_return")
    )
    assert total_is_no_less(lower).height > 0
    seen = verdict({"weights": weights_add_up(wrong), "levels": BROKEN.to_frame()})
    assert not seen.passed
    assert "weights offenders" in seen.metadata
    assert verdict({"weights": BROKEN.to_frame()}).passed
