"""The answers of the synthetic market, worked out again row by row from its prices and actions."""

import json
import math
from datetime import date, timedelta
from itertools import pairwise

import polars as pl
import pytest

from fundplatform.finance import rules
from fundplatform.sources.base import Kind
from fundplatform.sources.synthetic import Answers, Synthetic
from fundplatform.sources.synthetic.plan import ROLES, companies
from fundplatform_tests.sources.contract import NOW
from fundplatform_tests.sources.synthetic_plan import DAYS, END, START, make, weekdays, whole


@pytest.fixture(scope="module")
def market() -> Synthetic:
    return make()


@pytest.fixture(scope="module")
def truth(market: Synthetic) -> Answers:
    return market.answers()


def test_every_role_is_there(truth: Answers) -> None:
    assert set(truth.companies["role"]) == set(ROLES)


def company_rows(market: Synthetic, truth: Answers, company: str) -> list[dict[str, float]]:
    own = truth.bars.filter(pl.col("company") == company)
    every = whole(market, Kind.CORPORATE_ACTIONS)
    for row in (rows := own.to_dicts()):
        day = every.filter(
            pl.col("vendor_symbol") == row["vendor_symbol"], pl.col("ex_date") == row["session"]
        )
        row["s"] = day.filter(pl.col("action") == "split")["ratio"].sum() or 1.0
        paid = pl.col("action").is_in(["dividend", "special_dividend"])
        row["d"] = day.filter(paid)["amount"].sum()
    return rows


@pytest.mark.parametrize("slot", range(1, 8))
def test_returns_follow_from_prices_and_actions(
    market: Synthetic, truth: Answers, slot: int
) -> None:
    """Simple return (P_t s + D) / P_{t-1} - 1, chained; split-adjusted by all later ratios."""
    rows = company_rows(market, truth, f"SYN{slot:04d}")
    growth = 1.0
    for before, row in pairwise(rows):
        r = (row["close"] * row["s"] + row["d"]) / before["close"] - 1
        growth *= 1 + r
        assert math.isclose(row["total_return"], r, rel_tol=1e-12, abs_tol=1e-15)
        assert math.isclose(row["total_return_factor"], growth, rel_tol=1e-11)
    later = 1.0
    for row in reversed(rows):
        assert math.isclose(row["split_adjusted_close"], row["close"] / later, rel_tol=1e-12)
        later *= row["s"]
    assert rows[0]["total_return"] is None


def test_undamaged_bars_are_delivered_as_they_are(market: Synthetic, truth: Answers) -> None:
    key = ["vendor_symbol", "session"]
    sound = truth.bars.join(truth.defects, on=key, how="anti").select(*key, "close")
    got = whole(market, Kind.OHLCV).join(truth.defects, on=key, how="anti").select(*key, "close")
    assert got.sort(key).equals(sound.sort(key))


def test_undamaged_bars_are_sound(market: Synthetic, truth: Answers) -> None:
    given = whole(market, Kind.OHLCV)
    good = given.join(truth.defects, on=["vendor_symbol", "session"], how="anti")
    body = ["open", "close"]
    odd = good.filter(
        (pl.col("high") < pl.max_horizontal(body))
        | (pl.col("low") > pl.min_horizontal(body))
        | (pl.col("low") <= 0)
        | (pl.col("volume") <= 0)
        | (pl.col("volume") != pl.col("volume").round())
    )
    assert odd.is_empty()


def damaged(market: Synthetic, truth: Answers, what: str) -> list[dict[str, float]]:
    key = ["vendor_symbol", "session"]
    cases = truth.defects.filter(pl.col("what") == what)
    true = truth.bars.select(*key, true_close="close")
    joined = cases.join(whole(market, Kind.OHLCV), on=key).join(true, on=key)
    assert joined.height == cases.height == 6
    return joined.to_dicts()


def test_faults_are_what_they_say(market: Synthetic, truth: Answers) -> None:
    for row in damaged(market, truth, "high_below_low"):
        assert row["high"] < row["low"]
    for row in damaged(market, truth, "null_close"):
        assert row["close"] is None
    for row in damaged(market, truth, "negative_price"):
        assert row["low"] < 0 < row["close"]
    for row in damaged(market, truth, "zero_volume_with_range"):
        assert row["volume"] == 0
        assert row["high"] > row["low"]
    for row in damaged(market, truth, "decimal_shift"):
        assert math.isclose(row["close"], 100 * row["true_close"])


def test_a_decimal_shift_is_within_two_percent_of_a_hundred(
    market: Synthetic, truth: Answers
) -> None:
    given = whole(market, Kind.OHLCV).with_columns(
        jump=pl.col("close") / pl.col("close").shift().over("vendor_symbol")
    )
    shifted = truth.defects.filter(pl.col("what") == "decimal_shift")
    jumps = shifted.join(given, on=["vendor_symbol", "session"])["jump"].to_list()
    # Two shifts in a row would be a jump of one: the seed has none.
    assert len(jumps) == 6
    assert all(98 < jump < 102 for jump in jumps)


def test_doubled_rows_keep_one_copy(market: Synthetic, truth: Answers) -> None:
    batch = market.fetch(Kind.OHLCV, START, END, now=NOW)
    kept = {(r["vendor_symbol"], r["session"]): r for r in damaged(market, truth, "doubled_row")}
    refused = batch.rejected.filter(pl.col("rule") == "duplicate").to_dicts()
    assert len(refused) == len(kept)
    for row in refused:
        found = kept[row["vendor_symbol"], row["session"]]
        assert json.loads(row["row"]) == {
            n: found[n] for n in ("open", "high", "low", "close", "volume")
        }


def test_of_contradicting_rows_none_is_kept(market: Synthetic, truth: Answers) -> None:
    batch = market.fetch(Kind.OHLCV, START, END, now=NOW)
    cases = truth.defects.filter(pl.col("what") == "conflicting_rows")
    key = ["vendor_symbol", "session"]
    assert batch.rows.join(cases, on=key).is_empty()
    refused = batch.rejected.filter(pl.col("rule") == "conflicting_duplicate")
    per_key = refused.group_by(key).agg(pl.len(), closes=pl.col("row").n_unique())
    assert per_key.height == cases.height == 6
    assert per_key.select("len", "closes").unique().rows() == [(2, 2)]
    assert batch.rejected["row_number"].min() == batch.rows.height + 1


def test_a_halted_session_has_no_bar(market: Synthetic, truth: Answers) -> None:
    given = whole(market, Kind.OHLCV)
    # One day and eight days, in each of the two slots.
    assert truth.halts.height == 2 * 9
    assert given.join(truth.halts, on=["vendor_symbol", "session"]).is_empty()


def test_a_renamed_company_keeps_its_symbol(market: Synthetic, truth: Answers) -> None:
    assert truth.renames["to_symbol"].to_list() == ["SYN0007N", "SYN0027N"]
    listed = market.listings(Kind.OHLCV).filter(pl.col("symbol") == "SYN0007").rows(named=True)
    old, new = sorted(listed, key=lambda row: row["valid_from"])
    assert (old["vendor_symbol"], new["vendor_symbol"]) == ("SYN0007", "SYN0007N")
    assert new["valid_from"] == truth.renames["session"][0]
    assert weekdays("", old["valid_to"], new["valid_from"]) == [old["valid_to"], new["valid_from"]]
    assert truth.bars.filter(pl.col("company") == "SYN0007")["vendor_symbol"].n_unique() == 2


def test_a_reused_symbol_is_two_companies(market: Synthetic, truth: Answers) -> None:
    listed = market.listings(Kind.OHLCV).filter(pl.col("vendor_symbol") == "SYN0008")
    one, two = listed.sort("valid_from").rows(named=True)
    assert len(weekdays("", one["valid_to"], two["valid_from"])) - 2 > 60
    own = truth.companies.filter(pl.col("symbol") == "SYN0008")
    assert own["company"].to_list() == ["SYN0008", "SYN0008#2"]
    assert own["last_session"][0] == one["valid_to"]


def last_rows(truth: Answers, company: str) -> tuple[float, float]:
    own = truth.bars.filter(pl.col("company") == company)
    return own["total_return"][-1], own["close"][-1]


def test_deaths(market: Synthetic, truth: Answers) -> None:
    stated = {
        (row["vendor_symbol"], row["action"]): row
        for row in whole(market, Kind.CORPORATE_ACTIONS).to_dicts()
    }
    known = {row["company"]: row for row in truth.companies.to_dicts()}
    _, close = last_rows(truth, "SYN0009")
    assert known["SYN0009"]["terminal_value"] == stated["SYN0009", "merger"]["amount"] == close
    fall, close = last_rows(truth, "SYN0010")
    assert math.isclose(fall, -0.30, abs_tol=1e-5)
    assert known["SYN0010"]["terminal_value"] == close
    assert stated["SYN0010", "delisting"]["amount"] is None
    fall, _ = last_rows(truth, "SYN0011")
    assert math.isclose(fall, -0.30, abs_tol=1e-5)
    assert known["SYN0011"]["terminal_value"] == stated["SYN0011", "delisting"]["amount"] == 0
    for symbol, action in (("SYN0009", "merger"), ("SYN0010", "delisting")):
        gone, ex = known[symbol]["last_session"], stated[symbol, action]["ex_date"]
        assert weekdays("", gone, ex) == [gone, ex]
    assert known["SYN0001"]["death"] is None
    assert known["SYN0001"]["terminal_value"] is None


def test_a_death_beyond_the_end_has_not_happened() -> None:
    short = make(end=date(2015, 3, 31))
    assert short.answers().companies["death"].null_count() == 38
    assert whole(short, Kind.CORPORATE_ACTIONS)["action"].unique().to_list() == ["dividend"]


def test_caps_are_true_closes_times_shares(market: Synthetic, truth: Answers) -> None:
    """SYN0002 splits 2:1: its shares double on the ex-date, its cap does not jump."""
    own = companies(7, 2)[0]
    ((offset, ratio),) = own.splits.items()
    ex_date = DAYS[offset]
    key = ["vendor_symbol", "session"]
    caps = whole(market, Kind.MARKET_CAPS).join(truth.bars, on=key)
    for row in caps.filter(pl.col("vendor_symbol") == "SYN0002").to_dicts():
        shares = own.shares * (ratio if row["session"] >= ex_date else 1)
        assert math.isclose(row["market_cap"], shares * row["close"], rel_tol=1e-12)


def test_shares_count_the_splits(market: Synthetic) -> None:
    counts = whole(market, Kind.SHARES).filter(pl.col("vendor_symbol") == "SYN0002")
    assert sorted(set(counts["shares"] / companies(7, 2)[0].shares)) == [1.0, 2.0]


def test_actions_are_known_before_they_go_ex(market: Synthetic) -> None:
    every = whole(market, Kind.CORPORATE_ACTIONS)
    late = every.filter(pl.col("known_at").dt.date() >= pl.col("ex_date"))
    assert late.is_empty()


def test_the_row_rules_find_every_fault_of_one_row_and_nothing_else(
    market: Synthetic, truth: Answers
) -> None:
    """What V22 must find needs the session before: it is no row rule and is left out here."""
    given = whole(market, Kind.OHLCV)
    symbols = given["vendor_symbol"].unique(maintain_order=True)
    numbers = {symbol: i for i, symbol in enumerate(symbols)}
    closes = pl.col("bar_open_at") + timedelta(hours=21)
    judged = rules.judge(
        given.with_columns(
            source_id=pl.lit(1, pl.Int16),
            instrument_id=pl.col("vendor_symbol").replace_strict(numbers, return_dtype=pl.Int32),
            asset_class=pl.lit("equity"),
            is_session=pl.lit(True),
            bar_close_at=closes,
            coverage_start=pl.lit(START),
            priority=pl.lit(1, pl.Int32),
        )
    )
    noticed = [
        (symbols[row["instrument_id"]], row["session"], ids, outcome)
        for frame, column, outcome in (
            (judged.rejected, "rules", "rejected"),
            (judged.validated.filter(pl.col("warnings") != ""), "warnings", "warned"),
        )
        for row in frame.to_dicts()
        if (ids := ",".join(r for r in row[column].split(",") if r < "V12"))
    ]
    expected = {
        (row["vendor_symbol"], row["session"], both.get(row["what"], row["rule"]), row["outcome"])
        for both in ({"high_below_low": "V04,V05"},)
        for row in truth.defects.filter(pl.col("rule").str.starts_with("V0")).to_dicts()
    }
    assert len(noticed) == len(expected) == 4 * 6
    assert set(noticed) == expected
