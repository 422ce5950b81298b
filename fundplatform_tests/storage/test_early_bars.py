"""A bar read before its close and again, unchanged, before it was judged: the later time counts."""

from datetime import UTC, datetime, timedelta

import polars as pl

from fundplatform import tables
from fundplatform.sources.base import Batch, Kind, batch_schema
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform.storage.outputs import Load
from fundplatform.storage.transactions import Target, write_load
from fundplatform_tests.storage.frames import MONDAY, SPEC, bars, listings
from fundplatform_tests.storage.marts import chosen, rows

BEFORE = datetime(2024, 1, 8, 20, 59, tzinfo=UTC)  # XNYS closes at 21:00 UTC
AFTER = datetime(2024, 1, 8, 22, tzinfo=UTC)


def read(store: Store, at: datetime) -> list[datetime]:
    """Load the bar of Monday as fetched at this time; the `fetched_at` that is stored then."""
    bar = bars((0, MONDAY, 2.0)).with_columns(
        vendor_symbol=pl.lit("AAA"), fetched_at=pl.lit(at).cast(pl.Datetime("us", "UTC"))
    )
    batch = Batch(bar.select(pl.col(n).cast(t) for n, t in batch_schema(Kind.OHLCV).items()))
    load = Load(SPEC, Kind.OHLCV, batch, listings(("AAA", MONDAY, MONDAY)), MONDAY, MONDAY)
    with store.transaction(Stamp(f"run {at}", at)) as writer:
        write_load(writer, load, Target(f"run {at}", "raw/paper/ohlcv", Slice({}, MONDAY, MONDAY)))
    return store.read(tables.OHLCV)["fetched_at"].to_list()


def test_read_again_after_the_close(either_store: Store) -> None:
    assert read(either_store, BEFORE) == [BEFORE]
    assert read(either_store, AFTER) == [AFTER]
    either_store.publish()
    old = either_store.query("SELECT fetched_at FROM raw.ohlcv_revisions")["fetched_at"]
    assert old.cast(pl.Datetime("us", "UTC")).to_list() == [BEFORE]


def test_a_judged_bar_is_left_alone(either_store: Store) -> None:
    read(either_store, AFTER)
    good = chosen(MONDAY, 2.0, instrument_id=1, source_id=1, quote="USD", interval="1d")
    with either_store.transaction(Stamp("judged", AFTER)) as writer:
        writer.write(tables.VALIDATED, rows(tables.VALIDATED, good)[1], Slice({}, MONDAY, MONDAY))
    assert read(either_store, AFTER + timedelta(hours=1)) == [AFTER]


def test_a_bar_read_days_after_its_close_is_left_alone(either_store: Store) -> None:
    late = AFTER + timedelta(days=2)
    read(either_store, late)
    assert read(either_store, late + timedelta(hours=1)) == [late]


def test_the_desk_saw_a_refused_bar_last_no_earlier_than_first(either_store: Store) -> None:
    """Fetched, then refused; refused again under other rules; fetched again."""
    read(either_store, AFTER)
    for hours, rules in ((1, "V04"), (2, "V04,V05"), (0, "")):
        if rules:
            at = AFTER + timedelta(hours=hours)
            bad = {**chosen(MONDAY, 2.0, instrument_id=1, source_id=1, quote="USD"), "rules": rules}
            del bad["selected"]
            with either_store.transaction(Stamp(rules, at)) as writer:
                frame = rows(tables.REJECTED, {**bad, "interval": "1d", "reason": "bad"})[1]
                writer.write(tables.REJECTED, frame, Slice({}, MONDAY, MONDAY))
        either_store.publish()
        seen = either_store.query("SELECT first_seen, last_seen FROM marts.quarantine").cast(
            pl.Datetime("us", "UTC")
        )
        assert seen.row(0) == (AFTER + timedelta(hours=1), AFTER + timedelta(hours=hours or 2))
