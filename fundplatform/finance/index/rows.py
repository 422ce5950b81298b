"""The rows of an index's tables, out of its basket.

Nothing is decided here. In: the sessions of a basket and what it earned. Out: frames by position,
and frames with exactly the columns of their tables.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from fundplatform.finance.index.basket import ASSUMED, Rules, Session
from fundplatform.finance.index.market import Floats
from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.tables import Table


def performance(
    definition: IndexDefinition,
    span: tuple[int, int],
    states: list[str],
    carried: list[Session],
    totals: dict[str, Floats],
    note: dict[int, str],
    offset: int,
) -> pl.DataFrame:
    """A row per position and basis; positions before the base have only a state."""
    positions = list(range(span[0], span[1] + 1))
    state = states[span[0] : span[1] + 1]
    count, turnover = np.zeros(len(positions), np.int64), np.full(len(positions), np.nan)
    provisional = np.zeros(len(positions), dtype=np.bool_)
    at = np.array([s.row + offset - span[0] for s in carried], dtype=np.int64)
    for i, s in zip(at.tolist(), carried, strict=True):
        count[i], turnover[i] = s.after.columns.size, s.turnover
        if s.before.columns.size:
            # Whether it is the first one ever cannot be told from a range: see `levels`.
            state[i] = "no_return" if np.isnan(s.total) else "ok"
            provisional[i] = np.isnan(s.total) or bool((s.how == ASSUMED).any())
        elif count[i]:
            state[i] = "base"
    frame = pl.DataFrame(
        {
            "pos": pl.Series(positions, dtype=pl.Int32),
            "state": pl.Series(state, dtype=pl.String),
            "n_constituents": count,
            "n_target": np.full(len(positions), definition.n),
            "turnover": pl.Series(turnover, nan_to_null=True),
            "provisional": provisional,
            "note": pl.Series([note.get(p) for p in positions], dtype=pl.String),
        }
    )
    parts = []
    for basis, total in totals.items():
        returns = np.full(len(positions), np.nan)
        returns[at] = total
        parts.append(
            frame.with_columns(
                pl.Series("session_return", returns, nan_to_null=True),
                pl.lit(basis).alias("return_basis"),
            )
        )
    return pl.concat(parts).sort("pos", maintain_order=True)


def baskets(own: Rules, span: tuple[int, int], carried: list[Session]) -> pl.DataFrame:
    """Whether names were chosen, and what the basket is worth where a divisor means something."""
    rows = [
        (
            s.row + own.market.first,
            s.reviewed,
            float(own.raw(s.row, s.after.columns).sum())
            if own.raw is not None and s.after.columns.size
            else None,
        )
        for s in carried
        if s.before.columns.size or s.after.columns.size
    ]
    schema = {"pos": pl.Int32, "reviewed": pl.Boolean, "basket_value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def columns(
    table: Table, frame: pl.DataFrame, definition: IndexDefinition, sessions: Sequence[date]
) -> pl.DataFrame:
    """The table's columns without stamps, with the session for each pos."""
    schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    if frame.is_empty():
        return pl.DataFrame(schema=schema)
    filled = frame.with_columns(
        pl.Series(sessions, dtype=pl.Date).gather(frame["pos"]).alias("session"),
        pl.lit(definition.name).alias("index_name"),
    )
    return filled.select(pl.col(n).cast(t) for n, t in schema.items())
