"""Massive (formerly Polygon.io): US stocks, ETFs and their corporate actions.

Bars by whole days or by symbol, splits, dividends, delistings, renames, shares outstanding.
"""

from fundplatform.sources.massive.profile import PROFILE
from fundplatform.sources.massive.source import Massive
from fundplatform.sources.massive.symbols import vendor_symbol

__all__ = ["PROFILE", "Massive", "vendor_symbol"]
