"""The rows of a fetch take the instruments of their listings; none may be without."""

import polars as pl
import pytest

from fundplatform.errors import SchemaError
from fundplatform.sources.base import Batch, Kind
from fundplatform.storage.instruments_of_rows import attach_instruments
from fundplatform.storage.outputs import Load
from fundplatform_tests.storage.frames import MONDAY, SPEC, TUESDAY, bars, listings

MAPPING = pl.DataFrame(
    [("AAA", 1, MONDAY), ("FB", 2, MONDAY), ("FB", 3, TUESDAY)],
    schema={"vendor_symbol": pl.String, "instrument_id": pl.Int32, "valid_from": pl.Date},
    orient="row",
)


def load(*symbols: str) -> Load:
    days = [MONDAY, TUESDAY]
    rows = pl.concat(
        bars(*((0, day, 2.0) for day in days)).with_columns(vendor_symbol=pl.lit(symbol))
        for symbol in symbols
    )
    listed = listings(*((symbol, MONDAY, TUESDAY) for symbol in symbols))
    return Load(SPEC, Kind.OHLCV, Batch(rows.drop("instrument_id", "source_id")), listed)


def test_a_symbol_that_changed_hands_means_the_one_of_its_day() -> None:
    rows = attach_instruments(load("AAA", "FB"), MAPPING)
    found = rows.select("session", "instrument_id").sort("instrument_id", "session").rows()
    assert found == [(MONDAY, 1), (TUESDAY, 1), (MONDAY, 2), (TUESDAY, 3)]


def test_a_row_whose_symbol_has_no_listing_is_an_error_with_its_name() -> None:
    with pytest.raises(SchemaError, match=r"no listing for \['ZZZ'\] of source paper"):
        attach_instruments(load("AAA", "ZZZ"), MAPPING)
