"""docs/marts.md: every query runs on both databases and gives what is printed below it."""

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.copy_warehouse import Copy
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.pipeline import make
from fundplatform_tests.storage.marts import NOW
from fundplatform_tests.storage.test_marts import CONTRACT

DOCS = Path(__file__).resolve().parents[2] / "docs/marts.md"
SLOW = pytest.mark.slow
QUERY = re.compile(r"```sql\n(.*?)```\n\n((?:\|[^\n]*\n)*)", re.DOTALL)
YAML = re.compile(r"```yaml\n# (drop/\w+/source\.yaml)\n(.*?)```\n\n```csv\n(.*?)```", re.DOTALL)
SETTING = re.compile(r"```yaml\n# (\w+\.yaml)\n(.*?)```", re.DOTALL)
SPAN = re.compile(r"fundplatform backfill --from (\S+) --to (\S+)")


def cell(value: object) -> str:
    """A value as the page shows it: no needless zeros, NULL as a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)


def shown(frame: pl.DataFrame) -> str:
    """The frame as a Markdown table."""
    rows = [frame.columns, ["---"] * frame.width, *([cell(v) for v in r] for r in frame.rows())]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def backfilled(home: Path, calendar_cache: Path, url: str | None = None) -> Store:
    """The page's own folders and backfill."""
    (home / "calendars").symlink_to(calendar_cache)
    text = DOCS.read_text("utf-8")
    for name, yaml, csv in YAML.findall(text):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(yaml, "utf-8")
        (home / name).with_name("rows.csv").write_text(csv, "utf-8")
    for name, yaml in SETTING.findall(text):
        (home / name).write_text(yaml, "utf-8")
    found = SPAN.search(text)
    assert found
    pipeline = make(Settings(home=home, lock_timeout=20, warehouse_url=url))
    pipeline.backfill(*(date.fromisoformat(day) for day in found.groups()))
    assert [o.errors for o in pipeline.outcomes if o.errors] == []
    return pipeline.store


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Store]:
    yield backfilled(tmp_path_factory.mktemp("docs"), calendar_cache)
    calendars.use_cache(calendar_cache)


@pytest.fixture(scope="module", params=["duckdb", "copied", pytest.param("postgres", marks=SLOW)])
def store(
    request: pytest.FixtureRequest,
    loaded: Store,
    tmp_path_factory: pytest.TempPathFactory,
    calendar_cache: Path,
) -> Iterator[Store]:
    """In DuckDB, copied from there to PostgreSQL, and computed there."""
    if request.param == "duckdb":
        yield loaded
        return
    server = request.getfixturevalue("postgres")
    template = request.getfixturevalue("template_database")
    with server.database(f"marts_docs_{request.param}", template) as url:
        if request.param == "postgres":
            yield backfilled(tmp_path_factory.mktemp("docs"), calendar_cache, url)
            calendars.use_cache(calendar_cache)
            return
        copy = TimescaleStore(url, lock_timeout=20)
        done = Copy(("duckdb", loaded), ("postgres", copy), NOW, overwrite=False).run()
        assert sum(table.rows for table in done)
        yield copy


def test_every_query_gives_what_is_printed(store: Store) -> None:
    pairs = QUERY.findall(DOCS.read_text("utf-8"))
    for sql, printed in pairs:
        assert printed == shown(store.query(sql)), sql
        assert printed.count("\n") > 2, f"a worked query has rows: {sql}"


def test_every_mart_has_a_worked_query() -> None:
    asked = {name for sql, _ in QUERY.findall(DOCS.read_text("utf-8"))
             for name in re.findall(r"FROM marts\.(\w+)", sql)}  # fmt: skip
    assert asked == set(CONTRACT)
