"""What ops.changes says to a plan: how new each asset's sessions are, and what each has seen.

In: the table, from a run (live) or a daemon (published). Out: look-ups by asset name. What follows
from them is decided in staleness.py.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage.base import Slice, Store
from fundplatform.storage.change_record import ALWAYS

_SQL = "select asset, session, changed, seen from ops.changes"
_COLUMNS = ["asset", "session", "changed", "seen"]

Numbers = Mapping[date, int]


@dataclass(frozen=True)
class ChangeLog:
    """Numbers of changes by asset and session; see the table."""

    changed: Mapping[str, Numbers] = field(default_factory=dict)
    seen: Mapping[str, Numbers] = field(default_factory=dict)

    @classmethod
    def read(cls, store: Store | None, *, published: bool = False) -> "ChangeLog":
        """As the warehouse has it now; empty where nothing is published yet.

        Args:
            store: The warehouse; None has recorded nothing.
            published: Read the published state: for daemons, which must not hold up runs.
        """
        if store is None:
            return cls()
        try:
            rows = store.query(_SQL) if published else store.read(tables.CHANGES, columns=_COLUMNS)
        except WarehouseError:
            if not published:
                raise
            return cls()
        changed: dict[str, dict[date, int]] = {}
        seen: dict[str, dict[date, int]] = {}
        for asset, session, number, upto in rows.select(_COLUMNS).iter_rows():
            if number:
                changed.setdefault(asset, {})[session] = number
            if upto is not None:
                seen.setdefault(asset, {})[session] = upto
        return cls(changed, seen)

    def newest(self, assets: Iterable[str]) -> int:
        """The newest change of any session of any of the assets; 0 without one."""
        return max((max(self.changed[a].values()) for a in assets if a in self.changed), default=0)

    def merged(self, assets: Iterable[str]) -> Numbers:
        """By session the newest change of any of the assets."""
        found: dict[date, int] = {}
        for asset in assets:
            for day, number in self.changed.get(asset, {}).items():
                found[day] = max(found.get(day, 0), number)
        return found

    def is_older(self, whole: str, rests_on: Iterable[str]) -> bool:
        """Whether an asset without sessions has not seen the newest change of what it rests on."""
        return self.newest(rests_on) > self.seen.get(whole, {}).get(ALWAYS, -1)


def unchanged_since(
    store: Store, asset: str, rests_on: Collection[str], days: Collection[date]
) -> list[date]:
    """Those of the days on which an asset was made after all changes of that day or any before.

    Args:
        store: The warehouse; for runs.
        asset: In whose name its writes are noted.
        rests_on: The names of what it reads.
        days: Sessions.
    """
    if not days:
        return []
    rows = store.read(tables.CHANGES, Slice({}, None, max(days)), _COLUMNS)
    session, name = pl.col("session"), pl.col("asset")
    changes = rows.filter(name.is_in(list(rests_on)))
    found = []
    for day in sorted(days):
        seen = rows.filter(name == asset, session == day)["seen"].max()
        newest = changes.filter(session <= day)["changed"].max()
        if isinstance(seen, int) and seen >= (newest or 0):  # type: ignore[operator]
            found.append(day)
    return found
