"""The marts' example queries on 10M price rows: the median of what a BI tool waits for.

The rows are made by the server itself: raw and validated bars of 4,000 symbols on 2,500 days, one
split each for a tenth of them, metrics of 30 month ends, an index of 100 names. Where TimescaleDB
has a columnstore, all queries are asked again once its older chunks are there, as after a year.
"""

import re
from statistics import median

import psycopg

from bench import pg_server
from bench.pg_server import Spent, spent
from bench.result import Line, at_most
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.postgres import Server

_BOUND_MS = 100
_TIMES = 5
_DAY = "DATE '2015-01-01' + d"
_STAMP = "now(), 'bench'"
FILL = (
    f"INSERT INTO catalog.sources SELECT 1, 'bench', 'b', 'equity', 'XNYS', {_DAY}, NULL, 1, "
    f"{_STAMP} FROM generate_series(0, 0) d",
    "INSERT INTO catalog.instruments SELECT n, 'equity', 'US', 'S' || n, 'USD', NULL, "
    f"DATE '2015-01-01', DATE '2021-11-05', {_STAMP} FROM generate_series(1, {{symbols}}) n",
    "INSERT INTO prices.validated SELECT 1, n, '1d', 'USD', "
    f"({_DAY})::timestamp AT TIME ZONE 'UTC', {_DAY}, 10 + n % 90, 11 + n % 90, 9 + n % 90, "
    "10 + n % 90, 1000 + n, NULL, NULL, 'none', now(), true, NULL, "
    f"{_STAMP} FROM generate_series(0, {{days}} - 1) d, generate_series(1, {{symbols}}) n",
    'INSERT INTO raw.ohlcv SELECT source_id, instrument_id, "interval", quote, bar_open_at, '
    "session, open, high, low, close, volume, vwap, trade_count, adjustment, recorded_from, "
    "'ab', recorded_from, run_id FROM prices.validated",
    "INSERT INTO catalog.adjustment_factors SELECT n, s.a, s.b, s.f, now(), 'bench' "
    "FROM generate_series(1, {symbols}, 10) n, (VALUES (DATE '2010-01-01', DATE '2018-01-02', 0.5),"
    " (DATE '2018-01-03', DATE '9999-12-31', 1.0)) s (a, b, f)",
    f"INSERT INTO funds.metrics SELECT n, {_DAY}, f, 'price', NULL, 20, 0.1, NULL, 0.2, 1, 1, -0.1,"
    f" 0, NULL, {_STAMP} FROM generate_series(1, {{symbols}}) n, generate_series(0, 870, 30) d, "
    "unnest('{{1M,3M,6M,YTD,1Y,3Y,5Y,10Y,ALL}}'::text[]) f",
    f"INSERT INTO indices.compositions SELECT 'top', {_DAY}, n, n, 1e9, 0.01, {_STAMP} "
    "FROM generate_series(0, {days} - 1) d, generate_series(1, 100) n",
    f"INSERT INTO indices.composition_changes SELECT 'top', {_DAY}, 1 + d % 100, 'added', 1, 2, 0,"
    f" 0.01, 'rank', {_STAMP} FROM generate_series(0, {{days}} - 1) d",
    f"INSERT INTO indices.levels SELECT 'top', {_DAY}, 'price', 100 + d, 0, {_STAMP} "
    "FROM generate_series(0, {days} - 1) d",
    f"INSERT INTO indices.performance SELECT 'top', {_DAY}, 'price', 'ok', 0.01, 100, 100, 0, "
    f"false, NULL, {_STAMP} FROM generate_series(0, {{days}} - 1) d",
    f"INSERT INTO catalog.tiers SELECT n, {_DAY}, 'T' || 1 + (n + d / 300) % 2, 'rule', 'r', 1, 1, "
    f"{_STAMP} FROM generate_series(1, {{symbols}}) n, generate_series(0, 2400, 30) d",
    f"INSERT INTO prices.rejected SELECT 1, 1 + d % {{symbols}}, '1d', 'USD', "
    f"({_DAY})::timestamp AT TIME ZONE 'UTC', {_DAY}, 10, 9, 11, 10, 1000, NULL, NULL, 'none', "
    f"'V04', 'high < low', 1, {_STAMP} FROM generate_series(0, {{days}} - 1) d",
    "INSERT INTO catalog.corporate_actions SELECT n, 'dividend', DATE '2015-02-02' + d, NULL, 0.1, "
    f"'USD', NULL, now(), 1, NULL, {_STAMP} FROM generate_series(1, {{symbols}}, 10) n, "
    "generate_series(0, 2400, 90) d",
    "INSERT INTO catalog.total_return_factors SELECT n, DATE '2015-02-02' + d, "
    f"DATE '2015-02-02' + d + 89, 1 + d / 9000.0, 1 + d / 9000.0, {_STAMP} "
    "FROM generate_series(1, {symbols}, 10) n, generate_series(0, 2400, 90) d",
    f"INSERT INTO ops.gates SELECT 1, {_DAY}, {{symbols}}, 0, {{symbols}}, false, NULL, {_STAMP} "
    "FROM generate_series(0, {days} - 1) d",
    f"INSERT INTO ops.data_sync SELECT 'a' || d, 'bench', 'ohlcv', {_DAY}, {_DAY}, NULL, 'ok', "
    f"now(), now(), 1, 4000, 0, 0, 0, 0, 0, NULL, NULL, {_STAMP} "
    "FROM generate_series(0, {days} - 1) d",
    "INSERT INTO ops.source_health SELECT 'bench', 'ACTIVE', 100, 1, 5, 0, now(), now(), NULL, "
    f"NULL, {_STAMP}",
)
# The queries of docs/marts.md with the names of these rows; views without one are measured too.
QUERIES = {
    "sources": "SELECT * FROM marts.sources",
    "latest_prices": "SELECT * FROM marts.latest_prices WHERE symbol = 'S11'",
    "latest_prices, all": "SELECT * FROM marts.latest_prices",
    "adjusted_prices": "SELECT * FROM marts.adjusted_prices WHERE symbol = 'S11' "
    "AND asset_class = 'equity' AND \"interval\" = '1d' AND session >= DATE '2017-12-01' "
    "ORDER BY session",
    "total_return": "SELECT session, total_return_close FROM marts.total_return "
    "WHERE symbol = 'S11' AND asset_class = 'equity' ORDER BY session",
    "corporate_actions": "SELECT * FROM marts.corporate_actions WHERE symbol = 'S11'",
    "weekly_bars": "SELECT * FROM marts.weekly_bars WHERE symbol = 'S11' ORDER BY week",
    "monthly_bars": "SELECT * FROM marts.monthly_bars WHERE symbol = 'S11' ORDER BY month",
    "daily_vwap": "SELECT * FROM marts.daily_vwap WHERE symbol = 'S11' AND selected",
    "index_levels": "SELECT * FROM marts.index_levels WHERE index_name = 'top' "
    "AND return_basis = 'price' ORDER BY session",
    "index_composition": "SELECT * FROM marts.index_composition WHERE index_name = 'top' "
    "AND is_current",
    "index_composition, past": "SELECT * FROM marts.index_composition WHERE index_name = 'top' "
    "AND session = DATE '2018-06-01'",
    "index_changes": "SELECT * FROM marts.index_changes WHERE index_name = 'top' "
    "AND session >= DATE '2018-01-01'",
    "fund_comparison": "SELECT * FROM marts.fund_comparison WHERE frame = '1M' "
    "AND return_basis = 'price' AND asset_class = 'equity' ORDER BY total_return DESC LIMIT 50",
    "tiers": "SELECT * FROM marts.tiers WHERE is_current",
    "coverage": "SELECT * FROM marts.coverage WHERE session BETWEEN DATE '2018-06-01' "
    "AND DATE '2018-06-02'",
    "data_quality": "SELECT * FROM marts.data_quality",
    "quarantine": "SELECT * FROM marts.quarantine WHERE session >= DATE '2021-01-01'",
    "source_health": "SELECT source, last_session, rows_raw FROM marts.source_health",
    "data_sync": "SELECT * FROM marts.data_sync WHERE source = 'bench' AND status <> 'ok'",
    "source_state": "SELECT source, state FROM marts.source_state",
}


def run(*, quick: bool) -> list[Line]:
    """Each mart's example query."""
    with pg_server.server() as running:
        store = pg_server.database(running, "marts")
        sizes = {"symbols": 40 if quick else 4000, "days": 50 if quick else 2500}
        fill(running, store, **sizes)
        said = pg_server.kind(store)
        note = f"{sizes['symbols'] * sizes['days']:,} bars, {said}"
        lines = asked(running, "", note)
        if "columnstore" in said:
            pack(running)
            lines += asked(running, ", columnstore", note)
        return lines


def asked(running: Server, state: str, note: str) -> list[Line]:
    """A line for each query."""
    lines = []
    for name, sql in [*QUERIES.items(), *unnamed(running)]:
        seconds = took(running, sql)
        wall, cpu = (1000 * median(column) for column in zip(*seconds, strict=True))
        about = f"median of {_TIMES}, CPU {cpu:.0f}, {note}"
        lines.append(at_most("pg_marts", f"{name}{state}, ms", wall, _BOUND_MS, about))
    return lines


def unnamed(running: Server) -> list[tuple[str, str]]:
    """The views that no query here names, each as its first thousand rows."""
    asked = {name for sql in QUERIES.values() for name in re.findall(r"FROM marts\.(\w+)", sql)}
    views = running.sql("marts", "SELECT viewname FROM pg_views WHERE schemaname = 'marts'")
    left = sorted({str(name) for (name,) in views} - asked)
    return [(f"{name}, 1000 rows", f"SELECT * FROM marts.{name} LIMIT 1000") for name in left]


def fill(running: Server, store: TimescaleStore, symbols: int, days: int) -> None:
    """Make the rows, their statistics, and what publishing refreshes."""
    for statement in FILL:
        running.sql("marts", statement.format(symbols=symbols, days=days))
    store.publish()
    running.sql("marts", "VACUUM ANALYZE")


def pack(running: Server) -> None:
    """What the columnstore's policy has done by the day of the last session."""
    for table in ("raw.ohlcv", "prices.validated"):
        ((last,),) = running.sql("marts", f"SELECT max(session) - 365 FROM {table}")
        running.sql(
            "marts",
            f"SELECT compress_chunk(c) FROM show_chunks('{table}', older_than => DATE '{last}') c",
        )
    running.sql("marts", "VACUUM ANALYZE")


def took(running: Server, sql: str) -> list[Spent]:
    """What running the query and fetching all of its rows takes, the first time left out."""
    with psycopg.connect(running.url("marts")) as connection:

        def rows() -> list[tuple[object, ...]]:
            return connection.execute(sql.encode()).fetchall()

        return [spent(running, rows)[0] for _ in range(_TIMES + 1)][1:]
