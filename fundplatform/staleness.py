"""Which days are older than what they rest on: data, factors, and the rules they were made by.

In: Dagster's record of partitions, the changes that the warehouse noted, the graph of assets and
their code versions. Out: the stages to compute of each day. Nothing is run or cut into chunks here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

import dagster as dg
import numpy as np
import numpy.typing as npt
from dagster import DagsterEventType
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.data_version import CODE_VERSION_TAG

from fundplatform.assets.catalog import CAPS, DECISIONS, SECURITIES
from fundplatform.change_log import ChangeLog, Numbers
from fundplatform.finance.rules import LOOKBACK_DAYS
from fundplatform.sources.base import Kind
from fundplatform.storage.change_record import ALWAYS
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
    "metrics": tuple(
        dg.AssetKey(["funds", name]) for name in ("metrics", "risk", "scores", "carried")
    ),
}
"""Everything downstream of raw that is computed by day, in order; each rests on those before."""

FEEDS = (Kind.OHLCV, Kind.MARKET_CAPS)
"""The raw kinds whose sessions are the days of the chain."""

AT_ONCE = 14
"""Days: what is judged again is this recent, and all that rests on it is computed in the same run.

Further back, the verdicts come first: mostly few of them change, and what rests on none stays.
"""

# Recorded for every day that was judged, also where the gate held prices/validated back.
JUDGED = dg.AssetKey(["prices", "rejected"])
LAST_OF_CHAIN = dg.AssetKey(["funds", "metrics"])
# One partitioned asset of each stage stands for it in Dagster's record.
_OF_STAGE = (JUDGED, dg.AssetKey(["indices", "performance"]), LAST_OF_CHAIN)
# The asset in whose name a stage's one transaction is noted in ops.changes.
WRITERS = ("prices/validated", "indices/compositions", "funds/metrics")
_WRITER_OF = {
    key.to_user_string(): writer
    for writer, keys in zip(WRITERS, STAGES.values(), strict=True)
    for key in keys
    if key not in (SECURITIES, CAPS) and key.path[-1] != "levels"
}


def names_of(keys: Iterable[dg.AssetKey]) -> list[str]:
    """The names in ops.changes of assets: of one that another writes, the writer's."""
    names = {key.to_user_string() for key in keys}
    return sorted({_WRITER_OF.get(name, name) for name in names})


Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Stages = tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """What is known of the location when a plan is made.

    Attributes:
        instance: Gives the record of partitions; new versions are noted in it.
        graph: The assets: what each rests on, and its code version as it is now.
        log: The changes that the warehouse noted.
    """

    instance: dg.DagsterInstance
    graph: AssetGraph
    log: ChangeLog

    def rests_on(self, key: dg.AssetKey) -> list[str]:
        """The names in ops.changes of what an asset reads."""
        return names_of(self.graph.get(key).parent_keys if self.graph.has(key) else ())

    def is_older(self, key: dg.AssetKey) -> bool:
        """Whether an asset without partitions was never made, or before what it rests on."""
        made = latest(self.instance, [key])
        if not made or made < latest(self.instance, [DECISIONS]):
            return True
        return self.log.is_older(key.to_user_string(), self.rests_on(key))

    def version(self, key: dg.AssetKey) -> str | None:
        """The code version as it is now."""
        return self.graph.get(key).code_version if self.graph.has(key) else None

    def is_outdated(self, key: dg.AssetKey) -> bool:
        """True where the newest materialisation of an unpartitioned asset has another version."""
        newest = _newest(self.instance, key)
        return 0 < newest <= outdated_until(self.instance, key, self.version(key))


def stages(now: Standing, days: Sequence[date]) -> list[Stages]:
    """For each day the stages to compute in one go; () where none.

    A day is new, or was made by other rules, or something that it rests on changed since it was
    read: for a verdict, bars and corporate actions of the LOOKBACK_DAYS before; for an index and a
    metric, anything before (baskets go on from the day before, metrics look back to the start).
    Where a verdict may change on days that are computed already, only verdicts come from there on:
    whether anything else has to follow is seen when they are there.

    Args:
        now: What is known.
        days: Ascending, without a gap.
    """
    if not days:
        return []
    made = [_of_days(_ids(now.instance, key), days) for key in _OF_STAGE]
    decided = latest(now.instance, [DECISIONS])
    anew = [(ids == 0) | (ids <= decided) for ids in made]
    for stage, key in enumerate(_OF_STAGE):
        since = outdated_until(now.instance, key, now.version(key))
        for later in range(stage, len(anew)):
            anew[later] = anew[later] | (made[stage] <= since)
    older = [_is_older(now, stage, days) for stage in range(len(STAGES))]
    again = older[0] & ~anew[0]
    recomputed = int(np.argmax(again)) if again.any() else len(days)
    if len(days) - recomputed <= AT_ONCE:
        recomputed = len(days)
    judged = anew[0] | older[0]
    # What rests on a day rests on those before it.
    built = np.logical_or.accumulate(judged | anew[1] | older[1])
    measured = np.logical_or.accumulate(built | anew[2] | older[2])
    names = tuple(STAGES)
    return [
        (names[:1] if judged[n] else ())
        if n >= recomputed
        else tuple(
            s for s, due in zip(names, (judged[n], built[n], measured[n]), strict=True) if due
        )
        for n in range(len(days))
    ]


def _is_older(now: Standing, stage: int, days: Sequence[date]) -> Bools:
    """Whether what a stage's day rests on changed after it was read."""
    rests_on = now.rests_on(_OF_STAGE[stage])
    if stage == 1:
        # Its own yesterday; and snapshots, whose caps are made in the same run.
        snapshots = f"/{Kind.MARKET_CAPS}"
        rests_on += [WRITERS[1], *(n for n in now.rests_on(CAPS) if n.endswith(snapshots))]
    changed = now.log.merged(rests_on)
    since = _of_window(changed, days) if stage == 0 else _of_past(changed, days)
    seen = now.log.seen.get(WRITERS[stage], {})
    return since > np.array([seen.get(day, -1) for day in days], np.int64)


def _of_past(changed: Numbers, days: Sequence[date]) -> Ints:
    """By day the newest change of that day or any before."""
    before = max((n for day, n in changed.items() if day < days[0]), default=0)
    own = [changed.get(day, 0) for day in days]
    return np.array(list(accumulate(own, max, initial=before))[1:], np.int64)


def _of_window(changed: Numbers, days: Sequence[date]) -> Ints:
    """By day the newest change of the LOOKBACK_DAYS up to it, or of all days."""
    start = days[0] - timedelta(days=LOOKBACK_DAYS)
    own = np.zeros(LOOKBACK_DAYS + len(days), np.int64)
    for day, number in changed.items():
        place = (day - start).days
        if 0 <= place < len(own):
            own[place] = max(own[place], number)
    windows = np.lib.stride_tricks.sliding_window_view(own, LOOKBACK_DAYS + 1)
    newest: Ints = windows.max(axis=1)
    return np.maximum(newest, changed.get(ALWAYS, 0))


def _of_days(ids: Mapping[str, int], days: Sequence[date]) -> Ints:
    """By day the storage id of the newest materialisation; 0 without one."""
    return np.array([ids.get(day.isoformat(), 0) for day in days], np.int64)


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


def _ids(instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, int]:
    return instance.event_log_storage.get_latest_storage_id_by_partition(
        key, DagsterEventType.ASSET_MATERIALIZATION
    )
