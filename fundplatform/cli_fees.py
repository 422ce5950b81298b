"""`fundplatform fees`: what an expense ratio costs. Arithmetic only; no warehouse is opened.

In: numbers of the command line. Out: the SEC's example, the drag on the final wealth and the
break-even against another fee, as text. The formulas are `finance/fees.py`'s.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from fundplatform.finance import fees as formulas


@dataclass(frozen=True)
class Case:
    """What is asked.

    Attributes:
        rate: Expense ratio a year, decimal.
        years: Years of the drag.
        amount: Money invested at the start.
        growth: Return a year before the fee, decimal.
        against: Expense ratio of another fund, decimal; None: of none.
        switching_cost: Share of the money that changing costs, decimal.
    """

    rate: float
    years: int
    amount: float
    growth: float
    against: float | None = None
    switching_cost: float = 0.0


@click.command()
@click.option("--rate", type=float, required=True, help="Expense ratio a year: 0.0122 is 1.22 %.")
@click.option("--years", type=click.IntRange(1, 100), default=30, show_default=True)
@click.option("--amount", type=float, default=formulas.SEC_AMOUNT, show_default=True)
@click.option("--growth", type=float, default=formulas.SEC_GROWTH, show_default=True,
              help="Return a year before the fee.")  # fmt: skip
@click.option("--against", type=float, help="Expense ratio of another fund to compare with.")
@click.option("--switching-cost", type=float, default=0.0, show_default=True,
              help="Share of the money that changing costs (spread, load, tax).")  # fmt: skip
def fees(
    rate: float,
    years: int,
    amount: float,
    growth: float,
    against: float | None,
    switching_cost: float,
) -> None:
    """What a fee costs: the SEC's example, the drag over the years, the break-even.

    Published NAVs and adjusted prices are net of the fee already: nothing here is to be subtracted
    from them.
    """
    if not (0 < amount < math.inf and -1 < growth < math.inf):
        raise click.UsageError("--amount must be a number above 0, --growth one above -1")
    case = Case(rate, years, amount, growth, against, switching_cost)
    try:
        for line in report(case):
            click.echo(line)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def report(case: Case) -> Iterator[str]:
    """The lines of the report.

    Raises:
        ValueError: A rate is no decimal fraction of 0..0.10, or the switching cost no share.
    """
    rates = [formulas.checked(case.rate)]
    if case.against is not None:
        rates.append(formulas.checked(case.against))
    shown = formulas.SEC_YEARS
    yield (
        f"SEC Form N-1A example: fees paid on {_money(case.amount)} that grows "
        f"{_percent(case.growth)} a year before fees"
    )
    yield _row("expense ratio", [f"{year} y" for year in shown])
    for rate in rates:
        paid = formulas.sec_example(rate, amount=case.amount, growth=case.growth, years=shown)
        yield _row(_percent(rate), [_money(one) for one in paid])
    yield ""
    yield f"After {case.years} years"
    free = _final(0.0, case)
    yield _row("expense ratio", ["final", "fee took", "share"])
    yield _row("none", [_money(free), "", ""])
    for rate in rates:
        final = _final(rate, case)
        drag = formulas.terminal_drag(rate, case.years)
        yield _row(_percent(rate), [_money(final), _money(free - final), _percent(drag)])
    if case.against is not None:
        yield ""
        yield from _break_even(case, *sorted((case.rate, case.against)))


def _break_even(case: Case, cheaper: float, dearer: float) -> Iterator[str]:
    if dearer == cheaper:
        yield "Both cost the same: nothing to break even."
        return
    more = _final(cheaper, case) - _final(dearer, case)
    needed = formulas.needed_advantage(dearer, cheaper, gross_return=case.growth)
    yield (
        f"{_percent(dearer)} against {_percent(cheaper)}: "
        f"{_money(case.amount * (dearer - cheaper))} a year more on {_money(case.amount)}, "
        f"{_money(more)} less after {case.years} years."
    )
    yield f"The dearer must earn {_percent(needed)} a year more before fees to break even."
    if case.switching_cost:
        years = formulas.break_even_years(dearer, cheaper, case.switching_cost)
        yield (
            f"Changing at a cost of {_percent(case.switching_cost)} "
            + ("never pays." if years is None else f"has paid for itself after {years:.1f} years.")
        )


def _final(rate: float, case: Case) -> float:
    return formulas.terminal_value(
        rate, gross_return=case.growth, years=case.years, amount=case.amount
    )


def _row(name: str, cells: Sequence[str]) -> str:
    return (f"{name:<16}" + "".join(f"{cell:>14}" for cell in cells)).rstrip()


def _money(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    """Two to four decimals: 0.000945 is 0.0945 %, 0.01 is 1.00 %."""
    text = f"{100 * value:.4f}"
    return f"{text[:-2] + text[-2:].rstrip('0')} %"
