"""What a fund's expense ratio costs (methodology B5). Plain numbers in, plain numbers out.

Published NAVs and adjusted prices are already net of the expense ratio: nothing here is ever
subtracted from them. Where fee histories and holdings come from is not decided here.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import log

HIGHEST_EXPENSE_RATIO = 0.10
"""A ratio above it is a percentage that was stored as a fraction (0.0945 meaning 0.0945 %
is caught by comparing with the peers, see `unit_suspect`)."""
SEC_AMOUNT = 10_000.0
SEC_GROWTH = 0.05
SEC_YEARS = (1, 3, 5, 10)


def checked(expense_ratio: float) -> float:
    """The ratio, a decimal fraction a year.

    Raises:
        ValueError: Not within 0..`HIGHEST_EXPENSE_RATIO`: most likely a percentage.
    """
    if not 0 <= expense_ratio <= HIGHEST_EXPENSE_RATIO:
        raise ValueError(
            f"expense ratio {expense_ratio} is not within 0..{HIGHEST_EXPENSE_RATIO}: "
            f"a decimal fraction is wanted (0.0095 for 0.95 %)"
        )
    return expense_ratio


def unit_suspect(expense_ratio: float, peers: Sequence[float]) -> bool:
    """Whether the ratio looks like a percentage (or a percentage of one) among its peers.

    True where it is outside the range allowed, or at least 30 times the peers' median and
    plausible once divided by 100, or at most 1/30 of it and plausible once multiplied by 100.
    Ratios of 0 are plausible as they are.
    """
    if not 0 <= expense_ratio <= HIGHEST_EXPENSE_RATIO:
        return True
    ranked = sorted(peers)
    if not ranked or not expense_ratio:
        return False
    middle = (ranked[(len(ranked) - 1) // 2] + ranked[len(ranked) // 2]) / 2
    if middle <= 0:
        return False
    times = expense_ratio / middle
    return 30 <= times <= 300 or 1 / 300 <= times <= 1 / 30


def sec_example(
    expense_ratios: float | Sequence[float],
    *,
    amount: float = SEC_AMOUNT,
    growth: float = SEC_GROWTH,
    years: Sequence[int] = SEC_YEARS,
) -> tuple[float, ...]:
    """The fee example of SEC Form N-1A (item 3): cumulative fees after each of `years`, money.

    Each year costs expense ratio * (opening + closing) / 2, and the balance grows by
    `growth` - expense ratio.

    Args:
        expense_ratios: One for all years, or one per year with the last holding on (a waiver
            counts for its stated term alone).
        amount: Money invested at the start.
        growth: Gross return a year, decimal.
        years: Whole years, ascending.
    """
    ratios = [expense_ratios] if isinstance(expense_ratios, int | float) else list(expense_ratios)
    fees, balance = [], amount
    for year in range(max(years)):
        ratio = checked(ratios[min(year, len(ratios) - 1)])
        closing = balance * (1 + growth - ratio)
        fees.append(ratio * (balance + closing) / 2)
        balance = closing
    totals = list(accumulate(fees))
    return tuple(totals[year - 1] for year in years)


def terminal_value(
    expense_ratio: float, *, gross_return: float, years: float, amount: float = SEC_AMOUNT
) -> float:
    """Money after `years`: amount * ((1 + gross_return) * (1 - expense_ratio))^years."""
    return float(amount * ((1 + gross_return) * (1 - checked(expense_ratio))) ** years)


def terminal_drag(expense_ratio: float, years: float) -> float:
    """The share of the final wealth that the fee takes: 1 - (1 - expense_ratio)^years."""
    return float(1 - (1 - checked(expense_ratio)) ** years)


def gross_return(net_return: float, expense_ratio: float) -> float:
    """Estimate of a year's return before the fee: (1 + net) / (1 - expense_ratio) - 1."""
    return (1 + net_return) / (1 - checked(expense_ratio)) - 1


def needed_advantage(dearer: float, cheaper: float, *, gross_return: float) -> float:
    """The extra gross return a year at which the dearer fund breaks even with the cheaper.

    (1 + gross_return) * (1 - cheaper) / (1 - dearer) - 1 - gross_return; negative where `dearer`
    costs less.
    """
    reached = (1 + gross_return) * (1 - checked(cheaper)) / (1 - checked(dearer))
    return reached - 1 - gross_return


def break_even_years(dearer: float, cheaper: float, switching_cost: float) -> float | None:
    """Years after which changing to the cheaper fund has paid for itself; None: never.

    Both earn the same before fees, so it is the n with
    (1 - switching_cost) * (1 - cheaper)^n = (1 - dearer)^n.

    Args:
        dearer: Expense ratio of the fund held.
        cheaper: Expense ratio of the other one.
        switching_cost: Share of the money that selling and buying costs (spread, load, tax).
    """
    gain = log(1 - checked(cheaper)) - log(1 - checked(dearer))
    if not 0 <= switching_cost < 1:
        raise ValueError(f"switching cost {switching_cost} is not a share of the money")
    if switching_cost == 0:
        return 0.0 if gain >= 0 else None
    return -log(1 - switching_cost) / gain if gain > 0 else None
