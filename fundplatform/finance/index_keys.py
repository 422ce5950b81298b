"""The keys of an index definition: how each is read, and the line to write instead.

What an index is stands in `index_definition.py`. In: parsed YAML values. Out: typed values, or a
ValueError that says what is wrong with one.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from fundplatform.errors import ConfigError


class Loader(yaml.SafeLoader):
    """YAML that refuses a doubled key instead of keeping the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As SafeLoader does, once no key stands twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        doubled = {str(k) for k in keys if keys.count(k) > 1}
        if doubled:
            raise yaml.constructor.ConstructorError(
                problem=f"doubled key {sorted(doubled)}", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def read(path: Path) -> object:
    """The parsed file; raises `ConfigError` where it is no YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 (is safe)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), None, f"is no YAML: {error}", "Compare it with a shipped definition"
        ) from error


@dataclass(frozen=True)
class Key:
    """How one key is checked: a parser that raises ValueError, and the line to write."""

    parse: Callable[[object], object]
    example: str


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


def _dates(value: object) -> tuple[date, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{value!r} is not a list of dates")
    return tuple(sorted(d for v in value if (d := _day(v)) is not None))


def _decimal(low: float, high: float) -> Callable[[object], float]:
    """A number from `low` to `high`; a percent written for a decimal is above 1."""

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        if not low <= value <= high:
            raise ValueError(f"{value!r} is not between {low:g} and {high:g} (0.05 is 5 %)")
        return float(value)

    return parse


def _factors(most: float) -> Callable[[object], Mapping[str, float]]:
    """Canonical symbol -> a number above 0."""

    def parse(value: object) -> Mapping[str, float]:
        if not isinstance(value, dict) or not value:
            raise ValueError(f"{value!r} is not a mapping of symbol to number")
        found = {}
        for symbol, number in value.items():
            factor = _decimal(0.0, most)(number)
            if factor <= 0:
                raise ValueError(f"{symbol}: {number!r} is not above 0")
            found[_text(symbol)] = factor
        return MappingProxyType(found)

    return parse


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return value


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(f"{value!r} is not a currency of three capital letters")
    return value


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


UNIVERSE_KEYS = {
    "asset_classes": Key(_texts, "asset_classes: [equity]"),
    "markets": Key(_texts, "markets: [US]"),
    "sources": Key(_texts, "sources: [sample]"),
    "symbols": Key(_texts, 'symbols: [AAPL, "ON"]'),
    "exclude": Key(_texts, "exclude: [USDT, USDC]"),
    "sectors": Key(_texts, "sectors: [Technology]"),
    "countries": Key(_texts, "countries: [United States]"),
    "profiles": Key(_one_of("known", "latest"), "profiles: latest"),
    "tiers": Key(_texts, "tiers: [T1, T2]"),
    "securities": Key(_one_of("us_common"), "securities: us_common"),
    "index": Key(_name, "index: us_top_100_equal"),
    "min_dollar_volume": Key(_decimal(0.0, 1e15), "min_dollar_volume: 1000000"),
}
KEYS = {
    "name": Key(_name, "name: us_top_100_equal"),
    "title": Key(_text, "title: The 100 largest US companies, equal weight"),
    "universe": Key(_text, "universe: {asset_classes: [equity], markets: [US]}"),
    "n": Key(_whole(1), "n: 100"),
    "rank_by": Key(
        _one_of("market_cap", "dollar_volume", "price", "weight"), "rank_by: market_cap"
    ),
    "window": Key(_whole(1), "window: 20"),
    "weighting": Key(
        _one_of("equal", "cap", "float_cap", "price", "capped", "fixed"), "weighting: equal"
    ),
    "max_weight": Key(_decimal(1e-6, 1.0), "max_weight: 0.05"),
    "weights": Key(_factors(1e6), "weights: {AAPL: 0.6, MSFT: 0.4}"),
    "float_factors": Key(_factors(1.0), "float_factors: {BRK.B: 0.62}"),
    "rebalance": Key(_one_of("daily", "monthly", "quarterly", "dates"), "rebalance: quarterly"),
    "rebalance_dates": Key(_dates, "rebalance_dates: [2024-03-15, 2024-09-20]"),
    "buffer": Key(_decimal(0.0, 0.99), "buffer: 0.1"),
    "base_level": Key(_level, "base_level: 1000.0"),
    "base_date": Key(_day, "base_date: 2020-01-02"),
    "calendar": Key(_text, "calendar: XNYS"),
    "share_class_policy": Key(
        _one_of("most_liquid_line", "each_line"), "share_class_policy: most_liquid_line"
    ),
    "issuers": Key(_issuers, "issuers: {Alphabet: [GOOG, GOOGL]}"),
    "max_cap_age_days": Key(_whole(0), "max_cap_age_days: 400"),
    "flag_cap_age_days": Key(_whole(0), "flag_cap_age_days: 120"),
    "stale_sessions": Key(_whole(0), "stale_sessions: 5"),
    "currency": Key(_currency, "currency: USD"),
    "max_fx_age_days": Key(_whole(0), "max_fx_age_days: 7"),
    "withholding": Key(_decimal(0.0, 1.0), "withholding: 0.15"),
    "optional": Key(_flag, "optional: true"),
    "delisting_return": Key(_decimal(-1.0, 0.0), "delisting_return: -0.3"),
}
