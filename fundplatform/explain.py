"""What stands behind an index's session: names, prices, caps, actions, rules, payloads, code.

In: the published warehouse and the payload archive. Out: titled frames and lines; printing them is
`explain_cli.py`'s. Everything shown is read; what is computed again (`explain_sums.py`) is only
compared. A metric is explained in `explain_metric.py`.
"""

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, datetime
from difflib import get_close_matches

import polars as pl

from fundplatform import calendars, explain_facts, explain_sums
from fundplatform.assets.index_inputs import CUTOFF
from fundplatform.errors import ConfigError
from fundplatform.explain_payloads import verified
from fundplatform.finance import index
from fundplatform.finance.index_definition import (
    SHIPPED,
    IndexDefinition,
    Universe,
    load_definitions,
)
from fundplatform.finance.rules import RULES_VERSION
from fundplatform.settings import Settings
from fundplatform.storage.base import Store

_SESSION = """
select p.return_basis, p.state, p.session_return, l.level, l.drawdown, p.turnover,
       p.n_constituents, p.n_target, p.provisional, p.note, p.recorded_from, p.run_id
from indices.performance p
left join indices.levels l using (index_name, session, return_basis)
where p.index_name = ? and p.session = ? order by p.return_basis desc
"""
_HELD = """
select i.symbol, c.instrument_id, c.start_weight, c.instrument_return, c.contribution,
       c.drifted_weight, c.stale
from indices.contributions c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? and c.return_basis = 'price'
order by c.contribution desc, i.symbol
"""
_CHOSEN = """
select i.symbol, c.instrument_id, c.rank, c.measure, c.target_weight
from indices.compositions c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? order by c.rank, i.symbol
"""
_INDICES = "select distinct index_name from indices.performance order by index_name"
_NAMED = 6
_REVIEWED = "select reviewed from indices.baskets where index_name = ? and session = ?"
_CHANGES = """
select i.symbol, c.change, c.reason, c.rank_before, c.rank_after, c.weight_before, c.weight_after
from indices.composition_changes c join catalog.instruments i using (instrument_id)
where c.index_name = ? and c.session = ? order by c.change, i.symbol
"""
_BEFORE = "select max(session) as s from indices.levels where index_name = ? and session < ?"
_ABSENT = """
select u.rank, i.symbol, u.measure, 'no_price' as excluded_by, 'no bar of it here' as reason
from indices.unpriced u join catalog.instruments i using (instrument_id)
where u.index_name = ? and u.session = ?
union all
select e.rank, i.symbol, e.measure, e.excluded_by, e.reason
from indices.exclusions e join catalog.instruments i using (instrument_id)
where e.index_name = ? and e.session = ?
"""


@dataclass
class Explanation:
    """Sections in order: a title, and lines or a frame; and whether all that was checked holds."""

    sections: list[tuple[str, pl.DataFrame | Sequence[str]]] = field(default_factory=list)
    holds: bool = True

    def add(self, title: str, content: pl.DataFrame | Sequence[str]) -> None:
        """Append a section; empty ones are left out."""
        if len(content):
            self.sections.append((title, content))

    def check(self, title: str, holds: bool | None, text: str) -> str:
        """A line that says whether something holds; None: nobody can tell any more."""
        self.holds &= holds is not False
        mark = {True: "ok   ", False: "WRONG", None: "?    "}[holds]
        return f"{mark} {title}: {text}"


def explain_index(store: Store, settings: Settings, name: str, session: date) -> Explanation:
    """All behind an index's session.

    Raises:
        ConfigError: No such index, or it has no such session.
    """
    rows = _session_rows(store, name, session)
    definition = index_definition(settings, name)
    by = _cutoff(definition, session)
    found = Explanation()
    found.add("Session", _session(rows, name, session, by))
    found.add(
        "Returns and levels", rows.select("return_basis", "session_return", "level", "drawdown")
    )
    before = store.query(_BEFORE, [name, session])["s"][0] or session
    held = store.query(_HELD, [name, session])
    chosen = store.query(_CHOSEN, [name, session])
    ids = pl.concat([chosen["instrument_id"], held["instrument_id"]]).unique(maintain_order=True)
    names = ids.to_list()
    only = definition.universe.sources if definition else ()
    bars = explain_facts.bars(store, before, session, names)
    counting = explain_facts.chosen(bars, only)
    held = _priced(held, bars, counting, session)
    found.add("Earned by what was held since the close before", held)
    found.add(_title(store, name, session), chosen)
    found.add("Entered and left", store.query(_CHANGES, [name, session]))
    absent = store.query(_ABSENT, [name, session] * 2).sort("excluded_by", "rank", "symbol")
    found.add("Would rank, and could not be chosen", absent)
    payloads = [(counting, "ohlcv")]
    payloads += _measured(found, store, session, before, names, by)
    # Of an index whose definition is gone nobody knows the currency.
    base = definition.currency if definition else None
    away = sorted(set(held["quote"].drop_nulls().unique()) - {base}) if base else []
    rates, fixings = explain_facts.rates(store, (before, session), away, base or "")
    found.add("Exchange rates in force", rates)
    payloads.append((fixings, "fx"))
    found.add("Payloads", verified(store, settings, payloads, found.check))
    found.add(
        "Rules and code",
        [
            *_rules(definition, name),
            *code(rows, f"index method {index.METHOD_VERSION}"),
            f"rules of bars: version {RULES_VERSION}; prices.rejected has what they refused",
        ],
    )
    held = held.join(rates, left_on="quote", right_on="currency", how="left", maintain_order="left")
    again = explain_sums.as_loaded(found.check, counting)
    again += explain_sums.of_index(found.check, rows, held, store, (name, session), before, base)
    found.add("Computed again", again)
    return found


def _session_rows(store: Store, name: str, session: date) -> pl.DataFrame:
    rows = store.query(_SESSION, [name, session])
    if rows.is_empty():
        known = store.query("select min(session) a, max(session) b from indices.performance "
                            "where index_name = ?", [name])  # fmt: skip
        raise _no_session(store, name, session, *known.row(0))
    return rows


def _no_session(
    store: Store, name: str, session: date, first: date | None, last: date | None
) -> ConfigError:
    """Why nothing can be explained: no such index, or no such session of it (first to last)."""
    if first is None:
        there = store.query(_INDICES)["index_name"].to_list()
        near = get_close_matches(name, there, 3) or there[:_NAMED]
        hint = f"There is {', '.join(near)}" if near else "No index is computed yet: backfill"
        return ConfigError("explain index", name, "no such index is stored", hint)
    hint = f"It has {first} to {last}, the sessions of its calendar"
    return ConfigError("explain index", name, f"nothing is stored for {session}", hint)


def _session(rows: pl.DataFrame, name: str, session: date, by: datetime | None) -> list[str]:
    """What is the same on every basis, line by line."""
    one = rows.row(0, named=True)
    state = f"{one['state']}, provisional" if one["provisional"] else one["state"]
    turnover = "none" if one["turnover"] is None else f"{one['turnover']:.10g}"
    lines = [
        f"{name} on {session}: {state}",
        f"constituents: {one['n_constituents']} of {one['n_target']}",
        f"one-way turnover at the close: {turnover}",
    ]
    if by:
        lines.append(f"chosen by what was known until {by:%Y-%m-%d %H:%M} UTC")
    return lines + [f"note: {part}" for part in (one["note"] or "").split("; ") if part]


def _title(store: Store, name: str, session: date) -> str:
    """Between reviews nobody is chosen: what is held has drifted."""
    reviewed = store.query(_REVIEWED, [name, session])["reviewed"].to_list()
    if reviewed == [False]:
        return "Held on after this close; rank and measure are of the last review"
    return "Chosen at this close"


def _priced(
    held: pl.DataFrame, bars: pl.DataFrame, chosen: pl.DataFrame, session: date
) -> pl.DataFrame:
    """The names held with their close, and the close before of the same source and basis."""
    today = chosen.filter(pl.col("session") == session)
    last = chosen.filter(pl.col("session") < session).sort("session").unique(
        "instrument_id", keep="last", maintain_order=True
    )  # fmt: skip
    own = bars.join(last, on=["instrument_id", "session"], how="semi").join(
        today, on=["instrument_id", "source_id", "adjustment", "quote"], how="semi"
    )
    shown = held.join(
        today.select(
            "instrument_id", "close", "quote", "adjustment", "warnings", "source", "payload_hash"
        ),
        on="instrument_id", how="left", maintain_order="left",
    )  # fmt: skip
    for rows, name in ((own, "own_before"), (last, "last_close")):
        closes = rows.select("instrument_id", pl.col("close").alias(name))
        shown = shown.join(closes, on="instrument_id", how="left", maintain_order="left")
    # Without a bar of the session: whatever is there.
    before = pl.when(pl.col("close").is_null()).then("last_close").otherwise("own_before")
    return shown.select(
        "symbol", "start_weight", before.alias("close_before"),
        "close", "quote", "adjustment", "instrument_return", "contribution", "drifted_weight",
        "stale", "warnings", "source", "payload_hash", "instrument_id",
    )  # fmt: skip


def _measured(
    found: Explanation,
    store: Store,
    session: date,
    before: date,
    names: Sequence[int],
    by: datetime | None,
) -> list[tuple[pl.DataFrame, str]]:
    """Caps, counts and actions; what of it has payloads."""
    caps = explain_facts.caps(store, session, names, by)
    shares = explain_facts.shares(store, session, names, by)
    found.add("Market caps in force", caps)
    found.add("Shares outstanding, as filed", shares)
    measured = pl.concat([caps["measured_on"], shares["measured_on"], pl.Series([before])])
    oldest = measured.sort().to_list()[0]
    actions = explain_facts.actions(store, oldest, session, names)
    # Splits since a cap was measured change it; of others only those of this session are of use.
    counts = pl.col("action").is_in(["split", "stock_dividend"]) | (pl.col("ex_date") > before)
    found.add("Corporate actions", actions.filter(counts))
    return [
        (caps.filter(pl.col("origin") == "snapshot"), "market_caps"),
        (shares, "shares"),
        (actions.filter(counts), "corporate_actions"),
    ]


def index_definition(settings: Settings, name: str) -> IndexDefinition | None:
    """The definition as it is now; None where there is none any more."""
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
    """The definition as it is now: every key that is not left at its default."""
    if own is None:
        return [f"the definition of {name} is no longer there"]
    lines = [f"{key}: {value}" for key, value in _stated(own)]
    return ["the definition as it is now; keys that are not named have their default", *lines]


def _stated(own: IndexDefinition | Universe, prefix: str = "") -> Iterator[tuple[str, object]]:
    for f in fields(own):
        value = getattr(own, f.name)
        if isinstance(value, Universe):
            yield from _stated(value, f"{f.name}.")
        elif isinstance(value, Mapping):
            if value:
                shown = f"{len(value)} symbols" if f.name == "issuers" else dict(value)
                yield f"{prefix}{f.name}", shown
        elif f.default is MISSING or value != f.default:
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            yield f"{prefix}{f.name}", shown


def code(rows: pl.DataFrame, method: str) -> list[str]:
    """The version of the code, and the run that stored the rows."""
    version = importlib.metadata.version("fundplatform")
    at = rows["recorded_from"][0]
    return [
        f"code: fundplatform {version}, {method}",
        f"stored by run {rows['run_id'][0]} at {at:%Y-%m-%d %H:%M:%S} UTC",
    ]
