"""The rules' clauses: a stored bar that breaks a rule is found, an accepted one is excused."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.contracts import Counted
from fundplatform.finance.rules import BY_ID, DEFAULTS, RULES, Limits
from fundplatform.rule_clauses import rule_clauses

AT = datetime(2024, 1, 2, tzinfo=UTC)
BAR = {
    "source_id": 1, "instrument_id": 1, "interval": "1d", "quote": "USD", "bar_open_at": AT,
    "session": date(2024, 1, 2), "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0,
    "volume": 1.0, "vwap": None, "trade_count": None, "adjustment": "none", "known_at": AT,
    "selected": True, "warnings": None, "recorded_from": AT, "run_id": "r",
}  # fmt: skip
INSTRUMENTS = pl.DataFrame(
    {"instrument_id": [1, 2], "asset_class": ["equity", "commodity"], "symbol": ["A", "WTI"]},
    schema={"instrument_id": pl.Int32, "asset_class": pl.String, "symbol": pl.String},
)
BLOCKING = [r.id for r in RULES if r.blocks and r.scope in ("row", "series", "cross-source")]


def bars(*rows: dict[str, object]) -> pl.DataFrame:
    told = [{**BAR, "bar_open_at": AT + timedelta(days=n), **r} for n, r in enumerate(rows)]
    return pl.DataFrame(told, schema=tables.VALIDATED.polars_schema)


def refused(validated: pl.DataFrame, rule: str) -> pl.DataFrame:
    return validated.with_columns(
        rules=pl.lit(rule), reason=pl.lit("x"), rules_version=pl.lit(1, pl.Int32)
    ).select(tables.REJECTED.column_names)


def broken(
    validated: pl.DataFrame, rejected: pl.DataFrame | None = None, limits: Limits = DEFAULTS
) -> dict[str, int | None]:
    none = tables.REJECTED.empty()
    found = rule_clauses(validated, none if rejected is None else rejected, INSTRUMENTS, limits)
    return {c.expected.partition(":")[0]: c.unexpected for c in found if c.unexpected}


def test_every_rule_that_refuses_bars_has_a_clause_with_its_expectation() -> None:
    found = rule_clauses(bars({}), tables.REJECTED.empty(), INSTRUMENTS, DEFAULTS)
    named: dict[str, Counted] = {c.expected.partition(":")[0]: c for c in found}
    assert list(named) == BLOCKING
    assert all(named[r].expectation == BY_ID[r].expectation for r in BLOCKING)
    assert {c.unexpected for c in found} == {0}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"open": None}, "V02"),
        ({"low": 0.0}, "V03"),
        ({"close": float("inf"), "high": float("inf")}, "V03"),
        ({"high": 10.5}, "V04"),
        ({"low": 10.5}, "V05"),
        ({"volume": -1.0}, "V06"),
        ({"interval": "3d"}, "V25"),
    ],
)
def test_a_stored_bar_that_breaks_a_rule_by_itself(bad: dict[str, object], rule: str) -> None:
    assert broken(bars({}, bad)) == {rule: 1}


@pytest.mark.parametrize("rule", [r for r in BLOCKING if r not in {"V02", "V03", "V04", "V05"}])
def test_a_bar_that_a_rule_refused_may_not_be_stored(rule: str) -> None:
    validated = bars({}, {}, {})
    alone = rule in ("V06", "V25")
    assert broken(validated, refused(validated[1:2], rule)) == ({} if alone else {rule: 1})


def test_offenders_are_shown_with_their_prices() -> None:
    found = rule_clauses(bars({"high": 1.0}), tables.REJECTED.empty(), INSTRUMENTS, DEFAULTS)
    (clause,) = [c for c in found if c.expected.startswith("V04")]
    (shown,) = clause.offenders
    assert isinstance(shown, dict)
    assert shown["bar_open_at"] == AT
    assert (shown["high"], shown["close"], clause.actual) == (1.0, 11.0, "1 stored bars break it")


def test_an_accepted_bar_is_excused_but_from_what_cannot_be_accepted() -> None:
    assert broken(bars({"high": 10.5, "warnings": "V16,accepted"})) == {}
    assert broken(bars({"low": 0.0, "warnings": "accepted"})) == {"V03": 1}


def test_limits_hold_here_too() -> None:
    assert broken(bars({"high": 10.99}), limits=Limits(general={("V04", "tolerance"): 0.01})) == {}
    own = Limits(by_symbol={("V04", "tolerance"): {("equity", "A"): 0.01}})
    assert broken(bars({"high": 10.99}), limits=own) == {}
    assert broken(bars({"high": 10.99}, {"instrument_id": 2, "high": 10.99}), limits=own) == {
        "V04": 1
    }


def test_a_price_below_zero_is_none_of_a_commodity() -> None:
    negative = {"open": -5.0, "high": -4.0, "low": -40.0, "close": -37.0}
    assert broken(bars({"instrument_id": 2, **negative})) == {}
    assert broken(bars(negative)) == {"V03": 1}
