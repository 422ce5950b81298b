"""Vendors on the loopback that answer in their own words for any span, and can be made to wait.

    with opened() as market:
        settings.environment["FUNDPLATFORM_COINBASE_URL"] = market.url("coinbase")
        market.hold("ETH-USD")        # the next new request of these words waits for its answer
        market.held.wait(60)          # it has arrived
        market.release()

Every call is kept, with how many of its vendor were under way at once; one whose asker hung up is
not. What days they tell of is arithmetic: the price of a day is its ordinal.
"""

import json
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from fundplatform.clock import utc_now

Params = dict[str, str]


def price(day: date) -> float:
    """What everything costs on a day."""
    return float(day.toordinal() % 1000 + 1)


def _days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _seconds(day: date, hour: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp())


def coinbase(path: str, params: Params) -> object:
    """`[time, low, high, open, close, volume]`, the newest first."""
    found = [(_seconds(d), price(d)) for d in _days(params["start"], params["end"])]
    return [[at, p, p + 1, p, p, 1] for at, p in reversed(found)]


def kraken(path: str, params: Params) -> object:
    """Rows of texts from `since` to today, the 720 newest at the most."""
    start = datetime.fromtimestamp(int(params["since"]) + 1, UTC).date()
    days = _days(start.isoformat(), utc_now().date().isoformat())[-720:]
    rows = [[_seconds(d), *[str(price(d))] * 5, "1", 1] for d in days]
    return {"error": [], "result": {params["pair"]: rows, "last": _seconds(days[-1])}}


def binance(path: str, params: Params) -> object:
    """Klines of a span."""
    first, last = (
        datetime.fromtimestamp(int(params[name]) / 1000, UTC).date().isoformat()
        for name in ("startTime", "endTime")
    )
    opens = [(_seconds(d) * 1000, str(price(d))) for d in _days(first, last)]
    return [[at, p, p, p, p, "1", at + 86_399_999, "1", 1, "1", "1", "0"] for at, p in opens]


ANSWERS: dict[str, Callable[[str, Params], object]] = {
    "coinbase": coinbase,
    "kraken": kraken,
    "binance": binance,
}


@dataclass
class Market:
    """The server.

    Attributes:
        address: Scheme, host and port.
        calls: Vendor and request of each call, in order of arrival.
        now: Vendor -> calls under way.
        most: Vendor -> calls under way at once, at the most.
        held: Set once a call waits.
    """

    address: str
    calls: list[tuple[str, str]] = field(default_factory=list)
    most: Counter[str] = field(default_factory=Counter)
    held: threading.Event = field(default_factory=threading.Event)
    now: Counter[str] = field(default_factory=Counter)
    _words: str | None = None
    _repeats: bool = False
    _free: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, vendor: str) -> str:
        """For FUNDPLATFORM_<NAME>_URL."""
        return f"{self.address}/{vendor}"

    def hold(self, words: str, *, repeats: bool = False) -> None:
        """Do not answer requests with these words in them.

        Args:
            words: Part of the address.
            repeats: Those that were made before wait too: a client asks again when its patience
                ends, and so its run waits longer than one request can.
        """
        with self._lock:
            self.held.clear()
            self._free.clear()
            self._words, self._repeats = words, repeats

    def release(self) -> None:
        """Answer what waits, and everything after it."""
        with self._lock:
            self._words = None
        self._free.set()

    def answer(self, target: str, gone: Callable[[], bool]) -> bytes:
        """The body for a request.

        Args:
            target: What is asked for.
            gone: Whether who asked has hung up.
        """
        _, vendor, path = urlsplit(target).path.split("/", 2)
        with self._lock:
            known = not self._repeats and (vendor, target) in self.calls
            waits = self._words is not None and self._words in target and not known
            self.calls.append((vendor, target))
            self.now[vendor] += 1
            self.most[vendor] = max(self.most[vendor], self.now[vendor])
        if waits:
            self.held.set()
            while not (self._free.wait(0.05) or gone()):
                pass
        with self._lock:
            self.now[vendor] -= 1
        params = dict(parse_qsl(urlsplit(target).query))
        return json.dumps(ANSWERS[vendor](path, params)).encode()


@contextmanager
def opened() -> Iterator[Market]:
    """A market on 127.0.0.1, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = market.answer(self.path, self.gone)
            with suppress(OSError):  # who asked was killed
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def gone(self) -> bool:
            waiting, _, _ = select.select([self.connection], [], [], 0)
            return bool(waiting) and not self.connection.recv(1, socket.MSG_PEEK)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    market = Market(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield market
    finally:
        market.release()
        server.shutdown()
        server.server_close()
