"""What an asset hands to the IO manager: vendor rows, derived frames, or a word that it is done.

Plain values, no Dagster and no SQL; `io_manager.py` turns each into one transaction.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from fundplatform.health import Terms
from fundplatform.sources.base import Batch, Kind, SourceSpec
from fundplatform.storage.base import Slice, Writer
from fundplatform.storage.syncs import Attempt
from fundplatform.tables import Table


@dataclass(frozen=True)
class Load:
    """Rows of one source and kind for a range of sessions, still with the vendor's symbols.

    Attributes:
        spec: The source.
        kind: The kind of data.
        batch: What the fetch brought.
        listings: LISTING_SCHEMA; covers every vendor symbol of the batch.
        first: First session of the slice, None for unpartitioned kinds.
        last: Last session of the slice, None for unpartitioned kinds.
        unrecorded: Sessions not to be recorded as materialised (the source has not got them yet).
        attempt: The record of the fetch, still without the counts of rows.
        terms: What is agreed with the vendor; the source's health is judged by it.
        contract: How the batch keeps to its contract, rows of ops.quality_results; None where
            nobody counted.
    """

    spec: SourceSpec
    kind: Kind
    batch: Batch
    listings: pl.DataFrame
    first: date | None = None
    last: date | None = None
    unrecorded: frozenset[date] = frozenset()
    attempt: Attempt | None = None
    terms: Terms = field(default_factory=Terms)
    contract: pl.DataFrame | None = None


@dataclass(frozen=True)
class Derived:
    """Frames that one computation made; all are written in one transaction.

    Attributes:
        frames: Table -> its whole content within the run's partition range (or at all, for
            unpartitioned assets); the asset's own table comes first.
        unrecorded: Sessions not to be recorded as materialised (held by the gate).
        register: A source and its listings to register first (index levels are instruments).
        dated: An expression on the rows of the asset's own table, where its column of days (`day`)
            is not the first session that a row can decide.
        additions_touch: False where a row that is only new decides nothing by itself.
        reach_days: The frames also hold so many days before the range: what comes later may
            change the verdict on them.
        decides: Days before the range that its rows decide too: what rests on those is computed
            again where any row changed.
        settle: Called last, in the same transaction: what rests on more than the range.
    """

    frames: Mapping[Table, pl.DataFrame]
    unrecorded: frozenset[date] = frozenset()
    register: tuple[SourceSpec, pl.DataFrame] | None = None
    dated: pl.Expr | None = None
    additions_touch: bool = True
    reach_days: int = 0
    decides: frozenset[date] = frozenset()
    settle: Callable[[Writer, Slice], None] | None = None


@dataclass(frozen=True)
class Stored:
    """The asset's rows are already in the warehouse: a sibling's transaction wrote them.

    Attributes:
        by_session: Numbers that the UI shows of a session and plots over the sessions.
    """

    by_session: Mapping[date, Mapping[str, float]] = field(default_factory=dict)
