"""The PostgreSQL store: the suite of every store, then what is its own."""

import pytest

from fundplatform.storage.base import Store
from fundplatform.storage.timescale import TimescaleStore
from fundplatform_tests.storage.change_suite import ChangeSuite
from fundplatform_tests.storage.suite import StoreSuite


@pytest.fixture
def store(warehouse_url: str) -> TimescaleStore:
    return TimescaleStore(warehouse_url, lock_timeout=30)


class TestTimescaleStore(StoreSuite, ChangeSuite):
    """The suite on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def address(self, warehouse_url: str) -> None:
        self.url = warehouse_url

    def reopen(self, store: Store) -> str:
        return (
            "from fundplatform.storage.timescale import TimescaleStore\n"
            f"store = TimescaleStore({self.url!r})"
        )
