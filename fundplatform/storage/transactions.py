"""One asset's output as one transaction: identities, rows, rejects, payloads and the load record.

No Dagster and no SQL: asset names, slices and a `Writer` come in, counts go out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from fundplatform import tables
from fundplatform.sources.base import Batch
from fundplatform.storage import catalog, change_record
from fundplatform.storage.base import Counts, Slice, Writer
from fundplatform.storage.early_bars import early_bars
from fundplatform.storage.instruments_of_rows import attach_instruments
from fundplatform.storage.outputs import Derived, Load
from fundplatform.storage.syncs import write_attempt
from fundplatform.tables import Table

# Bars that were read before their close: a later reading is news even where no value differs.
_BARS_READ_AGAIN = replace(
    tables.OHLCV, stamps=tuple(n for n in tables.OHLCV.stamps if n != "fetched_at")
)
_NOT_LISTED = "V12"


@dataclass(frozen=True)
class Target:
    """Who writes what: the run, the asset's name and the slice of its partition range.

    `seen`: the newest change when the asset's inputs were read (`change_record`).
    """

    run_id: str
    asset: str
    part: Slice
    seen: int | None = None


@dataclass(frozen=True)
class Written:
    """The rows of the asset's own table, and what the transaction did."""

    rows: pl.DataFrame
    facts: Mapping[str, int | float | str]


def write_load(writer: Writer, load: Load, target: Target) -> Written:
    """Register the listings, store the rows, the rejects and the payloads of one fetch."""
    moved = catalog.reprioritised(writer.read(tables.SOURCES), [load.spec])
    source_id = writer.source_id(load.spec)
    listed = writer.read(tables.LISTINGS, Slice({"source_id": source_id}))
    stated = load.kind.states
    mapping = writer.register(source_id, load.listings, stated=stated)
    rows = attach_instruments(load, mapping).with_columns(source_id=pl.lit(source_id))
    within = Slice({"source_id": source_id}, load.first, load.last)
    counts = _write_rows(writer, load.kind.table, rows, within)
    rejected = _write_evidence(writer, load, source_id)
    if not stated:
        _write_tracked(writer, load, mapping, source_id)
    rows_in = rows.height + rejected
    record = _Record(load.kind.table, counts, rows_in, rejected)
    _write_record(writer, target, record, within)
    facts: dict[str, int | float | str] = {"rejected_at_load": rejected, **_facts(counts)}
    facts |= _refused(load.batch)
    facts |= _write_sync(writer, load, counts, rejected)
    touched = _days(load.kind.table, counts)
    if not stated:
        touched |= _widened(writer, listed, mapping, source_id)
    if load.first is None and load.kind.table.dated is None:
        touched = change_record.since(touched)
    change_record.record(writer, target.asset, touched)
    if moved.height:
        catalog.note_order(writer)
    return Written(rows, facts)


def _write_tracked(writer: Writer, load: Load, mapping: pl.DataFrame, source_id: int) -> None:
    tracked = mapping.group_by("vendor_symbol").agg(tracked_from=pl.col("valid_from").min())
    if load.spec.tracked is not None:
        tracked = tracked.filter(pl.col("vendor_symbol").is_in(load.spec.tracked))
    own = Slice({"source_id": source_id})
    writer.write(tables.TRACKED, tracked.with_columns(source_id=pl.lit(source_id)), own)


def _days(table: Table, counts: Counts) -> frozenset[date]:
    """The days that a write touched; all of them, where the table has no dates."""
    if table.day is None and counts.changed:
        return frozenset({change_record.ALWAYS})
    return counts.touched


def _widened(
    writer: Writer, before: pl.DataFrame, after: pl.DataFrame, source_id: int
) -> frozenset[date]:
    """The sessions of stored bars that were refused as not listed, where listings are wider now."""
    keys = ["vendor_symbol", "valid_from", "valid_to", "instrument_id"]
    other = after.select(keys).join(before.select(keys), on=keys, how="anti")
    if before.is_empty() or other.is_empty():
        return frozenset()
    refused = writer.read(
        tables.REJECTED, Slice({"source_id": source_id}), ["instrument_id", "session", "rules"]
    )
    theirs = refused.filter(pl.col("rules").str.split(",").list.contains(_NOT_LISTED))
    return frozenset(theirs.join(other, on="instrument_id", how="semi")["session"])


def _write_sync(
    writer: Writer, load: Load, counts: Counts, rejected: int
) -> dict[str, int | float | str]:
    """Record the attempt with what it stored; returns the source's health, for the UI."""
    if load.attempt is None:
        return {}
    attempt = replace(
        load.attempt,
        rows_inserted=counts.inserted,
        rows_updated=counts.updated,
        rows_unchanged=counts.unchanged,
        rows_rejected=rejected,
    )
    health = write_attempt(writer, attempt, load.terms)
    told: dict[str, int | float | str] = {"source state": health.state}
    if health.score is not None:
        told["reliability score"] = health.score
    if health.requests_quota is not None:
        told |= {"requests today": health.requests_today, "quota": health.requests_quota}
    return told


def _write_rows(writer: Writer, table: Table, rows: pl.DataFrame, within: Slice) -> Counts:
    """Store the raw rows; a bar that may have been read too early takes the new `fetched_at`.

    Else a bar whose values did not move after the early fetch would stay, or come to be, rejected.
    """
    if table != tables.OHLCV:
        return writer.write(table, rows, within)
    key = list(table.key)
    early = early_bars(writer, rows, within)
    if early.is_empty():
        return writer.write(table, rows, within)
    rows = rows.with_columns(pl.col(n).cast(t) for n, t in early.schema.items())
    again = rows.join(early, on=key, how="semi")
    return writer.write(_BARS_READ_AGAIN, again, within) + writer.write(
        table, rows.join(early, on=key, how="anti"), within
    )


def _write_evidence(writer: Writer, load: Load, source_id: int) -> int:
    """Store rejects, payloads, the contract's counts; returns how many rejects are new."""
    own = Slice({"source_id": source_id, "kind": str(load.kind)})
    stamps = [pl.lit(source_id).alias("source_id"), pl.lit(str(load.kind)).alias("kind")]
    if load.contract is not None:
        checked = Slice({"check_id": load.contract["check_id"][0]})
        writer.write(tables.QUALITY_RESULTS, load.contract, checked)
    counts = writer.write(tables.REJECTED_AT_LOAD, load.batch.rejected.with_columns(stamps), own)
    writer.write(tables.PAYLOADS, load.batch.payloads.with_columns(stamps), own)
    return counts.inserted


def _refused(batch: Batch) -> dict[str, int | str]:
    """How many rows of the batch were refused, and why the first; equal rows are no loss.

    Rows outside the coverage are no news, unless there are no others.
    """
    found = batch.rejected.filter(pl.col("rule") != "duplicate")
    inside = found.filter(pl.col("rule") != "outside_coverage")
    found = found if inside.is_empty() and batch.rows.is_empty() else inside
    if found.is_empty():
        return {}
    first = found.row(0, named=True)
    return {"rows_refused": found.height, "first refused": f"{first['rule']}: {first['reason']}"}


def write_derived(writer: Writer, derived: Derived, target: Target) -> Written:
    """Replace the slices of all frames; the counts are those of the first table."""
    if derived.register:
        spec, listings = derived.register
        writer.register(writer.source_id(spec), listings)
    part = _reaching(target.part, derived.reach_days)
    facts: dict[str, int | float | str] = {}
    touched: frozenset[date] = frozenset()
    since = _touched(writer, derived, part)
    for table, frame in derived.frames.items():
        counts = writer.write(table, frame, part)
        if counts.updated or counts.removed or derived.additions_touch:
            touched |= _days(table, counts)
        _write_record(writer, target, _Record(table, counts, frame.height, 0), part)
        facts = facts or dict(_facts(counts))
    if touched:
        touched |= derived.decides
    if derived.settle:
        derived.settle(writer, part)
    if target.seen is not None:
        _note(writer, target, touched if derived.dated is None else since)
    own = next(iter(derived.frames.values()))
    if derived.reach_days and target.part.first:
        own = own.filter(pl.col("session") >= target.part.first)
    return Written(own, facts)


def _touched(writer: Writer, derived: Derived, part: Slice) -> frozenset[date]:
    """The earliest `dated` of a row of the own table that is new, other, or gone; none without."""
    table, frame = next(iter(derived.frames.items()))
    if derived.dated is None:
        return frozenset()
    columns = [n for n in table.column_names if n not in table.stamps]
    before = writer.read(table, part, columns)
    after = frame.select(pl.col(n).cast(table.polars_schema[n]) for n in columns)
    news = [
        one.join(other, on=columns, how="anti", nulls_equal=True)
        .select(derived.dated)
        .to_series()
        .min()
        for one, other in ((after, before), (before, after))
    ]
    days = [day for day in news if isinstance(day, date)]
    return frozenset({min(days)}) if days else frozenset()


def _reaching(part: Slice, days: int) -> Slice:
    return replace(part, first=part.first - timedelta(days=days)) if part.first else part


def _note(writer: Writer, target: Target, touched: frozenset[date]) -> None:
    """What the write changed, and that it saw all changes up to `seen`."""
    first, last = target.part.first, target.part.last
    if first is None or last is None:
        touched, made = change_record.since(touched), {change_record.ALWAYS}
    else:
        made = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    change_record.record(writer, target.asset, touched, made, target.seen)


def _facts(counts: Counts) -> dict[str, int]:
    return {
        "rows_inserted": counts.inserted,
        "rows_updated": counts.updated,
        "rows_unchanged": counts.unchanged,
        "rows_removed": counts.removed,
    }


@dataclass(frozen=True)
class _Record:
    table: Table
    counts: Counts
    rows_in: int
    rejected: int


def _write_record(writer: Writer, target: Target, record: _Record, part: Slice) -> None:
    """A row of ops.loads."""
    load_id = f"{target.run_id}/{target.asset}"
    row = pl.DataFrame(
        {
            "load_id": [load_id],
            "asset": [target.asset],
            "table_name": [record.table.full_name],
            "from_session": [part.first],
            "to_session": [part.last],
            "rows_in": [record.rows_in],
            **{name: [n] for name, n in _facts(record.counts).items()},
            "rows_rejected": [record.rejected],
        }
    )
    own: dict[str, int | str] = {"load_id": load_id, "table_name": record.table.full_name}
    writer.write(tables.LOADS, row, Slice(own))
