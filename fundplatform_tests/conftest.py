"""Shared fixtures: a home of its own for every test, and the optional real data."""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from fundplatform import calendars
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.storage.postgres import Server, served

REPOSITORY = Path(__file__).resolve().parents[1]
_NUMBERS = itertools.count(1)
# Half a minute and more: they begin first, so that no worker is left alone with one at the end.
_LONG = {
    *("test_same_content", "test_copy_warehouse", "test_vendors", "test_deployment_server"),
    *("test_resume", "test_automation", "test_faults_files", "test_marts_docs", "test_stale"),
    *("test_faults_sources", "test_vendor_archive", "test_vendor_secrets", "test_faults_gate"),
    *("test_pipeline", "test_past", "test_instance"),
}
# A loaded machine is slow and not wrong.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first."""
    items.sort(key=lambda item: item.path.stem not in _LONG)


@pytest.fixture
def settings(tmp_path: Path, calendar_cache: Path) -> Iterator[Settings]:
    """Settings with an empty home; calendars come from the session's cache."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "calendars").symlink_to(calendar_cache)
    yield Settings(home=home, lock_timeout=20)
    calendars.use_cache(calendar_cache)


@pytest.fixture(scope="session", autouse=True)
def calendar_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exchange calendars are built once per test session (seconds), then read."""
    folder = tmp_path_factory.mktemp("calendars")
    calendars.use_cache(folder)
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real third-party data, which the project never requires."""
    given = os.environ.get("FUNDPLATFORM_SHARED_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real data: set FUNDPLATFORM_SHARED_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL server, started once; see fundplatform_tests/storage/postgres.py."""
    with served() as server:
        yield server


@pytest.fixture(scope="session")
def template_database(postgres: Server) -> str:
    """A migrated, empty database to copy: migrating takes longer."""
    from fundplatform.storage.timescale import TimescaleStore

    postgres.sql("postgres", "CREATE DATABASE migrated")
    TimescaleStore(postgres.url("migrated")).migrate()
    return "migrated"


@pytest.fixture
def warehouse_url(postgres: Server, template_database: str) -> Iterator[str]:
    """A migrated, empty database of the test's own."""
    with postgres.database(f"warehouse_{next(_NUMBERS)}", template_database) as url:
        yield url


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty warehouse to copy: migrating takes 0.3 s, copying none."""
    path = tmp_path_factory.mktemp("template") / "warehouse.duckdb"
    DuckDBStore(path, path.parent / "published").migrate()
    return path


@pytest.fixture
def duckdb_store(tmp_path: Path, migrated: Path) -> DuckDBStore:
    shutil.copyfile(migrated, tmp_path / "warehouse.duckdb")
    return DuckDBStore(tmp_path / "warehouse.duckdb", tmp_path / "published", lock_timeout=30)


@pytest.fixture(params=["duckdb", "postgres"])
def either_store(request: pytest.FixtureRequest) -> Store:
    """A migrated, empty store: the test runs on each of the two."""
    if request.param == "duckdb":
        embedded: DuckDBStore = request.getfixturevalue("duckdb_store")
        return embedded
    from fundplatform.storage.timescale import TimescaleStore

    return TimescaleStore(request.getfixturevalue("warehouse_url"))
