"""What an index earned: contributions, session returns, drift, turnover and changes.

Choosing names does not belong here, nor chaining levels. In: the chosen names per session and the
bars. Out: frames per (session, name) and arrays per session.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.panel import Ints, find, keys

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Earned:
    """The index over positions first..last.

    Attributes:
        contributions: pos, instrument_id, symbol, start_weight, instrument_return, contribution,
            drifted_weight, stale; a row per name of the composition of pos - 1.
        changes: pos, instrument_id, symbol, change, rank_before, rank_after, weight_before,
            weight_after, reason; a row per name that entered or left at pos.
        returns: The index return of each position; NaN where nothing was held, or nothing held
            has a price.
        turnover: One-way turnover at each position's close; NaN where there is no return.
    """

    contributions: pl.DataFrame
    changes: pl.DataFrame
    returns: Floats
    turnover: Floats


def earn(chosen: pl.DataFrame, ranked: pl.DataFrame, span: tuple[int, int]) -> Earned:
    """Returns, drift, turnover and changes over the positions of `span`.

    The composition of pos - 1 earns the return of pos: R = sum(w * r). A name without a usable
    return on pos (no bar, or its series started anew) counts with r = 0 and `stale`. Drifted
    weight = w * (1 + r) / (1 + R), or w where 1 + R = 0. Turnover = sum |target - drifted| / 2
    over the names of both compositions.

    Args:
        chosen: Output of `composition.choose`, from the index's base on.
        ranked: Output of `composition.rank`, from the position before `span` on.
        span: First and last position.
    """
    bar_keys = keys(ranked["instrument_id"], ranked["pos"])
    held, returns = _contributions(chosen, ranked["ret"], bar_keys, span)
    both = _side_by_side(held, chosen, span)
    shift = (pl.col("weight_after") - pl.col("weight_before")).abs() / 2
    turnover = _sum_by_pos(both["pos"], both.select(shift).to_series(), span)
    # A standstill of every name is no return of 0: the data of the session is missing.
    priced = _sum_by_pos(
        held["pos"], held.select(~pl.col("stale")).to_series().cast(pl.Float64), span
    )
    returns[priced == 0] = np.nan
    turnover[np.isnan(returns)] = np.nan
    return Earned(held, _changes(both, ranked["rank"], bar_keys), returns, turnover)


def _contributions(
    chosen: pl.DataFrame, ret: pl.Series, bar_keys: Ints, span: tuple[int, int]
) -> tuple[pl.DataFrame, Floats]:
    first, last = span
    held = chosen.filter(pl.col("pos").is_between(first - 1, last - 1)).select(
        pl.col("pos") + 1, "instrument_id", "symbol", pl.col("target_weight").alias("start_weight")
    )
    own = _gather(ret, find(bar_keys, keys(held["instrument_id"], held["pos"])))
    held = held.with_columns(
        own.fill_null(0.0).alias("instrument_return"), own.is_null().alias("stale")
    ).with_columns((pl.col("start_weight") * pl.col("instrument_return")).alias("contribution"))
    returns = _sum_by_pos(held["pos"], held["contribution"], span)
    whole = 1.0 + returns[held["pos"].to_numpy() - first]
    drift = np.divide(
        1.0 + held["instrument_return"].to_numpy(), whole, out=np.ones(whole.size), where=whole != 0
    )
    return held.with_columns((pl.col("start_weight") * drift).alias("drifted_weight")), returns


def _sum_by_pos(pos: pl.Series, values: pl.Series, span: tuple[int, int]) -> Floats:
    """Sums of runs of equal pos in row order, so that they do not depend on other sessions."""
    total = np.full(span[1] - span[0] + 1, np.nan)
    at = pos.to_numpy()
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    if starts.size:
        total[at[starts] - span[0]] = np.add.reduceat(values.to_numpy(), starts)
    return total


def _side_by_side(held: pl.DataFrame, chosen: pl.DataFrame, span: tuple[int, int]) -> pl.DataFrame:
    """Each name's drifted weight and new target weight; 0 on the side where it is not in."""
    before = held.select("pos", "instrument_id", "symbol", weight_before="drifted_weight")
    after = chosen.filter(pl.col("pos").is_between(*span)).select(
        "pos", "instrument_id", "symbol", "rank", weight_after="target_weight"
    )
    joined = before.join(after, on=["pos", "instrument_id"], how="full", coalesce=True)
    return joined.select(
        "pos",
        "instrument_id",
        pl.coalesce("symbol_right", "symbol").alias("symbol"),
        pl.col("weight_before", "weight_after").fill_null(0.0),
        pl.col("weight_before").is_null().alias("enters"),
        pl.col("weight_after").is_null().alias("leaves"),
    ).sort("pos", "symbol", "instrument_id")


def _gather(values: pl.Series, row: Ints) -> pl.Series:
    """The values of the rows; NULL for row -1 (not found)."""
    return values.gather(pl.Series(row).set(pl.Series(row < 0), None))


def _changes(both: pl.DataFrame, ranks: pl.Series, bar_keys: Ints) -> pl.DataFrame:
    """The names that are on one side only, with their ranks on both and the reason.

    reason: `rank` for a name that entered or that others overtook; `no_price` for one without a
    bar; `not_eligible` for one with a bar but no measure, or whose issuer changed its line.
    """
    changed = both.filter(pl.col("enters") | pl.col("leaves"))
    before, after = (
        find(bar_keys, keys(changed["instrument_id"], changed["pos"] - back)) for back in (1, 0)
    )
    reason = (
        pl.when("enters")
        .then(pl.lit("rank"))
        .when(pl.Series(after < 0))
        .then(pl.lit("no_price"))
        .when(pl.col("rank_after").is_null())
        .then(pl.lit("not_eligible"))
        .otherwise(pl.lit("rank"))
    )
    return changed.with_columns(
        _gather(ranks, before).alias("rank_before"),
        _gather(ranks, after).alias("rank_after"),
        pl.when("enters").then(pl.lit("added")).otherwise(pl.lit("removed")).alias("change"),
    ).with_columns(reason.alias("reason"))


def not_earned(chosen: pl.DataFrame, bars: pl.DataFrame, stale_sessions: int) -> pl.DataFrame:
    """The returns over gaps that no composition held: the price of leaving without a price.

    A name that has no bar leaves at its last price at once. Where it comes back after at most
    `stale_sessions` missing sessions, its return since its last bar was earned by nobody.

    Returns:
        pos (of the first bar after the gap), symbol, ret; sorted by (pos, symbol).
    """
    same = pl.col("instrument_id") == pl.col("instrument_id").shift()
    missing = pl.col("pos") - pl.col("pos").shift() - 1
    resumed = (same & missing.is_between(1, stale_sessions)).fill_null(False)
    after = bars.select("instrument_id", "pos", "symbol", "ret", missing.alias("missing")).filter(
        bars.select(resumed).to_series()
    )
    after = after.with_columns((pl.col("pos") - 1 - pl.col("missing")).alias("before"))
    held = chosen.select("instrument_id", before="pos")
    kept = after.join(held, on=["instrument_id", "before"], how="semi")
    return kept.select("pos", "symbol", "ret").sort("pos", "symbol")
