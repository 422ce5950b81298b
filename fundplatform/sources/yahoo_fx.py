"""Yahoo Finance's currency pairs through yfinance: daily bars, without a key.

Requests, limits and parsing are those of `yahoo`; its calendar is its own (`yahoo/segments.py`).
"""

from dataclasses import replace
from functools import partial

from fundplatform.sources import yahoo
from fundplatform.sources.yahoo.segments import FX
from fundplatform.sources.yahoo.segments import fx_symbol as vendor_symbol

__all__ = ["PROFILE", "make", "vendor_symbol"]

PROFILE = replace(yahoo.PROFILE, name=FX.spec.name)
make = partial(yahoo.Yahoo, segment=FX)
