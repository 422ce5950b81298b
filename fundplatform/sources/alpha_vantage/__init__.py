"""Alpha Vantage: daily bars of tracked US stocks as traded; 25 calls a day, by key."""

from fundplatform.sources.alpha_vantage.profile import PROFILE
from fundplatform.sources.alpha_vantage.source import AlphaVantage, vendor_symbol

__all__ = ["PROFILE", "AlphaVantage", "vendor_symbol"]
