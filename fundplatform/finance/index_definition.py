"""Index definitions: what an index is, read from YAML and checked key by key.

No prices and no computing here. In: a folder of YAML files. Out: `IndexDefinition` values, or a
`ConfigError` that names the file, the key and the line to write.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import polars as pl

from fundplatform.errors import ConfigError
from fundplatform.finance.index_keys import KEYS, UNIVERSE_KEYS, Key, read

RankBy = Literal["market_cap", "dollar_volume", "price", "weight"]
Weighting = Literal["equal", "cap", "float_cap", "price", "capped", "fixed"]
Rebalance = Literal["daily", "monthly", "quarterly", "dates"]
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
        exclude: Canonical symbols that may not enter (stablecoins, wrapped coins).
        sectors: As the sources of profiles name them.
        countries: As the sources of profiles name them.
        profiles: Which profiles decide a session: those known at its cutoff, or the latest, which
            on past sessions is knowledge of later.
        tiers: catalog.tiers in force on the session.
        securities: us_common: common stock of companies that are not known to be foreign
            (catalog.securities); None: whatever is listed.
        index: Name of another index: only its constituents of the session.
        min_dollar_volume: Median of the bars within 20 sessions, at least, in the base currency.
    """

    asset_classes: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    profiles: Literal["known", "latest"] = "known"
    tiers: tuple[str, ...] = ()
    securities: Literal["us_common"] | None = None
    index: str | None = None
    min_dollar_volume: float = 0.0

    def select(self, instruments: pl.DataFrame) -> pl.DataFrame:
        """The rows of catalog.instruments within the universe; the caller applies `sources`."""
        allowed = {
            "asset_class": self.asset_classes,
            "market": self.markets,
            "symbol": self.symbols,
        }
        wanted = [pl.col(n).is_in(list(v)) for n, v in allowed.items() if v]
        if self.exclude:
            wanted.append(~pl.col("symbol").is_in(list(self.exclude)))
        return instruments.filter(*wanted) if wanted else instruments


@dataclass(frozen=True)
class IndexDefinition:
    """One index.

    Attributes:
        name: Identifier, `[a-z][a-z0-9_]*`.
        title: One line for people.
        universe: Which instruments may enter.
        n: Number of constituents wanted.
        rank_by: market_cap; the median dollar_volume of `window` sessions; price: the close;
            weight: that of `weights`.
        window: Sessions of that median; every one of them needs a bar.
        weighting: equal: 1/n each; cap, price: proportional; float_cap: cap x float_factors;
            capped: cap with at most max_weight each; fixed: `weights`.
        max_weight: For capped.
        weights: Canonical symbol -> weight, for fixed; scaled to 1 over those that have a price.
        float_factors: Canonical symbol -> free float / shares, for float_cap; 1 where unknown.
        rebalance: When names and weights are chosen anew; between, weights drift.
        rebalance_dates: For `dates`.
        buffer: b: a name enters at rank <= n (1 - b), and leaves at rank > n (1 + b).
        base_level: Level on the base session.
        base_date: No composition before it; None: the first session that has one.
        calendar: Calendar whose sessions the index has.
        share_class_policy: most_liquid_line keeps one line per issuer; each_line keeps all.
        issuers: Canonical symbol -> issuer, for issuers with several lines.
        max_cap_age_days: An older market cap snapshot is not used.
        flag_cap_age_days: An older one is used and noted.
        stale_sessions: How far before a snapshot its price may lie, and how long a name without a
            price keeps its seat, in sessions.
        currency: Base currency: of ranks, returns and levels.
        max_fx_age_days: An older exchange rate is not used, and the name left out.
        withholding: Tax on dividends in the net total return.
        delisting_return: Final return of a delisting whose last value nobody states.
        optional: True: built only where some source brings the kinds of data it needs.
    """

    name: str
    title: str
    universe: Universe
    n: int
    rank_by: RankBy
    window: int = 20
    weighting: Weighting = "equal"
    max_weight: float | None = None
    weights: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    float_factors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    rebalance: Rebalance = "daily"
    rebalance_dates: tuple[date, ...] = ()
    buffer: float = 0.0
    base_level: float = 1000.0
    base_date: date | None = None
    calendar: str = "XNYS"
    share_class_policy: ShareClassPolicy = "most_liquid_line"
    issuers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    max_cap_age_days: int = 400
    flag_cap_age_days: int = 120
    stale_sessions: int = 5
    currency: str = "USD"
    max_fx_age_days: int = 7
    withholding: float = 0.0
    delisting_return: float = 0.0
    optional: bool = False


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


def in_order(definitions: Iterable[IndexDefinition]) -> list[IndexDefinition]:
    """Parents before the indices that are made of their constituents, else by name.

    Raises:
        ConfigError: A parent is not defined, or is made of its own child.
    """
    waiting = {d.name: d for d in sorted(definitions, key=lambda d: d.name)}
    placed: dict[str, IndexDefinition] = {}
    while waiting:
        ready = [d for d in waiting.values() if d.universe.index in (None, *placed)]
        if not ready:
            name, stuck = next(iter(waiting.items()))
            raise ConfigError(
                name,
                "universe.index",
                f"{stuck.universe.index!r} is no index, or is made of this one",
                f"Use any of {', '.join([*placed, *waiting])}",
            )
        for definition in ready:
            placed[definition.name] = waiting.pop(definition.name)
    return list(placed.values())


def load_definition(path: Path) -> IndexDefinition:
    """One definition from one file; raises `ConfigError` as `load_definitions` does."""
    where = str(path)
    values = _checked(where, "", read(path), KEYS)
    for f in fields(IndexDefinition):
        required = f.default is MISSING and f.default_factory is MISSING
        if required and f.name not in values:
            raise ConfigError(where, f.name, "is missing", f"Write {KEYS[f.name].example}")
    definition = IndexDefinition(**values)
    for key, problem, remedy in _contradictions(definition):
        raise ConfigError(where, key, problem, remedy)
    return definition


def _contradictions(own: IndexDefinition) -> Iterator[tuple[str, str, str]]:
    """Keys that do not go together: key, what is wrong, what to write."""
    if own.flag_cap_age_days > own.max_cap_age_days:
        problem = f"{own.flag_cap_age_days} is above max_cap_age_days"
        yield "flag_cap_age_days", problem, f"Write at most {own.max_cap_age_days}"
    needed = {
        "max_weight": ("weighting", own.weighting == "capped", own.max_weight is not None),
        "weights": ("weighting", own.weighting == "fixed", bool(own.weights)),
        "rebalance_dates": ("rebalance", own.rebalance == "dates", bool(own.rebalance_dates)),
    }
    for key, (other, wanted, there) in needed.items():
        if wanted and not there:
            yield key, f"is missing, {other} asks for it", f"Write {KEYS[key].example}"
        if there and not wanted:
            yield key, f"means nothing with {other}: {getattr(own, other)}", "Take the line away"
    if own.float_factors and own.weighting != "float_cap":
        yield "float_factors", f"means nothing with weighting: {own.weighting}", "Take it away"
    if own.rank_by == "weight" and own.weighting != "fixed":
        yield "rank_by", "weight goes with weighting: fixed only", "Write rank_by: market_cap"
    if own.weighting in ("cap", "float_cap", "capped") and own.rank_by != "market_cap":
        yield "rank_by", f"weighting: {own.weighting} needs caps", "Write rank_by: market_cap"
    if own.universe.index == own.name:
        yield "universe.index", "is this index itself", "Name another index"


def _checked(where: str, prefix: str, raw: object, keys: Mapping[str, Key]) -> dict[str, Any]:
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
            values[key] = Universe(**_checked(where, "universe.", value, UNIVERSE_KEYS))
            continue
        try:
            values[key] = keys[key].parse(value)
        except ValueError as error:
            raise ConfigError(
                where, f"{prefix}{key}", str(error), f"Write for example {keys[key].example}"
            ) from None
    return values
