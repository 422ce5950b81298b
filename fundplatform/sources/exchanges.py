"""Exchanges that come through ccxt: one entry each makes it a source of daily bars.

The name is the source's. `market_id` is the exchange's own spelling of a pair; without it ccxt
loads the exchange's list of markets before each fetch. How bars are asked for is
`web/ccxt_source.py`'s.
"""

from datetime import date

from fundplatform.sources.web.exchange import Exchange
from fundplatform.sources.web.profile import Rate

EXCHANGES = (
    Exchange(
        name="binance",
        base_url="https://api.binance.com",
        title="Binance spot",
        market_id="{base}{quote}",
        start=date(2017, 8, 17),
        limit=1000,
        # 6,000 weight a minute and address, 2 a request: far above what daily bars need.
        rates=(Rate(10, 1.0),),
        check=("/api/v3/ping", {}),
        # Where it answers 451 (restricted place), this host serves the same.
        elsewhere="https://data-api.binance.vision",
    ),
    Exchange("okx", "https://www.okx.com", "OKX spot", "{base}-{quote}", date(2018, 1, 11)),
    Exchange(
        "bybit", "https://api.bybit.com", "Bybit spot", "{base}{quote}", date(2021, 7, 5), 1000
    ),
    Exchange(
        "bitstamp",
        "https://www.bitstamp.net",
        "Bitstamp",
        "{base_lower}{quote_lower}",
        date(2011, 8, 18),
        1000,
        "USD",
    ),
)
BY_NAME = {exchange.name: exchange for exchange in EXCHANGES}
