"""The warehouse as it stood at an instant: ledgers are read, what is derived is computed again.

The assets' own functions compute it, on inputs as of then; nothing is stored. As of means recorded
time in this warehouse. Definitions and settings are today's: they are configuration, not data.
"""

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import polars as pl

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage import sql_text
from fundplatform.storage.base import WHOLE, Slice, Store
from fundplatform.storage.io_manager import RANGE_END, RANGE_START, input_slice, table_of
from fundplatform.storage.outputs import Derived
from fundplatform.tables import Table

_WINDOW = timedelta(days=366)
_COMPUTED = ("catalog", "indices", "funds")
Window = tuple[date, date]


@dataclass(frozen=True)
class _Run:
    tags: Mapping[str, str]


class _Context:
    """What an asset's function asks of Dagster's context; what it reports goes nowhere."""

    def __init__(self, window: Window | None, past: "Past") -> None:
        tags = {}
        # `resources.io_manager.warehouse.store.read`: what an asset reads beside its inputs.
        warehouse = SimpleNamespace(store=past, clock=lambda: past.at)
        self.resources = SimpleNamespace(io_manager=SimpleNamespace(warehouse=warehouse))
        if window:
            tags = {RANGE_START: window[0].isoformat(), RANGE_END: window[1].isoformat()}
        self.run = _Run(tags)
        self.run_id = "as of"
        self.log = logging.getLogger(__name__)

    def add_asset_metadata(self, *_: object, **__: object) -> None:
        """Nothing is stored, so nothing is said of it."""

    add_output_metadata = add_asset_metadata


class Past:
    """Reads at one instant; what keeps no ledger is computed once and kept."""

    def __init__(
        self, store: Store, at: datetime, definitions: dg.Definitions | None = None
    ) -> None:
        """Nothing is read yet.

        Args:
            store: The warehouse; read through `query`, so DuckDB's published copy.
            at: Aware instant.
            definitions: The code location, with a clock that gives `at`; for `computed`.
        """
        self.at = at
        self._store = store
        assets = (definitions.assets if definitions else None) or ()
        self._by_key = {
            key: asset
            for asset in assets
            if isinstance(asset, dg.AssetsDefinition)
            for key in asset.keys
        }
        self._made: dict[Table, pl.DataFrame] = {}

    def read(
        self,
        table: Table,
        part: Slice = WHOLE,
        columns: Sequence[str] | None = None,
        *,
        ordered: bool = True,
    ) -> pl.DataFrame:
        """The slice as it stood, in key order whether that is asked for or not.

        Raises:
            SchemaError: The table keeps no ledger and was not computed.
        """
        del ordered
        if table.full_name not in tables.BY_NAME:
            return self._superseded(table, part, columns)
        return self._read(table, part, columns, self.at if table not in self._made else None)

    def _read(
        self, table: Table, part: Slice, columns: Sequence[str] | None, at: datetime | None
    ) -> pl.DataFrame:
        if table in self._made:
            frame = self._made[table].filter(*_tests(table, part)).sort(table.key)
            return frame.select(columns or table.column_names)
        sql, wanted = sql_text.select(table, part, columns, as_of=at)
        return self._store.query(sql).cast({n: table.polars_schema[n] for n in wanted})

    def _superseded(
        self, ledger: Table, part: Slice, columns: Sequence[str] | None
    ) -> pl.DataFrame:
        """The rows of a ledger that had come by then; one of them may have stood then."""
        wanted = columns or ledger.column_names
        every = self._read(ledger, part, list(dict.fromkeys([*wanted, "recorded_from"])), None)
        return every.filter(pl.col("recorded_from") <= self.at).select(wanted)

    def span(self) -> Window:
        """First and last session with a validated bar then.

        Raises:
            WarehouseError: There was none.
        """
        days = sql_text.versions(tables.VALIDATED, WHOLE, self.at)
        found = self._store.query(f"SELECT min(session), max(session) FROM ({days}) AS t").row(0)  # noqa: S608
        if found[0] is None:
            raise WarehouseError(
                self._store.describe(),
                f"it had no validated bar at {self.at.isoformat()}",
                "Name a later instant; `fundplatform revisions` shows when rows came",
            )
        return cast(Window, found)

    def computed(self, table: Table, window: Window | None = None) -> pl.DataFrame:
        """A derived table, computed from what was known then.

        Args:
            table: A table with an asset.
            window: Sessions wanted; None: all up to the newest then.

        Raises:
            WarehouseError: There was no validated bar.
        """
        self._make(table, window or self.span())
        return self.read(table)

    def _make(self, table: Table, window: Window) -> None:
        """Compute the asset of the table and, before it, what it is computed from."""
        asset = self._by_key[dg.AssetKey([table.schema, table.name])]
        for key, _ in _inputs(asset).values():
            source = table_of(key)
            if source not in self._made and self._is_derived(source):
                self._make(source, self.span())
        windows = list(_years(*window)) if asset.partitions_def else [None]
        # A year starts from the state that the one before it left behind.
        for key in asset.keys:
            self._made[table_of(key)] = table_of(key).empty()
        stamps = {"recorded_from": pl.lit(self.at), "run_id": pl.lit("as of")}
        for part in windows:
            for made, frame in self._run(asset, part):
                if made is tables.CARRIED:
                    continue  # Everything is read: nothing goes on from it.
                rows = tables.cast(made, frame.with_columns(**stamps))
                self._made[made] = pl.concat([self._made.get(made, made.empty()), rows])

    def _is_derived(self, table: Table) -> bool:
        """Whether it keeps no ledger and an asset computes it; loads and judging are not redone."""
        asset = self._by_key.get(dg.AssetKey([table.schema, table.name]))
        computed = asset is not None and bool(_inputs(asset))
        return computed and not table.revisions and table.schema in _COMPUTED

    def _run(
        self, asset: dg.AssetsDefinition, window: Window | None
    ) -> Iterator[tuple[Table, pl.DataFrame]]:
        context = _Context(window, self)
        given = {
            name: self._load(key, metadata, context.run.tags)
            for name, (key, metadata) in _inputs(asset).items()
        }
        function = cast(Any, asset.node_def).compute_fn.decorated_fn
        asks = "context" in inspect.signature(function).parameters
        returned = function(context, **given) if asks else function(**given)
        for one in returned if isinstance(returned, tuple) else (returned,):
            if isinstance(one, Derived):
                yield from one.frames.items()

    def _load(
        self, key: dg.AssetKey, metadata: Mapping[str, Any], tags: Mapping[str, str]
    ) -> pl.DataFrame:
        table = table_of(key)
        part, columns = input_slice(table, metadata, tags, {}), metadata.get("columns")
        # What neither keeps a ledger nor is computed (listings) is read as it is now.
        known = table.revisions and table not in self._made
        return self._read(table, part, columns, self.at if known else None)


def _inputs(asset: dg.AssetsDefinition) -> dict[str, tuple[dg.AssetKey, Mapping[str, Any]]]:
    """The inputs that carry data: asset key and the read they wish for."""
    definitions = asset.node_def.input_dict
    return {
        name: (key, definitions[name].metadata or {})
        for name, key in asset.keys_by_input_name.items()
        if not definitions[name].dagster_type.is_nothing
    }


def _years(first: date, last: date) -> Iterator[Window]:
    """The range in pieces of a year: what a computation holds at a time."""
    while first <= last:
        end = min(first + _WINDOW, last)
        yield first, end
        first = end + timedelta(days=1)


def _tests(table: Table, part: Slice) -> list[pl.Expr]:
    tests = [pl.col(n) == v for n, v in part.where.items()]
    tests += [pl.col(n).is_in(list(v)) for n, v in part.among.items()]
    if table.partition and part.first:
        tests.append(pl.col(table.partition) >= part.first)
    if table.partition and part.last:
        tests.append(pl.col(table.partition) <= part.last)
    return tests


def adjusted(past: Past, part: Slice = WHOLE) -> pl.DataFrame:
    """Selected bars as they stood, split-adjusted as of the newest then, as marts.adjusted_prices.

    Returns:
        instrument_id, symbol, interval, quote, bar_open_at, session, open, high, low, close,
        volume, close_as_delivered, split_factor, basis.
    """
    bars = past.read(tables.VALIDATED, part).filter("selected")
    factors = past.computed(tables.ADJUSTMENT_FACTORS)
    newest = (
        past.read(tables.VALIDATED, WHOLE, ["instrument_id", "session", "selected"])
        .filter("selected")
        .group_by("instrument_id")
        .agg(newest=pl.col("session").max())
    )
    names = past.read(tables.INSTRUMENTS, WHOLE, ["instrument_id", "symbol"])
    then = _in_force(newest.rename({"newest": "session"}), factors).select(
        "instrument_id", last_factor="split_factor"
    )
    as_traded = pl.col("adjustment") == "none"
    scaled = pl.col("split_factor") / pl.col("last_factor").fill_null(1.0)
    factor = pl.when(as_traded).then(scaled).fill_null(1.0)
    return (
        _in_force(bars, factors)
        .join(then, on="instrument_id", how="left")
        .join(names, on="instrument_id", how="left")
        .with_columns(split_factor=factor, close_as_delivered="close")
        .with_columns(pl.col("open", "high", "low", "close") * pl.col("split_factor"))
        .select(
            *("instrument_id", "symbol", "interval", "quote", "bar_open_at", "session"),
            *("open", "high", "low", "close"),
            pl.col("volume") / pl.col("split_factor"),
            *("close_as_delivered", "split_factor"),
            basis=pl.when(as_traded).then(pl.lit("split")).otherwise("adjustment"),
        )
        .sort("symbol", "instrument_id", "bar_open_at")
    )


def _in_force(rows: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the split factor of their session, NULL where none is."""
    periods = factors.select("instrument_id", "from_session", "to_session", "split_factor")
    found = rows.sort("session").join_asof(
        periods.sort("from_session"),
        left_on="session",
        right_on="from_session",
        by="instrument_id",
        check_sortedness=False,
    )
    inside = pl.col("session") <= pl.col("to_session")
    return found.with_columns(split_factor=pl.when(inside).then("split_factor"))
