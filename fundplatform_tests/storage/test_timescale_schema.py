"""The PostgreSQL schema: equal to the declaration, migrated once, roles that may what they may."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from fundplatform import tables
from fundplatform.errors import WarehouseError
from fundplatform.storage import ddl, migrations
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.frames import FIRST, KEPT, SPEC, THREE, closes, put
from fundplatform_tests.storage.postgres import OWN_TABLES, PASSWORD, Server

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(p.stem for p in (ROOT / "sql/postgres").glob("*.sql"))
_DESCRIBED = """
SELECT c.table_schema || '.' || c.table_name, c.column_name, c.data_type, c.is_nullable = 'YES',
       c.collation_name
FROM information_schema.columns AS c JOIN information_schema.tables AS t
  USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE'
  AND c.table_schema IN ('raw', 'catalog', 'prices', 'indices', 'funds', 'ops')
ORDER BY 1, c.ordinal_position
"""
_KEYS = """
SELECT i.indrelid::regclass::text, string_agg(a.attname, ' ' ORDER BY k.n)
FROM pg_index AS i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indisprimary AND n.nspname = ANY ('{raw,catalog,prices,indices,funds,ops}')
GROUP BY 1
"""
Described = dict[str, list[tuple[object, ...]]]


def described(server: Server, database: str) -> Described:
    found: Described = {}
    for table, *column in server.sql(database, _DESCRIBED):
        found.setdefault(str(table), []).append(tuple(column))
    return {name: columns for name, columns in found.items() if name not in OWN_TABLES}


def declared() -> Described:
    def kind(column: tables.Column) -> tuple[str, str | None]:
        name, _, collation = ddl.POSTGRES_TYPES[column.type].partition(" COLLATE ")
        return name.lower(), collation.strip('"') or None

    return {
        t.full_name: [(c.name, kind(c)[0], c.nullable, kind(c)[1]) for c in t.columns]
        for t in ddl.all_tables()
    }


@pytest.fixture
def database(warehouse_url: str) -> str:
    return warehouse_url.rsplit("/", 1)[1]


@pytest.mark.parametrize("name", [ddl.FIRST, *ddl.ADDED])
def test_file_is_the_generated_text(name: str) -> None:
    assert (ROOT / f"sql/postgres/{name}.sql").read_text() == ddl.ddl("postgres", name), (
        f"run: python -m fundplatform.storage.ddl postgres {name} > sql/postgres/{name}.sql"
    )


def test_tables_equal_the_declaration(postgres: Server, database: str) -> None:
    assert described(postgres, database) == declared()
    postgres.sql(database, "ALTER TABLE raw.ohlcv ALTER volume TYPE bigint")
    assert described(postgres, database) != declared()


def test_primary_keys_are_partition_and_key(postgres: Server, database: str) -> None:
    found = dict(postgres.sql(database, _KEYS))
    assert found["raw.ohlcv"] == "session source_id instrument_id interval quote bar_open_at"
    assert found["indices.levels"] == "session index_name return_basis"
    assert found["catalog.sources"] == "source_id"
    assert set(found) - set(OWN_TABLES) == {t.full_name for t in tables.TABLES}, (
        "every table but the ledgers"
    )
    for table in tables.TABLES:
        assert set(str(found[table.full_name]).split()) == {
            n for n in (*table.key, table.partition) if n
        }


def test_every_migration_can_run_again(postgres: Server, database: str) -> None:
    for migration in migrations.migrations(migrations.sql_folder("postgres")):
        postgres.sql(database, migration.sql)
    assert described(postgres, database) == declared()


def test_migrated_once_and_recorded(postgres: Server) -> None:
    with postgres.database("fresh") as url:
        store = TimescaleStore(url)
        assert store.migrate() == NAMES
        assert store.migrate() == []
        recorded = dict(postgres.sql("fresh", "SELECT name, sha256 FROM ops.migrations"))
        every = migrations.migrations(migrations.sql_folder("postgres"))
        assert recorded == {m.name: m.sha256 for m in every}


def test_init_switches_compilation_off_unless_it_was_set_by_hand(postgres: Server) -> None:
    with postgres.database("compiled") as url:
        assert postgres.sql("compiled", "SHOW jit") == [("on",)]
        TimescaleStore(url).migrate()
        assert postgres.sql("compiled", "SHOW jit") == [("off",)]
        postgres.sql("compiled", "ALTER DATABASE compiled RESET jit")
        TimescaleStore(url).migrate()
        assert postgres.sql("compiled", "SHOW jit") == [("off",)], "as after a restored dump"
        postgres.sql("compiled", "ALTER DATABASE compiled SET jit = on")
        TimescaleStore(url).migrate()
        assert postgres.sql("compiled", "SHOW jit") == [("on",)]


def test_a_broken_migration_leaves_nothing(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = migrations.migrations(migrations.sql_folder("postgres"))
    broken = [*every, migrations.Migration("9000_broken", "CREATE TABEL oops ()", "x")]
    monkeypatch.setattr(migrations, "migrations", lambda _: broken)
    with postgres.database("broken") as url:
        with pytest.raises(WarehouseError, match="syntax error"):
            TimescaleStore(url).migrate()
        assert described(postgres, "broken") == {}


def test_two_migrations_at_once(postgres: Server) -> None:
    with postgres.database("twice") as url:
        code = (
            "from fundplatform.storage.timescale import TimescaleStore\n"
            "input()\n"
            f"print(len(TimescaleStore({url!r}).migrate()))\n"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        children = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(3)]  # type: ignore[call-overload]
        for child in children:
            child.stdin.write("\n")
            child.stdin.flush()
        applied = sorted(int(child.communicate(timeout=60)[0]) for child in children)
        assert applied == [0, 0, len(NAMES)]


def login(server: Server, database: str, role: str) -> str:
    """The URL of a login that has only this role."""
    # A database's own grants do not come with its template.
    TimescaleStore(server.url(database)).migrate()
    name = f"{role}_login_{database}"
    server.sql("postgres", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}' IN ROLE {role}")
    return server.url(database, name)


def test_reader_sees_marts_only(postgres: Server, database: str, warehouse_url: str) -> None:
    put(TimescaleStore(warehouse_url), tables.OHLCV, THREE)
    url = login(postgres, database, "bi_reader")
    assert TimescaleStore(url).query("SELECT count(*) AS n FROM marts.sources")["n"].item() == 0
    with psycopg.connect(url, autocommit=True) as reader:
        assert reader.execute("SELECT * FROM marts.coverage").fetchall() == []
        for sql in (
            "SELECT * FROM raw.ohlcv",
            "SELECT * FROM ops.migrations",
            "DELETE FROM marts.sources",
            "INSERT INTO marts.sources (name) VALUES ('x')",
            "CREATE TABLE marts.mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE SCHEMA mine",
            "SELECT ops.grant_roles()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(sql.encode())


def test_grants_survive_views_made_anew(
    postgres: Server, database: str, warehouse_url: str
) -> None:
    url = login(postgres, database, "bi_reader")
    body = (ROOT / "sql/postgres/0002_marts.sql").read_text()
    postgres.sql(database, "DROP SCHEMA marts CASCADE", "CREATE SCHEMA marts", body)
    with pytest.raises(WarehouseError, match="permission denied"):
        TimescaleStore(url).query("SELECT * FROM marts.sources")
    TimescaleStore(warehouse_url).migrate()
    assert TimescaleStore(url).query("SELECT * FROM marts.sources").is_empty()


def test_writer_runs_but_does_not_migrate(postgres: Server, database: str) -> None:
    store = TimescaleStore(login(postgres, database, "fundplatform_writer"))
    assert store.migrate() == []
    assert put(store, tables.OHLCV, THREE).inserted == 3
    assert put(store, tables.OHLCV, THREE.with_columns(close=1.0)).updated == 3
    with store.transaction(FIRST) as writer:
        assert writer.source_id(SPEC) == 1
    assert closes(store)[0][2] == 1.0
    assert "postgresql://" in store.describe()
    postgres.sql(database, "DELETE FROM ops.migrations WHERE name = '0004_roles'")
    with pytest.raises(WarehouseError, match="GRANT"):
        store.migrate()
    assert len(KEPT) == store.count(tables.OHLCV)


def test_without_the_right_to_make_roles_the_rest_is_made(postgres: Server) -> None:
    postgres.sql(
        "postgres",
        f"CREATE ROLE modest LOGIN PASSWORD '{PASSWORD}'",
        "CREATE DATABASE modest OWNER modest",
    )
    store = TimescaleStore(postgres.url("modest", "modest"))
    assert store.migrate() == NAMES
    assert put(store, tables.OHLCV, THREE).inserted == 3
    postgres.sql("postgres", "DROP DATABASE modest WITH (FORCE)", "DROP ROLE modest")


def test_every_ledger_is_indexed_by_when_rows_were_taken_out(
    postgres: Server, database: str
) -> None:
    """A new table that keeps versions needs the index of 0096 in its own migration."""
    found = postgres.sql(
        database,
        "SELECT schemaname || '.' || tablename FROM pg_indexes WHERE indexdef ~ 'recorded_to'",
    )
    ledgers = {tables.revisions_of(t).full_name for t in tables.TABLES if t.revisions}
    assert {str(name) for (name,) in found} == ledgers
