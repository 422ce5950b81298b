"""Vendors for days that are played through: late, restating, dead for a while, told by the clock.

Prices are a fixed walk by symbol and session, so a warehouse that was filled day by day and one
that was filled at once must hold the same.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from fundplatform import calendars
from fundplatform.errors import SourceError
from fundplatform.settings import Settings
from fundplatform.sources.base import (
    LISTING_SCHEMA,
    Batch,
    Coverage,
    Kind,
    SourceSpec,
    batch_schema,
)
from fundplatform.sources.web.profile import Reply

LAG = timedelta(hours=2)
INDEX = """
name: mine
title: Mine
universe: {asset_classes: [equity]}
n: 2
rank_by: dollar_volume
window: 3
"""


class Nowhere:
    """Requests that nobody makes: the vendor's answers are its own."""

    def get(self, path: str, params: object = None) -> Reply:
        raise NotImplementedError


@dataclass
class World:
    """A vendor of daily bars (implements `sources.base.Source`).

    Attributes:
        name: Of the source.
        symbols: What it has.
        start: Its first session.
        calendar: Its sessions.
        asset_class: Of all symbols.
        priority: Of the source.
        late: It publishes so much later than its lag says.
        dead: It does not answer from the first instant to the second.
        restated: (symbol, session) -> (from when on, factor of the close).
        asked: Every range asked for with success.
    """

    name: str
    symbols: Sequence[str]
    start: date
    calendar: str = "XNYS"
    asset_class: str = "equity"
    priority: int = 100
    late: timedelta = timedelta()
    dead: tuple[datetime, datetime] | None = None
    restated: Mapping[tuple[str, date], tuple[datetime, float]] = field(default_factory=dict)
    asked: list[tuple[date, date]] = field(default_factory=list)

    @property
    def spec(self) -> SourceSpec:
        market = "CRYPTO" if self.asset_class == "crypto" else "US"
        kinds = {Kind.OHLCV: Coverage(self.calendar, self.start, lag=LAG)}
        return SourceSpec(
            self.name, f"The vendor {self.name}", self.asset_class, market, "USD", kinds,
            priority=self.priority,
        )  # fmt: skip

    def listings(self, kind: Kind) -> pl.DataFrame:
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """What is published by now; what is not is told as absent."""
        if self.dead and self.dead[0] <= now < self.dead[1]:
            raise SourceError(self.name, "it does not answer", "Try again later")
        self.asked.append((first, last))
        closes = calendars.get(self.calendar).closes(max(first, self.start), last)
        there = closes.filter(pl.col("close_at") + LAG + self.late <= now)["session"].to_list()
        rows = pl.DataFrame(
            [self._row(symbol, day, now) for symbol in self.symbols for day in there],
            batch_schema(kind),
        )
        listings = pl.DataFrame(
            [self._listing(s, there) for s in self.symbols if there], LISTING_SCHEMA, orient="row"
        )
        absent = frozenset(closes["session"].to_list()) - frozenset(there)
        return Batch(rows, listings=listings, absent=absent)

    def _row(self, symbol: str, day: date, now: datetime) -> dict[str, object]:
        since, factor = self.restated.get((symbol, day), (now, 1.0))
        close = price(symbol, day) * (factor if now >= since else 1.0)
        low, high = 0.99 * close, 1.01 * close
        return {
            "vendor_symbol": symbol, "interval": "1d", "quote": "USD", "session": day,
            "bar_open_at": datetime.fromisoformat(f"{day}T00:00:00+00:00"),
            "open": close, "high": high, "low": low, "close": close, "volume": 1_000_000.0,
            "vwap": None, "trade_count": None, "adjustment": "none",
            "fetched_at": now, "payload_hash": "0" * 64,
        }  # fmt: skip

    def _listing(self, symbol: str, there: Sequence[date]) -> tuple[object, ...]:
        market = self.spec.market
        return (symbol, symbol, self.asset_class, market, "USD", None, there[0], there[-1])


def price(symbol: str, day: date) -> float:
    """Between 95 and 105 round a level of the symbol's own, another one each day."""
    level = 20 + zlib.crc32(symbol.encode()) % 80
    step = zlib.crc32(f"{symbol} {day}".encode()) % 1001
    return round(level * (0.95 + step / 10_000), 4)


def put_index(settings: Settings) -> None:
    """INDEX among the home's indices."""
    settings.indices.mkdir(parents=True, exist_ok=True)
    (settings.indices / "mine.yaml").write_text(INDEX)
