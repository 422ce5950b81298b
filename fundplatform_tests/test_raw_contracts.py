"""Raw contracts: each clause of the form can fail, no value can; counted at load, judged after."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from fundplatform.checks import Contracts
from fundplatform.contracts import Counted
from fundplatform.expectations import broken
from fundplatform.raw_contracts import batch_table, counted, load_check_id, raw_contract_check
from fundplatform.sources.base import Batch, Kind, batch_schema
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.io_manager import Warehouse
from fundplatform.storage.outputs import Load
from fundplatform.storage.transactions import Target, write_load
from fundplatform_tests.storage.frames import MONDAY, SPEC, TUESDAY, bars, listings
from fundplatform_tests.storage.processes import child, holding

AT = datetime(2024, 1, 12, tzinfo=UTC)
KEY = dg.AssetKey(["raw", "paper", "ohlcv"])
TWO_BARS = (
    bars((0, MONDAY, 2.0), (0, TUESDAY, 2.1))
    .with_columns(vendor_symbol=pl.lit("AAA"))
    .select(pl.col(n).cast(t) for n, t in batch_schema(Kind.OHLCV).items())
)


def told(kind: Kind, batch: pl.DataFrame) -> list[str]:
    """The expectations that do not hold, in the order of the contract."""
    kept = counted(kind, batch, "r/raw/paper/ohlcv")
    return kept.filter(~pl.col("passed"))["expectation"].to_list()


def test_a_good_batch_keeps_to_six_clauses() -> None:
    kept = counted(Kind.OHLCV, TWO_BARS, "r/raw/paper/ohlcv")
    # Columns, types, required values, the key, and the known intervals and bases.
    assert kept.height == 6
    assert kept["passed"].all()
    assert kept["rows"].to_list() == [2] * 6
    assert kept.row(0, named=True)["from_session"] == MONDAY


@pytest.mark.parametrize("kind", [k for k in Kind if k is not Kind.QUOTES])
def test_every_kind_has_one_and_an_empty_batch_keeps_to_it(kind: Kind) -> None:
    assert "vendor_symbol" in batch_table(kind).key
    assert told(kind, batch_schema(kind).to_frame()) == []


@pytest.mark.parametrize(
    ("batch", "clause"),
    [
        (TWO_BARS.drop("volume"), "expect_table_columns_to_match_set"),
        (TWO_BARS.cast({"volume": pl.Int64}), "expect_column_values_to_be_of_type"),
        (
            TWO_BARS.with_columns(quote=pl.lit(None, pl.String)),
            "expect_column_values_to_not_be_null",
        ),
        (pl.concat([TWO_BARS, TWO_BARS]), "expect_compound_columns_to_be_unique"),
        (TWO_BARS.with_columns(interval=pl.lit("7d")), "expect_column_values_to_be_in_set"),
        (TWO_BARS.with_columns(adjustment=pl.lit("some")), "expect_column_values_to_be_in_set"),
    ],
)
def test_a_broken_form_is_told(batch: pl.DataFrame, clause: str) -> None:
    assert told(Kind.OHLCV, batch) == [clause]


def test_no_value_breaks_it() -> None:
    strange = TWO_BARS.with_columns(
        open=pl.lit(None, pl.Float64), high=-5.0, low=float("inf"), close=float("nan"), volume=-1.0
    )
    assert told(Kind.OHLCV, strange) == []


class Here(Contracts):
    """Judged in this process."""

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Nothing to start."""

    def broken(self, name: str, counted: Sequence[Counted]) -> list[int]:
        """Without the worker."""
        return broken([c.unexpected for c in counted])


def judged(
    store: Store, batch: pl.DataFrame | None, afterwards: Callable[[], object] = lambda: None
) -> dg.ExecuteInProcessResult:
    """A run whose load of the batch is counted; None: it loads nothing."""

    @dg.asset(key=KEY)
    def raw(context: dg.AssetExecutionContext) -> None:
        if batch is None:
            return
        listed = listings(("AAA", MONDAY, TUESDAY))
        load = Load(SPEC, Kind.OHLCV, Batch(TWO_BARS), listed, MONDAY, TUESDAY)
        kept = counted(Kind.OHLCV, batch, load_check_id(context.run_id, KEY))
        target = Target(context.run_id, KEY.to_user_string(), Slice({}, MONDAY, TUESDAY))
        with store.transaction(Stamp(context.run_id, AT)) as writer:
            write_load(writer, replace(load, contract=kept), target)
        afterwards()

    @dg.asset(deps=[KEY])
    def downstream() -> None: ...

    contracts = Here(warehouse=Warehouse(store, lambda: AT))
    return dg.materialize(
        [raw, downstream, raw_contract_check(KEY, "vendor")], resources={"contracts": contracts}
    )


def test_great_expectations_judges_the_counts_of_the_load(either_store: Store) -> None:
    (evaluation,) = judged(either_store, TWO_BARS).get_asset_check_evaluations()
    assert evaluation.passed
    assert evaluation.metadata["rows"].value == 2
    assert evaluation.metadata["expectations"].value == 6


def test_a_broken_one_is_shown_and_holds_nothing_back(either_store: Store) -> None:
    result = judged(either_store, TWO_BARS.with_columns(interval=pl.lit("7d")))
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    shown = evaluation.metadata["failures"]
    assert isinstance(shown, dg.TableMetadataValue)
    assert shown.records[0].data["actual"] == "2 unexpected"
    assert "'interval': '7d'" in str(shown.records[0].data["offenders"])


def test_a_run_that_loaded_nothing_says_so(either_store: Store) -> None:
    (evaluation,) = judged(either_store, None).get_asset_check_evaluations()
    assert not evaluation.passed
    assert "loaded nothing" in str(evaluation.metadata["could not be judged"].value)
    assert evaluation.severity is dg.AssetCheckSeverity.WARN


def test_the_check_waits_as_long_as_the_load_for_runs_that_compute(tmp_path: Path) -> None:
    """It is in its vendor's pool: another run may have taken the file after the load."""
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published", lock_timeout=0.1)
    store.migrate()
    with ExitStack() as stack:

        def taken() -> None:
            other = stack.enter_context(child(holding(store.path)))
            assert other.stdin is not None
            free = threading.Timer(1.0, other.communicate, ("\n",))
            stack.callback(free.join)
            free.start()

        (evaluation,) = judged(store, TWO_BARS, taken).get_asset_check_evaluations()
    assert evaluation.passed
