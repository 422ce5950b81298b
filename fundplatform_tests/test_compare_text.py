"""A comparison on the terminal: every number in full, however many funds."""

import pytest

from fundplatform.cli_compare import show
from fundplatform.compare import compare
from fundplatform_tests.test_compare import HELD, A, inputs, metric

TEN = [f"FUND{n}" for n in range(10)]


def test_ten_funds_fit_into_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """120 characters, as on a page that is no terminal; a number that is cut short is none."""
    held = [(fund, h, s, w) for fund in TEN for _, h, s, w in HELD[:3]]
    found = compare(
        inputs(
            dict.fromkeys(TEN, A),
            metrics=[metric(fund, "1Y", -0.1234) for fund in TEN],
            ratios=dict.fromkeys(TEN, 0.000945),
            held=held,
        )
    )
    show(found)
    text = capsys.readouterr().out
    assert "…" not in text
    tables = [line.split() for line in text.splitlines()]
    # Of the mean of ten equal funds none differs.
    assert (["Tech", *["0.5000"] * 10] in tables, ["Tech", *["0.0000"] * 10] in tables) == (
        True,
        True,
    )
    assert "0.0945%" in text
