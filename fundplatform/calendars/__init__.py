"""What a session is: the expected sessions of every market, and when each of them closes.

In goes a calendar's name, out comes a `Calendar` of naive session dates and closing instants
(aware UTC). No partitions, no publication lags and no clock here.
"""

from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from fundplatform.calendars.base import CLOSES_SCHEMA, Calendar
from fundplatform.calendars.exchanges import BROKEN, EXCHANGES, ExchangeCalendar
from fundplatform.calendars.rules import RULES
from fundplatform.errors import ConfigError

__all__ = ["CLOSES_SCHEMA", "Calendar", "get", "names", "use_cache"]

_cache_folder: Path | None = None


def use_cache(folder: Path | None) -> None:
    """Keep built exchange calendars below `folder` from now on (None: in memory only)."""
    global _cache_folder
    _cache_folder = folder


def names() -> list[str]:
    """Every name `get` knows."""
    return sorted({*EXCHANGES, *RULES})


def get(name: str) -> Calendar:
    """The calendar of that name: 24/7 (alias daily), 24/5, TARGET, or an exchange such as XNYS.

    Cheap: an exchange's table is read or built when it is first asked.

    Raises:
        ConfigError: No such calendar; suggests the nearest name.
    """
    if name in RULES:
        return RULES[name]
    if name in BROKEN:
        hint = "Use the calendar of a market with the same holidays, or 24/5"
        raise ConfigError("calendars", None, f"exchange_calendars cannot build {name}", hint)
    if name not in EXCHANGES:
        near = get_close_matches(name.upper(), names(), n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else "Use XNYS, 24/7, 24/5 or TARGET"
        raise ConfigError("calendars", None, f"no calendar is called {name!r}", hint)
    return _exchange(name, _cache_folder)


@lru_cache(maxsize=64)
def _exchange(name: str, folder: Path | None) -> ExchangeCalendar:
    return ExchangeCalendar(name, folder)
