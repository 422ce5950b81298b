"""Yahoo on the loopback, asked by the real yfinance: every host it knows is the loopback here.

The handshake with fc.yahoo.com and the crumb are played too, below /elsewhere/<host>.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from fundplatform.sources.web.client import HttpWeb
from fundplatform.sources.web.profile import Access, Profile, Tracked
from fundplatform.sources.yahoo.transport import YfinanceTransport
from fundplatform_tests.sources.vendor_server import Script, Vendor, serving

CRUMB_PATH = "/elsewhere/query1.finance.yahoo.com/v1/test/getcrumb"
CRUMB = "s3cret.crumb"


def transport(vendor: Vendor, max_bytes: int = 2**20, timeout: float = 1.0) -> YfinanceTransport:
    """Yfinance's own session, with every other host sent to the loopback."""
    from curl_cffi import requests
    from yfinance.data import SingletonMeta

    class Loopback(requests.Session):
        def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            parts = urlsplit(url)
            if parts.hostname != "127.0.0.1":
                url = f"{vendor.url}/elsewhere/{parts.hostname}{parts.path or '/'}"
            return super().request(method, url, *args, **kwargs)

    # yfinance keeps one session and crumb per process.
    SingletonMeta._instances.clear()
    vendor.on("/elsewhere/fc.yahoo.com/", Script(b"", 404))
    vendor.on(CRUMB_PATH, Script(CRUMB.encode()))
    return YfinanceTransport(max_bytes, Loopback(impersonate="chrome"), timeout)


def keep_cookies_in(folder: Path) -> None:
    """Yfinance's cookie cache, away from the user's."""
    import yfinance

    yfinance.set_tz_cache_location(str(folder))


@dataclass
class Yahoos:
    """A running Yahoo and our requests to it."""

    vendor: Vendor
    web: HttpWeb

    def access(self, *tracked: Tracked) -> Access:
        return Access(self.web, tracked)


@contextmanager
def wired(profile: Profile, now: datetime) -> Iterator[Yahoos]:
    """Yahoo on the loopback."""
    with serving() as vendor:
        web = HttpWeb(
            profile,
            lambda: now,
            base_url=vendor.url,
            transport=transport(vendor),
            sleep=lambda seconds: None,
        )
        yield Yahoos(vendor, web)


def stamp(day: date, zone: str = "America/New_York", at: time = time(9, 30)) -> int:
    """Unix seconds of an opening."""
    return int(datetime.combine(day, at, ZoneInfo(zone)).timestamp())


def bar(day: date, close: object, **more: object) -> dict[str, object]:
    """A bar of Yahoo's, opening at 09:30 in New York."""
    values = {"open": 10.0, "high": 20.0, "low": 5.0, "close": close, "volume": 1000}
    return {"timestamp": stamp(day), **values, **more}


def chart(
    *bars: dict[str, object],
    splits: dict[date, tuple[float, float]] | None = None,
    dividends: dict[date, float] | None = None,
    gains: dict[date, float] | None = None,
    **meta: object,
) -> dict[str, object]:
    """A chart's answer."""
    facts = {
        "currency": "USD",
        "symbol": "NVDA",
        "fullExchangeName": "NasdaqGS",
        "instrumentType": "EQUITY",
        "firstTradeDate": 917015400,
        "exchangeTimezoneName": "America/New_York",
        "longName": "NVIDIA Corporation",
        "dataGranularity": "1d",
        **meta,
    }
    names = ("open", "high", "low", "close", "volume")
    quote: dict[str, object] = {n: [b[n] for b in bars] for n in names} if bars else {}
    events: dict[str, object] = {}
    if splits:
        events["splits"] = {
            str(stamp(d)): {"date": stamp(d), "numerator": n, "denominator": o, "splitRatio": "x"}
            for d, (n, o) in splits.items()
        }
    for name, paid in (("dividends", dividends), ("capitalGains", gains)):
        if paid:
            events[name] = {str(stamp(d)): {"date": stamp(d), "amount": a} for d, a in paid.items()}
    result: dict[str, object] = {"meta": facts, "indicators": {"quote": [quote]}}
    if bars:
        result["timestamp"] = [b["timestamp"] for b in bars]
    if events:
        result["events"] = events
    return {"chart": {"result": [result], "error": None}}


def refusal(code: str, description: str, box: str = "chart") -> dict[str, object]:
    """Yahoo's error body."""
    return {box: {"result": None, "error": {"code": code, "description": description}}}


def utc(day: date, hour: int) -> datetime:
    """An hour of a day, UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour)
