"""`fundplatform fees`: the published example to the dollar, the drag and the break-even."""

import pytest
from click.testing import CliRunner, Result

from fundplatform.cli import cli


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["fees", *arguments])


def line(result: Result, start: str, number: int = 0) -> list[str]:
    """The words of the `number`th line that begins so."""
    assert result.exit_code == 0, result.output
    return [text for text in result.output.splitlines() if text.startswith(start)][number].split()


@pytest.mark.parametrize(
    ("rate", "shown", "dollars"),
    [
        # A published prospectus' table, and two from Form N-1A's arithmetic (methodology B5).
        ("0.0122", "1.22", ["124", "387", "670", "1,477"]),
        ("0.000945", "0.0945", ["10", "30", "53", "121"]),
        ("0.0003", "0.03", ["3", "10", "17", "39"]),
    ],
)
def test_the_sec_example_to_the_dollar(rate: str, shown: str, dollars: list[str]) -> None:
    assert line(asked("--rate", rate), shown) == [shown, "%", *dollars]


def test_the_drag_over_thirty_years_at_seven_percent() -> None:
    found = asked("--rate", "0.0122", "--against", "0.0075", "--growth", "0.07", "--years", "30")
    # 10,000 * 1.07^30 = 76,122.55; at 0.75 % 60,733.57, at 1.22 % 52,672.51 (methodology B5).
    assert line(found, "none") == ["none", "76,123"]
    assert line(found, "0.75 %", 1)[2:4] == ["60,734", "15,389"]
    assert line(found, "1.22 %", 1)[2:4] == ["52,673", "23,450"]
    # 1 - 0.9878^30 = 0.308056.
    assert line(found, "1.22 %", 1)[4] == "30.8056"


def test_the_break_even_is_told_from_the_dearer_whichever_is_named_first() -> None:
    more = asked("--rate", "0.0122", "--against", "0.0003", "--switching-cost", "0.01").output
    # 10,000 * 0.0119 = 119; 1.05 * 0.9997 / 0.9878 - 1.05 = 0.012649; ln(1/0.99) / ln(0.9997 /
    # 0.9878) = 0.0100503 / 0.0119748 = 0.84 years.
    assert "1.22 % against 0.03 %: 119 a year more on 10,000" in more
    assert "must earn 1.2649 % a year more" in more
    assert "paid for itself after 0.8 years" in more
    assert "1.22 % against 0.03 %" in asked("--rate", "0.0003", "--against", "0.0122").output
    assert "the same" in asked("--rate", "0.01", "--against", "0.01").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rate", "1.22"), "0.0095 for 0.95 %"),
        (("--rate", "0.01", "--against", "-0.01"), "is not within 0..0.1"),
        (("--rate", "0.01", "--amount", "0"), "above 0"),
        (("--rate", "0.01", "--growth", "inf"), "a number above 0, --growth one above -1"),
        (("--rate", "0.01", "--amount", "nan"), "a number above 0"),
        (("--rate", "0.01", "--years", "0"), "is not in the range"),
        (("--rate", "0.02", "--against", "0.01", "--switching-cost", "1"), "not a share"),
        ((), "Missing option '--rate'"),
    ],
)
def test_what_is_no_fee_is_refused(arguments: tuple[str, ...], said: str) -> None:
    found = asked(*arguments)
    assert found.exit_code == 2
    assert said in found.output
