"""Return bases: prices that carry their dividends give total returns and are labelled so."""

import polars as pl

from fundplatform.assets.series import with_basis


def test_dividend_adjusted_prices_are_a_total_return() -> None:
    prices = pl.DataFrame({"source_id": [1, 2, 3], "adjustment": ["none", "split", "split_div"]})
    returns = pl.DataFrame({"source_id": [1, 2, 3], "instrument_id": [7, 8, 9]})
    found = dict(with_basis(returns, prices).select("instrument_id", "return_basis").iter_rows())
    assert found == {7: "price", 8: "price", 9: "gross_total"}
