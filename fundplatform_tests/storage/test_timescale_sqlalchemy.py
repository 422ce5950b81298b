"""The warehouse through SQLAlchemy: the declared tables are the server's; BI reads the marts."""

import pytest
import sqlalchemy as db
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from fundplatform import tables
from fundplatform.errors import ConfigError
from fundplatform.storage.timescale import TimescaleStore
from fundplatform.storage.timescale_sqlalchemy import (
    declared,
    marts,
    reading_engine,
    sqlalchemy_url,
)
from fundplatform_tests.storage.frames import THREE, put
from fundplatform_tests.storage.postgres import OWN_TABLES, Server
from fundplatform_tests.storage.test_marts import CONTRACT
from fundplatform_tests.storage.test_timescale_schema import login

Described = dict[str, tuple[object, list[str], str | None]]


def described(found: db.MetaData) -> Described:
    """Per table: columns with type, NULL and text; the primary key; the table's text."""
    dialect = sqlalchemy_url("postgresql://h/d").get_dialect()()
    return {
        name: (
            [(c.name, str(c.type.compile(dialect)), c.nullable, c.comment) for c in table.columns],
            [c.name for c in table.primary_key.columns],
            table.comment,
        )
        for name, table in found.tables.items()
    }


def reflected(url: str) -> Described:
    found = db.MetaData()
    engine = reading_engine(url)
    for schema in tables.SCHEMAS:
        if schema != "marts":
            found.reflect(engine, schema=schema)
    return {n: d for n, d in described(found).items() if n not in OWN_TABLES}


def test_what_is_declared_is_what_the_server_has(warehouse_url: str, postgres: Server) -> None:
    wanted = described(declared())
    assert reflected(warehouse_url) == wanted
    assert wanted["raw.ohlcv"][1][:2] == ["session", "source_id"]
    database = warehouse_url.rsplit("/", 1)[1]
    for table, change in (
        ("raw.ohlcv", "ALTER TABLE raw.ohlcv ALTER volume TYPE real"),
        ("raw.shares", "ALTER TABLE raw.shares ALTER payload_hash DROP NOT NULL"),
        ("catalog.tiers", "COMMENT ON COLUMN catalog.tiers.tier IS 'another'"),
    ):
        postgres.sql(database, change)
        assert reflected(warehouse_url)[table] != wanted[table]


def test_a_dashboard_reflects_and_reads_the_marts_alone(
    warehouse_url: str, postgres: Server
) -> None:
    put(TimescaleStore(warehouse_url), tables.OHLCV, THREE)
    engine = reading_engine(login(postgres, warehouse_url.rsplit("/", 1)[1], "bi_reader"))
    views = marts(engine)
    assert {n.removeprefix("marts."): " ".join(t.columns.keys())
            for n, t in views.tables.items()} == CONTRACT  # fmt: skip
    coverage = views.tables["marts.coverage"]
    with engine.connect() as connection:
        asked = db.select(coverage.c.session, coverage.c.rows_raw).order_by(coverage.c.session)
        assert connection.execute(asked).all() == []
    with pytest.raises((DBAPIError, NoSuchTableError)), engine.connect() as connection:
        connection.execute(db.select(declared().tables["raw.ohlcv"]))


def test_declared_tables_make_queries(warehouse_url: str) -> None:
    put(TimescaleStore(warehouse_url), tables.OHLCV, THREE)
    ohlcv = declared().tables["raw.ohlcv"]
    with reading_engine(warehouse_url).connect() as connection:
        found = connection.execute(
            db.select(ohlcv.c.instrument_id, ohlcv.c.close).order_by(ohlcv.c.instrument_id)
        ).all()
    assert sorted(tuple(r) for r in found) == sorted(THREE.select("instrument_id", "close").rows())


def test_the_engine_cannot_write(warehouse_url: str) -> None:
    with (
        pytest.raises(DBAPIError, match="read-only transaction"),
        reading_engine(warehouse_url).begin() as connection,
    ):
        connection.execute(db.text("DELETE FROM raw.ohlcv"))


def test_no_password_in_any_text_of_it(warehouse_url: str) -> None:
    made = reading_engine(warehouse_url)
    for text in (repr(made), str(made.url), repr(sqlalchemy_url(warehouse_url))):
        assert "s3cret" not in text
        assert "postgresql+psycopg://owner:***@127.0.0.1" in text


def test_parameters_follow_and_other_urls_are_refused() -> None:
    made = sqlalchemy_url("postgresql://u@h:6543/d?sslmode=verify-full&sslrootcert=/ca.crt")
    assert str(made) == "postgresql+psycopg://u@h:6543/d?sslmode=verify-full&sslrootcert=%2Fca.crt"
    with pytest.raises(ConfigError, match="postgresql://user@host"):
        sqlalchemy_url("mysql://u:s3cret@h/d")
