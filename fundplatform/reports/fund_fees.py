"""The part of a fund's page that says what the fee took, and who holds the same for less.

In: a `fund_data.Known` and its series. Out: an HTML section. The formulas are `finance/fees.py`'s
and `finance/fee_history.py`'s.
"""

import polars as pl

from fundplatform.compare import DRAG_YEARS, START
from fundplatform.finance import fees
from fundplatform.finance.fee_history import before_fees
from fundplatform.fund_data import Known
from fundplatform.reports import page
from fundplatform.reports.lines import lines
from fundplatform.reports.page import fee, percent


def fee_section(known: Known, shared: pl.DataFrame | None) -> str:
    """The section; `shared` is session, value, or None where there are no prices."""
    title = "What the fee took"
    if known.fees.is_empty():
        text = page.paragraph("Its expense ratio is not known.")
        return page.section("fees", title, text)
    if shared is None:
        return page.section("fees", "What the fee takes", *_by_the_fee_alone(known))
    return page.section("fees", title, *_taken(known, shared), *_by_the_fee_alone(known))


def _changes(known: Known) -> pl.DataFrame:
    return known.fees.filter(pl.col("expense_ratio").ne_missing(pl.col("expense_ratio").shift(1)))


def _taken(known: Known, shared: pl.DataFrame) -> list[str]:
    """What the fee took of the growth there was."""
    first = _changes(known)["valid_from"][0]
    grown = before_fees(shared, known.fees, START)
    net, gross = float(grown["net"][-1]), float(grown["gross"][-1])
    words = (
        f"{gross - net:,.2f} of every {START:,.0f} since {grown['session'][0]}: about "
        f"{gross:,.2f} before the fee, {net:,.2f} after it. Estimated by the fees in force; before "
        f"{first}, the first known, by that one."
    )
    chart = lines(
        f"Growth of {START:,.0f}, with and without the fee", grown["session"].to_list(),
        {"as it was, net of the fee": grown["net"].to_list(),
         "before the fee (estimate)": grown["gross"].to_list()},
    )  # fmt: skip
    return [page.paragraph(words), chart]


def _by_the_fee_alone(known: Known) -> list[str]:
    """What can be said of a fee without a price."""
    changes = [(a, fee(r), k) for a, r, k in _changes(known).iter_rows()]
    history = page.table("Fees known", ("from", "fee a year", "known at"), changes)
    return [_example(known), history, _twins(known)]


def _example(known: Known) -> str:
    """The SEC's example, by the fee in force: the last one known may be filed for a later day."""
    in_force = known.given.ratios["expense_ratio"]
    if in_force.is_empty():
        return page.paragraph("None of its fees is in force yet.")
    ratio = float(in_force[0])
    paid = fees.sec_example(ratio)
    return page.table(
        f"Fees paid on {START:,.0f} growing 5 % a year (SEC Form N-1A), and the share of the final "
        f"wealth that {DRAG_YEARS} years take",
        ("fee", *(f"{y} y" for y in fees.SEC_YEARS), f"drag of {DRAG_YEARS} y"),
        [
            (
                fee(ratio),
                *(f"{p:,.0f}" for p in paid),
                percent(fees.terminal_drag(ratio, DRAG_YEARS)),
            )
        ],
    )


def _twins(known: Known) -> str:
    if known.twins.is_empty():
        return page.paragraph("No cheaper fund here is known to hold 80 % of the same.", "soft")
    rows = [
        (r["cheaper"], f"{r['overlap']:.1%}", fee(r["cheaper_expense_ratio"]),
         f"{r['cost_per_10000']:,.2f}", r["oldest_report"])
        for r in known.twins.iter_rows(named=True)
    ]  # fmt: skip
    names = ("fund", "same holdings", "its fee", "less a year per 10,000", "reports of")
    return page.table("Much the same holdings, lower fee", names, rows)
