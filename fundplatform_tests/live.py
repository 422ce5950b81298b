"""What tests of running servers share: waiting, GraphQL, and backfills as the UI launches them."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil
import requests

from fundplatform_tests.storage.postgres import free_port

T = TypeVar("T")

_LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}"""
_WATCH = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill {
      status
      runs(limit: 50) { id status startTime endTime tags { key value } }
    }
  }
}"""


class Served(Protocol):
    """Something with a webserver."""

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """See `ask`."""
        ...


def wait_for(condition: Callable[[], T], seconds: float, what: str = "") -> T:
    """The first true value of the condition."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        pause.wait(0.3)
    raise TimeoutError(f"{what or condition} stayed false for {seconds} s")


def ask(port: int | str, query: str, variables: dict[str, object]) -> dict[str, Any]:
    """One GraphQL request, as the UI's pages send it."""
    answer = requests.post(
        f"http://127.0.0.1:{port}/graphql",
        json={"query": query, "variables": variables},
        timeout=60,
    )
    said = answer.json()
    assert "errors" not in said, said
    return dict(said["data"])


def launch(server: Served, assets: Sequence[str], partitions: Sequence[str]) -> str:
    """A native backfill, as the UI's page asks for it; its id."""
    params = {
        "assetSelection": [{"path": name.split("/")} for name in assets],
        "partitionNames": list(partitions),
        "fromFailure": False,
        "tags": [],
    }
    launched = server.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def backfill(server: Served, id_: str) -> dict[str, Any]:
    """Its status and runs."""
    return dict(server.ask(_WATCH, id=id_)["partitionBackfillOrError"])


def ended(server: Served, id_: str) -> dict[str, Any] | None:
    """The backfill once it is over."""
    found = backfill(server, id_)
    return found if found["status"].startswith(("COMPLETED", "CANCELED", "FAILED")) else None


class UI:
    """A running `fundplatform ui`."""

    def __init__(self, home: Path, more: Mapping[str, str] | None = None) -> None:
        """Start it on a free port, with `more` environment; its log is `ui.log` in the home."""
        self.port = free_port()
        self.log = home / "ui.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [Path(sys.executable).with_name("fundplatform"), "ui", "--port", str(self.port)],
                env={**os.environ, **(more or {}), "FUNDPLATFORM_HOME": str(home)},
                stdout=log,
                stderr=log,
                cwd=home,
                start_new_session=True,
            )

    def get(self) -> bool:
        """Whether it answers."""
        try:
            answer = requests.get(f"http://127.0.0.1:{self.port}/server_info", timeout=10)
        except requests.ConnectionError:
            assert self.process.poll() is None, self.log.read_text()
            return False
        return answer.status_code == 200

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """One GraphQL request, as the UI's pages send it."""
        return ask(self.port, query, variables)

    def family(self) -> list[psutil.Process]:
        """Every process that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def running_ui(home: Path, more: Mapping[str, str] | None = None) -> Iterator[UI]:
    """It answers inside; every process has ended afterwards."""
    running = UI(home, more)
    family: list[psutil.Process] = []
    try:
        wait_for(running.get, 120)
        family = running.family()
        yield running
    finally:
        if running.process.poll() is None:
            family += running.family()
            running.process.terminate()
            running.process.wait(90)
        for process in family:
            if process.is_running():
                process.kill()
