"""Yahoo Finance through yfinance: bars, splits, dividends and fund facts, without a key.

One source per calendar (`segments.py`): a source's bars are all of one calendar. `yahoo` is US
stocks, ETFs and funds.
"""

from fundplatform.sources.yahoo.profile import PROFILE
from fundplatform.sources.yahoo.segments import US, vendor_symbol
from fundplatform.sources.yahoo.source import Yahoo

__all__ = ["PROFILE", "US", "Yahoo", "vendor_symbol"]
