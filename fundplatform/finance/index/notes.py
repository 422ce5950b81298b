"""The note of each session: what is missing, flagged or left, in words.

Nothing is decided here. In: a basket. Out: one text per position that has one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from fundplatform.finance.index.basket import Basket
from fundplatform.finance.index.drift import ASSUMED, PRICED, STALE
from fundplatform.finance.index.market import Bools, Market
from fundplatform.finance.index.names import as_then
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index.ragged import counts
from fundplatform.finance.index_definition import IndexDefinition

_NAMED = 5

OLD_CAPS = "market caps older than"
"""How a note of old caps is told from others."""

NOTED = pl.Schema({"pos": pl.Int32(), "reason": pl.String(), "symbol": pl.String()})
"""Names left out, with the reason."""


def placed(
    left_out: pl.DataFrame | None,
    sessions: Sequence[date],
    span: tuple[int, int],
    former: pl.DataFrame,
) -> pl.DataFrame:
    """pos, symbol, reason of what the caller left out, on index sessions of the span, sorted.

    `former`: `names.placed_former`.
    """
    if left_out is None:
        return pl.DataFrame(schema=NOTED)
    days = pl.DataFrame({"session": sessions}, schema={"session": pl.Date}).with_row_index("pos")
    placed = as_then(left_out.join(days, on="session"), former).select(
        pl.col(n).cast(t) for n, t in NOTED.items()
    )
    return placed.filter(pl.col("pos").is_between(*span)).sort(*NOTED)


_LACKING = {
    "no_price": "{} of the first {} have no price: {}",
    "cap": "{} of the first {} have no cap that is trusted: {}",
    "rule": "{} of the first {} are kept out by the rule of the universe: {}",
}

_HOW = {
    STALE: "no price for {} of the names held, last one carried: {}",
    ASSUMED: "price of {} of the names held is missing here, return of the rest assumed: {}",
}


def notes(
    definition: IndexDefinition,
    basket: Basket,
    market: Market,
    old: pl.DataFrame,
    absent: pl.DataFrame,
    left_out: pl.DataFrame,
    waiting: Bools | None = None,
) -> dict[int, str]:
    """The note by position; positions without anything to say are absent.

    Args:
        definition: The index.
        basket: Its sessions.
        market: Its names.
        old: pos, symbol of the names held whose caps are old, by rank.
        absent: Output of `composition.unpriced`.
        left_out: NOTED, sorted.
        waiting: [T, M] where a name spun off what nobody knows the worth of yet.
    """
    parts: defaultdict[int, list[str]] = defaultdict(list)
    for number in _notable(definition, basket).tolist():
        pos = int(basket.rows[number]) + market.first
        parts[pos] += _of_session(definition, basket, number, market)
    for pos, names in () if waiting is None else _waiting(basket, market, waiting):
        parts[pos].append(f"what was spun off has no price yet and counts as nothing: {names}")
    for pos, count, names in _by_pos(old):
        parts[pos].append(f"{count} {OLD_CAPS} {definition.flag_cap_age_days} days: {names}")
    for excluded_by, text in _LACKING.items() if absent.height else ():
        for pos, count, names in _by_pos(absent.filter(excluded_by=excluded_by)):
            parts[pos].append(text.format(count, definition.n, names))
    for reason in left_out["reason"].unique().sort():
        for pos, count, names in _by_pos(left_out.filter(pl.col("reason") == reason)):
            parts[pos].append(f"{count} names left out, {reason}: {names}")
    return {pos: "; ".join(texts) for pos, texts in parts.items() if texts}


def _waiting(basket: Basket, market: Market, waiting: Bools) -> Iterator[tuple[int, str]]:
    before = basket.before
    row = basket.rows[before.owners]
    due = np.flatnonzero(waiting[row, before.columns])
    for at in np.unique(row[due]).tolist():
        own = before.columns[due[row[due] == at]].tolist()
        pos = at + market.first
        yield pos, _listed([f"of {market.names.at(pos, c)}" for c in own])


def _notable(definition: IndexDefinition, basket: Basket) -> Ints:
    """The sessions of which there is something to say."""
    before, after = basket.before, basket.after
    marked = (basket.earned.how != PRICED) | basket.died
    told = (counts(marked, before.starts) > 0) | (after.sizes < definition.n)
    return np.flatnonzero(told)


def _of_session(
    definition: IndexDefinition, basket: Basket, number: int, market: Market
) -> Iterator[str]:
    own = slice(int(basket.before.starts[number]), int(basket.before.starts[number + 1]))
    columns, told = basket.before.columns[own], basket.earned.how[own]
    pos = int(basket.rows[number]) + market.first
    for how, text in _HOW.items():
        names = [market.names.at(pos, c) for c in columns[told == how].tolist()]
        if names:
            yield text.format(len(names), _listed(names))
    died = basket.died[own]
    finals = basket.earned.returns[own][died].tolist()
    for column, final in zip(columns[died].tolist(), finals, strict=True):
        yield f"{market.names.at(pos, column)} ended, its last return is {final * 100:.2f}%"
    count = int(basket.after.sizes[number])
    if columns.size and not count:
        yield "no name is eligible"
    elif 0 < count < definition.n:
        yield f"only {count} of {definition.n} names are eligible"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def _by_pos(rows: pl.DataFrame) -> Iterator[tuple[int, int, str]]:
    """Position, number of rows, and the first symbols in row order."""
    grouped = rows.group_by("pos", maintain_order=True).agg(
        pl.len().alias("count"), pl.col("symbol").head(_NAMED + 1).alias("names")
    )
    for pos, count, names in grouped.iter_rows():
        yield pos, count, _listed(names)
