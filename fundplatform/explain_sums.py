"""A stored number computed once more from what is stored beside it, by plain formulas.

Not the code that made it: sums and quotients alone. In: rows as shown. Out: a line per comparison.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import polars as pl

from fundplatform.storage.base import Store

Check = Callable[[str, bool | None, str], str]

_TOLERANCE = 1e-12
# Of a quotient: its terms are rounded once more than those of a sum.
_QUOTIENT = 1e-10
_SHOWN = 5
_LEVELS = """
select return_basis, session, level, max(level) over (
  partition by return_basis order by session) as highest
from indices.levels where index_name = ? and session <= ?
"""
_CONTRIBUTIONS = """
select i.symbol, c.return_basis, c.start_weight, c.instrument_return, c.contribution
from indices.contributions c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? order by i.symbol, c.return_basis
"""
_CHOSEN = """
select instrument_id, target_weight from indices.compositions
where index_name = ? and session = (
  select max(session) from indices.performance where index_name = ? and session < ?)
"""
_MOVED = """
select distinct instrument_id from catalog.corporate_actions
where ex_date > ? and ex_date <= ? and action <> 'dividend'
"""
_RATIOS = """
select action, ratio from catalog.corporate_actions
where instrument_id = ? and ex_date > ? and ex_date <= ? and action <> 'dividend'
"""


def of_index(
    check: Check,
    rows: pl.DataFrame,
    held: pl.DataFrame,
    store: Store,
    key: tuple[str, date],
    before: date,
    base: str | None,
) -> list[str]:
    """Weights from the choice, returns from closes, contributions, levels from those before.

    Args:
        check: Makes a line, and notes what does not hold.
        rows: The session on each basis: return_basis, state, session_return, level, drawdown.
        held: The names held: start_weight, instrument_return, close_before, close, quote, stale,
            and rate_before, rate of the quote currency.
        store: Gives compositions, contributions, levels and actions.
        key: Name of the index, and session.
        before: The session before.
        base: Currency of the index; None where nobody knows it.
    """
    known = rows.drop_nulls("session_return")
    if known.is_empty():
        return [f"no return: state {rows['state'][0]}"]
    moved = store.query(_MOVED, [before, key[1]])["instrument_id"].to_list()
    weights = float(held["start_weight"].sum())
    lines = [check("sum of weights", abs(weights - 1) <= _TOLERANCE, f"{weights!r}")]
    lines.append(_weights(check, held, store.query(_CHOSEN, [key[0], *key])))
    lines.append(_closes(check, held, moved, base))
    parts = store.query(_CONTRIBUTIONS, list(key))
    product = pl.col("start_weight") * pl.col("instrument_return")
    lines.append(_each(check, "contributions", parts, product, "contribution", "weight x return"))
    levels = store.query(_LEVELS, list(key)).sort("session")
    for one in known.iter_rows(named=True):
        basis, value = one["return_basis"], one["session_return"]
        total = float(parts.filter(return_basis=basis)["contribution"].sum())
        holds = abs(total - value) <= _TOLERANCE
        lines.append(check(f"sum of contributions, {basis}", holds, f"{total!r}"))
        lines += _level(check, one, levels.filter(return_basis=basis), key[1])
    return lines


def as_loaded(check: Check, bars: pl.DataFrame) -> list[str]:
    """Whether the closes that count are those of raw.ohlcv; of a later load nobody can tell yet.

    Args:
        check: As in `of_index`.
        bars: `explain_facts.bars`.
    """
    if bars.is_empty():
        return []
    off = bars.filter(pl.col("close").ne_missing(pl.col("loaded")))
    later = off.filter(pl.col("loaded_later").fill_null(value=False))
    told = f"{bars.height - off.height} of {bars.height} are as they were loaded" + _named(off)
    if later.height:
        told += f"; {later.height} loaded anew and not judged since"
    holds = None if off.height == later.height > 0 else off.is_empty()
    return [check("closes", holds, told)]


def _level(
    check: Check, one: Mapping[str, Any], levels: pl.DataFrame, session: date
) -> Iterator[str]:
    """Level and drawdown of a basis; before the base there are none."""
    earlier = levels.filter(pl.col("session") < session)
    if one["level"] is None and earlier.is_empty():
        return
    title = f"level, {one['return_basis']}"
    if one["level"] is None or earlier.is_empty():
        lacks = "none is stored" if one["level"] is None else "none is stored before it"
        yield check(title, False, f"{lacks}, and the session has a return")
        return
    last, value = float(earlier["level"][-1]), one["session_return"]
    chained = last * (1 + value)
    near = abs(chained / one["level"] - 1) <= 4 * _TOLERANCE
    yield check(title, near, f"{last!r} x (1 + {value!r}) = {chained!r}")
    highest = max(float(earlier["highest"][-1]), one["level"])
    fall = one["level"] / highest - 1
    near = abs(fall - one["drawdown"]) <= _TOLERANCE
    text = f"{one['level']!r} / {highest!r} - 1 = {fall!r}"
    yield check(f"drawdown, {one['return_basis']}", near, text)


def _weights(check: Check, held: pl.DataFrame, chosen: pl.DataFrame) -> str:
    """The names earn by the weights with which they were left at the close before."""
    both = held.join(chosen, on="instrument_id", how="left", maintain_order="left")
    what = "the target weight at the close before"
    return _each(check, "weights", both, pl.col("target_weight"), "start_weight", what)


def _each(
    check: Check, title: str, rows: pl.DataFrame, wanted: pl.Expr, stored: str, what: str
) -> str:
    """Whether this holds of every row."""
    near = ((wanted - pl.col(stored)).abs() <= _TOLERANCE).fill_null(value=False)
    off = rows.filter(~near)
    told = f"{rows.height - off.height} of {rows.height} are {what}"
    return check(title, off.is_empty(), told + _named(off))


def _named(off: pl.DataFrame) -> str:
    symbols = off["symbol"].unique(maintain_order=True).head(_SHOWN).to_list()
    return f"; not {', '.join(symbols)}" if symbols else ""


def _closes(check: Check, held: pl.DataFrame, moved: list[int], base: str | None) -> str:
    """The returns of names with two closes, rates for both, and no action but cash dividends."""
    title = "returns of the names"
    if base is None:
        return check(title, None, "the definition is gone, and with it the currency")
    rated = pl.col("rate") / pl.col("rate_before")
    factor = pl.when(pl.col("quote") == base).then(1.0).otherwise(rated)
    quotient = pl.col("close") / pl.col("close_before") * factor - 1
    plain = held.with_columns(quotient=quotient).filter(
        ~pl.col("stale"), ~pl.col("instrument_id").is_in(moved), pl.col("quotient").is_finite()
    )
    off = plain.filter((pl.col("quotient") - pl.col("instrument_return")).abs() > _QUOTIENT)
    told = f"{plain.height - off.height} of {held.height} are close / close before - 1"
    if plain["quote"].ne(base).any():
        told += f", in {base}"
    if rest := held.height - plain.height:
        told += f"; {rest} had an action, no bar, another source or no rate"
    holds = off.is_empty() if plain.height else None
    return check(title, holds, told + _named(off))


def of_metric(check: Check, metric: pl.DataFrame, bars: pl.DataFrame, store: Store) -> list[str]:
    """total_return on the price basis from the first and the last close and the splits between.

    Args:
        check: As in `of_index`.
        metric: Rows of funds.metrics of one instrument and frame.
        bars: The instrument's bars that count on the price basis, by session: source, adjustment,
            quote, close.
        store: Gives the actions.
    """
    own = metric.filter(pl.col("return_basis") == "price").drop_nulls("total_return")
    if own.is_empty():
        return []
    one = own.row(0, named=True)
    bars = bars.filter(pl.col("session").is_between(one["base_session"], one["session"]))
    if bars.is_empty():
        return [check("total return, price", None, "no bars: they are gone")]
    acted = store.query(_RATIOS, [one["instrument_id"], one["base_session"], one["session"]])
    splits = acted.filter(pl.col("action") == "split")
    basis = ["source", "adjustment", "quote"]
    if bars.n_unique(basis) > 1 or splits.height < acted.height:
        text = "several sources, or an action that is no split: it is not two closes alone"
        return [check("total return, price", None, text)]
    as_traded = bars["adjustment"][0] == "none"
    ratio = float(splits["ratio"].product()) if as_traded and splits.height else 1.0
    first, last = float(bars["close"][0]), float(bars["close"][-1])
    value = last * ratio / first - 1
    text = f"{last!r} x {ratio!r} / {first!r} - 1 = {value!r}"
    return [check("total return, price", abs(value - one["total_return"]) <= _QUOTIENT, text)]


def of_level_metric(check: Check, metric: pl.DataFrame, levels: pl.DataFrame) -> list[str]:
    """total_return of an index on each basis, from its first and its last level.

    Args:
        check: As in `of_index`.
        metric: Rows of funds.metrics of one index and frame.
        levels: return_basis, session, level.
    """
    lines = []
    for one in metric.drop_nulls("total_return").iter_rows(named=True):
        own = levels.filter(pl.col("return_basis") == one["return_basis"])
        by_day = dict(own.select("session", "level").iter_rows())
        first, last = by_day.get(one["base_session"]), by_day.get(one["session"])
        title = f"total return, {one['return_basis']}"
        if first is None or last is None:
            lines.append(check(title, False, "a level of these sessions is gone"))
            continue
        value = last / first - 1
        near = abs(value - one["total_return"]) <= _QUOTIENT
        lines.append(check(title, near, f"{last!r} / {first!r} - 1 = {value!r}"))
    return lines
