"""How many partitions make one run of a backfill (decision 0013): by the rows that they will bring.

In: what a source says of its size, Dagster's record of what was loaded. Out: numbers, and days cut
by them. Which days are wanted is decided in `fetch_plan.py` and `chain_plan.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise

import dagster as dg

from fundplatform import calendars
from fundplatform.assets.partitions import CHUNK
from fundplatform.assets.raw import raw_key
from fundplatform.chunks import Chunk
from fundplatform.errors import SourceError
from fundplatform.sources.abilities import Sized
from fundplatform.sources.base import Kind, Source

ROWS = 1_000_000
"""Rows that a run of more than FEWEST partitions is expected to have at most."""
FEWEST = CHUNK
"""Partitions of a run whatever they bring; vendors on the web are never asked for more at once."""
MOST = 2_000
"""Partitions of a run where next to nothing is in them: what a killed one has to do again."""


def of_source(source: Source, kind: Kind, today: date) -> int:
    """Partitions of a run that fetches this kind, by what the source says of its size.

    Args:
        source: Any; one that does not say (`Sized`) is fetched in runs of FEWEST.
        kind: A partitioned one of its kinds.
        today: Until when a growing source has sessions.
    """
    if not isinstance(source, Sized):
        return _partitions(None)
    coverage = source.spec.kinds[kind]
    last = max(coverage.end or today, coverage.start)
    sessions = len(calendars.get(coverage.calendar).sessions(coverage.start, last))
    try:
        return _partitions(source.about(kind) / max(sessions, 1))
    except SourceError:
        return _partitions(None)  # Its run will say why.


def of_chain(sources: Iterable[Source], instance: dg.DagsterInstance) -> int:
    """Days of a run downstream, by the bars that were loaded for a session of every source."""
    bars = (raw_key(s.spec.name, Kind.OHLCV) for s in sources if Kind.OHLCV in s.spec.kinds)
    found = [_loaded(instance, key) for key in bars]
    return _partitions(None if None in found else sum(rows for rows in found if rows))


def _loaded(instance: dg.DagsterInstance, key: dg.AssetKey) -> float | None:
    """Rows a recorded session; None where nobody said how many there are."""
    records = instance.fetch_materializations(key, limit=1).records
    if not records:
        return 0.0
    event = records[0].asset_materialization
    count = event.metadata.get("dagster/row_count") if event else None
    if count is None or not isinstance(count.value, int):
        return None
    return count.value / max(len(instance.get_materialized_partitions(key)), 1)


def _partitions(rows: float | None) -> int:
    """Partitions of a run, where each of them has so many rows; None: nobody knows."""
    most = FEWEST if rows is None else int(ROWS / max(rows, 1.0))
    return min(MOST, max(FEWEST, most))


def cut(
    label: str,
    keys: tuple[dg.AssetKey, ...],
    days: Sequence[date],
    wanted: Sequence[bool],
    most: int,
) -> Iterator[Chunk]:
    """Runs of neighbouring wanted days, at most so many partitions each."""
    edges = [0, *(n for n, (a, b) in enumerate(pairwise(wanted), 1) if a != b), len(days)]
    for begin, end in pairwise(edges):
        if begin < end and wanted[begin]:
            for at in range(begin, end, most):
                part = days[at : min(at + most, end)]
                yield Chunk(label, keys, part[0], part[-1], len(part))
