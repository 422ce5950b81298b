"""What Dagster's bookkeeping costs per partition and asset.

A chain of three assets with next to no compute runs over daily partitions in chunks, in one
process, on a fresh persistent instance. What remains is Dagster itself and its storage. Nothing
of the warehouse is measured here.

Run it: `python -m bench.bookkeeping [--sessions 1259] [--assets 3] [--chunk 250] [--stock]`, with
`--postgres URL` of an empty database for production's storage.
"""

import argparse
import json
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg

from fundplatform.storage.event_log_postgres import address
from fundplatform.storage.partition_facts import record_partitions

START = date(2016, 1, 1)


class NoStorage(dg.IOManager):
    """Keeps nothing: only the bookkeeping is measured."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Drop the value; say of each partition what the warehouse's IO manager says."""
        days = context.asset_partition_keys
        record_partitions(context, {day: {"dagster/partition_row_count": 1} for day in days})

    def load_input(self, context: dg.InputContext) -> object:
        """Give nothing."""
        return None


def chain(sessions: int, assets: int) -> list[dg.AssetsDefinition]:
    """`assets` assets, each fed by the one before, over `sessions` daily partitions."""
    daily = dg.DailyPartitionsDefinition(
        start_date=START.isoformat(), end_date=(START + timedelta(days=sessions)).isoformat()
    )
    made: list[dg.AssetsDefinition] = []
    for number in range(assets):
        name, above = f"asset_{number}", [made[-1].key] if made else []

        @dg.asset(name=name, deps=above, partitions_def=daily)
        def compute(context: dg.AssetExecutionContext) -> int:
            return len(context.partition_keys)

        made.append(compute)
    return made


def instance_config(home: str, *, stock: bool, postgres: str = "") -> dict[str, object]:
    """The part of dagster.yaml that decides the cost."""
    config: dict[str, object] = {"telemetry": {"enabled": False}}
    if postgres and stock:
        config["storage"] = {"postgres": {"postgres_url": address(postgres)}}
    elif postgres:
        config["storage"] = {
            "custom": {
                "module": "fundplatform.storage.event_log_postgres",
                "class": "ProductionStorage",
                "config": {"postgres_url": postgres},
            }
        }
    elif not stock:
        config["event_log_storage"] = {
            "module": "fundplatform.storage.event_log",
            "class": "EmbeddedEventLogStorage",
            "config": {"base_dir": home},
        }
    return config


def measure(
    sessions: int = 1259,
    assets: int = 3,
    chunk: int = 250,
    *,
    stock: bool = False,
    postgres: str = "",
) -> dict[str, float]:
    """Run the chain on a fresh instance.

    Returns:
        wall_s, cpu_s: the chunks' time in seconds; ms_per_partition_asset and
        cpu_ms_per_partition_asset: the same per session and asset; file_mb: size of the home.
    """
    made = chain(sessions, assets)
    definitions = dg.Definitions(
        assets=made,
        jobs=[dg.define_asset_job("all", selection="*")],
        resources={"io_manager": NoStorage()},
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def("all")
    with TemporaryDirectory() as home:
        config = instance_config(home, stock=stock, postgres=postgres)
        (Path(home) / "dagster.yaml").write_text(json.dumps(config))
        with dg.DagsterInstance.from_config(home) as instance:
            wall, cpu = time.perf_counter(), time.process_time()
            for first in range(0, sessions, chunk):
                last = min(first + chunk, sessions) - 1
                result = job.execute_in_process(
                    # Dagster's console logger prints every event: 0.1 ms each.
                    run_config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
                    instance=instance,
                    tags={
                        "dagster/asset_partition_range_start": _day(first),
                        "dagster/asset_partition_range_end": _day(last),
                    },
                )
                if not result.success:
                    raise RuntimeError("the benchmark's run failed")
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            count = len(instance.get_materialized_partitions(made[-1].key))
            if count != sessions:
                raise RuntimeError(f"{count} partitions recorded, not {sessions}")
        size = sum(f.stat().st_size for f in Path(home).rglob("*") if f.is_file())
    cells = sessions * assets
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "ms_per_partition_asset": 1000 * wall / cells,
        "cpu_ms_per_partition_asset": 1000 * cpu / cells,
        "file_mb": size / 1e6,
    }


def _day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


def main() -> None:
    """Print the figures of one measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=1259)
    parser.add_argument("--assets", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=250)
    parser.add_argument("--stock", action="store_true", help="Dagster's default storage")
    parser.add_argument("--postgres", default="", help="URL of an empty database")
    arguments = parser.parse_args()
    for name, value in measure(**vars(arguments)).items():
        print(f"{name:>28} {value:10.3f}")


if __name__ == "__main__":
    main()
