"""What Great Expectations adds to a build of 5M rows: its import and every contract of the runs.

The build: raw bars written, judged by every rule, validated, rejected and gates written, in runs of
250 sessions as a backfill has them. Beside it, per run, the batch read back and held against the
contract of prices.validated and the rules. One process, CPU seconds: the machine may be shared.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from bench.all_rules import market
from bench.result import Line, at_most
from fundplatform import expectations, tables
from fundplatform.contracts import summary
from fundplatform.finance.rules import DEFAULTS, Judged, judge
from fundplatform.rule_clauses import rule_clauses
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore

NAME = "contracts"
_STAMP = Stamp("bench", datetime(2026, 1, 1, tzinfo=UTC))
_SESSIONS = 250


def run(*, quick: bool) -> list[Line]:
    """Runs one after the other, each built and then held against its contract."""
    bars = market(40 if quick else 4_000).with_columns(
        # No bad rows: a session that the gate holds has nothing to be checked.
        high=pl.max_horizontal("open", "high", "close"),
        payload_hash=pl.lit("0" * 64),
    )
    days = bars["session"].unique().sort()
    known = bars.select("instrument_id", "asset_class", symbol=pl.lit("X")).unique("instrument_id")
    begun = time.process_time()
    expectations.prepare()
    imported = time.process_time() - begun
    build = checked = 0.0
    with TemporaryDirectory() as folder:
        store = DuckDBStore(Path(folder) / "warehouse.duckdb", Path(folder) / "published")
        store.migrate()
        for at in range(0, len(days), _SESSIONS):
            own = days[at : at + _SESSIONS]
            part = Slice({}, own[0], own[-1])
            begun = time.process_time()
            _build(store, bars.filter(pl.col("session").is_in(own.implode())), part)
            built = time.process_time()
            _check(store, part, known)
            build, checked = build + built - begun, checked + time.process_time() - built
    note = f"{bars.height:,} rows in runs of {_SESSIONS} sessions, one process"
    return [
        at_most(
            NAME, "CPU of contracts and import / build", (imported + checked) / build, 0.1, note
        ),
        Line(NAME, "build, CPU s", build),
        Line(NAME, "contracts, CPU s", checked),
        Line(NAME, "import of Great Expectations, CPU s", imported),
    ]


def _build(store: DuckDBStore, bars: pl.DataFrame, part: Slice) -> None:
    raw = bars.select(n for n in tables.OHLCV.column_names if n in bars.columns)
    with store.transaction(_STAMP) as writer:
        writer.write(tables.OHLCV, raw, part)
    judged: Judged = judge(bars)
    frames = {
        tables.VALIDATED: judged.validated,
        tables.REJECTED: judged.rejected,
        tables.GATES: judged.gates,
    }
    with store.transaction(_STAMP) as writer:
        for table, frame in frames.items():
            writer.write(table, frame, part)


def _check(store: DuckDBStore, part: Slice, known: pl.DataFrame) -> None:
    with store.held():
        batch = store.read(tables.VALIDATED, part, ordered=False)
        refused = store.read(tables.REJECTED, part, ordered=False)
    counted = summary(tables.VALIDATED, batch) + rule_clauses(batch, refused, known, DEFAULTS)
    if expectations.broken([c.unexpected for c in counted]) or batch.is_empty():
        raise RuntimeError(f"the contract does not hold: {[c for c in counted if c.unexpected]}")
