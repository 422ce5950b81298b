"""One more session on top of five years against one on top of one year; publishing by itself.

The backfill of the command line, in this process, from files already parsed. The history is
loaded under today's clock; the new sessions come under that of the day after them, so that their
metrics are stored as they would be for a live source.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.inputs import FIRST, LAST, Bars, bars, drop_bars
from bench.result import Line, at_most
from fundplatform import calendars
from fundplatform.backfill import Backfill
from fundplatform.chunks import Outcome
from fundplatform.definitions import build_definitions, open_store, utc_now
from fundplatform.instance import init, open_instance
from fundplatform.quiet import quiet_logger
from fundplatform.settings import Settings
from fundplatform.sources import register

NAME = "one_more_day"


def run(*, quick: bool) -> list[Line]:
    """Load, then add the last sessions one by one."""
    times = 1 if quick else 3
    with TemporaryDirectory() as folder:
        source = bars(Path(folder), quick=quick)
        sessions = calendars.get("XNYS").sessions(FIRST, LAST)
        one_year = sessions[-times - 252]
        short = _added(Path(folder) / "one", source, one_year, sessions[-times - 1 :])
        five = one_year - timedelta(days=90) if quick else FIRST
        long = _added(Path(folder) / "five", source, five, sessions[-times - 1 :])
    note = f"{source.origin}, medians of {times}"
    return [
        at_most(NAME, "a day on five years / on one year", long[0] / short[0], 1.5, note),
        Line(NAME, "a day on five years, s", long[0], note=f"publishing {long[1]:.2f} s"),
        Line(NAME, "a day on one year, s", short[0], note=f"publishing {short[1]:.2f} s"),
    ]


def _added(home: Path, source: Bars, first: date, last: list[date]) -> tuple[float, float]:
    """Median seconds of one more session, and of publishing it."""
    home.mkdir()
    drop_bars(home, source)
    settings = Settings(home=home, sources=())
    _backfill(settings, first, last[0], utc_now)
    open_store(settings).publish()
    days: list[float] = []
    publishing: list[float] = []
    for day in last[1:]:
        now = datetime.combine(day + timedelta(days=1), clock_time(12), UTC)
        days.append(_backfill(settings, first, day, _stopped(now)))
        begun = time.perf_counter()
        open_store(settings).publish()
        publishing.append(time.perf_counter() - begun)
    return median(days), median(publishing)


def _stopped(now: datetime) -> Callable[[], datetime]:
    return lambda: now


def _backfill(settings: Settings, first: date, last: date, clock: Callable[[], datetime]) -> float:
    """Seconds of a backfill up to `last`, wiring included."""
    begun = time.perf_counter()
    store = open_store(settings)
    init(settings, store)
    sources = register.load(settings).sources
    definitions = build_definitions(
        settings,
        sources=sources,
        store=store,
        clock=clock,
        publish_after_run=False,
        loggers={"console": quiet_logger},
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    done: list[Outcome] = []
    with open_instance(settings) as instance:
        whole = Backfill(sources, sources, instance, job, first, last, store=store)
        whole.run(lambda _: None, done.append)
    if errors := [o.errors for o in done if o.errors] or not done:
        raise RuntimeError(f"the backfill up to {last} failed or did nothing: {errors}")
    return time.perf_counter() - begun
