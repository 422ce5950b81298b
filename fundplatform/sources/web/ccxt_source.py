"""Daily bars of an exchange through ccxt: ccxt's spelling, our requests.

ccxt builds the address and reads the answer; its own session, limiter and retries are never used:
`fetch` is replaced by our `Web`, so that limits, retries, redaction and the archive hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.sources.web.exchange import Exchange, module
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.lists import Layout, changed, decoded
from fundplatform.sources.web.pairs import (
    DAY,
    LAG,
    Answer,
    bars,
    fetch_days,
    last_finished,
    listings,
    milliseconds,
    wanted,
)
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Reply, Tracked

_FIELDS = ("time", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class CcxtSource:
    """An exchange through ccxt (implements `sources.base.Source`)."""

    access: Access
    exchange: Exchange

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return self.access.expecting(self.exchange.spec)

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked pairs (LISTING_SCHEMA)."""
        return listings(self.access.tracked)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Daily bars of the tracked pairs; see `sources.base.Source.fetch`.

        Raises:
            VendorError: The exchange refuses, or its answer cannot be read.
        """
        if kind is not Kind.OHLCV:
            raise SourceError(self.exchange.name, f"it has no {kind}", "Ask for ohlcv")
        finished = last_finished(now, LAG)
        walk = _Walk(self.exchange, routed(self.exchange, self.access))
        return fetch_days(kind, self.access.tracked, (first, last), finished, walk.ask)

    def plan(self, kind: Kind, first: date, last: date, *, now: datetime) -> Plan:
        """The requests of `fetch`, as ccxt writes them, if no day is missing from an answer."""
        noting = replace(self.access, web=_Noting())
        walk = _Walk(self.exchange, routed(self.exchange, noting))
        requests = [
            walk.noted(pair, *window)
            for pair, begin, until in wanted(
                self.access.tracked, (first, last), last_finished(now, LAG)
            )
            for window in _windows(begin, until, self.exchange.limit)
        ]
        return Plan(requests, Bound.AT_LEAST, "and one more where an answer ends with days missing")


class _NotedError(Exception):
    """Instead of an answer: the request that would have been sent."""

    def __init__(self, request: Request) -> None:
        self.request = request
        super().__init__(request.path)


class _Noting:
    """`Web` that asks nothing."""

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Tell the request."""
        raise _NotedError(Request(path, params or {}))


@dataclass(frozen=True)
class _Walk:
    """One pair after the other, window by window."""

    exchange: Exchange
    client: Any

    def ask(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        """Windows of at most `limit` days. A shorter answer is asked on from its end.

        Raises:
            VendorError: The exchange gave its newest bars instead of those asked for
                (history_unavailable), or another failure.
        """
        while first <= last:
            end = _end(first, last, self.exchange.limit)
            answer = self._window(pair, first, end)
            yield answer
            sessions = answer.rows["session"]
            oldest = sessions.min()
            if sessions.len() >= self.exchange.limit and isinstance(oldest, date):
                self._check(pair, first, oldest)
            newest = sessions.filter(sessions.is_between(first, end)).max()
            # Fewer than asked: the vendor's cap, or silent days; the next answer tells.
            first = (newest if isinstance(newest, date) else end) + DAY

    def noted(self, pair: Tracked, first: date, end: date) -> Request:
        """The request for a window; the client's `Web` is a `_Noting`."""
        try:
            self._send(pair, first, end)
        except _NotedError as noted:
            return noted.request
        raise SourceError(self.exchange.name, "ccxt asked nothing", "Look for a newer ccxt")

    def _send(self, pair: Tracked, first: date, end: date) -> None:
        # The end of the last day: some exchanges take it as the first instant not wanted.
        until = {"until": milliseconds(end + DAY) - 1}
        count = min((end - first).days + 1, self.exchange.limit)
        self.client.fetch_ohlcv(pair.vendor_symbol, "1d", milliseconds(first), count, until)

    def _window(self, pair: Tracked, first: date, end: date) -> Answer:
        ccxt = module()
        try:
            self._send(pair, first, end)
        except ccxt.BaseError as error:
            refusal = self.exchange.refusal(error)
            raise VendorError(
                self.exchange.name, refusal.failure, refusal.problem, refusal.remedy
            ) from error
        reply: Reply = self.client.replies[-1]
        rows: list[list[object]] = self.client.candles
        if not rows and not _has_empty_list(decoded(self.exchange.name, reply)):
            # ccxt takes a missing list for an empty one.
            raise changed(self.exchange.name, reply, "the list of bars is missing")
        for place, name in enumerate(_FIELDS):
            if rows and all(row[place] is None for row in rows):
                raise changed(self.exchange.name, reply, f"field {name} cannot be read in any row")
        return bars(Layout(self.exchange.name, _FIELDS), reply, rows, pair, unit=1000)

    def _check(self, pair: Tracked, first: date, oldest: date) -> None:
        if oldest > first:
            raise VendorError(
                self.exchange.name,
                Failure.HISTORY_UNAVAILABLE,
                f"{pair.vendor_symbol} was asked from {first}; a full answer begins at {oldest}",
                f"Track it since {oldest}, or take an older history from another source",
            )


def _has_empty_list(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_empty_list(v) for v in value.values())
    return value == [] or (isinstance(value, list) and any(_has_empty_list(v) for v in value))


def _end(first: date, last: date, limit: int) -> date:
    return min(last, first + timedelta(days=limit - 1))


def _windows(first: date, last: date, limit: int) -> Iterator[tuple[date, date]]:
    while first <= last:
        end = _end(first, last, limit)
        yield first, end
        first = end + DAY


def routed(exchange: Exchange, access: Access) -> Any:  # noqa: ANN401 - ccxt has no types
    """Ccxt's exchange, whose requests go through `access.web`; knows the tracked pairs.

    It keeps `replies` (all of them) and `candles` (the last answer's, in its order, unfiltered).
    """
    ccxt_class = getattr(module(), exchange.ccxt_id or exchange.name)

    class Routed(ccxt_class):  # type: ignore[misc, valid-type]
        replies: list[Reply]
        candles: list[list[object]]

        def fetch(
            self, url: str, method: str = "GET", headers: object = None, body: object = None
        ) -> object:
            path, params = _own_path(exchange, url, method)
            reply = access.web.get(path, params)
            self.replies.append(reply)
            return decoded(exchange.name, reply)

        def parse_ohlcvs(self, ohlcvs: list[object], market: object, *_: object) -> object:
            # ccxt's own sorts and filters, and loses rows without a time.
            self.candles = [self.parse_ohlcv(row, market) for row in ohlcvs]
            return self.candles

    client = Routed({"enableRateLimit": False, "options": dict(exchange.options)})
    client.replies, client.candles = [], []
    if exchange.market_id is not None:
        client.set_markets([_market(exchange.market_id, pair) for pair in access.tracked])
    return client


def _own_path(exchange: Exchange, url: str, method: str) -> tuple[str, dict[str, str]]:
    parts, own = urlsplit(url), urlsplit(exchange.base_url)
    if parts.netloc != own.netloc or method != "GET":
        raise SourceError(
            exchange.name,
            f"ccxt wants to {method} {parts.netloc}{parts.path}",
            f"Give its market_id, so that only {own.netloc} is asked, or correct its base_url",
        )
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def _market(pattern: str, pair: Tracked) -> dict[str, object]:
    base, quote = pair.symbol, pair.quote
    codes = {"base": base, "quote": quote, "baseId": base, "quoteId": quote}
    market_id = pattern.format(
        base=base, quote=quote, base_lower=base.lower(), quote_lower=quote.lower()
    )
    kind = {"type": "spot", "spot": True, "active": True}
    return {"id": market_id, "symbol": pair.vendor_symbol, **codes, **kind}
