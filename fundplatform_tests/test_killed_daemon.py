"""kill -9 on the daemon, the code server and the run worker in the middle of a native backfill.

After a restart the daemon goes on with what is left, and the gap sensor asks for what the killed
run had not stored: every session is stored, none twice.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster import DagsterRunStatus

from fundplatform import calendars
from fundplatform.instance import open_instance
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.test_ui import _LAUNCH, UI, wait_for

# Three runs of at most 250 sessions.
FIRST, LAST = date(2018, 1, 2), date(2020, 3, 31)
BARS = dg.AssetKey(["raw", "mine", "ohlcv"])

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def kill(ui: UI) -> None:
    """Everything at once, the run's process too."""
    family = [*ui.family(), psutil.Process(ui.process.pid)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, 60)
    ui.process.wait(60)


def switched_on(settings: Settings, sensor: str) -> None:
    subprocess.run(
        [Path(sys.executable).with_name("dagster"), "sensor", "start", sensor,
         "-w", "workspace.yaml"],
        check=True, cwd=settings.dagster_home,
        env={**os.environ, "DAGSTER_HOME": str(settings.dagster_home),
             "FUNDPLATFORM_HOME": str(settings.home)},
    )  # fmt: skip


def statuses(instance: dg.DagsterInstance) -> Counter[DagsterRunStatus]:
    return Counter(run.status for run in instance.get_runs())


def stored(instance: dg.DagsterInstance) -> Counter[str]:
    """Session -> how often it was recorded."""
    records = instance.fetch_materializations(BARS, limit=5_000).records
    return Counter(r.partition_key for r in records if r.partition_key)


def test_after_a_kill_all_is_finished_and_nothing_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")
    sessions = [day.isoformat() for day in calendars.get("XNYS").sessions(FIRST, LAST)]
    put = folder(settings, "mine", f"start: {FIRST}\nend: {LAST}\n")
    (put / "bars.csv").write_text(table([bar(day, "AAA") for day in sessions]))
    params = {
        "assetSelection": [{"path": BARS.path}],
        "partitionNames": sessions,
        "fromFailure": False,
        "tags": [],
    }
    ui = UI(settings.home)
    started: list[UI] = [ui]
    try:
        wait_for(ui.get, 600)
        assert ui.ask(_LAUNCH, params=params)["launchPartitionBackfill"]["__typename"] == (
            "LaunchBackfillSuccess"
        )
        with open_instance(settings) as instance:
            wait_for(in_the_middle(instance), 900)
            kill(ui)
            before = stored(instance)
            assert 0 < len(before) < len(sessions)
            started.append(UI(settings.home))
            wait_for(started[-1].get, 600)
            switched_on(settings, "fill_gaps")
            wait_for(lambda: len(stored(instance)) == len(sessions), 1500)
            assert set(stored(instance).values()) == {1}
            found = statuses(instance)
            assert found[DagsterRunStatus.FAILURE] <= 1, "the one that was killed"
            print(found, len(before))
    finally:
        for one in started:
            if one.process.poll() is None:
                kill(one)


def in_the_middle(instance: dg.DagsterInstance) -> Callable[[], bool]:
    """One run has ended well and another one is being executed."""

    def look() -> bool:
        found = statuses(instance)
        return found[DagsterRunStatus.SUCCESS] == 1 and found[DagsterRunStatus.STARTED] == 1

    return look
