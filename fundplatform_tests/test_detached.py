"""What `--detach` submits: targets by hand, nothing twice, nothing where all is there."""

from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from dagster._core.execution.backfill import BulkActionStatus

from fundplatform import cli, detached
from fundplatform.assets.catalog import ACTIONS as ACTIONS_COUNTED
from fundplatform.assets.catalog import CAPS, FACTORS, SECURITIES
from fundplatform.backfill import AFTERWARDS
from fundplatform.chain_plan import CHAIN
from fundplatform.command_line import prepare
from fundplatform.definitions import build_definitions
from fundplatform.instance import init, open_instance
from fundplatform.settings import Settings
from fundplatform.staleness import WRITERS
from fundplatform.storage.base import Stamp
from fundplatform.storage.change_record import ALWAYS, record
from fundplatform.storage.duckdb import DuckDBStore

STAMP = Stamp("by hand", datetime(2003, 2, 1, tzinfo=UTC))
ACTIONS_NAME = "raw/sample/corporate_actions"
BARS = dg.AssetKey(["raw", "sample", "ohlcv"])
FX = dg.AssetKey(["raw", "sample", "fx"])
ACTIONS = dg.AssetKey(["raw", "sample", "corporate_actions"])
VALIDATED = dg.AssetKey(["prices", "validated"])
# 2003-01-20 is Martin Luther King Day.
FIRST, LAST = date(2003, 1, 16), date(2003, 1, 21)
SESSIONS = ["2003-01-16", "2003-01-17", "2003-01-21"]
# The ECB publishes on that day too.
FIXINGS = ["2003-01-16", "2003-01-17", "2003-01-20", "2003-01-21"]
DAYS = [f"2003-01-{n}" for n in range(16, 22)]


@pytest.fixture
def instance(settings: Settings) -> dg.DagsterInstance:
    init(settings, warehouse(settings))
    return open_instance(settings)


def submit(
    settings: Settings, names: list[str], first: date, last: date, *, refetch: bool = False
) -> str:
    job = prepare(settings, names, (first, last), refetch=refetch)
    return detached.submit(settings, job, names) or "nothing"


def submitted(settings: Settings, instance: dg.DagsterInstance) -> list[dict[str, list[str]]]:
    """Targeted partitions by asset, of every backfill, the newest first."""
    graph = build_definitions(settings).resolve_asset_graph()
    targets = [b.get_asset_backfill_data(graph).target_subset for b in instance.get_backfills()]
    return [
        {
            **{
                key.to_user_string(): sorted(keys.get_partition_keys())
                for key, keys in target.partitions_subsets_by_asset_key.items()
            },
            **{key.to_user_string(): [] for key in target.non_partitioned_asset_keys},
        }
        for target in targets
    ]


def report(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: list[str]) -> None:
    for partition in partitions:
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def everything_fetched(instance: dg.DagsterInstance, rates: list[str] = FIXINGS) -> None:
    report(instance, BARS, SESSIONS)
    report(instance, FX, rates)
    instance.report_runless_asset_event(dg.AssetMaterialization(ACTIONS))
    instance.report_runless_asset_event(dg.AssetMaterialization(FACTORS))


def everything_computed(settings: Settings, instance: dg.DagsterInstance) -> None:
    for key in CHAIN:
        report(instance, key, DAYS)
    for key in AFTERWARDS:
        instance.report_runless_asset_event(dg.AssetMaterialization(key))
    with warehouse(settings).transaction(STAMP) as writer:
        for name in WRITERS:
            record(writer, name, (), [date.fromisoformat(day) for day in DAYS], seen=0)
        for key in (ACTIONS_COUNTED, FACTORS, SECURITIES, CAPS, *AFTERWARDS):
            record(writer, key.to_user_string(), (), [ALWAYS], seen=0)


def warehouse(settings: Settings) -> DuckDBStore:
    return DuckDBStore(settings.warehouse, settings.published)


def test_it_targets_sessions_upstream_and_days_downstream(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    assert submit(settings, ["sample"], FIRST, LAST).startswith("Submitted backfill")
    (targets,) = submitted(settings, instance)
    assert targets["raw/sample/ohlcv"] == SESSIONS
    assert targets["prices/validated"] == DAYS
    assert targets["funds/metrics"] == DAYS
    whole = {name for name, partitions in targets.items() if not partitions}
    assert whole == {
        "raw/sample/corporate_actions",
        "catalog/adjustment_factors",
        "catalog/instruments",
        "catalog/listings",
        "catalog/sources",
        "catalog/corporate_actions",
        "catalog/total_return_factors",
        "catalog/securities",
        "catalog/market_caps",
        "catalog/tiers",
        "indices/levels",
    }


def test_what_is_under_way_is_not_submitted_again(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    report(instance, FX, FIXINGS)
    instance.report_runless_asset_event(dg.AssetMaterialization(ACTIONS))
    submit(settings, ["sample"], FIRST, LAST)
    (backfill,) = instance.get_backfills()
    again = submit(settings, ["sample"], date(2003, 1, 17), date(2003, 1, 17))
    assert again.startswith(f"Not submitted: backfill {backfill.backfill_id} is at these")
    assert submit(settings, ["sample"], date(2003, 1, 22), date(2003, 1, 22)).startswith(
        "Submitted"
    )
    assert len(instance.get_backfills()) == 2


def test_a_finished_backfill_is_no_obstacle(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    submit(settings, ["sample"], FIRST, LAST)
    (backfill,) = instance.get_backfills()
    instance.update_backfill(backfill.with_status(BulkActionStatus.COMPLETED_FAILED))
    assert submit(settings, ["sample"], FIRST, LAST).startswith("Submitted")


def test_only_what_is_missing_is_fetched(settings: Settings, instance: dg.DagsterInstance) -> None:
    report(instance, BARS, SESSIONS[:2])
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert targets["raw/sample/ohlcv"] == SESSIONS[2:]
    assert targets["prices/validated"] == DAYS


def test_refetch_takes_everything(settings: Settings, instance: dg.DagsterInstance) -> None:
    report(instance, BARS, SESSIONS)
    submit(settings, ["sample"], FIRST, LAST, refetch=True)
    (targets,) = submitted(settings, instance)
    assert targets["raw/sample/ohlcv"] == SESSIONS


def test_computing_is_submitted_where_only_that_is_missing(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    everything_fetched(instance)
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert not [name for name in targets if name.startswith("raw")]
    assert targets["prices/validated"] == DAYS
    assert targets["catalog/tiers"] == []


def test_rates_alone_do_not_recompute_the_prices(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    everything_fetched(instance, rates=FIXINGS[1:])
    everything_computed(settings, instance)
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert targets["raw/sample/fx"] == FIXINGS[:1]
    assert "prices/validated" not in targets


def test_nothing_to_do(settings: Settings, instance: dg.DagsterInstance) -> None:
    everything_fetched(instance)
    everything_computed(settings, instance)
    assert submit(settings, ["sample"], FIRST, LAST) == "nothing"
    assert instance.get_backfills() == []


def test_new_actions_recompute_every_day_after_their_factors(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    report(instance, BARS, SESSIONS)
    report(instance, FX, FIXINGS)
    everything_computed(settings, instance)
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert not [name for name in targets if name.startswith("raw") and name != ACTIONS_NAME]
    assert targets[ACTIONS_NAME] == []
    assert targets["catalog/adjustment_factors"] == []
    assert targets["funds/metrics"] == DAYS


def test_factors_that_a_killed_run_left_out_are_made_and_reach_every_day(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    report(instance, BARS, SESSIONS)
    report(instance, FX, FIXINGS)
    instance.report_runless_asset_event(dg.AssetMaterialization(FACTORS))
    everything_computed(settings, instance)
    instance.report_runless_asset_event(dg.AssetMaterialization(ACTIONS))
    with warehouse(settings).transaction(STAMP) as writer:
        record(writer, ACTIONS_NAME, [FIRST])
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert not [name for name in targets if name.startswith("raw")]
    assert targets["catalog/adjustment_factors"] == []
    assert targets["indices/performance"] == DAYS


def test_a_changed_risk_free_rate_recomputes_the_metrics_alone(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    everything_fetched(instance)
    everything_computed(settings, instance)
    assert submit(settings, ["sample"], FIRST, LAST) == "nothing"
    submit(replace(settings, risk_free_rate=0.05), ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    assert targets == {f"funds/{name}": DAYS for name in ("metrics", "risk", "scores", "carried")}


def test_nothing_that_reads_factors_can_start_before_them(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """The daemon starts what has all its parents; new actions come with all days, and factors."""
    submit(settings, ["sample"], FIRST, LAST)
    (targets,) = submitted(settings, instance)
    graph = build_definitions(settings).resolve_asset_graph()
    readers = {"indices/compositions", "catalog/market_caps", "catalog/tiers", "funds/metrics"}
    for name in readers & targets.keys():
        assert FACTORS in graph.get(dg.AssetKey(name.split("/"))).parent_keys, name
    assert readers <= targets.keys()
    assert targets["catalog/adjustment_factors"] == []


def detach(settings: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    return CliRunner().invoke(cli.cli, ["backfill", *arguments, "--detach"])


ASKED = ("sample", "--from", str(FIRST), "--to", str(LAST))


def test_nothing_to_do_says_so(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_fetched(instance)
    everything_computed(settings, instance)
    done = detach(settings, monkeypatch, *ASKED)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing to do: every session asked for is already there.")


def test_where_every_row_was_refused_it_says_why_and_fails(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_fetched(instance)
    everything_computed(settings, instance)
    noted = dict.fromkeys(("rejected_at_load", "rows_inserted", "rows_updated"), 0)
    noted |= {"rows_unchanged": 0, "dagster/row_count": 0, "rows_refused": 4}
    why = {"first refused": "unparseable: no number"}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(FX, partition=FIXINGS[0], metadata={**noted, **why})
    )
    done = detach(settings, monkeypatch, *ASKED)
    assert done.exit_code == 1
    assert done.stderr.startswith("refused: raw/sample/fx: every row, nothing is stored; the first")
    assert "Nothing to fetch: all was read." in done.stdout


def test_a_plan_is_not_submitted(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = detach(settings, monkeypatch, *ASKED, "--plan")
    assert done.stdout.startswith("would run raw/sample/ohlcv 2003-01-16..2003-01-21")
    early = detach(settings, monkeypatch, "sample", "--to", "1950-01-03")
    assert early.exit_code == 2
    assert "no source asked for has data before" in early.stderr
    assert instance.get_backfills() == []
