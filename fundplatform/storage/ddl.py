"""The DDL of a warehouse, derived from `tables.py`: `python -m fundplatform.storage.ddl duckdb`.

Prints what stands in `sql/<dialect>/0001_tables.sql`, or with the name of a later migration of
tables what stands there; a test keeps files and declaration equal. Views for readers are written by
hand in migrations of their own. No connection here.
"""

import sys
from collections.abc import Iterator

from fundplatform import tables
from fundplatform.tables import Table, Type

DUCKDB_TYPES: dict[Type, str] = {
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "text": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "bool": "BOOLEAN",
}
POSTGRES_TYPES: dict[Type, str] = {
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE PRECISION",
    # Sorted by code point, as DuckDB and polars do, whatever the locale of the server.
    "text": 'TEXT COLLATE "C"',
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "bool": "BOOLEAN",
}
DIALECTS: dict[str, dict[Type, str]] = {"duckdb": DUCKDB_TYPES, "postgres": POSTGRES_TYPES}

FIRST = "0001_tables"
# Tables that came later, by the migration that creates them (the same in both dialects). A table is
# never added to an older migration: warehouses keep the checksum of those they have.
ADDED: dict[str, tuple[Table, ...]] = {
    "0010_vendors": (tables.DATA_SYNC, tables.SOURCE_HEALTH),
    "0011_funds": (tables.FUND_FACTS, tables.HOLDINGS, tables.PROFILES),
    "0020_desk": (tables.FINDINGS, tables.OVERRIDES),
    "0025_quality": (tables.CONSENSUS, tables.SOURCE_RELIABILITY, tables.QUALITY_RESULTS),
    "0030_metrics": (tables.RISK, tables.SCORES, tables.RECONCILIATION),
    "0036_fund_catalog": (tables.FACTS, tables.POSITIONS, tables.OVERLAPS),
    "0078_fund_exposures": (tables.EXPOSURES,),
    "0040_indices": (tables.BASKETS,),
    "0050_gaps": (tables.GAPS,),
    "0045_actions": (tables.ACTIONS, tables.TOTAL_RETURN_FACTORS),
    "0047_identity": (tables.IDENTITY_DECISIONS,),
    "0070_quotes": (tables.QUOTES,),
    "0048_caps": (tables.SECURITIES, tables.CAPS),
    "0074_exclusions": (tables.EXCLUSIONS,),
    "0066_changes": (tables.CHANGES,),
    "0092_statements": (tables.STATEMENTS,),
    "0097_carried": (tables.CARRIED,),
}
# Ledgers that came later than their tables.
LEDGERS_ADDED: dict[str, tuple[Table, ...]] = {
    "0025_quality": (tables.SOURCES, tables.INSTRUMENTS, tables.VALIDATED),
}

# Texts as an older migration has them; a later one sets those of tables.py.
TEXTS_THEN: dict[tuple[str, str], str] = {
    ("indices.exclusions", "rank"): "Rank it would have, the cap taken as it is stated.",
    ("catalog.identity_decisions", "problem"): "rename, reuse or gap.",
    ("catalog.identity_decisions_revisions", "problem"): "rename, reuse or gap.",
}

_HEADER = """\
-- {what} of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl {dialect}{name} > sql/{dialect}/{file}.sql
"""
_KEYS = {
    "duckdb": """\
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.
""",
    "postgres": """\
-- Re-runnable. Each PRIMARY KEY starts with the partition column: rows come in by session, slices
-- are read by session, and TimescaleDB wants its dimension in every unique key. A bar's key lacks
-- `session`, so there the PRIMARY KEY is wider than the key; the writer keeps the key itself unique
-- within a slice, as in DuckDB.
""",
}


def all_tables() -> Iterator[Table]:
    """Every table, each followed by its ledger where it keeps one."""
    for table in tables.TABLES:
        yield from _with_ledger(table)


def tables_of(migration: str) -> tuple[Table, ...]:
    """The tables that a migration creates, without their ledgers."""
    if migration != FIRST:
        return ADDED[migration]
    later = {table.full_name for added in ADDED.values() for table in added}
    return tuple(table for table in tables.TABLES if table.full_name not in later)


def created_by(migration: str) -> Iterator[Table]:
    """What a migration creates: its tables with their ledgers, and the ledgers added late."""
    late = {table for added in LEDGERS_ADDED.values() for table in added}
    for table in tables_of(migration):
        yield from (table,) if table in late else _with_ledger(table)
    yield from map(tables.revisions_of, LEDGERS_ADDED.get(migration, ()))


def _with_ledger(table: Table) -> Iterator[Table]:
    yield table
    if table.revisions:
        yield tables.revisions_of(table)


def quoted(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def primary_key(table: Table) -> tuple[str, ...]:
    """The columns of the PRIMARY KEY: the partition column, then the key. None for a ledger.

    A ledger may hold two versions that one transaction superseded, so it has no key.
    """
    if table.full_name not in tables.BY_NAME:
        return ()
    names = (table.partition, *table.key) if table.partition else table.key
    return tuple(dict.fromkeys(names))


def create_table(table: Table, dialect: str) -> str:
    """CREATE TABLE IF NOT EXISTS with one column a line, then the comments of the dictionary."""
    types = DIALECTS[dialect]
    lines = [
        f'  "{c.name}" {types[c.type]}{"" if c.nullable else " NOT NULL"}' for c in table.columns
    ]
    if dialect == "postgres" and primary_key(table):
        columns = ", ".join(f'"{n}"' for n in primary_key(table))
        lines.append(f"  PRIMARY KEY ({columns})")
    body = ",\n".join(lines)
    comments = [f"COMMENT ON TABLE {table.full_name} IS {quoted(table.doc)};"]
    comments += [
        f'COMMENT ON COLUMN {table.full_name}."{c.name}" IS {quoted(text)};'
        for c in table.columns
        for text in [TEXTS_THEN.get((table.full_name, c.name), c.doc)]
    ]
    text = f"CREATE TABLE IF NOT EXISTS {table.full_name} (\n{body}\n);\n"
    return text + "\n".join(comments) + "\n"


def ddl(dialect: str, migration: str = FIRST) -> str:
    """The whole text of a migration of tables for a dialect (a key of `DIALECTS`)."""
    first = migration == FIRST
    header = _HEADER.format(
        what="Every table" if first else "Tables",
        dialect=dialect,
        name="" if first else f" {migration}",
        file=migration,
    )
    schemas = "".join(f"CREATE SCHEMA IF NOT EXISTS {name};\n" for name in tables.SCHEMAS)
    body = "\n".join(create_table(t, dialect) for t in created_by(migration))
    return f"{header}{_KEYS[dialect]}\n" + (f"{schemas}\n{body}" if first else body)


if __name__ == "__main__":
    sys.stdout.write(ddl(*sys.argv[1:]))
