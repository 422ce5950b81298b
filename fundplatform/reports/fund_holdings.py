"""The part of a fund's page that says what it holds: positions, sectors, countries.

In: a `fund_data.Known`. Out: HTML sections.
"""

import polars as pl

from fundplatform.finance import overlap
from fundplatform.fund_data import Known
from fundplatform.reports import page

_TOP = 15


def holdings(known: Known) -> list[str]:
    """The sections."""
    held = known.given.holdings
    if held.is_empty():
        return [page.section("holdings", "Holdings", page.paragraph("No report is loaded."))]
    (sums,) = overlap.weight_sums(held).iter_rows(named=True)
    top = (
        held.group_by("holding")
        .agg(pl.col("name").drop_nulls().first(), pl.col("weight").sum())
        .sort("weight", "holding", descending=[True, False])
        .head(_TOP)
    )
    words = (
        f"Report of {held['as_of'][0]}: {sums['n']:,} positions, {sums['weight_sum']:.2%} of net "
        f"assets ({sums['long']:.2%} long, {sums['short']:.2%} short)."
    )
    warning = (
        ""
        if sums["complete"]
        else page.paragraph("The weights do not add up to 95 to 105 %: not complete.", "warn")
    )
    share = float(top["weight"].sum())
    rows = [
        (n, name or holding, f"{weight:.2%}")
        for n, (holding, name, weight) in enumerate(top.iter_rows(), 1)
    ]
    table = page.table(
        f"Largest {top.height}, together {share:.2%}", ("", "holding", "weight"), rows
    )
    return [
        page.section("holdings", "Holdings", page.paragraph(words), warning, table),
        *(_exposures(known.given.exposures, kind) for kind in ("sector", "country")),
    ]


def _exposures(every: pl.DataFrame, kind: str) -> str:
    """Where the money is in the end: weights, and how much of each through other funds."""
    title = {"sector": "Sectors", "country": "Countries"}[kind]
    own = every.filter(pl.col("kind") == kind).sort("weight", "name", descending=[True, False])
    if own.is_empty():
        return page.section(kind, title, page.paragraph("None is known."))
    rest = own.slice(_TOP)
    rows = [
        (r["name"], f"{r['weight']:.2%}", f"{r['through']:.2%}" if r["through"] else None)
        for r in own.head(_TOP).iter_rows(named=True)
    ]
    if rest.height:
        rows.append((f"{rest.height} others", f"{rest['weight'].sum():.2%}", None))
    caption = f"Report of {own['as_of'][0]}, funds it holds opened"
    names = (kind, "weight", "of it through funds")
    return page.section(kind, title, page.table(caption, names, rows))
