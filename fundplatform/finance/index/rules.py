"""The rules of one definition over one market: weights, reviews, filters, deaths, returns.

Carrying the basket does not belong here (`basket.py`). In: definition, market, payouts. Out: the
`Rules` a basket is run by.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl

from fundplatform.finance.index.held import Rules, Spun
from fundplatform.finance.index.lines import lines
from fundplatform.finance.index.market import Bools, Floats, Market, Prepared
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.payouts import Payouts, next_sessions
from fundplatform.finance.index.ragged import owners
from fundplatform.finance.index.ranking import Ranking, Shared
from fundplatform.finance.index.reviews import reviews
from fundplatform.finance.index.weights import capped, each_proportional
from fundplatform.finance.index_definition import IndexDefinition

# A ratio read back from two prices and a return.
_RATIO_DECIMALS = 9


def rules(
    definition: IndexDefinition,
    prepared: Prepared,
    span: tuple[int, int],
    *,
    paid: Payouts | None = None,
    cutoffs: pl.DataFrame | None = None,
    ours: pl.DataFrame | None = None,
    allowed: pl.DataFrame | None = None,
    issuers: pl.DataFrame | None = None,
    barred: pl.DataFrame | None = None,
) -> Rules:
    """The rules for the positions of `span`; see `build.build` for the arguments."""
    whole = prepared.market(*span)
    split = _splits(whole) if definition.weighting == "price" else None
    # Indices over one universe are given the same payouts: they share what comes of them.
    given = (span, id(paid and paid.yields), id(paid and paid.ends), definition.delisting_return)
    _, market, ret, dead, alive = prepared.once(
        ("paid", *given), lambda: _settled(definition, whole, paid, prepared, cutoffs)
    )
    filtered = None if allowed is None else _flags(market, allowed, prepared.sessions)
    of_issuers = lines(definition, market, issuers)
    # Indices that share what is prepared have the same universe.
    inside = prepared.once(("inside", span), lambda: _inside(market, barred))
    shared = filtered is None
    if inside is not None:
        filtered = inside if filtered is None else filtered & inside
    own = Ranking(market, definition.stale_sessions, filtered, of_issuers, alive)
    if shared and not definition.universe.min_dollar_volume:
        own.shared = prepared.once(("ranks", *given, of_issuers.mark), Shared)
    if definition.universe.min_dollar_volume:
        liquid = own.liquidity() >= definition.universe.min_dollar_volume
        own.allowed = liquid if own.allowed is None else own.allowed & liquid
    weigh, raw = _weighting(definition, own)
    review = reviews(definition, prepared.sessions)[span[0] : span[1] + 1]
    missing = None if ours is None else _flags(market, ours, prepared.sessions)
    spun = _spun(definition, market, paid, prepared.sessions)
    return Rules(definition, own, weigh, raw, review, ret, dead, missing, split, spun)


def _settled(
    definition: IndexDefinition,
    market: Market,
    paid: Payouts | None,
    prepared: Prepared,
    cutoffs: pl.DataFrame | None,
) -> tuple[Payouts | None, Market, Floats, Bools | None, Bools | None]:
    """The payouts, and the market, returns, deaths and who is alive after them."""
    if paid is None or not (paid.yields.height or paid.ends.height):
        return paid, market, market.ret, None, None
    ret = _with_specials(market, paid.yields, prepared.sessions)
    return paid, *_ended(definition, market, ret, paid.ends, prepared, cutoffs)


def yields(
    definition: IndexDefinition, market: Market, paid: Payouts, sessions: Sequence[date]
) -> dict[str, Floats]:
    """[T, M] dividend yields of the gross and of the net basis."""
    gross = _placed(market, paid.yields, "dividend", sessions)
    return {"gross_total": gross, "net_total": gross * (1.0 - definition.withholding)}


def _weighting(
    definition: IndexDefinition, own: Ranking
) -> tuple[Callable[[Ints, Ints, Ints], Floats], Callable[[Ints, Ints], Floats] | None]:
    """Target weights, and what they are proportional to in a cap or price index."""
    market, kind = own.market, definition.weighting
    if kind == "equal":
        return lambda rows, columns, starts: _equal(starts), None
    if kind == "fixed":
        given = np.array([definition.weights.get(s, 0.0) for s in market.symbols])
        return lambda rows, columns, starts: each_proportional(given[columns], starts), None
    values = market.dense("close") if kind == "price" else market.measure
    if kind == "float_cap":
        values = values * np.array([definition.float_factors.get(s, 1.0) for s in market.symbols])

    def raw(rows: Ints, columns: Ints) -> Floats:
        own_values: Floats = values[rows, columns]
        return own_values

    def by_value(rows: Ints, columns: Ints, starts: Ints) -> Floats:
        return each_proportional(raw(rows[owners(starts)], columns), starts)

    def by_capped_value(rows: Ints, columns: Ints, starts: Ints) -> Floats:
        found = raw(rows[owners(starts)], columns)
        for begin, end in pairwise(starts.tolist()):
            if begin < end:
                found[begin:end] = capped(found[begin:end], definition.max_weight or 1.0)
        return found

    return (by_capped_value, None) if kind == "capped" else (by_value, raw)


def _equal(starts: Ints) -> Floats:
    sizes = np.diff(starts)
    weights: Floats = np.repeat(1.0 / np.maximum(sizes, 1), sizes)
    return weights


def _splits(market: Market) -> Floats:
    """[T, M] new shares per old one since the bar before: s = (1 + r) P(before) / P."""
    close = market.dense("close")
    before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.round((1.0 + market.ret) * before / close, _RATIO_DECIMALS)
    return np.where(np.isfinite(ratio) & (ratio > 0), ratio, 1.0)


def _with_specials(market: Market, parts: pl.DataFrame, sessions: Sequence[date]) -> Floats:
    """Special dividends lower the price before; what was spun off was received."""
    special = _placed(market, parts, "special", sessions)
    received = _placed(market, parts, "spin_off", sessions)
    changed: Floats = (1.0 + market.ret + received) / (1.0 - special) - 1.0
    return np.where((special != 0) | (received != 0), changed, market.ret)


def awaits(market: Market, paid: Payouts | None, sessions: Sequence[date]) -> Bools | None:
    """[T, M] True where a name spun off what nobody knows the worth of yet; None: nowhere."""
    if paid is None or paid.awaited is None or paid.awaited.is_empty():
        return None
    row = next_sessions(paid.awaited["session"], sessions).to_numpy() - market.first
    column = market.columns(paid.awaited["instrument_id"])
    inside = (column >= 0) & (row >= 0) & (row < market.bar.shape[0])
    found = np.zeros(market.bar.shape, dtype=np.bool_)
    found[row[inside], column[inside]] = True
    return found


def _spun(
    definition: IndexDefinition,
    market: Market,
    paid: Payouts | None,
    sessions: Sequence[date],
) -> dict[int, Spun]:
    """What was spun off, by row, where the child trades there; before reviews nothing else counts.

    A price index holds no child: its divisor takes the change (A3).
    """
    told = None if paid is None else paid.children
    if told is None or told.is_empty() or definition.weighting == "price":
        return {}
    row = next_sessions(told["session"], sessions).to_numpy() - market.first
    parent, child = market.columns(told["instrument_id"]), market.columns(told["child_id"])
    on = (row >= 0) & (row < market.bar.shape[0]) & (parent >= 0) & (child >= 0)
    on[on] = market.bar[row[on], child[on]] & ~np.isnan(market.ret[row[on], parent[on]])
    row, parent, child, part = row[on], parent[on], child[on], told["part"].to_numpy()[on]
    part = part / (1.0 + market.ret[row, parent] + part)
    return {
        r: Spun(parent[row == r], child[row == r], part[row == r]) for r in np.unique(row).tolist()
    }


def _ended(
    definition: IndexDefinition,
    market: Market,
    ret: Floats,
    ends: pl.DataFrame,
    prepared: Prepared,
    cutoffs: pl.DataFrame | None,
) -> tuple[Market, Floats, Bools | None, Bools | None]:
    """Names that merged or were delisted: when they leave, and with what last return.

    Known at the close before the ex-date, the name leaves at that close at its last value; known
    later only, it is carried and leaves on the first session on which it was known. Bars from the
    ex-date on do not count.
    """
    columns = market.columns(ends["instrument_id"])
    if not (columns >= 0).any():
        return market, ret, None, None
    rows, shape = market.bar.shape[0], market.bar.shape
    ex = next_sessions(ends["ex_date"], prepared.sessions).to_numpy() - market.first
    use = ex if cutoffs is None else _known(ends, prepared.sessions, cutoffs) - market.first
    final = ends["final_return"].fill_null(np.nan).to_numpy()
    lost = (ends["action"] == "delisting").to_numpy()
    final = np.where(np.isnan(final), np.where(lost, definition.delisting_return, 0.0), final)
    dead, alive = np.zeros(shape, dtype=np.bool_), np.ones(shape, dtype=np.bool_)
    bar, ret = np.copy(market.bar), np.copy(ret)
    for c, e, u, f in zip(columns.tolist(), ex.tolist(), use.tolist(), final.tolist(), strict=True):
        at = e - 1 if u <= e - 1 else max(u, e)
        if c < 0 or min(e, at) >= rows:
            continue
        e = max(e, 0)
        bar[e:, c] = False
        ret[e:, c] = np.nan
        alive[max(at, 0) :, c] = False
        if 0 <= at < rows:
            dead[at, c] = True
            here = ret[at, c] if at < e and bar[at, c] else 0.0
            ret[at, c] = (1.0 + np.nan_to_num(here)) * (1.0 + f) - 1.0
    order = np.arange(rows, dtype=np.int32)[:, None]
    last = np.maximum.accumulate(np.where(bar, order, np.int32(-1)), axis=0)
    return replace(market, bar=bar, last=last), ret, dead, alive


def _known(ends: pl.DataFrame, sessions: Sequence[date], cutoffs: pl.DataFrame) -> Ints:
    """Position of the first session whose cutoff is not before known_at."""
    clock = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).join(
        cutoffs.select("session", "cutoff"), on="session", how="left", maintain_order="left"
    )
    known: Ints = clock["cutoff"].search_sorted(ends["known_at"], side="left").to_numpy()
    return known.astype(np.int64)


def _placed(market: Market, parts: pl.DataFrame, column: str, sessions: Sequence[date]) -> Floats:
    """[T, M] the values at their sessions (the next index session), summed; 0 elsewhere."""
    dense = np.zeros(market.bar.shape)
    rows = next_sessions(parts["session"], sessions).to_numpy() - market.first
    at = market.columns(parts["instrument_id"])
    inside = (at >= 0) & (rows >= 0) & (rows < market.bar.shape[0])
    np.add.at(dense, (rows[inside], at[inside]), parts[column].to_numpy()[inside])
    return dense


def _inside(market: Market, barred: pl.DataFrame | None) -> Bools | None:
    """[T, M] False where a name is kept out; None where none ever is."""
    if barred is None or barred.is_empty():
        return None
    inside = np.ones(market.bar.shape, dtype=np.bool_)
    columns = market.columns(barred["instrument_id"])
    spans = (barred.select("first", "end") - market.first).to_numpy().clip(0)
    for column, (first, end) in zip(columns.tolist(), spans.tolist(), strict=True):
        if column >= 0:
            inside[first:end, column] = False
    return inside


def _flags(market: Market, marked: pl.DataFrame, sessions: Sequence[date]) -> Bools:
    """[T, M] True at the (session, instrument_id) rows given."""
    dense = np.zeros(market.bar.shape, dtype=np.bool_)
    calendar = pl.Series(sessions, dtype=pl.Date)
    rows = calendar.search_sorted(marked["session"], side="left").to_numpy().astype(np.int64)
    on = rows < len(sessions)
    same = np.zeros(rows.size, dtype=np.bool_)
    same[on] = (
        calendar.gather(pl.Series(rows[on])) == marked["session"].filter(pl.Series(on))
    ).to_numpy()
    at = market.columns(marked["instrument_id"])
    rows = rows - market.first
    inside = same & (at >= 0) & (rows >= 0) & (rows < market.bar.shape[0])
    dense[rows[inside], at[inside]] = True
    return dense
