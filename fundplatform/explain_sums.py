"""A stored number computed once more from what is stored beside it, by plain formulas.

Not the code that made it: sums and quotients alone. In: rows as shown. Out: a line per comparison.
"""

from collections.abc import Callable
from datetime import date

import polars as pl

from fundplatform.storage.base import Store

Check = Callable[[str, bool | None, str], str]

_TOLERANCE = 1e-12
# Of a quotient: its terms are rounded once more than those of a sum.
_QUOTIENT = 1e-10
_SHOWN = 5
_LEVEL = """
select level from indices.levels where index_name = ? and session = ? and return_basis = ?
"""
_TOTALS = """
select return_basis, sum(contribution) as total
from indices.contributions where index_name = ? and session = ? group by return_basis
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
    base: str,
) -> list[str]:
    """Returns from closes, sums of contributions, levels from the levels before.

    Args:
        check: Makes a line, and notes what does not hold.
        rows: The session on each basis: return_basis, state, session_return, level.
        held: The names held: start_weight, instrument_return, close_before, close, quote, stale,
            and rate_before, rate of the quote currency.
        store: Gives contributions, levels and actions.
        key: Name of the index, and session.
        before: The session before.
        base: Currency of the index.
    """
    known = rows.drop_nulls("session_return")
    if known.is_empty():
        return [f"no return: state {rows['state'][0]}"]
    moved = store.query(_MOVED, [before, key[1]])["instrument_id"].to_list()
    weights = float(held["start_weight"].sum())
    lines = [check("sum of weights", abs(weights - 1) <= _TOLERANCE, f"{weights!r}")]
    lines.append(_closes(check, held, moved, base))
    totals = dict(store.query(_TOTALS, list(key)).iter_rows())
    for one in known.iter_rows(named=True):
        basis, value = one["return_basis"], one["session_return"]
        total = totals.get(basis, 0.0)
        holds = abs(total - value) <= _TOLERANCE
        lines.append(check(f"sum of contributions, {basis}", holds, f"{total!r}"))
        last = store.query(_LEVEL, [key[0], before, basis])["level"]
        if one["level"] is not None and len(last):
            chained = float(last[0]) * (1 + value)
            text = f"{last[0]!r} x (1 + {value!r}) = {chained!r}"
            near = abs(chained / one["level"] - 1) <= 4 * _TOLERANCE
            lines.append(check(f"level, {basis}", near, text))
    return lines


def _closes(check: Check, held: pl.DataFrame, moved: list[int], base: str) -> str:
    """The returns of names with two closes, rates for both, and no action but cash dividends."""
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
        told += f"; {rest} had an action, no bar or no rate"
    if off.height:
        told += f"; not {', '.join(off['symbol'].head(_SHOWN).to_list())}"
    return check("returns of the names", off.is_empty(), told)


def of_metric(check: Check, metric: pl.DataFrame, bars: pl.DataFrame, store: Store) -> list[str]:
    """total_return on the price basis from the first and the last close and the splits between.

    Args:
        check: As in `of_index`.
        metric: Rows of funds.metrics of one instrument and frame.
        bars: The bars that count, by session: source, adjustment, close.
        store: Gives the actions.
    """
    own = metric.filter(pl.col("return_basis") == "price").drop_nulls("total_return")
    if own.is_empty() or bars.is_empty():
        return []
    one = own.row(0, named=True)
    acted = store.query(_RATIOS, [one["instrument_id"], one["base_session"], one["session"]])
    splits = acted.filter(pl.col("action") == "split")
    if bars.n_unique(["source", "adjustment"]) > 1 or splits.height < acted.height:
        text = "several sources, or an action that is no split: it is not two closes alone"
        return [check("total return, price", None, text)]
    as_traded = bars["adjustment"][0] == "none"
    ratio = float(splits["ratio"].product()) if as_traded and splits.height else 1.0
    first, last = float(bars["close"][0]), float(bars["close"][-1])
    value = last * ratio / first - 1
    text = f"{last!r} x {ratio!r} / {first!r} - 1 = {value!r}"
    return [check("total return, price", abs(value - one["total_return"]) <= _QUOTIENT, text)]
