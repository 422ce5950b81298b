"""Freshness in the UI: a check `fresh` per asset that grows, kept up to date without any run.

A check is evaluated with each run of its asset; between runs the sensor `freshness` reports what
changed. Dagster's own freshness policies count hours, and a holiday would be an alarm.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from fundplatform.assets.raw import raw_key
from fundplatform.automation.lateness import COMPUTED, Freshness, computed, loaded, watched
from fundplatform.clock import Clock
from fundplatform.sources.base import Kind, Source

FRESH = "fresh"
GRACE = timedelta(hours=2)
"""So long what is computed may lag behind what was brought: it waits for its turn."""


def freshness_checks(sources: Sequence[Source], clock: Clock) -> list[dg.AssetChecksDefinition]:
    """The checks: of each kind that grows, and of what is computed by day."""
    found = [_loaded(source, kind, clock) for source in sources for kind, _ in watched(source)]
    if any(Kind.OHLCV in s.spec.kinds for s in sources):
        found.append(_computed(sources))
    return found


def _loaded(source: Source, kind: Kind, clock: Clock) -> dg.AssetChecksDefinition:
    key = raw_key(source.spec.name, kind)

    @dg.asset_check(
        name=FRESH,
        asset=key,
        blocking=False,
        description="At most one published session of its calendar is missing at the end.",
    )
    def fresh(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        for one in loaded(source, context.instance, clock()):
            if one.key == key:
                return dg.AssetCheckResult(
                    passed=one.fresh, severity=_severity(one), metadata=shown(one)
                )
        return dg.AssetCheckResult(passed=True, metadata={"state": "its inventory is unreadable"})

    return fresh


def _computed(sources: Sequence[Source]) -> dg.AssetChecksDefinition:
    """What was just computed is on its way: a run never fails by it, the sensor may later."""

    @dg.multi_asset_check(
        name="computed_fresh",
        specs=[
            dg.AssetCheckSpec(
                FRESH,
                asset=key,
                blocking=False,
                description="Every session that a source brought is computed within two hours.",
            )
            for key in COMPUTED
        ],
        can_subset=True,
    )
    def fresh(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {check.asset_key for check in context.selected_asset_check_keys}
        for one in computed(sources, context.instance):
            if one.key in wanted:
                yield dg.AssetCheckResult(
                    asset_key=one.key, check_name=FRESH, passed=True, metadata=shown(one)
                )

    return fresh


def shown(one: Freshness) -> dict[str, Any]:
    """Metadata of a check; the number is plotted."""
    return {
        "sessions behind": one.behind,
        "last session": str(one.last),
        "expected session": str(one.expected),
    }


def _severity(one: Freshness) -> dg.AssetCheckSeverity:
    """A source that is late has an alert of its own (watch.py); the rest is told by the check."""
    late = one.key in COMPUTED
    return dg.AssetCheckSeverity.ERROR if late else dg.AssetCheckSeverity.WARN


def freshness_sensor(sources: Sequence[Source], clock: Clock) -> Iterator[dg.SensorDefinition]:
    """The sensor; none where nothing grows or is computed."""
    if not freshness_checks(sources, clock):
        return

    @dg.sensor(
        name="freshness",
        asset_selection=dg.AssetSelection.all(),
        minimum_interval_seconds=300,
        description="Reports how far each asset is behind, in sessions; asks for nothing.",
    )
    def look(context: dg.SensorEvaluationContext) -> dg.SkipReason | dg.SensorResult:
        now = clock()
        found = [one for s in sources for one in loaded(s, context.instance, now)]
        if any(Kind.OHLCV in s.spec.kinds for s in sources):
            found += computed(sources, context.instance)
        before = json.loads(context.cursor) if context.cursor else {}
        after = {name: judged(one, before.get(name, {}), now) for name, one in named(found)}
        events = [
            _evaluation(one, passed=bool(after[name]["passed"]))
            for name, one in named(found)
            if after[name] != before.get(name)
        ]
        if not events:
            return dg.SkipReason("; ".join(f"{n} {one}" for n, one in named(found) if one.behind))
        return dg.SensorResult(asset_events=events, cursor=json.dumps(after))

    yield look


def named(found: Sequence[Freshness]) -> list[tuple[str, Freshness]]:
    """With the names of the assets."""
    return [(one.key.to_user_string(), one) for one in found]


def judged(one: Freshness, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What the sensor remembers of an asset: since when it is not fresh, and whether it passes."""
    since = None if one.fresh else before.get("since") or now.isoformat()
    waits = since is not None and now < datetime.fromisoformat(since) + GRACE
    return {
        "since": since,
        "passed": one.fresh or (one.key in COMPUTED and waits),
        "says": str(one),
    }


def _evaluation(one: Freshness, *, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=one.key,
        check_name=FRESH,
        passed=passed,
        severity=_severity(one),
        description=str(one),
        metadata=shown(one),
    )
