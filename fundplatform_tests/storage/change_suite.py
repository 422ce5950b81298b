"""What every store must note of changes; `StoreSuite` brings these tests to each of them."""

from datetime import date

import pytest

from fundplatform import tables
from fundplatform.storage import change_record
from fundplatform.storage.base import WHOLE, Slice, Stamp, Store
from fundplatform_tests.storage.frames import FIRST, MONDAY, SECOND, THREE, TUESDAY, WEEK, bars, put

ASSET = "raw/mine/ohlcv"


def note(
    store: Store, touched: set[date], made: set[date] | None = None, seen: int | None = None
) -> None:
    with store.transaction(SECOND) as writer:
        change_record.record(writer, ASSET, touched, made or set(), seen)


def noted(store: Store) -> list[tuple[date, int, int | None]]:
    rows = store.read(tables.CHANGES, Slice({"asset": ASSET}))
    return rows.select("session", "changed", "seen").rows()


class ChangeSuite:
    """Needs the fixture `store` (migrated, empty)."""

    def test_a_write_tells_the_sessions_it_touched(self, store: Store) -> None:
        put(store, tables.OHLCV, THREE)
        other = THREE.with_columns(close=THREE["close"] + (THREE["session"] == TUESDAY))
        with store.transaction(SECOND) as writer:
            again = writer.write(tables.OHLCV, THREE, WEEK)
            counts = writer.write(tables.OHLCV, other, WEEK)
        assert again.touched == frozenset()
        assert counts.touched == {TUESDAY}

    def test_numbers_rise_and_unchanged_writes_take_none(self, store: Store) -> None:
        assert change_record.newest(store) == 0
        note(store, {MONDAY, TUESDAY})
        note(store, set())
        note(store, {TUESDAY})
        assert change_record.newest(store) == 2
        assert noted(store) == [(MONDAY, 1, None), (TUESDAY, 2, None)]

    def test_a_computation_has_seen_what_it_wrote_unless_something_came_between(
        self, store: Store
    ) -> None:
        note(store, {MONDAY}, {MONDAY, TUESDAY}, seen=0)
        assert noted(store) == [(MONDAY, 1, 1), (TUESDAY, 0, 1)]
        note(store, {TUESDAY}, {MONDAY, TUESDAY}, seen=0)
        assert noted(store) == [(MONDAY, 1, 0), (TUESDAY, 2, 0)]

    def test_what_is_rolled_back_was_never_noted(self, store: Store) -> None:
        note(store, {MONDAY})
        with (
            pytest.raises(RuntimeError, match="power cut"),
            store.transaction(Stamp("run", SECOND.recorded_at)) as writer,
        ):
            change_record.record(writer, ASSET, {MONDAY})
            raise RuntimeError("power cut")
        assert change_record.newest(store) == 1
        assert noted(store) == [(MONDAY, 1, None)]

    def test_an_action_touches_its_ex_date(self, store: Store) -> None:
        assert tables.CORPORATE_ACTIONS.day == "ex_date"
        assert tables.OHLCV.day == "session"
        assert tables.PROFILES.day is None
        with store.transaction(FIRST) as writer:
            counts = writer.write(tables.OHLCV, bars((1, MONDAY, 1.0)), WHOLE)
        assert counts.touched == {MONDAY}
