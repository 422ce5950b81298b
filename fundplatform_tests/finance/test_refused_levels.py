"""A refused jump is carried into no return; series and expected values by hand."""

import polars as pl
import pytest

from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.refused_levels import COLUMNS, restarted
from fundplatform.finance.returns import session_returns
from fundplatform.finance.rules import judge
from fundplatform.tables import CORPORATE_ACTIONS
from fundplatform_tests.finance.series_cases import bar, calm, day, filled, frame
from fundplatform_tests.finance.test_series_rules import actions


def returns_after(
    rows: list[dict[str, object]], ratio: float | None = None
) -> tuple[list[str], pl.DataFrame]:
    """The rules that refused rows of instrument 1, and its returns; a split on the 20th day."""
    told = None if ratio is None else actions((day(20), "split", ratio, None))
    judged = judge(filled(frame(rows)), actions=told)
    own = pl.col("instrument_id") == 1
    splits = CORPORATE_ACTIONS.empty()
    if ratio is not None:
        one = {"instrument_id": 1, "source_id": 1, "action": "split", "ratio": ratio}
        splits = pl.DataFrame([{**one, "ex_date": day(20)}], splits.schema)
    good = judged.validated.filter(own).with_columns(selected=pl.lit(value=True))
    found = session_returns(good, split_factors(splits))
    refused = judged.rejected.filter(own)
    return refused["rules"].to_list(), restarted(found, refused.select(COLUMNS))


def jumped(returns: pl.DataFrame) -> list[object]:
    """Sessions of returns beyond 5 %, and of NULLs but the first."""
    far = (pl.col("ret").abs() > 0.05) | pl.col("ret").is_null()
    return returns[1:].filter(far).select("session", "ret").rows()


def test_a_split_that_nobody_recorded_is_no_loss_of_half() -> None:
    rows = [*calm(20), *(bar(n, 50.0 + n % 2 / 10, volume=4000.0 + n) for n in range(20, 26))]
    rules, found = returns_after(rows)
    assert rules == ["V20"]
    assert jumped(found) == [(day(21), None)]
    # 50.1 is the new beginning; five sessions on the price is 50.1 again.
    assert found["growth"].to_list()[-5:] == pytest.approx([1.0, 50 / 50.1, 1.0, 50 / 50.1, 1.0])
    assert found["growth"][19] == pytest.approx(1.001)


def test_a_split_on_record_that_the_prices_do_not_show_is_no_gain() -> None:
    """Prices adjusted already, called as traded: 100 stays 100 over a 2:1 split."""
    rules, found = returns_after(calm(26), ratio=2.0)
    assert rules == ["V21"]
    assert jumped(found) == [(day(21), None)]


def test_a_bad_bar_alone_leaves_the_series_whole() -> None:
    rows = calm(26)
    rows[20] = bar(20, 1.0)
    rules, found = returns_after(rows)
    assert rules == ["V17,V22"]
    assert jumped(found) == []


def test_a_real_jump_of_rule_17_stays_a_return() -> None:
    rows = [*calm(20), *(bar(n, 350.0 + n % 2 / 10) for n in range(20, 26))]
    rules, found = returns_after(rows)
    assert rules == ["V17"]
    ((session, ret),) = jumped(found)  # type: ignore[misc]
    assert (session, ret) == (day(21), pytest.approx(350.1 / 100.1 - 1))


def test_each_basis_by_itself_and_nothing_without_a_refusal() -> None:
    rows = [*calm(20), *(bar(n, 50.0 + n % 2 / 10, volume=4000.0 + n) for n in range(20, 26))]
    judged = judge(filled(frame(rows)))
    own = pl.col("instrument_id") == 1
    good = judged.validated.filter(own).with_columns(selected=pl.lit(value=True))
    found = session_returns(good, split_factors(CORPORATE_ACTIONS.empty()))
    assert restarted(found, judged.rejected.filter(own).clear()).equals(found)
    both = pl.concat([found.with_columns(return_basis=pl.lit(b)) for b in ("price", "total")])
    twice = restarted(both, judged.rejected.filter(own))
    for part in twice.partition_by("return_basis"):
        assert part["ret"].null_count() == 2
        assert part.select(found.columns).equals(restarted(found, judged.rejected.filter(own)))
