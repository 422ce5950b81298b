"""Kraken's public REST: daily bars (the newest 720 only) and trades (all of them), without a key.

Older bars come from Kraken's bundles, which are drop folders (layouts kraken_ohlcvt and
kraken_trades); a short gap between the two is filled from trades. Day = UTC.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Coverage, Kind, SourceSpec
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.lists import Layout, changed, decoded
from fundplatform.sources.web.pairs import (
    DAY,
    LAG,
    Answer,
    bars,
    days,
    fetch_days,
    last_finished,
    listings,
    milliseconds,
    rejects,
)
from fundplatform.sources.web.profile import Access, Profile, Rate, Refusal, Reply, Tracked

CAP = 720
"""Bars in an answer at most: the newest ones, whatever was asked."""
PAGE = 1000
"""Trades in an answer at most."""
FILLED_FROM_TRADES = 31
"""Days before the newest 720 bars that are made from trades; a busy day is a minute of calls."""

_BARS = Layout("kraken", ("time", "open", "high", "low", "close", "vwap", "volume", "trade_count"))
_TRADES = Layout(
    "kraken",
    ("price", "volume", "time", "side", "order_type", "misc", "trade_id"),
    frozenset({"side", "order_type", "misc"}),
)
_NANO = 1_000_000
_DAY_S = int(DAY.total_seconds())

# Kraken's own codes, as its pair names and bundles have them.
_CODES = {"BTC": "XBT", "DOGE": "XDG"}

# Start of an error text -> what it means; the first that fits counts.
_MEANS = (
    ("EQuery:Unknown asset pair", Failure.UNKNOWN_SYMBOL, "Name a pair like XBTUSD"),
    ("EQuery:Invalid asset pair", Failure.UNKNOWN_SYMBOL, "Name a pair like XBTUSD"),
    ("EGeneral:Too many requests", Failure.RATE_LIMITED, "Ask less often"),
    ("EGeneral:Temporary lockout", Failure.RATE_LIMITED, "Wait before asking again"),
    ("EAPI:Rate limit exceeded", Failure.RATE_LIMITED, "Ask less often"),
    ("EAPI:", Failure.AUTH, "Public data needs no key: see whether the address is Kraken's"),
    ("EGeneral:Permission denied", Failure.NOT_ENTITLED, "Kraken does not serve this from here"),
    ("EService:", Failure.TRANSIENT, "Try again"),
    ("EGeneral:Internal error", Failure.TRANSIENT, "Try again"),
)


def classify(reply: Reply) -> Refusal | None:
    """Failures are texts in `error`, with status 200; texts that begin with W only warn."""
    if reply.body[:64].replace(b" ", b"").startswith(b'{"error":[]'):
        return None
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    told = body.get("error") if isinstance(body, dict) else None
    errors = [str(e) for e in told if not str(e).startswith("W")] if isinstance(told, list) else []
    if not errors:
        return None
    for begins, failure, remedy in _MEANS:
        if errors[0].startswith(begins):
            return Refusal(failure, errors[0], remedy)
    return Refusal(Failure.SCHEMA_CHANGED, errors[0], "Kraken no longer understands the request")


PROFILE = Profile(
    name="kraken",
    base_url="https://api.kraken.com",
    classify=classify,
    rates=(Rate(1, 1.0),),
    headers={"User-Agent": "fundplatform", "Accept": "application/json"},
    check=("/0/public/SystemStatus", {}),
)
SPEC = SourceSpec(
    name="kraken",
    title="Kraken",
    asset_class="crypto",
    market="CRYPTO",
    quote="USD",
    kinds={
        Kind.OHLCV: Coverage("24/7", date(2013, 9, 10), lag=LAG),
        Kind.TRADES: Coverage("24/7", date(2013, 9, 10), lag=LAG),
    },
    priority=50,
    sparse=True,
    description=(
        "Daily bars and trades by REST, as traded, UTC days. No key. Bars: the newest 720 "
        "days; older ones from Kraken's downloadable bundles (drop folders). "
        "Trades: of pairs tracked with `kinds: [ohlcv, trades]`."
    ),
    url="https://docs.kraken.com/api/docs/rest-api/get-ohlc-data",
)


def vendor_symbol(symbol: str, quote: str) -> str:
    """(BTC, USD) -> XBTUSD, as in Kraken's requests and bundles."""
    return _CODES.get(symbol, symbol) + _CODES.get(quote, quote)


def parse_ohlc(reply: Reply, pair: Tracked) -> Answer:
    """Daily bars, the running one included.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    rows, _ = _result(reply)
    return bars(_BARS, reply, rows, pair)


def parse_trades(reply: Reply, pair: Tracked) -> tuple[Answer, str]:
    """Trades of one page, and the id to ask on from.

    Raises:
        VendorError: The answer has another form (schema_changed).
    """
    rows, last = _result(reply)
    numbers, unread = _TRADES.read(reply, rows)
    day = (pl.col("time") / _DAY_S).floor().cast(pl.Int64())
    # Rounding to microseconds must not carry a trade over midnight.
    micros = pl.min_horizontal(
        (pl.col("time") * 1e6).round().cast(pl.Int64()), (day + 1) * _DAY_S * 1_000_000 - 1
    )
    frame = numbers.select(
        "row_number",
        "price",
        "volume",
        vendor_symbol=pl.lit(pair.vendor_symbol),
        quote=pl.lit(pair.quote),
        trade_id=pl.col("trade_id").cast(pl.Int64()),
        session=day.cast(pl.Int32()).cast(pl.Date()),
        traded_at=micros.cast(pl.Datetime("us", "UTC")),
    )
    return Answer(reply, frame, rejects(pair, unread)), last


def daily(trades: pl.DataFrame) -> pl.DataFrame:
    """Daily bars of one pair's trades: first, highest, lowest, last price; sums; vwap.

    Args:
        trades: As `parse_trades` gives them, of whole days, in any order, ids unique.
    """
    price, volume = pl.col("price"), pl.col("volume")
    session = pl.col("session")
    return (
        trades.sort("trade_id")
        .group_by("vendor_symbol", "session", "quote", maintain_order=True)
        .agg(
            open=price.first(),
            high=price.max(),
            low=price.min(),
            close=price.last(),
            vwap=(price * volume).sum() / volume.sum(),
            volume=volume.sum(),
            trade_count=pl.len(),
        )
        .with_columns(
            bar_open_at=session.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            interval=pl.lit("1d"),
            adjustment=pl.lit("none"),
        )
    )


@dataclass(frozen=True)
class Kraken:
    """Kraken's REST as a source (implements `sources.base.Source`)."""

    access: Access

    @property
    def spec(self) -> SourceSpec:
        """The declaration; the tracked listings are what it is expected to deliver."""
        return replace(SPEC, tracked=tuple(t.vendor_symbol for t in self.access.tracked))

    def listings(self, kind: Kind) -> pl.DataFrame:
        """The tracked pairs (LISTING_SCHEMA)."""
        return listings(self.access.tracked)

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        """Bars or trades of the tracked pairs; see `sources.base.Source.fetch`.

        Raises:
            VendorError: The vendor refuses, its answer cannot be read, or the days asked for lie
                before what it still has (history_unavailable).
        """
        asks = {Kind.OHLCV: self._bars, Kind.TRADES: self._trades}
        if kind not in asks:
            raise SourceError("kraken", f"it has no {kind}", "Ask for ohlcv or trades")
        # A year of a busy pair's trades is a night of calls: only for pairs that ask for them.
        unasked = kind is not Kind.TRADES
        pairs = [p for p in self.access.tracked if p.wants(kind, unasked=unasked)]
        return fetch_days(kind, pairs, (first, last), last_finished(now, LAG), asks[kind])

    def _bars(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        since = str(milliseconds(first) // 1000 - 1)
        params = {"pair": pair.vendor_symbol, "interval": "1440", "since": since}
        answer = parse_ohlc(self.access.web.get("/0/public/OHLC", params), pair)
        oldest = answer.rows["session"].min()
        capped = answer.rows.height + answer.rejected.height >= CAP
        if capped and isinstance(oldest, date) and oldest > first:
            if len(days(first, oldest)) - 1 > FILLED_FROM_TRADES:
                raise _too_old(pair, first, oldest)
            yield from self._from_trades(pair, first, min(last, oldest - DAY))
        yield answer

    def _from_trades(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        """Bars made of trades; each day's are named after the page that ends the range."""
        trades: list[pl.DataFrame] = []
        page: Answer | None = None
        for answer in self._trades(pair, first, last):
            if page is not None:
                yield Answer(page.reply, daily(page.rows.clear()), page.rejected)
            trades.append(answer.rows)
            page = answer
        if page is not None:
            whole = pl.concat(trades).unique("trade_id")
            inside = whole.filter(pl.col("session").is_between(first, last))
            yield Answer(page.reply, daily(inside), page.rejected)

    def _trades(self, pair: Tracked, first: date, last: date) -> Iterator[Answer]:
        since, end = str(milliseconds(first) * _NANO - 1), milliseconds(last + DAY) * _NANO
        while int(since) < end:
            params = {"pair": pair.vendor_symbol, "since": since, "count": str(PAGE)}
            reply = self.access.web.get("/0/public/Trades", params)
            answer, reached = parse_trades(reply, pair)
            yield answer
            if int(reached) <= int(since):
                if answer.rows.height >= PAGE:
                    raise _stands_still(pair, reply)
                return
            since = reached


def _result(reply: Reply) -> tuple[object, str]:
    """The one list in `result`, whatever Kraken calls the pair, and `last`."""
    body = decoded("kraken", reply)
    result = body.get("result") if isinstance(body, dict) else None
    if not isinstance(result, dict):
        raise changed("kraken", reply, "field result is missing")
    if "last" not in result:
        raise changed("kraken", reply, "field last is missing")
    lists = [rows for name, rows in result.items() if name != "last"]
    if len(lists) != 1:
        raise changed("kraken", reply, f"one pair was expected in result, not {len(lists)}")
    last = str(result["last"])
    if not last.isdigit():
        raise changed("kraken", reply, f"field last is no id: {last!r}")
    return lists[0], last


def _too_old(pair: Tracked, first: date, oldest: date) -> VendorError:
    return VendorError(
        "kraken",
        Failure.HISTORY_UNAVAILABLE,
        f"{pair.vendor_symbol} was asked from {first}; the oldest of its newest {CAP} days is "
        f"{oldest}",
        "Drop Kraken's OHLCVT bundle (layout kraken_ohlcvt, docs/drop-folders.md) for the days "
        f"before, and track the pair since {oldest}",
    )


def _stands_still(pair: Tracked, reply: Reply) -> VendorError:
    return VendorError(
        "kraken",
        Failure.TRUNCATED,
        f"a full page of {pair.vendor_symbol} trades names no next one",
        "Fetch again; the days are not recorded",
        payload_hash=reply.digest,
    )
