"""Funds side by side: small histories and holdings worked out by hand."""

import json
from datetime import date, timedelta

import polars as pl
import pytest

from fundplatform.cli_compare import _plain, as_dict
from fundplatform.compare import Inputs, compare
from fundplatform.compare_data import resolved
from fundplatform.errors import ConfigError
from fundplatform.reports.comparison import render

D = date.fromisoformat
METRICS = ("fund", "return_basis", "frame", "base_session", "total_return", "annualized_return",
           "volatility", "sharpe", "sortino", "max_drawdown", "calmar", "beta",
           "reason")  # fmt: skip
HOLDINGS = pl.Schema(
    {"fund": pl.String(), "as_of": pl.Date(), "holding": pl.String(), "name": pl.String()}
    | {"weight": pl.Float64()}
)
EXPOSURES = pl.Schema(
    {"fund": pl.String(), "as_of": pl.Date(), "kind": pl.String(), "name": pl.String()}
    | {"weight": pl.Float64(), "through": pl.Float64()}
)
RATIOS = pl.Schema({"fund": pl.String(), "expense_ratio": pl.Float64(), "known_on": pl.Date()})
# The pair of methodology B2: overlap 0.30, active share 0.70, Jaccard 0.50.
HELD = [
    ("A", "one", "Tech", 0.3),
    ("A", "two", "Tech", 0.2),
    ("A", "three", None, 0.5),
    ("B", "one", "Tech", 0.1),
    ("B", "two", "Tech", 0.4),
    ("B", "four", "Oil", 0.5),
]


def inputs(
    values: dict[str, dict[str, float]],
    *,
    metrics: list[tuple[object, ...]] | None = None,
    ratios: dict[str, float] | None = None,
    held: list[tuple[str, str, str | None, float]] | None = None,
    quotes: dict[str, str] | None = None,
    classes: dict[str, str] | None = None,
    reported: dict[str, str] | None = None,
) -> Inputs:
    """Funds with these values by session."""
    days = [(f, D(d), v, "split") for f, own in values.items() for d, v in own.items()]
    return Inputs(
        pl.DataFrame(
            {"fund": list(values), "name": list(values),
             "asset_class": [(classes or {}).get(f, "etf") for f in values],
             "quote": [(quotes or {}).get(f, "USD") for f in values]}
        ),
        pl.DataFrame(days, schema=["fund", "session", "value", "basis"], orient="row"),
        pl.DataFrame(metrics or [], schema=METRICS if metrics else None, orient="row"),
        D("2024-12-31") if metrics else None,
        pl.DataFrame([(f, r, D("2024-01-01")) for f, r in (ratios or {}).items()],
                     schema=RATIOS, orient="row"),
        pl.DataFrame([(f, D((reported or {}).get(f, "2024-06-30")), h, h.title(), w)
                      for f, h, _, w in held or []],
                     schema=HOLDINGS, orient="row"),
        pl.DataFrame([(f, D("2024-06-30"), "sector", s or "(unknown)", w, 0.0)
                      for f, _, s, w in held or []], schema=EXPOSURES, orient="row"),
    )  # fmt: skip


A = {"2023-01-02": 100.0, "2023-06-01": 80.0, "2024-01-02": 120.0, "2025-01-01": 121.0}
B = {"2022-01-03": 7.0, "2023-01-02": 50.0, "2023-06-01": 60.0, "2024-01-02": 45.0,
     "2024-02-01": 1.0, "2025-01-01": 55.0}  # fmt: skip


def metric(
    fund: str, frame: str, value: float | None, basis: str = "gross_total"
) -> tuple[object, ...]:
    return (
        fund,
        basis,
        frame,
        D("2023-12-31"),
        value,
        value,
        value,
        1.0,
        1.0,
        -0.1,
        1.0,
        1.0,
        None,
    )


def test_growth_drawdown_and_dates_are_of_the_sessions_all_have() -> None:
    found = compare(inputs({"A": A, "B": B}))
    assert (found.facts["from"], found.facts["to"]) == (D("2023-01-02"), D("2025-01-01"))
    assert found.facts["common_sessions"] == 4
    assert found.growth["A"].to_list() == pytest.approx([10_000, 8_000, 12_000, 12_100])
    assert found.growth["B"].to_list() == pytest.approx([10_000, 12_000, 9_000, 11_000])
    a, b = found.tables["common_history"].iter_rows(named=True)
    # 730 days: 1.21^(365.25 / 730) - 1.
    assert (a["total_return"], a["max_drawdown"]) == pytest.approx((0.21, -0.2))
    assert a["annualized_return"] == pytest.approx(0.100072, abs=5e-7)
    assert (a["peak_session"], a["trough_session"]) == (D("2023-01-02"), D("2023-06-01"))
    assert a["recovery_session"] == D("2024-01-02")
    assert (b["max_drawdown"], b["recovery_session"]) == (-0.25, None)
    spans = found.tables["funds"].select("fund", "first_session", "last_session").rows()
    assert spans[1] == ("B", D("2022-01-03"), D("2025-01-01"))


def test_a_fall_is_from_the_last_day_at_the_peak() -> None:
    """As in funds.risk: a fund that stands still for weeks falls from their last day."""
    days = [f"2024-01-{n:02}" for n in range(1, 7)]
    still = dict(zip(days, [90.0, 100.0, 100.0, 80.0, 100.0, 100.0], strict=True))
    row = compare(inputs({"A": still, "B": still})).tables["common_history"].row(0, named=True)
    found = [row[f"{n}_session"] for n in ("peak", "trough", "recovery")]
    assert found == [D("2024-01-03"), D("2024-01-04"), D("2024-01-05")]


def test_nothing_is_annualised_below_a_year() -> None:
    short = {d: v for d, v in A.items() if d < "2024-01-01"}
    found = compare(inputs({"A": short, "B": B})).tables["common_history"]
    assert found["annualized_return"].to_list() == [None, None]


def test_correlation_of_opposite_and_equal_moves() -> None:
    days = [str(D("2024-01-01") + timedelta(days=n)) for n in range(30)]
    up, down, same, still = 1.0, 1.0, 5.0, 3.0
    series: dict[str, dict[str, float]] = {"A": {}, "B": {}, "C": {}, "D": {}}
    for n, day in enumerate(days):
        move = 0.01 if n % 2 else -0.02
        up, down, same = up * (1 + move), down * (1 - move), same * (1 + move)
        for name, value in zip("ABCD", (up, down, same, still), strict=True):
            series[name][day] = value
    found = compare(inputs(series))
    first = found.tables["correlation"].row(0, named=True)
    assert (first["A"], first["B"], first["C"]) == pytest.approx((1.0, -1.0, 1.0))
    assert first["D"] is None
    assert "A fund that never moves has no correlation." in found.notes
    few = compare(inputs({"A": A, "B": B}))
    assert few.tables["correlation"].is_empty()
    assert "3 returns in common: no correlation below 20." in few.notes


def test_frames_keep_their_order_and_risk_takes_the_longest_that_all_have() -> None:
    stored = [metric("A", "5Y", 0.5), metric("A", "3Y", 0.3), metric("A", "1M", 0.01),
              metric("B", "5Y", None), metric("B", "3Y", 0.2), metric("B", "1M", None),
              metric("A", "10Y", None), metric("B", "10Y", None)]  # fmt: skip
    found = compare(inputs({"A": A, "B": B}, metrics=stored)).tables
    assert found["returns"].rows() == [("1M", 0.01, None), ("3Y", 0.3, 0.2), ("5Y", 0.5, None)]
    assert found["risk"].select("fund", "frame", "volatility").rows() == [
        ("A", "3Y", 0.3), ("B", "3Y", 0.2),
    ]  # fmt: skip
    none = compare(inputs({"A": A, "B": B}))
    assert none.tables["returns"].is_empty()
    assert any("No session has metrics of all" in note for note in none.notes)


def test_cost_is_the_prospectus_and_an_unknown_or_impossible_ratio_is_told() -> None:
    ratios = {"A": 0.0122, "B": 1.22}
    found = compare(inputs({"A": A, "B": B, "C": A}, ratios=ratios))
    (row,) = found.tables["cost"].iter_rows(named=True)
    paid = [round(row[f"paid_{n}y"]) for n in (1, 3, 5, 10)]
    assert (row["fund"], paid, row["a_year"]) == ("A", [124, 387, 670, 1477], pytest.approx(122))
    assert "B: its expense ratio 1.22 is no decimal fraction of 0..0.10." in found.notes
    assert "C: its expense ratio is not known." in found.notes


def test_holdings_overlap_common_names_tilts_and_the_dearer_twin() -> None:
    found = compare(inputs({"A": A, "B": B, "C": A}, held=HELD, ratios={"A": 0.01, "B": 0.002}))
    (pair,) = found.tables["overlap"].iter_rows(named=True)
    assert (pair["overlap"], pair["active_share"], pair["jaccard"]) == pytest.approx(
        (0.3, 0.7, 0.5)
    )
    common = found.tables["common_holdings"].select("name", "smallest", "A", "B").rows()
    assert common == [("Two", 0.2, 0.2, 0.4), ("One", 0.1, 0.3, 0.1)]
    # Mean of Tech 0.5, 0.5; Oil 0, 0.5; unknown 0.5, 0.
    sectors = found.tables["sectors"].rows()
    assert sectors[0] == ("Tech", 0.5, 0.5, 0.0, 0.0)
    assert ("Oil", 0.0, 0.5, -0.25, 0.25) in sectors
    assert ("(unknown)", 0.5, 0.0, 0.25, -0.25) in sectors
    assert found.tables["same_holdings_higher_fee"].is_empty(), "an overlap of 0.3 is not alike"
    assert "No holdings are loaded of C." in found.notes
    twin = [(f, h, s, w) for f in "AB" for _, h, s, w in HELD[:3]]
    alike = compare(inputs({"A": A, "B": B}, held=twin, ratios={"A": 0.01, "B": 0.002}))
    (dearer,) = alike.tables["same_holdings_higher_fee"].iter_rows(named=True)
    assert (dearer["dearer"], dearer["cost_per_year"]) == ("A", pytest.approx(80))


def test_twins_are_told_of_complete_reports_of_one_time_alone() -> None:
    """As in catalog.fund_overlaps; the overlap stands there, with what is wrong with it."""
    twin = [(f, h, s, w) for f in "AB" for _, h, s, w in HELD[:3]]
    ratios = {"A": 0.01, "B": 0.002}
    held = dict(held=twin, ratios=ratios)
    day = compare(inputs({"A": A, "B": B}, **held, reported={"A": "2024-03-22"}))  # 100 days
    assert day.tables["same_holdings_higher_fee"].height == 1
    assert not any("days apart" in note for note in day.notes)
    old = compare(inputs({"A": A, "B": B}, **held, reported={"A": "2011-03-30"}))
    said = "more than 100 days apart (A 2011-03-30, B 2024-06-30): such overlaps say little"
    assert any(said in note for note in old.notes)
    twice = [(f, h, s, 2 * w) for f, h, s, w in twin]
    geared = compare(inputs({"A": A, "B": B}, held=twice, ratios=ratios))
    for found, overlap in ((old, 1.0), (geared, 2.0)):
        assert found.tables["overlap"]["overlap"].to_list() == [overlap]
        assert found.tables["same_holdings_higher_fee"].is_empty()


def test_what_is_not_measured_alike_is_told() -> None:
    """A coin beside a fund: no payments, other hours, sessions that the fund lacks."""
    coin = {**B, "2023-06-03": 60.0, "2023-06-04": 60.0}
    stored = [metric("A", "1Y", 0.1), metric("B", "1Y", 0.2, "price")]
    found = compare(inputs({"A": A, "B": coin}, metrics=stored, classes={"B": "crypto"}))
    assert found.facts["metrics_basis"] == "A gross_total, B price"
    assert found.notes[-3:] == [
        "Frames and risk are price returns for B, total returns for the others: no payments of the "
        "former are loaded, or there are none.",
        "Closes are of different hours of the day, which lowers correlations.",
        # Three of them are not A's; the eighth, of 2022, is not of that time.
        "Only 4 sessions are common to all in that time (B 7): growth, falls and correlation go "
        "from one of them to the next.",
    ]
    assert found.tables["returns"].rows() == [("1Y", 0.1, 0.2)]


def test_weights_that_do_not_add_up_are_told() -> None:
    found = compare(inputs({"A": A, "B": B}, held=HELD[:2]))
    assert any(n.startswith("A: its weights add up to 0.5000") for n in found.notes)
    assert "overlap" not in found.tables


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"A": A, "B": {"2020-01-02": 1.0, "2020-01-03": 1.0}}, "B 2020-01-02 to 2020-01-03"),
        ({"A": A, "B": {"2023-01-02": 1.0}}, "no history in common"),
        ({"A": A, "B": {}}, "B has no prices"),
        ({"A": A, "B": {**A, "2023-06-01": 0.0}}, "at or below 0"),
    ],
)
def test_no_history_in_common_is_told(values: dict[str, dict[str, float]], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        compare(inputs(values))


def test_other_currencies_are_told_and_the_answer_is_json_and_a_page() -> None:
    found = compare(inputs({"A": A, "<B>": B}, held=HELD, quotes={"A": "EUR"}))
    assert any("different currencies" in note for note in found.notes)
    told = json.loads(json.dumps(as_dict(found), default=_plain, allow_nan=False))
    assert told["growth"][-1]["session"] == "2025-01-01"
    assert told["tables"]["common_history"][0]["growth_of_10000"] == pytest.approx(12_100)
    page = render(found)
    assert page.count("<polyline") == 4
    assert "&lt;B&gt;" in page
    assert "<B>" not in page
    assert "src=" not in page
    assert "http" not in page
    assert "2023-01-02 to 2025-01-01, 4 sessions" in page
    assert "None" not in page


INSTRUMENTS = pl.DataFrame(
    [(1, "SPY", "etf"), (2, "EFA", "etf"), (3, "SPY", "equity"), (4, "AGG", "etf")],
    schema={"instrument_id": pl.Int32, "symbol": pl.String, "asset_class": pl.String},
    orient="row",
).with_columns(
    name=pl.lit("x"), quote=pl.lit("USD"), valid_from=D("2005-01-03"), valid_to=D("2017-11-10")
)


def test_the_same_ticker_twice_may_be_one_fund() -> None:
    """The same ticker after a silence: two instruments until somebody says that they are one."""
    again = INSTRUMENTS.filter(symbol="AGG").with_columns(instrument_id=pl.lit(5, pl.Int32))
    with pytest.raises(ConfigError, match="make them one: fundplatform identity review"):
        resolved(pl.concat([INSTRUMENTS, again]), ["EFA", "AGG"])
    with pytest.raises(ConfigError, match=r"Name one of these$"):
        resolved(INSTRUMENTS, ["EFA", "SPY"])


def test_tickers_mean_one_instrument_each_in_the_order_asked() -> None:
    found = resolved(INSTRUMENTS, ["efa", "etf:SPY", "#4"])
    assert found.select("instrument_id", "fund").rows() == [(2, "EFA"), (1, "etf:SPY"), (4, "#4")]


@pytest.mark.parametrize(
    ("tickers", "said"),
    [
        (["EFA"], "1 funds were named. Name 2 to 10"),
        (["EFA"] * 11, "11 funds were named"),
        (["EFA", "AGGG"], "AGGG: no such instrument. Did you mean AGG"),
        (["EFA", "#9"], "no such instrument"),
        (["EFA", "fx:EFA"], "no such instrument"),
        (["EFA", "SPY"], r"#3 \(equity:SPY, 2005-01-03 to 2017-11-10\); #1 \(etf:SPY"),
        (["EFA", "efa"], "named twice"),
    ],
)
def test_who_is_not_clear_is_asked_for(tickers: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolved(INSTRUMENTS, tickers)
