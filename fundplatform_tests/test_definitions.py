"""The code location as Dagster loads it: complete, quiet, and quick to import."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.execution.api import create_execution_plan
from dagster._core.op_concurrency_limits_counter import compute_run_op_concurrency_info_for_snapshot
from dagster._core.snap.execution_plan_snapshot import snapshot_from_execution_plan

from fundplatform import tables
from fundplatform.assets.describe import level_report, session_returns, sparkline
from fundplatform.checks import judge_identity
from fundplatform.definitions import build_definitions
from fundplatform.instance import init
from fundplatform.settings import Settings
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import table_of

GROUPS = {"raw", "catalog", "prices", "indices", "funds", "ops"}
# By hand: every asset on the built-in sample alone.
ASSETS = {
    "raw/sample/ohlcv",
    "raw/sample/corporate_actions",
    "raw/sample/fx",
    "catalog/instruments",
    "catalog/listings",
    "catalog/sources",
    "catalog/corporate_actions",
    "catalog/adjustment_factors",
    "catalog/total_return_factors",
    "catalog/securities",
    "catalog/market_caps",
    "catalog/tiers",
    "prices/validated",
    "prices/rejected",
    "ops/gates",
    "ops/gaps",
    "indices/compositions",
    "indices/performance",
    "indices/composition_changes",
    "indices/contributions",
    "indices/unpriced",
    "indices/exclusions",
    "indices/baskets",
    "indices/levels",
    "funds/carried",
    "funds/metrics",
    "funds/risk",
    "funds/scores",
}
WARNING = {"fresh", "fresh_caps", "profiles_known", "vendor_adjusted_close", "V14", "V27", "V30"}
"""Checks that compare with others, or with the clock: they hold nothing up."""

_IMPORT = """
import json, resource, sys
from fundplatform.definitions import defs
location = defs()
location.resolve_asset_graph()
spent = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"modules": sorted(sys.modules), "cpu": spent.ru_utime + spent.ru_stime}))
"""


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> dg.Definitions:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    return build_definitions(Settings(home=home))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def names(keys: set[dg.AssetKey]) -> set[str]:
    return {key.to_user_string() for key in keys}


def run(settings: Settings, *command: str) -> subprocess.CompletedProcess[str]:
    """Run it as a user does: nothing of the checkout on the path, any folder as the current one."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONWARNINGS")}
    environment |= {
        "FUNDPLATFORM_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
    }
    return subprocess.run(
        [sys.executable, *command],
        env=environment,
        cwd=settings.dagster_home,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def home(settings: Settings, graph: AssetGraph) -> Settings:
    """A ready home; `graph` has filled the calendar cache."""
    init(settings, DuckDBStore(settings.warehouse, settings.published))
    return settings


def test_dagster_can_load_it(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_every_asset_is_there(graph: AssetGraph) -> None:
    assert names(set(graph.get_all_asset_keys())) == ASSETS


@pytest.mark.parametrize("name", sorted(ASSETS))
def test_an_asset_says_what_it_is(graph: AssetGraph, name: str) -> None:
    key = dg.AssetKey(name.split("/"))
    node = graph.get(key)
    table = table_of(key)
    assert node.description and table.doc in node.description
    assert node.owners == ["team:data"]
    assert node.kinds == {"polars", "table"}
    assert node.group_name == key.path[0]
    assert node.group_name in GROUPS
    assert node.metadata["dagster/table_name"] == table.full_name
    columns = node.metadata["dagster/column_schema"].columns
    assert [(c.name, c.type, c.description, c.constraints.nullable) for c in columns] == [
        (c.name, c.type, c.doc, c.nullable) for c in table.columns
    ]
    assert node.pools == {"warehouse"}


def test_partitioned_assets_run_in_chunks(graph: AssetGraph) -> None:
    partitioned = {k for k in graph.get_all_asset_keys() if graph.get(k).partitions_def is not None}
    whole = {n for n in ASSETS if n.startswith("catalog/")}
    whole |= {"indices/levels", "ops/gaps", "raw/sample/corporate_actions"}
    assert names(partitioned) == ASSETS - whole
    policies = {graph.get(k).backfill_policy for k in partitioned}
    assert policies == {dg.BackfillPolicy.multi_run(max_partitions_per_run=250)}


def test_what_is_computed_whole_reads_wholes_also_in_a_run_over_days(
    definitions: dg.Definitions,
) -> None:
    """A run that propagates computes it beside a range of days."""
    wholes = [
        asset
        for asset in definitions.resolve_asset_graph().assets_defs
        if asset.keys and asset.partitions_def is None and asset.is_executable
    ]
    inputs = [
        (key, asset.op.input_def_named(name))
        for asset in wholes
        for name, key in asset.keys_by_input_name.items()
        if table_of(key).partition
    ]
    read = {key.to_user_string(): one.metadata for key, one in inputs if one.metadata}
    assert set(read) == {"catalog/market_caps", "indices/performance", "prices/validated"}
    unsaid = [k for k, one in inputs if not one.metadata and not one.dagster_type.is_nothing]
    assert unsaid == []
    assert [name for name, wish in read.items() if not wish.get("whole")] == []


def test_every_check_blocks(graph: AssetGraph) -> None:
    checks = graph.asset_check_keys
    assert names({c.asset_key for c in checks}) == ASSETS
    for check in checks:
        spec = graph.get_check_spec(check)
        # What the vendor said is kept, whatever it is: a raw contract holds nothing back.
        raw = check.asset_key.path[0] == "raw"
        assert spec.blocking != (raw or check.name in WARNING), check
        assert spec.description, check


def test_an_asset_without_its_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        table_of(dg.AssetKey(["prices", "forgotten"]))
    assert "prices.validated" in tables.BY_NAME


def test_loading_is_quick_and_imports_nothing_heavy(home: Settings) -> None:
    done = run(home, "-c", _IMPORT)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    facts = json.loads(done.stdout)
    heavy = {"great_expectations", "exchange_calendars", "currency_converter", "scipy"}
    assert heavy.isdisjoint(facts["modules"])
    # Measured 3 s; Great Expectations or exchange_calendars alone would add 2.5 to 11.
    assert facts["cpu"] < 6


def test_the_shipped_workspace_loads(home: Settings) -> None:
    done = run(home, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Validation successful for code location fundplatform" in said
    assert "BetaWarning" not in said


@pytest.mark.slow
def test_a_workspace_that_cannot_load_is_noticed(home: Settings) -> None:
    file = home.dagster_home / "workspace.yaml"
    file.write_text(file.read_text().replace("fundplatform.definitions", "fundplatform.nowhere"))
    done = run(home, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode != 0


def test_levels_are_shown_as_numbers_a_line_and_a_table() -> None:
    levels = pl.DataFrame(
        {
            "index_name": ["two"] * 3 + ["other"],
            "session": [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 1)],
            "return_basis": ["price", "price", "price", "net_total"],
            "level": [1000.0, 1010.0, 909.0, 1.0],
            "drawdown": [0.0, 0.0, -0.1, 0.0],
        }
    )
    report = level_report(levels)
    assert report["two level"] == 909.0
    assert report["two drawdown"] == -0.1
    page = report["two sessions"].value
    # Month ends 1010 and 909; 909 / 1010 - 1 = -10 %.
    assert "`█▁` 909.00 to 1,010.00" in page
    assert page.endswith(
        "| 2024-02-01 | 909.00 | -10.00% | -10.00% |\n"
        "| 2024-01-31 | 1,010.00 | +1.00% | 0.00% |\n"
        "| 2024-01-30 | 1,000.00 |  | 0.00% |"
    )
    assert not [key for key in report if key.startswith("other")]
    assert level_report(levels.clear()) == {}


def test_a_sparkline_spans_lowest_to_highest() -> None:
    assert sparkline([1.0, 4.5, 8.0]) == "▁▅█"
    assert sparkline([2.0, 2.0]) == "▁▁"


def test_session_returns_by_session() -> None:
    performance = pl.DataFrame(
        {
            "index_name": ["a", "b", "a", "b"],
            "session": [date(2024, 1, 2)] * 2 + [date(2024, 1, 3)] * 2,
            "return_basis": ["price", "price", "price", "net_total"],
            "session_return": [0.01, None, -0.02, 0.5],
        }
    )
    assert session_returns(performance) == {
        date(2024, 1, 2): {"a session_return": 0.01},
        date(2024, 1, 3): {"a session_return": -0.02},
    }


def test_the_identity_check_says_which_sessions_are_held() -> None:
    gates = pl.DataFrame(
        {
            "source_id": [1, 1],
            "session": [date(2024, 1, 4), date(2024, 1, 5)],
            "rows_raw": [6, 6],
            "rows_rejected": [5, 1],
            "rows_validated": [0, 5],
            "held": [True, False],
            "reason": ["5 of 6 rows rejected", None],
        }
    )
    result = judge_identity(gates)
    assert result.passed
    # 12 raw = 5 validated + 6 rejected + 1 held.
    counts = ("rows raw", "rows validated", "rows rejected", "rows held", "sessions held")
    assert [result.metadata[name].value for name in counts] == [12, 5, 6, 1, 1]
    (held,) = result.metadata["held"].value.records
    assert held.data == {"source_id": 1, "session": "2024-01-04", "reason": "5 of 6 rows rejected"}


def test_each_vendor_has_a_pool_of_its_own(settings: Settings) -> None:
    """One run at a time asks a vendor; two vendors are asked side by side, also with their checks.

    A run waits for every pool of its steps: one check in the warehouse's pool would do.
    """
    vendors = Settings(settings.home, sources=("sample", "kraken", "coinbase"))
    location = build_definitions(vendors)
    graph, job = location.resolve_asset_graph(), location.resolve_implicit_global_asset_job_def()

    def pools(source: str) -> set[str]:
        key = dg.AssetKey(["raw", source, "ohlcv"])
        checks = graph.get_check_keys_for_assets({key})
        assert {check.name for check in checks} >= {"contract"}
        part = job.get_subset(asset_selection={key}, asset_check_selection=checks)
        plan = snapshot_from_execution_plan(create_execution_plan(part), part.get_job_snapshot_id())
        found = compute_run_op_concurrency_info_for_snapshot(plan)
        assert found is not None
        return set(found.all_pools or ())

    assert {name: pools(name) for name in vendors.sources} == {
        "sample": {"warehouse"},
        "kraken": {"kraken"},
        "coinbase": {"coinbase"},
    }
