"""A comparison of funds as one HTML file that opens offline: charts, tables, dates, gaps.

In: a `compare.Comparison`. Out: text. No number is made here but the drawdown of a line drawn.
"""

from collections.abc import Mapping

import polars as pl
import polars.selectors as cs

from fundplatform.compare import START, Comparison
from fundplatform.reports import page
from fundplatform.reports.lines import lines

TITLES = {
    "funds": "Funds and their own histories",
    "returns": "Return by frame",
    "risk": "Risk over the longest frame that all have",
    "common_history": "Over the history in common",
    "correlation": "Correlation of returns on common sessions",
    "cost": "What the fee costs, per 10,000 (the SEC's example: 5 % a year before fees)",
    "holdings": "Holdings reported",
    "overlap": "Overlap of holdings",
    "same_holdings_higher_fee": "Much the same holdings, higher fee (per 10,000 a year)",
    "common_holdings": "Largest common holdings, by the smallest weight",
    "sectors": "Sectors, funds held opened: weight, and tilt from the funds' mean",
    "countries": "Countries, funds held opened: weight, and tilt from the funds' mean",
}
_BY_FUND = ("returns", "risk", "common_history", "correlation")
"""Four places are enough, and ten columns fit; JSON has all digits."""


def _rounded(values: pl.Expr) -> pl.Expr:
    """What is nearly 1 is not shown as 1: -0.99995 is no total loss."""
    short = values.round(4)
    return pl.when((short.abs() == 1) & (values != short)).then(values).otherwise(short)


def measured_on(facts: Mapping[str, object]) -> str:
    """What the frames and the risk are of."""
    return f"session {facts['metrics_session']}, {facts['metrics_basis']} returns"


def render(found: Comparison) -> str:
    """The page."""
    facts = found.facts
    common = f"{facts['from']} to {facts['to']}, {facts['common_sessions']} sessions"
    title = " \u00b7 ".join(found.names)
    days = found.growth["session"].to_list()
    growth = {n: found.growth[n].to_list() for n in found.names}
    falls = found.growth.select(pl.col(n) / pl.col(n).cum_max() - 1 for n in found.names)
    drawdown = {n: falls[n].to_list() for n in found.names}
    body = [
        f"<h1>{page.shown(title)}</h1>",
        page.paragraph(f"Common history {common}; series: {facts['series_basis']}."),
        page.paragraph(
            (f"Frames and risk: {measured_on(facts)}. " if facts["metrics_session"] else "")
            + "Returns, weights and ratios are decimals (0.01 = 1 %).",
            "soft",
        ),
        *(page.paragraph(note, "warn") for note in found.notes),
        page.section("growth", f"Growth of {START:,.0f}", lines(
            f"Growth of {START:,.0f} from {days[0]} to {days[-1]}", days, growth)),
        page.section("drawdown", "Drawdown", lines(
            "Fall from the highest value so far, percent", days, drawdown, 100.0)),
    ]  # fmt: skip
    for name, table in found.tables.items():
        if not table.is_empty():
            if name in _BY_FUND:
                table = table.with_columns(_rounded(cs.float()))
            whole = page.table(TITLES[name], table.columns, table.rows())
            body.append(page.section(name.replace("_", "-"), TITLES[name], whole))
    return page.document(f"{title}: comparison", f"<main>{''.join(body)}</main>")
