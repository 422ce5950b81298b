"""docs/marts.md: every query runs on both databases and gives what is printed below it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform_tests.pipeline import make
from fundplatform_tests.storage.marts import DATABASES
from fundplatform_tests.storage.test_marts import CONTRACT

DOCS = Path(__file__).resolve().parents[2] / "docs/marts.md"
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


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    calendar_cache: Path,
) -> Iterator[Store]:
    """The page's own folders and backfill."""
    home = tmp_path_factory.mktemp(f"docs_{request.param}")
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
    with ExitStack() as stack:
        url = None
        if request.param == "postgres":
            server = request.getfixturevalue("postgres")
            template = request.getfixturevalue("template_database")
            url = stack.enter_context(server.database("marts_docs", template))
        pipeline = make(Settings(home=home, lock_timeout=20, warehouse_url=url))
        pipeline.backfill(*(date.fromisoformat(day) for day in found.groups()))
        assert [o.errors for o in pipeline.outcomes if o.errors] == []
        yield pipeline.store
    calendars.use_cache(calendar_cache)


def test_every_query_gives_what_is_printed(store: Store) -> None:
    pairs = QUERY.findall(DOCS.read_text("utf-8"))
    for sql, printed in pairs:
        assert printed == shown(store.query(sql)), sql
        assert printed.count("\n") > 2, f"a worked query has rows: {sql}"


def test_every_mart_has_a_worked_query() -> None:
    asked = {name for sql, _ in QUERY.findall(DOCS.read_text("utf-8"))
             for name in re.findall(r"FROM marts\.(\w+)", sql)}  # fmt: skip
    assert asked == set(CONTRACT)
