"""The metrics of one more session on five years of prices and on twenty, step by step; CPU time.

What the asset funds/metrics does for a new day, without Dagster: prices read from a DuckDB file,
return series, all metrics of that session. The prices are random, one source, no dividends.
"""

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from bench.result import Line, at_most
from fundplatform import calendars, tables
from fundplatform.assets.funds import Policy, all_metrics, price_series
from fundplatform.assets.series import DAILY, RETURN_COLUMNS
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.finance.risk_free import RiskFree
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.storage.marts import rows

NAME = "metrics_day"
_LAST = date(2024, 6, 27)
_NOW = datetime(2024, 6, 28, tzinfo=UTC)


def run(*, quick: bool) -> list[Line]:
    """Both lengths of history."""
    funds, years = (20, (2, 4)) if quick else (500, (5, 20))
    short, long = (_day(funds, n) for n in years)
    note = f"{funds} funds, DuckDB, CPU time, lowest of three"
    what = f"a day on {years[1]} years / on {years[0]}, their rows = {years[1] / years[0]:g}"
    ratio = sum(long.values()) / sum(short.values())
    steps = [
        Line(NAME, f"on {n} years: {step}, s", value)
        for n, own in zip(years, (short, long), strict=True)
        for step, value in own.items()
    ]
    return [at_most(NAME, what, ratio, years[1] / years[0], note), *steps]


def _day(funds: int, years: int) -> dict[str, float]:
    """Lowest seconds of each step."""
    with TemporaryDirectory() as folder:
        store = DuckDBStore(Path(folder) / "warehouse.duckdb", Path(folder) / "published")
        store.migrate()
        _fill(store, funds, calendars.get("XNYS").sessions(_first(years), _LAST))
        taken = [_steps(store) for _ in range(3)]
    return {step: min(t[step] for t in taken) for step in taken[0]}


def _first(years: int) -> date:
    return _LAST - timedelta(days=round(365.25 * years))


def _fill(store: DuckDBStore, funds: int, sessions: list[date]) -> None:
    """Random walks, stored as a chain of backfills would: a month of all funds after the other."""
    steps = np.random.default_rng(5).normal(0.0004, 0.01, (len(sessions), funds))
    close = pl.Series((100 * np.exp(steps.cumsum(axis=0))).ravel())
    bars = pl.DataFrame(
        {
            "session": pl.Series(sessions).gather(np.repeat(np.arange(len(sessions)), funds)),
            "instrument_id": np.tile(np.arange(1, funds + 1, dtype=np.int32), len(sessions)),
            "close": close,
        }
    ).with_columns(open="close", high="close", low="close", bar_open_at=_midnight("session"))
    kind = {"source_id": 1, "interval": "1d", "quote": "USD", "volume": 1e6, "adjustment": "split"}
    _, like = rows(tables.VALIDATED, {**kind, "selected": True})
    constant = like.drop(bars.columns)
    whole = bars.join(constant, how="cross").select(like.columns)
    _, source = rows(tables.SOURCES, {"source_id": 1, "name": "bench", "asset_class": "etf",
                                      "calendar": "XNYS", "priority": 1})  # fmt: skip
    with store.transaction(Stamp(run_id="bench", recorded_at=_NOW)) as writer:
        writer.write(tables.SOURCES, source, WHOLE)
        writer.write(tables.VALIDATED, whole, WHOLE)


def _midnight(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _steps(store: DuckDBStore) -> dict[str, float]:
    """Seconds of CPU of each step of the last session's metrics."""
    marks = [time.process_time()]
    with store.held(None):
        prices = store.read(
            tables.VALIDATED, Slice(DAILY["where"], None, _LAST), RETURN_COLUMNS, ordered=False
        )
        sources = store.read(tables.SOURCES)
    marks.append(time.process_time())
    factors, actions = tables.ADJUSTMENT_FACTORS.empty(), tables.ACTIONS.empty()
    instruments = tables.INSTRUMENTS.empty()
    series = price_series(prices, factors, actions, instruments, sources, _LAST)
    marks.append(time.process_time())
    policy = Policy(_LAST, _LAST, date.min, frozenset(), RiskFree(0.02))
    found = all_metrics(series, instruments, load_metric_rules(), policy)
    marks.append(time.process_time())
    if not found[tables.METRICS].height:
        raise RuntimeError("the last session has no metrics")
    names = ("prices read", "returns", "metrics of the session")
    return {name: b - a for name, a, b in zip(names, marks, marks[1:], strict=False)}
