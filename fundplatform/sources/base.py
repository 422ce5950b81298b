"""What a source is: the kinds of data, its declaration, and the batch that a fetch returns.

A source turns one vendor's bytes into frames with the vendor's symbols. It knows nothing of
Dagster, SQL, instrument ids or other sources. Rows it cannot read become `Batch.rejected`, never
an exception; a payload it cannot read at all raises `SourceError`. What only some sources can say
besides stands in `abilities.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

import polars as pl

from fundplatform import tables
from fundplatform.tables import Table


class Kind(StrEnum):
    """Kinds of data; the last part of the asset key raw/<source>/<kind>."""

    OHLCV = "ohlcv"
    TRADES = "trades"
    FX = "fx"
    RATES = "rates"
    ECONOMIC = "economic"
    CORPORATE_ACTIONS = "corporate_actions"
    SHARES = "shares"
    MARKET_CAPS = "market_caps"
    FUND_FACTS = "fund_facts"
    HOLDINGS = "holdings"
    PROFILES = "profiles"
    QUOTES = "quotes"

    @property
    def table(self) -> Table:
        """The raw table that keeps this kind."""
        return _TABLES[self]

    @property
    def states(self) -> bool:
        """True where a row says what something is, and not that it traded on that day."""
        return self in (Kind.FUND_FACTS, Kind.HOLDINGS, Kind.PROFILES)


_TABLES: dict[Kind, Table] = {
    Kind.OHLCV: tables.OHLCV,
    Kind.TRADES: tables.TRADES,
    Kind.FX: tables.OBSERVATIONS,
    Kind.RATES: tables.OBSERVATIONS,
    Kind.ECONOMIC: tables.OBSERVATIONS,
    Kind.CORPORATE_ACTIONS: tables.CORPORATE_ACTIONS,
    Kind.SHARES: tables.SHARES,
    Kind.MARKET_CAPS: tables.MARKET_CAPS,
    Kind.FUND_FACTS: tables.FUND_FACTS,
    Kind.HOLDINGS: tables.HOLDINGS,
    Kind.PROFILES: tables.PROFILES,
    Kind.QUOTES: tables.QUOTES,
}


@dataclass(frozen=True)
class Coverage:
    """What a source has of one kind.

    Attributes:
        calendar: Calendar whose sessions are expected (see `fundplatform.calendars`).
        start: First session.
        end: Last session of a finished data set; None while it grows.
        partitioned: False for small wholes that are fetched at once (corporate actions, shares).
        lag: Time from a session's close until the vendor has published it; None where the
            listings say what is there (files).
    """

    calendar: str
    start: date
    end: date | None = None
    partitioned: bool = True
    lag: timedelta | None = None


@dataclass(frozen=True)
class SourceSpec:
    """The declaration of a source: everything the platform derives assets, checks and docs from.

    Attributes:
        name: Identifier, `[a-z][a-z0-9_]*`; the asset key is raw/<name>/<kind>.
        title: One line for people.
        asset_class: equity, etf, fund, crypto, fx, commodity, rate, economic.
        market: US, CRYPTO, FX, ...; with asset class, symbol and quote it identifies instruments.
        quote: Default quote currency.
        adjustment: Basis of its prices: none, split or split_div.
        priority: Lower wins where several sources have the same bar.
        kinds: What it has.
        description: Origin, licence, limits (Markdown, shown in the UI).
        owner: Person or team, for the UI.
        url: Where its data comes from.
        tracked: Vendor symbols it is expected to deliver; None: every listing.
        sparse: True where it sends no bar for a session in which nothing traded.
    """

    name: str
    title: str
    asset_class: str
    market: str
    quote: str
    kinds: Mapping[Kind, Coverage]
    adjustment: str = "none"
    priority: int = 100
    description: str = ""
    owner: str = "team:data"
    url: str | None = None
    tracked: tuple[str, ...] | None = None
    sparse: bool = False


# The columns of `Batch.rows` by kind: the raw table's columns with `vendor_symbol` for the ids;
# recorded_from and run_id are the warehouse's.
def batch_schema(kind: Kind) -> pl.Schema:
    """The exact schema of `Batch.rows`: vendor_symbol, then the raw table's own columns."""
    skip = {"source_id", "instrument_id", "recorded_from", "run_id"}
    own = {n: t for n, t in kind.table.polars_schema.items() if n not in skip}
    return pl.Schema({"vendor_symbol": pl.String(), **own})


LISTING_SCHEMA = pl.Schema(
    {
        "vendor_symbol": pl.String(),
        "symbol": pl.String(),
        "asset_class": pl.String(),
        "market": pl.String(),
        "quote": pl.String(),
        "name": pl.String(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
    }
)
"""One row per meaning of a vendor symbol: canonical symbol, identity, first and last session.

A vendor symbol whose own history has a gap of more than 60 sessions has one row per stretch.
"""

REJECT_SCHEMA = pl.Schema(
    {
        "payload_hash": pl.String(),
        "row_number": pl.Int64(),
        "session": pl.Date(),
        "vendor_symbol": pl.String(),
        "rule": pl.String(),
        "reason": pl.String(),
        "row": pl.String(),
    }
)

PAYLOAD_SCHEMA = pl.Schema(
    {
        "payload_hash": pl.String(),
        "name": pl.String(),
        "bytes": pl.Int64(),
        "rows": pl.Int64(),
        "fetched_at": pl.Datetime("us", "UTC"),
    }
)
"""One row per payload (file or answer): its hash, name, size, and the vendor rows it holds."""

SKIP_SCHEMA = pl.Schema(
    {"vendor_symbol": pl.String(), "failure": pl.String(), "reason": pl.String()}
)
"""One row per symbol that a vendor does not know or has nothing for."""


@dataclass(frozen=True)
class Batch:
    """What one fetch brought.

    Attributes:
        rows: Schema `batch_schema(kind)`, keys unique, every session within the range asked for.
        rejected: Rows that could not become a row (REJECT_SCHEMA). Those whose session cannot be
            read, or lies outside the coverage, come with every batch; storing is idempotent.
        payloads: The payloads that the rows and rejects came from (PAYLOAD_SCHEMA).
        listings: What this fetch learnt of the vendor's symbols (LISTING_SCHEMA, valid_from and
            valid_to = first and last session seen); None: `Source.listings` knows them.
        absent: Sessions that the vendor has not published yet; they are asked for again.
        skipped: Symbols that the vendor does not know or has nothing for (SKIP_SCHEMA).
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame = field(default_factory=lambda: REJECT_SCHEMA.to_frame())
    payloads: pl.DataFrame = field(default_factory=lambda: PAYLOAD_SCHEMA.to_frame())
    listings: pl.DataFrame | None = None
    absent: frozenset[date] = frozenset()
    skipped: pl.DataFrame = field(default_factory=lambda: SKIP_SCHEMA.to_frame())


class Source(Protocol):
    """One vendor, file set or generator."""

    @property
    def spec(self) -> SourceSpec:
        """The declaration; cheap, reads no data."""
        ...

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Every listing this source knows for `kind` (LISTING_SCHEMA), from its whole inventory."""
        ...

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows with `first <= session <= last`; for unpartitioned kinds, all of them.

        Args:
            kind: One of `spec.kinds`.
            first: First session wanted.
            last: Last session wanted.
            now: The clock (aware UTC); becomes `fetched_at` where bytes are read for the first
                time.

        Raises:
            SourceError: The payload is truncated, empty, unreadable or changed while it was read.
        """
        ...


def newest_session(source: Source, kind: Kind, now: datetime) -> date | None:
    """The last session that a growing source has now; None for an ended or an empty one.

    Sessions after it are not there yet: they are asked for again, never taken as fetched. Where
    the coverage states a lag it is the last session with close + lag <= now, else the last one
    that the listings know.

    Raises:
        SourceError: The inventory cannot be read.
    """
    coverage = source.spec.kinds[kind]
    if coverage.end is not None:
        return None
    if coverage.lag is not None:
        return _newest_published(coverage, coverage.lag, now)
    begun = pl.col("valid_from") <= now.date() + timedelta(days=7)
    newest = source.listings(kind).filter(begun)["valid_to"].max()
    return newest if isinstance(newest, date) else None


def _newest_published(coverage: Coverage, lag: timedelta, now: datetime) -> date:
    # Imported late: a calendar's table is of no use to a source that is only declared.
    from fundplatform import calendars

    day = timedelta(days=1)
    first = max(coverage.start, now.date() - lag - 21 * day)
    closes = calendars.get(coverage.calendar).closes(first, now.date() + day)
    published = closes.filter(pl.col("close_at") + lag <= now)["session"].max()
    return published if isinstance(published, date) else coverage.start - day
