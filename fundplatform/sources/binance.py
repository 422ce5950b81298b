"""Binance spot through ccxt: daily bars, 1,000 a request, without a key.

Where Binance answers 451 (restricted place), its public data host serves the same:
FUNDPLATFORM_BINANCE_URL=https://data-api.binance.vision.
"""

from datetime import date
from functools import partial

from fundplatform.sources.web.ccxt_source import CcxtSource
from fundplatform.sources.web.exchange import Exchange
from fundplatform.sources.web.profile import Rate

EXCHANGE = Exchange(
    name="binance",
    base_url="https://api.binance.com",
    title="Binance spot",
    market_id="{base}{quote}",
    start=date(2017, 8, 17),
    limit=1000,
    # 6,000 weight a minute and address, 2 a request: far above what daily bars need.
    rates=(Rate(10, 1.0),),
    check=("/api/v3/ping", {}),
)
PROFILE = EXCHANGE.profile
vendor_symbol = EXCHANGE.vendor_symbol
make = partial(CcxtSource, exchange=EXCHANGE)
