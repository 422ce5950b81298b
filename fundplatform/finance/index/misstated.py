"""How large a name is whose cap is stated in another unit: by what is traded of it.

Such a cap says nothing of the place that its name would have; its liquidity does. Which caps are
in another unit is settled in `finance/caps.py`. In: snapshots that do not count, the names chosen.
Out: those snapshots with a size that can be ranked.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from fundplatform.finance.caps import UNIT
from fundplatform.finance.index.market_cap import Snapshots, in_force
from fundplatform.finance.index.ranking import Ranking


def in_another_unit(
    known: Sequence[Snapshots], top: pl.DataFrame, ranking: Ranking, span: tuple[int, int]
) -> pl.DataFrame:
    """The snapshots in force that are in another unit, with `size`.

    size = median dollar volume of the name x the median, over the names chosen, of cap / dollar
    volume; at least the cap as it is stated. Names of which no volume is known are left out.

    Args:
        known: `market_cap.snapshots` of those who lack.
        top: pos, instrument_id, measure of the names chosen.
        ranking: Gives the liquidity.
        span: First and last position.

    Returns:
        The columns of `in_force`, and size.
    """
    wrong = pl.col("reason").str.starts_with(UNIT).fill_null(value=False)
    anything = np.zeros(span[1] - span[0] + 1)
    parts = [
        in_force(Snapshots(one.frame.filter(wrong), one.days, one.max_age), *span, anything)
        for one in known
    ]
    found = pl.concat(parts)
    if found.is_empty():
        return found.with_columns(size=pl.lit(None, pl.Float64))
    volume = _volume(found, ranking)
    found = found.with_columns(volume=volume).filter(pl.col("volume") > 0)
    held = top.with_columns(volume=_volume(top, ranking)).filter(pl.col("volume") > 0)
    usual = held.group_by("pos").agg(usual=(pl.col("measure") / pl.col("volume")).median())
    traded = pl.col("volume") * pl.col("usual")
    sized = found.join(usual, on="pos").with_columns(size=pl.max_horizontal("measure", traded))
    return sized.drop("volume", "usual")


def _volume(rows: pl.DataFrame, ranking: Ranking) -> pl.Series:
    """The median dollar volume of each (pos, instrument_id); -1 where it is not known."""
    market = ranking.market
    columns, row = market.columns(rows["instrument_id"]), rows["pos"].to_numpy() - market.first
    here = columns >= 0
    volume = np.full(columns.size, -1.0)
    if here.any():
        volume[here] = ranking.liquidity(np.unique(columns[here]))[row[here], columns[here]]
    return pl.Series(volume)
