"""The canonical columns of every kind that a drop folder may bring, and how their cells are read.

The vocabulary of `columns:` in a source.yaml. What a file calls them stands in the source.yaml;
the tables they end up in stand in `fundplatform/tables.py`.
"""

from typing import Literal

from fundplatform.sources.base import Kind

Role = Literal["text", "number", "whole", "date", "instant"]

_WHO: dict[str, Role] = {"symbol": "text", "name": "text"}
_OBSERVATION: dict[str, Role] = {
    **_WHO,
    "quote": "text",
    "session": "date",
    "vintage": "date",
    "value": "number",
}

COLUMNS: dict[Kind, dict[str, Role]] = {
    Kind.OHLCV: {
        **_WHO,
        "quote": "text",
        "session": "date",
        "bar_open_at": "instant",
        "open": "number",
        "high": "number",
        "low": "number",
        "close": "number",
        "volume": "number",
        "vwap": "number",
        "trade_count": "whole",
    },
    Kind.TRADES: {
        **_WHO,
        "quote": "text",
        "traded_at": "instant",
        "price": "number",
        "volume": "number",
        "trade_id": "whole",
    },
    Kind.FX: _OBSERVATION,
    Kind.RATES: _OBSERVATION,
    Kind.ECONOMIC: _OBSERVATION,
    Kind.CORPORATE_ACTIONS: {
        **_WHO,
        "action": "text",
        "ex_date": "date",
        "ratio": "number",
        "amount": "number",
        "currency": "text",
        "other": "text",
        "reference": "text",
    },
    Kind.SHARES: {**_WHO, "measured_on": "date", "shares": "number"},
    Kind.MARKET_CAPS: {**_WHO, "session": "date", "market_cap": "number"},
    Kind.FUND_FACTS: {
        **_WHO,
        "effective_on": "date",
        "fund_type": "text",
        "category": "text",
        "issuer": "text",
        "share_class": "text",
        "series": "text",
        "inception": "date",
        "expense_ratio": "number",
        "gross_expense_ratio": "number",
        "aum": "number",
        "currency": "text",
        "active": "text",
        "reference": "text",
    },
    Kind.HOLDINGS: {
        **_WHO,
        "as_of": "date",
        "line": "whole",
        "title": "text",
        "ticker": "text",
        "isin": "text",
        "cusip": "text",
        "lei": "text",
        "asset_category": "text",
        "sector": "text",
        "country": "text",
        "currency": "text",
        "balance": "number",
        "units": "text",
        "market_value": "number",
        "value_currency": "text",
        "weight": "number",
        "direction": "text",
        "net_assets": "number",
        "reference": "text",
    },
}
"""Kind -> canonical column -> how its cells are read."""

NEEDED: dict[Kind, tuple[str, ...]] = {
    Kind.OHLCV: ("close",),
    Kind.TRADES: ("traded_at", "price", "volume"),
    Kind.FX: ("session", "value"),
    Kind.RATES: ("session", "value"),
    Kind.ECONOMIC: ("session", "value"),
    Kind.CORPORATE_ACTIONS: ("action", "ex_date"),
    Kind.SHARES: ("measured_on", "shares"),
    Kind.MARKET_CAPS: ("market_cap",),
    Kind.FUND_FACTS: ("effective_on",),
    Kind.HOLDINGS: ("as_of", "weight"),
}
"""Columns without which a file of that kind is of no use (besides the symbol and the time)."""

ALIASES = {"symbol": ("ticker",), "session": ("date",), "bar_open_at": ("timestamp", "time")}
"""Names that a file may use without a line in `columns:`; letter case never matters."""


_FUND_ALIASES = {
    "symbol": ("fund",),
    "as_of": ("date",),
    "effective_on": ("date",),
    "ticker": ("holding",),
}


def spellings(canonical: str, kind: Kind) -> tuple[str, ...]:
    """The names that a column has without a line in `columns:`, best first."""
    # In a list of holdings `ticker` is what is held, not the fund.
    names = _FUND_ALIASES if kind in (Kind.HOLDINGS, Kind.FUND_FACTS) else ALIASES
    return (canonical, *names.get(canonical, ()))


def numbers(kind: Kind) -> tuple[str, ...]:
    """The columns that `units:` may scale."""
    return tuple(name for name, role in COLUMNS[kind].items() if role == "number")
