"""Layouts: what a file's name says, and which of its columns is what.

`long` is one table of many symbols, `per_symbol` one file a symbol, the kraken layouts are
Kraken's headerless bundles. Reading the cells is for `cells.py` and `typed.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fundplatform.sources.base import Kind
from fundplatform.sources.drop import advice
from fundplatform.sources.drop.cells import Format, twin
from fundplatform.sources.drop.columns import COLUMNS, NEEDED, Role, spellings
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.files import Unreadable, stem
from fundplatform.sources.drop.statements import STATEMENTS, fund_in, style_of
from fundplatform.sources.drop.typed import Style

_MINUTES = {1: "1m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 240: "4h", 720: "12h", 1440: "1d"}
_KRAKEN_OHLCVT = ("bar_open_at", "open", "high", "low", "close", "volume", "trade_count")
_KRAKEN_TRADES = ("traded_at", "price", "volume")
_KRAKEN_NAME = re.compile(r"([A-Z0-9.]+)_(\d+)", re.IGNORECASE)
_KRAKEN_STYLE = Style("unix_s", "UTC", ".", (), {})


@dataclass(frozen=True)
class Layout:
    """How to read one file.

    Attributes:
        symbol: The symbol in its name; None where a column has it.
        interval: Bar length.
        form: How the text is delimited.
        style: How cells are written.
    """

    symbol: str | None
    interval: str
    form: Format
    style: Style


def layout_of(name: str, config: DropConfig) -> Layout:
    """How to read the file or zip member `name`.

    Raises:
        Unreadable: The name does not fit the layout.
    """
    match config.layout:
        case "kraken_ohlcvt":
            found = _KRAKEN_NAME.fullmatch(stem(name))
            if not found or int(found[2]) not in _MINUTES:
                lengths = ", ".join(map(str, _MINUTES))
                raise Unreadable(f"is not named PAIR_MINUTES.csv with minutes {lengths}. Rename it")
            form = Format(header=False, width=len(_KRAKEN_OHLCVT))
            return Layout(found[1], _MINUTES[int(found[2])], form, _KRAKEN_STYLE)
        case "kraken_trades":
            form = Format(header=False, width=len(_KRAKEN_TRADES))
            return Layout(stem(name), "", form, _KRAKEN_STYLE)
        case _:
            style = Style(
                config.date_format,
                config.time_zone,
                config.decimal,
                config.null_values,
                config.units,
            )
            symbol = stem(name) if config.layout == "per_symbol" else None
            if symbol is not None and config.kind == Kind.HOLDINGS:
                symbol = fund_in(name)
            if config.layout in STATEMENTS:
                style = style_of(config.layout)
            return Layout(symbol, config.interval, Format(config.delimiter, config.header), style)


def columns_of(names: Sequence[str], config: DropConfig) -> dict[str, str]:
    """Canonical column -> the file's column.

    A column named in `columns` must be there; of the others those are taken that have the
    canonical name or an alias, in any letter case.

    Raises:
        Unreadable: A column that is named or needed is not in the file, or there twice.
    """
    if config.layout not in ("long", "per_symbol"):
        return _fixed(names, config)
    has = ", ".join(n for n in names if n)
    for canonical, column in config.columns.items():
        if column not in names:
            told = advice.misnamed(canonical, column, names)
            raise Unreadable(f"has no column {column!r} for {canonical}; it has {has}. {told}")
    mapping = dict(config.columns)
    if config.header:
        free = {n.lower(): n for n in reversed(names) if n not in mapping.values()}
        for canonical in _optional(config):
            for spelling in spellings(canonical, config.kind):
                if canonical not in mapping and spelling in free:
                    mapping[canonical] = free[spelling]
    for canonical in _needed(config, mapping):
        if canonical not in mapping:
            told = advice.lacking(canonical, names)
            raise Unreadable(f"has no column for {canonical}; it has {has}. {told}")
    _refuse_twins(names, mapping, config)
    return mapping


def _refuse_twins(names: Sequence[str], mapping: Mapping[str, str], config: DropConfig) -> None:
    """Nobody can say which of two columns of one name is meant: Close and close, or close twice."""
    for canonical, column in mapping.items():
        read = names if canonical in config.columns else [n.lower() for n in names]
        spelt = column if canonical in config.columns else column.lower()
        same = [n for place, n in enumerate(read) if n in (spelt, twin(spelt, place))]
        if len(same) > 1:
            told = f"has {len(same)} columns {column!r}"
            raise Unreadable(f"{told}. Rename all but the one that is the {canonical}")


def _fixed(names: Sequence[str], config: DropConfig) -> dict[str, str]:
    if config.layout in STATEMENTS:
        return {name: name for name in names if name in COLUMNS[config.kind]}
    own = {"kraken_ohlcvt": _KRAKEN_OHLCVT, "kraken_trades": _KRAKEN_TRADES}[config.layout]
    return {name: str(n) for n, name in enumerate(own, 1)}


def known_at_column(names: Sequence[str], config: DropConfig) -> str | None:
    """The file's column that says when a row was known.

    Raises:
        Unreadable: It is not in the file.
    """
    if config.known_at is None:
        return None
    if config.known_at.column not in names:
        has = ", ".join(n for n in names if n)
        raise Unreadable(f"has no column {config.known_at.column!r} for known_at; it has {has}")
    return config.known_at.column


def roles(config: DropConfig) -> dict[str, Role]:
    """Canonical column -> role, `known_at` included."""
    at = config.known_at
    known: Role = "date" if at and at.time else "instant"
    return {**COLUMNS[config.kind], "known_at": known}


def _optional(config: DropConfig) -> list[str]:
    names = list(COLUMNS[config.kind])
    # Trades without an id are numbered by session, so an id is taken only where it is named.
    skip = {"trade_id"}
    if config.layout == "per_symbol":
        skip.add("symbol")
    if config.asset_class not in ("crypto", "fx"):
        skip.add("quote")
    if config.kind == Kind.OHLCV and config.interval != "1d":
        skip.add("session")
    if config.kind == Kind.MARKET_CAPS:
        skip.add("session")
    return [name for name in names if name not in skip]


def _needed(config: DropConfig, mapping: dict[str, str]) -> list[str]:
    needed = list(NEEDED[config.kind])
    if config.layout == "long":
        needed.append("symbol")
    if config.kind == Kind.OHLCV:
        daily = config.interval == "1d" and "bar_open_at" not in mapping
        needed.append("session" if daily else "bar_open_at")
    return needed
