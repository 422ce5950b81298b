"""Identity: which listings are one instrument. Cases by hand; ids follow from the stated order."""

import time
from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl
import pytest

from fundplatform import identity_statements, tables
from fundplatform.errors import SchemaError
from fundplatform.identity import Resolution, resolve
from fundplatform.identity_clusters import MAX_GAP_DAYS
from fundplatform.sources.base import LISTING_SCHEMA

EQUITY, COIN = ("equity", "US"), ("crypto", "CRYPTO")
D = date.fromisoformat


def listing(
    vendor: str,
    first: str,
    last: str,
    symbol: str | None = None,
    kind: tuple[str, str] = EQUITY,
    quote: str = "USD",
    name: str | None = None,
) -> tuple[object, ...]:
    return (vendor, symbol or vendor, *kind, quote, name, D(first), D(last))


def frame(rows: Iterable[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LISTING_SCHEMA, orient="row")


class Catalog:
    """A warehouse of two frames."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.instruments = tables.INSTRUMENTS.empty()
        self.listings = tables.LISTINGS.empty()
        self.statements = tables.STATEMENTS.empty()

    def take(self, source_id: int, *rows: tuple[object, ...]) -> Resolution:
        """Listings of a source: what trades."""
        found = resolve(self.instruments, self.listings, frame(rows), source_id)
        self.keep(found)
        self.listings = self.changed(self.listings, found, source_id)
        return found

    def state(self, source_id: int, *rows: tuple[object, ...]) -> Resolution:
        """What a source states: facts, holdings, profiles."""
        own = self.statements.filter(pl.col("source_id") == source_id)
        found = identity_statements.resolve(self.instruments, self.listings, own, frame(rows))
        self.keep(found)
        self.statements = self.changed(self.statements, found, source_id)
        return found

    def keep(self, found: Resolution) -> None:
        fresh = pl.concat([found.new_instruments, found.changed_instruments])
        assert fresh["instrument_id"].is_unique().all()
        kept = self.instruments.join(fresh, on="instrument_id", how="anti")
        self.instruments = pl.concat([kept, fresh], how="diagonal").sort("instrument_id")

    @staticmethod
    def changed(known: pl.DataFrame, found: Resolution, source_id: int) -> pl.DataFrame:
        mine = found.listings.with_columns(source_id=pl.lit(source_id, pl.Int16))
        return pl.concat([known.filter(pl.col("source_id") != source_id), mine], how="diagonal")

    def ranges(self) -> list[tuple[object, ...]]:
        shown = self.instruments.select("instrument_id", "symbol", "valid_from", "valid_to")
        return [(n, s, str(a), str(b)) for n, s, a, b in shown.iter_rows()]


def ids(found: Resolution) -> list[int]:
    return found.mapping["instrument_id"].to_list()


def test_stock_and_coin_of_one_ticker_never_meet() -> None:
    catalog = Catalog()
    catalog.take(1, listing("COMP", "2021-12-01", "2023-01-02"))
    catalog.take(2, listing("COMPUSD", "2021-12-01", "2023-01-02", "COMP", COIN))
    assert catalog.instruments["asset_class"].to_list() == ["equity", "crypto"]
    assert catalog.take(3, listing("COMP-USD", "2022-01-01", "2022-02-01", "COMP", COIN)).mapping[
        "instrument_id"
    ].to_list() == [2]


def test_other_market_or_quote_is_another_instrument() -> None:
    catalog = Catalog()
    found = catalog.take(
        1,
        listing("BTCEUR", "2020-01-01", "2020-02-01", "BTC", COIN, "EUR"),
        listing("BTCUSD", "2020-01-01", "2020-02-01", "BTC", COIN, "USD"),
        listing("BTC", "2020-01-01", "2020-02-01"),
    )
    assert sorted(ids(found)) == [1, 2, 3]


def test_ids_follow_class_market_symbol_quote_and_start() -> None:
    catalog = Catalog()
    catalog.take(
        1,
        listing("ZZ", "2020-01-01", "2020-02-01"),
        listing("AA2", "2020-01-01", "2020-02-01", "AA"),
        listing("UNI", "2020-01-01", "2020-02-01", kind=COIN),
        listing("OLD", "2010-01-01", "2010-02-01", "ZZ"),
    )
    assert catalog.instruments["symbol"].to_list() == ["UNI", "AA", "ZZ", "ZZ"]
    assert [str(d) for d in catalog.instruments["valid_from"]][2:] == ["2010-01-01", "2020-01-01"]
    catalog.take(2, listing("BB", "2020-01-01", "2020-02-01"))
    assert catalog.ranges()[-1][:2] == (5, "BB"), "known ids never move"


def test_reused_ticker_is_two_companies() -> None:
    # Lean's fb.zip: another company until 2008, Facebook from 2012-05-18 (data MANIFEST).
    catalog = Catalog()
    found = catalog.take(
        1, listing("FB", "1999-09-29", "2008-07-01"), listing("FB", "2012-05-18", "2021-03-31")
    )
    assert ids(found) == [1, 2]
    assert found.proposals.select("problem", "valid_from", "instrument_id", "other_id").rows() == [
        ("gap", D("2012-05-18"), 2, 1)
    ]
    assert ids(catalog.take(2, listing("fb.us", "2013-02-08", "2018-02-07", "FB"))) == [2]
    assert ids(catalog.take(3, listing("FB", "2005-01-03", "2006-01-03"))) == [1]


@pytest.mark.parametrize(("days", "same"), [(0, True), (90, True), (91, False)])
def test_gap_decides(days: int, same: bool) -> None:
    catalog = Catalog()
    catalog.take(1, listing("X", "2020-01-01", "2020-03-01"))
    first = D("2020-03-01") + timedelta(days=days)
    found = catalog.take(2, listing("X", str(first), "2021-01-01"))
    assert ids(found) == ([1] if same else [2])
    assert found.proposals["problem"].to_list() == ([] if same else ["gap"])


def test_two_sources_of_one_instrument_widen_it() -> None:
    catalog = Catalog()
    catalog.take(1, listing("brk-b.us", "2010-01-04", "2018-01-02", "BRK.B"))
    catalog.take(2, listing("BRK/B", "2015-01-02", "2024-01-02", "BRK.B", name="Berkshire"))
    assert catalog.ranges() == [(1, "BRK.B", "2010-01-04", "2024-01-02")]
    assert catalog.instruments["name"].to_list() == ["Berkshire"]
    assert catalog.listings["valid_to"].to_list() == [D("2018-01-02"), D("2024-01-02")]


def test_listing_is_widened_and_never_narrowed() -> None:
    catalog = Catalog()
    catalog.take(1, listing("A", "2020-01-01", "2020-06-01"))
    grown = catalog.take(1, listing("A", "2020-03-01", "2020-06-02"))
    assert grown.mapping.rows() == [("A", D("2020-01-01"), D("2020-06-02"), 1)]
    narrow = catalog.take(1, listing("A", "2020-03-01", "2020-03-01"))
    assert not narrow.changed
    assert narrow.mapping.rows() == grown.mapping.rows()
    earlier = catalog.take(1, listing("A", "2019-12-01", "2019-12-31"))
    assert earlier.mapping.rows() == [("A", D("2019-12-01"), D("2020-06-02"), 1)]
    assert catalog.ranges() == [(1, "A", "2019-12-01", "2020-06-02")]


def test_symbols_not_mentioned_stay() -> None:
    catalog = Catalog()
    catalog.take(1, listing("A", "2020-01-01", "2020-06-01"))
    found = catalog.take(1, listing("B", "2020-01-01", "2020-06-01"))
    assert found.mapping["vendor_symbol"].to_list() == ["B"]
    assert catalog.listings["vendor_symbol"].to_list() == ["A", "B"]


def test_known_listing_keeps_its_instrument_after_a_rename() -> None:
    catalog = Catalog()
    catalog.take(1, listing("FB", "2012-05-18", "2022-06-08"))
    found = catalog.take(1, listing("FB", "2012-05-18", "2022-06-09", "META"))
    assert ids(found) == [1]
    assert found.new_instruments.is_empty()


def test_vendor_symbol_taken_over_soon_by_another_company() -> None:
    catalog = Catalog()
    catalog.take(1, listing("X", "2020-01-01", "2020-06-01", "OLDCO"))
    found = catalog.take(1, listing("X", "2020-06-15", "2021-01-01", "NEWCO"))
    assert found.mapping.rows() == [
        ("X", D("2020-01-01"), D("2020-06-01"), 1),
        ("X", D("2020-06-15"), D("2021-01-01"), 2),
    ]


def test_real_tickers_that_look_like_nothing() -> None:
    catalog = Catalog()
    names = ["INF", "NA", "NAN", "NULL", "TRUE"]
    found = catalog.take(1, *(listing(n, "2020-01-01", "2020-02-01") for n in names))
    assert found.mapping["vendor_symbol"].to_list() == names
    assert catalog.instruments["symbol"].to_list() == names


def test_rerun_gives_identical_ids() -> None:
    catalog = Catalog()
    rows = [
        listing("FB", "1999-09-29", "2008-07-01"), listing("FB", "2012-05-18", "2021-03-31"),
        listing("COMP", "2012-05-18", "2021-03-31"),
        listing("COMPUSD", "2020-01-01", "2021-03-31", "COMP", COIN),
    ]  # fmt: skip
    first = catalog.take(1, *rows)
    before = (catalog.instruments, catalog.listings)
    again = catalog.take(1, *reversed(rows))
    assert not again.changed
    assert again.mapping.equals(first.mapping)
    assert catalog.instruments.equals(before[0])
    assert catalog.listings.equals(before[1])


def test_order_of_sources_may_change_ids_but_not_identities() -> None:
    one = [listing("A", "2020-01-01", "2020-02-01"), listing("C", "2020-01-01", "2020-02-01")]
    two = [
        listing("b", "2020-01-01", "2020-02-01", "B"),
        listing("c", "2020-01-15", "2020-03-01", "C"),
    ]
    there, back = Catalog(), Catalog()
    there.take(1, *one), there.take(2, *two)
    back.take(2, *two), back.take(1, *one)

    def groups(catalog: Catalog) -> set[frozenset[tuple[int, str]]]:
        grouped = catalog.listings.group_by("instrument_id").agg("source_id", "vendor_symbol")
        return {frozenset(zip(s, v, strict=True)) for _, s, v in grouped.iter_rows()}

    assert groups(there) == groups(back)
    assert frozenset({(1, "C"), (2, "c")}) in groups(there)
    key = ["symbol", "valid_from", "valid_to"]
    assert there.instruments.select(key).sort(key).equals(back.instruments.select(key).sort(key))


def test_chain_of_new_listings_is_one_instrument() -> None:
    found = Catalog().take(
        1,
        listing("X1", "2020-01-01", "2020-02-01", "X"),
        listing("X2", "2020-04-01", "2020-05-01", "X"),
        listing("X3", "2020-07-01", "2020-08-01", "X"),
    )
    assert ids(found) == [1, 1, 1]
    assert found.new_instruments.select("valid_from", "valid_to").rows() == [
        (D("2020-01-01"), D("2020-08-01"))
    ]


def test_bridge_between_two_instruments_takes_the_nearest_and_says_so() -> None:
    catalog = Catalog()
    catalog.take(1, listing("X", "2000-01-01", "2005-01-01"))
    catalog.take(2, listing("X", "2010-01-01", "2015-01-01"))
    found = catalog.take(3, listing("X", "2004-06-01", "2012-01-01"))
    assert ids(found) == [2], "two years shared with 2, seven months with 1"
    assert found.proposals["problem"].to_list() == ["bridge"]


def test_listing_is_not_widened_into_another_meaning() -> None:
    catalog = Catalog()
    catalog.take(
        1, listing("FB", "1999-09-29", "2008-07-01"), listing("FB", "2012-05-18", "2021-03-31")
    )
    found = catalog.take(1, listing("FB", "1999-01-04", "2021-04-01"))
    assert found.mapping.rows() == [
        ("FB", D("1999-09-29"), D("2008-07-01"), 1),
        ("FB", D("2008-07-02"), D("2021-04-01"), 2),
    ]
    assert found.proposals["problem"].to_list() == ["span"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([listing("A", "2020-02-01", "2020-01-01")], "ends before it starts"),
        ([(None, *listing("A", "2020-01-01", "2020-02-01")[1:])], "has a NULL"),
        (
            [listing("A", "2020-01-01", "2020-02-01"), listing("A", "2020-02-01", "2020-03-01")],
            "overlapping",
        ),
    ],
)
def test_impossible_listings_are_refused(rows: list[tuple[object, ...]], says: str) -> None:
    with pytest.raises(SchemaError, match=says):
        Catalog().take(1, *rows)


def test_missing_column_is_named() -> None:
    rows = frame([listing("A", "2020-01-01", "2020-02-01")]).drop("quote")
    with pytest.raises(SchemaError, match="quote"):
        resolve(tables.INSTRUMENTS.empty(), tables.LISTINGS.empty(), rows, 1)


def test_known_symbol_that_changes_its_class_is_refused() -> None:
    catalog = Catalog()
    catalog.take(1, listing("COMP", "2020-01-01", "2020-02-01"))
    with pytest.raises(SchemaError, match="known as equity/US and now comes as crypto/CRYPTO"):
        catalog.take(1, listing("COMP", "2020-01-01", "2020-02-01", kind=COIN))


def test_no_listings_change_nothing() -> None:
    catalog = Catalog()
    catalog.take(1, listing("A", "2020-01-01", "2020-02-01"))
    found = catalog.take(1)
    assert not found.changed
    assert found.mapping.is_empty()


def test_first_name_is_taken_and_kept() -> None:
    catalog = Catalog()
    catalog.take(1, listing("A", "2020-01-01", "2020-02-01"))
    catalog.take(1, listing("A", "2020-01-01", "2020-02-01", name="Alpha"))
    catalog.take(1, listing("A", "2020-01-01", "2020-02-02", name="Beta"))
    assert catalog.instruments["name"].to_list() == ["Alpha"]


def test_known_listings_are_quick() -> None:
    rows = [listing(f"S{n}", "2020-01-01", "2020-02-01") for n in range(10_000)]
    catalog = Catalog()
    catalog.take(1, *rows)
    known = frame(rows)
    start = time.process_time()
    for _ in range(5):
        assert not resolve(catalog.instruments, catalog.listings, known, 1).changed
    assert time.process_time() - start < 5, "0.02 s a call when measured"


def test_gap_is_sixty_sessions() -> None:
    # 60 sessions = 12 weeks = 84 days, and up to 4 exchange holidays with their weekends.
    assert 84 < MAX_GAP_DAYS <= 92
