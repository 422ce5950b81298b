"""Index levels: one sequential product of all session returns since the base.

Always recomputed whole, never continued from a stored level. In: indices.performance. Out:
indices.levels.
"""

import numpy as np
import polars as pl

from fundplatform.finance.index_definition import IndexDefinition
from fundplatform.tables import LEVELS


def levels(performance: pl.DataFrame, definition: IndexDefinition) -> pl.DataFrame:
    """The level of the base session (the first `base` row) and of every later one with a return.

    level(base) = base_level; level(t) = level(before) * (1 + session_return(t)). A session without
    a return (nothing was held: no usable caps) has no level, rather than one that pretends to have
    stood still; the next return goes on from the last level. drawdown = level / highest level so
    far - 1.

    Args:
        performance: All rows of the index (other indices are ignored), any order.
        definition: Gives name and base_level.

    Returns:
        The columns of indices.levels without stamps, sorted by (return_basis, session). Sessions
        before the first `base` row have no level; without a `base` row there are no levels.
    """
    own = performance.filter(pl.col("index_name") == definition.name)
    parts = [
        _chained(part, definition.base_level)
        for part in own.sort("return_basis", "session").partition_by("return_basis")
    ]
    columns = [n for n in LEVELS.column_names if n not in LEVELS.stamps]
    return pl.concat([LEVELS.empty().select(columns), *parts])


def _chained(rows: pl.DataFrame, base_level: float) -> pl.DataFrame:
    is_base = (rows["state"] == "base").arg_true()
    since = rows.slice(int(is_base[0])) if is_base.len() else rows.clear()
    earned = since["session_return"].is_not_null() | (pl.arange(since.height, eager=True) == 0)
    since = since.filter(earned)
    gross = 1.0 + since["session_return"].fill_null(0.0).to_numpy()
    gross[:1] = base_level
    level = np.cumprod(gross)
    return since.select(
        "index_name",
        "session",
        "return_basis",
        pl.Series("level", level, dtype=pl.Float64),
        pl.Series("drawdown", level / np.maximum.accumulate(level) - 1.0, dtype=pl.Float64),
    )
