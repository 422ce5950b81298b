"""A company's former tickers, asked once a month and remembered.

The trap: `META` was an ETF until January 2022, and `FB` is another fund since; without its events
a ticker's range would join two companies.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from fundplatform.sources.massive.bars import ZONE
from fundplatform.sources.massive.reference import Name, parse_events
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.journal import Request
from fundplatform.sources.web.memory import Memory
from fundplatform.sources.web.profile import Reply, Tracked, Web

_ASK_AGAIN = timedelta(days=30)
# Bars use what was once learnt however old it is.
_FOR_EVER = timedelta(days=100 * 365)


def known_names(
    memory: Memory, tracked: Sequence[Tracked], now: datetime
) -> Mapping[str, tuple[Name, ...]]:
    """Ticker -> the tickers of its company, for those that are remembered."""
    today = now.astimezone(ZONE).date()
    found = {t.vendor_symbol: _recalled(memory, t.vendor_symbol, today) for t in tracked}
    return {ticker: names for ticker, names in found.items() if names}


def is_due(memory: Memory, ticker: str, now: datetime) -> bool:
    """Whether the ticker's events were not asked this month."""
    return memory.get(_key(ticker), now.astimezone(ZONE).date(), _ASK_AGAIN) is None


def name_request(ticker: str) -> Request:
    """What is asked for a ticker's events."""
    return Request(f"/vX/reference/tickers/{ticker}/events", {"types": "ticker_change"})


def ask_name(web: Web, memory: Memory, ticker: str, now: datetime) -> Reply | None:
    """Ask for a ticker's events and remember them; None where that was done this month.

    A ticker without events, or unknown to the vendor, is remembered as having only itself. The
    endpoint is experimental: a plan without it is no failure of the fetch.

    Raises:
        VendorError: Any other failure.
    """
    today = now.astimezone(ZONE).date()
    if not is_due(memory, ticker, now):
        return None
    request = name_request(ticker)
    try:
        reply = web.get(request.path, request.params)
    except VendorError as error:
        if error.failure not in (Failure.UNKNOWN_SYMBOL, Failure.NOT_ENTITLED):
            raise
        memory.put(_key(ticker), [], today)
        return None
    names = parse_events(reply.body)
    if ticker not in {n.ticker for n in names if n.last is None}:
        names = ()  # the events are of a company that has given the ticker up
    stored = [[n.ticker, n.first.isoformat(), n.last and n.last.isoformat()] for n in names]
    memory.put(_key(ticker), stored, today)
    return reply


def _recalled(memory: Memory, ticker: str, today: date) -> tuple[Name, ...]:
    found = memory.get(_key(ticker), today, _FOR_EVER)
    if not isinstance(found, list):
        return ()
    day = date.fromisoformat
    return tuple(Name(name, day(first), last and day(last)) for name, first, last in found)


def _key(ticker: str) -> str:
    return f"names/{ticker}"
