"""Finnhub's bars: candles where the key has them, else the newest session's quotes.

Candles belong to paid plans: the first fetch finds out with one call, and that is remembered for a
month. A quote is a bar only between its session's close and the next opening.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from fundplatform.sources.finnhub.answers import NEW_YORK, parse_candles, parse_quote
from fundplatform.sources.finnhub.profile import NAME
from fundplatform.sources.web.collect import Collector
from fundplatform.sources.web.columns import listing
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.plan import Bound, Plan
from fundplatform.sources.web.profile import Access, Tracked, Web
from fundplatform.sources.web.sessions import newest, published, still_coming

CALENDAR, MARKET = "XNYS", "US"
LAG = timedelta(hours=2)
_ENTITLED = "candles"
_ASK_AGAIN = timedelta(days=30)

Asked = Sequence[tuple[Tracked, Sequence[date]]]


def collect(access: Access, collector: Collector, now: datetime) -> None:
    """Take the bars of what is tracked.

    Raises:
        VendorError: An answer is a failure; NOT_ENTITLED where the key has no candles and the
            range does not hold the newest session.
    """
    done, coming = published(CALENDAR, collector.first, collector.last, LAG, now)
    collector.not_published(coming)
    asked = [(t, own) for t in access.tracked if (own := _during(t, done))]
    if asked and not _candles(access, collector, asked, now):
        _quotes(access.web, collector, asked, now)


def plan(access: Access, first: date, last: date, now: datetime) -> Plan:
    """The requests of `collect`; whether a key of unknown rights has candles, the first tells."""
    done, _ = published(CALENDAR, first, last, LAG, now)
    asked = [(t, own) for t in access.tracked if (own := _during(t, done))]
    candles = [_candle_of(tracked, own) for tracked, own in asked]
    session = newest(CALENDAR, LAG, now)
    quotes = [_quote_of(tracked) for tracked, own in asked if session in own]
    entitled = _entitled(access, now)
    if entitled is None and candles:
        if quotes:
            return Plan([candles[0], *quotes], Bound.AT_MOST, "one less where the key has candles")
        return Plan(candles, Bound.AT_MOST, "one where the key has no candles")
    return Plan(quotes if entitled is False else candles)


def _entitled(access: Access, now: datetime) -> object:
    """Whether the key has candles; None where that was not found out within the month."""
    today = now.astimezone(ZoneInfo(NEW_YORK)).date()
    return access.memory.get(_ENTITLED, today, _ASK_AGAIN)


def _candles(access: Access, collector: Collector, asked: Asked, now: datetime) -> bool:
    """Take the candles; False where the key has none.

    A key of unknown rights is judged by the first stock it asks for; one that had candles, by
    being refused for every stock (a single foreign one may be outside its plan).
    """
    memory, today = access.memory, now.astimezone(ZoneInfo(NEW_YORK)).date()
    entitled = _entitled(access, now)
    if entitled is False:
        return False
    refused: list[tuple[str, VendorError]] = []
    latest: list[date] = []
    for tracked, own in asked:
        try:
            latest += _candle(access.web, collector, tracked, own)
            entitled = True
        except VendorError as error:
            if error.failure not in (Failure.NOT_ENTITLED, Failure.UNKNOWN_SYMBOL):
                raise
            refused.append((tracked.vendor_symbol, error))
            if error.failure is Failure.NOT_ENTITLED and entitled is None:
                break
    outside = [e for _, e in refused if e.failure is Failure.NOT_ENTITLED]
    if outside and (entitled is None or len(outside) == len(asked)):
        memory.put(_ENTITLED, False, today)
        return False
    memory.put(_ENTITLED, True, today)
    for symbol, refusal in refused:
        collector.skip(symbol, refusal.failure, refusal.problem)
    done = sorted({s for _, own in asked for s in own})
    collector.not_published(still_coming(done, max(latest, default=None), now))
    return True


def _candle(web: Web, collector: Collector, tracked: Tracked, own: Sequence[date]) -> list[date]:
    """One stock's candles; its sessions."""
    first, last, symbol = own[0], own[-1], tracked.vendor_symbol
    request = _candle_of(tracked, own)
    reply = web.get(request.path, request.params)
    bars = parse_candles(reply.body, symbol, first, last)
    collector.add(reply, bars.rows, bars.rejected)
    if bars.rows.height:
        collector.list(listing(tracked, bars.rows["session"], MARKET))
    elif bars.rejected.is_empty():
        why = f"no candle in {first}..{last}; an unknown symbol is answered the same way"
        collector.skip(symbol, Failure.NO_DATA, why)
    return bars.rows["session"].to_list()


def _quotes(web: Web, collector: Collector, asked: Asked, now: datetime) -> None:
    """Take the newest session's bars; a free key has nothing older."""
    session = newest(CALENDAR, LAG, now)
    done = sorted({s for _, own in asked for s in own})
    if session is None or session not in done:
        raise VendorError(
            NAME,
            Failure.NOT_ENTITLED,
            f"the key has no candles, and a quote is of the newest session ({session}) only",
            "Take a plan with stock candles, or another source for older sessions",
        )
    collector.not_published(s for s in done if s != session)
    found = [_quote(web, collector, t, session) for t, own in asked if session in own]
    if not any(found):
        collector.not_published([session])


def _quote(web: Web, collector: Collector, tracked: Tracked, session: date) -> bool:
    """One stock's quote; whether it is this session's bar."""
    symbol, request = tracked.vendor_symbol, _quote_of(tracked)
    reply = web.get(request.path, request.params)
    bars = parse_quote(reply.body, symbol)
    own = bars.rows.filter(pl.col("session") == session)
    collector.add(reply, own, bars.rejected.with_columns(session=pl.lit(session)))
    if own.height:
        collector.list(listing(tracked, own["session"], MARKET))
        return True
    if bars.rejected.height:
        return True
    if bars.rows.is_empty():
        collector.skip(symbol, Failure.UNKNOWN_SYMBOL, "the quote is 0 at the time 0")
    elif (day := bars.rows["session"].item()) < session:
        collector.skip(symbol, Failure.NO_DATA, f"its last trade was on {day}")
    else:
        # The next session has opened: its quote is no bar yet, and the older one is gone.
        collector.skip(symbol, Failure.HISTORY_UNAVAILABLE, f"the session of {day} has begun")
    return False


def _candle_of(tracked: Tracked, own: Sequence[date]) -> Request:
    span = {"from": f"{_second(own[0])}", "to": f"{_second(own[-1]) + 86_399}"}
    return Request("/stock/candle", {"symbol": tracked.vendor_symbol, "resolution": "D", **span})


def _quote_of(tracked: Tracked) -> Request:
    return Request("/quote", {"symbol": tracked.vendor_symbol})


def _during(tracked: Tracked, sessions: Sequence[date]) -> list[date]:
    """The sessions for which a listing is tracked."""
    return [s for s in sessions if tracked.since <= s <= (tracked.until or s)]


def _second(day: date) -> int:
    return round(datetime.combine(day, time(), UTC).timestamp())
