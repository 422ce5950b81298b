"""Who is in an index at each close: eligibility, one line per issuer, ranks, weights.

Returns do not belong here. In: bars with their measure. Out: every eligible name with its rank,
the chosen ones, and the names that would rank among them had they a price.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.market_cap import Snapshots, in_force
from fundplatform.finance.index.panel import find, keys
from fundplatform.finance.index_definition import IndexDefinition

# Caps carried along different paths may differ in their last bits; a tie is equality beyond that.
_TIE_FIGURES = 12


def rank(bars: pl.DataFrame, definition: IndexDefinition) -> pl.DataFrame:
    """The eligible names of every session, ranked.

    A name is eligible on the sessions on which it has a bar and a positive measure. With
    `most_liquid_line`, the line of an issuer with the highest liquidity stays (then by symbol,
    then first listing). Ranks go by measure, largest first; ties (equal to 12 significant figures)
    go to the higher liquidity, then the first symbol, then the first listing. Ids never decide.

    Args:
        bars: instrument_id, symbol, listed_from, pos, liquidity, measure, age.
        definition: Gives issuers and share_class_policy.

    Returns:
        pos, rank (Int32, from 1), instrument_id, symbol, measure, age; sorted by (pos, rank).
    """
    eligible = bars.filter(pl.col("measure") > 0)
    if definition.share_class_policy == "most_liquid_line":
        eligible = _one_line_per_issuer(eligible, definition)
    size = pl.col("measure").round_sig_figs(_TIE_FIGURES).alias("size")
    ordered = eligible.with_columns(size).sort(
        "pos",
        "size",
        "liquidity",
        "symbol",
        "listed_from",
        descending=[False, True, True, False, False],
        nulls_last=True,
    )
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pos").alias("rank")
    return ordered.select("pos", number, "instrument_id", "symbol", "measure", "age")


def _one_line_per_issuer(eligible: pl.DataFrame, definition: IndexDefinition) -> pl.DataFrame:
    lines = _with_issuer(eligible.with_row_index("row"), definition)
    losers = lines.sort(
        "pos",
        "issuer",
        "liquidity",
        "symbol",
        "listed_from",
        descending=[False, False, True, False, False],
        nulls_last=True,
    ).filter(~pl.struct("pos", "issuer").is_first_distinct())
    stays = np.ones(eligible.height, dtype=np.bool_)
    stays[losers["row"].to_numpy()] = False
    return eligible.filter(pl.Series(stays))


def _with_issuer(frame: pl.DataFrame, definition: IndexDefinition) -> pl.DataFrame:
    """The rows whose symbol is a line of a listed issuer, with that issuer."""
    lines = frame.filter(pl.col("symbol").is_in(list(definition.issuers)))
    issuer = pl.col("symbol").replace_strict(
        dict(definition.issuers), default=None, return_dtype=pl.String
    )
    return lines.with_columns(issuer.alias("issuer"))


def choose(ranked: pl.DataFrame, n: int) -> pl.DataFrame:
    """The first n of each session, or as many as there are, with equal target weights.

    Returns:
        The columns of `rank` plus target_weight; sorted by (pos, rank).
    """
    weight = (1.0 / pl.len()).over("pos").alias("target_weight")
    return ranked.filter(pl.col("rank") <= n).with_columns(weight)


def unpriced(
    bars: pl.DataFrame,
    ranked: pl.DataFrame,
    known: Snapshots,
    definition: IndexDefinition,
    span: tuple[int, int],
) -> pl.DataFrame:
    """The names that rank within N by market cap but have no usable price on the session.

    Names with a price rank by their cap at the close, the others by their latest snapshot. Equal
    caps: names with a price first, then by symbol. Another line of an issuer that is ranked is not
    missing; of several lines without a price the one with the largest cap counts.

    Args:
        bars: As for `rank`.
        ranked: Output of `rank`.
        known: Output of `market_cap.snapshots`.
        definition: Gives n, issuers and share_class_policy.
        span: First and last position.

    Returns:
        pos, rank (among all names), instrument_id, symbol, measure; sorted by (pos, rank).
    """
    first, last = span
    top = ranked.filter(pl.col("rank") <= definition.n, pl.col("pos").is_between(first, last))
    missing = in_force(known, first, last, _floors(top, definition.n, span))
    measured = bars.filter(pl.col("measure") > 0)
    row = find(
        keys(measured["instrument_id"], measured["pos"]),
        keys(missing["instrument_id"], missing["pos"]),
    )
    missing = missing.filter(pl.Series(row < 0))
    if definition.share_class_policy == "most_liquid_line":
        missing = _missing_issuers(missing, ranked, definition)
    columns = ("pos", "instrument_id", "symbol", "measure")
    both = pl.concat(
        [
            top.select(*columns, pl.lit(True).alias("priced")),
            missing.select(*columns, pl.lit(False).alias("priced")),
        ]
    ).sort("pos", "measure", "priced", "symbol", descending=[False, True, True, False])
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pos").alias("rank")
    return both.with_columns(number).filter(~pl.col("priced"), pl.col("rank") <= definition.n)


def _floors(top: pl.DataFrame, n: int, span: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The cap that a name must reach on each position: the Nth of the ranked, else 0."""
    floors = np.zeros(span[1] - span[0] + 1)
    nth = top.filter(pl.col("rank") == n)
    floors[nth["pos"].to_numpy() - span[0]] = nth["measure"].to_numpy()
    return floors


def _missing_issuers(
    missing: pl.DataFrame, ranked: pl.DataFrame, definition: IndexDefinition
) -> pl.DataFrame:
    there = _with_issuer(ranked, definition).select("pos", "issuer")
    lines = _with_issuer(missing, definition)
    absent = (
        lines.join(there, on=["pos", "issuer"], how="anti")
        .sort("pos", "issuer", "measure", "symbol", descending=[False, False, True, False])
        .unique(["pos", "issuer"], keep="first", maintain_order=True)
        .drop("issuer")
    )
    single = missing.filter(~pl.col("symbol").is_in(list(definition.issuers)))
    return pl.concat([single, absent])
