"""Fees: the SEC's published example, methodology B5's numbers, and hand work."""

import pytest

from fundplatform.finance import fees


@pytest.mark.parametrize(
    ("ratio", "dollars"),
    [
        # 1.22 % matches a published prospectus table (methodology B5).
        (0.0122, (124, 387, 670, 1_477)),
        (0.000945, (10, 30, 53, 121)),
        (0.0003, (3, 10, 17, 39)),
    ],
)
def test_sec_example_to_the_dollar(ratio: float, dollars: tuple[int, ...]) -> None:
    assert tuple(round(x) for x in fees.sec_example(ratio)) == dollars


def test_a_waiver_counts_for_its_term_alone() -> None:
    # Year 1 at 1 %: 10,000 -> 10,400, fee 1 % of 10,200 = 102. Year 2 at 2 %: -> 10,712,
    # fee 2 % of 10,556 = 211.12.
    one, two = fees.sec_example([0.01, 0.02], years=(1, 2))
    assert one == pytest.approx(102.0, abs=1e-9)
    assert two == pytest.approx(313.12, abs=1e-9)


@pytest.mark.parametrize(
    ("ratio", "value"), [(0.0, 76_122.55), (0.0075, 60_733.57), (0.0122, 52_672.51)]
)
def test_terminal_value(ratio: float, value: float) -> None:
    got = fees.terminal_value(ratio, gross_return=0.07, years=30)
    assert got == pytest.approx(value, abs=0.005)


def test_terminal_drag() -> None:
    # 1 - 0.99^2
    assert fees.terminal_drag(0.01, 2) == pytest.approx(0.0199, abs=1e-15)
    assert fees.terminal_drag(0.0, 30) == 0


def test_gross_return() -> None:
    assert fees.gross_return(0.08, 0.0075) == pytest.approx(0.088161, abs=5e-7)


def test_needed_advantage() -> None:
    # 1.1 * 0.999 / 0.99 - 1.1 = 0.01
    assert fees.needed_advantage(0.01, 0.001, gross_return=0.1) == pytest.approx(0.01, abs=1e-12)
    assert fees.needed_advantage(0.001, 0.01, gross_return=0.1) < 0


def test_break_even_years() -> None:
    # (1 - 0.0199) = 0.9801 = 0.99^2: two years at 1 % against a free fund.
    assert fees.break_even_years(0.01, 0.0, 0.0199) == pytest.approx(2.0, abs=1e-9)
    assert fees.break_even_years(0.01, 0.0, 0.0) == 0
    assert fees.break_even_years(0.001, 0.01, 0.01) is None
    assert fees.break_even_years(0.01, 0.01, 0.01) is None
    with pytest.raises(ValueError, match="share of the money"):
        fees.break_even_years(0.01, 0.001, 5)


@pytest.mark.parametrize("ratio", [-0.001, 0.95, 1.22, float("nan")])
def test_a_percentage_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="decimal fraction"):
        fees.sec_example(ratio)


@pytest.mark.parametrize(
    ("ratio", "suspect"),
    [
        (0.0945, True),  # 0.0945 % kept as if it were 9.45 %
        (0.000945, False),
        (0.0, False),
        (0.0000095, True),  # divided by 100 once too often
        (0.009, False),  # an honestly dear fund
        (1.22, True),
    ],
)
def test_units(ratio: float, suspect: bool) -> None:
    assert fees.unit_suspect(ratio, [0.0009, 0.0010, 0.0003, 0.0020]) is suspect


def test_units_without_peers() -> None:
    assert not fees.unit_suspect(0.0945, [])
    assert not fees.unit_suspect(0.0945, [0.0, 0.0])
