"""Index definitions: what an index is, read from YAML and checked key by key.

No prices and no computing here. In: a folder of YAML files. Out: `IndexDefinition` values, or a
`ConfigError` that names the file, the key and the line to write.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import polars as pl
import yaml

from fundplatform.errors import ConfigError

RankBy = Literal["market_cap", "dollar_volume"]
ShareClassPolicy = Literal["most_liquid_line", "each_line"]

SHIPPED = Path(__file__).parent.parent / "indices"
"""The folder of the definitions that come with the package."""

LIQUIDITY_WINDOW = 20
"""Sessions of the median dollar volume that decides ties and share lines (methodology A1.5)."""


@dataclass(frozen=True)
class Universe:
    """Which instruments may enter. An empty tuple does not restrict.

    Attributes:
        asset_classes: For example equity.
        markets: For example US.
        sources: Names of the sources whose prices count.
        symbols: Canonical symbols.
    """

    asset_classes: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()

    def select(self, instruments: pl.DataFrame) -> pl.DataFrame:
        """The rows of catalog.instruments within the universe; the caller applies `sources`."""
        allowed = {
            "asset_class": self.asset_classes,
            "market": self.markets,
            "symbol": self.symbols,
        }
        wanted = [pl.col(n).is_in(list(v)) for n, v in allowed.items() if v]
        return instruments.filter(*wanted) if wanted else instruments


@dataclass(frozen=True)
class IndexDefinition:
    """One index.

    Attributes:
        name: Identifier, `[a-z][a-z0-9_]*`.
        title: One line for people.
        universe: Which instruments may enter.
        n: Number of constituents wanted.
        rank_by: market_cap, or the median dollar_volume of `window` sessions.
        window: Sessions of that median; every one of them needs a bar.
        weighting: equal: 1/n each, every session.
        base_level: Level on the base session.
        base_date: No composition before it; None: the first session that has one.
        calendar: Calendar whose sessions the index has.
        share_class_policy: most_liquid_line keeps one line per issuer; each_line keeps all.
        issuers: Canonical symbol -> issuer, for issuers with several lines.
        max_cap_age_days: An older market cap snapshot is not used.
        flag_cap_age_days: An older one is used and noted.
        stale_sessions: How far before a snapshot its price may lie, and how long after leaving
            without a price a name's return is still noted, in sessions.
    """

    name: str
    title: str
    universe: Universe
    n: int
    rank_by: RankBy
    window: int = 20
    weighting: Literal["equal"] = "equal"
    base_level: float = 1000.0
    base_date: date | None = None
    calendar: str = "XNYS"
    share_class_policy: ShareClassPolicy = "most_liquid_line"
    issuers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    max_cap_age_days: int = 400
    flag_cap_age_days: int = 120
    stale_sessions: int = 5


def load_definitions(folder: Path) -> list[IndexDefinition]:
    """All definitions of the folder's *.yaml files, sorted by name.

    Raises:
        ConfigError: A file cannot be read as YAML, a key is unknown, doubled or missing, a value
            does not fit, or two files define the same name.
    """
    found: dict[str, tuple[IndexDefinition, Path]] = {}
    for path in sorted(folder.glob("*.yaml")):
        definition = load_definition(path)
        if definition.name in found:
            other = found[definition.name][1].name
            raise ConfigError(
                str(path), "name", f"{definition.name!r} is taken by {other}", "Give it another"
            )
        found[definition.name] = (definition, path)
    return [found[name][0] for name in sorted(found)]


def load_definition(path: Path) -> IndexDefinition:
    """One definition from one file; raises `ConfigError` as `load_definitions` does."""
    where = str(path)
    values = _checked(where, "", _read(path), _KEYS)
    for f in fields(IndexDefinition):
        required = f.default is MISSING and f.default_factory is MISSING
        if required and f.name not in values:
            raise ConfigError(where, f.name, "is missing", f"Write {_KEYS[f.name].example}")
    flag, most = (
        values.get(name, getattr(IndexDefinition, name))
        for name in ("flag_cap_age_days", "max_cap_age_days")
    )
    if flag > most:
        raise ConfigError(
            where, "flag_cap_age_days", f"{flag} is above max_cap_age_days", f"Write at most {most}"
        )
    return IndexDefinition(**values)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a doubled key instead of keeping the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = {str(k) for k in keys if keys.count(k) > 1}
        if doubled:
            raise yaml.constructor.ConstructorError(
                problem=f"doubled key {sorted(doubled)}", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _read(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (is safe)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), None, f"is no YAML: {error}", "Compare it with a shipped definition"
        ) from error


@dataclass(frozen=True)
class _Key:
    """How one key is checked: a parser that raises ValueError, and the line to write."""

    parse: Callable[[object], object]
    example: str


def _checked(where: str, prefix: str, raw: object, keys: Mapping[str, _Key]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        example = next(iter(keys.values())).example
        raise ConfigError(
            where, prefix.rstrip(".") or None, "must hold keys", f"Write for example {example}"
        )
    values: dict[str, Any] = {}
    for key, value in cast(dict[object, object], raw).items():
        if not isinstance(key, str) or key not in keys:
            raise ConfigError(
                where, f"{prefix}{key}", "is not known", f"Use any of {', '.join(keys)}"
            )
        if key == "universe":
            values[key] = Universe(**_checked(where, "universe.", value, _UNIVERSE_KEYS))
            continue
        try:
            values[key] = keys[key].parse(value)
        except ValueError as error:
            raise ConfigError(
                where, f"{prefix}{key}", str(error), f"Write for example {keys[key].example}"
            ) from None
    return values


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        # YAML reads the bare tickers ON, NO, Y and TRUE as booleans.
        raise ValueError(f"{value!r} is not text; put quotes around it if it is meant as text")
    return value.strip()


def _name(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", text):
        raise ValueError(f"{text!r} must be lower case letters, digits and _, a letter first")
    return text


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list")
    return tuple(_text(v) for v in value)


def _whole(least: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{value!r} is not a whole number of at least {least}")
        return value

    return parse


def _level(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise ValueError(f"{value!r} is not a positive number")
    return float(value)


def _day(value: object) -> date | None:
    # YAML turns a date with a time into a datetime, which is a date to isinstance.
    if value is not None and type(value) is not date:
        raise ValueError(f"{value!r} is not a date")
    return value


def _one_of(*allowed: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is none of {', '.join(allowed)}")
        return value

    return parse


def _issuers(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is not a mapping of issuer to symbols")
    issuer_of: dict[str, str] = {}
    for issuer, symbols in value.items():
        for symbol in _texts(symbols):
            if symbol in issuer_of:
                raise ValueError(f"{symbol} stands under {issuer_of[symbol]} and {issuer}")
            issuer_of[symbol] = _text(issuer)
    return MappingProxyType(issuer_of)


_UNIVERSE_KEYS = {
    "asset_classes": _Key(_texts, "asset_classes: [equity]"),
    "markets": _Key(_texts, "markets: [US]"),
    "sources": _Key(_texts, "sources: [sample]"),
    "symbols": _Key(_texts, 'symbols: [AAPL, "ON"]'),
}
_KEYS = {
    "name": _Key(_name, "name: us_top_100_equal"),
    "title": _Key(_text, "title: The 100 largest US companies, equal weight"),
    "universe": _Key(_text, "universe: {asset_classes: [equity], markets: [US]}"),
    "n": _Key(_whole(1), "n: 100"),
    "rank_by": _Key(_one_of("market_cap", "dollar_volume"), "rank_by: market_cap"),
    "window": _Key(_whole(1), "window: 20"),
    "weighting": _Key(_one_of("equal"), "weighting: equal"),
    "base_level": _Key(_level, "base_level: 1000.0"),
    "base_date": _Key(_day, "base_date: 2020-01-02"),
    "calendar": _Key(_text, "calendar: XNYS"),
    "share_class_policy": _Key(
        _one_of("most_liquid_line", "each_line"), "share_class_policy: most_liquid_line"
    ),
    "issuers": _Key(_issuers, "issuers: {Alphabet: [GOOG, GOOGL]}"),
    "max_cap_age_days": _Key(_whole(0), "max_cap_age_days: 400"),
    "flag_cap_age_days": _Key(_whole(0), "flag_cap_age_days: 120"),
    "stale_sessions": _Key(_whole(0), "stale_sessions: 5"),
}
