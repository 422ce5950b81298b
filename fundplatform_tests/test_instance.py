"""Runs of killed processes: a real process executes a run on a real instance and is killed -9."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fundplatform import processes
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.instance import (
    close_dead_runs,
    close_lost_runs,
    forget_runs,
    init,
    open_instance,
    outdated,
    runs_of_server,
)
from fundplatform.settings import Settings
from fundplatform.storage.duckdb import DuckDBStore

_RUN_FOR_EVER = """
import signal, sys
import dagster as dg
from pathlib import Path
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.instance import open_instance
from fundplatform.settings import Settings

days = dg.StaticPartitionsDefinition(["2024-01-02"])

@dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def endless() -> None:
    print("started", flush=True)
    signal.pause()

class Day(Chunk):
    tags = {"dagster/partition": "2024-01-02"}

definitions = dg.Definitions(assets=[endless], executor=dg.in_process_executor)
job = definitions.resolve_implicit_global_asset_job_def()
instance = open_instance(Settings(home=Path(sys.argv[1])))
sys.stdout.reconfigure(line_buffering=True)
run_chunk(Day("endless", (dg.AssetKey("endless"),)), job, instance)
"""


@pytest.fixture
def instance(settings: Settings) -> dg.DagsterInstance:
    init(settings, DuckDBStore(settings.warehouse, settings.published))
    return open_instance(settings)


def test_a_dagster_yaml_from_before_is_left_and_said(settings: Settings) -> None:
    """Two settings of the shipped file are not in the user's, and one of the user's is his own."""
    store = DuckDBStore(settings.warehouse, settings.published)
    init(settings, store)
    assert outdated(settings) is None
    file = settings.dagster_home / "dagster.yaml"
    known = yaml.safe_load(file.read_text())
    del known["run_retries"]["max_retries"], known["run_monitoring"]["max_runtime_seconds"]
    known["run_monitoring"]["max_resume_run_attempts"] = 1
    before = yaml.safe_dump(known)
    file.write_text(before)
    (told,) = init(settings, store)
    assert told == (
        f"{file} is left as it is; this version's also sets run_monitoring.max_runtime_seconds, "
        "run_retries.max_retries: take them over"
    )
    assert file.read_text() == before
    file.write_text("- no mapping")
    assert "run_coordinator.class" in (outdated(settings) or "")


def test_a_killed_run_is_closed_and_a_living_one_is_not(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _RUN_FOR_EVER, str(settings.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "started\n"
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.STARTED
        assert close_dead_runs(instance) == []
        child.kill()
        child.wait()
        assert close_dead_runs(instance) == [run.run_id]
        closed = instance.get_run_by_id(run.run_id)
        assert closed is not None
        assert closed.status == dg.DagsterRunStatus.FAILURE
        assert close_dead_runs(instance) == []
    finally:
        os.killpg(child.pid, signal.SIGKILL) if child.poll() is None else None
        child.wait()


def test_a_retried_run_is_not_taken_for_the_dead_one_whose_tags_it_has(
    instance: dg.DagsterInstance,
) -> None:
    dead = processes.mark("0" * 32).replace(f"/{os.getpid()}/", f"/{2**22 + 1}/")
    assert processes.is_gone(dead)
    for number in range(2):
        run = dg.DagsterRun(
            job_name="j",
            run_id=str(number) * 32,
            status=dg.DagsterRunStatus.STARTED,
            tags={processes.TAG: dead},
        )
        instance.add_run(run)
    assert close_dead_runs(instance) == ["0" * 32]


def test_runs_whose_process_was_lost_are_retried_by_themselves(
    instance: dg.DagsterInstance,
) -> None:
    assert instance.run_monitoring_enabled
    assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
    assert not instance.run_retries_retry_on_asset_or_op_failure


def test_a_run_without_a_mark_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = dg.DagsterRun(job_name="j", run_id="0" * 32, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    assert close_dead_runs(instance) == []


@pytest.mark.parametrize("status", ["STARTED", "CANCELING"])
def test_the_runs_of_a_code_server_are_closed_when_its_successor_starts(
    instance: dg.DagsterInstance, status: str
) -> None:
    def run(number: int, **server: object) -> str:
        tags = {".dagster/grpc_info": json.dumps(server)} if server else {}
        made = dg.DagsterRun(
            "j", run_id=str(number) * 32, status=dg.DagsterRunStatus[status], tags=tags
        )
        return instance.add_run(made).run_id

    lost = run(1, host="code-server", port=4000)
    others = [run(2, host="code-server", port=4001), run(3, host="other", port=4000), run(4)]
    assert runs_of_server(instance, "code-server", 4000) == [lost]
    assert close_lost_runs(instance, [lost]) == [lost]
    ended = {"STARTED": "FAILURE", "CANCELING": "CANCELED"}[status]
    assert [r.run_id for r in instance.get_runs() if r.status.value == ended] == [lost]
    assert {r.run_id for r in instance.get_runs() if r.status.value == status} == set(others)
    assert close_lost_runs(instance, [lost]) == []


def test_only_old_runs_that_recorded_nothing_are_forgotten(instance: dg.DagsterInstance) -> None:
    @dg.asset
    def made() -> None: ...

    @dg.asset
    def broken() -> None:
        raise RuntimeError("vendor is down")

    def run(asset: dg.AssetsDefinition) -> str:
        return dg.materialize([asset], instance=instance, raise_on_error=False).run_id

    kept, failed = run(made), run(broken)
    now = datetime.now(UTC)
    assert forget_runs(instance, now - timedelta(days=1)) == []
    assert forget_runs(instance, now + timedelta(days=1)) == [failed]
    assert [r.run_id for r in instance.get_runs()] == [kept]
    assert instance.get_latest_materialization_event(made.key) is not None


def test_this_process_lives() -> None:
    assert not processes.is_gone(processes.mark())


@pytest.mark.parametrize(("part", "value"), [(1, "another-boot"), (3, "1")])
def test_a_pid_given_to_another_process_is_no_life_sign(part: int, value: str) -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("this system does not say when a process started")
    parts = processes.mark().split("/")
    parts[part] = value
    assert processes.is_gone("/".join(parts))


@pytest.mark.parametrize("mark", ["", "nonsense", "elsewhere/boot/1/1/", "a/b/c/d/e"])
def test_what_cannot_be_judged_is_not_gone(mark: str) -> None:
    assert not processes.is_gone(mark)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_is_no_failure_of_one_run_but_the_end_of_all(number: int) -> None:
    """Dagster catches both: the command went on with its next run, and Ctrl-C ended nothing."""

    @dg.asset
    def interrupted() -> None:
        os.kill(os.getpid(), number)

    @dg.asset
    def broken() -> None:
        raise ValueError("no rows")

    job = dg.Definitions([interrupted, broken], executor=dg.in_process_executor)
    ours = job.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(KeyboardInterrupt):
            run_chunk(Chunk("one", (dg.AssetKey("interrupted"),)), ours, instance)
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        failed = run_chunk(Chunk("two", (dg.AssetKey("broken"),)), ours, instance)
        assert failed.errors == ("broken: ValueError: no rows",)
