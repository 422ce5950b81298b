"""`explain metric`: which row is meant, what is said where there is none, and a level's own row."""

from collections.abc import Iterator
from datetime import date

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import ConfigError
from fundplatform.explain_metric import explain_metric
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform_tests.storage.marts import DATABASES, chosen, filled, rows
from fundplatform_tests.test_explain import CONTENT, D1, D2, lines, section
from fundplatform_tests.test_explain_again import altered, judged, stated, with_more

D0 = D1.replace(day=2)
INDEX = "us_top_100_equal"
BASE = {"session": D2, "frame": "1M", "base_session": D1}


@pytest.fixture(params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "metric", CONTENT) as made:
        yield made


def with_a_coin(store: Store) -> None:
    """The coin A has a base one day earlier than the stock: 51 to 102 is 100 %."""
    coin = {"instrument_id": 3, "symbol": "A", "quote": "USD", "asset_class": "crypto"}
    metric = {**BASE, "instrument_id": 3, "return_basis": "price", "total_return": 1.0}
    more = rows(
        tables.VALIDATED,
        chosen(D0, 90.0),
        chosen(D0, 51.0, instrument_id=3),
        chosen(D2, 102.0, instrument_id=3),
    )[1]
    altered(
        store,
        with_more(tables.INSTRUMENTS, coin),
        with_more(tables.METRICS, metric | {"base_session": D0}),
        *judged(pl.concat([stated(tables.VALIDATED), more])),
    )


def with_the_index(store: Store, price: float) -> None:
    """Its levels are 1000 and 975: -2.5 %."""
    index = {"instrument_id": 9, "symbol": INDEX, "quote": "USD", "asset_class": "index"}
    metric = {**BASE, "instrument_id": 9, "return_basis": "price", "total_return": price}
    altered(
        store,
        with_more(tables.INSTRUMENTS, index),
        with_more(tables.METRICS, metric),
    )


@pytest.mark.parametrize(
    ("ticker", "session", "frame", "said"),
    [
        ("A", D2, "2M", "explain metric: 2M: no such frame. Frames are 1M 3M 6M YTD 1Y 3Y 5Y 10Y"),
        ("B", D2, "1M", "explain metric: B: no such instrument."),
        ("", D2, "1M", "no such instrument."),
        ("C", D2, "1M", "explain metric: C: no metrics of it are stored. Backfill its prices"),
        (
            "A",
            date(2024, 1, 5),
            "1M",
            "explain metric: A: no metrics of 2024-01-05 are kept. The nearest are 2024-01-04; of "
            "older years month ends are kept",
        ),
    ],
)
def test_what_is_not_there_has_its_own_words(
    store: Store, settings: Settings, ticker: str, session: date, frame: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        explain_metric(store, settings, ticker, session, frame)
    assert said in str(caught.value)


def test_of_an_ambiguous_symbol_each_meaning_has_a_name(store: Store, settings: Settings) -> None:
    with_a_coin(store)
    with pytest.raises(ConfigError, match=r"it is ambiguous: #3 .*; #1 .*Name one of these"):
        explain_metric(store, settings, "A", D2, "1M")
    for named, first in (("#1", 102.0), ("#3", 51.0), ("crypto:A", 51.0)):
        found = explain_metric(store, settings, named, D2, "1M")
        value = 102.0 / first - 1
        assert lines(found, "Computed again").splitlines()[1:] == [
            f"ok    total return, price: 102.0 x 1.0 / {first} - 1 = {value}"
        ]


@pytest.mark.parametrize(("stored", "mark"), [(-0.025, "ok   "), (0.0, "WRONG")])
def test_an_index_is_explained_by_its_levels(
    store: Store, settings: Settings, stored: float, mark: str
) -> None:
    with_the_index(store, stored)
    found = explain_metric(store, settings, INDEX, D2, "1M")
    (again,) = section(found, "Computed again")
    assert again.startswith(f"{mark} total return, price: 975.0 / 1000.0 - 1 = -0.02")
    levels = section(found, "First and last levels")
    assert isinstance(levels, pl.DataFrame)
    assert levels["level"].to_list() == [1000.0, 975.0]
    assert found.holds == (mark == "ok   ")


def test_a_level_that_is_gone_is_wrong(store: Store, settings: Settings) -> None:
    with_the_index(store, -0.025)
    altered(store, (tables.LEVELS, stated(tables.LEVELS).head(1)))
    found = explain_metric(store, settings, INDEX, D2, "1M")
    assert lines(found, "Computed again") == (
        "WRONG total return, price: a level of these sessions is gone"
    )
