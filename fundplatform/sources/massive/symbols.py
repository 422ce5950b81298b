"""Massive's tickers and the canonical symbols, both ways.

Massive tells kinds of securities apart by small letters: ABRpD is a preferred line, XYZw is traded
when issued, XYZr is a right; classes stand after a dot, as here (BRK.B).
"""

import re

from fundplatform import symbols

_LINES = {"p": ".PR", "w": ".WI", "r": ".RT"}
_MARKED = re.compile(r"([A-Z0-9.]+)([pwr])([A-Z]?)")
_CANONICAL = re.compile(r"(.+?)\.(PR|WI|RT)(?:\.([A-Z]))?")


def canonical(ticker: str) -> str:
    """The canonical symbol: BRK.B stays, ABRpD -> ABR.PR.D, XYZw -> XYZ.WI.

    Raises:
        ConfigError: The ticker is empty.
    """
    found = _MARKED.fullmatch(ticker)
    if not found:
        return symbols.equity(ticker)
    stem, mark, series = found.groups()
    return f"{stem}{_LINES[mark]}" + (f".{series}" if series else "")


def vendor_symbol(symbol: str, quote: str = "USD") -> str:
    """Massive's ticker of a canonical symbol; the reverse of `canonical`. All quotes are USD."""
    found = _CANONICAL.fullmatch(symbol)
    if not found:
        return symbol
    stem, line, series = found.groups()
    marks = {text: mark for mark, text in _LINES.items()}
    return f"{stem}{marks[f'.{line}']}{series or ''}"
