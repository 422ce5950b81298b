"""The newest of everything for BI: bars, tiers, metrics; also withdrawn, and in the columnstore.

Rows are worked by hand and asked of both databases. PostgreSQL looks the newest row up by steps of
an index, DuckDB aggregates; what could make the two differ stands here.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.contract_terms import ANY, ONE_OF
from fundplatform.storage.base import Slice, Stamp, Store
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.marts import DATABASES, NOW, ask, bar, chosen, filled, rows
from fundplatform_tests.storage.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
OLD, MON, TUE, WED = date(2001, 3, 1), date(2005, 2, 28), date(2005, 3, 1), date(2005, 3, 2)
JAN, FEB, MAR, APR = (date(2024, n, 28) for n in range(1, 5))
LATER = datetime(2024, 2, 1, tzinfo=UTC)
FRAMES, BASES = ONE_OF[(ANY, "frame")], ONE_OF[(ANY, "return_basis")]


def tier(instrument_id: int, session: date, name: str) -> dict[str, object]:
    return {"instrument_id": instrument_id, "session": session, "tier": name}


def measured(session: date, frame: str, basis: str, **more: object) -> dict[str, object]:
    own = {"session": session, "frame": frame, "return_basis": basis, "n_returns": session.day}
    return {**own, **more}


def scored(instrument_id: int, session: date, group: str) -> dict[str, object]:
    return {"instrument_id": instrument_id, "session": session, "frame": "1Y",
            "return_basis": "price", "peer_group": group, "score": 50}  # fmt: skip


CONTENT = (
    rows(tables.SOURCES, {"name": "good"}, {"source_id": 2, "name": "spare"}),
    rows(
        tables.INSTRUMENTS,
        {"symbol": "AAPL", "quote": "USD"}, {"instrument_id": 2, "symbol": "GONE", "quote": "USD"},
        {"instrument_id": 3, "symbol": "ODD", "quote": "USD"},
        {"instrument_id": 4, "symbol": "NONE", "quote": "USD"},
        {"instrument_id": 5, "symbol": "SOON", "quote": "USD"},
    ),
    # ODD splits after the newest of its bars in dollars, before the newest of those in euro.
    rows(
        tables.ADJUSTMENT_FACTORS,
        {"instrument_id": 3, "from_session": OLD, "to_session": MON, "split_factor": 0.5},
        {"instrument_id": 3, "from_session": TUE, "to_session": WED, "split_factor": 1.0},
        # SOON splits before its newest bar of an hour, after its newest daily one, and again later.
        {"instrument_id": 5, "from_session": OLD, "to_session": MON, "split_factor": 0.25},
        {"instrument_id": 5, "from_session": TUE, "to_session": TUE, "split_factor": 0.5},
        {"instrument_id": 5, "from_session": WED, "to_session": WED, "split_factor": 1.0},
    ),
    rows(
        tables.VALIDATED,
        chosen(OLD, 1.0), chosen(MON, 2.0), chosen(TUE, 3.0), chosen(WED, 9.0, interval="1h"),
        chosen(WED, 9.0, source_id=2, selected=False), chosen(OLD, 4.0, instrument_id=2),
        chosen(MON, 5.0, instrument_id=3), chosen(TUE, 6.0, instrument_id=3, quote="EUR"),
        chosen(MON, 8.0, instrument_id=5), chosen(TUE, 4.0, instrument_id=5, interval="1h"),
        chosen(WED, 2.0, instrument_id=5, interval="1h", source_id=2, selected=False),
    ),
    rows(tables.OHLCV, bar(OLD, -1.0, payload_hash="ab", fetched_at=LATER)),
    rows(tables.REJECTED, bar(OLD, -1.0, rules="V02"), bar(MON, -2.0, rules="V02")),
    rows(
        tables.TIERS,
        tier(1, JAN, "T1"), tier(1, FEB, "T2"), tier(1, MAR, "T1"), tier(1, APR, "T1"),
        tier(2, JAN, "T3"), tier(2, FEB, "T3"), tier(3, APR, "T4"),
    ),
    rows(
        tables.METRICS,
        *(measured(day, f, b) for day in (OLD, TUE) for f in FRAMES for b in BASES),
        measured(OLD, "3Y", "price", instrument_id=2),
        *(measured(day, "2W", "price", instrument_id=2) for day in (OLD, MON)),
        measured(MON, "1Y", "odd", instrument_id=2),
    ),
    # A holiday of the 2nd, on which London trades; a group that has long ended.
    rows(
        tables.SCORES,
        *(scored(n, TUE, "ours") for n in (1, 2, 3)), scored(3, WED, "ours"),
        scored(4, TUE, "London"), scored(4, WED, "London"), scored(5, OLD, "ended"),
    ),
)  # fmt: skip
LATEST = [
    ("AAPL", "USD", TUE, 3.0, "good"),
    ("GONE", "USD", OLD, 4.0, "good"),
    ("ODD", "EUR", TUE, 6.0, "good"),
    ("ODD", "USD", MON, 5.0, "good"),
    ("SOON", "USD", MON, 8.0, "good"),
]
ADJUSTED = [
    ("ODD", MON, 2.5, 0.5), ("ODD", TUE, 6.0, 1.0), ("SOON", MON, 4.0, 0.5), ("SOON", TUE, 4.0, 1.0)
]  # fmt: skip
REFUSED = [(OLD, "ab", LATER), (MON, None, NOW)]


def latest(store: Store) -> Sequence[object]:
    return ask(store, "symbol, quote, session, close, source", "latest_prices")


def adjusted(store: Store) -> Sequence[object]:
    view = "adjusted_prices WHERE symbol IN ('ODD', 'SOON')"
    return ask(store, "symbol, session, close, split_factor", view)


def test_the_latest_ranking_of_a_group_is_of_a_day_on_which_it_is_there(store: Store) -> None:
    found = ask(store, "peer_group, session, symbol", "fund_ranking WHERE is_latest")
    assert found == [
        ("London", WED, "NONE"),
        ("ours", TUE, "AAPL"), ("ours", TUE, "GONE"), ("ours", TUE, "ODD"),
    ]  # fmt: skip


def refused(store: Store) -> Sequence[object]:
    return ask(store, "session, payload_hash, last_seen", "quarantine")


def put(store: Store, part: Slice, frame: pl.DataFrame) -> None:
    with store.transaction(Stamp("late", LATER)) as writer:
        writer.write(tables.VALIDATED, frame, part)
    store.publish()


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """The same rows in both databases; the views must give the same."""
    with filled(request, tmp_path_factory, "newest", CONTENT) as made:
        yield made


def test_latest_prices_of_each_quote_whenever_it_was(store: Store) -> None:
    assert latest(store) == LATEST
    assert ask(store, "session, close", "latest_prices WHERE symbol = 'ODD' AND quote = 'EUR'") == [
        (TUE, 6.0)
    ]


def test_prices_adjust_as_of_the_newest_bar_in_any_quote(store: Store) -> None:
    """ODD as of the Tuesday's in euro, SOON as of that day's hour.

    As of the newest daily one in dollars their Mondays would be 5.0 and 8.0.
    """
    assert adjusted(store) == ADJUSTED


def test_the_quarantine_finds_the_payload_where_there_is_one(store: Store) -> None:
    assert refused(store) == REFUSED


def test_latest_prices_go_back_where_the_newest_are_withdrawn(store: Store) -> None:
    """And come again; a bar that arrives late for an old day moves nothing."""
    part = Slice({"instrument_id": 3}, TUE, TUE)
    _, newest = rows(tables.VALIDATED, chosen(TUE, 6.0, instrument_id=3, quote="EUR"))
    _, late = rows(tables.VALIDATED, chosen(OLD, 7.0, instrument_id=3, quote="EUR"))
    put(store, part, newest.clear())
    assert latest(store) == [row for row in LATEST if row[1] != "EUR"]
    put(store, Slice({"instrument_id": 3}, OLD, OLD), late)
    assert latest(store) == [
        ("ODD", "EUR", OLD, 7.0, "good") if row[1] == "EUR" else row for row in LATEST
    ]
    put(store, part, newest)
    assert latest(store) == LATEST
    put(store, Slice({"instrument_id": 3}, OLD, OLD), late.clear())
    assert latest(store) == LATEST


def test_current_tiers_begin_where_they_last_changed(store: Store) -> None:
    columns = "symbol, tier, valid_from, valid_to, is_current"
    current = [
        ("AAPL", "T1", date(2024, 3, 29), None, True),
        ("GONE", "T3", date(2024, 1, 29), None, True),
        ("ODD", "T4", date(2024, 4, 29), None, True),
    ]
    before = [
        ("AAPL", "T1", date(2024, 1, 29), FEB, False),
        ("AAPL", "T2", date(2024, 2, 29), MAR, False),
    ]
    assert ask(store, columns, "tiers WHERE is_current") == current
    assert ask(store, columns, "tiers WHERE NOT is_current") == before
    assert ask(store, columns, "tiers", "symbol, valid_from") == [*before, *current]


def test_fund_comparison_takes_the_latest_of_listed_frames_and_of_others(store: Store) -> None:
    found = ask(store, "symbol, frame, return_basis, session, n_returns", "fund_comparison")
    wanted = [("AAPL", f, b, TUE, 1) for f in FRAMES for b in BASES]
    others = [("GONE", "1Y", "odd", MON, 28), ("GONE", "2W", "price", MON, 28)]
    assert found == sorted([*wanted, *others, ("GONE", "3Y", "price", OLD, 1)])
    assert ask(store, "n_returns", "fund_comparison WHERE frame = '2W'") == [(28,)]


def test_the_view_steps_to_every_frame_and_basis_of_the_contract() -> None:
    """One that it lacks is still shown, but found by reading its history."""
    text = (ROOT / "sql/postgres/0095_current_rows.sql").read_text("utf-8")
    lists = re.findall(r"(?:VALUES|NOT IN) ?\(?([^;]*?)\)\s*(?:AS|OR|;|ORDER)", text)
    named = [tuple(re.findall(r"'(\w+)'", part)) for part in lists]
    assert named == [FRAMES, BASES] * 3


def test_rows_that_are_copied_in_are_known_by_their_quotes_too(warehouse_url: str) -> None:
    """As `copy-warehouse` does it: with the stamps that they had."""
    target = TimescaleStore(warehouse_url)
    with target.transaction(Stamp("r", NOW)) as writer:
        for table, frame in CONTENT:
            stamped = frame.with_columns(recorded_from=pl.lit(NOW), run_id=pl.lit("r"))
            writer.restore(table, tables.cast(table, stamped), Slice())
    assert latest(target) == LATEST
    assert adjusted(target) == ADJUSTED


def test_a_warehouse_from_before_the_list_of_quotes_gets_it(
    warehouse_url: str, postgres: Server
) -> None:
    target = TimescaleStore(warehouse_url)
    with target.transaction(Stamp("r", NOW)) as writer:
        for table, frame in CONTENT:
            writer.write(table, frame, Slice())
    postgres.sql(
        warehouse_url.rsplit("/", 1)[1],
        "DELETE FROM ops.quoted",
        "DELETE FROM ops.migrations WHERE name = '0094_newest_bars'",
    )
    assert latest(target) == [row for row in LATEST if row[1] != "EUR"]
    assert target.migrate() == ["0094_newest_bars"]
    assert latest(target) == LATEST


def test_the_same_rows_in_the_columnstore(warehouse_url: str, postgres: Server) -> None:
    target = TimescaleStore(warehouse_url)
    if "columnstore" not in target.describe():
        pytest.skip("this PostgreSQL has no TimescaleDB with a columnstore")
    with target.transaction(Stamp("r", NOW)) as writer:
        for table, frame in CONTENT:
            writer.write(table, frame, Slice())
    packed = [
        f"SELECT compress_chunk(c) FROM show_chunks('{table}') AS c"
        for table in ("prices.validated", "raw.ohlcv")
    ]
    postgres.sql(warehouse_url.rsplit("/", 1)[1], *packed)
    assert (latest(target), adjusted(target), refused(target)) == (LATEST, ADJUSTED, REFUSED)
