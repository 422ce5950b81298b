"""What people decide against the rules, as they write it: one `Override`, and overrides.yaml.

In: text. Out: checked values, or a ConfigError that names the key. Where overrides are kept, and
which are in force, is `desk.py`'s; what they do to bars `finance/rules/overrides.py`'s.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import date
from math import isfinite
from pathlib import Path

from fundplatform.errors import ConfigError
from fundplatform.finance.rules import BY_ID
from fundplatform.finance.rules.limits import CLASSES
from fundplatform.finance.rules.overrides import FIELDS
from fundplatform.sources.drop.yaml_file import read_mapping

ACTIONS = ("accept", "correct", "exclude")
_KEYS = (
    "action", "source", "instrument", "session", "first", "last", "rules", "field", "value",
    "author", "reason", "expires",
)  # fmt: skip


@dataclass(frozen=True)
class Override:
    """One decision; see ops.overrides for the fields.

    `expires_on` is the last day it is in force; only a release has none.
    """

    action: str
    source: str | None
    asset_class: str | None
    symbol: str | None
    first_session: date
    last_session: date
    rules: str | None
    field: str | None
    value: float | None
    author: str
    reason: str
    expires_on: date | None

    @property
    def override_id(self) -> str:
        """The same words give the same id."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:12]


def load_overrides(path: Path) -> list[Override]:
    """Read overrides.yaml; none where it does not exist.

    Raises:
        ConfigError: No YAML, or a key is missing, unknown or has an impossible value.
    """
    if not path.exists():
        return []
    top = read_mapping(path)
    if set(top) != {"overrides"} or not isinstance(top["overrides"], list):
        raise ConfigError(str(path), "overrides", "is no list", "Write overrides: and a list")
    return [
        override(str(path), f"overrides[{n}]", entry) for n, entry in enumerate(top["overrides"])
    ]


def override(where: str, key: str, entry: object) -> Override:
    """Check one entry, all of text: action, instrument (class:symbol), session or first and last...

    Raises:
        ConfigError: Names `where` and the key in it.
    """
    return _Reader(where, key, entry).override()


class _Reader:
    def __init__(self, where: str, key: str, entry: object) -> None:
        self.where, self.key = where, key
        if not isinstance(entry, Mapping):
            raise ConfigError(where, key, "is no mapping", f"Give it keys of: {', '.join(_KEYS)}")
        self.entry = {str(k): v for k, v in entry.items() if v is not None}
        for name in self.entry:
            if name not in _KEYS:
                raise self._error(name, "no such key", f"Choose from: {', '.join(_KEYS)}")

    def override(self) -> Override:
        action = self._one_of("action", ACTIONS)
        first, last = self._sessions()
        asset_class, symbol = self._instrument()
        if "source" not in self.entry and symbol is None:
            raise self._error("instrument", "is missing", "Name instrument, source or both")
        field, value = self._correction(action)
        rules = self._rules(action)
        return Override(
            action=action,
            source=self._text("source") if "source" in self.entry else None,
            asset_class=asset_class,
            symbol=symbol,
            first_session=first,
            last_session=last,
            rules=rules,
            field=field,
            value=value,
            author=self._text("author"),
            reason=self._text("reason"),
            expires_on=self._day("expires"),
        )

    def _sessions(self) -> tuple[date, date]:
        if "session" in self.entry:
            day = self._day("session")
            return day, day
        first, last = self._day("first"), self._day("last")
        if first > last:
            raise self._error("last", "is before first", "Swap them")
        return first, last

    def _instrument(self) -> tuple[str | None, str | None]:
        if "instrument" not in self.entry:
            return None, None
        asset_class, colon, symbol = self._text("instrument").partition(":")
        if asset_class not in CLASSES or not colon or not symbol:
            raise self._error("instrument", "is no class:symbol", "Write it like equity:AAPL")
        return asset_class, symbol

    def _correction(self, action: str) -> tuple[str | None, float | None]:
        if action != "correct":
            for name in ("field", "value"):
                if name in self.entry:
                    raise self._error(name, f"does not go with {action}", "Leave it out")
            return None, None
        text = self._text("value")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise self._error("value", f"{text!r} is no number", "Write it like value: 71.33")
        return self._one_of("field", FIELDS), value

    def _rules(self, action: str) -> str | None:
        if "rules" not in self.entry:
            return None
        if action != "accept":
            raise self._error("rules", f"does not go with {action}", "Leave it out")
        given = self.entry["rules"]
        ids = [
            str(r).strip() for r in (given if isinstance(given, list) else str(given).split(","))
        ]
        for name in ids:
            if name not in BY_ID:
                raise self._error("rules", f"no rule {name!r}", "Write them like [V17, V20]")
            if not BY_ID[name].acceptable:
                raise self._error(
                    "rules", f"{name} cannot be accepted", "Correct the value instead"
                )
        return ",".join(sorted(set(ids)))

    def _one_of(self, name: str, choices: tuple[str, ...]) -> str:
        text = self._text(name)
        if text not in choices:
            raise self._error(name, f"{text!r} is none", f"Choose from: {', '.join(choices)}")
        return text

    def _text(self, name: str) -> str:
        text = str(self.entry.get(name, "")).strip()
        if not text:
            raise self._error(name, "is missing", f"Write a line like {name}: ...")
        return text

    def _day(self, name: str) -> date:
        text = self._text(name)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self._error(name, f"{text!r} is no day", "Write it like 2026-01-31") from None

    def _error(self, name: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.where, f"{self.key}.{name}", problem, remedy)
