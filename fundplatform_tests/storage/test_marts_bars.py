"""Weekly and monthly bars, daily VWAP and source health: rows worked by hand, in both databases."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from fundplatform import tables
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform_tests.storage.marts import DATABASES, NOW, ask, bar, chosen, filled, rows

# Monday 2005-02-21 was Presidents' Day: a week of four sessions.
MON, TUE, WED, THU, FRI = (date(2005, 2, n) for n in range(21, 26))
SAT, SUN, NEXT = date(2005, 2, 26), date(2005, 2, 27), date(2005, 2, 28)
MARCH = date(2005, 3, 1)
LATER = datetime(2024, 2, 1, tzinfo=UTC)


def day(session: date, *ohlcv: float | None, **more: object) -> dict[str, object]:
    """A selected daily bar."""
    names = ("open", "high", "low", "close", "volume")
    return {**chosen(session, 0.0), **dict(zip(names, ohlcv, strict=True)), **more}


def hour(session: date, number: int, **more: object) -> dict[str, object]:
    at = datetime(session.year, session.month, session.day, 14 + number, tzinfo=UTC)
    return {**chosen(session, 45.0, interval="1h", bar_open_at=at), **more}


CONTENT = (
    rows(
        tables.SOURCES,
        {"name": "good", "priority": 1, "title": "Good", "calendar": "XNYS"},
        {"source_id": 2, "name": "ticks", "priority": 2},
    ),
    rows(
        tables.INSTRUMENTS,
        {"symbol": "AAPL"}, {"instrument_id": 2, "symbol": "MID"},
        {"instrument_id": 3, "symbol": "MIX"}, {"instrument_id": 4, "symbol": "COIN"},
    ),
    # Apple split 2:1 between two weeks (but inside February), MID inside the week.
    rows(
        tables.ADJUSTMENT_FACTORS,
        {"from_session": TUE, "to_session": FRI, "split_factor": 0.5},
        {"from_session": NEXT, "to_session": MARCH, "split_factor": 1.0},
        {"instrument_id": 2, "from_session": TUE, "to_session": TUE, "split_factor": 0.5},
        {"instrument_id": 2, "from_session": WED, "to_session": MARCH, "split_factor": 1.0},
    ),
    rows(
        tables.VALIDATED,
        day(TUE, 86, 88, 84, 85, 100), day(WED, 85, 89, 85, 88, 200),
        day(THU, 88, 90, 87, 89, 300), day(FRI, 89, 91, 88, 90, 400),
        day(NEXT, 45, 46, 44, 45.5, 1000), day(MARCH, 45, 47, 43, 44, 500),
        # Neither of these is a selected daily bar.
        {**bar(TUE, 999.0), "source_id": 2}, hour(TUE, 9, high=999.0, volume=None),
        day(TUE, 10, 12, 10, 11, 100, instrument_id=2), day(WED, 5, 6, 4, 5, 300, instrument_id=2),
        day(TUE, 10, 12, 10, 11, 100, instrument_id=3),
        day(WED, 5, 6, 4, 5, None, instrument_id=3, adjustment="split_div"),
        day(SAT, 1, 3, 1, 2, 0.5, instrument_id=4), day(SUN, 2, 4, 2, 3, 0.25, instrument_id=4),
        hour(NEXT, 0, vwap=45.0), hour(NEXT, 1, high=48.0, low=45.0, close=48.0, volume=300.0),
        hour(MARCH, 0, vwap=44.0), hour(MARCH, 1, volume=None),
        hour(FRI, 0, volume=0.0),
        hour(MARCH, 0, interval="15m", vwap=43.0),
    ),
    rows(
        tables.TRADES,
        {"source_id": 2, "quote": "USD", "trade_id": 1, "session": NEXT, "price": 44.0,
         "volume": 10.0},
        {"source_id": 2, "quote": "USD", "trade_id": 2, "session": NEXT, "price": 46.0,
         "volume": 30.0},
    ),
    rows(
        tables.GATES,
        {"session": TUE, "rows_raw": 4, "rows_rejected": 1, "rows_validated": 3},
        {"session": WED, "rows_raw": 5, "rows_rejected": 3, "rows_validated": 0, "held": True},
    ),
    rows(tables.REJECTED_AT_LOAD, {"kind": "ohlcv", "row_number": 7}, {"row_number": 8}),
    rows(
        tables.PAYLOADS,
        {"fetched_at": NOW, "payload_hash": "a"}, {"fetched_at": LATER, "payload_hash": "b"},
    ),
    rows(
        tables.LOADS,
        {"load_id": "1", "asset": "raw/good/ohlcv"}, {"load_id": "2", "asset": "prices/validated"},
    ),
)  # fmt: skip

BAR = "symbol, {0}, first_session, last_session, sessions, open, high, low, close, volume, "
BAR += "close_as_delivered, basis"
FEBRUARY, THIS_MARCH = date(2005, 2, 1), date(2005, 3, 1)


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "marts_bars", CONTENT) as made:
        yield made


def test_weeks(store: Store) -> None:
    assert ask(store, BAR.format("week"), "weekly_bars") == [
        # As traded 86 91 84 90 and 1,000 shares; all of it before the 2:1 split.
        ("AAPL", MON, TUE, FRI, 4, 43.0, 45.5, 42.0, 45.0, 2000.0, 90.0, "split"),
        ("AAPL", NEXT, NEXT, MARCH, 2, 45.0, 47.0, 43.0, 44.0, 1500.0, 44.0, "split"),
        # A week of seven days: Saturday and Sunday belong to the Monday before.
        ("COIN", MON, SAT, SUN, 2, 1.0, 4.0, 1.0, 3.0, 0.75, 3.0, "split"),
        # Tuesday 10 12 10 11 on 100 shares counts as 5 6 5 5.5 on 200.
        ("MID", MON, TUE, WED, 2, 5.0, 6.0, 4.0, 5.0, 500.0, 5.0, "split"),
        ("MIX", MON, TUE, WED, 2, 10.0, 12.0, 4.0, 5.0, None, 5.0, "mixed"),
    ]


def test_months(store: Store) -> None:
    assert ask(store, BAR.format("month"), "monthly_bars") == [
        # 1,000 shares before the split count twice: 2,000 + 1,000.
        ("AAPL", FEBRUARY, TUE, NEXT, 5, 43.0, 46.0, 42.0, 45.5, 3000.0, 45.5, "split"),
        ("AAPL", THIS_MARCH, MARCH, MARCH, 1, 45.0, 47.0, 43.0, 44.0, 500.0, 44.0, "split"),
        ("COIN", FEBRUARY, SAT, SUN, 2, 1.0, 4.0, 1.0, 3.0, 0.75, 3.0, "split"),
        ("MID", FEBRUARY, TUE, WED, 2, 5.0, 6.0, 4.0, 5.0, 500.0, 5.0, "split"),
        ("MIX", FEBRUARY, TUE, WED, 2, 10.0, 12.0, 4.0, 5.0, None, 5.0, "mixed"),
    ]


def test_daily_vwap(store: Store) -> None:
    columns = "session, origin, source, vwap, volume, observations, estimated, selected"
    assert ask(store, columns, "daily_vwap") == [
        # (45 * 100 + (48 + 45 + 48) / 3 * 300) / 400; the trades are finer: (440 + 1,380) / 40.
        (NEXT, "1h", "good", 46.5, 400.0, 2, True, False),
        (NEXT, "trades", "ticks", 45.5, 40.0, 2, False, True),
        # A bar without volume does not count, a day without any has no row.
        (MARCH, "15m", "good", 43.0, 100.0, 1, False, True),
        (MARCH, "1h", "good", 44.0, 100.0, 1, False, False),
    ]


def test_source_health(store: Store) -> None:
    columns = (
        "source, title, calendar, first_session, last_session, sessions, held_sessions, rows_raw, "
        "rows_rejected, rows_rejected_at_load, payloads, last_fetched_at, last_success_at"
    )
    assert ask(store, columns, "source_health") == [
        ("good", "Good", "XNYS", TUE, WED, 2, 1, 9, 4, 2, 2, LATER, NOW),
        ("ticks", "x", "x", None, None, 0, 0, 0, 0, 0, 0, None, None),
    ]


def test_a_correction_is_seen_once_published(store: Store) -> None:
    """Also where a continuous aggregate had taken up the day before."""
    own = Slice({"instrument_id": 4}, SAT, SAT)
    # Wrong, and put right again: the other tests read the same rows.
    for high in (9.0, 3.0):
        corrected = rows(tables.VALIDATED, day(SAT, 1, high, 1, 2, 0.5, instrument_id=4))[1]
        with store.transaction(Stamp("late", LATER)) as writer:
            assert writer.write(tables.VALIDATED, corrected, own).updated == 1
        store.publish()
        found = store.query("SELECT high FROM marts.weekly_bars WHERE symbol = 'COIN'")
        assert found.rows() == [(max(high, 4.0),)]
