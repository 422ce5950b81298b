"""Kraken's public REST: daily bars (the newest 720 only) and trades, without a key. Day = UTC."""

from fundplatform.sources.kraken.profile import PROFILE, vendor_symbol
from fundplatform.sources.kraken.source import Kraken

__all__ = ["PROFILE", "Kraken", "vendor_symbol"]
