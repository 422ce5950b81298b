"""Which listings each source is asked for: $FUNDPLATFORM_HOME/tracked.yaml, read and edited.

    massive:
      - AAPL
      - BRK.B: {since: 2020-01-01}
      - META: {as: FB, since: 2015-01-01, until: 2022-06-08}
    coingecko:
      - BTC/USD: {as: bitcoin}
    kraken:
      - BTC/USD: {kinds: [ohlcv, trades]}

Symbols are canonical ones; `as` is the vendor's own where its rule does not give it. What a source
does with them is its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import yaml

from fundplatform.errors import ConfigError
from fundplatform.sources.base import Kind, SourceSpec
from fundplatform.sources.web.profile import Tracked

VendorSymbol = Callable[[str, str], str]
"""(canonical symbol, quote currency) -> the vendor's symbol."""

_KEYS = ("as", "since", "until", "class", "quote", "kinds")
_PAIRED = frozenset({"crypto", "fx"})


@dataclass(frozen=True)
class Entry:
    """One line of tracked.yaml.

    Attributes:
        symbol: Canonical: AAPL, BTC/USD.
        vendor_symbol: `as`.
        since: First day wanted; None: the beginning of the source's coverage.
        until: Last day of this meaning; None: it lasts.
        asset_class: `class`, where it is not the source's own.
        quote: Quote currency, where it is not the source's own.
        kinds: Kinds of data wanted; None: those that the source fetches unasked.
    """

    symbol: str
    vendor_symbol: str | None = None
    since: date | None = None
    until: date | None = None
    asset_class: str | None = None
    quote: str | None = None
    kinds: tuple[Kind, ...] | None = None


def read(path: Path) -> dict[str, tuple[Entry, ...]]:
    """Source -> its entries, in order; nothing where the file is missing.

    Raises:
        ConfigError: The file is no such YAML; names the source and the key.
    """
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise ConfigError(str(path), None, f"it cannot be read: {words}", _EXAMPLE) from None
    if not isinstance(found, dict):
        raise ConfigError(str(path), None, "it is no list of sources", _EXAMPLE)
    return {str(name): _entries(path, str(name), lines) for name, lines in found.items()}


def write(path: Path, tracked: Mapping[str, Sequence[Entry]]) -> None:
    """Write the file whole; sources without an entry are left out."""
    lines = {n: [_line(e) for e in entries] for n, entries in tracked.items() if entries}
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".yaml.new")
    text = yaml.dump(lines, Dumper=_Plain, sort_keys=False, allow_unicode=True)
    new.write_text(_HEAD + text)
    new.replace(path)


class _Plain(yaml.SafeDumper):
    """Without `&id001`: equal days are written out, as people write them."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def meanings(
    entries: Sequence[Entry], spec: SourceSpec, vendor_symbol: VendorSymbol, path: Path
) -> tuple[Tracked, ...]:
    """What the entries mean to a source.

    Args:
        entries: Its lines.
        spec: The source's declaration: its asset class, quote currency and first session.
        vendor_symbol: The vendor's rule.
        path: The file, for errors.

    Raises:
        ConfigError: The vendor's rule does not know a symbol, or a symbol is named twice for
            overlapping days.
    """
    start = min(coverage.start for coverage in spec.kinds.values())
    found: list[Tracked] = []
    for entry in entries:
        asset_class = entry.asset_class or spec.asset_class
        base, quote = _pair(entry.symbol, entry.quote or spec.quote, asset_class)
        one = Tracked(
            vendor_symbol=entry.vendor_symbol or vendor_symbol(base, quote),
            symbol=base,
            since=entry.since or start,
            asset_class=asset_class,
            quote=quote,
            until=entry.until,
            kinds=_offered(entry, spec, path),
        )
        if any(_clash(one, other) for other in found):
            raise ConfigError(
                str(path),
                spec.name,
                f"{one.vendor_symbol} is named twice for the same days",
                "Remove one line, or give both `since` and `until`",
            )
        found.append(one)
    return tuple(found)


def _offered(entry: Entry, spec: SourceSpec, path: Path) -> frozenset[str] | None:
    lacking = [kind for kind in entry.kinds or () if kind not in spec.kinds]
    if lacking:
        raise ConfigError(
            str(path),
            f"{spec.name}: {entry.symbol}: kinds",
            f"{spec.name} has no {', '.join(lacking)}",
            f"It has {', '.join(spec.kinds)}",
        )
    return None if entry.kinds is None else frozenset(entry.kinds)


def _clash(one: Tracked, other: Tracked) -> bool:
    return (
        one.vendor_symbol == other.vendor_symbol
        and one.since <= (other.until or date.max)
        and other.since <= (one.until or date.max)
    )


def _pair(symbol: str, quote: str, asset_class: str) -> tuple[str, str]:
    base, slash, named = symbol.partition("/")
    if slash and asset_class in _PAIRED:
        return base, named
    return symbol, quote


def _entries(path: Path, source: str, lines: object) -> tuple[Entry, ...]:
    if lines is None:
        return ()
    if not isinstance(lines, list):
        raise ConfigError(str(path), source, "it is no list", _EXAMPLE)
    return tuple(_entry(path, source, line) for line in lines)


def _entry(path: Path, source: str, line: object) -> Entry:
    if isinstance(line, str):
        return Entry(line)
    if not isinstance(line, dict) or len(line) != 1:
        # YAML reads NO, ON and 1.5 as other than text.
        raise ConfigError(
            str(path), source, f"{line!r} is no symbol", f"Put it in quotes. {_EXAMPLE}"
        )
    ((symbol, facts),) = line.items()
    facts = facts or {}
    unknown = [k for k in facts if k not in _KEYS] if isinstance(facts, dict) else [facts]
    if not isinstance(symbol, str) or unknown:
        raise ConfigError(
            str(path), f"{source}: {symbol}", f"{unknown} is not known", f"Use {', '.join(_KEYS)}"
        )
    days = {k: facts[k] for k in ("since", "until") if k in facts}
    for name, day in days.items():
        if not isinstance(day, date):
            raise ConfigError(
                str(path), f"{source}: {symbol}: {name}", f"{day!r} is no date", "Write 2024-01-31"
            )
    texts = {k: str(facts[k]) for k in ("as", "class", "quote") if k in facts}
    return Entry(
        symbol,
        texts.get("as"),
        days.get("since"),
        days.get("until"),
        texts.get("class"),
        texts.get("quote"),
        _kinds(path, f"{source}: {symbol}: kinds", facts["kinds"]) if "kinds" in facts else None,
    )


def _kinds(path: Path, key: str, given: object) -> tuple[Kind, ...]:
    names = [str(name) for name in given] if isinstance(given, list) else [str(given)]
    unknown = [name for name in names if name not in list(Kind)]
    if unknown or not names:
        raise ConfigError(
            str(path), key, f"{unknown or given!r} is no kind of data", "Like: [ohlcv, trades]"
        )
    return tuple(Kind(name) for name in names)


def _line(entry: Entry) -> str | dict[str, dict[str, object]]:
    facts = {
        "as": entry.vendor_symbol,
        "since": entry.since,
        "until": entry.until,
        "class": entry.asset_class,
        "quote": entry.quote,
        "kinds": None if entry.kinds is None else [str(kind) for kind in entry.kinds],
    }
    given: dict[str, object] = {k: v for k, v in facts.items() if v is not None}
    return {entry.symbol: given} if given else entry.symbol


_EXAMPLE = "Write it like: massive: [AAPL, BRK.B: {since: 2020-01-01}]"
_HEAD = (
    "# Which listings each source is asked for. `fundplatform track` writes it; edit it freely.\n"
)
