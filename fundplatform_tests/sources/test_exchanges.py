"""Exchanges through ccxt besides Binance: the request as documented, the answer as documented.

Bodies are written by hand in the shape of each exchange's documentation; what all of them share is
tested on Binance (test_binance.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pytest

from fundplatform.sources.base import Kind
from fundplatform.sources.exchanges import BY_NAME, EXCHANGES
from fundplatform.sources.web.ccxt_source import CcxtSource
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.plan import Bound
from fundplatform_tests.sources.vendor_server import json
from fundplatform_tests.sources.web.wire import NOW, pair, reply, wired

# 2024-03-08 and 2024-03-09, 00:00 UTC, in ms.
MAR_8, MAR_9 = "1709856000000", "1709942400000"
FIRST, LAST = date(2024, 3, 8), date(2024, 3, 9)


@dataclass(frozen=True)
class Shown:
    """What an exchange is asked for 2024-03-08..09 of BTC, its answer, and its refusals."""

    path: str
    params: Mapping[str, str]
    body: object
    unknown: object
    limited: object
    quote: str = "USDT"
    limited_status: int = 200


def ohlc(stamp: str, first: str, close: str) -> dict[str, str]:
    prices = {"open": first, "high": "70000", "low": "66000", "close": close}
    return {"timestamp": stamp, "volume": "12.5", **prices}


SHOWN = {
    # Newest first; [ts, o, h, l, c, vol, volCcy, volCcyQuote, confirm].
    "okx": Shown(
        "/api/v5/market/candles",
        {
            "instId": "BTC-USDT",
            "bar": "1Dutc",
            "limit": "2",
            "before": "1709855999999",
            "after": "1710028799999",
        },
        {
            "code": "0",
            "msg": "",
            "data": [
                [MAR_9, "68300", "70000", "66000", "68400.5", "12.5", "12.5", "1", "1"],
                [MAR_8, "66800", "70000", "66000", "68300", "12.5", "12.5", "1", "1"],
            ],
        },
        {"code": "51001", "msg": "Instrument ID does not exist", "data": []},
        {"code": "50011", "msg": "Too Many Requests", "data": []},
    ),
    # Newest first; [start, o, h, l, c, volume, turnover].
    "bybit": Shown(
        "/v5/market/kline",
        {
            "symbol": "BTCUSDT",
            "category": "spot",
            "interval": "D",
            "start": MAR_8,
            "end": "1710028799999",
            "limit": "2",
        },
        {
            "retCode": 0,
            "retMsg": "OK",
            "result": {
                "symbol": "BTCUSDT",
                "category": "spot",
                "list": [
                    [MAR_9, "68300", "70000", "66000", "68400.5", "12.5", "1"],
                    [MAR_8, "66800", "70000", "66000", "68300", "12.5", "1"],
                ],
            },
        },
        {"retCode": 10001, "retMsg": "Not supported symbols", "result": {}},
        {"retCode": 10006, "retMsg": "Too many visits!", "result": {}},
    ),
    "bitstamp": Shown(
        "/api/v2/ohlc/btcusd/",
        {"step": "86400", "start": "1709856000", "end": "1710028799", "limit": "2"},
        {
            "data": {
                "pair": "BTC/USD",
                "ohlc": [ohlc(MAR_8[:10], "66800", "68300"), ohlc(MAR_9[:10], "68300", "68400.5")],
            }
        },
        {"status": "error", "reason": "Invalid pair", "code": "API0000"},
        {"status": "error", "reason": "Request rate limit exceeded.", "code": "400.002"},
        "USD",
        429,
    ),
}


def test_every_exchange_is_shown() -> None:
    assert {e.name for e in EXCHANGES} == {*SHOWN, "binance"}


@pytest.mark.parametrize("name", SHOWN)
def test_request_and_answer(name: str) -> None:
    exchange, shown = BY_NAME[name], SHOWN[name]
    btc = pair(f"BTC/{shown.quote}", "BTC", shown.quote)
    with wired(exchange.profile) as wire:
        wire.vendor.on(shown.path, json(shown.body))
        source = CcxtSource(wire.access(btc), exchange)
        plan = source.plan(Kind.OHLCV, FIRST, LAST, now=NOW)
        batch = source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW)
    assert [(r.path, dict(r.params)) for r in plan.requests] == [(shown.path, shown.params)]
    assert [(a.path, dict(a.params)) for a in wire.vendor.asked] == [(shown.path, shown.params)]
    values = ("session", "open", "high", "low", "close", "volume", "quote")
    assert batch.rows.select(values).rows() == [
        (FIRST, 66800.0, 70000.0, 66000.0, 68300.0, 12.5, shown.quote),
        (LAST, 68300.0, 70000.0, 66000.0, 68400.5, 12.5, shown.quote),
    ]
    assert batch.rejected.is_empty()


def test_the_plan_is_a_call_for_each_window() -> None:
    with wired(BY_NAME["binance"].profile) as wire:
        source = CcxtSource(wire.access(pair("BTC/USDT", "BTC", "USDT")), BY_NAME["binance"])
        plan = source.plan(Kind.OHLCV, date(2018, 1, 1), LAST, now=NOW)
    assert wire.vendor.asked == []
    # 2,260 days at 1,000.
    assert (len(plan.requests), plan.bound) == (3, Bound.AT_LEAST)
    assert {(r.path, r.params["symbol"]) for r in plan.requests} == {("/api/v3/klines", "BTCUSDT")}


@pytest.mark.parametrize("name", SHOWN)
def test_a_rate_limit_is_understood(name: str) -> None:
    shown = SHOWN[name]
    refusal = BY_NAME[name].classify(reply(shown.limited, shown.limited_status))
    assert refusal is not None
    assert refusal.failure is Failure.RATE_LIMITED


@pytest.mark.parametrize("name", ["okx"])
def test_an_unknown_pair_is_understood(name: str) -> None:
    refusal = BY_NAME[name].classify(reply(SHOWN[name].unknown))
    assert refusal is not None
    assert refusal.failure is Failure.UNKNOWN_SYMBOL


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e.name)
def test_ccxt_has_it_at_that_address(exchange: object) -> None:
    import ccxt

    assert BY_NAME[exchange.name] is exchange  # type: ignore[attr-defined]
    assert exchange.name in ccxt.exchanges  # type: ignore[attr-defined]
