"""Fund metrics: the last date of 5M rows against plain polars and other libraries; whole histories.

All figures are CPU time of this process, threads included, on one random market. The reference is
the obvious way to the six basic metrics in polars; libraries are asked fund by fund, as users do.
"""

import resource
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from bench.result import Line, at_least, at_most
from fundplatform.finance import frames
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.measured import Terms
from fundplatform.finance.metrics import measure
from fundplatform.finance.risk_free import RiskFree

if TYPE_CHECKING:
    import pandas as pd

LAST, HISTORY = "metrics_last", "metrics_history"
_K = 252
_RATE = 0.02
_TERMS = Terms(_K, RiskFree(_RATE))


def market(funds: int, count: int) -> tuple[pl.DataFrame, list[date]]:
    """Return rows of every fund on every session, and the sessions with the month after them."""
    days = (date(2014, 1, 1) + timedelta(n) for n in range(count * 2))
    sessions = [d for d in days if d.weekday() < 5][: count + 25]
    own = sessions[:count]
    returns = np.random.default_rng(5).normal(0.0004, 0.01, (funds, count))
    returns[:, 0] = np.nan
    rows = pl.DataFrame(
        {
            "instrument_id": np.repeat(np.arange(1, funds + 1, dtype=np.int32), count),
            "session": pl.concat([pl.Series(own)] * funds),
            "ret": pl.Series(returns.ravel(), nan_to_null=True),
        }
    )
    return rows, sessions


def last_date(*, quick: bool) -> list[Line]:
    """The last date: ours against plain polars, empyrical and quantstats."""
    funds, count = (50, 800) if quick else (2_000, 2_500)
    rows, sessions = market(funds, count)
    at = sessions[count - 1]
    times = 1 if quick else 5
    own = partial(_measured, rows, sessions, [at])
    pairs = _in_turns(partial(reference, rows, at), own, times)
    note = f"{funds * count / 1e6:g}M rows, 9 frames, median of {times}, CPU time"
    against = Benchmarks(dict.fromkeys(range(1, funds + 1), 1), rows.filter(instrument_id=1))
    terms = Terms(_K, RiskFree(_RATE), "price", against)
    more = _cpu(lambda: _measured(rows, sessions, [at], terms, further=True))
    return [
        at_most(LAST, "last date, plain polars = 1", median(o / r for r, o in pairs), 1.5, note),
        Line(LAST, "last date, basic metrics, s", median(o for _, o in pairs)),
        Line(LAST, "last date, basic and extended, s", more),
        *_libraries(rows, at, own, 2 if quick else 20, times),
    ]


def _in_turns(
    theirs: Callable[[], object], ours: Callable[[], object], times: int
) -> list[tuple[float, float]]:
    """Seconds of both, one after the other, after both have run once: machines have moods."""
    theirs()
    ours()
    return [(_cpu(theirs), _cpu(ours)) for _ in range(times)]


def history(*, quick: bool) -> list[Line]:
    """Every session of every fund in one pass; and one session more."""
    funds, count = (20, 700) if quick else (1_000, 2_500)
    rows, sessions = market(funds, count)
    own = sessions[:count]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spent = _cpu(lambda: _measured(rows, sessions, own, further=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cells = funds * count * len(frames.FRAMES)
    one = median(_cpu(lambda: _measured(rows, sessions, own[-1:], further=True)) for _ in range(3))
    note = f"{funds} funds x {count} sessions x 9 frames, basic and extended, CPU time"
    return [
        Line(HISTORY, "whole history, s", spent, note=note),
        Line(HISTORY, "per fund, session and frame, us", spent / cells * 1e6),
        Line(HISTORY, "memory on top of the rows, MB", (peak - before) / 1024),
        Line(HISTORY, "one session alone, s", one, note="reads the prices, no stored metrics"),
        at_least(HISTORY, "history, per session, one alone = 1", one / (spent / count), 1.0),
    ]


def reference(rows: pl.DataFrame, at: date) -> pl.DataFrame:
    """The six basic metrics of all frames, the obvious way: one group-by per frame."""
    growth = (1 + pl.col("ret").fill_null(0.0)).cum_prod().over("instrument_id")
    grown = rows.with_columns(growth=growth)
    rate = (1 + _RATE) ** (1 / _K) - 1
    found = []
    for frame in frames.FRAMES:
        base = _base(at, frame)
        ret, path = pl.col("ret"), pl.col("growth")
        years = frames.YEARS.get(frame)
        inside = grown.filter(pl.col("session") >= base) if years or frame != "ALL" else grown
        later = ret.slice(1)
        total = path.last() / path.first() - 1
        found.append(
            inside.group_by("instrument_id").agg(
                frame=pl.lit(frame),
                total_return=total,
                annualized_return=(1 + total) ** (1 / years) - 1 if years else None,
                volatility=later.std() * _K**0.5,
                sharpe=(later.mean() - rate) / later.std() * _K**0.5,
                sortino=later.mean() * _K**0.5 / (later.clip(upper_bound=0.0) ** 2).mean().sqrt(),
                max_drawdown=(path / path.cum_max() - 1).min(),
            )
        )
    return pl.concat(found, how="diagonal_relaxed")


def _base(at: date, frame: str) -> date:
    """The base date; ALL has none."""
    return frames.base_date(at, frame, is_last_session_of_month=False) or date(1900, 1, 1)


def _measured(
    rows: pl.DataFrame,
    sessions: list[date],
    evaluate: list[date],
    terms: Terms = _TERMS,
    *,
    further: bool = False,
) -> int:
    parts = measure(rows, sessions, evaluate, terms, further=further)
    return sum(m.height + r.height for m, r in parts)


def _libraries(
    rows: pl.DataFrame, at: date, own: Callable[[], object], funds: int, times: int
) -> list[Line]:
    """A fund's six metrics in nine frames by each library, ours = 1; left out where it is not."""
    lines = []
    share = funds / rows["instrument_id"].n_unique()
    for name, bound, ask in (("empyrical", 25, _empyrical), ("quantstats", 100, _quantstats)):
        if find_spec(name) is None:
            continue
        import pandas as pd

        some = rows.filter(pl.col("instrument_id") <= funds)
        frame = pd.DataFrame({n: some[n].to_numpy() for n in some.columns})
        bases = pd.DatetimeIndex([_base(at, name) for name in frames.FRAMES])
        pairs = _in_turns(partial(_looped, ask, frame, bases), own, times)
        ratio = median(theirs / (ours * share) for theirs, ours in pairs)
        note = f"per fund, {funds} funds looped, in turns with ours of all"
        lines.append(at_least(LAST, f"{name} in a loop, ours = 1", ratio, bound, note))
    return lines


def _looped(
    ask: Callable[["pd.Series"], None], frame: "pd.DataFrame", bases: "pd.DatetimeIndex"
) -> None:
    """As one does with these libraries: fund by fund, each frame a slice of its returns."""
    for _, own in frame.groupby("instrument_id"):
        returns = own.set_index("session")["ret"].iloc[1:]
        for first in returns.index.searchsorted(bases, side="right"):
            ask(returns.iloc[first:])


def _empyrical(r: "pd.Series") -> None:
    import empyrical as ep

    for ask in (ep.cum_returns_final, ep.annual_return, ep.annual_volatility, ep.sharpe_ratio,
                ep.sortino_ratio, ep.max_drawdown):  # fmt: skip
        ask(r)


def _quantstats(r: "pd.Series") -> None:
    import quantstats.stats as qs

    for ask in (qs.comp, qs.cagr, qs.volatility, qs.sharpe, qs.sortino, qs.max_drawdown):
        ask(r)


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
