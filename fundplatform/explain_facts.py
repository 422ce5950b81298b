"""What an explanation reads: bars, caps, shares, actions and exchange rates behind some names.

Nothing is judged here. In: the published warehouse. Out: frames for people, with the symbol first
and the payload's hash last.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform.finance.index import fx
from fundplatform.finance.payments import MINOR_UNITS
from fundplatform.storage.base import Store

_PRICES = """
select i.symbol, v.instrument_id, v.session, v.close, v.quote, v.adjustment, v.volume, v.warnings,
       v.selected, s.name as source, s.priority, v.source_id, r.fetched_at, r.payload_hash,
       r.close as loaded, r.recorded_from > v.recorded_from as loaded_later
from prices.validated v
join catalog.sources s using (source_id)
join catalog.instruments i using (instrument_id)
left join raw.ohlcv r on r.source_id = v.source_id and r.instrument_id = v.instrument_id
    and r.interval = v.interval and r.quote = v.quote and r.bar_open_at = v.bar_open_at
where v.interval = '1d' and v.session between ? and ? and v.instrument_id in ({ids})
"""
_CAPS = """
select i.symbol, m.instrument_id, m.market_cap, m.currency, m.origin, m.scope,
       m.session as measured_on, m.known_at, s.name as source, m.source_id,
       coalesce(r.payload_hash, h.payload_hash) as payload_hash
from catalog.market_caps m
join catalog.sources s using (source_id)
join catalog.instruments i using (instrument_id)
left join raw.market_caps r on m.origin = 'snapshot' and r.source_id = m.source_id
    and r.instrument_id = m.instrument_id and r.known_at = m.known_at
left join raw.shares h on m.origin = 'shares' and h.source_id = m.source_id
    and h.instrument_id = m.instrument_id and h.known_at <= m.known_at
    and h.measured_on = m.session
where m.trusted and m.session <= ? and m.session >= ? and m.instrument_id in ({ids})
"""
_SHARES = """
select i.symbol, h.instrument_id, h.shares, h.measured_on, h.known_at, s.name as source,
       h.source_id, h.payload_hash
from raw.shares h join catalog.sources s using (source_id)
join catalog.instruments i using (instrument_id)
where h.measured_on <= ? and h.instrument_id in ({ids})
"""
_ACTIONS = """
select i.symbol, a.instrument_id, a.action, a.ex_date, a.ratio, a.amount, a.currency, a.known_at,
       s.name as source, a.reference, a.source_id, (
  select max(r.payload_hash) from raw.corporate_actions r
  where r.source_id = a.source_id and r.instrument_id = a.instrument_id
    and r.action = a.action and r.ex_date = a.ex_date) as payload_hash
from catalog.corporate_actions a
join catalog.instruments i using (instrument_id)
left join catalog.sources s on s.source_id = a.source_id
where a.ex_date between ? and ? and a.instrument_id in ({ids})
order by a.ex_date, i.symbol, a.action
"""
_RATES = """
select o.source_id, o.instrument_id, o.session, o.vintage, o.value, i.symbol, i.quote,
       i.asset_class, s.name as source, o.payload_hash
from raw.observations o join catalog.instruments i using (instrument_id)
join catalog.sources s using (source_id)
where i.asset_class = 'fx' and o.session between ? and ? and o.vintage <= ?
"""
_OLDEST_CAP_DAYS = 400
_RATES_BACK = timedelta(days=30)


def bars(store: Store, first: date, last: date, ids: Sequence[int]) -> pl.DataFrame:
    """Daily bars of the names, of every source, by session; `loaded` is the close in raw.ohlcv."""
    return _of(store, _PRICES, [first, last], ids).sort("session", "priority")


def chosen(rows: pl.DataFrame, sources: Sequence[str] = ()) -> pl.DataFrame:
    """The bar that counts on the price basis, of each name and session (`assets/series.py`).

    The selected one. Where an index names its sources, or where some carry dividends, the first
    one of the sources that are left.

    Args:
        rows: `bars`.
        sources: Those that the index names.
    """
    own = rows.filter(~_carrying(rows))
    if sources:
        own = own.filter(pl.col("source").is_in(sources))
    return _first(own) if sources or own.height < rows.height else own.filter("selected")


def with_dividends(rows: pl.DataFrame) -> pl.DataFrame:
    """The bar that counts of the sources whose bars carry dividends."""
    return _first(rows.filter(_carrying(rows)))


def _carrying(rows: pl.DataFrame) -> pl.Expr:
    sources = rows.filter(pl.col("adjustment") == "split_div")["source"].unique()
    return pl.col("source").is_in(sources.implode())


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each name and session the bar of the first source by priority."""
    ordered = rows.sort("session", "priority", "source_id")
    return ordered.unique(["instrument_id", "session"], keep="first", maintain_order=True)


def caps(store: Store, session: date, ids: Sequence[int], by: datetime | None) -> pl.DataFrame:
    """Of each name the newest trusted cap that was known by then, in the order of `ids`."""
    back = session - timedelta(days=_OLDEST_CAP_DAYS)
    return _latest(_of(store, _CAPS, [session, back], ids), ids, by)


def shares(store: Store, session: date, ids: Sequence[int], by: datetime | None) -> pl.DataFrame:
    """Of each name the newest share count that was known by then, in the order of `ids`."""
    return _latest(_of(store, _SHARES, [session], ids), ids, by)


def actions(store: Store, after: date, session: date, ids: Sequence[int]) -> pl.DataFrame:
    """What has its ex-date after the one and up to the other."""
    return _of(store, _ACTIONS, [after + timedelta(days=1), session], ids)


def rates(
    store: Store, days: tuple[date, date], currencies: Sequence[str], base: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rate of each currency in force on the session before and on the session.

    Args:
        store: Gives raw.observations.
        days: The session before, and the session.
        currencies: Quote currencies, minor units too.
        base: Currency of the index.

    Returns:
        currency, base, rate_before, rate, published_on (of `rate`); and the rows of
        raw.observations of pairs of these currencies that were published on these days.
    """
    given = store.query(_RATES, [days[0] - _RATES_BACK, days[1], days[1]])
    major = {MINOR_UNITS.get(c, (c, 1.0))[0] for c in (*currencies, base)}
    involved = pl.col("symbol").is_in(major) | pl.col("quote").is_in(major)
    known = fx.rates(given, given.unique("instrument_id"), base, currencies)
    then, now = (
        known.filter(pl.col("session") <= day).sort("session").unique("currency", keep="last")
        for day in days
    )
    shown = now.join(then, on="currency", how="left", suffix="_then").sort("currency").select(
        "currency", pl.lit(base).alias("base"), pl.col("rate_then").alias("rate_before"), "rate",
        pl.col("session").alias("published_on"),
    )  # fmt: skip
    used = pl.concat([then["session"], now["session"]]).unique().implode()
    return shown, given.filter(involved, pl.max_horizontal("session", "vintage").is_in(used))


def _of(store: Store, sql: str, parameters: list[object], ids: Sequence[int]) -> pl.DataFrame:
    # Numbers out of the warehouse itself; -1 is nobody's.
    return store.query(sql.format(ids=", ".join(str(int(i)) for i in ids) or "-1"), parameters)


def _latest(own: pl.DataFrame, ids: Sequence[int], by: datetime | None) -> pl.DataFrame:
    if by is not None:
        own = own.filter(pl.col("known_at") <= by)
    order = {one: place for place, one in enumerate(ids)}
    place = pl.col("instrument_id").replace_strict(order, return_dtype=pl.Int32)
    newest = own.sort("known_at").unique("instrument_id", keep="last", maintain_order=True)
    return newest.sort(place)
