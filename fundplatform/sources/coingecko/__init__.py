"""CoinGecko: market caps by UTC day and circulating supply of coins, with a demo key.

Prices are not taken: CoinGecko's are averages over exchanges, not trades.
"""

from fundplatform.sources.coingecko.profile import PROFILE, vendor_symbol
from fundplatform.sources.coingecko.source import Coingecko

__all__ = ["PROFILE", "Coingecko", "vendor_symbol"]
