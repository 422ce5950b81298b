"""The synthetic market as a source: slices of its frames with the stamps of a fetch.

What happens in the market is in `plan.py`; nothing is generated before the first fetch.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from fundplatform.errors import ConfigError, SourceError
from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    Batch,
    Coverage,
    Kind,
    SourceSpec,
    batch_schema,
)
from fundplatform.sources.synthetic.answers import Answers, answers
from fundplatform.sources.synthetic.market import Market

# Part of every payload hash: raise it when the same arguments give other numbers.
VERSION = 1
# Currencies that do not exist.
CURRENCIES = ("XSA", "XSB", "XSC")
FX_CALENDAR = "24/5"
_LOOKAHEAD = timedelta(days=10)
_DESCRIPTION = """
A **synthetic** market: seeded random walks with splits, dividends, delistings, a rename, a reused
symbol, halts, late listings, and damaged rows. For golden tests and load tests; no number in it
ever was a real price.
"""

Sessions = Callable[[str, date, date], Sequence[date]]


class Synthetic:
    """A market of `symbols` companies, fixed by `seed` and `start`.

    More symbols or a later end only add to it: what the shorter or smaller market holds stays.
    """

    def __init__(
        self,
        symbols: int = 50,
        start: date = date(2015, 1, 2),
        end: date = date(2019, 12, 31),
        seed: int = 7,
        sessions: Sessions | None = None,
    ) -> None:
        """Declare a market; generate nothing.

        Args:
            symbols: Vendor symbols; every 20 of them show every event and every fault.
            start: Start of the coverage; the first session is the first one from there on.
            end: End of the coverage.
            seed: Seed.
            sessions: (calendar, first, last) to sessions; default `fundplatform.calendars`.

        Raises:
            ConfigError: No symbol, or an end before the start.
        """
        if symbols < 1 or end < start:
            problem = f"{symbols} symbols from {start} to {end} make no market"
            raise ConfigError("synthetic", None, problem, "Ask for a symbol and a later end")
        self.symbols, self.start, self.end, self.seed = symbols, start, end, seed
        self._sessions = sessions or _calendar

    @property
    def spec(self) -> SourceSpec:
        """The declaration."""
        whole = Coverage("XNYS", self.start, self.end)
        unpartitioned = Coverage("XNYS", self.start, self.end, partitioned=False)
        return SourceSpec(
            name="synthetic",
            title=f"Synthetic market (seed {self.seed}, not real data)",
            asset_class="equity",
            market="US",
            quote="USD",
            kinds={
                Kind.OHLCV: whole,
                Kind.CORPORATE_ACTIONS: unpartitioned,
                Kind.SHARES: unpartitioned,
                Kind.MARKET_CAPS: whole,
                Kind.FX: Coverage(FX_CALENDAR, self.start, self.end),
            },
            priority=1000,
            description=_DESCRIPTION.strip(),
        )

    @cached_property
    def market(self) -> Market:
        """The market itself, generated on first use and kept."""
        days = self._sessions("XNYS", self.start, self.end + _LOOKAHEAD)
        return Market(self.seed, self.symbols, days, sum(day > self.end for day in days))

    def answers(self) -> Answers:
        """What is true in this market, and every fault in it."""
        return answers(self.market)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """Every meaning of every symbol; a renamed company keeps its canonical symbol."""
        if kind is Kind.FX:
            return self._pairs()
        known = self.market.listings.with_columns(
            asset_class=pl.lit("equity"), market=pl.lit("US"), quote=pl.lit("USD")
        )
        return known.select(LISTING_SCHEMA.names())

    def about(self, kind: Kind) -> int:
        """A row a day of each symbol or currency; nothing is generated. See `Sized.about`."""
        series = len(CURRENCIES) if kind is Kind.FX else self.symbols
        return series * ((self.end - self.start).days + 1)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """The rows of the range; for actions and shares all of them."""
        rows, rejected = self._whole(kind), REJECT_SCHEMA.to_frame()
        if kind is Kind.OHLCV:
            rejected = self.market.rejected.with_columns(payload_hash=pl.lit(self._hash(kind)))
        payload = {
            "payload_hash": self._hash(kind),
            "name": self._label(kind),
            "bytes": len(self._label(kind)),
            "rows": rows.height + rejected.height,
            "fetched_at": now,
        }
        within = pl.col("session").is_between(first, last)
        if self.spec.kinds[kind].partitioned:
            rows, rejected = rows.filter(within), rejected.filter(within)
        return Batch(
            _completed(kind, rows, self._hash(kind), now),
            rejected.select(REJECT_SCHEMA.names()),
            pl.DataFrame([payload], schema=PAYLOAD_SCHEMA),
        )

    def _whole(self, kind: Kind) -> pl.DataFrame:
        match kind:
            case Kind.OHLCV:
                return self.market.bars
            case Kind.CORPORATE_ACTIONS:
                return self.market.actions
            case Kind.SHARES:
                return self.market.shares
            case Kind.MARKET_CAPS:
                return self.market.caps.with_columns(known_on="session")
            case Kind.FX:
                return self._rates
        raise SourceError(
            "synthetic", f"it has no {kind}", f"Ask for one of {list(self.spec.kinds)}"
        )

    @cached_property
    def _rates(self) -> pl.DataFrame:
        """USD per unit of each invented currency, rounded to six decimals."""
        days = self._sessions(FX_CALENDAR, self.start, self.end)
        frames = []
        for number, currency in enumerate(CURRENCIES):
            entropy = np.random.SeedSequence((self.seed, 0, number))
            noise = np.random.Generator(np.random.PCG64(entropy)).standard_normal(len(days))
            value = np.round((0.5 + number) * np.exp(np.cumsum(0.005 * noise)), 6)
            frames.append(
                pl.DataFrame({"session": days, "value": value}).with_columns(
                    vendor_symbol=pl.lit(f"{currency}USD"), vintage="session"
                )
            )
        return pl.concat(frames).sort("session", maintain_order=True)

    def _pairs(self) -> pl.DataFrame:
        spans = self._rates.group_by("vendor_symbol", maintain_order=True).agg(
            valid_from=pl.col("session").min(), valid_to=pl.col("session").max()
        )
        return spans.with_columns(
            symbol=pl.col("vendor_symbol").str.head(3),
            asset_class=pl.lit("fx"),
            market=pl.lit("FX"),
            quote=pl.lit("USD"),
            name="Synthetic currency " + pl.col("vendor_symbol").str.head(3),
        ).select(LISTING_SCHEMA.names())

    def _label(self, kind: Kind) -> str:
        return (
            f"synthetic {VERSION} {kind} seed={self.seed} symbols={self.symbols} "
            f"{self.start}..{self.end}"
        )

    def _hash(self, kind: Kind) -> str:
        return hashlib.sha256(self._label(kind).encode()).hexdigest()


def _completed(kind: Kind, rows: pl.DataFrame, digest: str, now: datetime) -> pl.DataFrame:
    """The columns that all rows of a kind share, in the exact schema of the kind."""
    constants = {
        "interval": pl.lit("1d"),
        "quote": pl.lit("USD"),
        "currency": pl.lit("USD"),
        "adjustment": pl.lit("none"),
        "reference": pl.lit("synthetic"),
        "fetched_at": pl.lit(now),
        "payload_hash": pl.lit(digest),
    }
    if kind is Kind.OHLCV:
        midnight = pl.col("session").cast(pl.Datetime("us"))
        constants["bar_open_at"] = midnight.dt.replace_time_zone("UTC")
    if "known_on" in rows.columns:
        # Published after the close, New York; 22:00 UTC is after it in summer and in winter.
        constants["known_at"] = pl.col("known_on").dt.combine(time(22)).dt.replace_time_zone("UTC")
    columns = [
        (pl.col(n) if n in rows.columns else constants.get(n, pl.lit(None))).cast(t).alias(n)
        for n, t in batch_schema(kind).items()
    ]
    return rows.select(columns)


def _calendar(name: str, first: date, last: date) -> Sequence[date]:
    # Imported late: exchange calendars are slow to load, and a declaration needs none.
    from fundplatform import calendars

    return calendars.get(name).sessions(first, last)
