"""The state of every expected session of every listing: a grid of listings by sessions.

In: what is known of a source and kind (`gaps.Evidence`). Out: one row per cell. The gap sensor
judges millions of cells at each look, so that they are bits in numpy until the end.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from fundplatform.gaps import LISTED, Evidence, State

Grid = npt.NDArray[np.bool_]
"""One row per symbol, one column per session."""
_SEEN = ("present", "rejected", "traded_elsewhere", "untraded_elsewhere")


def cells(known: Evidence) -> pl.DataFrame:
    """Every expected session of every listing with its state: vendor_symbol, session, state.

    Days that are no session are CLOSED and have no row.
    """
    symbols = known.listed["vendor_symbol"].unique().sort()
    sessions = pl.Series(known.sessions, dtype=pl.Date())
    wide = (len(symbols), len(sessions))
    there = {name: _grid(getattr(known, name), symbols, sessions) for name in _SEEN}
    inside, wanted = _lives(known.listed, symbols, known.sessions)
    asked = np.array([day in known.asked for day in known.sessions], np.bool_)
    coming = np.array([day > known.newest for day in known.sessions], np.bool_)
    quiet = (known.sparse | there["untraded_elsewhere"]) & ~there["traded_elsewhere"]
    states = [
        (there["rejected"], State.REJECTED),
        (there["present"], State.PRESENT),
        (np.broadcast_to(coming, wide), State.NOT_YET_PUBLISHED),
        (wanted & ~asked, State.UNFETCHED),
        (~inside, State.NOT_LISTED),
        (quiet, State.NO_TRADE),
    ]
    names = [state.value for _, state in states] + [State.VENDOR_MISSING.value]
    which = np.select([cells for cells, _ in states], list(range(len(states))), len(states))
    return pl.DataFrame(
        {
            "vendor_symbol": symbols.gather(np.repeat(np.arange(wide[0]), wide[1])),
            "session": sessions.gather(np.tile(np.arange(wide[1]), wide[0])),
            "state": pl.Series(names).gather(which.ravel()),
        }
    )


def _grid(seen: pl.DataFrame, symbols: pl.Series, sessions: pl.Series) -> Grid:
    """Whether a cell is in `seen` (CELLS)."""
    rows = pl.DataFrame({"vendor_symbol": symbols}).with_row_index("row")
    columns = pl.DataFrame({"session": sessions}).with_row_index("column")
    both = seen.join(rows, on="vendor_symbol").join(columns, on="session")
    found = np.zeros((len(symbols), len(sessions)), np.bool_)
    found[both["row"].to_numpy(), both["column"].to_numpy()] = True
    return found


def _lives(listed: pl.DataFrame, symbols: pl.Series, sessions: Sequence[date]) -> tuple[Grid, Grid]:
    """Whether a session lies within a life of the symbol, and whether it is wanted (LISTED)."""
    inside = np.zeros((len(symbols), len(sessions)), np.bool_)
    wanted = inside.copy()
    row = {symbol: n for n, symbol in enumerate(symbols)}
    for symbol, first, last, since, until in listed.select(list(LISTED)).iter_rows():
        if first is not None and last is not None:
            inside[row[symbol], bisect_left(sessions, first) : bisect_right(sessions, last)] = True
        if since is not None:
            end = len(sessions) if until is None else bisect_right(sessions, until)
            wanted[row[symbol], bisect_left(sessions, since) : end] = True
    return inside, wanted
