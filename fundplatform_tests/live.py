"""What tests of running servers share: waiting, GraphQL, and backfills as the UI launches them."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import requests

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
