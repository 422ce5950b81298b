"""What two to ten funds hold, side by side: overlaps, dearer twins, common names, tilts.

In: the newest report of each fund, exposures, expense ratios. Out: tables, and notes on what is
missing. The measures of likeness are `finance/overlap.py`'s.
"""

from collections.abc import Sequence

import polars as pl

from fundplatform.finance import overlap
from fundplatform.finance.positions import APART

TILT = " tilt"
"""Ends the name of a column that holds a tilt."""


def holdings(
    names: Sequence[str],
    held: pl.DataFrame,
    exposures: pl.DataFrame,
    ratios: pl.DataFrame,
    notes: list[str],
) -> dict[str, pl.DataFrame]:
    """Overlap of each pair, dearer funds of the same holdings, common holdings, sector tilts.

    Twins are told of complete reports alone that are at most `APART` from each other.

    Args:
        names: The funds in order.
        held: `Inputs.holdings`.
        exposures: `Inputs.exposures`.
        ratios: `Inputs.ratios`.
        notes: Sentences are added.
    """
    with_them = [n for n in names if n in set(held["fund"])]
    lacking = [n for n in names if n not in with_them]
    if lacking:
        notes.append(f"No holdings are loaded of {', '.join(lacking)}.")
    if not with_them:
        return {}
    order = pl.DataFrame({"fund": with_them})
    dates = held.group_by("fund").agg(pl.col("as_of").first())
    sums = order.join(overlap.weight_sums(held), on="fund", maintain_order="left").join(
        dates, on="fund", maintain_order="left"
    )
    for row in sums.filter(~pl.col("complete")).iter_rows(named=True):
        notes.append(
            f"{row['fund']}: its weights add up to {row['weight_sum']:.4f}: incomplete, leveraged "
            "or in the wrong unit."
        )
    found = {
        "holdings": sums.select("fund", "as_of", positions="n", weight_sum="weight_sum"),
        "sectors": tilts(exposures, "sector", with_them),
        "countries": tilts(exposures, "country", with_them),
    }
    if len(with_them) < 2:
        return found
    if sums["as_of"].max() - sums["as_of"].min() > APART:  # type: ignore[operator]
        each = ", ".join(f"{n} {day}" for n, day in sums.select("fund", "as_of").iter_rows())
        notes.append(
            f"Reports are more than {APART.days} days apart ({each}): such overlaps say little."
        )
    keyed = held.select("fund", "holding", "weight")
    pairs = overlap.overlaps(keyed)
    named = held.group_by("holding").agg(pl.col("name").drop_nulls().first())
    common = overlap.common_holdings(keyed).join(
        named, on="holding", how="left", maintain_order="left"
    )
    return found | {
        "overlap": pairs,
        "same_holdings_higher_fee": overlap.same_holdings_higher_fee(
            _comparable(pairs, sums), ratios
        ),
        "common_holdings": common.select("holding", "name", "smallest", *with_them),
    }


def _comparable(pairs: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """The pairs of complete reports that are not far apart."""
    days = sums.filter("complete").select("fund", "as_of")
    others = days.rename({"fund": "other", "as_of": "other_as_of"})
    return (
        pairs.join(days, on="fund")
        .join(others, on="other")
        .filter((pl.col("as_of") - pl.col("other_as_of")).abs() <= APART)
    )


def tilts(exposures: pl.DataFrame, kind: str, names: Sequence[str]) -> pl.DataFrame:
    """kind, a weight and a tilt (weight less the funds' mean) a fund; largest mean first."""
    wide = exposures.filter(kind=kind).pivot(
        "fund", on_columns=names, index="name", values="weight", aggregate_function="sum"
    ).with_columns(pl.col(n).fill_null(0.0) for n in names)  # fmt: skip
    wide = wide.with_columns(mean=pl.mean_horizontal(names))
    return wide.sort("mean", "name", descending=[True, False]).select(
        pl.col("name").alias(kind), *names,
        *((pl.col(n) - pl.col("mean")).alias(f"{n}{TILT}") for n in names),
    )  # fmt: skip
