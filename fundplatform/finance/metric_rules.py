"""By what funds are measured: reads metrics.yaml into a checked, frozen `MetricRules`.

Nothing is computed here. In: a YAML file. Out: the rules, or a ConfigError that names the key and
what to write instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fundplatform.errors import ConfigError
from fundplatform.finance import frames
from fundplatform.finance.risk_free import BASES
from fundplatform.finance.score import Weights

RULES_FILE = Path(__file__).with_name("metrics.yaml")

Named = tuple[str, str]
"""Asset class and canonical symbol."""


@dataclass(frozen=True)
class MetricRules:
    """The fields of metrics.yaml.

    Attributes:
        daily_days: So many days back every session is stored; None: all of them.
        risk_free: (symbol, basis) of rate series, the first that counts first.
        benchmarks: Asset class -> benchmarks, the first that has prices counts.
        weights: Of the score's inputs.
        headline: Frame -> weight in the one number; sums to 1.
    """

    daily_days: int | None
    risk_free: tuple[Named, ...]
    benchmarks: Mapping[str, tuple[Named, ...]]
    weights: Weights
    headline: Mapping[str, float]


def load_metric_rules(own: Path | None = None) -> MetricRules:
    """Read the user's file where it exists, else the one that ships.

    Raises:
        ConfigError: The file is no YAML, or a key is missing, unknown or has an impossible value.
    """
    path = own if own is not None and own.is_file() else RULES_FILE
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            str(path), None, f"cannot be read: {error}", f"See {RULES_FILE}"
        ) from None
    return _Reader(str(path)).rules(data)


class _Reader:
    """Checks each value; `where` is the file that errors name."""

    def __init__(self, where: str) -> None:
        self.where = where

    def rules(self, data: object) -> MetricRules:
        keys = {"version", "history", "risk_free", "benchmarks", "score"}
        top = self._mapping("the file", data, keys)
        score = self._mapping("score", top["score"], {"weights", "headline"})
        weights = self._numbers("score.weights", score["weights"])
        return MetricRules(
            daily_days=self._days(
                self._mapping("history", top["history"], {"daily_days"})["daily_days"]
            ),
            risk_free=self._risk_free(top["risk_free"]),
            benchmarks=self._benchmarks(top["benchmarks"]),
            weights=Weights(self._text("version", top["version"]), weights),
            headline=self._headline(score["headline"]),
        )

    def _days(self, value: object) -> int | None:
        if value == "all":
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._error("history.daily_days", f"{value!r} is no number of days", "731 or all")
        return value

    def _risk_free(self, data: object) -> tuple[Named, ...]:
        found = []
        for number, entry in enumerate(self._list("risk_free", data)):
            key = f"risk_free[{number}]"
            one = self._mapping(key, entry, {"symbol", "basis"})
            basis = self._text(f"{key}.basis", one["basis"])
            if basis not in BASES:
                raise self._error(f"{key}.basis", f"{basis!r} is unknown", " or ".join(BASES))
            found.append((self._text(f"{key}.symbol", one["symbol"]), basis))
        return tuple(found)

    def _benchmarks(self, data: object) -> dict[str, tuple[Named, ...]]:
        found: dict[str, tuple[Named, ...]] = {}
        for number, entry in enumerate(self._list("benchmarks", data)):
            key = f"benchmarks[{number}]"
            one = self._mapping(key, entry, {"asset_classes", "against"})
            against = tuple(
                self._named(f"{key}.against[{n}]", given)
                for n, given in enumerate(self._list(f"{key}.against", one["against"]))
            )
            for given in self._list(f"{key}.asset_classes", one["asset_classes"]):
                name = self._text(f"{key}.asset_classes", given)
                if name in found:
                    raise self._error(key, f"{name} stands here twice", "Keep one of the lines")
                found[name] = against
        return found

    def _named(self, key: str, data: object) -> Named:
        one = self._mapping(key, data, {"asset_class", "symbol"})
        return (
            self._text(f"{key}.asset_class", one["asset_class"]),
            self._text(f"{key}.symbol", one["symbol"]),
        )

    def _headline(self, data: object) -> dict[str, float]:
        shares = self._numbers("score.headline", data)
        for name in shares:
            if name not in frames.FRAMES:
                raise self._error(f"score.headline.{name}", "no frame", ", ".join(frames.FRAMES))
        if abs(sum(shares.values()) - 1) > 1e-9:
            raise self._error("score.headline", f"sums to {sum(shares.values()):g}", "Make it 1")
        return shares

    def _numbers(self, key: str, data: object) -> dict[str, float]:
        if not isinstance(data, dict) or not data:
            raise self._error(key, "is no mapping", "name: share")
        found = {}
        for name, value in data.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise self._error(f"{key}.{name}", f"{value!r} is no share", "Write 0..1")
            found[self._text(key, name)] = float(value)
        return found

    def _mapping(self, key: str, data: object, keys: set[str]) -> dict[str, object]:
        if not isinstance(data, dict):
            raise self._error(key, "is no mapping", f"Keys: {', '.join(sorted(keys))}")
        if unknown := sorted(map(str, set(data) - keys)):
            raise self._error(f"{key}: {unknown[0]}", "unknown", f"Keys: {', '.join(sorted(keys))}")
        if missing := sorted(keys - set(data)):
            raise self._error(f"{key}: {missing[0]}", "is missing", f"See {RULES_FILE}")
        return data

    def _list(self, key: str, data: object) -> list[object]:
        if not isinstance(data, list):
            raise self._error(key, "is no list", "Begin each entry with a dash")
        return data

    def _text(self, key: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self._error(key, f"{value!r} is no text", "Write it in quotes")
        return value

    def _error(self, key: str, problem: str, hint: str) -> ConfigError:
        return ConfigError(self.where, key, problem, hint)
