"""FRED and ALFRED: interest rates and economic series with every vintage, by key.

One row per observation date and the day a value was first published; "." is NULL. Values stay in
the series' own unit (rates in percent a year). Which series are fetched is the tracked list's.
"""

from fundplatform.sources.fred.profile import PROFILE, vendor_symbol
from fundplatform.sources.fred.source import Fred

__all__ = ["PROFILE", "Fred", "vendor_symbol"]
