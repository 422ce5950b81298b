"""Canonical columns -> rows of the kind's batch schema, and the rows that cannot be one.

Sessions, bar starts, quotes and `known_at` are worked out here, and coverage is checked. Doubled
keys are for `duplicates.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from fundplatform import calendars, symbols
from fundplatform.errors import ConfigError
from fundplatform.sources.base import Kind, batch_schema
from fundplatform.sources.drop.cells import ROW
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.sessions import labelled, session_of
from fundplatform.sources.drop.typed import WRONG
from fundplatform.symbols import Symbol

REFUSED = pl.Schema(
    {
        ROW: pl.UInt32(),
        "session": pl.Date(),
        "vendor_symbol": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
    }
)
"""A row refused: where, which rule, why."""

_DAY_OF: dict[Kind, str] = {Kind.CORPORATE_ACTIONS: "ex_date", Kind.SHARES: "measured_on"}
_MUST: dict[Kind, tuple[str, ...]] = {
    Kind.OHLCV: ("session", "bar_open_at"),
    Kind.TRADES: ("traded_at", "price", "volume"),
    Kind.FX: ("session",),
    Kind.RATES: ("session",),
    Kind.ECONOMIC: ("session",),
    Kind.CORPORATE_ACTIONS: ("action", "ex_date", "known_at"),
    Kind.SHARES: ("measured_on", "known_at"),
    Kind.MARKET_CAPS: ("known_at", "session"),
    Kind.FUND_FACTS: ("effective_on", "known_at", "session"),
    Kind.HOLDINGS: ("as_of", "known_at", "session"),
}


@dataclass(frozen=True)
class Built:
    """Rows (batch schema without stamps, plus ROW and `name`) and the refused (REFUSED)."""

    rows: pl.DataFrame
    refused: pl.DataFrame


def day_column(kind: Kind) -> str:
    """The date that a row of this kind is listed by."""
    return _DAY_OF.get(kind, "session")


def row_schema(kind: Kind) -> pl.Schema:
    """`batch_schema` without fetched_at and payload_hash, plus ROW and name."""
    own = {n: t for n, t in batch_schema(kind).items() if n not in ("fetched_at", "payload_hash")}
    return pl.Schema({**own, ROW: pl.UInt32(), "name": pl.String()})


def build(frame: pl.DataFrame, config: DropConfig, interval: str) -> Built:
    """Make rows of the config's kind out of canonical columns.

    Args:
        frame: ROW, WRONG, `symbol`, and the canonical columns that the file has; `known_at` as an
            instant, or as the date that `config.known_at.time` completes.
        config: The drop folder.
        interval: Bar length of these rows.
    """
    kind = config.kind
    who = pl.col("symbol")
    if "quote" in frame.columns:
        who = who + "/" + pl.col("quote")
    frame = frame.with_columns(vendor_symbol=who)
    meanings, nameless = identities(frame["vendor_symbol"], config)
    frame = _timed(frame, config, interval)
    frame = _completed(frame, config, meanings, interval)
    frame = _judged(frame, config, nameless)
    bad = pl.col("rule").is_not_null()
    lost = frame.filter(bad).with_columns(session=pl.col(day_column(kind)))
    return Built(
        _ordinals(frame.filter(~bad), kind).select(
            pl.col(n).cast(t) for n, t in row_schema(kind).items()
        ),
        lost.select(pl.col(n).cast(t) for n, t in REFUSED.items()),
    )


def identities(
    vendor_symbols: pl.Series, config: DropConfig
) -> tuple[dict[str, Symbol], dict[str, str]]:
    """Vendor symbol -> canonical symbol and quote; and the reasons of those that have none."""
    known: dict[str, Symbol] = {}
    nameless: dict[str, str] = {}
    for vendor in vendor_symbols.drop_nulls().unique().to_list():
        given = config.symbols.get(vendor, vendor)
        try:
            if vendor in config.symbols and config.asset_class not in ("crypto", "fx"):
                known[vendor] = Symbol(given, config.currency)
            else:
                known[vendor] = symbols.canonical(given, config.asset_class, config.currency)
        except ConfigError as error:
            nameless[vendor] = str(error)
    return known, nameless


def _timed(frame: pl.DataFrame, config: DropConfig, interval: str) -> pl.DataFrame:
    """Add session, bar_open_at, known_at, whichever the kind has."""
    has = frame.columns
    match config.kind:
        case Kind.OHLCV:
            if "session" not in has:
                of = labelled if interval == "1d" else session_of
                frame = frame.with_columns(session=of(pl.col("bar_open_at"), config))
            if interval == "1d":
                label = pl.col("session").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
                frame = frame.with_columns(bar_open_at=label)
        case Kind.TRADES:
            frame = frame.with_columns(session=session_of(pl.col("traded_at"), config))
        case Kind.MARKET_CAPS:
            dated = "session" in has or frame.schema["known_at"] == pl.Date()
            day = pl.col("session") if "session" in has else pl.col("known_at")
            frame = frame.with_columns(_session=day) if dated else frame
            frame = _known(frame, config)
            own = pl.col("_session") if dated else session_of(pl.col("known_at"), config)
            frame = frame.with_columns(session=own)
        case Kind.SHARES:
            frame = _known(frame, config)
        case Kind.FUND_FACTS | Kind.HOLDINGS:
            frame = _activity(_public(frame, config))
        case Kind.CORPORATE_ACTIONS:
            frame = _announced(frame, config)
        case _:
            if "vintage" not in has:
                frame = frame.with_columns(vintage="session")
    return frame


def _announced(frame: pl.DataFrame, config: DropConfig) -> pl.DataFrame:
    """known_at of actions: as the file says, else their ex-date; `other` goes into `reference`."""
    if "other" in frame.columns:
        frame = frame.with_columns(reference=_with_other(frame))
    if "known_at" in frame.columns:
        return _known(frame, config)
    label = pl.col("ex_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return frame.with_columns(known_at=label)


def _with_other(frame: pl.DataFrame) -> pl.Expr:
    """`other=SYMBOL; reference`: raw.corporate_actions says the other party there."""
    party = "other=" + pl.col("other")
    if "reference" not in frame.columns:
        return party
    both = pl.concat_str([party, pl.col("reference")], separator="; ", ignore_nulls=True)
    return pl.when(party.is_null()).then("reference").otherwise(both)


def _known(frame: pl.DataFrame, config: DropConfig) -> pl.DataFrame:
    at = config.known_at
    if frame.schema["known_at"] != pl.Date() or at is None or at.time is None:
        return frame
    local = pl.col("known_at").dt.combine(at.time).dt.cast_time_unit("us")
    zoned = local.dt.replace_time_zone(at.zone, ambiguous="earliest", non_existent="null")
    return frame.with_columns(known_at=zoned.dt.convert_time_zone("UTC"))


def _public(frame: pl.DataFrame, config: DropConfig) -> pl.DataFrame:
    """known_at and its session: as the file says, else `known_after` days after the facts."""
    if config.known_after is None:
        frame = _known(frame, config)
        return frame.with_columns(session=session_of(pl.col("known_at"), config))
    public = pl.col("as_of" if config.kind == Kind.HOLDINGS else "effective_on") + timedelta(
        days=config.known_after
    )
    zone = calendars.get(config.calendar).time_zone
    begin = public.cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest")
    return frame.with_columns(known_at=begin.dt.convert_time_zone("UTC"), session=public)


_ACTIVE = {"true": True, "yes": True, "1": True, "active": True, "open": True}
_CLOSED = {"false": False, "no": False, "0": False, "closed": False, "liquidated": False}


def _activity(frame: pl.DataFrame) -> pl.DataFrame:
    """The text of `active` as true or false; any other word makes the row WRONG."""
    if "active" not in frame.columns:
        return frame
    word = pl.col("active").str.to_lowercase()
    found = word.replace_strict(_ACTIVE | _CLOSED, default=None, return_dtype=pl.Boolean())
    fails = word.is_not_null() & found.is_null()
    reason = pl.format("active '{}' is neither true nor false", "active")
    wrong = pl.when(fails & pl.col(WRONG).is_null()).then(reason).otherwise(pl.col(WRONG))
    return frame.with_columns(active=found, **{WRONG: wrong})


def _completed(
    frame: pl.DataFrame, config: DropConfig, meanings: Mapping[str, Symbol], interval: str
) -> pl.DataFrame:
    """Add the constant columns, and as null those that the file lacks."""
    quotes = {vendor: symbol.quote for vendor, symbol in meanings.items()}
    if len(set(quotes.values())) > 1:
        quote = pl.col("vendor_symbol").replace_strict(quotes, default=None)
    else:
        quote = pl.lit(next(iter(quotes.values()), config.currency))
    constants = {
        "interval": pl.lit(interval),
        "adjustment": pl.lit(config.adjustment),
        "quote": quote,
        "value_currency": pl.lit(config.currency),
    }
    if config.kind != Kind.HOLDINGS:
        # What a position trades in is not what its fund is kept in.
        constants["currency"] = pl.lit(config.currency)
    missing = {
        name: constants.get(name, pl.lit(None).cast(type_))
        for name, type_ in row_schema(config.kind).items()
        if name not in frame.columns or name == "quote"
    }
    return frame.with_columns(**missing)


def _judged(frame: pl.DataFrame, config: DropConfig, nameless: Mapping[str, str]) -> pl.DataFrame:
    """Add rule and reason of the first thing that keeps a row out; null for good rows."""
    tests = [(pl.col(WRONG).is_not_null(), "unparseable", pl.col(WRONG))]
    tests += [
        (pl.col(n).is_null(), "missing_key", pl.lit(f"no {n.removeprefix('vendor_')}"))
        for n in ("vendor_symbol", *_MUST[config.kind])
    ]
    if nameless:
        why = pl.col("vendor_symbol").replace_strict(nameless, default=None)
        tests.append((why.is_not_null(), "unparseable", why))
    if day_column(config.kind) == "session":
        day = pl.col("session")
        outside = day < config.start
        if config.end:
            outside = outside | (day > config.end)
        span = f" lies outside start {config.start} and end {config.end or 'open'}"
        reason = pl.lit("session ") + day.cast(pl.String()) + span
        tests.append((outside, "outside_coverage", reason))
    none = pl.lit(None, pl.String())
    rule, reason = none, none
    for test, its_rule, its_reason in reversed(tests):
        rule = pl.when(test).then(pl.lit(its_rule)).otherwise(rule)
        reason = pl.when(test).then(its_reason).otherwise(reason)
    frame = frame.with_columns(rule=rule)
    clean = frame["rule"].null_count() == frame.height
    return frame.with_columns(reason=none if clean else reason)


def _ordinals(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Number trades without an id within their session: the same in every file that has it.

    Positions are numbered within their report.
    """
    if kind == Kind.HOLDINGS:
        place = pl.int_range(1, pl.len() + 1).over("vendor_symbol", "as_of", "known_at")
        return frame.with_columns(line=pl.coalesce("line", place))
    if kind != Kind.TRADES:
        return frame
    counted = pl.int_range(1, pl.len() + 1).over("vendor_symbol", "session")
    return frame.with_columns(trade_id=pl.coalesce("trade_id", counted))
