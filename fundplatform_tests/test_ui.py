"""`fundplatform ui` as a user: it serves, runs a native backfill, and leaves no process behind."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import date

import psutil
import pytest

from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.ui import end_group, serve
from fundplatform_tests.live import UI, ended, launch, running_ui, wait_for

# A leader that ignores what asks it to end, with a child that does the same.
_STUBBORN = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
signal.pause()
"""

_STATUS = """
query($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) {
    ... on AssetNode {
      assetPartitionStatuses {
        ... on TimePartitionStatuses { ranges { startKey endKey status } }
      }
    }
  }
}"""


@pytest.fixture
def ui(settings: Settings) -> Iterator[UI]:
    with running_ui(settings.home) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_backfill_from_the_ui_is_stored_published_and_one_writer_at_a_time(
    ui: UI, settings: Settings
) -> None:
    assets = ["raw/sample/ohlcv", "prices/validated", "prices/rejected", "ops/gates"]
    # The Thursday and Friday before Martin Luther King Day 2003, and the Tuesday after it.
    sessions = ["2003-01-16", "2003-01-17", "2003-01-21"]
    backfill = launch(ui, assets, sessions)
    found = wait_for(lambda: ended(ui, backfill), 400)
    assert found["status"] == "COMPLETED_SUCCESS", ui.log.read_text()[-5000:]
    spans = sorted((run["startTime"], run["endTime"]) for run in found["runs"])
    assert len(spans) == len(found["runs"]) == 2
    assert spans[0][1] <= spans[1][0]

    store = DuckDBStore(settings.warehouse, settings.published)
    stored = store.query(
        "select session, count(*) as n from prices.validated group by 1 order by 1"
    ).rows()
    # AAPL, IBM and MSFT: GOOG and FB were not listed yet.
    assert stored == [(date.fromisoformat(s), 3) for s in sessions]
    ranges = ui.ask(_STATUS, key={"path": ["raw", "sample", "ohlcv"]})["assetNodeOrError"]
    done = ranges["assetPartitionStatuses"]["ranges"]
    assert [(r["startKey"], r["endKey"], r["status"]) for r in done] == [
        ("2003-01-16", "2003-01-21", "MATERIALIZED")
    ]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process(ui: UI, number: int) -> None:
    family = ui.family()
    # dagster dev, webserver, daemon, code server and its gRPC server.
    assert len(family) >= 5
    ui.process.send_signal(number)
    assert ui.process.wait(90) == 0
    assert [p for p in family if p.is_running()] == []
    log = ui.log.read_text()
    assert "SupersessionWarning" not in log
    assert "BetaWarning" not in log


def test_a_stubborn_group_is_killed() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", _STUBBORN], stdout=subprocess.PIPE, start_new_session=True
    )
    assert leader.stdout is not None
    child = psutil.Process(int(leader.stdout.readline()))
    end_group(leader, patience=0.3)
    assert leader.returncode == -signal.SIGKILL
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_taken_port_is_named_with_the_remedy(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be listened on"):
            serve(settings, "127.0.0.1", port)
