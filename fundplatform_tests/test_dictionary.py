"""docs/data-dictionary.md says what tables.py declares, and says it of every table and view."""

import re
from pathlib import Path

import pytest

from fundplatform import dictionary, tables
from fundplatform.storage import migrations
from fundplatform.tables import Column, Table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "data-dictionary.md"


def test_the_file_is_what_the_generator_writes() -> None:
    assert DOCUMENT.read_text("utf-8") == dictionary.render(), (
        "docs/data-dictionary.md is stale: "
        "run `python -m fundplatform.dictionary > docs/data-dictionary.md`"
    )


def test_a_changed_declaration_makes_the_file_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = Table("ops", "extra", "More.", (Column("a", "text", "A.", True),), ("a",))
    monkeypatch.setattr(dictionary, "TABLES", (*tables.TABLES, extra))
    text = dictionary.render()
    assert DOCUMENT.read_text("utf-8") != text
    assert "| `a` | text | yes | A. |" in text


def test_every_table_and_column_is_there_once() -> None:
    text = DOCUMENT.read_text("utf-8")
    headings = re.findall(r"^### (\S+)$", text, re.MULTILINE)
    assert sorted(headings) == sorted(tables.BY_NAME)
    sections = dict(
        zip(headings, re.split(r"^### \S+$", text, flags=re.MULTILINE)[1:], strict=True)
    )
    for name, table in tables.BY_NAME.items():
        listed = re.findall(r"^\| `(\w+)` \| \w+ \|", sections[name], re.MULTILINE)
        assert tuple(listed) == table.column_names


def test_a_known_table_reads_as_declared() -> None:
    text = DOCUMENT.read_text("utf-8")
    start = text.index("### raw.shares\n")
    section = text[start : text.index("\n### ", start)]
    assert "Key: `source_id`, `instrument_id`, `measured_on`, `known_at`." in section
    assert "Absent rows stay. Revisions: `raw.shares_revisions`." in section
    assert "Sliced by" not in section
    assert "| `known_at` | timestamp |  | When it was filed (UTC). |" in section


def test_links_of_the_contents_lead_to_headings() -> None:
    text = DOCUMENT.read_text("utf-8")
    anchors = {h.lower().replace(".", "") for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    links = re.findall(r"\]\(#([^)]+)\)", text)
    assert links
    assert set(links) <= anchors


def test_every_view_is_described() -> None:
    made = {
        name
        for m in migrations.migrations(migrations.sql_folder("duckdb"))
        for name in re.findall(r"CREATE OR REPLACE VIEW marts\.(\w+)", m.sql)
    }
    assert made
    assert dictionary.views().keys() == made
    # An apostrophe is doubled in SQL and single for a reader.
    assert not any("''" in text for text in dictionary.views().values())
