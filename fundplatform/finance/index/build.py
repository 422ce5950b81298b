"""Build an index over a range of sessions: the one place where its parts meet.

A session rests on data up to its cutoff and on what was held after the session before: `state`, or
where there is none a replay of the look-back. In: the returns of the universe, the index's
sessions, cap snapshots, payouts. Out: the rows of six tables, without stamps.
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
from fundplatform.finance.index import earnings
from fundplatform.finance.index.basket import (
    NOTHING,
    Held,
    Rules,
    Session,
    reviewed,
    run,
)
from fundplatform.finance.index.composition import NOTHING_UNPRICED, unpriced
from fundplatform.finance.index.market import Floats, Market, Prepared
from fundplatform.finance.index.market_cap import Snapshots, cap_states, market_caps, snapshots
from fundplatform.finance.index.notes import notes, placed
from fundplatform.finance.index.panel import bars_on, median_dollar_volume
from fundplatform.finance.index.payouts import Payouts
from fundplatform.finance.index.rows import baskets, columns, performance
from fundplatform.finance.index.rules import rules, yields
from fundplatform.finance.index_definition import LIQUIDITY_WINDOW, IndexDefinition
from fundplatform.tables import (
    BASKETS,
    COMPOSITION_CHANGES,
    COMPOSITIONS,
    CONTRIBUTIONS,
    EXCLUSIONS,
    PERFORMANCE,
    UNPRICED,
    Table,
)

_REPLAYED = {"daily": 0, "monthly": 24, "quarterly": 70, "dates": 0}
"""Sessions of a calendar of five days a week from one review to the next."""


@dataclass(frozen=True)
class IndexResult:
    """The rows of a range of sessions: each frame has its table's columns without the stamps."""

    compositions: pl.DataFrame
    performance: pl.DataFrame
    composition_changes: pl.DataFrame
    contributions: pl.DataFrame
    unpriced: pl.DataFrame
    baskets: pl.DataFrame
    exclusions: pl.DataFrame


@dataclass(frozen=True)
class Facts:
    """What else is known of a universe; None: nothing.

    Attributes:
        paid: Dividends and ends; with income the total return bases are built too.
        ours: session, instrument_id of bars that are missing here only (rejected, not fetched).
        allowed: session, instrument_id of who passes the filters; None: no filter.
        left_out: session, symbol, reason of names that the caller kept out; only noted.
        state: instrument_id, rank, measure, target_weight held after the session before `first`
            (empty: nothing was held); None: unknown, it is replayed from the look-back.
        issuers: `lines.KNOWN`, beside those of the definition.
        refused: Caps that do not count (as `caps`, with excluded_by and reason): who would rank.
    """

    paid: Payouts | None = None
    ours: pl.DataFrame | None = None
    allowed: pl.DataFrame | None = None
    left_out: pl.DataFrame | None = None
    state: pl.DataFrame | None = None
    issuers: pl.DataFrame | None = None
    refused: pl.DataFrame | None = None


def replayed(definition: IndexDefinition) -> int:
    """Sessions before `first - 1` from which the basket is carried on where no state is known."""
    longer = 7 / 5 if definition.calendar == "24/7" else 1
    return definition.stale_sessions + math.ceil(_REPLAYED[definition.rebalance] * longer)


def look_back(definition: IndexDefinition) -> int:
    """Index sessions before `first` that `build` needs, so that chunks equal the whole.

    One for the composition that earns the first return, the replay, the windows, and with market
    caps the sessions of `max_cap_age_days` for growth.
    """
    window = max(definition.window, LIQUIDITY_WINDOW)
    if definition.rank_by == "market_cap":
        days_a_week = 7 if definition.calendar == "24/7" else 5
        oldest = math.ceil(definition.max_cap_age_days * days_a_week / 7) + 1
        window = max(LIQUIDITY_WINDOW, oldest + definition.stale_sessions)
    return 2 + replayed(definition) + window


def prepare(
    definition: IndexDefinition,
    returns: pl.DataFrame,
    sessions: Sequence[date],
    caps: pl.DataFrame | None = None,
    cutoffs: pl.DataFrame | None = None,
    refused: pl.DataFrame | None = None,
) -> Prepared:
    """Place bars on sessions and measure them; indices over one universe may share it.

    Args: See `build`.
    """
    bars = bars_on(returns, sessions)
    no_age = pl.lit(None, pl.Int32).alias("age")
    if definition.rank_by == "market_cap":
        if cutoffs is None:
            raise SchemaError(
                "cutoffs", "missing", "Pass session, close_at, cutoff of every session"
            )
        known = snapshots(caps, cutoffs, sessions, definition.max_cap_age_days)
        measured = market_caps(bars, known, definition.stale_sessions)
        bars = pl.concat([bars, measured], how="horizontal")
        others = None
        if refused is not None and not refused.is_empty():
            others = snapshots(refused, cutoffs, sessions, definition.max_cap_age_days)
        return Prepared(bars, known, others, list(sessions), {})
    if definition.rank_by == "dollar_volume":
        measure: pl.Series | pl.Expr = median_dollar_volume(bars, definition.window)
    elif definition.rank_by == "price":
        measure = pl.col("close").alias("measure")
    else:
        weight = pl.col("symbol").replace_strict(
            dict(definition.weights), default=None, return_dtype=pl.Float64
        )
        measure = weight.alias("measure")
    return Prepared(bars.with_columns(measure, no_age), None, None, list(sessions), {})


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
    facts: Facts = Facts(),
    prepared: Prepared | None = None,
) -> IndexResult:
    """Compositions, returns and changes of the sessions from first to last (methodology A).

    The composition C(t), chosen at the close of t, earns the return of the next session:
    R(t) = sum over C(t-1) of w(t-1) * r(t). A name without a bar that did not trade keeps its last
    price (r = 0, stale) and its seat for `stale_sessions`; one whose bar is missing here is assumed
    to have earned what the rest did, and the session is provisional. Between reviews weights drift.

    Args:
        definition: The index.
        returns: `session_returns` of the universe only, joined with symbol (canonical, at t) and
            listed_from (first session of the listing), including `look_back` sessions.
        sessions: The sessions of the index's calendar, ascending, look-back included, and some
            after `last`, by which the ends of months are told.
        first: First session wanted.
        last: Last session wanted.
        caps: For rank_by market_cap: instrument_id, symbol, known_at, session, market_cap of the
            universe, with or without prices; at least those of `max_cap_age_days` before the
            look-back's end, and one older (else stale_caps reads no_caps).
        cutoffs: For rank_by market_cap: session, close_at, cutoff of every session. A snapshot
            counts for t when known_at <= cutoff(t).
        base_session: No composition before it; default: the definition's base_date, if any.
        facts: Dividends, filters and the state before.
        prepared: `prepare` of the same arguments, where it is shared.

    Returns:
        Frames sorted by session and rank or symbol. The state of a session is `ok` with a return;
        `base` where names were chosen but none was held before (the first session, and a start
        anew after sessions without a composition); `no_return`, provisional, where no name held has
        a price; else why nothing could be chosen: no_caps, stale_caps or no_history.

    Raises:
        SchemaError: Sessions out of order, or cutoffs missing.
    """
    if not sessions or any(a >= b for a, b in pairwise(sessions)):
        raise SchemaError("sessions", "empty or not ascending", "Pass the calendar's sessions")
    wanted = [i for i, s in enumerate(sessions) if first <= s <= last]
    if not wanted:
        return IndexResult(*(columns(t, pl.DataFrame(), definition, sessions) for t in TABLES))
    span = (wanted[0], wanted[-1])
    prepared = prepared or prepare(definition, returns, sessions, caps, cutoffs, facts.refused)
    back = replayed(definition) if facts.state is None else definition.stale_sessions
    begin = max(span[0] - 1 - back, 0)
    own = rules(
        definition, prepared, (begin, span[1]),
        paid=facts.paid, cutoffs=cutoffs, ours=facts.ours, allowed=facts.allowed,
        issuers=facts.issuers,
    )  # fmt: skip
    start = base_session or definition.base_date or sessions[0]
    carried = _carried(own, facts.state, begin, span, bisect_left(sessions, start))
    return _result(definition, own, carried, span, prepared, facts)


TABLES: tuple[Table, ...] = (
    COMPOSITIONS,
    PERFORMANCE,
    COMPOSITION_CHANGES,
    CONTRIBUTIONS,
    UNPRICED,
    BASKETS,
    EXCLUSIONS,
)


def _carried(
    own: Rules, state: pl.DataFrame | None, begin: int, span: tuple[int, int], base: int
) -> list[Session]:
    """The basket on the positions of `span` from the base on."""
    start = begin if state is None else span[0]
    held = NOTHING if state is None else _held(own.market, state)
    rows = range(max(start, base) - begin, span[1] - begin + 1)
    return [s for s in run(own, rows, held) if s.row + begin >= span[0]]


def _held(market: Market, state: pl.DataFrame) -> Held:
    """What a stored composition says; names without any bar here are left out."""
    columns = market.columns(state["instrument_id"])
    state = state.filter(pl.Series(columns >= 0))
    columns = columns[columns >= 0]
    order = np.argsort(columns)
    if not order.size:
        return NOTHING
    weights = state["target_weight"].to_numpy()[order]
    if len(columns) < len(state):
        weights = weights / weights.sum()
    return Held(
        columns[order],
        weights,
        state["rank"].cast(pl.Int64).to_numpy()[order],
        state["measure"].to_numpy()[order],
    )


def _result(
    definition: IndexDefinition,
    own: Rules,
    carried: list[Session],
    span: tuple[int, int],
    prepared: Prepared,
    facts: Facts,
) -> IndexResult:
    market, sessions, known = own.market, prepared.sessions, prepared.known
    income: dict[str, Floats] = {}
    if facts.paid is not None and facts.paid.income:
        income = yields(definition, market, facts.paid, sessions)
    chosen = earnings.compositions([s.row for s in carried], [s.after for s in carried], market)
    contributions, totals = earnings.contributions(carried, market, income)
    absent = NOTHING_UNPRICED
    if known is not None:
        absent = _unpriced(own, known, prepared.refused, chosen, carried, span)
    note = notes(
        definition, carried, market, chosen, absent, placed(facts.left_out, sessions, span)
    )
    states = cap_states(known) if known else ["no_history"] * len(sessions)
    frames = (
        chosen,
        performance(definition, span, states, carried, totals, note, market.first),
        earnings.changes(carried, own.ranking),
        contributions,
        absent.filter(pl.col("excluded_by") == "no_price"),
        baskets(own, span, carried),
        absent.filter(pl.col("excluded_by") != "no_price"),
    )
    return IndexResult(
        *(columns(t, f, definition, sessions) for t, f in zip(TABLES, frames, strict=True))
    )


def _unpriced(
    own: Rules,
    known: Snapshots,
    refused: Snapshots | None,
    chosen: pl.DataFrame,
    carried: list[Session],
    span: tuple[int, int],
) -> pl.DataFrame:
    """On the sessions that were reviewed; before the base, against who would have been chosen."""
    market = own.market
    begun = carried[0].row if carried else span[1] + 1 - market.first
    early = list(range(span[0] - market.first, begun))
    would = earnings.compositions(early, [reviewed(own, row, NOTHING) for row in early], market)
    rows = [*early, *(s.row for s in carried if s.reviewed)]
    positions = [row + market.first for row in rows]
    sets = [known] if refused is None else [known, refused]
    return unpriced(pl.concat([would, chosen]), own.ranking, sets, own.definition, positions)
