"""The rows of an index's tables, out of its basket.

Nothing is decided here. In: the sessions of a basket and what it earned. Out: frames by position,
and frames with exactly the columns of their tables.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from fundplatform.finance.index.basket import Basket
from fundplatform.finance.index.drift import ASSUMED
from fundplatform.finance.index.held import Rules
from fundplatform.finance.index.market import Bools, Floats
from fundplatform.finance.index.ragged import counts, sums
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.tables import Table


def performance(
    definition: IndexDefinition,
    span: tuple[int, int],
    states: list[str],
    basket: Basket,
    totals: dict[str, Floats],
    note: dict[int, str],
    offset: int,
    waiting: Bools | None = None,
) -> pl.DataFrame:
    """A row per position and basis; positions before the base have only a state.

    `waiting`: [T, M] where a name spun off what nobody knows the worth of yet.
    """
    positions = np.arange(span[0], span[1] + 1)
    state = np.array(states[span[0] : span[1] + 1], dtype=object)
    count, turnover = np.zeros(positions.size, np.int64), np.full(positions.size, np.nan)
    provisional = np.zeros(positions.size, dtype=np.bool_)
    at = basket.rows + offset - span[0]
    count[at], turnover[at] = basket.after.sizes, basket.turnover
    held, unknown = basket.before.sizes > 0, np.isnan(basket.earned.total)
    assumed = counts(basket.earned.how == ASSUMED, basket.before.starts) > 0
    if waiting is not None:
        before = basket.before
        due = waiting[basket.rows[before.owners], before.columns]
        assumed |= counts(due, before.starts) > 0
    provisional[at] = held & (unknown | assumed)
    # Whether a base is the first one ever cannot be told from a range: see `levels`.
    begun = np.where(basket.after.sizes > 0, "base", state[at])
    state[at] = np.where(held, np.where(unknown, "no_return", "ok"), begun)
    frame = pl.DataFrame(
        {
            "pos": pl.Series(positions, dtype=pl.Int32),
            "state": pl.Series(state.tolist(), dtype=pl.String),
            "n_constituents": count,
            "n_target": np.full(positions.size, definition.n),
            "turnover": pl.Series(turnover, nan_to_null=True),
            "provisional": provisional,
            "note": pl.Series([note.get(p) for p in positions.tolist()], dtype=pl.String),
        }
    )
    parts = []
    for basis, total in totals.items():
        returns = np.full(positions.size, np.nan)
        returns[at] = total
        parts.append(
            frame.with_columns(
                pl.Series("session_return", returns, nan_to_null=True),
                pl.lit(basis).alias("return_basis"),
            )
        )
    return pl.concat(parts).sort("pos", maintain_order=True)


def baskets(own: Rules, basket: Basket) -> pl.DataFrame:
    """Whether names were chosen, and what the basket is worth where a divisor means something."""
    after = basket.after
    worth = np.full(basket.rows.size, np.nan)
    if own.raw is not None:
        found = sums(own.raw(basket.rows[after.owners], after.columns), after.starts)
        worth = np.where(after.sizes > 0, found, np.nan)
    frame = pl.DataFrame(
        {
            "pos": pl.Series(basket.rows + own.market.first, dtype=pl.Int32),
            "reviewed": basket.reviewed,
            "basket_value": pl.Series(worth, nan_to_null=True),
        }
    )
    return frame.filter(pl.Series((basket.before.sizes > 0) | (after.sizes > 0)))


def columns(
    table: Table, frame: pl.DataFrame, definition: IndexDefinition, sessions: Sequence[date]
) -> pl.DataFrame:
    """The table's columns without stamps, with the session for each pos."""
    schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    if frame.is_empty():
        return pl.DataFrame(schema=schema)
    given = {
        "session": pl.lit(pl.Series(sessions, dtype=pl.Date).gather(frame["pos"])),
        "index_name": pl.lit(definition.name),
    }
    return frame.select(given.get(n, pl.col(n)).cast(t).alias(n) for n, t in schema.items())
