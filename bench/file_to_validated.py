"""A vendor's file to validated rows, without Dagster and imports, against DuckDB's own CSV load.

Ours: unpack, parse, keep the parsed file, register the names, write raw, read it back, judge it,
write validated, rejected and gates; everything committed to a DuckDB file. DuckDB's: CREATE TABLE
AS SELECT * FROM read_csv of the same file, into a DuckDB file as well.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

from bench.inputs import FIRST, LAST, Bars, bars, drop_bars
from bench.result import Line, at_least
from fundplatform import calendars, tables
from fundplatform.assets.prices import BAR_COLUMNS, with_context
from fundplatform.finance import rules
from fundplatform.sources.base import Kind
from fundplatform.sources.drop import discover
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.outputs import Derived, Load
from fundplatform.storage.transactions import Target, write_derived, write_load

NAME = "file_to_validated"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_RANGE = Slice({}, FIRST, LAST)


def run(*, quick: bool) -> list[Line]:
    """Pairs of both, one after the other; the ratio of a pair is what counts."""
    with TemporaryDirectory() as folder:
        source = bars(Path(folder), quick=quick)
        _pair(Path(folder) / "warm", source)
        pairs = [_pair(Path(folder) / str(n), source) for n in range(1 if quick else 5)]
    theirs, ours = (median(p[n] for p in pairs) for n in (0, 1))
    ratios = sorted(p[0] / p[1] for p in pairs)
    note = f"{source.origin}, pairs {ratios[0]:.2f} to {ratios[-1]:.2f}"
    return [
        at_least(NAME, "speed, DuckDB's CSV load = 1", median(ratios), 0.3, note),
        Line(NAME, "DuckDB CREATE TABLE AS, s", theirs),
        Line(NAME, "file to validated, s", ours),
    ]


def _pair(home: Path, source: Bars) -> tuple[float, float]:
    home.mkdir()
    return load_by_duckdb(home / "theirs.duckdb", source.path), load_by_us(home, source)


def load_by_duckdb(database: Path, file: Path) -> float:
    """Seconds, closing included."""
    begun = time.perf_counter()
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{file}')")
    return time.perf_counter() - begun


def load_by_us(home: Path, source: Bars) -> float:
    """Seconds; the empty warehouse and the calendar are there before, as in any later load."""
    drop_bars(home, source)
    store = DuckDBStore(home / "warehouse.duckdb", home / "published")
    store.migrate()
    calendars.get("XNYS").closes(FIRST, LAST)
    begun = time.perf_counter()
    _load_raw(home, store)
    # As in a run that computes.
    with store.held():
        _validate(store)
    return time.perf_counter() - begun


def _load_raw(home: Path, store: DuckDBStore) -> None:
    (source,), _ = discover(home / "drop", home / "payloads")
    batch = source.fetch(Kind.OHLCV, FIRST, LAST, now=_NOW)
    load = Load(source.spec, Kind.OHLCV, batch, source.listings(Kind.OHLCV), FIRST, LAST)
    with store.transaction(Stamp("raw", _NOW)) as writer:
        write_load(writer, load, Target("raw", "raw/sp500/ohlcv", _RANGE))


def _validate(store: DuckDBStore) -> None:
    raw = store.read(tables.OHLCV, _RANGE, BAR_COLUMNS, ordered=False)
    instruments, sources = store.read(tables.INSTRUMENTS), store.read(tables.SOURCES)
    judged = rules.judge(with_context(raw, instruments, sources))
    frames = {
        tables.VALIDATED: judged.validated,
        tables.REJECTED: judged.rejected,
        tables.GATES: judged.gates,
    }
    with store.transaction(Stamp("validated", _NOW)) as writer:
        write_derived(writer, Derived(frames), Target("validated", "prices/validated", _RANGE))
