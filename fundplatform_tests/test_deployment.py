"""The production deployment as processes: every command of docker-compose.yml against PostgreSQL.

Started in the order of depends_on with the healthchecks of the file; a backfill is launched as the
UI does, the result is read as a dashboard would, and what is kept or shown is searched for secrets.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fundplatform.deployment import DASHBOARD
from fundplatform_tests.compose import ROOT, Deployment, wait_for
from fundplatform_tests.storage.postgres import Server, served

LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
WATCH = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status runs(limit: 50) { id status tags { key value } } }
  }
}"""
CONFIG = "{ instance { info runQueueConfig { maxConcurrentRuns } hasInfo } version }"
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


def launch(made: Deployment, sessions: list[str]) -> str:
    params = {
        "assetSelection": [{"path": name.split("/")} for name in ASSETS],
        "partitionNames": sessions,
        "fromFailure": False,
        "tags": [],
    }
    launched = made.ask(LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def ended(made: Deployment, backfill: str) -> dict[str, Any] | None:
    found = made.ask(WATCH, id=backfill)["partitionBackfillOrError"]
    finished = found["status"].startswith(("COMPLETED", "CANCELED", "FAILED"))
    return dict(found) if finished else None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backfill_from_the_ui_is_read_by_a_dashboard(
    deployment: Deployment, cluster: Server
) -> None:
    backfill = launch(deployment, SESSIONS)
    found = wait_for(lambda: ended(deployment, backfill), 300, "the backfill's end")
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
