"""Five years of the S&P 500 give the same rows in DuckDB and in PostgreSQL, again and again.

The same proof as test_same_content.py, on real files where they are: after one run, after a second
one, and after a rebuild from nothing. Slow, since 619,040 rows go through everything four times.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.storage.postgres import Server
from fundplatform_tests.test_real_input import SOURCE_YAML
from fundplatform_tests.test_same_content import NOW, hashes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

FIRST, LAST = date(2013, 2, 8), date(2018, 2, 7)
ROWS = 619_040


def built(home: Path, shared_data: Path, calendars_at: Path, url: str | None) -> Pipeline:
    """The files as drop folders of a new home, through the whole graph."""
    home.mkdir()
    (home / "calendars").symlink_to(calendars_at)
    for file, yaml in SOURCE_YAML.items():
        folder = home / "drop" / file.parent.name
        folder.mkdir(parents=True)
        shutil.copyfile(shared_data / file, folder / file.name)
        (folder / "source.yaml").write_text(yaml, "utf-8")
    pipeline = make(Settings(home=home, sources=(), lock_timeout=60, warehouse_url=url))
    pipeline.clock = lambda: NOW.replace(year=2019)
    pipeline.backfill(FIRST, LAST)
    assert [o.errors for o in pipeline.outcomes if o.errors] == []
    return pipeline


@pytest.fixture(scope="module")
def three(
    tmp_path_factory: pytest.TempPathFactory,
    calendar_cache: Path,
    shared_data: Path,
    postgres: Server,
    template_database: str,
) -> Iterator[list[Pipeline]]:
    """DuckDB, PostgreSQL, and PostgreSQL rebuilt from nothing."""
    for file in SOURCE_YAML:
        if not (shared_data / file).exists():
            pytest.skip(f"no real data: {file} is missing")
    root = tmp_path_factory.mktemp("sp500")
    with ExitStack() as stack:
        urls = [
            stack.enter_context(postgres.database(name, template_database))
            for name in ("sp_first", "sp_rebuilt")
        ]
        yield [
            built(root / str(n), shared_data, calendar_cache, url)
            for n, url in enumerate((None, *urls))
        ]
    calendars.use_cache(calendar_cache)


def test_the_same_rows_everywhere(three: list[Pipeline]) -> None:
    assert [p.store.count(tables.OHLCV) for p in three] == [ROWS] * 3
    one, other, rebuilt = (hashes(p.store) for p in three)
    assert one == other
    assert one == rebuilt


def test_a_second_run_changes_nothing(three: list[Pipeline]) -> None:
    before = hashes(three[0].store)
    for pipeline in three[:2]:
        assert pipeline.backfill(FIRST, LAST, refetch=True)
        assert [o.errors for o in pipeline.outcomes if o.errors] == []
        assert hashes(pipeline.store) == before
