"""`explain` computes again: what was altered in the warehouse is WRONG, what is right never is.

The worked example of `test_explain.py`, altered by hand.
"""

from collections.abc import Iterator

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.explain import explain_index
from fundplatform.explain_metric import explain_metric
from fundplatform.settings import Settings
from fundplatform.storage.base import WHOLE, Slice, Stamp, Store
from fundplatform.tables import Table
from fundplatform_tests.storage.marts import chosen, filled, rows
from fundplatform_tests.test_explain import BODY, CONTENT, D1, D2, NOW, lines

RETURNS = "returns of the names"


@pytest.fixture
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    request.param = "duckdb"
    with filled(request, tmp_path_factory, "again", CONTENT) as made:
        yield made


def stated(table: Table) -> pl.DataFrame:
    return next(frame for own, frame in CONTENT if own is table)


def altered(store: Store, *written: tuple[Table, pl.DataFrame]) -> None:
    with store.transaction(Stamp("r2", NOW)) as writer:
        for table, frame in written:
            writer.write(table, frame, WHOLE if table.partition is None else Slice())
    store.publish()


def judged(bars: pl.DataFrame) -> list[tuple[Table, pl.DataFrame]]:
    """These bars, as they were loaded."""
    own = [n for n in stated(tables.OHLCV).columns if n in bars.columns]
    return [(tables.VALIDATED, bars), rows(tables.OHLCV, *bars.select(own).to_dicts())]


def with_more(table: Table, *more: dict[str, object]) -> tuple[Table, pl.DataFrame]:
    return table, pl.concat([stated(table), rows(table, *more)[1]])


def again(store: Store, settings: Settings, name: str = "us_top_100_equal") -> dict[str, str]:
    """The mark of each line by its title, and its text beside it."""
    found = explain_index(store, settings, name, D2)
    told = [line.split(": ", 1) for line in lines(found, "Computed again").splitlines()]
    return {title[6:]: f"{title[:5].strip()} {text}" for title, text in told}


def wrong(store: Store, settings: Settings) -> list[str]:
    return [title for title, text in again(store, settings).items() if text.startswith("WRONG")]


def by_name(a: float, c: float) -> pl.Expr:
    return pl.when(pl.col("instrument_id") == 1).then(pl.lit(a)).otherwise(pl.lit(c))


@pytest.mark.parametrize(
    ("table", "values", "titles"),
    [
        # The sum is as it was: A is said to have earned what C did.
        (tables.CONTRIBUTIONS, {"contribution": by_name(-0.025, 0.0)}, ["contributions"]),
        # Other weights, and all that follows from them, with the sums right.
        (
            tables.CONTRIBUTIONS,
            {"start_weight": by_name(0.4, 0.6), "contribution": by_name(0.0, -0.03)},
            ["weights", "sum of contributions, price"],
        ),
        (tables.COMPOSITIONS, {"target_weight": by_name(0.6, 0.4)}, ["weights"]),
        (
            tables.LEVELS,
            {"drawdown": pl.lit(-0.5)},
            ["drawdown, price"],
        ),
    ],
    ids=["swapped", "weights", "chosen", "drawdown"],
)
def test_what_adds_up_may_still_be_wrong(
    store: Store, settings: Settings, table: Table, values: dict[str, pl.Expr], titles: list[str]
) -> None:
    assert wrong(store, settings) == []
    altered(store, (table, stated(table).with_columns(**values)))
    assert wrong(store, settings) == titles


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (D2, "WRONG none is stored, and the session has a return"),
        (D1, "WRONG none is stored before it, and the session has a return"),
    ],
)
def test_a_level_that_is_gone_is_missed(
    store: Store, settings: Settings, lost: object, words: str
) -> None:
    altered(store, (tables.LEVELS, stated(tables.LEVELS).filter(pl.col("session") != lost)))
    assert again(store, settings)["level, price"] == words


def test_a_close_that_was_altered_on_both_days_gives_the_same_return(
    store: Store, settings: Settings
) -> None:
    """And is seen beside what was loaded."""
    doubled = stated(tables.VALIDATED).with_columns(close=pl.col("close") * by_name(2.0, 1.0))
    altered(store, (tables.VALIDATED, doubled))
    told = again(store, settings)
    assert told["closes"] == "WRONG 2 of 4 are as they were loaded; not A"
    assert told[RETURNS].startswith("ok 2 of 2")


def test_a_close_that_was_loaded_anew_is_not_judged_yet(store: Store, settings: Settings) -> None:
    anew = stated(tables.OHLCV).with_columns(close=pl.col("close") + by_name(1.0, 0.0))
    altered(store, (tables.OHLCV, anew))
    assert again(store, settings)["closes"] == (
        "? 2 of 4 are as they were loaded; not A; 2 loaded anew and not judged since"
    )


def test_without_a_single_close_nobody_can_tell(store: Store, settings: Settings) -> None:
    altered(store, (tables.VALIDATED, stated(tables.VALIDATED).clear()))
    told = again(store, settings)[RETURNS]
    assert told.startswith("? 0 of 2 are close / close before - 1; 2 had")
    found = explain_metric(store, settings, "A", D2, "1M")
    assert lines(found, "Computed again").startswith("?     total return, price: no bars")
    assert found.holds


def test_bars_that_carry_dividends_are_not_those_of_a_price_return(
    store: Store, settings: Settings
) -> None:
    """They are selected, by priority; 101 on D1 is 102 less the dividend of the day after."""
    first = {"source_id": 2, "adjustment": "split_div"}
    used = stated(tables.VALIDATED).with_columns(selected=pl.lit(value=False))
    theirs = rows(tables.VALIDATED, chosen(D1, 101.0, **first), chosen(D2, 102.0, **first))[1]
    others = used.filter(instrument_id=2).with_columns(selected=pl.lit(value=True))
    altered(
        store,
        with_more(tables.SOURCES, {"source_id": 2, "name": "adjusted", "priority": 0}),
        *judged(pl.concat([used.filter(instrument_id=1), others, theirs])),
    )
    assert again(store, settings)[RETURNS] == "ok 2 of 2 are close / close before - 1"
    found = explain_metric(store, settings, "A", D2, "1M")
    assert lines(found, "Computed again").splitlines() == [
        "ok    closes: 4 of 4 are as they were loaded",
        "ok    total return, price: 102.0 x 1.0 / 102.0 - 1 = 0.0",
    ]
    shown = dict(found.sections)["Prices by source"]
    assert isinstance(shown, pl.DataFrame)
    assert shown["source"].to_list() == ["adjusted", "files"]


def test_closes_of_two_sources_are_not_compared(store: Store, settings: Settings) -> None:
    """On D1 only the other source has A, at half a percent more: its return is no quotient."""
    own = stated(tables.VALIDATED).filter(
        (pl.col("instrument_id") != 1) | (pl.col("session") != D1)
    )
    other = rows(tables.VALIDATED, chosen(D1, 102.5, source_id=2))[1]
    altered(
        store,
        with_more(tables.SOURCES, {"source_id": 2, "name": "spare", "priority": 9}),
        *judged(pl.concat([own, other])),
    )
    told = (
        "ok 1 of 2 are close / close before - 1; 1 had an action, no bar, another source or no rate"
    )
    assert again(store, settings)[RETURNS] == told


def test_of_an_index_without_its_definition_the_currency_is_not_guessed(
    store: Store, settings: Settings
) -> None:
    """It may have been one in euro, and these are its closes in euro."""
    mine = [
        (t, stated(t).with_columns(index_name=pl.lit("gone")))
        for t in (tables.PERFORMANCE, tables.LEVELS, tables.CONTRIBUTIONS, tables.COMPOSITIONS)
    ]
    euro = {"instrument_id": 9, "symbol": "EUR", "quote": "USD", "asset_class": "fx"}
    altered(
        store,
        *mine,
        *judged(stated(tables.VALIDATED).with_columns(quote=pl.lit("EUR"))),
        with_more(tables.INSTRUMENTS, euro),
        rows(
            tables.OBSERVATIONS,
            {"instrument_id": 9, "session": D1, "vintage": D1, "value": 1.0},
            {"instrument_id": 9, "session": D2, "vintage": D2, "value": 1.1},
        ),
    )
    told = again(store, settings, "gone")
    assert told[RETURNS] == "? the definition is gone, and with it the currency"
    assert not [title for title, text in told.items() if text.startswith("WRONG")]


def test_one_of_two_files_with_the_same_bytes_is_enough(store: Store, settings: Settings) -> None:
    """Their payload has both names; where neither has the bytes any more, that is WRONG."""
    twice = pl.when(name="day.csv").then(pl.lit("day.csv, copy.csv")).otherwise("name")
    altered(store, (tables.PAYLOADS, stated(tables.PAYLOADS).with_columns(name=twice)))
    folder = settings.drop / "files"
    folder.mkdir(parents=True)
    for first, second, mark in ((BODY, b"x", "ok"), (b"x", BODY, "ok"), (b"x", b"y", "WRONG")):
        (folder / "day.csv").write_bytes(first)
        (folder / "copy.csv").write_bytes(second)
        found = explain_index(store, settings, "us_top_100_equal", D2)
        told = next(t for t in lines(found, "Payloads").splitlines() if "copy.csv" in t)
        assert told.startswith(mark)
