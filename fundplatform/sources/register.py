"""The list of built-in sources, and the sources that take part in this installation.

Settings in, sources and problems out. Reading a source's data does not belong here: loading the
register reads declarations only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fundplatform.clock import Clock, utc_now
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources import (
    alpha_vantage,
    coinbase,
    coingecko,
    ecb,
    finnhub,
    fred,
    kraken,
    massive,
    nasdaq_screener,
    sec_edgar,
    tracked,
    yahoo,
    yahoo_commodities,
    yahoo_crypto,
    yahoo_fx,
)
from fundplatform.sources.base import Source
from fundplatform.sources.exchanges import EXCHANGES
from fundplatform.sources.sample import Sample
from fundplatform.sources.synthetic import Synthetic
from fundplatform.sources.tracked import VendorSymbol
from fundplatform.sources.web.assemble import missing, open_access
from fundplatform.sources.web.ccxt_source import CcxtSource
from fundplatform.sources.web.profile import Access, Profile


def _as_it_is(symbol: str, quote: str) -> str:
    return symbol


@dataclass(frozen=True)
class Vendor:
    """A source on the web.

    Attributes:
        profile: How it is reached.
        make: Its source, given its requests and tracked listings.
        vendor_symbol: (canonical symbol, quote currency) -> its own symbol.
    """

    profile: Profile
    make: Callable[[Access], Source]
    vendor_symbol: VendorSymbol = _as_it_is


# One line a source: the name in FUNDPLATFORM_SOURCES = the file's name = spec.name.
BUILT_IN: dict[str, Callable[[], Source] | Vendor] = {
    "sample": Sample,
    "synthetic": Synthetic,
    "massive": Vendor(massive.PROFILE, massive.Massive, massive.vendor_symbol),
    "finnhub": Vendor(finnhub.PROFILE, finnhub.Finnhub),
    "alpha_vantage": Vendor(
        alpha_vantage.PROFILE, alpha_vantage.AlphaVantage, alpha_vantage.vendor_symbol
    ),
    "kraken": Vendor(kraken.PROFILE, kraken.Kraken, kraken.vendor_symbol),
    "coinbase": Vendor(coinbase.PROFILE, coinbase.Coinbase, coinbase.vendor_symbol),
    **{
        e.name: Vendor(e.profile, partial(CcxtSource, exchange=e), e.vendor_symbol)
        for e in EXCHANGES
    },
    "coingecko": Vendor(coingecko.PROFILE, coingecko.Coingecko, coingecko.vendor_symbol),
    "yahoo": Vendor(yahoo.PROFILE, yahoo.Yahoo, yahoo.vendor_symbol),
    "yahoo_crypto": Vendor(yahoo_crypto.PROFILE, yahoo_crypto.make, yahoo_crypto.vendor_symbol),
    "yahoo_fx": Vendor(yahoo_fx.PROFILE, yahoo_fx.make, yahoo_fx.vendor_symbol),
    "yahoo_commodities": Vendor(
        yahoo_commodities.PROFILE, yahoo_commodities.make, yahoo_commodities.vendor_symbol
    ),
    "fred": Vendor(fred.PROFILE, fred.Fred, fred.vendor_symbol),
    "ecb": Vendor(ecb.PROFILE, ecb.Ecb),
    "sec_edgar": Vendor(sec_edgar.PROFILE, sec_edgar.SecEdgar, sec_edgar.vendor_symbol),
    "nasdaq_screener": Vendor(nasdaq_screener.PROFILE, nasdaq_screener.NasdaqScreener),
}


@dataclass(frozen=True)
class Problem:
    """A source that is listed but could not be loaded.

    Attributes:
        name: Name of the source.
        path: The file that declares it.
        message: What is wrong and what to write.
    """

    name: str
    path: Path
    message: str


@dataclass(frozen=True)
class Loaded:
    """The sources that take part, in order (built-in ones first), and those that do not.

    Attributes:
        sources: Those that take part.
        problems: Those that failed to load.
        waiting: Vendors that are switched on and lack a key: name and the variable to set. That
            is no failure.
    """

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()
    waiting: tuple[tuple[str, str], ...] = ()

    def by_name(self) -> dict[str, Source]:
        """Source name to source."""
        return {source.spec.name: source for source in self.sources}


def load(settings: Settings, clock: Clock = utc_now) -> Loaded:
    """Make the sources named in the settings, and those of the drop folders.

    A drop folder that is wrong, or that takes the name of a source already loaded or built in,
    becomes a problem; the others load. So does a vendor whose lines of tracked.yaml are wrong.

    Args:
        settings: Home, names, keys.
        clock: For the vendors' requests.

    Raises:
        ConfigError: The settings name a source that does not exist, or tracked.yaml is no YAML.
    """
    sources: list[Source] = []
    problems: list[Problem] = []
    waiting: list[tuple[str, str]] = []
    wishes = tracked.read(settings.tracked)
    for name in dict.fromkeys(settings.sources):
        entry = _built_in(name)
        if not isinstance(entry, Vendor):
            sources.append(entry())
            continue
        try:
            lacking = missing(settings, entry.profile)
            if lacking:
                waiting.append((name, lacking))
            else:
                sources.append(vendor_source(settings, entry, clock, wishes.get(name, ())))
        except ConfigError as error:
            problems.append(Problem(name, settings.tracked, str(error)))
    if not settings.drop.is_dir():
        return Loaded(tuple(sources), tuple(problems), tuple(waiting))
    # Imported late: YAML and parsing are of no use where nothing was dropped.
    from fundplatform.sources.drop import SOURCE_YAML, discover

    dropped, failed = discover(settings.drop, settings.payloads)
    problems += [Problem(p.name, p.path, p.message) for p in failed]
    taken = {*BUILT_IN, *(source.spec.name for source in sources)}
    for source in dropped:
        name = source.spec.name
        if name in taken:
            problems.append(_clash(name, settings.drop / name / SOURCE_YAML))
            continue
        taken.add(name)
        sources.append(source)
    return Loaded(tuple(sources), tuple(problems), tuple(waiting))


def vendor_source(
    settings: Settings, vendor: Vendor, clock: Clock, entries: Sequence[tracked.Entry]
) -> Source:
    """The vendor's source with its key, limits and tracked listings.

    Raises:
        ConfigError: An entry is wrong, or the key's file cannot be read.
    """
    access = open_access(settings, vendor.profile, clock)
    spec = vendor.make(access).spec
    meant = tracked.meanings(entries, spec, vendor.vendor_symbol, settings.tracked)
    return vendor.make(replace(access, tracked=meant))


def vendors() -> dict[str, Vendor]:
    """Every vendor, whether it takes part or not."""
    return {name: entry for name, entry in BUILT_IN.items() if isinstance(entry, Vendor)}


def _built_in(name: str) -> Callable[[], Source] | Vendor:
    if name not in BUILT_IN:
        known = ", ".join(BUILT_IN)
        raise ConfigError(
            "environment",
            "FUNDPLATFORM_SOURCES",
            f"{name!r} is no built-in source",
            f"Known: {known}. A drop folder needs no entry here",
        )
    return BUILT_IN[name]


def _clash(name: str, path: Path) -> Problem:
    return Problem(
        name, path, f"the name {name!r} belongs to another source. Rename the folder {path.parent}"
    )
