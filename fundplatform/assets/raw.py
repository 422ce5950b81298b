"""One asset per source and kind of data: raw/<source>/<kind>, made from the source register.

Fetch and hand over; parsing is the source's, storing the IO manager's.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from fundplatform import calendars
from fundplatform.assets.attempts import Fetched, Wanted, attempt, only
from fundplatform.assets.describe import table_metadata
from fundplatform.assets.partitions import BACKFILL, raw_partitions
from fundplatform.assets.spans import FRESH, whole
from fundplatform.clock import Clock
from fundplatform.raw_contracts import counted, load_check_id
from fundplatform.sources.base import Coverage, Kind, Source, newest_session
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.storage.outputs import Load
from fundplatform.storage.syncs import Syncs

SYMBOLS = "fundplatform/symbols"
"""Run tag: only these vendor symbols, comma-separated (the history of newly tracked ones)."""
REPLAY = "fundplatform/replay"
"""Run tag: the file of a fetch in the payload archive that is played again (`rebuild`)."""


def raw_key(source: str, kind: Kind) -> dg.AssetKey:
    """raw/<source>/<kind>."""
    return dg.AssetKey(["raw", source, str(kind)])


def raw_asset(source: Source, kind: Kind, clock: Clock, syncs: Syncs) -> dg.AssetsDefinition:
    """The asset that fetches `kind` from `source`, partitioned on the source's own calendar.

    Vendors are fetched from side by side, each by one run at a time (a pool of its own); writing
    waits for the warehouse.
    """
    spec, coverage = source.spec, source.spec.kinds[kind]

    @dg.asset(
        key=raw_key(spec.name, kind),
        partitions_def=raw_partitions(coverage, clock().date()) if coverage.partitioned else None,
        backfill_policy=BACKFILL if coverage.partitioned else None,
        group_name="raw",
        owners=[spec.owner],
        kinds={"polars", "table"},
        pool=spec.name if isinstance(source, OnTheWeb) else "warehouse",
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
        span, plan = whole(context)
        named = context.run.tags.get(SYMBOLS)
        kept = context.run.tags.get(REPLAY)
        wanted = Wanted(
            kind,
            first,
            last,
            symbols=tuple(named.split(",")) if named else None,
            replay=Path(kept) if kept else None,
            span=span,
            plan=plan,
            # A quote is of now: nothing that an earlier attempt got is one.
            fresh=FRESH in context.run.tags or kind is Kind.QUOTES,
        )
        asked = only(source, wanted.symbols)
        name = context.asset_key.to_user_string()
        done = attempt(asked, wanted, clock, syncs, context.run_id, name)
        batch = done.batch
        context.log.info(
            f"{spec.name} {kind}: {batch.rows.height} rows, {batch.rejected.height} rejected, "
            f"{first}..{last}"
        )
        context.add_output_metadata(_told(done))
        listings = source.listings(kind) if batch.listings is None else batch.listings
        load = Load(spec, kind, batch, listings, attempt=done.attempt, terms=done.terms)
        if kind is not Kind.QUOTES:
            # Quotes come every few minutes; what they are is of no later use.
            check_id = load_check_id(context.run_id, context.asset_key)
            load = replace(load, contract=counted(kind, batch.rows, check_id))
        if not coverage.partitioned:
            return load
        coming = not_yet(source, kind, first, last, done.asked_at) | batch.absent
        return replace(load, first=first, last=last, unrecorded=coming)

    return fetch


def _told(done: Fetched) -> dict[str, Any]:
    """What the fetch cost and what it did not bring, for the UI."""
    told: dict[str, Any] = {"requests": done.attempt.calls}
    if done.reused:
        told["answers that were there already"] = done.reused
    if done.batch.absent:
        told["not yet published"] = ", ".join(str(d) for d in sorted(done.batch.absent)[:20])
    skipped = done.batch.skipped
    if skipped.height:
        records = [dg.TableRecord(row) for row in skipped.head(50).iter_rows(named=True)]
        told |= {"symbols skipped": skipped.height, "skipped": dg.MetadataValue.table(records)}
    return told


def not_yet(source: Source, kind: Kind, first: date, last: date, now: datetime) -> frozenset[date]:
    """The days of the range that a growing source has not got yet."""
    newest = newest_session(source, kind, now)
    if newest is None:
        return frozenset()
    start = max(first, newest + timedelta(days=1))
    return frozenset(start + timedelta(days=n) for n in range((last - start).days + 1))


def _range(context: dg.AssetExecutionContext, coverage: Coverage) -> tuple[date, date]:
    if not coverage.partitioned:
        return raw_days(coverage, None, None)
    keys = context.partition_key_range
    return raw_days(coverage, date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def raw_days(coverage: Coverage, first: date | None, last: date | None) -> tuple[date, date]:
    """The days that a run of the sessions first..last asks for (None: a kind without partitions).

    Up to the day before the next session, so that no row falls between: a vendor's row on a closed
    day belongs to the session before it and is rejected there (V09); the first session's run starts
    with the coverage, which may begin on a closed day.
    """
    if first is None or last is None:
        return coverage.start, coverage.end or date.max
    calendar = calendars.get(coverage.calendar)
    if calendar.sessions(coverage.start, first) == [first]:
        first = coverage.start
    return first, calendar.next_session(last) - timedelta(days=1)
