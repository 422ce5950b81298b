"""The wiring: which sources, assets, checks and resources make up the code location.

`build_definitions(settings, ...)` does it all, so that a test makes the same location with other
parts; `defs` is what Dagster loads. Nothing here reads data.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import dagster as dg

from fundplatform import calendars, suites
from fundplatform.assets import (
    catalog,
    fund_catalog,
    funds,
    index_checks,
    indices,
    prices,
    proofs,
    reconciliation,
)
from fundplatform.assets.partitions import daily_partitions
from fundplatform.assets.raw import raw_asset
from fundplatform.automation.freshness import freshness_checks, freshness_sensor
from fundplatform.automation.job_file import load_jobs
from fundplatform.automation.jobs import dagster_jobs, job_schedules, job_sensor
from fundplatform.automation.ledger_asset import gap_table
from fundplatform.automation.measures import metrics_file
from fundplatform.automation.quotes import quote_schedule
from fundplatform.automation.schedules import schedules
from fundplatform.automation.sensors import sensors
from fundplatform.automation.table_checks import table_checks
from fundplatform.automation.watch import alerts
from fundplatform.checks import Contracts, checked_tables, contract_checks
from fundplatform.clock import utc_now as utc_now
from fundplatform.desk import Desk
from fundplatform.finance.index_definition import SHIPPED, IndexDefinition, load_definitions
from fundplatform.finance.metric_rules import MetricRules, load_metric_rules
from fundplatform.raw_contracts import raw_contract_checks
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.web.quotes import quoting
from fundplatform.storage.base import Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.event_rows import use_batches
from fundplatform.storage.io_manager import Warehouse, WarehouseIOManager
from fundplatform.storage.partition_ranges import remember_ranges
from fundplatform.storage.syncs import Syncs


def open_store(settings: Settings, notify: Callable[[str], None] = print) -> Store:
    """The warehouse of these settings: PostgreSQL where they name one, else DuckDB."""
    if settings.warehouse_url:
        # Imported late: psycopg is of no use to a file.
        from fundplatform.storage.timescale import TimescaleStore

        return TimescaleStore(settings.warehouse_url, settings.lock_timeout, notify)
    return DuckDBStore(
        settings.warehouse, settings.published, lock_timeout=settings.lock_timeout, notify=notify
    )


def build_definitions(
    settings: Settings,
    *,
    sources: Sequence[Source] | None = None,
    store: Store | None = None,
    clock: Callable[[], datetime] = utc_now,
    publish_after_run: bool = True,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """The whole code location.

    Args:
        settings: Home, sources switched on, risk-free rate.
        sources: Instead of the register's (tests).
        store: Instead of the settings' warehouse (tests).
        clock: Gives `fetched_at`, `recorded_from` and today's date.
        publish_after_run: False where the caller publishes once after many runs.
        loggers: Instead of Dagster's console logger.
    """
    use_batches()
    remember_ranges()
    calendars.use_cache(settings.home / "calendars")
    if sources is None:
        loaded = register.load(settings, clock)
        sources = loaded.sources
        for problem in loaded.problems:
            dg.get_dagster_logger().error(f"source {problem.name} is left out: {problem.message}")
    store = store or open_store(settings)
    warehouse = Warehouse(store, clock)
    io_manager = WarehouseIOManager(
        warehouse=warehouse,
        publish_after_run=publish_after_run,
    )
    quotes, syncs = [q for q in map(quoting, sources) if q], Syncs(store, sources)
    wanted = load_jobs(settings.jobs)
    named = dagster_jobs(wanted, sources, store, clock, lambda: made)
    computed = [*_assets(sources, settings, clock, syncs), gap_table(sources, store, clock)]
    made = dg.Definitions(
        assets=[
            *computed,
            *(raw_asset(q, Kind.QUOTES, clock, syncs) for q in quotes),
        ],
        jobs=named,
        schedules=[
            *schedules(sources, store, clock),
            *quote_schedule(quotes, store, clock),
            *job_schedules(wanted),
        ],
        sensors=[
            *sensors(sources, store, clock),
            alerts(sources, settings, store, clock),
            *job_sensor(wanted, named, clock),
            *freshness_sensor(sources, clock),
            metrics_file(sources, settings, store, clock),
        ],
        asset_checks=[
            *contract_checks(
                computed,
                suites.load(settings.expectations, checked_tables(computed)),
                settings.rules,
                settings.quality_report,
            ),
            *raw_contract_checks(computed),
            *index_checks.index_checks(),
            proofs.adjusted_prices(),
            *freshness_checks(sources, clock),
            *table_checks(sources, store, settings.rules),
        ],
        resources={"io_manager": io_manager, "contracts": Contracts(warehouse=warehouse)},
        executor=dg.in_process_executor,
        loggers=loggers,
    )
    return made


def _assets(
    sources: Sequence[Source], settings: Settings, clock: Callable[[], datetime], syncs: Syncs
) -> list[dg.AssetsDefinition]:
    raw = [raw_asset(s, kind, clock, syncs) for s in sources for kind in s.spec.kinds]
    base = [*raw, catalog.identities(sources), catalog.corporate_actions(sources)]
    base += fund_catalog.fund_catalog(sources)
    if not any(Kind.OHLCV in s.spec.kinds for s in sources):
        return base
    days = daily_partitions(sources)
    definitions = index_definitions(settings, sources)
    rules = load_metric_rules(settings.home / "metrics.yaml")
    return [
        *base,
        prices.validated(sources, days, Desk.of(settings, syncs.store), clock),
        catalog.market_caps(sources),
        catalog.classified(settings.tiers),
        catalog.payment_factors(),
        indices.built(sources, definitions, days, clock),
        indices.levels(definitions),
        funds.metrics(days, settings.risk_free_rate, clock, rules, sources),
        *_reconciled(settings.risk_free_rate, rules),
    ]


def index_definitions(settings: Settings, sources: Sequence[Source]) -> list[IndexDefinition]:
    """The indices that are built: the shipped ones that have data, and the home's."""
    definitions = load_definitions(SHIPPED)
    if settings.indices.is_dir():
        definitions += load_definitions(settings.indices)
    return indices.active(definitions, sources)


def _reconciled(risk_free_rate: float, rules: MetricRules) -> list[dg.AssetsDefinition]:
    """Only where the libraries of the dependency group `reconcile` are installed."""
    if not reconciliation.available():
        return []
    return [reconciliation.reconciliation(risk_free_rate, rules)]


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and the code server load (workspace.yaml names this module)."""
    return build_definitions(Settings.from_env())
