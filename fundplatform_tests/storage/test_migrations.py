"""Migrations: file == declaration, applied once, refused where history was rewritten."""

import hashlib
import tomllib
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage import ddl, migrations
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.duckdb_open import opened

ROOT = Path(__file__).resolve().parents[2]


def described(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str, str, bool]]]:
    """What stands in the database: table -> (column, type, nullable) in order."""
    rows = connection.sql(
        "SELECT table_schema || '.' || table_name, column_name, data_type, is_nullable = 'YES' "
        "FROM information_schema.columns JOIN information_schema.tables "
        "USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' "
        "ORDER BY 1, ordinal_position"
    ).fetchall()
    found: dict[str, list[tuple[str, str, bool]]] = {}
    for table, *column in rows:
        found.setdefault(table, []).append(tuple(column))
    return found


def declared() -> dict[str, list[tuple[str, str, bool]]]:
    return {
        t.full_name: [(c.name, ddl.DUCKDB_TYPES[c.type], c.nullable) for c in t.columns]
        for t in ddl.all_tables()
    }


def table_migrations() -> str:
    names = (ddl.FIRST, *ddl.ADDED)
    return "".join((ROOT / f"sql/duckdb/{name}.sql").read_text() for name in names)


def test_tables_of_the_migrations_equal_the_declaration() -> None:
    connection = duckdb.connect()
    connection.execute(table_migrations())
    assert described(connection) == declared()
    connection.execute(table_migrations())
    assert described(connection) == declared(), "re-runnable"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE raw.ohlcv DROP COLUMN vwap",
        "ALTER TABLE raw.ohlcv ALTER volume TYPE BIGINT",
        "ALTER TABLE raw.ohlcv ALTER quote DROP NOT NULL",
        "DROP TABLE raw.ohlcv_revisions",
    ],
)
def test_the_comparison_sees_a_difference(change: str) -> None:
    connection = duckdb.connect()
    connection.execute(table_migrations())
    connection.execute(change)
    assert described(connection) != declared()


@pytest.mark.parametrize("name", [ddl.FIRST, *ddl.ADDED])
def test_file_is_the_generated_text(name: str) -> None:
    assert (ROOT / f"sql/duckdb/{name}.sql").read_text() == ddl.ddl("duckdb", name), (
        f"run: python -m fundplatform.storage.ddl duckdb {name} > sql/duckdb/{name}.sql"
    )


def test_a_table_is_created_by_one_migration() -> None:
    created = [t.full_name for name in (ddl.FIRST, *ddl.ADDED) for t in ddl.tables_of(name)]
    assert sorted(created) == sorted(t.full_name for t in tables.TABLES)


@pytest.mark.parametrize("dialect", list(ddl.DIALECTS))
def test_a_text_that_changed_is_set_by_a_later_migration(dialect: str) -> None:
    every = [*tables.TABLES, *map(tables.revisions_of, (t for t in tables.TABLES if t.revisions))]
    now = {(t.full_name, c.name): c.doc for t in every for c in t.columns}
    files = sorted((ROOT / f"sql/{dialect}").glob("*.sql"))
    texts = " ".join(" ".join(f.read_text().split()) for f in files)
    for (table, column), then in ddl.TEXTS_THEN.items():
        assert now[table, column] != then
        wanted = f'COMMENT ON COLUMN {table}."{column}" IS {ddl.quoted(now[table, column])};'
        assert wanted in texts, f"write it into a new migration of {dialect}"


def test_what_only_statements_name_leaves_the_listings(tmp_path: Path) -> None:
    """A home of before 0093: `facts` never loaded a price, `both` did."""
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    store.migrate()
    day, now = "DATE '2016-05-01'", "TIMESTAMPTZ '2024-01-01 00:00:00+00'"
    with opened(store.path) as connection:
        for number, name, table in (
            (1, "facts", "raw.fund_facts"), (2, "both", "raw.holdings"), (2, "both", "raw.ohlcv"),
        ):  # fmt: skip
            connection.execute(
                "INSERT INTO ops.loads (load_id, asset, table_name, rows_in, rows_inserted, "
                "rows_updated, rows_unchanged, rows_removed, rows_rejected, recorded_from, run_id) "
                f"VALUES ('{table}', 'raw/{name}/x', '{table}', 1, 1, 0, 0, 0, 0, {now}, 'r')"
            )
            connection.execute(
                "INSERT INTO catalog.sources BY NAME SELECT "
                f"{number}::SMALLINT AS source_id, '{name}' AS name, '' AS title, "
                f"'etf' AS asset_class, 'XNYS' AS calendar, {day} AS coverage_start, "
                f"100 AS priority, {now} AS recorded_from, 'r' AS run_id "
                f"WHERE NOT EXISTS (SELECT 1 FROM catalog.sources WHERE source_id = {number})"
            )
        for number in (1, 2):
            connection.execute(
                f"INSERT INTO catalog.listings VALUES ({number}, 'SPY', {day}, {day}, {number}, "
                f"{now}, 'r')"
            )
        for _ in range(2):
            connection.execute((ROOT / "sql/duckdb/0093_stated.sql").read_text())
        for table, source in (("statements", 1), ("listings", 2)):
            rows = connection.sql(f"SELECT source_id, instrument_id FROM catalog.{table}")
            assert rows.fetchall() == [(source, source)]


def test_ledgers_stand_beside_their_tables() -> None:
    ledgers = {n.removesuffix("_revisions") for n in declared() if n.endswith("_revisions")}
    assert ledgers == {t.full_name for t in tables.TABLES if t.revisions}
    assert "raw.ohlcv" in ledgers


def test_dictionary_is_in_the_database(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    store.migrate()
    with opened(store.path) as connection:
        empty = connection.sql(
            "SELECT count(*) FROM duckdb_columns() WHERE comment IS NULL AND NOT internal "
            "AND schema_name IN ('raw', 'catalog', 'prices', 'indices', 'funds', 'ops') "
            "AND table_name <> 'migrations'"
        ).fetchall()
        assert empty == [(0,)]


def test_migrations_are_recorded_with_their_checksum(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "new" / "w.duckdb", tmp_path / "published")
    assert store.migrate() == sorted(p.stem for p in (ROOT / "sql/duckdb").glob("*.sql"))
    assert store.migrate() == []
    with opened(store.path) as connection:
        ledger = dict(connection.sql("SELECT name, sha256 FROM ops.migrations").fetchall())
    body = (ROOT / "sql/duckdb/0002_marts.sql").read_bytes()
    assert ledger["0002_marts"] == hashlib.sha256(body).hexdigest()


def test_changed_migration_is_refused(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    store.migrate()
    with opened(store.path) as connection:
        connection.execute("UPDATE ops.migrations SET sha256 = 'x' WHERE name = '0001_tables'")
    with pytest.raises(WarehouseError, match="0001_tables was changed after it was applied"):
        store.migrate()


def test_warehouse_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    store.migrate()
    with opened(store.path) as connection:
        connection.execute("INSERT INTO ops.migrations VALUES ('9999_future', 'x', now())")
    with pytest.raises(WarehouseError, match="9999_future, unknown to this version"):
        store.migrate()


def test_broken_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    every = migrations.migrations(migrations.sql_folder("duckdb"))
    broken = [*every, replace(every[0], name="9000_broken", sql="CREATE TABEL oops ()")]
    monkeypatch.setattr(migrations, "migrations", lambda _: broken)
    store = DuckDBStore(tmp_path / "w.duckdb", tmp_path / "published")
    with pytest.raises(WarehouseError, match="syntax error"):
        store.migrate()
    with opened(store.path) as connection:
        assert described(connection) == {}


def test_names_are_numbered_in_order(tmp_path: Path) -> None:
    for name in ("0010_b.sql", "0002_a.sql", "README.md"):
        (tmp_path / name).write_text("SELECT 1")
    assert [m.name for m in migrations.migrations(tmp_path)] == ["0002_a", "0010_b"]


def test_missing_folder_is_named() -> None:
    with pytest.raises(WarehouseError, match="folder sql/ is missing"):
        migrations.sql_folder("oracle")


def test_wheel_carries_the_migrations() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = config["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["sql"] == "fundplatform/sql"
