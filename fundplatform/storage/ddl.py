"""The DDL of a warehouse, derived from `tables.py`: `python -m fundplatform.storage.ddl duckdb`.

Prints what stands in `sql/<dialect>/0001_tables.sql`; a test keeps file and declaration equal.
Views for readers are written by hand in later migrations. No connection here.
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
DIALECTS: dict[str, dict[Type, str]] = {"duckdb": DUCKDB_TYPES}

_HEADER = """\
-- Every table of fundplatform/tables.py and the ledgers of superseded versions.
-- Generated: python -m fundplatform.storage.ddl {dialect} > sql/{dialect}/0001_tables.sql
-- Re-runnable. No PRIMARY KEY: it makes a DuckDB load four times slower; the writer keeps the
-- keys unique and a check proves it.
"""


def all_tables() -> Iterator[Table]:
    """Every table, each followed by its ledger where it keeps one."""
    for table in tables.TABLES:
        yield table
        if table.revisions:
            yield tables.revisions_of(table)


def quoted(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def create_table(table: Table, types: dict[Type, str]) -> str:
    """CREATE TABLE IF NOT EXISTS with one column a line, then the comments of the dictionary."""
    lines = [
        f'  "{c.name}" {types[c.type]}{"" if c.nullable else " NOT NULL"}' for c in table.columns
    ]
    body = ",\n".join(lines)
    comments = [f"COMMENT ON TABLE {table.full_name} IS {quoted(table.doc)};"]
    comments += [
        f'COMMENT ON COLUMN {table.full_name}."{c.name}" IS {quoted(c.doc)};' for c in table.columns
    ]
    text = f"CREATE TABLE IF NOT EXISTS {table.full_name} (\n{body}\n);\n"
    return text + "\n".join(comments) + "\n"


def ddl(dialect: str) -> str:
    """The whole of `0001_tables.sql` for a dialect (a key of `DIALECTS`)."""
    schemas = "".join(f"CREATE SCHEMA IF NOT EXISTS {name};\n" for name in tables.SCHEMAS)
    body = "\n".join(create_table(t, DIALECTS[dialect]) for t in all_tables())
    return f"{_HEADER.format(dialect=dialect)}\n{schemas}\n{body}"


if __name__ == "__main__":
    sys.stdout.write(ddl(sys.argv[1]))
