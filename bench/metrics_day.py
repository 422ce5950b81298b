"""The metrics of one more session, whatever the history: CPU time of the asset's own function.

A session that follows another of its year reads what lies behind the cut, eleven years back, and
what the frame ALL keeps of each series before it. Beside it the first session of a year, which
reads everything. The prices are random, one source, no dividends.
"""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench.result import Line, at_most
from fundplatform import calendars, tables
from fundplatform_tests.metrics_home import MetricsHome, validated
from fundplatform_tests.storage.marts import rows

NAME = "metrics_day"
_FIRST, _LAST = date(2024, 1, 2), date(2024, 6, 27)
_NOW = datetime(2024, 6, 28, tzinfo=UTC)
_BOUND = 1.2


def run(*, quick: bool) -> list[Line]:
    """Both lengths of history."""
    funds, years = (20, (13, 16)) if quick else (500, (13, 26))
    (short, first), (long, first_long) = (_day(funds, n) for n in years)
    note = f"{funds} funds, DuckDB, CPU time, lowest of three"
    what = f"a day on {years[1]} years / on {years[0]}"
    return [
        at_most(NAME, what, long / short, _BOUND, note),
        *(
            Line(NAME, f"on {n} years: {step}, s", value)
            for n, own in zip(years, ((short, first), (long, first_long)), strict=True)
            for step, value in zip(("a day", "the first of a year"), own, strict=True)
        ),
    ]


def _day(funds: int, years: int) -> tuple[float, float]:
    """Lowest seconds of a day, and those of the first one."""
    with TemporaryDirectory() as folder:
        sessions = calendars.get("XNYS").sessions(_LAST - timedelta(days=365.25 * years), _LAST)
        home = MetricsHome(Path(folder), _bars(funds, sessions), _given(), _NOW)
        first = _cpu(lambda: home.store_day(_FIRST))
        return min(_cpu(lambda: home.run(_LAST)) for _ in range(3)), first


def _bars(funds: int, sessions: list[date]) -> pl.DataFrame:
    """Random walks, stored as a chain of backfills would: a month of all funds after the other."""
    steps = np.random.default_rng(5).normal(0.0004, 0.01, (len(sessions), funds))
    return validated(
        pl.DataFrame(
            {
                "session": pl.Series(sessions).gather(np.repeat(np.arange(len(sessions)), funds)),
                "instrument_id": np.tile(np.arange(1, funds + 1, dtype=np.int32), len(sessions)),
                "source_id": np.ones(len(sessions) * funds, dtype=np.int16),
                "close": (100 * np.exp(steps.cumsum(axis=0))).ravel(),
                "adjustment": ["split"] * (len(sessions) * funds),
            }
        )
    )


def _given() -> dict[str, pl.DataFrame]:
    """The other inputs of the asset."""
    source = {"source_id": 1, "name": "bench", "asset_class": "etf", "calendar": "XNYS"}
    return {
        "levels": tables.LEVELS.empty(),
        "factors": tables.ADJUSTMENT_FACTORS.empty(),
        "actions": tables.ACTIONS.empty(),
        "rejected": tables.REJECTED.empty(),
        "instruments": tables.INSTRUMENTS.empty(),
        "known_sources": rows(tables.SOURCES, {**source, "priority": 1})[1],
    }


def _cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
