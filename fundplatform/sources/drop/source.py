"""A drop folder as a source: its declaration, listings and slices.

Thin: `inventory.py` knows the files, this file only selects.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from pathlib import Path

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Kind, SourceSpec, batch_schema
from fundplatform.sources.drop.ahead import ahead, refused
from fundplatform.sources.drop.aside import put_aside
from fundplatform.sources.drop.changed import touched
from fundplatform.sources.drop.config import WHOLE_KINDS, DropConfig
from fundplatform.sources.drop.inventory import Inventory
from fundplatform.sources.drop.parse import spans
from fundplatform.sources.drop.payloads import PayloadCache
from fundplatform.sources.drop.rows import identities


class DropSource:
    """One drop folder with a source.yaml (implements `sources.base.Source`)."""

    def __init__(self, config: DropConfig, payloads: Path) -> None:
        """A source of that configuration, whose parsed files are kept below `payloads`."""
        self.config = config
        self._cache = PayloadCache(payloads, config.name)
        self._inventory = Inventory(config, self._cache)

    @property
    def spec(self) -> SourceSpec:
        """The declaration; reads no data."""
        return self.config.spec

    def listings(self, kind: Kind) -> pl.DataFrame:
        """One row per vendor symbol and stretch (LISTING_SCHEMA), out of all files.

        Bars break at a gap of more than 60 sessions (90 days), other kinds never.

        Raises:
            SourceError: See `fetch`.
        """
        self._demand(kind)
        return self._listings(self._inventory.current(None).kept.scan("spans").collect())

    def _listings(self, spans: pl.DataFrame) -> pl.DataFrame:
        meanings, _ = identities(spans["vendor_symbol"], self.config)
        quotes = {vendor: meaning.quote for vendor, meaning in meanings.items()}
        symbols = {vendor: meaning.symbol for vendor, meaning in meanings.items()}
        who = pl.col("vendor_symbol")
        listings = spans.with_columns(
            symbol=who.replace_strict(symbols, return_dtype=pl.String()),
            quote=who.replace_strict(quotes, return_dtype=pl.String()),
            asset_class=pl.lit(self.config.asset_class),
            market=pl.lit(self.config.market),
        )
        return listings.select(pl.col(n).cast(t) for n, t in LISTING_SCHEMA.items())

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows of the range, out of the parsed files; see `sources.base.Source.fetch`.

        Files that are new or changed are parsed first. A file that cannot be used is one reject
        (rule unreadable_file) as long as another one can. Prices of days to come are refused and
        make no listings.

        Raises:
            SourceError: No file can be used, one changed while it was read, or what was parsed
                cannot be kept.
        """
        self._demand(kind)
        current = self._inventory.current(now)
        rows, rejects = current.kept.scan("rows"), current.kept.scan("rejects").collect()
        listings = None
        early = rows.filter(ahead(kind, now)).collect()
        if early.height:
            rows = rows.filter(~ahead(kind, now))
            rejects = pl.concat([rejects, refused(early)])
            seen = rows.select("vendor_symbol", "name", "session").collect()
            listings = self._listings(spans(seen, kind))
        if kind not in WHOLE_KINDS:
            session = pl.col("session")
            rows = rows.filter(session.is_between(first, last))
            elsewhere = session.is_null() | (session < self.config.start)
            if self.config.end:
                elsewhere = elsewhere | (session > self.config.end)
            elsewhere = elsewhere | ahead(kind, now)
            rejects = rejects.filter(elsewhere | session.is_between(first, last))
        return Batch(
            rows.select(batch_schema(kind).names()).collect(),
            rejects,
            current.payloads,
            listings,
        )

    def about(self, kind: Kind) -> int:
        """By the size of the files; see `sources.abilities.Sized.about`."""
        self._demand(kind)
        return self._inventory.about()

    def marks(self, kind: Kind) -> Mapping[str, str]:
        """Every file and what it holds now; see `sources.abilities.Changing.marks`."""
        self._demand(kind)
        return self._inventory.marks()

    def touched(self, kind: Kind, before: Collection[str], now: datetime) -> frozenset[date] | None:
        """The sessions that differ since; see `sources.abilities.Changing.touched`."""
        self._demand(kind)
        self._inventory.current(now)
        return touched(self._cache, before, set(self._inventory.marks().values()))

    def stamps(self) -> Mapping[str, tuple[int, int]]:
        """Every file and how large and new it is; see `sources.abilities.Watched.stamps`."""
        return self._inventory.stamps()

    def set_aside(self) -> list[str]:
        """Move what was read and cannot be used; see `sources.abilities.Watched.set_aside`."""
        return [
            put_aside(self.config, path, reason).relative_to(self.config.folder).as_posix()
            for path, reason in self._inventory.unusable().items()
        ]

    def _demand(self, kind: Kind) -> None:
        if kind != self.config.kind:
            raise SourceError(self.config.name, f"it has no {kind}", f"It has {self.config.kind}")
