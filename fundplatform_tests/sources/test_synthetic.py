"""The synthetic source keeps the contract, and a larger market only adds to a smaller one."""

import hashlib
from datetime import UTC, date, datetime
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import ConfigError, SourceError
from fundplatform.sources.base import Kind
from fundplatform.sources.synthetic import Synthetic
from fundplatform.sources.synthetic.plan import companies
from fundplatform_tests.sources.contract import NOW, Facts, SourceContract
from fundplatform_tests.sources.synthetic_plan import (
    END,
    QUARTERS,
    START,
    actions,
    alive,
    bars,
    make,
    priced,
    refused,
    total,
    weekdays,
    whole,
)

LABEL = "synthetic 1 ohlcv seed=7 symbols=40 2015-01-02..2017-12-29"


@pytest.fixture(scope="module")
def market() -> Synthetic:
    return make()


class TestSynthetic(SourceContract):
    facts: ClassVar = {
        Kind.OHLCV: Facts(
            rows=total(bars) + total(refused),
            rejected=total(refused),
            # 40 slots, two of them late listings, on the first five weekdays.
            first=date(2015, 1, 2),
            last=date(2015, 1, 8),
            count=5 * 38,
            row={
                "vendor_symbol": "SYN0001",
                "session": date(2015, 1, 2),
                "close": companies(7, 1)[0].price,
                "payload_hash": hashlib.sha256(LABEL.encode()).hexdigest(),
            },
        ),
        Kind.CORPORATE_ACTIONS: Facts(
            rows=total(actions),
            first=START,
            last=END,
            count=total(actions),
            row={"vendor_symbol": "SYN0004", "action": "split", "ratio": 0.1},
        ),
        Kind.SHARES: Facts(
            rows=total(lambda company: alive(company, QUARTERS)),
            first=START,
            last=END,
            count=total(lambda company: alive(company, QUARTERS)),
            row={
                "vendor_symbol": "SYN0001",
                "measured_on": date(2015, 3, 31),
                "known_at": datetime(2015, 5, 10, 22, tzinfo=UTC),
                "shares": companies(7, 1)[0].shares,
            },
        ),
        # January 2015 ends on a Friday.
        Kind.MARKET_CAPS: Facts(
            rows=total(priced),
            first=date(2015, 1, 2),
            last=date(2015, 1, 31),
            count=38,
            row={
                "vendor_symbol": "SYN0001",
                "session": date(2015, 1, 30),
                "known_at": datetime(2015, 1, 30, 22, tzinfo=UTC),
                "currency": "USD",
            },
            empty=(date(2015, 2, 1), date(2015, 2, 26)),
        ),
        # 781 weekdays in three years, three currencies.
        Kind.FX: Facts(
            rows=3 * 781,
            first=date(2015, 1, 2),
            last=date(2015, 1, 2),
            count=3,
            row={"vendor_symbol": "XSAUSD", "vintage": date(2015, 1, 2)},
            empty=(date(2015, 1, 3), date(2015, 1, 4)),
        ),
    }

    def make(self) -> Synthetic:
        return make()

    def sessions(self, calendar: str, first: date, last: date) -> list[date]:
        return weekdays(calendar, first, last)


def test_it_says_that_it_is_not_real(market: Synthetic) -> None:
    assert "not real" in market.spec.title
    assert set(whole(market, Kind.OHLCV)["vendor_symbol"].str.head(3)) == {"SYN"}


@pytest.mark.parametrize("kind", list(make().spec.kinds))
def test_more_symbols_change_nothing(market: Synthetic, kind: Kind) -> None:
    small = whole(make(symbols=20), kind).drop("payload_hash")
    kept = small["vendor_symbol"].unique().implode()
    large = whole(market, kind).filter(pl.col("vendor_symbol").is_in(kept)).drop("payload_hash")
    assert large.equals(small)


@pytest.mark.parametrize("kind", [Kind.OHLCV, Kind.MARKET_CAPS, Kind.FX])
def test_more_sessions_only_add(market: Synthetic, kind: Kind) -> None:
    short = make(end=date(2016, 2, 10))
    expected = whole(short, kind).drop("payload_hash")
    longer = market.fetch(kind, START, short.end, now=NOW).rows.drop("payload_hash")
    assert longer.equals(expected)
    assert expected.height > 0


def test_another_seed_is_another_market(market: Synthetic) -> None:
    mine, other = (whole(m, Kind.OHLCV)["close"].head(38) for m in (market, make(seed=8)))
    assert not mine.equals(other)


def test_a_kind_it_lacks_is_an_error(market: Synthetic) -> None:
    with pytest.raises(SourceError, match="it has no trades"):
        market.fetch(Kind.TRADES, START, END, now=NOW)


def test_the_exchange_calendar_is_the_default() -> None:
    """Christmas 2015 is a weekday without bars."""
    source = Synthetic(2, date(2015, 12, 21), date(2015, 12, 31))
    days = sorted(set(whole(source, Kind.OHLCV)["session"]))
    assert days == [date(2015, 12, d) for d in (21, 22, 23, 24, 28, 29, 30, 31)]


@pytest.mark.parametrize("arguments", [(0, START, END), (5, END, START)])
def test_an_empty_market_is_an_error(arguments: tuple[int, date, date]) -> None:
    with pytest.raises(ConfigError, match="make no market"):
        Synthetic(*arguments)
