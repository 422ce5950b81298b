"""The report of one fund: what it says, worked by hand, in either database and a real browser."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import cli_report, tables
from fundplatform.cli import cli
from fundplatform.compare import Inputs
from fundplatform.errors import ConfigError
from fundplatform.finance.fee_history import before_fees
from fundplatform.fund_data import Known
from fundplatform.reports import fund
from fundplatform.reports.columns import columns
from fundplatform.reports.lines import axis, lines
from fundplatform.reports.page import fee, percent
from fundplatform.storage.base import Store
from fundplatform_tests.reports.accessibility import audit
from fundplatform_tests.reports.browser import chromium, cut_on_paper, look, printed
from fundplatform_tests.storage.marts import DATABASES, chosen, filled, rows

D = date.fromisoformat
NOW = datetime(2024, 2, 1, tzinfo=UTC)
LAST = D("2023-12-29")
PRICES = {"2022-06-30": 100.0, "2022-12-30": 80.0, "2023-06-30": 90.0, "2023-12-29": 121.0}


def metric(session: str, frame: str, value: float | None, **more: object) -> dict[str, object]:
    return {"instrument_id": 1, "session": D(session), "frame": frame, "return_basis": "price",
            "total_return": value, **more}  # fmt: skip


def fact(number: int, ratio: float, day: str = "2022-01-03", **more: object) -> dict[str, object]:
    return {"instrument_id": number, "valid_from": D(day), "expense_ratio": ratio, **more}


CONTENT = (
    rows(tables.SOURCES, {"name": "mine"}),
    rows(tables.INSTRUMENTS, *(
        {"instrument_id": n, "symbol": s, "asset_class": "etf", "quote": "USD", "name": f"<{s}>"}
        for n, s in enumerate(("DEAR", "CHEAP", "BARE", "ZERO", "HELD", "NAME"), 1))),
    rows(tables.VALIDATED,
         *(chosen(D(d), c) for d, c in PRICES.items()),
         *(chosen(D(d), 5.0, instrument_id=3) for d in PRICES),
         *(chosen(D(d), 0.0, instrument_id=4) for d in PRICES),
         chosen(LAST, 7.0, instrument_id=5)),
    rows(tables.METRICS, metric("2022-12-30", "ALL", -0.2), metric("2022-12-30", "YTD", None),
         metric("2023-06-30", "1Y", -0.1), metric("2023-12-29", "YTD", 0.5125),
         metric("2023-12-29", "1Y", 0.5125, volatility=0.2, risk_free_rate=0.0),
         metric("2023-12-29", "3Y", None, reason="insufficient_history")),
    rows(tables.RISK, {"instrument_id": 1, "session": LAST, "frame": "1Y", "return_basis": "price",
                       "var_95": 0.021}),
    rows(tables.FACTS, fact(1, 0.01), fact(1, 0.0075, "2023-01-02", name="Dear & Co",
                                           category="Large", aum=2.5e9), fact(2, 0.0005),
         # Filed, and not yet in force.
         fact(1, 0.003, "2999-01-01"), fact(5, 0.002, "2999-01-01")),
    rows(tables.SCORES, {"instrument_id": 1, "session": LAST, "frame": "HEADLINE", "score": 73,
                         "return_basis": "price", "peer_group": "etf / Large", "peer_count": 6}),
    rows(tables.OVERLAPS, {"instrument_id": 1, "other_id": 2, "overlap": 0.9, "common": 40,
                           "as_of": LAST, "other_as_of": LAST}),
    rows(tables.POSITIONS, *(
        {"instrument_id": 1, "as_of": LAST, "line": n, "security": s, "name": s, "weight": w}
        for n, (s, w) in enumerate([("Apple", 0.6), ("Short", -0.1), ("Apple", 0.1), ("X", 0.4)])),
         {"instrument_id": 5, "as_of": LAST, "line": 0, "security": "X", "name": "X",
          "weight": 1.0}),
    rows(tables.EXPOSURES, {"instrument_id": 1, "as_of": LAST, "kind": "sector", "name": "Energy",
                            "weight": 0.75, "through": 0.25}),
)  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "fund_report", CONTENT) as made:
        yield made


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_what_the_page_says(store: Store, tmp_path: Path) -> None:
    path, _ = fund.write(store, tmp_path / "funds", "dear", NOW)
    assert path == tmp_path / "funds/DEAR.html"
    page = path.read_text("utf-8")
    text = text_of(page)
    for said in (
        "DEAR: Dear &amp; Co",
        "Prices: 2022-06-30 to 2023-12-29, 4 sessions, basis split, in USD, from mine.",
        "Frames: session 2023-12-29, price returns.",
        "10,000 on 2022-06-30 were 12,100.00 on 2023-12-29.",
        "Deepest: -20.00%, from the peak on 2022-06-30 to 2022-12-30; recovered on 2023-12-29.",
        "insufficient history",
        "Return over the 1Y up to each session stored, percent, 2023-06-30 to 2023-12-29",
        "No two sessions have a return over 3Y.",
        "2022 -20.00% first price 2022-12-30",
        "2023 51.25% close of 2022 2023-12-29",
        # The SEC's example at 0.75 %: 77, 240, 417, 930 as prospectuses print it.
        "0.75% 77 240 417 930",
        "2022-01-03 1.00%",
        "2999-01-01 0.30%",
        "CHEAP 90.0% 0.05% 70.00",
        "0 to 100 within etf / Large",
        "4 positions, 100.00% of net assets (110.00% long, -10.00% short).",
        "1 Apple 70.00%",
        "Energy 75.00% 25.00%",
        "name Dear &amp; Co",
        "aum 2,500,000,000",
    ):
        assert said in text, said
    assert re.findall(r"https?://|src=|@import|url\(|<script", page) == []


def test_what_is_missing_is_said(store: Store, tmp_path: Path) -> None:
    text = text_of(fund.write(store, tmp_path, "BARE", NOW)[0].read_text("utf-8"))
    for said in (
        *("BARE: &lt;BARE&gt;", "No metrics are stored.", "Its expense ratio is not known."),
        *("None is stored.", "No report is loaded.", "No source states any."),
    ):
        assert said in text, said


@pytest.mark.parametrize(
    ("ticker", "why", "more"),
    [
        (
            "CHEAP",
            "No source has prices of it.",
            # The SEC's example at 0.05 %: 5, 16, 28, 64; 1 - 0.9995^30 = 1.49 %.
            ("0.05% 5 16 28 64 1.49%", "2022-01-03 0.05%", "No report is loaded."),
        ),
        (
            "HELD",
            "One session has a price (2023-12-29): there is no return.",
            ("1 X 100.00%", "None of its fees is in force yet.", "In force from 2999-01-01"),
        ),
    ],
)
def test_a_fund_without_prices_has_a_page(
    store: Store, tmp_path: Path, ticker: str, why: str, more: tuple[str, ...]
) -> None:
    path, known = fund.write(store, tmp_path, ticker, NOW)
    text = text_of(path.read_text("utf-8"))
    assert known.unpriced == why
    for said in (f"{why} Absent: growth, drawdown", "all other metrics", *more):
        assert said in text, said
    assert "nan" not in text.lower()


@pytest.mark.parametrize(
    ("ticker", "said"),
    [
        ("DEER", "no such instrument. Did you mean DEAR"),
        ("ZERO", "Prices at or below 0 .first on 2022-06-30. have no returns"),
        ("NAME", "No source has prices of it. No facts or holdings either"),
    ],
)
def test_a_fund_without_a_report_is_told(
    store: Store, tmp_path: Path, ticker: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        fund.write(store, tmp_path, ticker, NOW)


def test_the_command(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(tmp_path))
    monkeypatch.setattr(cli_report, "open_warehouse", lambda settings: store)
    done = CliRunner().invoke(
        cli, ["report", "fund", "DEAR", "etf:BARE", "#5"], catch_exceptions=False
    )
    folder = tmp_path / "reports/funds"
    assert done.output.splitlines() == [
        f"DEAR, 2022-06-30 to 2023-12-29: {folder}/DEAR.html",
        f"etf:BARE, 2022-06-30 to 2023-12-29: {folder}/BARE.html",
        f"#5, no returns: {folder}/HELD.html",
    ]


@pytest.mark.parametrize(
    ("symbol", "namesakes", "name"),
    [
        ("SPY", 0, "SPY.html"), ("BRK.B", 0, "BRK.B.html"), ("^GSPC", 0, "^GSPC.html"),
        # The same symbol twice; letters that are no file's; what would be one file on a Mac.
        ("SPY", 1, "SPY_4.html"), ("A/B", 0, "A_B_4.html"), ("A_B", 0, "A_B_4.html"),
        ("SPY_4", 0, "SPY_4_4.html"), ("spy", 0, "spy_4.html"), ("../X", 0, "_X_4.html"),
        ("\u00d6L", 0, "_L_4.html"),
    ],
)  # fmt: skip
def test_no_two_instruments_share_a_file(symbol: str, namesakes: int, name: str) -> None:
    nothing = pl.DataFrame()
    given = Inputs(*[nothing] * 3, None, *[nothing] * 3)
    who = {"instrument_id": 4, "symbol": symbol}
    known = Known(who, given, nothing, nothing, {}, nothing, nothing, nothing, [], None, namesakes)
    assert fund.file_name(known) == name


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.slow), 375])
def test_in_a_real_browser(store: Store, tmp_path: Path, width: int) -> None:
    chromium()
    seen = look(fund.write(store, tmp_path, "DEAR", NOW)[0], tmp_path, width)
    assert (seen.errors, seen.requests) == ([], 0)
    assert seen.overflow <= 0


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_read_without_eyes_or_mouse(store: Store, tmp_path: Path, dark: bool) -> None:
    chromium()
    found = audit(fund.write(store, tmp_path, "DEAR", NOW)[0], tmp_path, dark=dark)
    assert found.wrong == ()
    assert found.passes >= {"color-contrast", "heading-order", "landmark-one-main", "svg-img-alt"}


@pytest.mark.slow
@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_on_paper(store: Store, tmp_path: Path) -> None:
    chromium()
    page = fund.write(store, tmp_path, "DEAR", NOW)[0]
    assert cut_on_paper(page, tmp_path) <= 0
    assert 2 <= printed(page, tmp_path) <= 8


def test_growth_before_the_fee() -> None:
    """1 % over 365 days of 365.25: 11,000 / 0.99^0.999316 = 11,111.03; then nothing is taken."""
    series = pl.DataFrame({"session": [D("2022-01-03"), D("2023-01-03"), D("2024-01-03")],
                           "value": [100.0, 110.0, 110.0]})  # fmt: skip
    changes = pl.DataFrame({"valid_from": [D("2022-06-01"), D("2023-01-04")],
                            "expense_ratio": [0.01, 0.0]})  # fmt: skip
    found = before_fees(series, changes, 10_000.0)
    assert found["net"].to_list() == pytest.approx([10_000, 11_000, 11_000])
    assert found["gross"].to_list() == pytest.approx([10_000, 11_111.03, 11_111.03], abs=0.01)


def test_a_year_without_a_close_before_it_is_from_the_first_price_once() -> None:
    history = pl.DataFrame(
        [(D("2022-11-30"), "ALL", 0.3), (D("2022-12-30"), "ALL", 0.1),
         (D("2023-12-29"), "ALL", 9.0), (D("2023-12-29"), "YTD", 0.2),
         (D("2024-01-31"), "ALL", 8.0)],
        schema=["session", "frame", "total_return"], orient="row",
    )  # fmt: skip
    assert [(y, v, s) for y, v, _, s in fund.calendar_years(history)] == [
        (2022, 0.1, D("2022-12-30")), (2023, 0.2, D("2023-12-29")),
    ]  # fmt: skip


def test_percent() -> None:
    shown = [fee(v) for v in (0.0945e-2, 0.0003, 0.02, -0.0012, 0.0, None)]
    assert shown == ["0.0945%", "0.03%", "2.00%", "-0.12%", "0.00%", None]
    assert [percent(v) for v in (0.007017, -0.5, None)] == ["0.70%", "-50.00%", None]


@pytest.mark.parametrize(
    ("low", "high", "scale", "texts"),
    [
        (9_995.0, 22_634.0, 1.0, ["8,000", "10,000", "12,000", "14,000", "16,000", "18,000",
                                  "20,000", "22,000", "24,000"]),
        (-0.1303, 0.0, 100.0, ["-14", "-12", "-10", "-8", "-6", "-4", "-2", "0"]),
        (0.0, 0.004, 100.0, ["0.0", "0.1", "0.2", "0.3", "0.4"]),
        (5.0, 5.0, 1.0, ["5.0", "5.2"]),
    ],
)  # fmt: skip
def test_the_numbers_at_an_axis_are_round(
    low: float, high: float, scale: float, texts: list[str]
) -> None:
    marks = axis(low, high, scale)
    assert [text for _, text in marks] == texts
    assert marks[0][0] <= low <= high <= marks[-1][0]


def test_the_day_below_the_middle_of_a_chart_is_the_one_that_is_drawn_there() -> None:
    """Month ends for years and every session of late: half of the points are near the end."""
    days = [D("2014-01-01"), D("2023-12-30"), D("2023-12-31"), D("2024-01-01")]
    chart = lines("x", days, {"A": [1.0, 2.0, 3.0, 4.0]})
    # 3,652 days; half of them are five years, one of them a leap year.
    assert "<span>2014-01-01</span><span>2019-01-01</span><span>2024-01-01</span>" in chart


def test_columns_stand_on_zero_and_say_their_values() -> None:
    chart = columns("Years", [("2022", -0.2), ("2023", 0.2)])
    assert "<title>2022: -20.00%</title>" in chart
    heights = [float(h) for h in re.findall(r'y="([\d.]+)" width', chart)]
    assert heights == [160.0, 8.0], "down from the middle, and up to the top"
