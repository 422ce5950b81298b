"""Build an index over a range of sessions: the one place where its parts meet.

Each row of a session depends only on data up to its cutoff, and on nothing stored before: the
composition of the session before `first` is computed again from the look-back. In: the returns of
the universe, the index's sessions, cap snapshots. Out: the rows of five tables, without stamps.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.finance.index.composition import choose, rank, unpriced
from fundplatform.finance.index.market_cap import Snapshots, cap_states, market_caps, snapshots
from fundplatform.finance.index.notes import NOTED, notes
from fundplatform.finance.index.panel import bars_on, median_dollar_volume
from fundplatform.finance.index.performance import Earned, earn, not_earned
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW, IndexDefinition
from fundplatform.tables import (
    COMPOSITION_CHANGES,
    COMPOSITIONS,
    CONTRIBUTIONS,
    PERFORMANCE,
    UNPRICED,
    Table,
)

RETURN_BASIS = "price"


@dataclass(frozen=True)
class IndexResult:
    """The rows of a range of sessions: each frame has its table's columns without the stamps."""

    compositions: pl.DataFrame
    performance: pl.DataFrame
    composition_changes: pl.DataFrame
    contributions: pl.DataFrame
    unpriced: pl.DataFrame


def look_back(definition: IndexDefinition) -> int:
    """Index sessions before `first` that `build` needs, so that chunks equal the whole.

    One for the composition that earns the first return, `stale_sessions` for returns over gaps,
    the windows, and with market caps the sessions of `max_cap_age_days` for growth.
    """
    window = max(definition.window, LIQUIDITY_WINDOW)
    if definition.rank_by == "market_cap":
        days_a_week = 7 if definition.calendar == "24/7" else 5
        oldest = math.ceil(definition.max_cap_age_days * days_a_week / 7) + 1
        window = max(LIQUIDITY_WINDOW, oldest + definition.stale_sessions)
    return 2 + definition.stale_sessions + window


def build(
    definition: IndexDefinition,
    returns: pl.DataFrame,
    sessions: Sequence[date],
    *,
    first: date,
    last: date,
    caps: pl.DataFrame | None = None,
    cutoffs: pl.DataFrame | None = None,
    base_session: date | None = None,
    left_out: pl.DataFrame | None = None,
) -> IndexResult:
    """Compositions, returns and changes of the sessions from first to last (methodology A1).

    The composition C(t), chosen at the close of t, earns the return of the next session:
    R(t) = mean over C(t-1) of r(t). A name without a bar at t keeps its last price (r = 0, stale,
    the session is provisional) and leaves C(t) at once; if it comes back within `stale_sessions`,
    the return it made meanwhile is in the session's note, since no composition earned it.

    Args:
        definition: The index.
        returns: `session_returns` of the universe only, joined with symbol (canonical, at t) and
            listed_from (first session of the listing), including `look_back` sessions.
        sessions: The sessions of the index's calendar, ascending, look-back included.
        first: First session wanted.
        last: Last session wanted.
        caps: For rank_by market_cap: instrument_id, symbol, known_at, session, market_cap of the
            universe, with or without prices; at least those of `max_cap_age_days` before the
            look-back's end, and one older (else stale_caps reads no_caps).
        cutoffs: For rank_by market_cap: session, close_at, cutoff of every session. A snapshot
            counts for t when known_at <= cutoff(t).
        base_session: No composition before it; default: the definition's base_date, if any.
        left_out: session, symbol, reason of names that the caller kept out; only noted.

    Returns:
        Frames sorted by session and rank or symbol. The state of a session is `ok` with a return;
        `base` where names were chosen but none was held before (the first session, and a start
        anew after sessions without a composition); `no_return`, provisional, where no name held has
        a price; else why nothing could be chosen: no_caps,
        stale_caps or no_history.

    Raises:
        SchemaError: Sessions out of order, or cutoffs missing.
    """
    if not sessions or any(a >= b for a, b in pairwise(sessions)):
        raise SchemaError("sessions", "empty or not ascending", "Pass the calendar's sessions")
    wanted = [i for i, s in enumerate(sessions) if first <= s <= last]
    if not wanted:
        return IndexResult(*(_columns(t, pl.DataFrame(), definition, sessions) for t in _TABLES))
    span = (wanted[0], wanted[-1])
    bars, known = _measured(definition, returns, sessions, caps, cutoffs)
    # C(first - 1) and the compositions that a name which comes back may have left.
    needed = span[0] - 1 - definition.stale_sessions
    ranked = rank(bars.filter(pl.col("pos") <= span[1]), definition, needed)
    start = base_session or definition.base_date or sessions[0]
    chosen = _since(choose(ranked, definition.n), sessions, start)
    earned = earn(chosen, ranked, span)
    absent = unpriced(ranked, known, definition, span) if known else _NOTHING_UNPRICED
    gaps = not_earned(chosen, ranked, definition.stale_sessions)
    note = notes(definition, span, chosen, earned, absent, gaps, _placed(left_out, sessions))
    states = cap_states(known) if known else ["no_history"] * len(sessions)
    performance = _performance(definition, span, states, chosen, earned, note)
    own = chosen.filter(pl.col("pos").is_between(*span))
    frames = (own, performance, earned.changes, earned.contributions, absent)
    return IndexResult(
        *(_columns(t, f, definition, sessions) for t, f in zip(_TABLES, frames, strict=True))
    )


_TABLES = (COMPOSITIONS, PERFORMANCE, COMPOSITION_CHANGES, CONTRIBUTIONS, UNPRICED)
_NOTHING_UNPRICED = pl.DataFrame(
    schema={
        "pos": pl.Int32(),
        "rank": pl.Int32(),
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "measure": pl.Float64(),
    }
)


def _measured(
    definition: IndexDefinition,
    returns: pl.DataFrame,
    sessions: Sequence[date],
    caps: pl.DataFrame | None,
    cutoffs: pl.DataFrame | None,
) -> tuple[pl.DataFrame, Snapshots | None]:
    """The bars with measure and age, and the cap snapshots where the index ranks by them."""
    bars = bars_on(returns, sessions)
    if definition.rank_by == "dollar_volume":
        measure = median_dollar_volume(bars, definition.window)
        return bars.with_columns(measure, pl.lit(None, pl.Int32).alias("age")), None
    if cutoffs is None:
        raise SchemaError("cutoffs", "missing", "Pass session, close_at, cutoff of every session")
    known = snapshots(caps, cutoffs, sessions, definition.max_cap_age_days)
    measured = market_caps(bars, known, definition.stale_sessions)
    return pl.concat([bars, measured], how="horizontal"), known


def _since(chosen: pl.DataFrame, sessions: Sequence[date], start: date) -> pl.DataFrame:
    """The compositions from the first session on that is not before `start`."""
    return chosen.filter(pl.col("pos") >= bisect_left(sessions, start))


def _placed(left_out: pl.DataFrame | None, sessions: Sequence[date]) -> pl.DataFrame:
    """pos, symbol, reason of what the caller left out, on index sessions, sorted."""
    if left_out is None:
        return pl.DataFrame(schema=NOTED)
    days = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).with_row_index("pos")
    placed = left_out.join(days, on="session").select(pl.col(n).cast(t) for n, t in NOTED.items())
    return placed.sort(*NOTED)


def _performance(
    definition: IndexDefinition,
    span: tuple[int, int],
    states: list[str],
    chosen: pl.DataFrame,
    earned: Earned,
    note: dict[int, str],
) -> pl.DataFrame:
    first, last = span
    positions = np.arange(first, last + 1)
    count = np.bincount(
        chosen.filter(pl.col("pos").is_between(first, last))["pos"].to_numpy() - first,
        minlength=positions.size,
    )
    stale = earned.contributions.filter("stale")["pos"].to_numpy()
    has_return = ~np.isnan(earned.returns)
    state = np.array(states[first : last + 1], dtype=object)
    # Whether it is the first one ever cannot be told from a range, and need not: see `levels`.
    state[count > 0] = "base"
    held = earned.contributions["pos"].unique().to_numpy()
    state[np.isin(positions, held)] = "no_return"
    state[has_return] = "ok"
    return pl.DataFrame(
        {
            "pos": pl.Series(positions, dtype=pl.Int32),
            "state": pl.Series(state.tolist(), dtype=pl.String),
            "session_return": pl.Series(earned.returns, nan_to_null=True),
            "n_constituents": count,
            "n_target": np.full(positions.size, definition.n),
            "turnover": pl.Series(earned.turnover, nan_to_null=True),
            "provisional": np.isin(positions, stale),
            "note": pl.Series([note.get(p) for p in positions.tolist()], dtype=pl.String),
        }
    )


def _columns(
    table: Table, frame: pl.DataFrame, definition: IndexDefinition, sessions: Sequence[date]
) -> pl.DataFrame:
    """The table's columns without stamps, with the session for each pos."""
    schema = {n: t for n, t in table.polars_schema.items() if n not in table.stamps}
    if frame.is_empty():
        return pl.DataFrame(schema=schema)
    filled = frame.with_columns(
        pl.Series(sessions, dtype=pl.Date).gather(frame["pos"]).alias("session"),
        pl.lit(definition.name).alias("index_name"),
        pl.lit(RETURN_BASIS).alias("return_basis"),
    )
    return filled.select(pl.col(n).cast(t) for n, t in schema.items())
