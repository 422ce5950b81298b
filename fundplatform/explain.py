"""What stands behind one number: constituents, prices, caps, actions, rules, payloads, code.

In: the published warehouse and the payload archive. Out: titled frames and lines; printing them is
`explain_cli.py`'s. Everything shown is read; what is computed again is only compared.
"""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime

import polars as pl

from fundplatform import calendars
from fundplatform.assets.index_inputs import CUTOFF
from fundplatform.errors import WarehouseError
from fundplatform.explain_payloads import verified
from fundplatform.finance import index, metrics
from fundplatform.finance.index_definition import SHIPPED, IndexDefinition, load_definitions
from fundplatform.settings import Settings
from fundplatform.storage.base import Store

_TOLERANCE = 1e-12

_SESSION = """
select p.return_basis, p.state, p.session_return, l.level, l.drawdown, p.turnover,
       p.n_constituents, p.n_target, p.provisional, p.note, p.recorded_from, p.run_id
from indices.performance p
left join indices.levels l using (index_name, session, return_basis)
where p.index_name = ? and p.session = ? order by p.return_basis desc
"""
_HELD = """
select c.instrument_id, i.symbol, c.start_weight, c.instrument_return, c.contribution,
       c.drifted_weight, c.stale
from indices.contributions c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? and c.return_basis = 'price'
order by c.contribution desc, i.symbol
"""
_CHOSEN = """
select c.instrument_id, i.symbol, c.rank, c.measure, c.target_weight
from indices.compositions c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? order by c.rank, i.symbol
"""
_CHANGES = """
select i.symbol, c.change, c.reason, c.rank_before, c.rank_after, c.weight_before, c.weight_after
from indices.composition_changes c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? order by c.change, i.symbol
"""
_BEFORE = "select max(session) as s from indices.levels where index_name = ? and session < ?"
_PRICES = """
select v.instrument_id, v.session, s.name as source, s.source_id, v.close, v.volume, v.adjustment,
       v.warnings, r.payload_hash, r.fetched_at
from prices.validated v
join catalog.sources s using (source_id)
left join raw.ohlcv r using (source_id, instrument_id, interval, quote, bar_open_at)
where v.interval = '1d' and v.selected and v.session between ? and ?
"""
_CAPS = """
select m.instrument_id, s.name as source, m.source_id, m.origin, m.session as measured_on,
       m.known_at, m.market_cap, m.currency, m.scope, coalesce(r.payload_hash, h.payload_hash)
       as payload_hash
from catalog.market_caps m
join catalog.sources s using (source_id)
left join raw.market_caps r on m.origin = 'snapshot' and r.source_id = m.source_id
    and r.instrument_id = m.instrument_id and r.known_at = m.known_at
left join raw.shares h on m.origin = 'shares' and h.source_id = m.source_id
    and h.instrument_id = m.instrument_id and h.known_at <= m.known_at
    and h.measured_on = m.session
where m.trusted and m.session <= ? and m.session >= ?
"""
_EXCLUDED = """
select e.rank, i.symbol, e.measure, e.excluded_by, e.reason
from indices.exclusions e join catalog.instruments i using (instrument_id)
where e.index_name = ? and e.session = ? order by e.excluded_by, e.rank, i.symbol
"""
_UNPRICED = """
select u.rank, i.symbol, u.measure, 'no_price' as excluded_by, null as reason
from indices.unpriced u join catalog.instruments i using (instrument_id)
where u.index_name = ? and u.session = ? order by u.rank, i.symbol
"""
_SHARES = """
select h.instrument_id, s.name as source, s.source_id, h.measured_on, h.known_at, h.shares,
       h.payload_hash
from raw.shares h join catalog.sources s using (source_id) where h.measured_on <= ?
"""
_ACTIONS = """
select instrument_id, action, ex_date, ratio, amount, currency, known_at, source_id, reference
from catalog.corporate_actions where ex_date between ? and ?
"""
_OLDEST_CAP_DAYS = 400


@dataclass
class Explanation:
    """Sections in order: a title, and lines or a frame; and whether all that was checked holds."""

    sections: list[tuple[str, pl.DataFrame | Sequence[str]]] = field(default_factory=list)
    holds: bool = True

    def add(self, title: str, content: pl.DataFrame | Sequence[str]) -> None:
        """Append a section; empty ones are left out."""
        if len(content):
            self.sections.append((title, content))

    def check(self, title: str, holds: bool, text: str) -> str:
        """A line that says whether something holds."""
        self.holds &= holds
        return f"{'ok   ' if holds else 'WRONG'} {title}: {text}"


def explain_index(store: Store, settings: Settings, name: str, session: date) -> Explanation:
    """All behind an index's session.

    Raises:
        WarehouseError: The index has no such session.
    """
    rows = store.query(_SESSION, [name, session])
    if rows.is_empty():
        known = store.query("select min(session) a, max(session) b from indices.performance "
                            "where index_name = ?", [name])  # fmt: skip
        span = f"it has {known['a'][0]} to {known['b'][0]}" if known["a"][0] else "no such index"
        raise WarehouseError(name, f"nothing is stored for {session}; {span}", "Name another one")
    found = Explanation()
    found.add("Session", rows)
    before = store.query(_BEFORE, [name, session])["s"][0] or session
    held = store.query(_HELD, [name, session])
    chosen = store.query(_CHOSEN, [name, session])
    prices = store.query(_PRICES, [before, session])
    found.add("Earned by what was held since the close before", _priced(held, prices, session))
    found.add("Chosen at this close", chosen)
    found.add("Entered and left", store.query(_CHANGES, [name, session]))
    for sql in (_UNPRICED, _EXCLUDED):
        found.add("Would rank, and could not be chosen", store.query(sql, [name, session]))
    ids = pl.concat([held["instrument_id"], chosen["instrument_id"]]).unique()
    definition = _definition(settings, name)
    by = _cutoff(definition, session)
    caps = _latest(store.query(_CAPS, [session, _back(session)]), ids, by)
    shares = _latest(store.query(_SHARES, [session]), ids, by)
    found.add("Market caps in force", caps)
    found.add("Shares outstanding, as filed", shares)
    actions = store.query(_ACTIONS, [_after(before), session])
    found.add("Corporate actions", actions.filter(pl.col("instrument_id").is_in(ids.to_list())))
    used = prices.filter(pl.col("instrument_id").is_in(ids.to_list()))
    snapshots = caps.filter(pl.col("origin") == "snapshot")
    payloads = [(used, "ohlcv"), (snapshots, "market_caps"), (shares, "shares")]
    found.add("Payloads", verified(store, settings, payloads, found.check))
    found.add(
        "Rules and code",
        [*_rules(definition, name), *_code(rows, f"index method {index.METHOD_VERSION}")],
    )
    found.add("Computed again", _again(found, rows, held, store, name, before))
    return found


def _priced(held: pl.DataFrame, prices: pl.DataFrame, session: date) -> pl.DataFrame:
    """The names held with their close now and before, and the source of it."""
    today = prices.filter(pl.col("session") == session).select(
        "instrument_id", "close", "source", "warnings", "payload_hash"
    )
    earlier = prices.filter(pl.col("session") < session).sort("session")
    before = earlier.group_by("instrument_id").agg(close_before=pl.col("close").last())
    return held.join(today, on="instrument_id", how="left", maintain_order="left").join(
        before, on="instrument_id", how="left", maintain_order="left"
    )


def _latest(rows: pl.DataFrame, ids: pl.Series, by: datetime | None) -> pl.DataFrame:
    """Of each name the newest row that was known by then."""
    own = rows.filter(pl.col("instrument_id").is_in(ids.to_list()))
    if by is not None:
        own = own.filter(pl.col("known_at") <= by)
    return own.sort("instrument_id", "known_at").unique(
        "instrument_id", keep="last", maintain_order=True
    )


def _again(
    found: Explanation,
    rows: pl.DataFrame,
    held: pl.DataFrame,
    store: Store,
    name: str,
    before: date,
) -> list[str]:
    """The session's return from its contributions, its level from the level before."""
    price = rows.filter(pl.col("return_basis") == "price")
    value, level = price["session_return"][0], price["level"][0]
    if value is None:
        return [f"no return: state {price['state'][0]}"]
    total = float(held["contribution"].sum())
    lines = [
        found.check("sum of contributions", abs(total - value) <= _TOLERANCE, f"{total!r}"),
        found.check(
            "sum of weights", abs(float(held["start_weight"].sum()) - 1) <= _TOLERANCE, "1"
        ),
    ]
    sql = "select level from indices.levels where index_name = ? and session = ? and " \
          "return_basis = 'price'"  # fmt: skip
    last = store.query(sql, [name, before])["level"]
    if level is not None and len(last):
        chained = float(last[0]) * (1 + value)
        text = f"{last[0]!r} x (1 + {value!r}) = {chained!r}"
        lines.append(found.check("level", abs(chained / level - 1) <= 4 * _TOLERANCE, text))
    return lines


def _definition(settings: Settings, name: str) -> IndexDefinition | None:
    known = load_definitions(SHIPPED)
    if settings.indices.is_dir():
        known += load_definitions(settings.indices)
    return next((d for d in known if d.name == name), None)


def _cutoff(definition: IndexDefinition | None, session: date) -> datetime | None:
    """Until when something had to be known to count on the session; None: nobody knows any more."""
    if definition is None:
        return None
    closes = calendars.get(definition.calendar).closes(session, session)["close_at"].to_list()
    return closes[0] + CUTOFF if closes else None


def _rules(own: IndexDefinition | None, name: str) -> list[str]:
    """The definition as it is now, key by key."""
    if own is None:
        return [f"the definition of {name} is no longer there"]
    return [f"{key}: {value}" for key, value in _keys(own)]


def _keys(definition: IndexDefinition) -> list[tuple[str, object]]:
    keys = [(f.name, getattr(definition, f.name)) for f in fields(definition)]
    return [(k, f"{len(v)} lines" if k == "issuers" else v) for k, v in keys if v not in (None, ())]


def _code(rows: pl.DataFrame, method: str) -> list[str]:
    version = importlib.metadata.version("fundplatform")
    made = f"stored by run {rows['run_id'][0]} at {rows['recorded_from'][0]}"
    return [f"code: fundplatform {version}, {method}", made]


def _back(session: date) -> date:
    return date.fromordinal(session.toordinal() - _OLDEST_CAP_DAYS)


def _after(session: date) -> date:
    return date.fromordinal(session.toordinal() + 1)


_METRIC = """
select m.*, i.symbol, i.asset_class, i.market, i.quote
from funds.metrics m join catalog.instruments i using (instrument_id)
where i.symbol = ? and m.session = ? and m.frame = ? order by i.instrument_id, m.return_basis
"""


def explain_metric(
    store: Store, settings: Settings, symbol: str, session: date, frame: str
) -> Explanation:
    """All behind a metric: its base, its prices, what was paid, its payloads.

    Raises:
        WarehouseError: No such metric is stored.
    """
    rows = store.query(_METRIC, [symbol, session, frame])
    if rows.is_empty():
        raise WarehouseError(
            symbol,
            f"no metrics of frame {frame} are stored for {session}",
            "Older history is kept at month ends; frames are 1M 3M 6M YTD 1Y 3Y 5Y 10Y ALL",
        )
    found = Explanation()
    found.add("Metric", rows)
    ids = rows["instrument_id"].unique()
    start = min((d for d in rows["base_session"].to_list() if d), default=session)
    prices = store.query(_PRICES, [start, session])
    own = prices.filter(pl.col("instrument_id").is_in(ids.to_list())).sort("session")
    found.add("First and last prices", pl.concat([own.head(3), own.tail(3)]).unique(
        maintain_order=True))  # fmt: skip
    by_source = own.group_by("source", "adjustment").agg(
        pl.len().alias("prices"), first=pl.col("session").min(), last=pl.col("session").max()
    )
    found.add("Prices by source", by_source.sort("source"))
    actions = store.query(_ACTIONS, [_after(start), session])
    found.add("Corporate actions", actions.filter(pl.col("instrument_id").is_in(ids.to_list())))
    found.add("Payloads", verified(store, settings, [(own, "ohlcv")], found.check))
    found.add("Code", _code(rows, f"metrics method {metrics.METHOD_VERSION}"))
    return found
