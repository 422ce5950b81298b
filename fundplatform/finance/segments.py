"""One name per sector and country, however a report or a vendor spells it.

In: text. Out: the eleven GICS sectors, ISO 3166-1 alpha-2 codes. Which of several statements about
a security is believed is `look_through.py`'s.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

UNKNOWN = "(unknown)"
CASH = "Cash and derivatives"

# Vendors' words for the GICS sectors (Nasdaq, Yahoo, Morningstar, iShares); lower case.
_SECTORS = {
    "Communication Services": ("communication services", "communication", "communications",
                               "telecommunications", "telecommunication services"),
    "Consumer Discretionary": ("consumer discretionary", "consumer cyclical"),
    "Consumer Staples": ("consumer staples", "consumer defensive"),
    "Energy": ("energy",),
    "Financials": ("financials", "finance", "financial", "financial services"),
    "Health Care": ("health care", "healthcare"),
    "Industrials": ("industrials",),
    "Information Technology": ("information technology", "technology"),
    "Materials": ("materials", "basic materials"),
    "Real Estate": ("real estate", "realestate"),
    "Utilities": ("utilities",),
    CASH: ("cash and/or derivatives", "cash", "cash and derivatives"),
    # N-PORT says what kind of issuer it is; of a company that is no sector.
    "Government": ("ust", "usga", "usgse", "nuss", "treasuries", "sovereign", "government"),
    "Municipal": ("mun", "municipal"),
}  # fmt: skip
_NO_SECTOR = ("", "-", "corp", "pf", "rf", "other", "n/a", "unassigned", "miscellaneous")
_MORE_COUNTRIES = {
    "united kingdom": "GB", "great britain": "GB", "south korea": "KR", "korea": "KR",
    "korea (republic of)": "KR", "republic of korea": "KR", "russian federation": "RU",
    "czechia": "CZ", "viet nam": "VN", "usa": "US", "united states of america": "US",
    "ivory coast": "CI", "macao": "MO", "t\u00fcrkiye": "TR", "turkiye": "TR",
}  # fmt: skip


def sectors(stated: list[str]) -> Mapping[str, str | None]:
    """Each text's sector; None where it says nothing, the text itself where it is another name."""
    known = {word: name for name, words in _SECTORS.items() for word in words}
    plain = {text: text.strip().lower() for text in stated}
    return {
        text: None if word in _NO_SECTOR else known.get(word, text.strip())
        for text, word in plain.items()
    }


def countries(stated: list[str]) -> Mapping[str, str | None]:
    """Each text's ISO 3166-1 alpha-2 code; None where it says nothing, itself where unknown."""
    return {text: _country(text.strip()) for text in stated}


def _country(text: str) -> str | None:
    if text in ("", "-", "--", "XX", "N/A"):
        return None
    codes = _codes()
    return text.upper() if text.upper() in codes.values() else codes.get(text.lower(), text)


def country_codes() -> list[str]:
    """All of ISO 3166-1 alpha-2."""
    return sorted(set(_codes().values()))


@cache
def _codes() -> Mapping[str, str]:
    """Country name in lower case -> code, as the time zone database lists them."""
    table = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8")
    pairs = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {name.lower(): code for code, name in pairs} | _MORE_COUNTRIES
