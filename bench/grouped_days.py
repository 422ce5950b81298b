"""Massive's grouped days: parsing one, and a simulated year of them through Dagster to validated.

The vendor runs in a process of its own, over HTTP. Its limits are left out and worked out instead:
the share of our own work (CPU, the loopback client's included) is that of a backfill at the free
plan's 5 calls a minute.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.result import Line, at_least, at_most
from bench.simulated_vendor import grouped_day, serving
from fundplatform import calendars
from fundplatform.backfill import Backfill
from fundplatform.chain_plan import CHAIN, chain_chunks, chain_days
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.definitions import build_definitions, open_store
from fundplatform.instance import init, open_instance
from fundplatform.quiet import quiet_logger
from fundplatform.settings import Settings
from fundplatform.sources.massive import PROFILE, Massive
from fundplatform.sources.massive.bars import parse_grouped
from fundplatform.sources.web.client import HttpWeb
from fundplatform.sources.web.profile import Access
from fundplatform.sources.web.timing import seconds_for
from fundplatform.sources.web.transport import Answer, RequestsTransport, Timeouts, Transport

NAME = "grouped_days"
_YEAR = (date(2024, 1, 1), date(2024, 12, 31))
_DAYS = (date(2024, 1, 1), date(2024, 1, 9))
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_PRICES = tuple(key for key in CHAIN if key.path[0] in ("prices", "ops"))


@dataclass
class Waiting:
    """A transport that counts the calls and the seconds spent on the vendor."""

    inner: Transport
    calls: int = 0
    seconds: float = 0.0

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The request, timed."""
        begun = time.perf_counter()
        answer = self.inner.get(url, headers)
        self.seconds += time.perf_counter() - begun
        self.calls += 1
        return answer


def run(*, quick: bool) -> list[Line]:
    """Both cases."""
    tickers = 200 if quick else 10_000
    return [*_parsing(tickers, times=3 if quick else 15), *_backfill(tickers, quick=quick)]


def _parsing(tickers: int, times: int) -> list[Line]:
    day = date(2024, 6, 7)
    body = grouped_day(day, tickers)
    pairs = [
        (_cpu(lambda: json.loads(body)), _cpu(lambda: parse_grouped(body, day)))
        for _ in range(times)
    ]
    ratio = median(theirs / ours for theirs, ours in pairs)
    rate = tickers / median(ours for _, ours in pairs)
    note = f"{tickers} rows, {len(body)} bytes, medians of {times}, CPU time"
    return [
        at_least(NAME, "parse of a grouped day, json.loads = 1", ratio, 1.0, note),
        Line(NAME, "parse of a grouped day, rows/s", rate),
    ]


def _backfill(tickers: int, *, quick: bool) -> list[Line]:
    first, last = _DAYS if quick else _YEAR
    with TemporaryDirectory() as folder, serving(tickers) as url:
        waiting = Waiting(RequestsTransport(Timeouts(), PROFILE.max_bytes))
        web = HttpWeb(PROFILE, lambda: _NOW, key="simulated", base_url=url, transport=waiting)
        begun, worked = time.perf_counter(), time.process_time()
        rows = _to_validated(Path(folder), Massive(Access(web, keyed=True)), first, last)
        wall, own = time.perf_counter() - begun, time.process_time() - worked
    expected = len(calendars.get("XNYS").sessions(first, last))
    if (waiting.calls, rows) != (expected, expected * tickers):
        raise RuntimeError(f"{waiting.calls} calls and {rows} rows, expected {expected} calls")
    limits = seconds_for(waiting.calls, PROFILE.rates)
    note = f"{waiting.calls} calls, {rows} rows, Dagster included; {limits:.0f} s at 5 a minute"
    return [
        at_most(NAME, "our share of a grouped backfill", own / (own + limits), 0.05, note),
        Line(NAME, "grouped backfill, our work, s of CPU", own),
        Line(NAME, "grouped backfill without waiting, s", wall - waiting.seconds, note=_load()),
        Line(NAME, "rows per second of CPU", rows / own),
    ]


def _to_validated(home: Path, source: Massive, first: date, last: date) -> int:
    """What the command line does, cut after prices; the rows in prices/validated."""
    settings = Settings(home=home, sources=())
    store = open_store(settings)
    init(settings, store)
    definitions = build_definitions(
        settings,
        sources=[source],
        store=store,
        publish_after_run=False,
        loggers={"console": quiet_logger},
    )
    instance = open_instance(settings)
    whole = definitions.resolve_implicit_global_asset_job_def()
    job = Backfill([source], [source], instance, whole, first, last, store=store)
    for chunk in job.fetches():
        if chunk.first is not None:
            _run(job, chunk)
    days = chain_days(job.all_sources, instance, first, last)
    if days is None:
        raise RuntimeError("nothing was fetched")
    for chunk in chain_chunks(job.standing(), job.all_sources, *days):
        _run(job, replace(chunk, keys=_PRICES))
    return _validated(settings)


def _run(job: Backfill, chunk: Chunk) -> None:
    outcome = run_chunk(chunk, job.job, job.instance)
    if outcome.errors:
        raise RuntimeError(f"{chunk}: {outcome.errors}")


def _validated(settings: Settings) -> int:
    import duckdb

    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        found = connection.execute("SELECT count(*) FROM prices.validated").fetchone()
    return int(found[0]) if found else 0


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
