"""What TimescaleDB adds, where the test server has it; without it, that nothing claims to be on."""

import re
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.storage import migrations
from fundplatform.storage.base import WHOLE, Counts, Slice
from fundplatform.storage.timescale import _LEDGER as LEDGER
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import SECOND, bars, put
from fundplatform_tests.storage.postgres import Server, served
from fundplatform_tests.storage.test_timescale_schema import login

OLD = date(2010, 1, 1)
DAYS = [OLD + timedelta(n) for n in range(800)]
HISTORY = Slice({"source_id": 1}, DAYS[0], DAYS[-1])


@pytest.fixture
def store(warehouse_url: str) -> TimescaleStore:
    return TimescaleStore(warehouse_url)


@pytest.fixture
def database(warehouse_url: str) -> str:
    return warehouse_url.rsplit("/", 1)[1]


@pytest.fixture
def timescale(store: TimescaleStore) -> TimescaleStore:
    if "TimescaleDB" not in store.describe():
        pytest.skip("this PostgreSQL has no TimescaleDB to preload")
    return store


def history(close: float) -> pl.DataFrame:
    return bars(*((n, day, close) for n in range(200) for day in DAYS))


def test_describe_says_what_is_there(
    store: TimescaleStore, postgres: Server, database: str
) -> None:
    extension = postgres.sql(
        database, "SELECT extversion FROM pg_extension WHERE extname ~ 'timescale'"
    )
    said = store.describe()
    assert said.startswith(f"{store.name}: PostgreSQL 1")
    if extension:
        assert (
            f"TimescaleDB {extension[0][0]} (TSL): hypertables, columnstore, continuous aggregates"
            in said
        )
        assert said.endswith(", no retention")
    else:
        assert said.endswith(", plain PostgreSQL")


def test_hypertables_with_chunks_of_a_year(
    timescale: TimescaleStore, postgres: Server, database: str
) -> None:
    found = postgres.sql(
        database,
        "SELECT hypertable_schema || '.' || hypertable_name, time_interval::text "
        "FROM timescaledb_information.dimensions WHERE hypertable_schema !~ '^_'",
    )
    assert dict(found) == {
        "funds.metrics": "365 days",
        "prices.validated": "365 days",
        "raw.ohlcv": "365 days",
        "raw.trades": "30 days",
    }
    put(timescale, tables.OHLCV, history(1.0), HISTORY)
    chunks = postgres.sql(
        database,
        "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'ohlcv'",
    )
    assert chunks in ([(3,)], [(4,)])
    jobs = postgres.sql(
        database,
        "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_schema IS NOT NULL",
    )
    assert jobs == [(2,)]
    assert timescale.migrate() == []


def test_chunks_get_shorter_with_the_first_intraday_bar(
    timescale: TimescaleStore, postgres: Server, database: str
) -> None:
    """Of that table alone, by the login of a run, in one transaction with the bars."""
    runner = TimescaleStore(login(postgres, database, "fundplatform_writer"))
    hourly = bars((1, OLD, 1.0), (1, DAYS[40], 1.0), (1, DAYS[80], 1.0))
    put(runner, tables.OHLCV, hourly.with_columns(interval=pl.lit("1h")), HISTORY)
    found = postgres.sql(
        database,
        "SELECT hypertable_schema || '.' || hypertable_name, time_interval::text "
        "FROM timescaledb_information.dimensions WHERE hypertable_schema !~ '^_'",
    )
    assert dict(found)["raw.ohlcv"] == "30 days"
    assert dict(found)["prices.validated"] == "365 days"
    chunks = postgres.sql(
        database,
        "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'ohlcv'",
    )
    assert chunks == [(3,)]
    # A later `init` leaves it so.
    timescale.migrate()
    again = "SELECT ops.narrow_chunks('raw.ohlcv')"
    assert postgres.sql(database, again) == [(False,)]


def test_without_the_extension_nothing_is_narrowed(
    store: TimescaleStore, postgres: Server, database: str
) -> None:
    if "TimescaleDB" in store.describe():
        pytest.skip("this PostgreSQL has TimescaleDB")
    assert postgres.sql(database, "SELECT ops.narrow_chunks('raw.ohlcv')") == [(False,)]
    put(store, tables.OHLCV, bars((1, OLD, 1.0)).with_columns(interval=pl.lit("1h")), HISTORY)


def selected(close: float) -> pl.DataFrame:
    """prices.validated of one instrument over all days."""
    frame = bars(*((1, day, close) for day in DAYS)).drop("fetched_at", "payload_hash")
    known = pl.lit(SECOND.recorded_at).cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(
        known_at=known, selected=pl.lit(True), warnings=pl.lit(None, pl.String)
    )


def test_runs_refresh_the_aggregates_when_they_publish(
    timescale: TimescaleStore, postgres: Server, database: str
) -> None:
    """By the login of a run, which owns nothing else."""
    runner = TimescaleStore(login(postgres, database, "fundplatform_writer"))
    listed = pl.DataFrame(
        {"instrument_id": [1], "asset_class": "equity", "market": "US", "symbol": "A",
         "quote": "USD", "name": None, "valid_from": OLD, "valid_to": DAYS[-1]}
    )  # fmt: skip
    put(runner, tables.INSTRUMENTS, listed, WHOLE)
    low = "SELECT max(close) AS c, count(*) AS n FROM marts.weekly_bars WHERE first_session < '{}'"
    whole = Slice({}, DAYS[0], DAYS[-1])
    for close in (1.0, 2.0):
        put(runner, tables.VALIDATED, selected(close), whole)
        runner.publish()
        # 2010-01-01 was a Friday: 2010 touches 53 weeks.
        assert runner.query(low.format("2011-01-01")).rows() == [(close, 53)]
    packed = postgres.sql(
        database,
        "SELECT count(*) FROM timescaledb_information.continuous_aggregates "
        "WHERE view_owner = 'fundplatform_writer' AND NOT materialized_only",
    )
    assert packed == [(4,)]
    held = postgres.sql(database, "SELECT count(*) FROM prices.weekly_bars_aggregate")
    # 800 days from a Friday on: 3 days, 113 whole weeks, 6 days.
    assert held == [(115,)]


def test_retention_is_off_until_a_policy_is_added(
    timescale: TimescaleStore, postgres: Server, database: str
) -> None:
    """docs/operations.md's statement; its job is run at once here."""
    text = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text("utf-8")
    statement = re.search(r"SELECT add_retention_policy\('raw\.ohlcv', INTERVAL '[^']*'\)", text)
    assert statement
    put(timescale, tables.OHLCV, history(1.0), HISTORY)
    ((today,),) = postgres.sql(database, "SELECT current_date")
    assert isinstance(today, date)
    put(timescale, tables.OHLCV, bars((1, today, 2.0)), Slice({"source_id": 1}, today, today))
    postgres.sql(database, statement[0])
    assert timescale.describe().endswith(", retention (raw.ohlcv 20 years)")
    assert timescale.migrate() == []
    assert timescale.count(tables.OHLCV) == len(DAYS) * 200 + 1, "none of it is that old"
    postgres.sql(
        database,
        "SELECT remove_retention_policy('raw.ohlcv')",
        "SELECT add_retention_policy('raw.ohlcv', INTERVAL '5 years')",
    )
    jobs = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_retention'"
    ((job,),) = postgres.sql(database, jobs)
    postgres.sql(database, f"CALL run_job({job})")
    assert timescale.read(tables.OHLCV, columns=["close"])["close"].to_list() == [2.0]


def test_corrections_of_compressed_rows(
    timescale: TimescaleStore, postgres: Server, database: str
) -> None:
    """160,000 rows: more than the server's default lets one statement unpack."""
    put(timescale, tables.OHLCV, history(1.0), HISTORY)
    packed = postgres.sql(
        database, "SELECT count(compress_chunk(c)) FROM show_chunks('raw.ohlcv') c"
    )
    assert packed in ([(3,)], [(4,)])
    rows = len(DAYS) * 200
    assert put(timescale, tables.OHLCV, history(1.0), HISTORY, SECOND) == Counts(unchanged=rows)
    assert put(timescale, tables.OHLCV, history(2.0), HISTORY, SECOND) == Counts(updated=rows)
    assert timescale.count(tables.OHLCV) == rows
    assert timescale.read(tables.OHLCV, columns=["close"])["close"].unique().to_list() == [2.0]
    assert timescale.count(tables.revisions_of(tables.OHLCV)) == rows


def test_rows_move_along_when_the_extension_comes_later(
    timescale: TimescaleStore, postgres: Server
) -> None:
    """Made and loaded as plain PostgreSQL; the next `init` finds the extension."""
    first, *rest = migrations.migrations(migrations.sql_folder("postgres"))
    with postgres.database("later", "template0") as url:
        store = TimescaleStore(url)
        postgres.sql("later", *(m.sql for m in (first, *rest)), LEDGER)
        for migration in (first, *rest):
            values = f"('{migration.name}', '{migration.sha256}', now())"
            postgres.sql("later", f"INSERT INTO ops.migrations VALUES {values}")
        assert store.describe().endswith("plain PostgreSQL")
        put(store, tables.OHLCV, history(1.0), HISTORY)
        assert store.migrate() == []
        assert "hypertables" in store.describe()
        assert store.count(tables.OHLCV) == len(DAYS) * 200
        assert put(store, tables.OHLCV, history(1.0), HISTORY).unchanged == len(DAYS) * 200


def test_with_the_apache_licence(timescale: TimescaleStore) -> None:
    """Hypertables, no columnstore, plain views for the sums: all that the licence leaves."""
    with served() as server:
        with (server.folder / "data/postgresql.conf").open("a") as config:
            config.write("timescaledb.license = 'apache'\n")
        server.stop("fast")
        server.start()
        server.sql("postgres", "CREATE DATABASE apache TEMPLATE template0")
        store = TimescaleStore(server.url("apache"))
        assert store.migrate()
        assert store.describe().endswith("(Apache): hypertables")
        rows = len(DAYS) * 200
        for close, counts in (
            (1.0, Counts(inserted=rows)),
            (1.0, Counts(unchanged=rows)),
            (2.0, Counts(updated=rows)),
        ):
            assert put(store, tables.OHLCV, history(close), HISTORY) == counts
        put(store, tables.VALIDATED, selected(1.0), Slice({}, DAYS[0], DAYS[-1]))
        store.publish()
        assert store.query("SELECT count(*) AS n FROM prices.weekly_bars").item() == 115
        assert store.migrate() == []
