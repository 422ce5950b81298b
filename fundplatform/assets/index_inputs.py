"""What an index is built from, cut out of the warehouse's tables: universe, currency, payouts.

The arithmetic is in `finance/index/`; assets are declared in `indices.py`. In: frames as read. Out:
an `IndexResult` per definition, parents first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets import index_caps, universe
from fundplatform.assets.membership import inside, kept_out, membership
from fundplatform.assets.missing_bars import ours
from fundplatform.assets.profiled import asks, lacking, noted
from fundplatform.assets.series import price_returns
from fundplatform.finance import index
from fundplatform.finance.adjustment import newest_sessions
from fundplatform.finance.index import fx
from fundplatform.finance.index_definition import IndexDefinition, in_order
from fundplatform.finance.payments import awaited, children, payments
from fundplatform.finance.profile_history import newest
from fundplatform.finance.refused_levels import restarted

CUTOFF = timedelta(hours=4)
"""After the close: what is known by then may decide the composition of that session."""

# Days: more than the longest run of holidays and closures of an exchange.
_LONGEST_CLOSURE = 14

# Days after the last session by which the calendar tells the ends of months and quarters.
_AHEAD = 14

STATE_COLUMNS = ["index_name", "session", "instrument_id", "rank", "measure", "target_weight"]


def look_back_days(definition: IndexDefinition) -> int:
    """Calendar days before a session whose prices the definition needs."""
    return index.look_back(definition) * 7 // 5 + _LONGEST_CLOSURE


@dataclass(frozen=True)
class Known:
    """What the indices of a run are built from.

    Attributes:
        prices: PRICE_COLUMNS of prices.validated, look-back included.
        factors: catalog.adjustment_factors.
        instruments: catalog.instruments.
        sources: catalog.sources.
        caps: catalog.market_caps, look-back included; None where no source has any.
        actions: catalog.corporate_actions.
        rejected: `refused_levels.COLUMNS` of prices.rejected, look-back included.
        gates: ops.gates: source_id, session, held.
        profiles: `profile_history.as_known`, for sectors and countries.
        tiers: catalog.tiers.
        rates: raw.observations of exchange rates, look-back included.
        state: STATE_COLUMNS of indices.compositions on the last session before the range.
        securities: `securities.history`; catalog.securities where there are no profiles.
        begun: (index_name, session) of indices.performance there: an index that has a row and no
            composition held nothing.
        former: `former_symbols`: who was renamed, and until when the old symbol stood.
        today: By the clock; see `adjustment.newest_sessions`.
    """

    prices: pl.DataFrame
    factors: pl.DataFrame
    instruments: pl.DataFrame
    sources: pl.DataFrame
    caps: pl.DataFrame | None
    actions: pl.DataFrame | None = None
    rejected: pl.DataFrame | None = None
    gates: pl.DataFrame | None = None
    profiles: pl.DataFrame | None = None
    tiers: pl.DataFrame | None = None
    rates: pl.DataFrame | None = None
    state: pl.DataFrame | None = None
    begun: pl.DataFrame | None = None
    securities: pl.DataFrame | None = None
    former: pl.DataFrame | None = None
    today: date = date.max
    _returns: dict[tuple[str, ...], tuple[pl.DataFrame, pl.DataFrame]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _prepared: dict[object, index.Prepared] = field(default_factory=dict, repr=False, compare=False)
    _paid: dict[tuple[str, ...], index.Payouts] = field(
        default_factory=dict, repr=False, compare=False
    )

    def returns(self, only: tuple[str, ...]) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The bars of these sources (all where empty) and their price returns, computed once."""
        if only not in self._returns:
            prices = self.prices
            if only:
                ids = self.sources.filter(pl.col("name").is_in(only)).select("source_id")
                prices = prices.join(ids, on="source_id", how="semi")
            returns = price_returns(prices, self.factors, self.sources, anew=bool(only))
            if self.rejected is not None:
                returns = restarted(returns, self.rejected)
            self._returns[only] = (prices, returns)
        return self._returns[only]

    def paid(self, only: tuple[str, ...]) -> index.Payouts | None:
        """Payouts over these sources' returns; None where no corporate actions are known."""
        if self.actions is None or self.actions.is_empty():
            return None
        if only not in self._paid:
            prices, returns = self.returns(only)
            own = returns.filter(pl.col("instrument_id").is_in(self._named().implode()))
            keys = ["source_id", "instrument_id", "session"]
            daily = prices.filter(pl.col("interval") == "1d").select(*keys, "adjustment")
            bars = own.join(daily.unique(keys), on=keys, how="left")
            spin_off = pl.col("action") == "spin_off"
            cash, spun = (
                payments(self.actions.filter(kind), self.instruments, bars)
                for kind in (~spin_off, spin_off)
            )
            newest = newest_sessions(self.instruments, self.today)
            self._paid[only] = replace(
                index.payouts(
                    cash.paid, spun.paid, self.actions, bars, self.factors, newest,
                    children(self.actions, self.instruments),
                ),
                awaited=awaited(spun.unused).rename({"ex_date": "session"}),
            )  # fmt: skip
        return self._paid[only]

    def _named(self) -> pl.Series:
        """The instruments that actions are of, and those that were spun off by them."""
        actions = tables.ACTIONS.empty() if self.actions is None else self.actions
        spun = actions.filter(pl.col("action") == "spin_off").select(symbol="other_symbol")
        spun_off = self.instruments.join(spun, on="symbol", how="semi")
        return pl.concat([actions["instrument_id"], spun_off["instrument_id"]]).unique()


def build_all(
    definitions: Sequence[IndexDefinition], known: Known, first: date, last: date
) -> list[index.IndexResult]:
    """Every index, in the order of `definitions`; children after their parents."""
    built: dict[str, index.IndexResult] = {}
    back = max(map(look_back_days, definitions), default=0)
    for definition in in_order(definitions):
        built[definition.name] = one_index(definition, known, first, last, built, back)
    return [built[d.name] for d in definitions]


def one_index(
    definition: IndexDefinition,
    known: Known,
    first: date,
    last: date,
    parents: Mapping[str, index.IndexResult] | None = None,
    back: int = 0,
) -> index.IndexResult:
    """Cut the universe out and build one index for [first, last].

    Args:
        definition: The index.
        known: What the warehouse has.
        first: First session.
        last: Last session.
        parents: Results of the same range, by name, for a universe of another index's names.
        back: Calendar days to look back, where more than this index needs (several share one).
    """
    start = first - timedelta(days=max(back, look_back_days(definition)))
    calendar = calendars.get(definition.calendar)
    closes = calendar.closes(start, last + timedelta(days=_AHEAD))
    closes = closes.with_columns(cutoff=pl.col("close_at") + CUTOFF)
    sessions = closes["session"].to_list()
    securities, found = _membership(definition, known)
    names = universe.members(definition, known.instruments, found)
    only = definition.universe.sources
    prices, returns = known.returns(only)
    rates = _rates(definition, names, known)
    own, unrated = universe.in_base(definition, returns, names, rates)
    prepared = _prepared(definition, known, own, names, rates, closes, (first, last), found)
    paid = known.paid(only)
    if paid is not None and paid.yields.join(names, on="instrument_id", how="semi").is_empty():
        # Without a single dividend known, a total return would be a price return by another name.
        paid = replace(paid, income=False)
    barred = kept_out(found, closes)
    lacks = _lacks(definition, known, returns, closes, (first, last), parents or {})
    left = universe.left_out(definition, known.instruments, prices, returns, first, last, rates)
    result = index.build(
        definition,
        own,
        sessions,
        first=first,
        last=last,
        cutoffs=closes,
        prepared=prepared,
        facts=index.Facts(
            paid=paid,
            ours=ours(
                known.gates,
                known.rejected,
                known.sources,
                returns,
                [s for s in sessions if first - timedelta(days=_LONGEST_CLOSURE) <= s <= last],
            ),
            allowed=universe.allowed(
                definition, known.tiers, known.state, names, sessions, parents or {}
            ),
            barred=barred,
            left_out=inside(pl.concat([left, unrated]), barred, sessions).join(
                names, on="instrument_id", how="semi"
            ),
            state=_state(definition, known, sessions, first),
            issuers=index_caps.known_lines(names, securities, closes),
        ),
    )
    return replace(result, performance=noted(result.performance, lacks))


def _lacks(
    definition: IndexDefinition,
    known: Known,
    returns: pl.DataFrame,
    closes: pl.DataFrame,
    span: tuple[date, date],
    parents: Mapping[str, index.IndexResult],
) -> pl.DataFrame:
    """`profiled.lacking` among the names that its other filters let through."""
    sessions = [s for s in closes["session"].to_list() if span[0] <= s <= span[1]]
    names = definition.universe.select(known.instruments)
    allowed = (
        universe.allowed(definition, known.tiers, known.state, names, sessions, parents)
        if asks(definition)
        else None
    )
    return lacking(definition, known.instruments, known.profiles, returns, closes, span, allowed)


def _membership(
    definition: IndexDefinition, known: Known
) -> tuple[pl.DataFrame | None, pl.DataFrame]:
    """The securities that the definition goes by, and `membership` in its universe."""
    profiles, securities = known.profiles, known.securities
    if definition.universe.profiles == "latest":
        profiles, securities = (None if f is None else newest(f) for f in (profiles, securities))
    return securities, membership(definition, known.instruments, profiles, securities)


def _rates(definition: IndexDefinition, names: pl.DataFrame, known: Known) -> pl.DataFrame:
    foreign = names.filter(pl.col("quote") != definition.currency)["quote"].unique().to_list()
    wanted = [*foreign, *([] if definition.currency == "USD" else ["USD"])]
    if known.rates is None or not wanted:
        return fx.RATES.to_frame()
    return fx.rates(known.rates, known.instruments, definition.currency, wanted)


def _prepared(
    definition: IndexDefinition,
    known: Known,
    own: pl.DataFrame,
    names: pl.DataFrame,
    rates: pl.DataFrame,
    closes: pl.DataFrame,
    span: tuple[date, date],
    found: pl.DataFrame,
) -> index.Prepared:
    """Bars placed and measured, shared by the indices that differ only in what they choose."""
    u, sessions = definition.universe, closes["session"].to_list()
    key = (
        u.asset_classes, u.markets, u.sources, u.symbols, u.exclude, u.sectors, u.countries,
        u.securities, u.profiles, definition.calendar, definition.currency,
        definition.max_fx_age_days, definition.rank_by, definition.window,
        definition.max_cap_age_days, definition.stale_sessions,
        tuple(definition.weights.items()), sessions[0], span,
    )  # fmt: skip
    if key in known._prepared:
        return known._prepared[key]
    caps = refused = None
    if known.caps is not None and definition.rank_by == "market_cap":
        caps = index_caps.trusted(known.caps, names, definition, rates)
        ruled = universe.ruled_out(definition, known.instruments, found)
        refused = index_caps.refused(known.caps, names, ruled, definition, rates)
    known._prepared[key] = index.prepare(
        definition, own, sessions, caps, closes, refused, known.former
    )
    return known._prepared[key]


def _state(
    definition: IndexDefinition, known: Known, sessions: Sequence[date], first: date
) -> pl.DataFrame | None:
    """What the index held after the session before `first`; None where it was not computed."""
    before = [s for s in sessions if s < first]
    if known.state is None or known.begun is None or not before:
        return None
    own = (pl.col("index_name") == definition.name) & (pl.col("session") == before[-1])
    if known.begun.filter(own).is_empty():
        return None
    return known.state.filter(own)
