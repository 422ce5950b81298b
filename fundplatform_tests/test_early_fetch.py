"""A bar fetched before its close is rejected, and taken once it was fetched after it."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make

DAY = date(2024, 1, 2)
BEFORE = datetime(2024, 1, 2, 20, 59, tzinfo=UTC)  # XNYS closes at 21:00 UTC
AFTER = datetime(2024, 1, 2, 22, tzinfo=UTC)


@pytest.mark.slow
def test_the_next_fetch_heals_a_bar_whose_values_did_not_move(settings: Settings) -> None:
    file = folder(settings, "mine", "start: 2024-01-02\nend: 2024-01-02\n") / "bars.csv"
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    for number, (now, validated) in enumerate(((BEFORE, 0), (AFTER, 1))):
        # A later answer of the vendor: other bytes, the same values.
        file.write_text(table([bar("2024-01-02", "AAA")]) + "\n" * number)
        pipeline = make(own)
        pipeline.clock = lambda now=now: now  # type: ignore[misc]
        pipeline.backfill(DAY, DAY, refetch=bool(number))
        assert [o.errors for o in pipeline.outcomes if o.errors] == []
        assert pipeline.store.read(tables.VALIDATED).height == validated
    (raw,) = pipeline.store.read(tables.OHLCV)["fetched_at"].to_list()
    assert raw == AFTER
    old = pipeline.store.query("SELECT fetched_at FROM raw.ohlcv_revisions")
    assert old["fetched_at"].cast(pl.Datetime("us", "UTC")).to_list() == [BEFORE]
