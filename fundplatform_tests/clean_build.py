"""A warehouse that came about step by step, held against one that was built at once."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.storage.base import Store
from fundplatform.tables import Table
from fundplatform_tests.pipeline import Pipeline
from fundplatform_tests.test_same_content import natural

COMPUTED = (
    tables.VALIDATED, tables.REJECTED, tables.GATES, tables.COMPOSITIONS, tables.PERFORMANCE,
    tables.LEVELS, tables.METRICS, tables.RISK, tables.TIERS,
)  # fmt: skip
EVERYTHING = (tables.OHLCV, *COMPUTED)


def content(store: Store, table: Table) -> pl.DataFrame:
    """Names in place of ids, without stamps and what says which answer a row came from."""
    frame = natural(store, table).drop("payload_hash", strict=False)
    return frame.sort(frame.columns)


def assert_equals_a_clean_build(
    made: Pipeline, clean: Pipeline, first: date, last: date, of: Sequence[Table] = EVERYTHING
) -> None:
    """Build the empty home `clean` for these days; both hold the same."""
    clean.clock = made.clock
    clean.backfill(first, last)
    assert [o.errors for o in clean.outcomes if o.errors] == []
    for table in of:
        assert content(made.store, table).equals(content(clean.store, table)), table.full_name
