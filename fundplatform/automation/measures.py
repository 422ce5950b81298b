"""What the platform says of itself to Prometheus: runs, rows, freshness, gaps, calls, durations.

Reads Dagster's record and the published warehouse. The text format is `exposition.py`'s; the sensor
here keeps the file in the home new.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus

from fundplatform.accounts import Called, profile_of, sharing, terms_of
from fundplatform.automation.lateness import computed, loaded
from fundplatform.clock import Clock
from fundplatform.errors import WarehouseError
from fundplatform.exposition import Measure, text, write
from fundplatform.health import day_start
from fundplatform.settings import Settings
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store

Sample = tuple[dict[str, str], float]
_LATEST = 200
"""Ended runs that are looked at for durations."""
_TWO_DAYS = timedelta(days=2)
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_STATUSES = [*_ENDED, DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED]

_ROWS = """
select table_name, sum(rows_inserted) as inserted, sum(rows_updated) as updated,
       sum(rows_removed) as removed, sum(rows_rejected) as rejected
from ops.loads group by table_name order by table_name
"""
_GAPS = """
select source, kind, state, sum(sessions) as sessions from ops.gaps
where state in ('unfetched', 'vendor_missing', 'rejected') group by 1, 2, 3 order by 1, 2, 3
"""
_VENDORS = """
select source, state, score from marts.source_state order by source
"""
_HELD = """
select s.name as source, sum(case when g.held then 1 else 0 end) as held
from ops.gates g join catalog.sources s using (source_id) group by 1 order by 1
"""


def measures(
    instance: dg.DagsterInstance,
    sources: Sequence[Source],
    settings: Settings,
    store: Store,
    now: datetime,
) -> list[Measure]:
    """All of them; what a warehouse that is not there yet would say is left out."""
    found = [*_runs(instance), *_freshness(instance, sources, now), _disk(settings)]
    with suppress(WarehouseError):
        found += [*_warehouse(store), *_calls(sources, store, now)]
    stamp = _gauge("written_timestamp_seconds", "When this was written.", [({}, now.timestamp())])
    return [*found, stamp]


def _gauge(name: str, help: str, samples: Sequence[Sample]) -> Measure:
    return Measure(f"fundplatform_{name}", help, "gauge", tuple(samples))


def _runs(instance: dg.DagsterInstance) -> Iterator[Measure]:
    counts: list[Sample] = [
        ({"status": s.value.lower()}, instance.get_runs_count(dg.RunsFilter(statuses=[s])))
        for s in _STATUSES
    ]
    yield _gauge("runs", "Runs on record by status.", counts)
    seconds: dict[str, float] = {}
    ended: dict[str, float] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=_ENDED), limit=_LATEST):
        run = record.dagster_run
        assets = sorted(key.to_user_string() for key in run.asset_selection or ())
        name = assets[0] if assets else run.job_name
        if record.start_time and record.end_time and name not in seconds:
            seconds[name] = round(record.end_time - record.start_time, 3)
            ended[name] = record.end_time
    by_name: list[Sample] = [({"asset": name}, s) for name, s in sorted(seconds.items())]
    yield _gauge("run_duration_seconds", "Of the latest ended run, by its first asset.", by_name)
    at: list[Sample] = [({"asset": name}, e) for name, e in sorted(ended.items())]
    yield _gauge("run_ended_timestamp_seconds", "Of the latest ended run, by its first asset.", at)


def _freshness(
    instance: dg.DagsterInstance, sources: Sequence[Source], now: datetime
) -> Iterator[Measure]:
    found = [one for s in sources for one in loaded(s, instance, now)]
    found += computed(sources, instance)
    named = [({"asset": one.key.to_user_string()}, one) for one in found]
    behind: list[Sample] = [(label, one.behind) for label, one in named]
    yield _gauge("sessions_behind", "Sessions that an asset could have and has not.", behind)
    last: list[Sample] = [
        (label, datetime(one.last.year, one.last.month, one.last.day, tzinfo=UTC).timestamp())
        for label, one in named
        if one.last
    ]
    yield _gauge("last_session_timestamp_seconds", "Last session recorded, 00:00 UTC.", last)


def _disk(settings: Settings) -> Measure:
    total, used, _ = shutil.disk_usage(settings.home)
    return _gauge("disk_used_ratio", "Of the disk of the home.", [({}, round(used / total, 4))])


def _warehouse(store: Store) -> Iterator[Measure]:
    rows = store.query(_ROWS).to_dicts()
    written = tuple(
        ({"table": str(r["table_name"]), "how": how}, float(r[how] or 0))
        for r in rows
        for how in ("inserted", "updated", "removed", "rejected")
    )
    yield Measure("fundplatform_rows_total", "Rows by what writes did.", "counter", written)
    gaps = store.query(_GAPS).to_dicts()
    missing: list[Sample] = [
        ({n: str(r[n]) for n in ("source", "kind", "state")}, float(r["sessions"])) for r in gaps
    ]
    yield _gauge("gap_sessions", "Sessions x listings missing, as of the gap ledger.", missing)
    held: list[Sample] = [({"source": str(n)}, float(h)) for n, h in store.query(_HELD).iter_rows()]
    yield _gauge("sessions_held", "Sessions that the gate holds back.", held)
    yield from _vendors(store.query(_VENDORS).to_dicts())


def _vendors(rows: Sequence[dict[str, Any]]) -> Iterator[Measure]:
    def of(name: str) -> list[Sample]:
        return [({"source": r["source"]}, r[name]) for r in rows if r[name] is not None]

    yield _gauge("source_score", "Reliability of a source, 0-100.", of("score"))
    up: list[Sample] = [({"source": r["source"]}, r["state"] != "ERROR") for r in rows]
    yield _gauge("source_up", "0 while a source is down.", up)


def _calls(sources: Sequence[Source], store: Store, now: datetime) -> Iterator[Measure]:
    """Of each vendor's account, on the vendor's day."""
    called, used, left = Called.read(store, now - _TWO_DAYS), list[Sample](), list[Sample]()
    for source in sources:
        if profile_of(source) is None:
            continue
        terms, label = terms_of(source, sources), {"source": source.spec.name}
        start = day_start(now, terms.day_zone)
        today = sum(n for at, n in called.of(sharing(source, sources)) if at >= start)
        used.append((label, today))
        left += [(label, max(0, terms.quota - today))] if terms.quota is not None else []
    yield _gauge("calls_today", "Requests sent on the vendor's day, by its account.", used)
    yield _gauge("calls_left", "Requests that the vendor's daily quota still allows.", left)


def metrics_file(
    sources: Sequence[Source], settings: Settings, store: Store, clock: Clock
) -> dg.SensorDefinition:
    """The sensor `metrics_file`: every minute the file anew."""

    @dg.sensor(
        name="metrics_file",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=60,
        description="Writes metrics/fundplatform.prom in the home, for Prometheus.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = measures(context.instance, sources, settings, store, clock())
        write(settings.metrics_file, text(found))
        return dg.SkipReason(f"{settings.metrics_file}: {len(found)} metrics")

    return look
