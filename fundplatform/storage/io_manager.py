"""The one door between assets and the warehouse.

Asset key + partition range -> table + slice; one `handle_output` is one transaction, then Dagster
records the partitions. Knows no SQL (that is the `Store`) and no finance.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

import dagster as dg
import polars as pl
from pydantic import PrivateAttr

from fundplatform import processes, tables
from fundplatform.errors import FundplatformError, SchemaError, WarehouseError
from fundplatform.sources.base import Kind
from fundplatform.storage import change_record, syncs
from fundplatform.storage.base import WHOLE, Holdable, Slice, Stamp, Store
from fundplatform.storage.outputs import Derived, Load, Stored
from fundplatform.storage.partition_facts import record_partitions
from fundplatform.storage.transactions import Target, Written, write_derived, write_load
from fundplatform.tables import Table

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
PATIENCE = 1800.0
"""Seconds a fetch waits to be stored while other runs write: its calls shall not be in vain. What a
run wrote waits as long to be published: who plans what follows reads the published copy."""


def table_of(key: dg.AssetKey) -> Table:
    """The table behind an asset key: raw/<source>/<kind> or <schema>/<table>."""
    if key.path[0] == "raw":
        return Kind(key.path[-1]).table
    return tables.BY_NAME[".".join(key.path)]


def run_window(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """First and last session of a run's partition or partition range; None without one."""
    first = tags.get(RANGE_START) or tags.get(PARTITION)
    last = tags.get(RANGE_END) or tags.get(PARTITION)
    if not first or not last:
        return None
    return date.fromisoformat(first), date.fromisoformat(last)


@dataclass(frozen=True)
class Warehouse:
    """A store, and the clock that gives `recorded_from`."""

    store: Store
    clock: Callable[[], datetime]

    def opened(self, patience: float | None = None) -> AbstractContextManager[None]:
        """One opening for several uses, where the store is one that is opened for each."""
        store = self.store
        return store.held(patience) if isinstance(store, Holdable) else nullcontext()


class WarehouseIOManager(dg.ConfigurableIOManager):
    """Loads and stores slices of the warehouse.

    Input metadata understood by `load_input`:
        columns: list of columns to read (default: all).
        lookback_days: calendar days before the run's range that are read as well.
        lookahead_days: calendar days after it.
        history: True reads everything up to the end of the run's range.
        whole: True reads the whole table.
        where: column -> the value that its rows must have.
        any_order: True where the order of rows does not matter (quicker).
        every_source: True reads all sources of a raw table, also those no longer registered.
    """

    warehouse: dg.ResourceDependency[Warehouse]
    publish_after_run: bool = True

    _wrote: bool = PrivateAttr(default=False)
    _held: ExitStack | None = PrivateAttr(default=None)
    _seen: dict[str, int] = PrivateAttr(default_factory=dict)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Note on the run which process executes it, so that a killed one can be told."""
        if context.instance and context.run_id and context.instance.has_run(context.run_id):
            own = {processes.TAG: processes.mark(context.run_id)}
            context.instance.add_run_tags(context.run_id, own)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """The slice of the upstream asset that this step needs."""
        self._hold(context.step_context.job_def.asset_layer.selected_asset_keys)
        step = context.step_context.step.key
        if step not in self._seen:
            # Before the first input is read: what is written from now on counts as not seen.
            self._seen[step] = change_record.newest(self.warehouse.store)
        table = table_of(context.asset_key)
        wish = dict(context.definition_metadata or {})
        where: dict[str, int | str] = {}
        if context.asset_key.path[0] == "raw" and not wish.get("every_source"):
            where["source_id"] = self._source_id(context.asset_key.path[1])
        return self.warehouse.store.read(
            table,
            input_slice(table, wish, dict(context.step_context.run_tags), where),
            columns=wish.get("columns"),
            ordered=not wish.get("any_order"),
        )

    def _hold(self, selected: AbstractSet[dg.AssetKey]) -> None:
        """Keep a one-file warehouse open until the end of a run that only computes."""
        fetches = any(key.path[0] == "raw" for key in selected)
        if self._held is None and not fetches:
            self._held = ExitStack()
            self._held.enter_context(self.warehouse.opened())

    def _source_id(self, name: str) -> int:
        known = self.warehouse.store.read(tables.SOURCES, columns=["source_id", "name"])
        found = known.filter(pl.col("name") == name)["source_id"]
        return int(found[0]) if len(found) else -1

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Store what the asset returned, in one transaction, and say what that did."""
        called = isinstance(obj, Load) and obj.attempt is not None and obj.attempt.calls
        with self.warehouse.opened(PATIENCE if called else None):
            self._store(context, obj)

    def _store(self, context: dg.OutputContext, obj: object) -> None:
        if isinstance(obj, Stored):
            rows = self.warehouse.store.read(table_of(context.asset_key), _output_slice(context))
            self._describe(context, rows, {}, obj.by_session)
            return
        asset = context.asset_key.to_user_string()
        if not isinstance(obj, Load | Derived):
            raise SchemaError(
                table_of(context.asset_key).full_name,
                f"{asset} returned {type(obj).__name__}",
                "Return a Load, Derived or Stored (fundplatform/storage/outputs.py)",
            )
        seen = self._seen.get(context.step_context.step.key)
        target = Target(context.run_id, asset, _output_slice(context), seen)
        stamp = Stamp(run_id=context.run_id, recorded_at=self.warehouse.clock())
        try:
            written = self._written(obj, target, stamp)
        except FundplatformError as error:
            self._note_failure(obj, stamp, error)
            raise
        self._wrote = True
        self._describe(context, written.rows, written.facts, unrecorded=obj.unrecorded)

    def _written(self, obj: Load | Derived, target: Target, stamp: Stamp) -> Written:
        with self.warehouse.store.transaction(stamp) as writer:
            if isinstance(obj, Load):
                return write_load(writer, obj, target)
            return write_derived(writer, obj, target)

    def _note_failure(self, obj: Load | Derived, stamp: Stamp, error: FundplatformError) -> None:
        """A fetch that could not be stored is an attempt as well."""
        if not isinstance(obj, Load) or obj.attempt is None:
            return
        failed = replace(obj.attempt, status="failed", failure="not_stored", problem=str(error))
        # A full disk takes this row neither; the run says why.
        with suppress(WarehouseError):
            syncs.record(self.warehouse.store, failed, obj.terms, stamp.run_id)

    def _describe(
        self,
        context: dg.OutputContext,
        rows: pl.DataFrame,
        facts: Mapping[str, int | float | str],
        by_session: Mapping[date, Mapping[str, float]] = MappingProxyType({}),
        unrecorded: AbstractSet[date] = frozenset(),
    ) -> None:
        """Counts as metadata: of the chunk, of the asset, and per partition of that session."""
        context.add_output_metadata({"chunk_rows": rows.height, **facts})
        table = table_of(context.asset_key)
        if not context.has_asset_partitions or table.partition is None:
            # A raw table keeps what a load no longer names.
            raw = context.asset_key.path[0] == "raw"
            height = self._height(context.asset_key, table) if raw else rows.height
            context.add_output_metadata({"dagster/row_count": height})
            return
        context.add_output_metadata({"dagster/row_count": self._height(context.asset_key, table)})
        heights = dict(rows.group_by(table.partition).len().iter_rows())
        days = {key: date.fromisoformat(key) for key in context.asset_partition_keys}
        record_partitions(
            context,
            {
                key: {"dagster/partition_row_count": heights.get(day, 0), **by_session.get(day, {})}
                for key, day in days.items()
                if day not in unrecorded
            },
        )

    def _height(self, key: dg.AssetKey, table: Table) -> int:
        """Rows of the whole asset: of its table, for a raw asset of its source."""
        own = {"source_id": self._source_id(key.path[1])} if key.path[0] == "raw" else {}
        return self.warehouse.store.count(table, Slice(own))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Publish the read-only copy once, at the end of a run that wrote or failed.

        A vendor that failed is on the record of attempts: whoever plans reads that it rests.
        """
        if self._held is not None:
            self._held.close()
            self._held = None
        if self.publish_after_run and self._wrote:
            with self.warehouse.opened(PATIENCE):
                self.warehouse.store.publish()
        elif self.publish_after_run and _has_failed(context):
            # What made the run fail may be the warehouse itself; the run says why.
            with suppress(WarehouseError):
                self.warehouse.store.publish()
        self._wrote = False


def _has_failed(context: dg.InitResourceContext) -> bool:
    if context.instance is None or context.run_id is None:
        return False
    failure = dg.DagsterEventType.STEP_FAILURE
    found = context.instance.get_records_for_run(context.run_id, of_type=failure, limit=1)
    return bool(found.records)


def input_slice(
    table: Table, wish: Mapping[str, Any], tags: Mapping[str, str], where: Mapping[str, int | str]
) -> Slice:
    """The part of an input's table that a run with these tags reads, by the input's metadata."""
    where = {**where, **wish.get("where", {})}
    window = run_window(tags)
    if window is None or wish.get("whole") or table.partition is None:
        return Slice(where)
    first, last = window
    if wish.get("history"):
        return Slice(where, None, last)
    back, ahead = (int(wish.get(name, 0)) for name in ("lookback_days", "lookahead_days"))
    return Slice(where, first - timedelta(days=back), last + timedelta(days=ahead))


def _output_slice(context: dg.OutputContext) -> Slice:
    if not context.has_asset_partitions:
        return WHOLE
    keys = context.asset_partition_key_range
    return Slice({}, date.fromisoformat(keys.start), date.fromisoformat(keys.end))
