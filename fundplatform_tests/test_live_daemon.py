"""A real `fundplatform ui` with vendors on the loopback that wait: what is killed, and pools.

Nobody lends a hand after a kill -9: all sessions come, none twice, and a vendor is asked again only
for what it had not answered. No vendor ever has two runs at once, and a cancelled one makes room.
"""

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import dagster as dg
import psutil
import pytest

from fundplatform import processes
from fundplatform.clock import utc_now
from fundplatform.instance import open_instance
from fundplatform.settings import Settings
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.live import ended, launch, wait_for
from fundplatform_tests.market import Market, opened
from fundplatform_tests.test_ui import UI

# Runs of at most 250 days each; kraken tells of the 720 newest days.
FIRST = utc_now().date() - timedelta(days=650)
TRACKED = {
    "coinbase": ("BTC/USD", "ETH/USD", "SOL/USD"),
    "kraken": ("BTC/USD",),
    "binance": ("BTC/USDT",),
}
_TERMINATE = """
mutation($id: String!) { terminateRun(runId: $id) { __typename } }"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def market(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Market]:
    """The vendors of the test, on the loopback; no other source."""
    vendors: tuple[str, ...] = request.param
    listed = (f"{v}:\n" + "".join(f"  - {p}\n" for p in TRACKED[v]) for v in vendors)
    (settings.home / "tracked.yaml").write_text("".join(listed))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", ",".join(vendors))
    with opened() as made:
        for vendor in vendors:
            monkeypatch.setenv(f"FUNDPLATFORM_{vendor.upper()}_URL", made.url(vendor))
        yield made


@pytest.fixture
def ui(settings: Settings, market: Market) -> Iterator[UI]:
    running = UI(settings.home)
    try:
        wait_for(running.get, 300)
        yield running
    finally:
        market.release()
        family = running.family()
        running.process.terminate()
        running.process.wait(120)
        for process in family:
            if process.is_running():
                process.kill()


def bars(vendor: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", vendor, "ohlcv"])


def launched(ui: UI, vendor: str, first: date, days: int) -> str:
    """A native backfill of so many days; its id."""
    wanted = [(first + timedelta(days=n)).isoformat() for n in range(days)]
    return launch(ui, [bars(vendor).to_user_string()], wanted)


def over(ui: UI, backfill: str) -> dict[str, Any] | None:
    """The backfill once it is over; while the webserver is away it is not."""
    return ended(ui, backfill) if ui.get() else None


def under_way(instance: dg.DagsterInstance, vendor: str) -> list[dg.DagsterRun]:
    found = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    return [run for run in found if run.asset_selection == {bars(vendor)}]


def worker(instance: dg.DagsterInstance) -> psutil.Process:
    """The process of the run that is under way."""
    (run,) = under_way(instance, "coinbase")
    return psutil.Process(int(run.tags[processes.TAG].split("/")[2]))


def all_speaking(ui: UI, *words: str) -> list[psutil.Process]:
    """The processes whose command has all of these words."""
    found = []
    for process in ui.family():
        with suppress(psutil.NoSuchProcess):
            found += [process] if set(words) <= set(process.cmdline()) else []
    return found


def speaking(ui: UI, *words: str) -> psutil.Process:
    """The one whose command has all of these words."""
    (found,) = all_speaking(ui, *words)
    return found


def kill(*victims: psutil.Process) -> None:
    for process in victims:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(victims, 30)


@pytest.mark.parametrize("market", [("coinbase",)], indirect=True)
def test_each_is_killed_and_all_is_finished_and_nothing_twice(
    ui: UI, settings: Settings, market: Market
) -> None:
    """Run; inner code server; code server with its run; daemon: in one of four runs each."""
    backfill = launched(ui, "coinbase", date(2022, 1, 1), 1000)
    with open_instance(settings) as instance:

        def strike(victims: Callable[[], list[psutil.Process]]) -> None:
            market.hold("ETH-USD")
            assert market.held.wait(500), ui.log.read_text()[-5000:]
            kill(*victims())

        strike(lambda: [worker(instance)])
        market.release()
        strike(lambda: [speaking(ui, "api", "grpc")])
        market.release()
        outer = ("code-server", "start")
        strike(lambda: [speaking(ui, *outer), speaking(ui, "api", "grpc"), worker(instance)])
        market.release()
        strike(lambda: [speaking(ui, "dagster._daemon")])
        # What belongs to it is ended with it, also a run that could have gone on.
        wait_for(lambda: all_speaking(ui, "dagster._daemon"), 300)
        market.release()
        done = wait_for(partial(over, ui, backfill), 900)
        records = instance.fetch_materializations(bars("coinbase"), limit=5_000).records
        states = Counter(run.status.value for run in instance.get_runs())
    assert done["status"] == "COMPLETED_SUCCESS", ui.log.read_text()[-5000:]
    # The run whose code server alone was lost went on without it.
    assert states == {"SUCCESS": 4, "FAILURE": 3}
    # Four runs ask for three pairs; the three calls that were under way in a killed run come again.
    asked = Counter(market.calls)
    assert len(asked) == 12
    twice = [target for (_, target), number in asked.items() if number > 1]
    assert len(market.calls) == 15
    assert len(twice) == 3
    assert all("ETH-USD" in target for target in twice)
    assert set(Counter(r.partition_key for r in records).values()) == {1}
    assert len(records) == 1000
    store = DuckDBStore(settings.warehouse, settings.published)
    count = "select count(*) as n, count(distinct (instrument_id, session)) as d from {}"
    assert store.query(count.format("raw.ohlcv")).rows() == [(3000, 3000)]
    assert store.query(count.format("raw.ohlcv_revisions")).rows() == [(0, 0)]


@pytest.mark.parametrize("market", [tuple(TRACKED)], indirect=True)
def test_never_two_runs_inside_one_vendor_and_a_cancelled_one_makes_room(
    ui: UI, settings: Settings, market: Market
) -> None:
    """Three runs a vendor; at first each vendor keeps its first run waiting, whatever it asks."""
    market.hold("", repeats=True)
    backfills = [launched(ui, vendor, FIRST, 600) for vendor in TRACKED]
    with open_instance(settings) as instance:
        wait_for(lambda: set(market.now) == set(TRACKED), 600)
        for vendor in TRACKED:
            assert len(under_way(instance, vendor)) == 1, vendor
        queued = instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
        assert queued == 6
        (cancelled,) = under_way(instance, "coinbase")
        asked = set(market.calls)
        ui.ask(_TERMINATE, id=cancelled.run_id)
        # The other vendors still wait: only the cancelled run can have made room.
        (new,) = wait_for(lambda: set(market.calls) - asked, 300)
        assert new[0] == "coinbase"
        assert [r.run_id for r in under_way(instance, "coinbase")] != [cancelled.run_id]
        market.release()
        for backfill in backfills:
            wait_for(partial(over, ui, backfill), 600)
        found = instance.get_run_records()
    states = Counter(record.dagster_run.status.value for record in found)
    assert states == {"SUCCESS": 8, "CANCELED": 1}
    # As the vendors saw it: a run asks one thing at a time, and two never asked at once.
    assert market.most == dict.fromkeys(TRACKED, 1)
    for vendor in TRACKED:
        spans = sorted(
            (record.start_time or 0, record.end_time or 0)
            for record in found
            if record.dagster_run.asset_selection == {bars(vendor)}
        )
        assert len(spans) == 3
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start, vendor
    store = DuckDBStore(settings.warehouse, settings.published)
    (row,) = store.query("select count(*) as n, count(distinct session) as d from raw.ohlcv").rows()
    assert row == (600 + 600 + 350 * 3, 600)
