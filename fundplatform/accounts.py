"""Whose calls count together: sources of one vendor with one key share its limits.

In: sources, and the record of attempts. Out: who shares with whom, and what was called lately. What
a limit is stands in sources/web/, what follows from an attempt in health.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fundplatform.health import Terms
from fundplatform.sources.base import Source
from fundplatform.sources.web.profile import OnTheWeb, Profile, Rate
from fundplatform.sources.web.timing import most_per_day
from fundplatform.storage.base import Store

_CALLS = "select source, finished_at, calls from ops.data_sync where calls > 0 and finished_at > ?"


def profile_of(source: Source) -> Profile | None:
    """How its vendor is reached; None for files."""
    return source.access.profile if isinstance(source, OnTheWeb) else None


def rates_of(source: Source) -> tuple[Rate, ...]:
    """The limits of its vendor; none for files."""
    profile = profile_of(source)
    return profile.rates if profile else ()


def account_of(source: Source) -> str:
    """The account under which its calls are counted."""
    profile = profile_of(source)
    return profile.counted_as if profile else source.spec.name


def sharing(source: Source, sources: Iterable[Source]) -> list[Source]:
    """Itself, and those of the sources that are on its account."""
    own, name = account_of(source), source.spec.name
    return [source, *(s for s in sources if s.spec.name != name and account_of(s) == own)]


def terms_of(source: Source, sources: Iterable[Source]) -> Terms:
    """What is agreed with the source's vendor; nothing for files.

    Args:
        source: The source.
        sources: Everyone who takes part.
    """
    profile = profile_of(source)
    if profile is None:
        return Terms()
    others = tuple(s.spec.name for s in sharing(source, sources)[1:])
    return Terms(most_per_day(profile.rates), profile.day_zone, others)


@dataclass(frozen=True)
class Called:
    """The calls of every source since a moment: when an attempt ended (aware UTC), and how many."""

    made: Mapping[str, Sequence[tuple[datetime, int]]]

    @classmethod
    def read(cls, store: Store, since: datetime) -> "Called":
        """Those of attempts that ended later."""
        found: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        for source, at, number in store.query(_CALLS, [since]).iter_rows():
            found[source].append((at, number))
        return cls(found)

    def of(self, sources: Iterable[Source]) -> list[tuple[datetime, int]]:
        """Of these sources together."""
        return [call for s in sources for call in self.made.get(s.spec.name, ())]
