"""Loading the PostgreSQL warehouse, against a plain COPY of the same rows in the same run (REF).

What is timed is the IO manager's own transaction: checks of the frame, the write, the load record
and the commit; Dagster's events are the case `bookkeeping`.
"""

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import polars as pl

from bench import pg_server
from bench.pg_server import Spent, spent
from bench.result import Line, at_least, at_most
from fundplatform import tables
from fundplatform.storage.base import Counts, Slice, Stamp
from fundplatform.storage.outputs import Derived
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.storage.transactions import Target, write_derived

FIRST = date(2010, 1, 1)
_RUNS = 3


def put(store: TimescaleStore, frame: pl.DataFrame) -> Counts:
    """The counts of one write of raw.ohlcv rows."""
    first, last = frame["session"].min(), frame["session"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        raise TypeError("the frame has no sessions")
    target = Target("bench", "raw/bench/ohlcv", Slice({"source_id": 1}, first, last))
    with store.transaction(Stamp("bench", pg_server.AT)) as writer:
        facts = write_derived(writer, Derived({tables.OHLCV: frame}), target).facts
    return Counts(*(int(facts[f"rows_{n}"]) for n in ("inserted", "updated", "unchanged")))


def load(*, quick: bool) -> list[Line]:
    """First load, rerun without a change, and one percent changed, of 1M rows."""
    frame = pg_server.bars(20 if quick else 2000, FIRST, 50 if quick else 500)
    rows = frame.height
    hundredth = pl.int_range(pl.len()) % 100 == 0
    changed = frame.with_columns(close=pl.when(hundredth).then(pl.lit(50.5)).otherwise("close"))
    took: dict[str, list[Spent]] = {n: [] for n in ("first", "again", "changed")}
    with pg_server.server() as running:
        for number in range(1 if quick else _RUNS):
            store = pg_server.database(running, f"load{number}")
            said = pg_server.kind(store)
            # Before and after: another program may start in between.
            refs = [pg_server.reference(running, f"load{number}", frame)]
            steps = {
                "first": (frame, Counts(inserted=rows)),
                "again": (frame, Counts(unchanged=rows)),
                "changed": (changed, Counts(updated=rows // 100, unchanged=rows - rows // 100)),
            }
            found = {}
            for name, (what, expected) in steps.items():
                found[name], counts = spent(running, put, store, what)
                if counts != expected:
                    raise AssertionError(f"{name}: {counts} instead of {expected}")
            refs.append(pg_server.reference(running, f"load{number}", frame))
            ref = Spent(*(median(column) for column in zip(*refs, strict=True)))
            for name, own in found.items():
                took[name].append(Spent(ref.wall / own.wall, ref.cpu / own.cpu))
            running.sql("postgres", f"DROP DATABASE load{number} WITH (FORCE)")
    texts = {
        "first": ("first load, REF = 1", 0.30),
        "again": ("rerun with nothing changed, REF = 1", 0.25),
        "changed": ("1 % changed, REF = 1", 0.20),
    }
    return [_compared(*texts[n], took[n], f"{rows:,} rows, {said}") for n in took]


def _compared(what: str, bound: float, shares: list[Spent], note: str) -> Line:
    wall = [s.wall for s in shares]
    said = f"{min(wall):.2f} to {max(wall):.2f}, by CPU {median(s.cpu for s in shares):.2f}"
    return at_least("pg_load", what, median(wall), bound, f"{said}; {note}")


def day(*, quick: bool) -> list[Line]:
    """One more day of 2,000 rows on top of 5M against on top of 500k."""
    symbols = 20 if quick else 2000
    sizes = {"small": 25 if quick else 250, "large": 50 if quick else 2500}
    found = {}
    with pg_server.server() as running:
        for name, sessions in sizes.items():
            store = pg_server.database(running, name)
            for start in range(0, sessions, 500):
                part = pg_server.bars(symbols, FIRST + timedelta(start), min(500, sessions - start))
                put(store, part)
            running.sql(name, "ANALYZE raw.ohlcv")
            days = [FIRST + timedelta(sessions + n) for n in range(7)]
            frames = [pg_server.bars(symbols, d, 1) for d in days]
            times = [spent(running, put, store, frame)[0] for frame in frames][2:]
            found[name] = Spent(median(t.wall for t in times), median(t.cpu for t in times))
            said = pg_server.kind(store)
    large, small = found["large"], found["small"]
    note = (
        f"{large.wall * 1000:.0f} ms on {symbols * sizes['large']:,} rows, {small.wall * 1000:.0f} "
        f"on {symbols * sizes['small']:,}; CPU {large.cpu * 1000:.0f} and {small.cpu * 1000:.0f}; "
        f"medians of {len(times)}; {said}"
    )
    what = "a day on the large table / on the small one"
    return [at_most("pg_day", what, large.wall / small.wall, 1.5, note)]


def memory(*, quick: bool) -> list[Line]:
    """Peak memory of a process that loads 5M rows in one write."""
    sessions = 25 if quick else 2500
    with pg_server.server() as running:
        store = pg_server.database(running, "memory")
        code = (
            "import json, resource, sys\n"
            "from bench import pg_load, pg_server\n"
            "from fundplatform.storage.timescale import TimescaleStore\n"
            f"frame = pg_server.bars(2000, pg_load.FIRST, {sessions})\n"
            "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20\n"
            "before = peak()\n"
            "pg_load.put(TimescaleStore(sys.stdin.readline()), frame)\n"
            "print(json.dumps([before, peak(), frame.estimated_size() / 2**30]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=running.url("memory"),
            env=dict(os.environ),
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        rows = store.count(tables.OHLCV)
    before, after, size = json.loads(done.stdout)
    note = f"{rows:,} rows; the frame itself {size:.2f} GB, {before:.2f} GB once it was made"
    return [at_most("pg_memory", "peak of a load, GB", after, 1.5, note)]
