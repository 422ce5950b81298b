"""The numbers the rules judge by: defaults, by asset class, by instrument; read from rules.yaml.

Precedence: instrument, class in the file, the file's own value, the rule's default of the class,
the rule's default. Text and numbers in, expressions and arrays out. Nothing is judged here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from fundplatform.errors import ConfigError
from fundplatform.finance.rules.catalog import BY_ID

CLASSES = ("equity", "etf", "fund", "crypto", "fx", "commodity", "rate", "economic", "index")
Parameter = tuple[str, str]
"""Rule id and name of the parameter."""


@dataclass(frozen=True)
class Limits:
    """What rules.yaml sets; everything else is the rules' default.

    Attributes:
        general: (rule, parameter) -> value.
        by_class: (rule, parameter) -> asset class -> value.
        by_symbol: (rule, parameter) -> (asset class, symbol) -> value.
        by_instrument: The same with the instruments' ids; see `resolved`.
        present: The classes that occur in what is judged; None: any. See `among`.
    """

    general: Mapping[Parameter, float] = field(default_factory=dict)
    by_class: Mapping[Parameter, Mapping[str, float]] = field(default_factory=dict)
    by_symbol: Mapping[Parameter, Mapping[tuple[str, str], float]] = field(default_factory=dict)
    by_instrument: Mapping[Parameter, Mapping[int, float]] = field(default_factory=dict)
    present: frozenset[str] | None = None

    def default(self, rule: str, name: str) -> float:
        """The value where neither class nor instrument says otherwise."""
        return self.general.get((rule, name), BY_ID[rule].parameters[name])

    def says(self, rule: str, name: str) -> bool:
        """Whether the file sets the parameter for anything."""
        return any((rule, name) in own for own in (self.general, self.by_class, self.by_symbol))

    def classes(self, rule: str, name: str) -> dict[str, float]:
        """The classes with a value of their own."""
        own = {c: v[name] for c, v in BY_ID[rule].by_class.items() if name in v}
        if (rule, name) in self.general:
            own = {}
        own = {**own, **self.by_class.get((rule, name), {})}
        return own if self.present is None else {c: own[c] for c in own if c in self.present}

    def expr(self, rule: str, name: str) -> pl.Expr:
        """The parameter per row of a frame with asset_class and instrument_id."""
        value = pl.lit(self.default(rule, name))
        if own := self.classes(rule, name):
            value = pl.col("asset_class").replace_strict(
                own, default=value, return_dtype=pl.Float64
            )
        if ids := self.by_instrument.get((rule, name)):
            value = pl.col("instrument_id").replace_strict(
                dict(ids), default=value, return_dtype=pl.Float64
            )
        return value

    def of(self, rule: str, name: str, frame: pl.DataFrame) -> NDArray[np.float64] | float:
        """The parameter per row of the frame; one number where it is the same for all."""
        if not self.classes(rule, name) and not self.by_instrument.get((rule, name)):
            return self.default(rule, name)
        return frame.select(self.expr(rule, name)).to_series().to_numpy()

    def resolved(self, instruments: pl.DataFrame) -> "Limits":
        """With the ids of the instruments that are named by class and symbol.

        Args:
            instruments: instrument_id, asset_class, symbol. A name that is not there has no
                effect: its instrument may be loaded later.
        """
        if not self.by_symbol:
            return self
        names = instruments.select("asset_class", "symbol", "instrument_id").iter_rows()
        ids: dict[tuple[str, str], list[int]] = {}
        for asset_class, symbol, number in names:
            ids.setdefault((asset_class, symbol), []).append(number)
        found = {
            key: {n: value for name, value in named.items() for n in ids.get(name, ())}
            for key, named in self.by_symbol.items()
        }
        return replace(self, by_instrument=found)

    def among(self, classes: Iterable[str]) -> "Limits":
        """The same for rows of these classes only: no look-up per row where none has its own."""
        return replace(self, present=frozenset(classes))


DEFAULTS = Limits()


def load_limits(path: Path) -> Limits:
    """Read rules.yaml; the defaults where it does not exist.

    Raises:
        ConfigError: No YAML, or an unknown rule, class or parameter, or a value that is no number.
    """
    if not path.exists():
        return DEFAULTS
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(str(path), None, f"cannot be read: {text}", "Correct it") from None
    return _Reader(str(path)).limits(data or {})


class _Reader:
    """Checks each key; `where` is the file that errors name."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.general: dict[Parameter, float] = {}
        self.by_class: dict[Parameter, dict[str, float]] = {}
        self.by_symbol: dict[Parameter, dict[tuple[str, str], float]] = {}

    def limits(self, data: object) -> Limits:
        for rule, own in self._mapping("the file", data, "V17: {cap: 0.8}").items():
            self._rule(str(rule), own)
        return Limits(self.general, self.by_class, self.by_symbol)

    def _rule(self, rule: str, data: object) -> None:
        if rule not in BY_ID:
            raise self._error(rule, "no such rule", f"Choose from: {', '.join(BY_ID)}")
        if not BY_ID[rule].parameters:
            raise self._error(rule, "has no parameters", "Leave it out")
        own = dict(self._mapping(rule, data, f"{rule}: {{{_line(rule)}}}"))
        classes = self._mapping(f"{rule}.classes", own.pop("classes", {}), "{equity: {...}}")
        named = self._mapping(
            f"{rule}.instruments", own.pop("instruments", {}), "{'equity:AAPL': {...}}"
        )
        for name, value in self._values(rule, rule, own).items():
            self.general[rule, name] = value
        for asset_class, values in classes.items():
            key = f"{rule}.classes.{asset_class}"
            if asset_class not in CLASSES:
                raise self._error(key, "no such class", f"Choose from: {', '.join(CLASSES)}")
            for name, value in self._values(key, rule, values).items():
                self.by_class.setdefault((rule, name), {})[asset_class] = value
        for instrument, values in named.items():
            key = f"{rule}.instruments.{instrument}"
            asset_class, colon, symbol = str(instrument).partition(":")
            if asset_class not in CLASSES or not colon or not symbol:
                raise self._error(key, "is no class:symbol", "Write it like 'equity:AAPL'")
            for name, value in self._values(key, rule, values).items():
                self.by_symbol.setdefault((rule, name), {})[asset_class, symbol] = value

    def _values(self, key: str, rule: str, data: object) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, value in self._mapping(key, data, f"{{{_line(rule)}}}").items():
            known = BY_ID[rule].parameters
            if name not in known:
                raise self._error(
                    f"{key}.{name}", "no such parameter", f"Choose from: {', '.join(known)}"
                )
            # YAML 1.1 reads 1e-6 as text.
            number = _number(value)
            if number is None or isnan(number) or number < 0:
                raise self._error(
                    f"{key}.{name}", f"{value!r} is no number >= 0", f"Write {name}: {known[name]}"
                )
            found[str(name)] = number
        return found

    def _mapping(self, key: str, data: object, example: str) -> Mapping[Any, Any]:
        if not isinstance(data, dict):
            raise self._error(key, "is no mapping", f"Write it like {example}")
        return data

    def _error(self, key: str, problem: str, remedy: str) -> ConfigError:
        return ConfigError(self.where, key, problem, remedy)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _line(rule: str) -> str:
    return ", ".join(f"{n}: {v:g}" for n, v in BY_ID[rule].parameters.items())
