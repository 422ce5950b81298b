"""Every rule on bars against the same predicates in one hand-written DuckDB query, on 5M rows.

Both start from the frame in memory and end with the ids of what each row fails; the query takes
V02 to V08, V16 (by a plain z, as DuckDB has no MAD over a window that is quick), V17, V18, V19, V20
and V24. CPU seconds: the machine may be shared.
"""

import time
from datetime import UTC, date, datetime, timedelta
from statistics import median

import duckdb
import numpy as np
import polars as pl

from bench.result import Line, at_most
from fundplatform.finance.rules import CONTEXT, judge
from fundplatform.tables import OHLCV

NAME = "all_rules"
_SESSIONS = 1_250


def run(*, quick: bool) -> list[Line]:
    """Pairs of both, one after the other; the ratio of a pair is what counts."""
    bars = market(40 if quick else 4_000)
    pairs = [(_spent(_by_query, bars), _spent(judge, bars)) for _ in range(1 if quick else 3)]
    theirs, ours = (median(p[n] for p in pairs) for n in (0, 1))
    ratio = median(p[1] / p[0] for p in pairs)
    note = f"{bars.height:,} rows, one process"
    return [
        at_most(NAME, "CPU, hand-written DuckDB query = 1", ratio, 1.5, note),
        Line(NAME, "query, CPU s", theirs),
        Line(NAME, "every rule and the gate, CPU s", ours),
    ]


def market(names: int) -> pl.DataFrame:
    """Walks of `names` shares over 1,250 sessions, with 1 % of bad rows."""
    dice = np.random.default_rng(1)
    close = 50 * np.exp(np.cumsum(dice.normal(0, 0.02, (names, _SESSIONS)), axis=1))
    spread = dice.uniform(0, 0.02, (names, _SESSIONS))
    bad = dice.uniform(size=(names, _SESSIONS)) < 0.01
    days = [date(2015, 1, 1) + timedelta(days=n // 5 * 7 + n % 5) for n in range(_SESSIONS)]
    session = pl.Series(days * names)
    opened = session.cast(pl.Datetime("us", "UTC"))
    values = {
        "open": close,
        "high": close * (1 + spread) * np.where(bad, 0.9, 1),
        "low": close * (1 - spread),
        "close": close,
        "volume": np.round(dice.lognormal(12, 0.5, (names, _SESSIONS))),
    }
    frame = pl.DataFrame(
        {"session": session, "bar_open_at": opened, **{n: v.ravel() for n, v in values.items()}}
    ).with_columns(
        instrument_id=pl.int_range(pl.len()) // _SESSIONS,
        source_id=1, interval=pl.lit("1d"), quote=pl.lit("USD"), vwap=None, trade_count=None,
        adjustment=pl.lit("none"), fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
        asset_class=pl.lit("equity"), is_session=True, coverage_start=None, priority=1,
        bar_close_at=pl.col("bar_open_at") + timedelta(hours=21),
    )  # fmt: skip
    own = {n: t for n, t in {**OHLCV.polars_schema, **CONTEXT}.items() if n in frame.columns}
    return frame.with_columns(pl.col(n).cast(t) for n, t in own.items())


def _spent(work: object, bars: pl.DataFrame) -> float:
    begun = time.process_time()
    work(bars)  # type: ignore[operator]
    return time.process_time() - begun


def _by_query(bars: pl.DataFrame) -> None:
    with duckdb.connect() as connection:
        connection.register("bars", bars.to_arrow())
        connection.execute(_QUERY)


_QUERY = """
create temp table verdicts as
with before as (
  select *, lag(close) over w as c, lag(open) over w as o, lag(high) over w as h,
         lag(low) over w as l, lag(volume) over w as v
  from bars window w as (partition by source_id, instrument_id order by bar_open_at)
), looked as (
  select *, close / c - 1 as r,
         median(volume) over (w rows between 60 preceding and 1 preceding) as usual,
         (open = o and high = h and low = l and close = c and volume = v)::int as same
  from before window w as (partition by source_id, instrument_id order by bar_open_at)
), wide as (
  select *, avg(r) over (w rows between 60 preceding and current row) as m,
         stddev(r) over (w rows between 60 preceding and current row) as s,
         sum(same) over (w rows between 9 preceding and current row) as stood
  from looked window w as (partition by source_id, instrument_id order by bar_open_at)
)
select source_id, instrument_id, bar_open_at,
       concat_ws(',',
         case when open is null or high is null or low is null or close is null then 'V02' end,
         case when not (isfinite(close) and open > 0 and high > 0 and low > 0 and close > 0)
              then 'V03' end,
         case when high < greatest(open, low, close) * (1 - 1e-9) then 'V04' end,
         case when low > least(open, high, close) * (1 + 1e-9) then 'V05' end,
         case when volume < 0 or not isfinite(volume) then 'V06' end,
         case when volume = 0 and high <> low then 'V07' end,
         case when not is_session then 'V09' end,
         case when session > fetched_at::date then 'V10' end,
         case when bar_close_at > fetched_at then 'V11' end,
         case when abs(r) > 0.1 and abs(r - m) > 10 * s then 'V16' end,
         case when abs(r) > 0.75 then 'V17' end,
         case when stood >= 9 then 'V18' end,
         case when volume > 20 * usual then 'V19' end,
         case when abs(ln(close / c)) > 0.25 and list_min(list_transform(
                [2, 3, 4, 5, 10, 20, 1.5, 4 / 3.0, 1 / 2.0, 1 / 3.0, 1 / 4.0, 0.2, 0.1, 0.05],
                lambda q: abs(ln(close / c) + ln(q)))) <= 0.03 then 'V20' end,
         case when abs(open / c - 1) > 0.25 then 'V24' end) as rules
from wide
"""
