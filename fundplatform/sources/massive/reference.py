"""Massive's ticker overview and ticker events -> a share count, and a company's former tickers.

One object an answer, no tables. When a count became known is the source's rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from fundplatform.sources.massive.profile import NAME
from fundplatform.sources.web.records import Field, changed, document, rows_of, typed

_EVENT = (
    Field("date", "day", "date", key=True),
    Field("type", "type", "text"),
    Field("ticker", "ticker", "text", key=True),
)
_SHARES = "share_class_shares_outstanding"


@dataclass(frozen=True)
class Overview:
    """What a ticker is.

    Attributes:
        name: Long name.
        shares: Shares of this class outstanding; None where the vendor has no count (funds).
    """

    name: str | None
    shares: float | None


@dataclass(frozen=True)
class Name:
    """A ticker and when it was the company's.

    Attributes:
        ticker: The ticker.
        first: Its first day.
        last: Its last day; None for the one in force.
    """

    ticker: str
    first: date
    last: date | None


def parse_overview(body: bytes, ticker: str) -> Overview:
    """One ticker's overview.

    The count is of the ticker's own share class; `weighted_shares_outstanding`, which converts
    the company's other classes into it, would count a company of two tickers twice.

    Raises:
        VendorError: SCHEMA_CHANGED, naming the field; an unreadable count as well.
    """
    found = _results(body)
    if found.get("ticker") != ticker:
        raise changed(NAME, "field ticker", f"is {found.get('ticker')!r}, asked was {ticker!r}")
    fields = (
        Field("name", "name", "text", required=False),
        Field(_SHARES, "shares", "number", required=False),
    )
    frame, rejected = typed(NAME, [found], fields)
    if rejected.height:
        raise changed(NAME, f"field {_SHARES}", f"cannot be read: {rejected['reason'][0]}")
    name, shares = frame.select("name", "shares").row(0)
    return Overview(name, shares)


def parse_events(body: bytes) -> tuple[Name, ...]:
    """The tickers a company has had, oldest first; each ends the day before the next begins.

    Nothing where it never changed.

    Raises:
        VendorError: SCHEMA_CHANGED.
    """
    flat = [_flat(event) for event in rows_of(NAME, _results(body), "events")]
    frame, rejected = typed(NAME, flat, _EVENT)
    if rejected.height:
        raise changed(NAME, "field events", f"cannot be read: {rejected['reason'][0]}")
    changes = sorted(
        (day, ticker)
        for day, kind, ticker in frame.select("day", "type", "ticker").iter_rows()
        if kind == "ticker_change"
    )
    ends = [*(day - timedelta(days=1) for day, _ in changes[1:]), None][: len(changes)]
    return tuple(Name(ticker, day, last) for (day, ticker), last in zip(changes, ends, strict=True))


def _results(body: bytes) -> Mapping[str, object]:
    found = document(NAME, body).get("results")
    if not isinstance(found, dict):
        raise changed(NAME, "field results", "is missing or no object")
    return found


def _flat(event: object) -> object:
    """The event with its ticker beside its date."""
    if not isinstance(event, dict):
        return event
    change = event.get("ticker_change")
    ticker = change.get("ticker") if isinstance(change, dict) else None
    return {"date": event.get("date"), "type": event.get("type"), "ticker": ticker}
