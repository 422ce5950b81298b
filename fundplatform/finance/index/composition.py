"""Who is in an index at each close: eligibility, one line per issuer, ranks, weights.

Returns do not belong here. In: bars with their measure. Out: the rank of every eligible name,
the chosen ones, and the names that would rank among them had they a price.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.market_cap import Snapshots, in_force
from fundplatform.finance.index.panel import Ints, find, keys, median_of_last_bars
from fundplatform.finance.index_definition import IndexDefinition

# Caps carried along different paths may differ in their last bits; a tie is equality beyond that.
_TIE_FIGURES = 12


def rank(bars: pl.DataFrame, definition: IndexDefinition, since: int) -> pl.DataFrame:
    """The bars with the rank of every eligible name on its session.

    A name is eligible on the sessions on which it has a bar and a positive measure. With
    `most_liquid_line`, the line of an issuer with the highest liquidity stays (then by symbol,
    then first listing). Ranks go by measure, largest first; ties (equal to 12 significant figures)
    go to the higher liquidity, then the first symbol, then the first listing. Ids never decide.

    Args:
        bars: instrument_id, symbol, listed_from, pos, ret, dollar_volume, measure, age in
            (instrument_id, pos) order.
        definition: Gives issuers and share_class_policy.
        since: First position to rank; earlier bars only serve the liquidity.

    Returns:
        `bars` from `since` on, same order, plus rank (Int32, from 1; NULL if not eligible).
    """
    recent = bars.filter(pl.col("pos") >= since)
    eligible = (recent["measure"] > 0).fill_null(False).to_numpy().copy()
    if definition.share_class_policy == "most_liquid_line" and definition.issuers:
        eligible[_losing_lines(bars, recent.filter(pl.Series(eligible)), recent, definition)] = (
            False
        )
    size = pl.when(pl.Series(eligible)).then(pl.col("measure").round_sig_figs(_TIE_FIGURES))
    # A column first: a Series inside a window is not cut to it.
    sized = recent.select("pos", size.alias("size"))
    lowest = pl.col("size").rank("min", descending=True).over("pos").cast(pl.Int32)
    ranked = recent.with_columns(sized.select(lowest.alias("rank")))
    tied = _tied(ranked)
    if tied.size == 0:
        return ranked
    ordinal = ranked["rank"].to_numpy(allow_copy=True).copy()
    order = _by_liquidity(bars, ranked[tied].with_columns(row=pl.Series(tied)), ["pos", "rank"])
    offset = order.select(pl.int_range(pl.len()).over("pos", "rank")).to_series().to_numpy()
    ordinal[order["row"].to_numpy()] += offset
    return ranked.with_columns(pl.Series("rank", ordinal, nan_to_null=True).cast(pl.Int32))


def _tied(ranked: pl.DataFrame) -> Ints:
    """The rows that share their rank with another one of their session."""
    rows = np.flatnonzero(ranked["rank"].is_not_null().to_numpy())
    if rows.size == 0:
        return rows
    place = ranked["rank"].gather(rows).to_numpy().astype(np.int64)
    pos = ranked["pos"].gather(rows).to_numpy().astype(np.int64)
    key = (pos - pos.min()) * (place.max() + 1) + place
    shared: Ints = rows[np.bincount(key)[key] > 1]
    return shared


def _by_liquidity(bars: pl.DataFrame, rows: pl.DataFrame, within: list[str]) -> pl.DataFrame:
    """The rows in the order of `within`, then liquidity (highest first), symbol, first listing."""
    own = bars.filter(pl.col("instrument_id").is_in(rows["instrument_id"].unique().to_list()))
    liquidity = own.select("instrument_id", "pos", median_of_last_bars(own).alias("liquidity"))
    return rows.join(liquidity, on=["instrument_id", "pos"], how="left").sort(
        *within,
        "liquidity",
        "symbol",
        "listed_from",
        descending=[False] * len(within) + [True, False, False],
        nulls_last=True,
    )


def _losing_lines(
    bars: pl.DataFrame, eligible: pl.DataFrame, recent: pl.DataFrame, definition: IndexDefinition
) -> Ints:
    """The rows of `recent` whose issuer has a more liquid eligible line on that session."""
    lines = _by_liquidity(bars, _with_issuer(eligible, definition), ["pos", "issuer"])
    losers = lines.filter(~pl.struct("pos", "issuer").is_first_distinct())
    return find(
        keys(recent["instrument_id"], recent["pos"]), keys(losers["instrument_id"], losers["pos"])
    )


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
    return ranked.filter(pl.col("rank") <= n).sort("pos", "rank").with_columns(weight)


def unpriced(
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
    measured = ranked.filter(pl.col("measure") > 0)
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
    there = _with_issuer(ranked.drop_nulls("rank"), definition).select("pos", "issuer")
    lines = _with_issuer(missing, definition)
    absent = (
        lines.join(there, on=["pos", "issuer"], how="anti")
        .sort("pos", "issuer", "measure", "symbol", descending=[False, False, True, False])
        .unique(["pos", "issuer"], keep="first", maintain_order=True)
        .drop("issuer")
    )
    single = missing.filter(~pl.col("symbol").is_in(list(definition.issuers)))
    return pl.concat([single, absent])
