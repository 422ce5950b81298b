"""The data dictionary (docs/data-dictionary.md), written from `tables.py` and the views' comments.

`python -m fundplatform.dictionary > docs/data-dictionary.md`. Nothing is described here that is
not declared there: a wrong word is corrected in `tables.py`, or in `sql/` for a view.
"""

import re
import sys
from collections.abc import Iterator

from fundplatform.storage import migrations
from fundplatform.tables import SCHEMAS, TABLES, Column, Table

_HEAD = """\
# Data dictionary

Generated from `fundplatform/tables.py` by `python -m fundplatform.dictionary`; do not edit.

- `session` is a naive date in the instrument's calendar. Names ending in `_at`, and
  `recorded_from`, are instants in UTC.
- Returns, weights and rates are decimals: 0.01 is 1 %.
- A **key** is unique. **Sliced by** names the column that a run's range of sessions selects.
- **Absent rows stay**: a row that a new write of its slice does not bring is kept, so a truncated
  answer cannot shrink a partition. **Absent rows go**: the new frame is the whole truth.
- **Revisions** are kept in `<table>_revisions`: the same columns and `recorded_to`, the instant at
  which that version was superseded. `recorded_from <= t < recorded_to` is what was stored at t.
"""

_SCHEMA_DOCS = {
    "raw": "What the sources gave, bad rows included.",
    "catalog": "Who is who: sources, instruments, listings, split factors, tiers.",
    "prices": "Judged bars.",
    "indices": "Compositions, returns and levels.",
    "funds": "Performance and risk.",
    "ops": "What the platform did.",
    "marts": "Views for BI and reports, stable.",
}
_VIEW = re.compile(r"COMMENT ON VIEW marts\.(\w+) IS\s+'((?:[^']|'')+)'")


def render() -> str:
    """The whole document (Markdown)."""
    parts = [_HEAD, _contents()]
    for schema in SCHEMAS:
        parts.append(f"## {schema}\n\n{_SCHEMA_DOCS[schema]}\n")
        parts += [_table(t) for t in TABLES if t.schema == schema]
    parts.append(_views())
    return "\n".join(parts)


def _contents() -> str:
    lines = []
    for schema in SCHEMAS:
        links = [_link(t) for t in TABLES if t.schema == schema]
        lines.append(f"- [{schema}](#{schema}): {', '.join(links) or 'views'}")
    return "\n".join(lines) + "\n"


def _link(table: Table) -> str:
    return f"[{table.name}](#{table.schema}{table.name})"


def _table(table: Table) -> str:
    facts = [f"Key: {_names(table.key)}."]
    if table.partition:
        facts.append(f"Sliced by: `{table.partition}`.")
    facts.append("Absent rows stay." if table.keeps_absent else "Absent rows go.")
    if table.revisions:
        facts.append(f"Revisions: `{table.full_name}_revisions`.")
    rows = "\n".join(_row(c) for c in table.columns)
    return (
        f"### {table.full_name}\n\n{_cell(table.doc)}\n\n{' '.join(facts)}\n\n"
        f"| column | type | NULL | meaning |\n|---|---|---|---|\n{rows}\n"
    )


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f"`{c}`" for c in columns)


def _row(column: Column) -> str:
    nullable = "yes" if column.nullable else ""
    return f"| `{column.name}` | {column.type} | {nullable} | {_cell(column.doc)} |"


def _cell(text: str) -> str:
    """Text as a Markdown table shows it: `<name>` is no tag, `|` is no border."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def _views() -> str:
    lines = [f"| `marts.{name}` | {_cell(text)} |" for name, text in sorted(views().items())]
    return "| view | what it says |\n|---|---|\n" + "\n".join(lines) + "\n"


def views() -> dict[str, str]:
    """View of schema marts -> its comment, the last migration's word counting."""
    return dict(_comments())


def _comments() -> Iterator[tuple[str, str]]:
    for migration in migrations.migrations(migrations.sql_folder("duckdb")):
        for name, text in _VIEW.findall(migration.sql):
            yield name, text.replace("''", "'")


if __name__ == "__main__":
    sys.stdout.write(render())
