"""Libraries against ours on B3's days and on years of a random market; an error is not explained.

The libraries are no part of the locked environment (empyrical holds peewee back):
`uv pip install --group reconcile` makes these tests run.
"""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.assets.reconciliation import compared
from fundplatform.errors import ConfigError
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.measured import Terms
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree
from fundplatform.reconciliation import Case, reconciled
from fundplatform.tables import RECONCILIATION

B3 = [0.02, -0.02, 0.05, -0.01, 0.0]
B3_BENCHMARK = [0.01, -0.01, 0.02, 0.0, 0.005]
B3_DAYS = [date(2024, 1, d) for d in (2, 3, 4, 5, 8, 9)]


@pytest.fixture
def libraries() -> None:
    for name in ("empyrical", "quantstats", "ffn"):
        pytest.importorskip(name, reason="uv pip install --group reconcile")


def b3(ours: dict[str, float]) -> Case:
    return Case(B3_DAYS, np.array(B3), np.array(B3_BENCHMARK), 0.05, ours)


OURS = {
    "total_return": 0.0390842, "volatility": 0.4404997049, "sharpe": 4.4658486,
    "sortino": 12.6996063,
    "max_drawdown": -0.02, "var_95": 0.018, "cvar_95": 0.02, "beta": 2.4,
    "information_ratio": 2.7727488,
}  # fmt: skip


@pytest.mark.usefixtures("libraries")
def test_b3_by_the_libraries() -> None:
    from fundplatform.finance.metrics import statistics

    found = statistics(np.array(B3), periods_per_year=252, risk_free_rate=0.05)
    exact = OURS | {
        "volatility": float(found.volatility),
        "sharpe": float(found.sharpe),
        "sortino": float(found.sortino),
        "information_ratio": 0.174667053 * 252**0.5,
    }
    rows = reconciled(b3(exact))
    said = {(r["metric"], r["library"]): r for r in rows.iter_rows(named=True)}
    assert {m for (m, _), r in said.items() if not r["explained"]} <= set()
    # Methodology B3: what the normal quantile says, and the ratio that is not annualised.
    assert round(-said["var_95", "quantstats"]["theirs"], 5) == 0.03764
    assert round(said["information_ratio", "empyrical"]["theirs"], 6) == 0.174667
    assert said["sharpe", "ffn"]["explanation"] is None


@pytest.mark.usefixtures("libraries")
def test_a_wrong_figure_of_ours_is_not_explained() -> None:
    rows = reconciled(b3({"volatility": 0.39, "max_drawdown": -0.02}))
    bad = rows.filter(~pl.col("explained"))
    assert set(bad["metric"]) == {"volatility"}
    assert set(bad["library"]) == {"empyrical", "quantstats", "ffn"}
    assert bad["explanation"].null_count() == bad.height


@pytest.mark.usefixtures("libraries")
def test_every_metric_of_a_random_market_is_explained() -> None:
    rng = np.random.default_rng(3)
    days = [date(2019, 1, 1) + timedelta(n) for n in range(2100)]
    sessions = [d for d in days if d.weekday() < 5]
    bench = rng.normal(0.0004, 0.01, len(sessions))
    fund = 1.1 * bench + rng.normal(0.0, 0.004, len(sessions))
    frame = pl.DataFrame(
        {
            "instrument_id": [1] * len(sessions) + [2] * len(sessions),
            "session": sessions * 2,
            "ret": [None, *fund[1:], None, *bench[1:]],
        },
        schema_overrides={"instrument_id": pl.Int32},
    )
    at = date(2024, 3, 15)
    terms = Terms(252, RiskFree(0.03), "price", Benchmarks({1: 2}, frame.filter(instrument_id=2)))
    ((metrics, risk),) = measure(frame.filter(instrument_id=1), sessions, [at], terms)
    for name in ("1Y", "3Y", "ALL"):
        row = {**risk.row(by_predicate=pl.col("frame") == name, named=True),
               **metrics.row(by_predicate=pl.col("frame") == name, named=True)}  # fmt: skip
        begin, end = sessions.index(row["base_session"]), sessions.index(at)
        ours = {k: v for k, v in row.items() if isinstance(v, float)}
        case = Case(
            sessions[begin : end + 1], fund[begin + 1 : end + 1], bench[begin + 1 : end + 1],
            0.03, ours,
        )  # fmt: skip
        rows = reconciled(case)
        assert rows.filter(~pl.col("explained")).is_empty(), rows.filter(~pl.col("explained"))
        assert rows.height == 14 + 16 + 7
        # Without a convention of their own all three say what we say.
        same = rows.filter(pl.col("explanation").is_null())["metric"].unique()
        assert {"total_return", "volatility", "sharpe", "sortino", "max_drawdown", "beta",
                "skewness", "kurtosis", "best_day", "worst_day"} <= set(same)  # fmt: skip


@pytest.mark.usefixtures("libraries")
def test_the_asset_compares_the_latest_session_of_each_instrument() -> None:
    rng = np.random.default_rng(4)
    sessions = calendars.get("XNYS").sessions(date(2021, 1, 4), date(2023, 6, 30))
    rows = [
        pl.DataFrame(
            {
                "instrument_id": [number] * len(sessions),
                "session": sessions,
                "ret": [None, *rng.normal(0.0, 0.01, len(sessions) - 1)],
                "calendar": ["XNYS"] * len(sessions),
                "return_basis": [basis] * len(sessions),
            },
            schema_overrides={"instrument_id": pl.Int32},
        )
        for number, basis in ((1, "price"), (2, "price"), (1, "gross_total"), (3, "gross_total"))
    ]
    names = pl.DataFrame(
        {"instrument_id": [1, 2, 3], "asset_class": ["etf"] * 3, "symbol": ["SPY", "EFA", "TLT"],
         "quote": ["USD"] * 3, "valid_to": sessions[-1:] * 3},
        schema_overrides={"instrument_id": pl.Int32},
    )  # fmt: skip
    found = compared(pl.concat(rows), names, 0.02, load_metric_rules())
    assert found["explained"].all()
    assert set(found["frame"]) == {"1Y", "ALL"}
    assert set(found["session"]) == {date(2023, 6, 30)}
    assert found.schema == RECONCILIATION.empty().drop(RECONCILIATION.stamps).schema
    assert found.filter(instrument_id=2, metric="beta", frame="ALL")["library"].len() == 2
    # Of TLT there are prices with their dividends only.
    bases = found.select("instrument_id", "return_basis").unique().sort(pl.all())
    assert bases.rows() == [(1, "gross_total"), (1, "price"), (2, "price"), (3, "gross_total")]


@pytest.mark.usefixtures("libraries")
def test_a_fund_that_never_fell() -> None:
    """A money market fund: no drawdown, no loss, so no Calmar and no Sortino of ours to compare."""
    case = b3({"total_return": 0.0006, "max_drawdown": 0.0})
    steady = Case(case.days, np.array([1e-4, 2e-4, 0.0, 2e-4, 1e-4]), None, 0.0, case.ours)
    rows = reconciled(steady).filter(metric="max_drawdown")
    assert rows["explained"].to_list() == [True] * 3


def test_without_a_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from fundplatform import reconciliation

    monkeypatch.setattr(reconciliation, "LIBRARIES", {"empyrical": "no-such-distribution"})
    with pytest.raises(ConfigError, match="uv pip install --group reconcile"):
        reconciled(b3(OURS))
