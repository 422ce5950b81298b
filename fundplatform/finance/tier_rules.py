"""The tier rules as data: reads tiers.yaml into a checked, frozen `TierRules`.

Nothing is classified here (`tiers.py`). In: a YAML file. Out: the rules, or a ConfigError that
names the key and the line to write.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from fundplatform.errors import ConfigError

RULES_FILE = Path(__file__).with_name("tiers.yaml")
TIERS = ("T1", "T2", "T3", "T4")

Symbol = tuple[str, str]
"""Asset class and canonical symbol."""


@dataclass(frozen=True)
class Fixed:
    """A tier that no rule decides."""

    tier: str
    reason: str


@dataclass(frozen=True)
class Thresholds:
    """Lower bounds of T1, T2, T3 in USD; `dollar_volume` is None where only the cap counts."""

    market_cap: tuple[float, ...]
    dollar_volume: tuple[float, ...] | None


@dataclass(frozen=True)
class TierRules:
    """Everything `tiers.evaluate` decides by; the fields of tiers.yaml.

    Attributes:
        overrides: (asset class, symbol) -> tier with the reason given.
        listed: (asset class, symbol) -> tier.
        thresholds: Asset class -> lower bounds.
        up: A better tier needs so many times its threshold.
        down: A tier is lost at so many times its threshold or less.
        sessions: Length of the dollar-volume window, sessions.
        minimum: Sessions in it that must have a value.
    """

    overrides: Mapping[Symbol, Fixed]
    listed: Mapping[Symbol, Fixed]
    thresholds: Mapping[str, Thresholds]
    up: float
    down: float
    sessions: int
    minimum: int


def load_rules(path: Path = RULES_FILE, own: Path | None = None) -> TierRules:
    """Read the tier rules.

    Args:
        path: The rules shipped.
        own: The user's file: any of the same keys. Its overrides and listed symbols come before
            those shipped (an override of the same asset class and symbol wins); its other keys
            replace theirs. A file that is not there changes nothing.

    Raises:
        ConfigError: The file is missing or no YAML, or a key is missing, unknown or has an
            impossible value; names the file and the key.
    """
    shipped = _document(path)
    if own is None or not own.exists():
        return _Reader(path.name).rules(shipped)
    given = _document(own)
    if not isinstance(given, dict) or not isinstance(shipped, dict):
        raise ConfigError(str(own), None, "is no mapping", "Begin it with: overrides:")
    mine = {k: v for k, v in given.items() if k not in ("overrides", "listed")}
    rules = _Reader(path.name).rules(shipped)
    # Read with the shipped keys beside it, so that an error names the user's file.
    theirs = _Reader(str(own)).rules({"overrides": [], **shipped, **given} | _lists(given, shipped))
    changed = _Reader(str(own)).rules({**shipped, **mine})
    return replace(
        changed,
        overrides={**rules.overrides, **theirs.overrides},
        listed={**rules.listed, **theirs.listed},
    )


def _lists(given: Mapping[str, Any], shipped: Mapping[str, Any]) -> dict[str, Any]:
    """The user's own overrides and listed symbols alone."""
    nothing = {"asset_class": shipped["listed"]["asset_class"]}
    return {n: given.get(n, empty) for n, empty in (("overrides", []), ("listed", nothing))}


def _document(path: Path) -> object:
    try:
        data: object = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            str(path), None, f"cannot be read: {error}", f"See {RULES_FILE}"
        ) from None
    return data


class _Reader:
    """Checks each value; `where` is the file that errors name."""

    def __init__(self, where: str) -> None:
        self.where = where

    def rules(self, data: object) -> TierRules:
        keys = {"overrides", "listed", "thresholds", "hysteresis", "history"}
        top = self._mapping("the file", data, keys)
        steps = self._mapping("hysteresis", top["hysteresis"], {"up", "down"})
        up, down = (self._number(f"hysteresis.{n}", steps[n]) for n in ("up", "down"))
        if not down <= 1 <= up:
            raise self._error("hysteresis", "up must be >= 1 and down <= 1", "{up: 1.1, down: 0.8}")
        history = self._mapping("history", top["history"], {"sessions", "minimum"})
        sessions, minimum = (
            int(self._number(f"history.{n}", history[n])) for n in ("sessions", "minimum")
        )
        if not 1 <= minimum <= sessions:
            example = "{sessions: 60, minimum: 20}"
            raise self._error("history", "minimum must lie between 1 and sessions", example)
        return TierRules(
            overrides=self._overrides(top["overrides"]),
            listed=self._listed(top["listed"]),
            thresholds=self._thresholds(top["thresholds"]),
            up=up,
            down=down,
            sessions=sessions,
            minimum=minimum,
        )

    def _overrides(self, data: object) -> dict[Symbol, Fixed]:
        found: dict[Symbol, Fixed] = {}
        for number, entry in enumerate(self._list("overrides", data)):
            key = f"overrides[{number}]"
            one = self._mapping(key, entry, {"symbol", "asset_classes", "tier", "reason"})
            symbol = self._text(f"{key}.symbol", one["symbol"])
            fixed = Fixed(self._tier(key, one["tier"]), self._text(f"{key}.reason", one["reason"]))
            for asset_class in self._list(f"{key}.asset_classes", one["asset_classes"]):
                name = (self._text(f"{key}.asset_classes", asset_class), symbol)
                if name in found:
                    raise self._error(key, f"{symbol} stands here twice", "Keep one of the lines")
                found[name] = fixed
        return found

    def _listed(self, data: object) -> dict[Symbol, Fixed]:
        one = self._mapping("listed", data, {"asset_class"}, set(TIERS))
        asset_class = self._text("listed.asset_class", one["asset_class"])
        found: dict[Symbol, Fixed] = {}
        for tier in (t for t in TIERS if t in one):
            for value in self._list(f"listed.{tier}", one[tier]):
                symbol = self._text(f"listed.{tier}", value)
                if (asset_class, symbol) in found:
                    problem = f"{symbol} is listed twice"
                    raise self._error(f"listed.{tier}", problem, "Keep it in one tier")
                found[asset_class, symbol] = Fixed(tier, f"listed as {tier} in {self.where}")
        return found

    def _thresholds(self, data: object) -> dict[str, Thresholds]:
        if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
            raise self._error("thresholds", "is no mapping of asset classes", "equity: {...}")
        found = {}
        for name, entry in data.items():
            key = f"thresholds.{name}"
            one = self._mapping(key, entry, {"market_cap"}, {"dollar_volume"})
            volume = one.get("dollar_volume")
            found[name] = Thresholds(
                self._bounds(f"{key}.market_cap", one["market_cap"]),
                None if volume is None else self._bounds(f"{key}.dollar_volume", volume),
            )
        return found

    def _bounds(self, key: str, data: object) -> tuple[float, ...]:
        bounds = tuple(self._number(key, value) for value in self._list(key, data))
        falling = list(bounds) == sorted(set(bounds), reverse=True)
        if len(bounds) != len(TIERS) - 1 or not falling:
            raise self._error(key, f"{data} are not three falling bounds", "[200, 10, 3]")
        return bounds

    def _mapping(
        self, key: str, data: object, required: set[str], optional: set[str] | None = None
    ) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self._error(key, "is no mapping", f"Give {sorted(required)}")
        allowed = required | (optional or set())
        if unknown := [k for k in data if k not in allowed]:
            raise self._error(f"{key}: {unknown[0]}", "unknown key", f"Known: {sorted(allowed)}")
        if missing := sorted(required - set(data)):
            raise self._error(f"{key}: {missing[0]}", "is missing", "See the tiers.yaml shipped")
        return data

    def _list(self, key: str, data: object) -> list[Any]:
        if not isinstance(data, list):
            raise self._error(key, f"{data!r} is no list", "Write [A, B]")
        return data

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self._error(key, f"{value!r} is no text", 'Put it in quotes: "NO"')
        return value

    def _tier(self, key: str, value: object) -> str:
        if value not in TIERS:
            raise self._error(f"{key}.tier", f"{value!r} is no tier", f"One of {', '.join(TIERS)}")
        return str(value)

    def _number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            problem = f"{value!r} is no number > 0"
            raise self._error(key, problem, "Write it like 10_000_000")
        return float(value)

    def _error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.where, key, problem, remedy)
