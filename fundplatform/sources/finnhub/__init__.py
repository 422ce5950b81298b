"""Finnhub: daily bars of tracked US stocks, share counts and company profiles, by key."""

from fundplatform.sources.finnhub.profile import PROFILE
from fundplatform.sources.finnhub.source import Finnhub

__all__ = ["PROFILE", "Finnhub"]
