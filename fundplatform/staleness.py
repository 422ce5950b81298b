"""Which days are older than what they rest on: data, factors, and the rules they were made by.

In: Dagster's record of partitions and the assets' code versions. Out: from which stage on each day
is to be computed again. Nothing is run or cut into chunks here.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import accumulate

import dagster as dg
from dagster import DagsterEventType
from dagster._core.definitions.data_version import CODE_VERSION_TAG

from fundplatform.assets.catalog import ACTIONS, CAPS, DECISIONS, FACTORS, SECURITIES
from fundplatform.assets.raw import raw_key
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.notes import Notes

STAGES: Mapping[str, tuple[dg.AssetKey, ...]] = {
    "prices": tuple(
        dg.AssetKey(path.split("/"))
        for path in ("prices/validated", "prices/rejected", "ops/gates")
    ),
    "indices": (
        SECURITIES,
        CAPS,
        *(
            dg.AssetKey(["indices", name])
            for name in (
                "compositions",
                "performance",
                "composition_changes",
                "contributions",
                "unpriced",
                "baskets",
                "exclusions",
                "levels",
            )
        ),
    ),
    "metrics": tuple(dg.AssetKey(["funds", name]) for name in ("metrics", "risk", "scores")),
}
"""Everything downstream of raw that is computed by day, in order; each rests on those before."""

FEEDS = (Kind.OHLCV, Kind.MARKET_CAPS)
"""The raw kinds that the daily chain reads."""

FRESH = len(STAGES)
"""No stage: nothing to compute."""

# Recorded for every day that was judged, also where the gate held prices/validated back.
JUDGED = dg.AssetKey(["prices", "rejected"])
LAST_OF_CHAIN = dg.AssetKey(["funds", "metrics"])
# One partitioned asset of each stage stands for it.
_OF_STAGE = (JUDGED, dg.AssetKey(["indices", "performance"]), LAST_OF_CHAIN)
_CHANGES = ("rows_inserted", "rows_updated", "rows_removed")
_MANY = 1_000
_INDICES = list(STAGES).index("indices")


def stages(
    sources: Iterable[Source],
    instance: dg.DagsterInstance,
    days: Sequence[date],
    versions: Mapping[dg.AssetKey, str | None],
) -> list[int]:
    """For each day the first of STAGES (0, 1, ...) to compute, FRESH where none; never rising.

    A day is computed from the start where it is new or older than what it rests on: its own raw
    data, the days before (look-backs reach over them, and a run may have failed between them or
    between two of its steps), the split factors, and the corporate actions with an ex-date by then.
    Where only the rules of a stage changed since (an index definition, the risk-free rate), from
    that stage on.

    Args:
        sources: All sources.
        instance: Gives the record of partitions; new versions are noted in it.
        days: Ascending.
        versions: The assets' code versions as they are now.
    """
    keys = [d.isoformat() for d in days]
    recorded = [_ids(instance, key) for key in _OF_STAGE]
    judged, finished = recorded[0], recorded[-1]
    newest = _newest_raw(sources, instance)
    everything = max(changed(instance, FACTORS), latest(instance, [DECISIONS]))
    paid = _newest_touch(instance, ACTIONS, keys)
    inputs = (max(judged.get(k, 0), newest.get(k, 0), paid.get(k, 0)) for k in keys)
    rests_on = accumulate(inputs, max, initial=everything)
    next(rests_on)
    first = [
        0 if finished.get(k, -1) < latest else FRESH
        for k, latest in zip(keys, rests_on, strict=True)
    ]
    first = _capped(instance, keys, finished, first)
    for stage, key in reversed(list(enumerate(_OF_STAGE))):
        since = outdated_until(instance, key, versions.get(key))
        if since:
            ids = recorded[stage]
            first = [
                min(f, stage) if 0 < ids.get(k, 0) <= since else f
                for f, k in zip(first, keys, strict=True)
            ]
    return list(accumulate(first, min))


def _capped(
    instance: dg.DagsterInstance, keys: Sequence[str], finished: Mapping[str, int], first: list[int]
) -> list[int]:
    """`first`, from the indices on where caps, or what a name is, changed since.

    A name that is new in the catalog has its own bars, which are new too.
    """
    newest = _newest_touch(instance, CAPS, keys)
    anew = changed(instance, SECURITIES, ("rows_updated", "rows_removed"))
    rests_on = accumulate((newest.get(k, 0) for k in keys), max, initial=anew)
    next(rests_on)
    return [
        min(f, _INDICES) if 0 < finished.get(k, 0) < touched else f
        for f, k, touched in zip(first, keys, rests_on, strict=True)
    ]


def _newest_raw(sources: Iterable[Source], instance: dg.DagsterInstance) -> dict[str, int]:
    newest: dict[str, int] = {}
    for source in sources:
        for kind, coverage in source.spec.kinds.items():
            if kind in FEEDS and coverage.partitioned:
                for day, storage_id in _ids(instance, raw_key(source.spec.name, kind)).items():
                    newest[day] = max(newest.get(day, 0), storage_id)
    return newest


def _newest_touch(
    instance: dg.DagsterInstance, key: dg.AssetKey, keys: Sequence[str]
) -> dict[str, int]:
    """The first day that a change of the asset touches -> storage id of the newest such change."""
    newest: dict[str, int] = {}
    for record in instance.fetch_materializations(key, limit=_MANY).records:
        facts = record.asset_materialization.metadata if record.asset_materialization else {}
        if "touched_from" in facts:
            at = bisect_left(keys, str(facts["touched_from"].value))
            if at < len(keys):
                newest[keys[at]] = max(newest.get(keys[at], 0), record.storage_id)
    return newest


def outdated_until(instance: dg.DagsterInstance, key: dg.AssetKey, version: str | None) -> int:
    """Materialisations up to this storage id were made by another code version; 0: none were.

    Dagster keeps the version of the newest materialisation only where it can be asked for, so a
    change is noted when it is first seen; what was recorded before it is outdated.
    """
    if version is None:
        return 0
    notes = Notes(instance)
    name = f"version/{key.to_user_string()}"
    known = notes.get(name)
    if known is None:
        # The first look at what an older release, or a person by hand (no version), recorded.
        made_by = _version(instance, key)
        known = {"version": version, "since": notes.now() if made_by not in (None, version) else 0}
        notes.put(name, known)
    if known["version"] != version:
        known = {"version": version, "since": notes.now()}
        notes.put(name, known)
    return int(known["since"])


def is_outdated(instance: dg.DagsterInstance, key: dg.AssetKey, version: str | None) -> bool:
    """True where the newest materialisation of an unpartitioned asset has another version."""
    newest = _newest(instance, key)
    return 0 < newest <= outdated_until(instance, key, version)


def latest(instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]) -> int:
    """Storage id of the newest materialisation of any of the assets; 0 without one."""
    return max((_newest(instance, key) for key in keys), default=0)


def note_decision(instance: dg.DagsterInstance) -> None:
    """What rests on identities is older than this event: the next backfill computes it again."""
    instance.report_runless_asset_event(dg.AssetMaterialization(DECISIONS))


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey) -> int:
    records = instance.fetch_materializations(key, limit=1).records
    return records[0].storage_id if records else 0


def _version(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """The code version of the newest materialisation."""
    records = instance.fetch_materializations(key, limit=1).records
    made = records[0].asset_materialization if records else None
    return (made.tags or {}).get(CODE_VERSION_TAG) if made else None


def changed(
    instance: dg.DagsterInstance, key: dg.AssetKey, counts: Sequence[str] = _CHANGES
) -> int:
    """Storage id of the newest materialisation that changed a row; 0 without one."""
    found = instance.fetch_materializations(key, limit=_MANY).records
    for record in found:
        facts = record.asset_materialization.metadata if record.asset_materialization else {}
        if any(facts[n].value for n in counts if n in facts):
            return record.storage_id
    return 0


def _ids(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION
    )
