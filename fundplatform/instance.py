"""The home folder and the persistent Dagster instance in it.

`init` makes both ready and may be called any number of times; files that a user changed are left.
`close_dead_runs` and `close_lost_runs` end the runs of killed processes, which Dagster itself
would show as running. `forget_runs` is the retention of runs, which Dagster has none of.
"""

import json
import os
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import dagster as dg
import yaml
from dagster import DagsterEventType
from dagster._core.events import JobFailureData, RunFailureReason
from dagster._core.storage.tags import GRPC_INFO_TAG

from fundplatform import processes
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.settings import Settings
from fundplatform.storage.base import Store

_PACKAGE = Path(__file__).parent
_ACTIVE = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_ENDED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]
# What a run has left behind: which sessions are loaded, and what the checks found.
_LASTING = {
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}


def shipped(name: str) -> Path:
    """A file that ships with the project: in the installed package, else in the checkout."""
    inside = _PACKAGE / "_home" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def init(settings: Settings, store: Store) -> list[str]:
    """Make folders, the Dagster home and the warehouse; returns what was done, in words."""
    done: list[str] = []
    folders = [settings.home, settings.dagster_home, settings.published, settings.drop]
    folders += [settings.reports, settings.payloads]
    for folder in folders:
        if not folder.is_dir():
            _make(folder, settings)
            done.append(f"created {folder}")
    for name in ("dagster.yaml", "workspace.yaml"):
        target = settings.dagster_home / name
        if not target.exists():
            shutil.copyfile(shipped(name), target)
            done.append(f"copied {name} into {settings.dagster_home}")
    if lacking := outdated(settings):
        done.append(lacking)
    migrated = store.migrate()
    done += [f"applied migration {name}" for name in migrated]
    # A copy from before lacks what the reading commands of this version ask for.
    if migrated and any(settings.published.iterdir()) and (copy := store.publish()):
        done.append(f"published {copy}")
    return done


def outdated(settings: Settings) -> str | None:
    """What the shipped dagster.yaml sets and the home's, a file of the user's, does not."""
    own = settings.dagster_home / "dagster.yaml"
    if settings.dagster_folder or not own.exists():
        # Production's stands in deploy/ and comes with the version.
        return None
    lacking = sorted(_set(shipped("dagster.yaml")) - _set(own))
    if not lacking:
        return None
    return f"{own} is left as it is; this version's also sets {', '.join(lacking)}: take them over"


def _set(file: Path) -> set[str]:
    """The keys of a dagster.yaml down to the second level; one that is no mapping sets nothing."""
    try:
        found = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return set()  # Dagster says what is wrong with it.
    if not isinstance(found, dict):
        return set()
    return {
        f"{name}.{key}"
        for name, value in found.items()
        for key in (value if isinstance(value, dict) else {"": None})
    }


def _make(folder: Path, settings: Settings) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WarehouseError(
            str(settings.home),
            f"the folder {folder} cannot be made ({error.strerror})",
            "Set FUNDPLATFORM_HOME to a folder you can write to",
        ) from error


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The persistent instance below the home.

    Raises:
        ConfigError: `init` has not run there.
    """
    if not settings.dagster_home.is_dir():
        hint = "Run `fundplatform init`, or name another home in FUNDPLATFORM_HOME"
        raise ConfigError(str(settings.home), None, "nothing is set up there yet", hint)
    # dagster.yaml refers to DAGSTER_HOME, and run workers inherit it.
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    return dg.DagsterInstance.from_config(str(settings.dagster_home))


KILLED = "The process that executed this run was killed."
STOPPED = "The code server that executed this run was stopped."


def dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """The ids of the unfinished runs whose process was killed.

    Dagster's default run launcher has no health check: such a run would stay "started", its
    partitions "materializing", and its pool slot taken. Processes of other hosts are not judged.
    """
    found: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE)):
        marked = run.tags.get(processes.TAG, "")
        if processes.is_of(marked, run.run_id) and processes.is_gone(marked):
            found.append(run.run_id)
    return found


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as ended every run whose process was killed; returns their ids."""
    found = dead_runs(instance)
    return close_lost_runs(instance, found, KILLED) if found else []


def runs_of_server(instance: dg.DagsterInstance, host: str, port: int) -> list[str]:
    """The ids of the unfinished runs that the code server of this address executes."""
    found: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_ACTIVE)):
        server = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
        if (server.get("host"), server.get("port")) == (host, port):
            found.append(run.run_id)
    return found


def close_lost_runs(
    instance: dg.DagsterInstance, run_ids: Sequence[str], why: str = STOPPED
) -> list[str]:
    """Mark as ended those of the runs that are unfinished; returns their ids.

    For the runs of a killed process, and of a code server that was stopped: they were processes of
    the same container and died with it. Dagster retries them where `run_retries` is on.
    """
    closed: list[str] = []
    for run in instance.get_runs(dg.RunsFilter(run_ids=run_ids, statuses=_ACTIVE)):
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, why)
        else:
            reason = RunFailureReason.UNEXPECTED_TERMINATION
            instance.report_run_failed(run, why, JobFailureData(None, failure_reason=reason))
        closed.append(run.run_id)
    return closed


def forget_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Delete the runs that ended before this moment and recorded nothing; returns their ids.

    Runs that recorded data or checks stay: Dagster's account of loaded sessions is their events.
    """
    old = dg.RunsFilter(statuses=_ENDED, updated_before=before)
    forgotten: list[str] = []
    for run in instance.get_runs(old):
        if not instance.get_records_for_run(run.run_id, of_type=_LASTING, limit=1).records:
            instance.delete_run(run.run_id)
            forgotten.append(run.run_id)
    return forgotten
