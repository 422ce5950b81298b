"""CoinGecko as a source: one coin a request for caps, 250 coins a request for supply."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.sources.coingecko.answers import parse_caps, parse_supply
from fundplatform.sources.coingecko.profile import HISTORY, LAG, SPEC
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.pairs import (
    DAY,
    Answer,
    fetch_days,
    last_finished,
    listing,
    listings,
    milliseconds,
    wanted,
)
from fundplatform.sources.web.plan import Plan
from fundplatform.sources.web.profile import Access, Tracked

PAGE = 250
"""Coins in a page of /coins/markets at most."""


@dataclass(frozen=True)
class Coingecko:
    """CoinGecko as a source (implements `sources.base.Source`)."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return self.access.expecting(SPEC)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked coins (LISTING_SCHEMA)."""
        return listings(self.access.tracked)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Caps of a range, or the supply now; see `sources.base.Source.fetch`.

        Raises:
            VendorError: The vendor refuses, its answer cannot be read, or the days asked for lie
                before what the key reaches (history_unavailable).
        """
        if kind is Kind.SHARES:
            return self._supply(first, last)
        if kind is not Kind.MARKET_CAPS:
            raise SourceError("coingecko", f"it has no {kind}", "Ask for market_caps or shares")
        finished, ask = last_finished(now, LAG), partial(self._caps, now.date())
        return fetch_days(kind, self.access.tracked, (first, last), finished, ask)

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`: one a coin, and for supply one for 250 coins."""
        if kind is Kind.SHARES:
            return Plan([_supply_of(coins) for coins in _pages(self.access.tracked)])
        asked = wanted(self.access.tracked, (first, last), last_finished(now, LAG))
        return Plan([_caps_of(*one) for one in asked])

    def _caps(self, today: date, coin: Tracked, first: date, last: date) -> Iterator[Answer]:
        request = _caps_of(coin, first, last)
        answer = parse_caps(self.access.web.get(request.path, request.params), coin)
        oldest = answer.rows["session"].min()
        reach = today - timedelta(days=HISTORY)
        if isinstance(oldest, date) and first < oldest and abs((oldest - reach).days) <= 1:
            raise _too_old(coin, first, oldest)
        yield answer

    def _supply(self, first: date, last: date) -> Batch:
        collector = Collector(Kind.SHARES, first, last)
        for coins in _pages(self.access.tracked):
            request = _supply_of(coins)
            reply = self.access.web.get(request.path, request.params)
            rows, rejected = parse_supply(reply)
            asked = pl.col("vendor_symbol").is_in([coin.vendor_symbol for coin in coins])
            rows, rejected = rows.filter(asked), rejected.filter(asked)
            collector.add(reply, rows, rejected)
            known = {*rows["vendor_symbol"], *rejected["vendor_symbol"]}
            for coin in coins:
                if coin.vendor_symbol not in known:
                    said = "CoinGecko has no coin of this id"
                    collector.skip(coin.vendor_symbol, Failure.UNKNOWN_SYMBOL, said)
                for day in rows.filter(vendor_symbol=coin.vendor_symbol)["measured_on"]:
                    if day is not None:
                        collector.list(listing(coin, day, day))
        return collector.batch()


def _caps_of(coin: Tracked, first: date, last: date) -> Request:
    # A day's cap at its close is the point of the next midnight.
    # An hour more on both sides: whether the ends belong to the range is not documented.
    begin, end = milliseconds(first + DAY) // 1000, milliseconds(last + DAY) // 1000
    span = {"from": str(begin - 3600), "to": str(end + 3600)}
    params = {"vs_currency": "usd", "interval": "daily", "precision": "full", **span}
    return Request(f"/coins/{coin.vendor_symbol}/market_chart/range", params)


def _supply_of(coins: Sequence[Tracked]) -> Request:
    ids = ",".join(coin.vendor_symbol for coin in coins)
    params = {"vs_currency": "usd", "ids": ids, "per_page": str(PAGE), "page": "1"}
    return Request("/coins/markets", params)


def _pages(coins: Sequence[Tracked]) -> Iterator[Sequence[Tracked]]:
    for start in range(0, len(coins), PAGE):
        yield coins[start : start + PAGE]


def _too_old(coin: Tracked, first: date, oldest: date) -> VendorError:
    return VendorError(
        "coingecko",
        Failure.HISTORY_UNAVAILABLE,
        f"{coin.vendor_symbol} was asked from {first}; the answer begins at {oldest}",
        f"A demo key reaches back {HISTORY} days: track the coin since {oldest}",
    )
