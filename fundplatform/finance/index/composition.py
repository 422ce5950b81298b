"""Names that would be in an index had they a price here.

Choosing among names with a price does not belong here (`ranking.py`, `basket.py`). In: the chosen
names and the cap snapshots. Out: the names that rank among them without a usable price.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.market import Bools, Market
from fundplatform.finance.index.market_cap import Snapshots, in_force
from fundplatform.finance.index_definition import IndexDefinition

NOTHING_UNPRICED = pl.DataFrame(
    schema={
        "pos": pl.Int32(),
        "rank": pl.Int32(),
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "measure": pl.Float64(),
    }
)


def unpriced(
    chosen: pl.DataFrame,
    market: Market,
    known: Snapshots,
    definition: IndexDefinition,
    reviewed: list[int],
) -> pl.DataFrame:
    """The names that rank within N by market cap but have no usable price on a reviewed session.

    Names with a price rank by their cap at the close, the others by their latest snapshot. Equal
    caps: names with a price first, then by symbol. Another line of an issuer that is there is not
    missing; of several lines without a price the one with the largest cap counts.

    Args:
        chosen: pos, rank, instrument_id, symbol, measure of the compositions.
        market: Gives who has a price: a bar at most `stale_sessions` old, and a measure.
        known: Output of `market_cap.snapshots`.
        definition: Gives n, issuers, stale_sessions and share_class_policy.
        reviewed: Positions on which names were chosen, ascending.

    Returns:
        pos, rank (among all names), instrument_id, symbol, measure; sorted by (pos, rank).
    """
    if not reviewed:
        return NOTHING_UNPRICED
    positions = pl.DataFrame({"pos": pl.Series(reviewed, dtype=pl.Int32)})
    span = (reviewed[0], reviewed[-1])
    top = chosen.join(positions, on="pos", how="semi").filter(pl.col("rank") <= definition.n)
    missing = in_force(known, *span, _floors(top, definition.n, span))
    missing = missing.join(positions, on="pos", how="semi")
    there = _priced(market, definition)
    column = market.columns(missing["instrument_id"])
    row = missing["pos"].to_numpy() - market.first
    has = np.zeros(missing.height, dtype=np.bool_)
    known_here = column >= 0
    has[known_here] = there[row[known_here], column[known_here]]
    missing = missing.filter(pl.Series(~has))
    if definition.share_class_policy == "most_liquid_line":
        missing = _missing_issuers(missing, market, there, definition)
    columns = ("pos", "instrument_id", "symbol", "measure")
    both = pl.concat(
        [
            top.select(*columns, pl.lit(True).alias("priced")),
            missing.select(*columns, pl.lit(False).alias("priced")),
        ]
    ).sort("pos", "measure", "priced", "symbol", descending=[False, True, True, False])
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pos").alias("rank")
    return both.with_columns(number).filter(~pl.col("priced"), pl.col("rank") <= definition.n)


def _priced(market: Market, definition: IndexDefinition) -> Bools:
    """[T, M] True where a name has a measure and a bar at most `stale_sessions` old."""
    rows = np.arange(market.bar.shape[0])[:, None]
    near: Bools = (market.last >= 0) & (rows - market.last <= definition.stale_sessions)
    return near & (market.measure > 0)


def _floors(top: pl.DataFrame, n: int, span: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The cap that a name must reach on each position: the Nth of the ranked, else 0."""
    floors = np.zeros(span[1] - span[0] + 1)
    nth = top.filter(pl.col("rank") == n)
    floors[nth["pos"].to_numpy() - span[0]] = nth["measure"].to_numpy()
    return floors


def _missing_issuers(
    missing: pl.DataFrame, market: Market, there: Bools, definition: IndexDefinition
) -> pl.DataFrame:
    own = [c for c, symbol in enumerate(market.symbols) if symbol in definition.issuers]
    row, at = np.nonzero(there[:, own])
    issuers = [definition.issuers[market.symbols[c]] for c in own]
    present = pl.DataFrame(
        {
            "pos": pl.Series(row + market.first, dtype=pl.Int32),
            "issuer": pl.Series([issuers[i] for i in at.tolist()], dtype=pl.String),
        }
    ).unique()
    issuer = pl.col("symbol").replace_strict(
        dict(definition.issuers), default=None, return_dtype=pl.String
    )
    lines = missing.with_columns(issuer.alias("issuer")).drop_nulls("issuer")
    absent = (
        lines.join(present, on=["pos", "issuer"], how="anti")
        .sort("pos", "issuer", "measure", "symbol", descending=[False, False, True, False])
        .unique(["pos", "issuer"], keep="first", maintain_order=True)
        .drop("issuer")
    )
    single = missing.filter(~pl.col("symbol").is_in(list(definition.issuers)))
    return pl.concat([single, absent])
