"""Caps are ranked in USD: a snapshot in another currency is not taken for one."""

from datetime import UTC, date, datetime

import polars as pl

from fundplatform import tables
from fundplatform.assets.catalog import tiers_of
from fundplatform.assets.index_caps import usable_caps
from fundplatform.assets.membership import membership
from fundplatform.assets.universe import members
from fundplatform.finance.index.fx import RATES
from fundplatform.finance.index_definition import IndexDefinition, Universe
from fundplatform.finance.returns import SCHEMA
from fundplatform.finance.tier_rules import load_rules

DAY = date(2024, 1, 31)
NO_RATES = RATES.to_frame()
ONE = pl.DataFrame(
    {
        "instrument_id": [1],
        "asset_class": ["equity"],
        "symbol": ["AAA"],
        "quote": ["USD"],
        "valid_from": [DAY],
    }
).cast({"instrument_id": pl.Int32})
IN_EURO = ONE.with_columns(quote=pl.lit("EUR"))


def caps(*currencies: str) -> pl.DataFrame:
    """Snapshots of instrument 1, one per currency."""
    rows = [
        (1, 1, datetime(2024, 1, 2, 22, n, tzinfo=UTC), date(2024, 1, 2), 3e13, currency)
        for n, currency in enumerate(currencies)
    ]
    own = tables.MARKET_CAPS.empty().drop(tables.MARKET_CAPS.stamps).schema
    return pl.DataFrame(rows, schema=own, orient="row")


def named(index: IndexDefinition, instruments: pl.DataFrame) -> pl.DataFrame:
    return members(index, instruments, membership(index, instruments, None, None))


def test_an_index_ranks_by_caps_in_usd_alone() -> None:
    index = IndexDefinition("top", "Top", Universe(), 1, "market_cap")
    found = usable_caps(caps("USD", "JPY"), named(index, ONE), index, NO_RATES)
    assert found["known_at"].dt.minute().to_list() == [0]
    # A USD cap cannot be carried by a price in euro.
    assert usable_caps(caps("USD", "EUR"), named(index, IN_EURO), index, NO_RATES).is_empty()
    # With a rate both can: 3e13 yen at 0.007 are 2.1e11 dollars.
    rates = pl.DataFrame([("JPY", date(2024, 1, 2), 0.007)], schema=NO_RATES.schema, orient="row")
    both = usable_caps(caps("USD", "JPY"), named(index, ONE), index, rates)
    assert both["market_cap"].to_list() == [3e13, 2.1e11]


def test_a_count_takes_the_rate_of_the_day_it_was_priced_on() -> None:
    """Measured at the end of the year, priced when it was filed: the close is of that day too."""
    index = IndexDefinition("top", "Top", Universe(), 1, "market_cap")
    filed = caps("JPY").with_columns(
        session=pl.lit(date(2023, 12, 29)), known_at=pl.lit(datetime(2024, 3, 1, 22, tzinfo=UTC))
    )
    days = {date(2023, 12, 29): 0.008, date(2024, 3, 1): 0.007, date(2024, 3, 4): 0.009}
    rates = pl.DataFrame(
        [("JPY", day, rate) for day, rate in days.items()], schema=NO_RATES.schema, orient="row"
    )
    found = usable_caps(filed, named(index, ONE), index, rates)
    assert found["market_cap"].to_list() == [3e13 * 0.007]


def tier_caps(currency: str, instruments: pl.DataFrame = ONE) -> list[float | None]:
    """The caps that the tiers of 25 sessions with a volume rest on."""
    days = pl.date_range(date(2023, 12, 20), DAY, eager=True)
    series = pl.DataFrame({"session": days.filter(days.dt.weekday() < 6)}).with_columns(
        instrument_id=1, source_id=1, close=10.0, dollar_volume=1e9, ret=0.0, growth=1.0
    )
    own = series.select(pl.col(n).cast(t) for n, t in SCHEMA.items())
    known = instruments.with_columns(valid_from=pl.lit(date(2023, 12, 20)))
    return tiers_of("24/5", own, known, caps(currency), load_rules())["market_cap"].to_list()


def test_tiers_take_caps_in_usd_alone() -> None:
    assert any(tier_caps("USD"))
    assert not any(tier_caps("JPY"))
    assert not any(tier_caps("USD", IN_EURO))
