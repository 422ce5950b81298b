"""V23: sources against each other, on the same basis. Bars in, the bars that stand apart out."""

import numpy as np
import polars as pl

from fundplatform.finance.rules.found import Found
from fundplatform.finance.rules.limits import Limits
from fundplatform.finance.rules.walk import Bools

_BAR = ("instrument_id", "interval", "quote", "bar_open_at", "adjustment")


def compared(bars: pl.DataFrame, sound: Bools, limits: Limits) -> list[Found]:
    """V23: marked bars, and refused ones (three sources or more, two others agree).

    Args:
        bars: The frame.
        sound: By row: no blocking row rule fails; only these take part.
        limits: Gives the tolerance, relative to the median close of the sources.
    """
    if bars["source_id"].n_unique() < 2:
        return []
    shared = (
        bars.select(*_BAR, "close", "asset_class")
        .with_row_index("_row")
        .filter(pl.Series(sound))
        .with_columns(_sources=pl.len().over(_BAR))
        .filter(pl.col("_sources") > 1)
    )
    if shared.is_empty():
        return []
    tolerance = limits.expr("V23", "tolerance")
    judged = shared.with_columns(_median=pl.col("close").median().over(_BAR)).with_columns(
        # Of two, the one against the other.
        _off=pl.when(pl.col("_sources") == 2)
        .then((pl.col("close").max() / pl.col("close").min() - 1).abs().over(_BAR))
        .otherwise((pl.col("close") / pl.col("_median") - 1).abs())
        > tolerance,
    )
    agreeing = (~pl.col("_off")).sum().over(_BAR)
    judged = judged.filter(pl.col("_off").any().over(_BAR)).with_columns(_agree=agreeing)
    alone = (pl.col("_sources") > 2) & (pl.col("_agree") >= 2)
    outliers = judged.filter(alone, "_off")
    doubtful = judged.filter(~alone)
    reasons = [
        f"close {close:.10g} where {agree} other sources say {median:.10g}"
        for close, agree, median in outliers.select("close", "_agree", "_median").iter_rows()
    ]
    return [
        Found("V23", _rows(outliers), blocks=True, reasons=reasons),
        Found("V23", _rows(doubtful)),
    ]


def _rows(frame: pl.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return frame["_row"].to_numpy().astype(np.int64)
