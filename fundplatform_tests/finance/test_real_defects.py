"""The rules on real files with known defects; docs/quality.md explains each number.

Counts were compared with those of the data's manifest, which come from pandas and DuckDB.
"""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform.finance.rules import ACTIONS, RULES, judge
from fundplatform_tests.finance import real_bars
from fundplatform_tests.finance.real_bars import at, counts

DOCS = Path(__file__).resolve().parents[2] / "docs" / "quality.md"


def test_the_page_lists_every_rule_as_declared() -> None:
    text = DOCS.read_text("utf-8")
    for rule in RULES:
        numbers = ", ".join(f"{n} {v:g}" for n, v in rule.parameters.items()) or "-"
        cells = (rule.id, rule.title, rule.scope, ", ".join(rule.severities), numbers)
        assert f"| {' | '.join(cells)} | `{rule.expectation}` |" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "rows", "refused", "by_rule", "held"),
    [
        (real_bars.sp500, 619_040, 23, {"V02": 11, "V04": 1, "V05": 12}, 0),
        (
            real_bars.stocks,
            1_374_083,
            50,
            {"V04": 22, "V05": 42, "V09": 4, "V17": 12, "V20": 1, "V22": 1},
            2,
        ),
        (real_bars.etfs, 252_551, 1, {"V03": 1}, 1),
        (real_bars.pystock, 429_227, 1_195, {"V09": 12, "V17": 97, "V18": 1_085, "V20": 2}, 2),
        (real_bars.lean, 30_541, 4, {"V17": 1, "V20": 3}, 0),
    ],
)
def test_what_is_refused_of_each_set(
    shared_data: Path,
    load: Callable[[Path], pl.DataFrame],
    rows: int,
    refused: int,
    by_rule: dict[str, int],
    held: int,
) -> None:
    bars = load(shared_data)
    judged = judge(bars)
    assert bars.height == rows
    assert judged.rejected.height == refused
    assert counts(judged)[0] == by_rule
    assert judged.gates.filter("held").height == held
    gates = judged.gates
    assert gates["rows_raw"].sum() == rows
    assert gates["rows_validated"].sum() == judged.validated.height


@pytest.mark.slow
def test_the_known_decimal_shifts_are_caught(shared_data: Path) -> None:
    bars = real_bars.stocks(shared_data)
    judged = judge(bars)
    for symbol, session in (
        ("ARE", date(2006, 6, 6)),
        ("BEN", date(2002, 9, 18)),
        ("BXP", date(2007, 5, 7)),
        ("DE", date(1994, 1, 26)),
    ):
        assert at(judged, bars, symbol, session).startswith("rejected"), symbol
    # A low with its point moved is no impossible bar: marked.
    assert "V22" in at(judged, bars, "ARE", date(2005, 3, 14))
    assert "V22" in at(judged, bars, "TMO", date(2015, 7, 22))


@pytest.mark.slow
def test_true_extremes_pass(shared_data: Path) -> None:
    wti = real_bars.wti(shared_data)
    judged = judge(wti)
    assert judged.rejected.is_empty()
    assert "rejected" not in at(judged, wti, "WTI", date(2020, 4, 20))
    kraken = real_bars.kraken(shared_data / "kraken" / "ETHUSD_1440.csv")
    judged = judge(kraken)
    assert judged.rejected.is_empty()
    assert judged.validated["low"].min() == 0.15
    etfs = real_bars.etfs(shared_data)
    judged = judge(etfs)
    for symbol in ("FXN", "REM"):
        assert "rejected" not in at(judged, etfs, symbol, date(2010, 5, 6))


@pytest.mark.slow
def test_recorded_splits_explain_what_lean_shows(shared_data: Path) -> None:
    bars = real_bars.lean(shared_data)
    ids = dict(bars.select("symbol", "instrument_id").unique().rows())
    splits = [
        (ids["ibm"], date(1999, 5, 27), "split", 2.0, None),
        (ids["aapl"], date(2005, 2, 28), "split", 2.0, None),
        (ids["aapl"], date(2014, 6, 9), "split", 7.0, None),
        (ids["goog"], date(2014, 4, 3), "split", 2.0, None),
    ]
    judged = judge(bars, actions=pl.DataFrame(splits, schema=ACTIONS, orient="row"))
    assert judged.rejected.is_empty()
