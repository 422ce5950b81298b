"""V14 and V27 to V30: a frame that passes and one that fails for each, worked by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform.finance.rules.aggregates import (
    Verdict,
    holdings_sum,
    index_whole,
    observations_present,
    restated,
    tracked_present,
)

DAY = date(2024, 6, 3)


@pytest.mark.parametrize(
    ("tier", "present", "outcome"),
    [
        ("T1", [1, 2], "passed"),
        ("T1", [2], "error"),
        ("T2", [2], "warning"),
        (None, [2], "warning"),
    ],
)
def test_v14_tracked_listings(tier: str | None, present: list[int], outcome: str) -> None:
    expected = pl.DataFrame(
        {"instrument_id": [1, 2], "session": DAY, "symbol": ["AAPL", "ZZZ"], "tier": [tier, "T4"]}
    )
    bars = pl.DataFrame({"instrument_id": present, "session": DAY})
    verdict = tracked_present(expected, bars)
    assert verdict.outcome == outcome
    if outcome != "passed":
        assert verdict.finding == "1 of 2 expected bars are missing"
        assert verdict.offenders == ("AAPL 2024-06-03",)


def values(*given: float | None) -> pl.DataFrame:
    return pl.DataFrame({"key": range(len(given)), "value": pl.Series(given, dtype=pl.Float64)})


def test_v27_restatements() -> None:
    old = values(*[100.0] * 100)
    assert restated(old, values(*[100.0 + 9e-5] * 100)).outcome == "passed"
    assert restated(old, values(101.0, *[100.0] * 99)).outcome == "info"
    verdict = restated(old, values(101.0, None, *[100.0] * 98))
    assert verdict == Verdict(
        "V27",
        "warning",
        "2 of 100 values differ from the stored ones",
        ("0: 100.0 -> 101.0", "1: 100.0 -> None"),
    )
    assert restated(old, values()).outcome == "passed"


def index(
    *weights: float, n: int = 2, level: float | None = 100.0, moved: float | None = 0.01
) -> Verdict:
    same = {"index_name": "top", "session": DAY}
    return index_whole(
        pl.DataFrame(
            {"instrument_id": range(len(weights)), "weight": weights},
            schema={"instrument_id": pl.Int32, "weight": pl.Float64},
        ).with_columns(index_name=pl.lit("top"), session=pl.lit(DAY)),
        pl.DataFrame({**same, "n": [n]}),
        pl.DataFrame(
            {**same, "level": [level], "session_return": [moved]},
            schema_overrides={"level": pl.Float64, "session_return": pl.Float64},
        ),
    )


def test_v28_an_index_is_whole() -> None:
    assert index(0.5, 0.5).outcome == "passed"
    assert index(0.5, 0.5, moved=None).outcome == "passed"
    assert index(0.5, 0.4).offenders == ("top 2024-06-03: weights 0.9, 2 of 2, 0 twice",)
    assert index(0.5, 0.5, n=3).outcome == "error"
    assert index(*[0.01] * 98, 0.02, n=100).outcome == "passed", "99 of 100"
    assert index(*[1 / 97] * 97, n=100).outcome == "error"
    assert index().outcome == "error"
    assert index(0.5, 0.5, level=0.0).outcome == "error"
    assert index(0.5, 0.5, level=None).outcome == "error"
    assert index(0.5, 0.5, moved=-0.16) == Verdict(
        "V28", "warning", "1 returns beyond 15%", ("top 2024-06-03: -16.0%",)
    )


def test_v28_a_constituent_twice() -> None:
    weights = pl.DataFrame(
        {"index_name": "top", "session": DAY, "instrument_id": [1, 1], "weight": [0.5, 0.5]}
    )
    wanted = pl.DataFrame({"index_name": ["top"], "session": [DAY], "n": [2]})
    levels = pl.DataFrame(
        {"index_name": ["top"], "session": [DAY], "level": [1.0], "session_return": [0.0]}
    )
    assert index_whole(weights, wanted, levels).outcome == "error"


@pytest.mark.parametrize(
    ("weights", "outcome"),
    [
        ([0.6, 0.36], "passed"),
        ([0.6, 0.34], "warning"),
        ([0.6, 0.46], "warning"),
        ([None, None], "passed"),
        ([1.2, -0.2, None], "passed"),
    ],
)
def test_v29_holdings(weights: list[float | None], outcome: str) -> None:
    known = datetime(2024, 7, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {"instrument_id": 1, "as_of": DAY, "known_at": known, "weight": weights},
        schema_overrides={"weight": pl.Float64},
    )
    assert holdings_sum(frame).outcome == outcome


@pytest.mark.parametrize(
    ("now", "outcome"), [(4, "passed"), (6, "passed"), (7, "info"), (0, "passed")]
)
def test_v30_missing_observations(now: int, outcome: str) -> None:
    """100 values a year, 3 NULL usually: at most max(2 x 3 %, 3 % + 2 %) = 6 %."""
    rows = [
        (1, date(year, 1 + n // 28, 1 + n % 28), None if n < missing else 1.0)
        for year, missing in ((2022, 3), (2023, 3), (2024, now))
        for n in range(100)
    ]
    frame = pl.DataFrame(rows, ["instrument_id", "session", "value"], orient="row")
    assert observations_present(frame).outcome == outcome
