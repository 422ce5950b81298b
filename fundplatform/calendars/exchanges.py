"""Exchange calendars, from the pinned exchange_calendars package.

It takes 2.6 s to import, so its answer is kept as Parquet in a folder and the import happens only
where the folder has no answer yet. The package's version is in the file name: another release is
another answer. New York's, which nearly every home needs, ships ready-made beside this module
(`ship` makes it anew after another release was locked).
"""

import importlib.metadata
import json
import logging
import secrets
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import polars as pl

from fundplatform.calendars.base import LAST_YEAR, Calendar

log = logging.getLogger(__name__)

# Before 1970, exchange_calendars 4.13.2 takes New Year and Christmas days for XNYS sessions.
FIRST_BUILT = date(1970, 1, 1)
FIRST_HORIZON = 2030
SHIPPED = Path(__file__).parent / "shipped"
SHIPPED_NAMES = ("XNYS",)
_EXCHANGES = """
AIXK BVMF CMES IEPA XAMS XASX XBDA XBKK XBOG XBOM XBRA XBRU XBUD XBUE XCBF XCSE XDUB XDUS XEEE XETR
XEUR XFRA XHAM XHEL XHKG XICE XIDX XIST XJSE XKAR XKLS XKRX XLIM XLIS XLIT XLJU XLON XLUX XMAD XMEX
XMIL XMOS XNYS XNZE XOSL XPAR XPHS XPRA XRIS XSAU XSES XSGO XSHG XSTO XSTU XSWX XTAI XTAL XTKS XTSE
XWAR XWBO XZAG us_futures
"""
EXCHANGES = frozenset(_EXCHANGES.split())
# exchange_calendars 4.13.2 cannot build these with the locked pandas (OrthodoxEaster is not
# vectorised; XTAE's early closes fall on days that are no sessions), whatever the range.
BROKEN = frozenset({"ASEX", "XBEL", "XBSE", "XCYS", "XTAE"})


class ExchangeCalendar(Calendar):
    """An exchange's calendar, read from the cache or built by exchange_calendars when needed."""

    periods_per_year = 252

    def __init__(self, name: str, folder: Path | None) -> None:
        """Name the exchange (ISO 10383 code) and where built tables are kept (None: nowhere)."""
        self.name, self._folder, self._horizon = name, folder, FIRST_HORIZON

    @property
    def time_zone(self) -> str:
        """The exchange's IANA time zone."""
        return self._built.time_zone

    @cached_property
    def weekmask(self) -> str:
        """Derived from the sessions, because some exchanges changed theirs."""
        seen = {d.weekday() for d in self._days}
        return "".join("1" if n in seen else "0" for n in range(7))

    @property
    def first(self) -> date:
        """The first day the package can tell."""
        return self._built.first

    def sessions(self, first: date, last: date) -> list[date]:
        """See `Calendar.sessions`."""
        low, high = self._bounds(first, last)
        return self._days[low:high]

    def closes(self, first: date, last: date) -> pl.DataFrame:
        """See `Calendar.closes`; early closes included."""
        low, high = self._bounds(first, last)
        return self._built.table[low : max(low, high)]

    def _has(self, day: date) -> bool:
        return day <= self._built_for(day).last and bool(self.sessions(day, day))

    def _bounds(self, first: date, last: date) -> tuple[int, int]:
        if last > self._built_for(last).last and first <= last:
            raise self.unknown(f"its sessions are known up to {self._built.last}, not {last}")
        return bisect_left(self._days, first), bisect_right(self._days, last)

    def _built_for(self, day: date) -> "_Built":
        if day.year > self._horizon and self._horizon < LAST_YEAR:
            # Ten years more than asked, so that a growing range rebuilds once in a decade.
            self._horizon = min(day.year + 10, LAST_YEAR)
            for name in ("_built", "_days", "weekmask"):
                self.__dict__.pop(name, None)
        return self._built

    @cached_property
    def _built(self) -> "_Built":
        return load(self.name, self._horizon, self._folder)

    @cached_property
    def _days(self) -> list[date]:
        return self._built.table["session"].to_list()


@dataclass(frozen=True)
class _Built:
    """What exchange_calendars said: sessions with closes, the days it covers, the time zone."""

    table: pl.DataFrame
    first: date
    last: date
    time_zone: str


def load(name: str, horizon: int, folder: Path | None) -> _Built:
    """The exchange's table up to the end of year `horizon`: shipped, from `folder`, or built."""
    file = file_name(name, horizon)
    for place in (SHIPPED, folder):
        if place is not None and (place / file).exists():
            return _read(place / file)
    built = _build(name, horizon)
    if folder is not None:
        _keep(built, folder / file)
    return built


def file_name(name: str, horizon: int) -> str:
    """The name of the kept table: another release of the package has another one."""
    return f"{name}-{importlib.metadata.version('exchange_calendars')}-{horizon}.parquet"


def _read(path: Path) -> _Built:
    facts = json.loads(pl.read_parquet_metadata(path)["calendar"])
    return _Built(
        pl.read_parquet(path),
        date.fromisoformat(facts["first"]),
        date.fromisoformat(facts["last"]),
        facts["time_zone"],
    )


def _keep(built: _Built, path: Path) -> None:
    facts = {"first": str(built.first), "last": str(built.last), "time_zone": built.time_zone}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{secrets.token_hex(8)}")
        built.table.write_parquet(new, metadata={"calendar": json.dumps(facts)})
        new.replace(path)
    except OSError as error:
        # A missing cache costs seconds, never an answer.
        log.warning("calendar not kept in %s: %s", path.parent, error)


def _build(name: str, horizon: int) -> _Built:
    import exchange_calendars

    probe = exchange_calendars.get_calendar(name)
    low, high = probe.bound_min(), probe.bound_max()
    first = max(FIRST_BUILT, low.date()) if low is not None else FIRST_BUILT
    last = min(date(horizon, 12, 31), high.date()) if high is not None else date(horizon, 12, 31)
    made = exchange_calendars.get_calendar(name, start=str(first), end=str(last))
    table = pl.DataFrame(
        {"session": made.sessions.to_numpy(), "close_at": made.closes.dt.tz_localize(None)},
    ).with_columns(
        pl.col("session").cast(pl.Date()),
        pl.col("close_at").dt.cast_time_unit("us").dt.replace_time_zone("UTC"),
    )
    return _Built(table, first, last, str(made.tz))


def ship() -> None:
    """Make the shipped tables anew, and only these."""
    for old in SHIPPED.glob("*.parquet"):
        old.unlink()
    for name in SHIPPED_NAMES:
        _keep(_build(name, FIRST_HORIZON), SHIPPED / file_name(name, FIRST_HORIZON))
