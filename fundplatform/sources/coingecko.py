"""CoinGecko: market caps by UTC day and circulating supply of coins, with a demo key.

Prices are not taken: CoinGecko's are averages over exchanges, not trades. One coin a request for
caps (the last 365 days on a demo key), 250 coins a request for supply.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

import polars as pl

from fundplatform.errors import ConfigError, SourceError
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.lists import Layout, changed, decoded, originals
from fundplatform.sources.web.pairs import (
    DAY,
    Answer,
    fetch_days,
    last_finished,
    listing,
    listings,
    milliseconds,
    rejects,
)
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply, Tracked

LAG = timedelta(minutes=45)
"""CoinGecko has the point of midnight 35 minutes after it; its cache ends at 00:40 UTC."""
HISTORY = 365
"""Days back that a demo key reaches."""
PAGE = 250
"""Coins in a page of /coins/markets at most."""

_CAPS = Layout("coingecko", ("time", "market_cap"))
_SUPPLY = Layout(
    "coingecko", ("circulating_supply", "id", "last_updated"), frozenset({"id", "last_updated"})
)
_DAY_MS = 86_400_000

# Symbols are not unique there, ids are; others are named by their id in tracked.yaml.
IDS = {
    "ADA": "cardano",
    "ATOM": "cosmos",
    "AVAX": "avalanche-2",
    "BCH": "bitcoin-cash",
    "BNB": "binancecoin",
    "BTC": "bitcoin",
    "DOGE": "dogecoin",
    "DOT": "polkadot",
    "ETC": "ethereum-classic",
    "ETH": "ethereum",
    "FIL": "filecoin",
    "LINK": "chainlink",
    "LTC": "litecoin",
    "POL": "polygon-ecosystem-token",
    "SOL": "solana",
    "TRX": "tron",
    "UNI": "uniswap",
    "USDC": "usd-coin",
    "USDT": "tether",
    "XLM": "stellar",
    "XMR": "monero",
    "XRP": "ripple",
    "XTZ": "tezos",
    "ZEC": "zcash",
}

_CODES = {
    429: (Failure.RATE_LIMITED, "Ask less often"),
    10002: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key"),
    10005: (Failure.NOT_ENTITLED, "The plan does not include it"),
    10010: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key; a paid key has another address"),
    10011: (Failure.AUTH, "Set COINGECKO_API_KEY to a demo key; a paid key has another address"),
    10012: (Failure.HISTORY_UNAVAILABLE, f"A demo key reaches back {HISTORY} days"),
}


def classify(reply: Reply) -> Refusal | None:
    """Failures are objects with `status.error_code` (also below `error`) or a text `error`."""
    if b'"error' not in reply.body[:4096]:
        return None
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    told = body.get("error")
    outer = told if isinstance(told, dict) else body
    status = outer.get("status")
    if isinstance(status, dict) and "error_code" in status:
        return _coded(status)
    if isinstance(told, str):
        if "not found" in told.lower():
            return Refusal(Failure.UNKNOWN_SYMBOL, told, "Name the coin by its CoinGecko id")
        if reply.status == 200:
            return Refusal(Failure.SCHEMA_CHANGED, told, "The request is no longer understood")
    return None


def _coded(status: Mapping[str, object]) -> Refusal:
    code, said = status["error_code"], str(status.get("error_message", ""))[:300]
    if code == 429 and "month" in said.lower():
        return Refusal(Failure.QUOTA_EXHAUSTED, said, "The month's calls are used up")
    known = _CODES.get(code) if isinstance(code, int) else None
    failure, remedy = known or (Failure.SCHEMA_CHANGED, "See CoinGecko's list of error codes")
    return Refusal(failure, f"error_code {code}: {said}", remedy)


PROFILE = Profile(
    name="coingecko",
    base_url="https://api.coingecko.com/api/v3",
    classify=classify,
    rates=(Rate(30, 60.0), Rate(10_000, 30 * 86_400.0)),
    key_env="COINGECKO_API_KEY",
    key_header="x-cg-demo-api-key",
    headers={"User-Agent": "fundplatform", "Accept": "application/json"},
    check=("/ping", {}),
)
SPEC = SourceSpec(
    name="coingecko",
    title="CoinGecko market caps and supply",
    asset_class="crypto",
    market="CRYPTO",
    quote="USD",
    kinds={
        Kind.MARKET_CAPS: Coverage("24/7", date(2013, 4, 28), lag=LAG),
        Kind.SHARES: Coverage("24/7", date(2013, 4, 28), partitioned=False),
    },
    description=(
        "Market caps in USD at the end of each UTC day, and the circulating supply now. Demo "
        f"key: the last {HISTORY} days, 10,000 calls a month. Attribution: data by CoinGecko."
    ),
    url="https://docs.coingecko.com/reference/coins-id-market-chart-range",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """(BTC, USD) -> bitcoin.

    Raises:
        ConfigError: The symbol is not in `IDS`: which of several coins is meant is not guessed.
    """
    if symbol not in IDS:
        raise ConfigError(
            "tracked.yaml",
            f"{symbol}/{quote}",
            "symbols are not unique at CoinGecko",
            f"Give the coin's id, like: {symbol}/{quote}: {{as: the-coins-id}}",
        )
    return IDS[symbol]


def parse_caps(reply: Reply, coin: Tracked) -> Answer:
    """Market caps at 00:00 UTC, the close of the day before. The last point, if odd, is now.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    body = decoded("coingecko", reply)
    if not isinstance(body, dict) or "market_caps" not in body:
        raise changed("coingecko", reply, "field market_caps is missing")
    points = body["market_caps"]
    numbers, unread = _CAPS.read(reply, points)
    time = pl.col("time").cast(pl.Int64())
    at_close = time % _DAY_MS == 0
    now = pl.col("row_number") == pl.col("row_number").max()
    odd = numbers.filter(~at_close & ~now).with_columns(reason=pl.lit("time is no 00:00 UTC"))
    rows = numbers.filter(at_close).select(
        "row_number",
        "market_cap",
        vendor_symbol=pl.lit(coin.vendor_symbol),
        currency=pl.lit("USD"),
        known_at=time.cast(pl.Datetime("ms", "UTC")).cast(pl.Datetime("us", "UTC")),
        session=(time // _DAY_MS - 1).cast(pl.Int32()).cast(pl.Date()),
    )
    refused = rejects(coin, pl.concat([unread, originals(points, odd)]))
    return Answer(reply, rows, refused)


def parse_supply(reply: Reply) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Circulating supply of coins, as of `last_updated`.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    body = decoded("coingecko", reply)
    if not isinstance(body, list) or not all(isinstance(coin, dict) for coin in body):
        raise changed("coingecko", reply, "a list of coins was expected")
    for name in _SUPPLY.fields:
        if body and not any(name in coin for coin in body):
            raise changed("coingecko", reply, f"field {name} is missing")
    cells = [[coin.get(name) for name in _SUPPLY.fields] for coin in body]
    numbers, unread = _SUPPLY.read(reply, cells)
    texts = [(n, str(c.get("id")), str(c.get("last_updated"))) for n, c in enumerate(body, 1)]
    schema = {"row_number": pl.Int64(), "id": pl.String(), "last_updated": pl.String()}
    named = pl.DataFrame(texts, schema, orient="row").with_columns(
        known_at=pl.col("last_updated").str.to_datetime(time_zone="UTC", strict=False),
    )
    rows = numbers.join(named, on="row_number", maintain_order="left").select(
        "row_number",
        "known_at",
        vendor_symbol="id",
        shares="circulating_supply",
        measured_on=pl.col("known_at").dt.date(),
    )
    refused = originals(body, unread).join(named.select("row_number", "id"), on="row_number")
    return rows, refused.rename({"id": "vendor_symbol"}).with_columns(rule=pl.lit("unparseable"))


@dataclass(frozen=True)
class Coingecko:
    """CoinGecko as a source (implements `sources.base.Source`)."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return replace(SPEC, tracked=tuple(t.vendor_symbol for t in self.access.tracked))

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

    def _caps(self, today: date, coin: Tracked, first: date, last: date) -> Iterator[Answer]:
        # A day's cap at its close is the point of the next midnight.
        # An hour more on both sides: whether the ends belong to the range is not documented.
        begin, end = milliseconds(first + DAY) // 1000, milliseconds(last + DAY) // 1000
        span = {"from": str(begin - 3600), "to": str(end + 3600)}
        path = f"/coins/{coin.vendor_symbol}/market_chart/range"
        params = {"vs_currency": "usd", "interval": "daily", "precision": "full", **span}
        answer = parse_caps(self.access.web.get(path, params), coin)
        oldest = answer.rows["session"].min()
        reach = today - timedelta(days=HISTORY)
        if isinstance(oldest, date) and first < oldest and abs((oldest - reach).days) <= 1:
            raise _too_old(coin, first, oldest)
        yield answer

    def _supply(self, first: date, last: date) -> Batch:
        collector = Collector(Kind.SHARES, first, last)
        for coins in _pages(self.access.tracked):
            ids = ",".join(coin.vendor_symbol for coin in coins)
            params = {"vs_currency": "usd", "ids": ids, "per_page": str(PAGE), "page": "1"}
            reply = self.access.web.get("/coins/markets", params)
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
