"""A vendor in a process of its own: answers grouped days of a made-up market over the loopback.

Seeded random prices in the documented shape; never passed off as real. It has no limits: what they
cost is worked out from the declared ones.
"""

import json
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from zoneinfo import ZoneInfo

_NEW_YORK = ZoneInfo("America/New_York")


def grouped_day(day: date, tickers: int) -> bytes:
    """The answer for one day: so many tickers, each with a bar stamped 16:00 in New York."""
    draw = random.Random(day.toordinal())  # noqa: S311  # no secrets here
    at = round(datetime(day.year, day.month, day.day, 16, tzinfo=_NEW_YORK).timestamp() * 1000)
    rows = [_bar(draw, n, at) for n in range(tickers)]
    head = {"queryCount": tickers, "resultsCount": tickers, "adjusted": False, "status": "OK"}
    return json.dumps({**head, "results": rows, "count": tickers}, separators=(",", ":")).encode()


def _bar(draw: random.Random, number: int, at: int) -> dict[str, object]:
    low, spread = 5 + number % 300 + draw.random(), draw.random()
    return {
        "T": f"S{number:05d}",
        "v": draw.randrange(1_000, 10_000_000),
        "vw": round(low + spread / 2, 4),
        "o": round(low + spread / 3, 4),
        "c": round(low + spread / 2, 4),
        "h": round(low + spread, 4),
        "l": round(low, 4),
        "t": at,
        "n": draw.randrange(1, 50_000),
    }


@contextmanager
def serving(tickers: int) -> Iterator[str]:
    """The address of a vendor with so many tickers, until the end of the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, tickers), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, tickers: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            day = date.fromisoformat(self.path.partition("?")[0].rsplit("/", 1)[-1])
            body = grouped_day(day, tickers)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the bench prints its own table."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_port)
    server.serve_forever()
