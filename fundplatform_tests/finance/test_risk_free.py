"""The rate known the day before; a bill's discount; what metrics make of rates by date."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from fundplatform.assets import metric_terms
from fundplatform.finance.measured import Terms
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree, published
from fundplatform_tests.finance.test_metrics import SESSIONS, row, series, wave
from fundplatform_tests.finance.test_metrics import measure as plain


def observed(*rows: tuple[str, str, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"session": pl.String, "vintage": pl.String, "value": pl.Float64}, orient="row"
    ).with_columns(pl.col("session", "vintage").str.to_date())


def test_a_rate_counts_from_the_day_after_its_publication() -> None:
    rates = published(
        observed(
            ("2024-06-03", "2024-06-04", 5.0),
            ("2024-06-04", "2024-06-05", 6.0),
            # Monday's rate, revised after Tuesday's was out: Tuesday's stays the newest.
            ("2024-06-03", "2024-06-06", 9.0),
            ("2024-06-05", "2024-06-06", None),
        ),
        "yield",
    )
    assert rates["rate"].to_list() == pytest.approx([0.05, 0.06])
    days = np.array(["2024-06-04", "2024-06-05", "2024-06-06", "2024-07-05", "2024-07-06"], "M8[D]")
    found = RiskFree(0.01, (rates,)).annual(days)
    # The last is 31 days after the last publication.
    assert found is not None
    assert found.tolist() == pytest.approx([0.01, 0.05, 0.06, 0.06, 0.01])
    assert RiskFree(0.01).annual(days) is None
    assert RiskFree(0.01, (rates.clear(),)).annual(days) is None


def test_each_day_takes_the_first_series_that_has_a_fresh_rate() -> None:
    """The yields begin in June and pause; the bills have one rate in May, one in July."""
    yields = pl.DataFrame({"known_on": [date(2024, 6, 3)], "rate": [0.05]})
    bills = pl.DataFrame({"known_on": [date(2024, 5, 15), date(2024, 7, 1)], "rate": [0.02, 0.03]})
    days = ["2024-05-15", "2024-05-16", "2024-06-03", "2024-06-04", "2024-07-03", "2024-07-04"]
    both = RiskFree(0.01, (yields, bills))
    found = both.annual(np.array([*days, "2024-08-01"], "M8[D]"))
    assert found is not None
    assert found.tolist() == [0.01, 0.02, 0.02, 0.05, 0.05, 0.03, 0.01]


def test_a_rate_of_later_days_leaves_earlier_ones_as_they_are() -> None:
    """What a run that ends later knows of other series changes no rate of the days before."""
    names = [(1, "DGS3MO"), (2, "DTB3"), (3, "ELSE")]
    instruments = pl.DataFrame(
        {"instrument_id": [n for n, _ in names], "symbol": [s for _, s in names]},
        schema_overrides={"instrument_id": pl.Int32},
    ).with_columns(asset_class=pl.lit("rate"))
    told = observed(("2010-01-04", "2010-01-04", 0.5), ("2012-07-02", "2012-07-02", 0.25))
    told = told.with_columns(pl.Series("instrument_id", [2, 1], pl.Int32))
    days = np.array(["2010-01-05", "2010-01-06"], "M8[D]")
    rules = load_metric_rules()
    early, late = (
        metric_terms.rates(rules, told.filter(pl.col("session") <= end), instruments, 0.0)
        for end in (date(2010, 1, 6), date(2012, 7, 6))
    )
    # A bank discount of 0.5 %: 365 * .005 / (360 - 91 * .005)
    bond = 1.825 / 359.545
    assert [r.annual(days).tolist() for r in (early, late)] == [[pytest.approx(bond)] * 2] * 2
    assert (early.series, late.series) == ((2,), (1, 2))


def test_the_bond_equivalent_of_a_bill() -> None:
    # 365 * .05 / (360 - 91 * .05) = 18.25 / 355.45
    (rate,) = published(observed(("2024-06-03", "2024-06-04", 5.0)), "discount")["rate"]
    assert rate == pytest.approx(18.25 / 355.45, rel=1e-12)


def test_a_steady_rate_by_date_is_the_constant() -> None:
    returns = series(wave(date(2024, 1, 2), date(2024, 6, 28)))
    day = date(2024, 6, 28)
    known = [s for s in SESSIONS if date(2023, 12, 1) <= s <= day]
    rates = pl.DataFrame({"known_on": known, "rate": [0.05] * len(known)})
    found = next(iter(measure(returns, SESSIONS, [day], Terms(252, RiskFree(0.0, (rates,))))))[0]
    expected = plain(returns, SESSIONS, day, rf=0.05)
    for frame in ("1M", "3M"):
        assert row(found, frame)["sharpe"] == pytest.approx(row(expected, frame)["sharpe"])
        assert row(found, frame)["risk_free_rate"] == pytest.approx(0.05, rel=1e-9)
    # Where no rate is used, the constant is stated.
    assert row(found, "10Y")["risk_free_rate"] == 0.0


def test_a_moving_rate_by_hand() -> None:
    returns = series(wave(date(2024, 4, 30), date(2024, 6, 28)))
    june = [s for s in SESSIONS if date(2024, 6, 3) <= s <= date(2024, 6, 28)]
    # Half of June at 2 %, half at 8 %; the wave goes up 2 % and down 1 % in turn.
    rates = pl.DataFrame({"known_on": [date(2024, 5, 31), june[9]], "rate": [0.02, 0.08]})
    terms = Terms(252, RiskFree(0.0, (rates,)))
    found = row(next(iter(measure(returns, SESSIONS, [june[-1]], terms)))[0], "1M")
    low, high = (1.02 ** (1 / 252) - 1, 1.08 ** (1 / 252) - 1)
    path = returns.filter(pl.col("session").is_in(june))["ret"].to_list()
    excess = [r - (low if n <= 9 else high) for n, r in enumerate(path)]
    expected = np.mean(excess) / np.std(excess, ddof=1) * 252**0.5
    assert found["sharpe"] == pytest.approx(expected, rel=1e-9)
    assert found["risk_free_rate"] == pytest.approx((1 + (low + high) / 2) ** 252 - 1, rel=1e-9)
