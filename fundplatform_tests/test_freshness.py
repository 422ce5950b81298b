"""Freshness counts sessions: a holiday is none; the sensor reports it without a run."""

from datetime import UTC, date, datetime, timedelta
from typing import cast

import dagster as dg
import pytest

from fundplatform.automation.freshness import judged
from fundplatform.automation.lateness import COMPUTED, Freshness, computed, loaded
from fundplatform.automation.watch import failing_checks
from fundplatform.definitions import build_definitions, open_store
from fundplatform.settings import Settings
from fundplatform_tests.test_alerts import Plain

RAW = dg.AssetKey(["raw", "acme", "ohlcv"])
CHECK = dg.AssetCheckKey(RAW, "fresh")
METRICS = dg.AssetKey(["funds", "metrics"])
# Saturday after Independence Day (Thursday): acme has Friday since 02:00 UTC.
WEEKEND = datetime(2024, 7, 6, 12, tzinfo=UTC)
MONDAY_NIGHT = datetime(2024, 7, 9, 3, tzinfo=UTC)


def instance_with(*days: str, key: dg.AssetKey = RAW) -> dg.DagsterInstance:
    instance = dg.DagsterInstance.ephemeral()
    record(instance, *days, key=key)
    return instance


def record(instance: dg.DagsterInstance, *days: str, key: dg.AssetKey = RAW) -> None:
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=day))


def test_a_holiday_is_no_lateness() -> None:
    """Recorded to Wednesday the 3rd; the 4th is closed, the 5th and the 8th are sessions."""
    instance = instance_with("2024-07-02", "2024-07-03")
    (found,) = loaded(Plain(), instance, WEEKEND)
    assert (found.behind, found.fresh) == (1, True)
    (found,) = loaded(Plain(), instance, MONDAY_NIGHT)
    assert str(found) == "ends on 2024-07-03: 2 sessions behind 2024-07-08"
    assert not found.fresh
    (never,) = loaded(Plain(), dg.DagsterInstance.ephemeral(), WEEKEND)
    assert (never.fresh, str(never)) == (True, "nothing loaded yet")


def test_what_is_computed_is_measured_by_what_was_brought() -> None:
    instance = instance_with("2024-07-02", "2024-07-03", "2024-07-05")
    record(instance, "2024-07-02", key=METRICS)
    found = {one.key: one for one in computed([Plain()], instance)}
    assert set(found) == set(COMPUTED)
    assert str(found[METRICS]) == "ends on 2024-07-02: 2 sessions behind 2024-07-05"
    assert found[COMPUTED[0]].behind == 3
    record(instance, "2024-07-05", key=METRICS)
    assert {one.key: one.fresh for one in computed([Plain()], instance)}[METRICS]


def test_computing_may_wait_for_two_hours() -> None:
    late = Freshness(METRICS, date(2024, 7, 3), date(2024, 7, 5), 1)
    first = judged(late, {}, WEEKEND)
    assert first["passed"]
    soon = judged(late, first, WEEKEND + timedelta(minutes=119))
    assert (soon["passed"], soon["since"]) == (True, first["since"])
    assert not judged(late, first, WEEKEND + timedelta(hours=2))["passed"]
    # It came, and the next delay begins anew.
    well = judged(Freshness(METRICS, late.expected, late.expected, 0), first, WEEKEND)
    assert (well["passed"], well["since"]) == (True, None)
    # A source has no such patience: its lag and a session are patience enough.
    assert not judged(Freshness(RAW, None, None, 2, 1), {}, WEEKEND)["passed"]


@pytest.fixture
def location(settings: Settings) -> dg.Definitions:
    return build_definitions(
        settings, sources=[Plain()], store=open_store(settings), clock=lambda: MONDAY_NIGHT
    )


def tick(
    location: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    found = location.get_repository_def()
    context = dg.build_sensor_context(instance=instance, repository_def=found, cursor=cursor)
    return cast("dg.SensorResult | dg.SkipReason", found.get_sensor_def("freshness")(context))


def test_the_sensor_reports_only_what_changed(location: dg.Definitions) -> None:
    instance = instance_with("2024-07-03")
    first = tick(location, instance)
    assert isinstance(first, dg.SensorResult)
    told = {e.asset_check_key: e for e in cast(list[dg.AssetCheckEvaluation], first.asset_events)}
    assert not told[CHECK].passed
    assert told[CHECK].description == "ends on 2024-07-03: 2 sessions behind 2024-07-08"
    assert len(told) == 4
    assert isinstance(tick(location, instance, first.cursor), dg.SkipReason)
    record(instance, "2024-07-05")
    second = tick(location, instance, first.cursor)
    assert isinstance(second, dg.SensorResult)
    changed = {
        e.asset_key: e.passed for e in cast(list[dg.AssetCheckEvaluation], second.asset_events)
    }
    assert changed[RAW]
    # What it reports is the check's latest evaluation; a late source is told by its own alert.
    for event in second.asset_events:
        instance.report_runless_asset_event(cast(dg.AssetCheckEvaluation, event))
    checks = location.resolve_asset_graph().asset_check_keys
    assert list(failing_checks(instance, checks, "http://x")) == []


def test_what_is_not_computed_is_an_alert(location: dg.Definitions) -> None:
    instance = dg.DagsterInstance.ephemeral()
    failed = dg.AssetCheckEvaluation(
        METRICS,
        "fresh",
        passed=False,
        description="ends on 2024-07-03: 2 sessions behind 2024-07-08",
    )
    instance.report_runless_asset_event(failed)
    (found,) = failing_checks(instance, [dg.AssetCheckKey(METRICS, "fresh")], "http://x")
    assert found.text.startswith("check fresh of funds/metrics failed: ends on 2024-07-03")
