"""Build an index over a range of sessions: the one place where its parts meet.

A session rests on data up to its cutoff and on what was held after the session before: `state`, or
where there is none a replay of the look-back. In: the returns of the universe, the index's
sessions, cap snapshots, payouts. Out: the rows of six tables, without stamps.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.finance.index import earnings
from fundplatform.finance.index.basket import Basket, run
from fundplatform.finance.index.choice import reviewed
from fundplatform.finance.index.composition import NOTHING_UNPRICED, unpriced
from fundplatform.finance.index.held import NOTHING, Held, Rules, holdings
from fundplatform.finance.index.market import Floats, Market, Prepared
from fundplatform.finance.index.market_cap import cap_states
from fundplatform.finance.index.notes import notes, placed
from fundplatform.finance.index.prepare import prepare, replayed
from fundplatform.finance.index.result import NO_FACTS, TABLES, Facts, IndexResult
from fundplatform.finance.index.rows import baskets, columns, performance
from fundplatform.finance.index.rules import awaits, rules, yields
from fundplatform.finance.index_definition import IndexDefinition


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
    facts: Facts = NO_FACTS,
    prepared: Prepared | None = None,
) -> IndexResult:
    """Compositions, returns and changes of the sessions from first to last (methodology A).

    The composition C(t), chosen at the close of t, earns the return of the next session:
    R(t) = sum over C(t-1) of w(t-1) * r(t). A name without a bar that did not trade keeps its last
    price (r = 0, stale) and its seat for `stale_sessions`; one whose bar is missing here is assumed
    to have earned what the rest did, and the session is provisional. Between reviews weights drift.

    Args:
        definition: The index.
        returns: `session_returns` of the universe only, joined with symbol (canonical, today's) and
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
    if not sessions or sorted(set(sessions)) != list(sessions):
        raise SchemaError("sessions", "empty or not ascending", "Pass the calendar's sessions")
    wanted = [i for i, s in enumerate(sessions) if first <= s <= last]
    if not wanted:
        return IndexResult(*(columns(t, pl.DataFrame(), definition, sessions) for t in TABLES))
    span = (wanted[0], wanted[-1])
    prepared = prepared or prepare(
        definition, returns, sessions, caps, cutoffs, facts.refused, facts.former
    )
    back = replayed(definition) if facts.state is None else definition.stale_sessions
    begin = max(span[0] - 1 - back, 0)
    own = rules(
        definition, prepared, (begin, span[1]),
        paid=facts.paid, cutoffs=cutoffs, ours=facts.ours, allowed=facts.allowed,
        issuers=facts.issuers, barred=facts.barred,
    )  # fmt: skip
    start = base_session or definition.base_date or sessions[0]
    carried = _carried(own, facts.state, begin, span, bisect_left(sessions, start))
    return _result(definition, own, carried, span, prepared, facts)


def _carried(
    own: Rules, state: pl.DataFrame | None, begin: int, span: tuple[int, int], base: int
) -> Basket:
    """The basket on the positions of `span` from the base on."""
    start = begin if state is None else span[0]
    held = NOTHING if state is None else _held(own.market, state)
    rows = range(max(start, base) - begin, span[1] - begin + 1)
    return run(own, rows, held, span[0] - begin)


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
    basket: Basket,
    span: tuple[int, int],
    prepared: Prepared,
    facts: Facts,
) -> IndexResult:
    market, sessions, known = own.market, prepared.sessions, prepared.known
    income: dict[str, Floats] = {}
    if facts.paid is not None and facts.paid.income:
        income = yields(definition, market, facts.paid, sessions)
    chosen = earnings.compositions(basket.rows, basket.after, market)
    contributions, totals = earnings.contributions(basket, market, income)
    absent = NOTHING_UNPRICED
    if known is not None:
        absent = _unpriced(own, prepared, chosen, basket, span, facts.barred)
    left_out = placed(facts.left_out, sessions, span, prepared.former)
    old = earnings.older(basket.rows, basket.after, market, definition.flag_cap_age_days)
    waiting = awaits(market, facts.paid, sessions)
    note = notes(definition, basket, market, old, absent, left_out, waiting)
    states = (
        prepared.once("states", lambda: cap_states(known, facts.barred))
        if known
        else ["no_history"] * len(sessions)
    )
    frames = (
        chosen,
        performance(definition, span, states, basket, totals, note, market.first, waiting),
        earnings.changes(basket, own.ranking),
        contributions,
        absent.filter(excluded_by="no_price"),
        baskets(own, basket),
        absent.filter(pl.col("excluded_by") != "no_price"),
    )
    return IndexResult(
        *(columns(t, f, definition, sessions) for t, f in zip(TABLES, frames, strict=True))
    )


def _unpriced(
    own: Rules,
    prepared: Prepared,
    chosen: pl.DataFrame,
    basket: Basket,
    span: tuple[int, int],
    barred: pl.DataFrame | None,
) -> pl.DataFrame:
    """On the sessions that were reviewed; before the base, against who would have been chosen."""
    market = own.market
    known = [s for s in (prepared.known, prepared.refused) if s is not None]
    lacking = own.ranking.lacking(known)
    if all(one.frame.is_empty() for one in lacking):
        return NOTHING_UNPRICED
    begun = int(basket.rows[0]) if basket.rows.size else span[1] + 1 - market.first
    early = np.arange(span[0] - market.first, begun)
    would = holdings([reviewed(own, row, NOTHING) for row in early.tolist()])
    rows = np.concatenate([early, basket.rows[basket.reviewed]])
    both = pl.concat([earnings.compositions(early, would, market), chosen])
    reviewed_on = (rows + market.first).tolist()
    return unpriced(
        both, own.ranking, lacking, own.definition, reviewed_on, barred, prepared.former
    )
