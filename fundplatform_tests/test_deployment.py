"""The production deployment as processes: every command of docker-compose.yml against PostgreSQL.

Started in the order of depends_on with the healthchecks of the file; a backfill is launched as the
UI does, the result is read as a dashboard would, and what is kept or shown is searched for secrets.
"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from fundplatform.deployment import DASHBOARD, RUNNER
from fundplatform.processes import TAG, is_of
from fundplatform_tests.compose import ROOT, Deployment
from fundplatform_tests.live import backfill, ended, launch, wait_for
from fundplatform_tests.storage.postgres import Server, served

KEYS = """
query($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionKeys } }
}"""
CONFIG = """
{
  instance { info runQueueConfig { maxConcurrentRuns } }
  workspaceOrError {
    ... on Workspace {
      locationEntries { name displayMetadata { key value } loadStatus }
    }
  }
}"""
# The Thursday and Friday before Martin Luther King Day 2003, and the Tuesday after it.
SESSIONS = ["2003-01-16", "2003-01-17", "2003-01-21"]
ASSETS = ["raw/sample/ohlcv", "prices/validated", "prices/rejected", "ops/gates"]
SERVICES = ("code-server", "webserver", "daemon")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A server of its own: logins and databases are the whole server's."""
    with served() as server:
        server.sql("postgres", "CREATE ROLE postgres SUPERUSER LOGIN")
        yield server


@pytest.fixture(scope="module")
def deployment(
    cluster: Server, tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path
) -> Iterator[Deployment]:
    """All services, up and healthy."""
    folder = tmp_path_factory.mktemp("deployment")
    made = Deployment(folder, cluster)
    (made.folder / "home" / "calendars").symlink_to(calendar_cache)
    make_secrets(made, cluster)
    try:
        made.up(*SERVICES)
        yield made
    finally:
        made.down()


def make_secrets(made: Deployment, cluster: Server) -> None:
    """The files of deploy/make-secrets.sh, and the superuser's password on the server."""
    script = (ROOT / "deploy" / "make-secrets.sh").read_text()
    (made.folder / "make-secrets.sh").write_text(script)
    subprocess.run(["sh", str(made.folder / "make-secrets.sh")], check=True)
    password = secret(made, "postgres")
    cluster.sql("postgres", f"ALTER ROLE postgres PASSWORD '{password}'")


def secret(made: Deployment, name: str) -> str:
    return (made.folder / "secrets" / f"{name}_password").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backfill_from_the_ui_is_read_by_a_dashboard(
    deployment: Deployment, cluster: Server
) -> None:
    id_ = launch(deployment, ASSETS, SESSIONS)
    found = wait_for(lambda: ended(deployment, id_), 300, "the backfill's end")
    assert found["status"] == "COMPLETED_SUCCESS", deployment.log("daemon")[-5000:]
    url = cluster.url("fundplatform", DASHBOARD, secret(deployment, "dashboard"))
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT symbol, session::text, close FROM marts.latest_prices ORDER BY symbol"
        ).fetchall()
        # bokeh_sampledata, AAPL.csv, line of 2003-01-21.
        assert ("AAPL", "2003-01-21", 14.02) in rows
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM raw.ohlcv")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_run_code_server_and_daemon_killed_in_the_middle(
    deployment: Deployment, cluster: Server
) -> None:
    key = {"path": ASSETS[0].split("/")}
    keys = deployment.ask(KEYS, key=key)["assetNodeOrError"]["partitionKeys"]
    sessions = [key for key in keys if key.startswith(("2002", "2003"))]
    assert len(sessions) == 504, "NYSE was open on 252 days in each of the two years"
    id_ = launch(deployment, ASSETS, sessions)

    def runs(status: str) -> list[str]:
        found = backfill(deployment, id_)["runs"]
        return [run["id"] for run in found if run["status"] == status]

    def kill(*services: str) -> str:
        (run,) = wait_for(lambda: runs("STARTED"), 200, "a run")
        for service in services:
            os.killpg(deployment.running[service].pid, signal.SIGKILL)
            deployment.running.pop(service).wait()
        assert runs("STARTED") == [run], "nobody noticed yet"
        for service in services:  # as the restart policy does: all at once
            deployment.start(service)
        wait_for(lambda: run in runs("FAILURE"), 300, f"the end of run {run}")
        return run

    def worker() -> tuple[str, int] | None:
        """The run that has said which process executes it, and that process."""
        found = backfill(deployment, id_)["runs"]
        for run in found:
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            if run["status"] == "STARTED" and is_of(tags.get(TAG, ""), run["id"]):
                return run["id"], int(tags[TAG].split("/")[2])
        return None

    def kill_worker() -> str:
        run, pid = wait_for(worker, 200, "a run's process")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: run in runs("FAILURE"), 300, f"the end of run {run}")
        return run

    lost = [kill_worker(), kill("daemon", "code-server"), kill("code-server")]
    found = wait_for(lambda: ended(deployment, id_), 800, "the backfill's end")
    assert found["status"] == "COMPLETED_SUCCESS", deployment.log("daemon")[-5000:]
    states = {run["id"]: run["status"] for run in found["runs"]}
    assert [states.pop(run) for run in lost] == ["FAILURE"] * 3
    # A run that was just being handed over may have been lost besides, and was retried as well.
    assert set(states.values()) <= {"SUCCESS", "FAILURE"}
    # AAPL, IBM and MSFT; GOOG and FB were not listed yet. Of 2003-01-21 see above.
    counted = "SELECT count(*), count(DISTINCT (instrument_id, session)) FROM {0}"
    for table in ("raw.ohlcv", "prices.validated"):
        assert cluster.sql("fundplatform", counted.format(table)) == [(504 * 3, 504 * 3)]
    assert cluster.sql("fundplatform", "SELECT count(*) FROM raw.ohlcv_revisions") == [(0,)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_code_server_that_lost_its_definitions_ends_and_comes_back(
    deployment: Deployment,
) -> None:
    server = deployment.running["code-server"]
    family = psutil.Process(server.pid).children(recursive=True)
    living = [p for p in family if p.status() != psutil.STATUS_ZOMBIE]
    (inner,) = [p for p in living if {"api", "grpc"} <= set(p.cmdline())]
    inner.kill()
    wait_for(lambda: server.poll() is not None, 120, "the end of the code server")
    deployment.running.pop("code-server")
    deployment.start("code-server")  # as the restart policy does
    wait_for(lambda: deployment.healthy("code-server"), 120, "health")


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_the_command_line_works_on_the_same_instance(deployment: Deployment) -> None:
    """`docker compose exec code-server fundplatform ...`."""
    detached = deployment.run(
        "code-server",
        *["fundplatform", "backfill", "--from", "2003-01-16", "--to", "2003-01-17", "--detach"],
    )
    assert detached.returncode == 0, detached.stderr
    assert detached.stdout.startswith("Submitted backfill")
    id_ = detached.stdout.split()[2].rstrip(":")
    # Nine runs, one after the other: three fetches of one vendor, then six layers.
    found = wait_for(lambda: ended(deployment, id_), 800, "the backfill's end")
    assert found["status"] == "COMPLETED_SUCCESS", deployment.log("daemon")[-5000:]
    said = deployment.run("code-server", "fundplatform", "status")
    assert said.returncode == 0, said.stderr
    assert f"postgresql://{RUNNER}@127.0.0.1" in said.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_secret_is_shown_or_kept(deployment: Deployment, cluster: Server) -> None:
    shown = {"config page": json.dumps(deployment.ask(CONFIG))}
    assert "BulkPostgresEventLogStorage" in shown["config page"]
    for service in (*SERVICES, "migrate"):
        shown[service] = deployment.log(service)
    for file in (deployment.folder / "logs").rglob("*"):
        if file.is_file():
            shown[str(file)] = file.read_text(errors="replace")
    for database in ("dagster", "fundplatform"):
        dump = [str(cluster.programs / "pg_dump"), cluster.url(database)]
        shown[database] = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    assert "PIPELINE_SUCCESS" in shown["dagster"]  # Dagster's word for a run
    for name in ("postgres", "owner", "runner", "dashboard", "dagster"):
        found = [where for where, text in shown.items() if secret(deployment, name) in text]
        assert found == [], name
