"""Stated and paid total returns in one series. How prices become them: assets/test_series.py."""

from datetime import date

import polars as pl

from fundplatform.finance.joined_returns import joined


def test_before_the_first_payment_the_other_prices_mend_no_break() -> None:
    """The stated series breaks on the 3rd; payments are known from the 5th on."""
    stated = rows((1, None), (2, 0.1), (3, None), (4, 0.2))
    paid = rows((2, None), (3, 0.5), (4, 0.3), (5, 0.4)).with_columns(paid_since=date(2024, 1, 5))
    found = joined(stated, paid)
    assert found["session"].dt.day().to_list() == [1, 2, 3, 4, 5]
    assert found["ret"].round(12).to_list() == [None, 0.1, None, 0.2, 0.4]
    earlier = joined(stated, paid.with_columns(paid_since=date(2024, 1, 2)))
    assert earlier["ret"].round(12).to_list() == [None, 0.1, 0.5, 0.2, 0.4]


def rows(*returns: tuple[int, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(7, date(2024, 1, day), ret, 1.0) for day, ret in returns],
        {"instrument_id": pl.Int32, "session": pl.Date, "ret": pl.Float64, "growth": pl.Float64},
        orient="row",
    )
