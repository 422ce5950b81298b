"""`DropConfig`: what one drop folder is, typed.

Plain values; `source_yaml.py` makes them out of a source.yaml and checks them. The reference of
the keys for people is docs/drop-folders.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, time
from pathlib import Path

from fundplatform.sources.base import Coverage, Kind, SourceSpec

WHOLE_KINDS = (Kind.CORPORATE_ACTIONS, Kind.SHARES)
"""Kinds that are fetched whole, not by session."""


@dataclass(frozen=True)
class KnownAt:
    """Where a row says when the public knew it.

    Attributes:
        column: The file's column: an instant, or a date when `time` is given.
        time: Time of day in `zone` at which that date's value was known.
        zone: IANA zone of `time` and of instants without an offset.
    """

    column: str
    time: time | None
    zone: str


@dataclass(frozen=True)
class DropConfig:
    """One drop folder. Attributes are the keys of source.yaml, see docs/drop-folders.md.

    Three are no keys: `name` (of the folder), `path` (of the source.yaml), `symbols_file` (where
    `symbols` names a file).
    """

    name: str
    path: Path
    kind: Kind
    layout: str
    title: str
    description: str
    owner: str
    url: str | None
    files: tuple[str, ...]
    members: tuple[str, ...]
    calendar: str
    currency: str
    adjustment: str
    asset_class: str
    market: str
    interval: str
    start: date
    end: date | None
    priority: int
    columns: Mapping[str, str]
    symbols: Mapping[str, str]
    symbols_file: str | None
    date_format: str | None
    time_zone: str
    delimiter: str
    header: bool
    units: Mapping[str, float]
    decimal: str
    null_values: tuple[str, ...]
    known_at: KnownAt | None
    tracked: tuple[str, ...] | None
    known_after: int | None = None

    @property
    def folder(self) -> Path:
        """The drop folder."""
        return self.path.parent

    @property
    def names_matter(self) -> bool:
        """Whether a file's name is data (its symbol or interval)."""
        return self.layout != "long"

    @property
    def spec(self) -> SourceSpec:
        """The declaration of the source."""
        coverage = Coverage(self.calendar, self.start, self.end, self.kind not in WHOLE_KINDS)
        return SourceSpec(
            name=self.name,
            title=self.title,
            asset_class=self.asset_class,
            market=self.market,
            quote=self.currency,
            kinds={self.kind: coverage},
            adjustment=self.adjustment,
            priority=self.priority,
            description=self.description,
            owner=self.owner,
            url=self.url,
            tracked=self.tracked,
        )

    @property
    def reading(self) -> str:
        """Everything that changes what a file's bytes become, as text (for the cache's key)."""
        skip = {
            "path",
            "title",
            "description",
            "owner",
            "url",
            "files",
            "priority",
            "tracked",
            "symbols_file",
            # Says nothing where it is not given, so that older caches stay good.
            *(() if self.members else ("members",)),
            *(() if self.known_after is not None else ("known_after",)),
        }
        return repr([(f.name, getattr(self, f.name)) for f in fields(self) if f.name not in skip])
