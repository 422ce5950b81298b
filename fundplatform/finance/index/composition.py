"""Names that would be in an index had they a price, a trusted cap, or a place in its universe.

Choosing among names with a price does not belong here (`ranking.py`, `basket.py`). In: the chosen
names and the cap snapshots. Out: the names that rank among them and are not there, and why.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.finance.index.lines import within
from fundplatform.finance.index.market import Bools, Market
from fundplatform.finance.index.market_cap import Snapshots, in_force
from fundplatform.finance.index.misstated import in_another_unit
from fundplatform.finance.index.names import as_then
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ranking import Ranking
from fundplatform.finance.index.result import barred_at
from fundplatform.finance.index_definition import IndexDefinition

NOTHING_UNPRICED = pl.DataFrame(
    schema={
        "pos": pl.Int32(),
        "rank": pl.Int32(),
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "measure": pl.Float64(),
        "excluded_by": pl.String(),
        "reason": pl.String(),
    }
)


def unpriced(
    chosen: pl.DataFrame,
    ranking: Ranking,
    known: Sequence[Snapshots],
    definition: IndexDefinition,
    reviewed: list[int],
    barred: pl.DataFrame | None = None,
    former: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The names that rank within N by market cap and could not be chosen on a reviewed session.

    Names with a price rank by their cap at the close, the others by their latest snapshot, or where
    that is in another unit by what is traded of them (`misstated.py`). Equal
    caps: names with a price first, then by symbol. Another line of an issuer that is there is not
    missing; of several lines without a price the one with the largest cap counts. Names that the
    universe's rule keeps out are ranked by themselves: they take no place from those that lack.

    Args:
        chosen: pos, rank, instrument_id, symbol, measure of the compositions.
        ranking: Its market gives who has a price: a bar at most `stale_sessions` old, and a
            measure; its lines, who is missed by another line.
        known: `market_cap.snapshots`, of those who lack at all (`Ranking.lacking`); of a name in
            several the first counts.
        definition: Gives n and stale_sessions.
        reviewed: Positions on which names were chosen, ascending.
        barred: `result.BARRED`.
        former: `names.placed_former`.

    Returns:
        pos, rank (among those chosen and those of its kind), instrument_id, symbol, measure,
        excluded_by, reason; sorted by (pos, rank).
    """
    if not reviewed:
        return NOTHING_UNPRICED
    positions = pl.DataFrame({"pos": pl.Series(reviewed, dtype=pl.Int32)})
    span = (reviewed[0], reviewed[-1])
    top = chosen.join(positions, on="pos", how="semi").filter(pl.col("rank") <= definition.n)
    floors = _floors(top, definition.n, span)
    stated = pl.concat([in_force(one, *span, floors) for one in known])
    stated = stated.with_columns(size="measure")
    # First, since what such a cap states is no size.
    missing = pl.concat([in_another_unit(known, top, ranking, span), stated])
    missing = missing.join(positions, on="pos", how="semi").unique(
        ["pos", "instrument_id"], keep="first", maintain_order=True
    )
    missing = _barred(missing if former is None else as_then(missing, former), barred)
    kept = ~_has(missing, ranking.market, definition) | (missing["excluded_by"] == "rule")
    missing = missing.filter(kept)
    missing = _missing_issuers(missing, ranking, definition)
    by_rule = pl.col("excluded_by") == "rule"
    parts = [_ranked(top, missing.filter(kind), definition.n) for kind in (~by_rule, by_rule)]
    return pl.concat(parts).sort("pos", "rank", "excluded_by", "symbol")


def _barred(missing: pl.DataFrame, barred: pl.DataFrame | None) -> pl.DataFrame:
    """What a filter keeps out then is not missing; what the rule keeps out is so by the rule."""
    if barred is None or barred.is_empty():
        return missing
    spans = barred.rename({"reason": "ruled"})
    then = barred_at(missing.select("pos", "instrument_id"), spans)
    told = missing.join(
        then.select("pos", "instrument_id", "ruled", out=pl.lit(value=True)),
        on=["pos", "instrument_id"], how="left", maintain_order="left",
    ).filter(pl.col("out").is_null() | pl.col("ruled").is_not_null())  # fmt: skip
    by_rule = pl.col("ruled").is_not_null()
    return told.with_columns(
        excluded_by=pl.when(by_rule).then(pl.lit("rule")).otherwise("excluded_by"),
        reason=pl.when(by_rule).then("ruled").otherwise("reason"),
    ).select(missing.columns)


def _has(missing: pl.DataFrame, market: Market, definition: IndexDefinition) -> pl.Series:
    """Whether each has a measure and a bar at most `stale_sessions` old."""
    column = market.columns(missing["instrument_id"])
    row = missing["pos"].to_numpy() - market.first
    has = column >= 0
    has[has] = _near(market, definition, row[has], column[has])
    return pl.Series(has)


def _near(market: Market, definition: IndexDefinition, row: Ints, column: Ints) -> Bools:
    last = market.last[row, column]
    near: Bools = (last >= 0) & (row - last <= definition.stale_sessions)
    return near & (market.measure[row, column] > 0)


def _ranked(top: pl.DataFrame, missing: pl.DataFrame, n: int) -> pl.DataFrame:
    """The missing ones that are among the first n of both together."""
    columns = ("pos", "instrument_id", "symbol", "measure")
    both = pl.concat(
        [
            top.select(*columns, pl.lit(True).alias("priced"), size="measure"),
            missing.select(
                *columns, "size", "excluded_by", "reason", pl.lit(False).alias("priced")
            ),
        ],
        how="diagonal",
    ).sort("pos", "size", "priced", "symbol", descending=[False, True, True, False])
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("pos").alias("rank")
    own = both.with_columns(number).filter(~pl.col("priced"), pl.col("rank") <= n)
    schema = NOTHING_UNPRICED.schema
    lacking = [pl.lit(None, t).alias(c) for c, t in schema.items() if c not in own.columns]
    return own.with_columns(lacking).select(schema.names())


def _floors(top: pl.DataFrame, n: int, span: tuple[int, int]) -> npt.NDArray[np.float64]:
    """The cap that a name must reach on each position: the Nth of the ranked, else 0."""
    floors = np.zeros(span[1] - span[0] + 1)
    nth = top.filter(pl.col("rank") == n)
    floors[nth["pos"].to_numpy() - span[0]] = nth["measure"].to_numpy()
    return floors


def _missing_issuers(
    missing: pl.DataFrame, ranking: Ranking, definition: IndexDefinition
) -> pl.DataFrame:
    """Without those whose issuer is there by another line, and one line of those who are not."""
    named = ranking.lines.of(missing)
    if missing.is_empty():
        return missing
    is_line = named["issuer"].is_not_null() & (named["certain"] | named["whole"])
    lines = named.filter(is_line)
    absent = (
        lines.join(_present(ranking, definition), on=["pos", "issuer"], how="anti")
        .sort("pos", "issuer", "measure", "symbol", descending=[False, False, True, False])
        .unique(["pos", "issuer"], keep="first", maintain_order=True)
    )
    return pl.concat([missing.filter(~is_line), absent.select(missing.columns)])


def _present(ranking: Ranking, definition: IndexDefinition) -> pl.DataFrame:
    """pos, issuer of the lines that have a price and pass the filters."""
    market = ranking.market
    names = pl.DataFrame(
        {"instrument_id": pl.Series(market.ids, dtype=pl.Int32), "symbol": market.symbols},
        schema_overrides={"symbol": pl.String},
    )
    own = ranking.lines.over_time(names.with_row_index("column"))
    columns = own["column"].to_numpy()
    rows = np.arange(market.bar.shape[0])[:, None]
    counts = _near(market, definition, rows, columns)
    line = own["certain"].to_numpy()
    counts &= line if market.whole is None else line | market.whole[:, columns]
    spans = own.select("first", "end").cast(pl.Int64).to_numpy().T
    counts &= within(spans, rows[:, 0] + market.first)
    if ranking.allowed is not None:
        counts &= ranking.allowed[:, columns]
    row, at = np.nonzero(counts)
    return pl.DataFrame(
        {
            "pos": pl.Series(row + market.first, dtype=pl.Int32),
            "issuer": own["issuer"].gather(pl.Series(at, dtype=pl.UInt32)),
        }
    ).unique()
