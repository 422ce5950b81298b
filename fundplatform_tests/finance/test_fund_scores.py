"""Peer groups, inputs by frame, facts by the day they were known, and the headline."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.fund_history import trusted
from fundplatform.finance.fund_scores import HEADLINE, fund_scores
from fundplatform.finance.metric_rules import RULES_FILE, load_metric_rules
from fundplatform.tables import FUND_FACTS, INSTRUMENTS, METRICS, RISK, SCORES, Table

DAY = date(2024, 6, 28)
RETURNS = [0.12, 0.10, 0.10, 0.07, 0.03]
RULES = load_metric_rules()
# The second source goes first.
SOURCES = pl.DataFrame({"source_id": [1, 2], "priority": [100, 10]}).cast(
    {"source_id": pl.Int16, "priority": pl.Int32}
)


def rows(table: Table, *given: dict[str, Any]) -> pl.DataFrame:
    schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    return pl.DataFrame([dict.fromkeys(schema) | g for g in given], schema=schema)


def of(frame: str, value: float | None, number: int, **more: object) -> dict[str, Any]:
    return {
        "instrument_id": number, "session": DAY, "frame": frame, "return_basis": "price",
        "total_return": value, "annualized_return": value, "sharpe": value, "volatility": 0.1,
        "max_drawdown": -0.1, **more,
    }  # fmt: skip


def scored(metrics: list[dict[str, Any]], facts: pl.DataFrame | None = None) -> pl.DataFrame:
    measured = rows(METRICS, *metrics)
    keys = ("instrument_id", "session", "frame", "return_basis")
    risk = rows(RISK, *({n: m[n] for n in keys} for m in metrics))
    classes = {m["instrument_id"]: m.get("class", "etf") for m in metrics}
    instruments = rows(
        INSTRUMENTS, *({"instrument_id": n, "asset_class": c} for n, c in classes.items())
    )
    stated = rows(FUND_FACTS) if facts is None else facts
    given = trusted(stated, SOURCES)
    return fund_scores(measured, risk, given, instruments, RULES)


def score_of(found: pl.DataFrame, number: int, frame: str) -> tuple[int | None, str | None]:
    row = found.filter(pl.col("instrument_id") == number, pl.col("frame") == frame)
    return row.select("score", "reason").row(0)  # type: ignore[return-value]


def test_the_published_percentiles_and_the_weights_by_hand() -> None:
    found = scored([of("1Y", r, n) for n, r in enumerate(RETURNS, 1)])
    year = found.filter(pl.col("frame") == "1Y")
    assert year["annualized_return_percentile"].to_list() == [90, 60, 60, 30, 10]
    assert year["total_return_percentile"].null_count() == 5
    # Return and Sharpe by rank, drawdown and volatility tie at 50, no fees: weights .8 of 1.
    # (.25 + .25) * 90 + (.20 + .10) * 50 = 60; / .8 = 75. Likewise 56.25, 37.5 and 25.
    assert year["score"].to_list() == [75, 56, 56, 38, 25]
    assert year["peer_group"].unique().to_list() == ["etf"]
    assert found.schema == SCORES.empty().drop(SCORES.stamps).schema
    # The headline of funds with one year only is that year's score.
    assert score_of(found, 1, HEADLINE) == (75, None)


def test_below_a_year_the_total_return_counts() -> None:
    found = scored([of("3M", r, n, annualized_return=None) for n, r in enumerate(RETURNS, 1)])
    quarter = found.filter(pl.col("frame") == "3M")
    assert quarter["total_return_percentile"].to_list() == [90, 60, 60, 30, 10]
    assert quarter["annualized_return_percentile"].null_count() == 5
    assert score_of(found, 1, HEADLINE) == (None, "no_frame_score")


def test_a_fund_without_the_frame_is_no_peer_in_it() -> None:
    short = of("1Y", None, 6, sharpe=None, volatility=None, reason="insufficient_history")
    stated = rows(FUND_FACTS, fact(6, "2024-06-01", expense_ratio=0.01))
    found = scored([*(of("1Y", r, n) for n, r in enumerate(RETURNS, 1)), short], stated)
    assert score_of(found, 6, "1Y") == (None, "insufficient_history")
    (alone,) = found.filter(instrument_id=6, frame="1Y").iter_rows(named=True)
    # Its fee has no place among those that have no return either.
    assert (alone["expense_ratio_percentile"], alone["peer_count"]) == (None, 0)
    assert score_of(found, 1, "1Y") == (75, None)
    four = scored([*(of("1Y", r, n) for n, r in enumerate(RETURNS[:4], 1)), short])
    assert score_of(four, 1, "1Y") == (None, "too_few_peers")


def test_a_stock_is_no_fund_unless_a_source_says_so() -> None:
    stocks = [of("1Y", r, n) | {"class": "equity"} for n, r in enumerate(RETURNS, 1)]
    assert scored(stocks).is_empty()
    stated = rows(FUND_FACTS, *(fact(n, "2024-06-28") for n in range(1, 6)))
    assert scored(stocks, stated).filter(pl.col("score").is_not_null()).height == 10


def fact(number: int, known: str, **more: object) -> dict[str, Any]:
    day = date.fromisoformat(known)
    return {
        "instrument_id": number, "session": day, "effective_on": day, "fund_type": "etf",
        "known_at": datetime(day.year, day.month, day.day, tzinfo=UTC), **more,
    }  # fmt: skip


def test_a_fee_counts_from_the_day_it_was_known() -> None:
    metrics = [of("1Y", 0.1, n) for n in range(1, 6)]
    fees = [fact(n, "2024-06-01", category="Large", expense_ratio=n / 1000) for n in range(1, 6)]
    # The dearest gets cheapest, but nobody knows before July.
    later = fact(5, "2024-07-01", category="Large", expense_ratio=0.0001)
    found = scored(metrics, rows(FUND_FACTS, *fees, later))
    year = found.filter(pl.col("frame") == "1Y")
    assert year["expense_ratio_percentile"].to_list() == [90, 70, 50, 30, 10]
    assert year["peer_group"].unique().to_list() == ["etf / etf / Large"]
    # What a later statement leaves out stays as it was.
    partial = fact(1, "2024-06-20", category=None, expense_ratio=None)
    same = scored(metrics, rows(FUND_FACTS, *fees, partial))
    assert same.equals(found)


@pytest.mark.parametrize(("day", "third"), [("2024-07-15", 50), ("2024-06-28", 10)])
def test_a_fee_counts_from_the_day_it_is_in_force(day: str, third: float) -> None:
    """Filed in June for a later day; what is filed after it for an earlier one counts until then.

    Of 0.1 to 0.5 % the third's 0.3 % becomes 0.9 %.
    """
    metrics = [of("1Y", 0.1, n) for n in range(1, 6)]
    fees = [fact(n, "2024-06-01", expense_ratio=n / 1000) for n in range(1, 6)]
    filed = fact(3, "2024-06-10", expense_ratio=0.009) | {"effective_on": date.fromisoformat(day)}
    since = fact(3, "2024-06-12", expense_ratio=0.0031)
    # A correction of what was in force before: it changes nothing of today's.
    before = fact(3, "2024-06-20", expense_ratio=0.0001) | {"effective_on": date(2024, 5, 1)}
    year = scored(metrics, rows(FUND_FACTS, *fees, filed, since, before))
    found = year.filter(pl.col("frame") == "1Y")["expense_ratio_percentile"]
    assert found[2] == third


def test_a_fee_in_the_wrong_unit_moves_no_score() -> None:
    """The cheapest fund's 0.001 comes as 0.1 the day after: percent and fraction mixed up."""
    metrics = [of("1Y", 0.1, n) for n in range(1, 6)]
    fees = [fact(n, "2024-06-01", expense_ratio=n / 1000) for n in range(1, 6)]
    found = scored(metrics, rows(FUND_FACTS, *fees, fact(1, "2024-06-02", expense_ratio=0.1)))
    assert found.equals(scored(metrics, rows(FUND_FACTS, *fees)))


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_sources_on_a_day_the_one_that_goes_first_counts(turned: bool) -> None:
    metrics = [of("1Y", 0.1, n) for n in range(1, 6)]
    fees = [
        fact(n, "2024-06-01", expense_ratio=fee, source_id=source)
        for n in range(1, 6)
        for source, fee in ((1, n / 1000), (2, (6 - n) / 1000))
    ]
    year = scored(metrics, rows(FUND_FACTS, *(fees[::-1] if turned else fees)))
    wanted = year.filter(pl.col("frame") == "1Y")["expense_ratio_percentile"]
    assert wanted.to_list() == [10, 30, 50, 70, 90]


def test_the_headline_weighs_the_frames_that_there_are() -> None:
    metrics = [
        of(frame, r if frame == "1Y" else -r, n)
        for frame in ("1Y", "3Y")
        for n, r in enumerate(RETURNS, 1)
    ]
    found = scored(metrics)
    # 1Y 75, 3Y (last of five, 10): ((.5 * 10) + .3 * 50) / .8 = 25; (.2 * 75 + .3 * 25) / .5 = 45.
    assert (score_of(found, 1, "1Y")[0], score_of(found, 1, "3Y")[0]) == (75, 25)
    assert score_of(found, 1, HEADLINE) == (45, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("daily_days: 731", "daily_days: some", "history.daily_days: 'some' is no number"),
        ("basis: yield}", "basis: daily}", "risk_free[0].basis: 'daily' is unknown"),
        ("headline: {1Y: 0.2,", "headline: {1Y: 0.3,", "score.headline: sums to 1.1"),
        ("headline: {1Y: 0.2,", "headline: {2Y: 0.2,", "score.headline.2Y: no frame"),
        ("    sharpe: 0.25", "    sharp: 0.25", "sharp: unknown input"),
        ("asset_classes: [crypto]", "asset_classes: [etf]", "etf stands here twice"),
        ('version: "1"', "version: 1", "version: 1 is no text"),
        ("history:", "story:", "story: unknown"),
    ],
)
def test_a_wrong_file_names_the_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    own = tmp_path / "metrics.yaml"
    text = RULES_FILE.read_text("utf-8")
    assert text.count(old) >= 1
    own.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_metric_rules(own)
    assert words in str(error.value)


def test_every_session_may_be_stored(tmp_path: Path) -> None:
    own = tmp_path / "metrics.yaml"
    own.write_text(RULES_FILE.read_text("utf-8").replace("daily_days: 731", "daily_days: all"))
    assert load_metric_rules(own).daily_days is None
    assert load_metric_rules(tmp_path / "none.yaml") == RULES
