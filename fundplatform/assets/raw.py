"""One asset per source and kind of data: raw/<source>/<kind>, made from the source register.

Fetch and hand over; parsing is the source's, storing the IO manager's.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg

from fundplatform import calendars
from fundplatform.assets.describe import table_metadata
from fundplatform.assets.partitions import BACKFILL, raw_partitions
from fundplatform.sources.base import Coverage, Kind, Source, newest_session
from fundplatform.storage.outputs import Load

Clock = Callable[[], datetime]


def raw_key(source: str, kind: Kind) -> dg.AssetKey:
    """raw/<source>/<kind>."""
    return dg.AssetKey(["raw", source, str(kind)])


def raw_asset(source: Source, kind: Kind, clock: Clock) -> dg.AssetsDefinition:
    """The asset that fetches `kind` from `source`, partitioned on the source's own calendar."""
    spec, coverage = source.spec, source.spec.kinds[kind]

    @dg.asset(
        key=raw_key(spec.name, kind),
        partitions_def=raw_partitions(coverage, clock().date()) if coverage.partitioned else None,
        backfill_policy=BACKFILL if coverage.partitioned else None,
        group_name="raw",
        owners=[spec.owner],
        kinds={"polars", "table"},
        pool="warehouse",
        description=f"{spec.title}: {kind.table.doc}\n\n{spec.description}",
        metadata={
            **table_metadata(kind.table),
            "calendar": coverage.calendar,
            "adjustment": spec.adjustment,
            "first session": coverage.start.isoformat(),
            "last session": coverage.end.isoformat() if coverage.end else "still growing",
            **({"origin": dg.MetadataValue.url(spec.url)} if spec.url else {}),
        },
    )
    def fetch(context: dg.AssetExecutionContext) -> Load:
        first, last = _range(context, coverage)
        now = clock()
        batch = source.fetch(kind, first, last, now=now)
        context.log.info(
            f"{spec.name} {kind}: {batch.rows.height} rows, {batch.rejected.height} rejected, "
            f"{first}..{last}"
        )
        listings = source.listings(kind) if batch.listings is None else batch.listings
        if not coverage.partitioned:
            return Load(spec, kind, batch, listings)
        coming = not_yet(source, kind, first, last, now) | batch.absent
        return Load(spec, kind, batch, listings, first, last, coming)

    return fetch


def not_yet(source: Source, kind: Kind, first: date, last: date, now: datetime) -> frozenset[date]:
    """The days of the range that a growing source has not got yet."""
    newest = newest_session(source, kind, now)
    if newest is None:
        return frozenset()
    start = max(first, newest + timedelta(days=1))
    return frozenset(start + timedelta(days=n) for n in range((last - start).days + 1))


def _range(context: dg.AssetExecutionContext, coverage: Coverage) -> tuple[date, date]:
    """The days a run covers: up to the day before the next session, so that no row falls between.

    A vendor's row on a closed day belongs to the session before it and is rejected there (V09);
    the first session's run starts with the coverage, which may begin on a closed day.
    """
    if not coverage.partitioned:
        return coverage.start, coverage.end or date.max
    keys = context.partition_key_range
    first, last = date.fromisoformat(keys.start), date.fromisoformat(keys.end)
    calendar = calendars.get(coverage.calendar)
    if calendar.sessions(coverage.start, first) == [first]:
        first = coverage.start
    return first, calendar.next_session(last) - timedelta(days=1)
