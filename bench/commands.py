"""Whole commands in processes of their own, on a fresh home: the S&P run, the graph, the demo.

Process start, imports and Dagster are part of every figure here.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import polars as pl

from bench.inputs import FIRST, LAST, Bars, bars, drop_bars, drop_caps
from bench.result import LeftOut, Line, at_most, repeated
from bench.yardstick import yardstick

ZIPLINE = "FUNDPLATFORM_BENCH_ZIPLINE"
_SPAN = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())


def sp_run(*, quick: bool) -> list[Line]:
    """Drop folder to prices/validated through Dagster, against zipline's csvdir ingest."""
    with TemporaryDirectory() as folder:
        source = bars(Path(folder), quick=quick)
        ours, spread = repeated(1 if quick else 3, lambda: _to_validated(source))
        note = f"{source.origin}, {spread}"
        try:
            theirs, ingest = zipline(Path(folder), source)
        except LeftOut as reason:
            return [Line("sp_run", "files to prices/validated, s", ours, note=f"{note}; {reason}")]
    return [
        at_most("sp_run", "files to prices/validated, s", ours, round(theirs, 1), note),
        Line(
            "sp_run",
            "zipline csvdir ingest of the same rows, s",
            theirs,
            note=f"process start included, as in ours; the ingest alone {ingest:.1f} s",
        ),
    ]


def _to_validated(source: Bars) -> float:
    with TemporaryDirectory() as home:
        drop_bars(Path(home), source)
        return _timed([sys.executable, "-m", "bench.to_validated"], _own(home))


def whole_graph(*, quick: bool) -> list[Line]:
    """Files to metrics by the command line: bars and, where they are, market caps."""
    before = yardstick()
    with TemporaryDirectory() as home:
        source = bars(Path(home), quick=quick)
        drop_bars(Path(home), source)
        caps = drop_caps(Path(home)) if source.real else False
        took = _timed([*_platform(), "backfill", *_SPAN], _own(home))
    note = f"{source.origin}, {'with' if caps else 'without'} caps"
    measure = median((before, yardstick()))
    return [
        at_most("whole_graph", "files to metrics, s", took, 120, note),
        Line("whole_graph", "the same in yardsticks", took / measure),
    ]


def demo(*, quick: bool) -> list[Line]:
    """`fundplatform demo` on a fresh home, as `make demo` takes it."""
    span = ["--years", "1"] if quick else []
    with TemporaryDirectory() as home:
        took = _timed([*_platform(), "demo", *span], {"FUNDPLATFORM_HOME": home})
    return [at_most("demo", f"demo, {'the last year' if quick else '13 years'}, s", took, 90)]


def zipline(folder: Path, source: Bars) -> tuple[float, float]:
    """Seconds that zipline-reloaded's csvdir bundle needs: its process, and the ingest alone.

    Raises:
        LeftOut: No interpreter with zipline is named.
    """
    python = os.environ.get(ZIPLINE)
    if not python:
        raise LeftOut(f"zipline left out: {ZIPLINE} names no python with zipline-reloaded")
    daily = folder / "csv" / "daily"
    daily.mkdir(parents=True)
    rows = pl.read_csv(source.path).with_columns(dividend=pl.lit(0.0), split=pl.lit(1.0))
    days = rows.select(pl.col("date").unique().sort())
    for (name,), own in rows.partition_by("Name", as_dict=True, include_key=False).items():
        # zipline refuses a name that lacks a session: the 51 gaps take the bar before.
        first, last = pl.lit(own["date"].min()), pl.lit(own["date"].max())
        between = pl.col("date").is_between(first, last)
        whole = days.filter(between).join(own, on="date", how="left").fill_null(strategy="forward")
        # csvdir takes what stands before the first dot for the symbol.
        whole.write_csv(daily / f"{str(name).replace('.', '_')}.csv")
    script = Path(__file__).with_name("zipline_peer.py")
    begun = time.perf_counter()
    done = _run(
        [python, str(script), str(daily.parent), FIRST.isoformat(), LAST.isoformat()],
        {"ZIPLINE_ROOT": str(folder / "zipline")},
    )
    process = time.perf_counter() - begun
    return process, float(json.loads(done.splitlines()[-1])["ingest_s"])


def _platform() -> list[str]:
    return [sys.executable, "-c", "from fundplatform.cli import main; main()"]


def _own(home: str) -> dict[str, str]:
    """Only the drop folders take part."""
    return {"FUNDPLATFORM_HOME": home, "FUNDPLATFORM_SOURCES": ""}


def _timed(command: Sequence[str], env: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    _run(command, env)
    return time.perf_counter() - begun


def _run(command: Sequence[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **env},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout
