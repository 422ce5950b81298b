"""Yahoo's facts of a fund: expense ratio, net assets, category, family.

In: the bytes of one quoteSummary. Out: one row. Yahoo gives no date of its facts: they hold for
the day of the snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from fundplatform.sources.web.columns import not_finite, number, split
from fundplatform.sources.web.records import changed, document

MODULES = "quoteType,fundProfile,summaryDetail,defaultKeyStatistics"
FUNDS = {"ETF": "etf", "MUTUALFUND": "mutual_fund"}
LARGEST_RATIO = 0.25
"""An expense ratio above it is a percentage by mistake."""

_TEXTS = ("name", "category", "issuer")
_NUMBERS = ("inception", "expense_ratio", "category_ratio", "aum")


@dataclass(frozen=True)
class Facts:
    """One summary: Yahoo's quoteType, and for funds a row and perhaps a reject."""

    kind: str
    rows: pl.DataFrame
    rejected: pl.DataFrame


def parse_facts(body: bytes) -> Facts:
    """The facts of a summary with MODULES.

    An expense ratio equal to the category's average is left out (see `segments.US`).

    Returns:
        Columns of raw.fund_facts that Yahoo knows; no row for what is no fund.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    summary = document("yahoo", body).get("quoteSummary")
    results = summary.get("result") if isinstance(summary, dict) else None
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise changed("yahoo", "field quoteSummary.result", "is missing or empty")
    found: dict[str, object] = results[0]
    kind = _module(found, "quoteType").get("quoteType")
    if not isinstance(kind, str):
        raise changed("yahoo", "field quoteType.quoteType", "is missing or no text")
    given = _given(found, kind)
    good, rejected = split(
        given,
        {
            **{f"{name} is no number": not_finite(name) for name in _NUMBERS},
            "expense_ratio is no decimal": ~number("expense_ratio").is_between(0, LARGEST_RATIO),
            "aum is negative": number("aum") < 0,
        },
    )
    ratio = number("expense_ratio")
    is_own = number("category_ratio").is_null() | (ratio != number("category_ratio"))
    rows = good.select(
        "row_number",
        "name",
        "category",
        "issuer",
        "currency",
        fund_type=pl.lit(FUNDS.get(kind)),
        inception=pl.from_epoch(number("inception").cast(pl.Int64()), "s").dt.date(),
        expense_ratio=pl.when(is_own).then(ratio),
        aum=number("aum"),
    )
    return Facts(kind, rows, rejected)


def _given(found: Mapping[str, object], kind: str) -> pl.DataFrame:
    """The facts as texts; no row for what is no fund."""
    quote, detail = _module(found, "quoteType"), _module(found, "summaryDetail")
    profile, statistics = _module(found, "fundProfile"), _module(found, "defaultKeyStatistics")
    fees = _inner(profile, "feesExpensesInvestment")
    peers = _inner(profile, "feesExpensesInvestmentCat")
    if kind in FUNDS and not profile:
        raise changed("yahoo", "field fundProfile", "is missing")
    row = {
        "name": quote.get("longName") or quote.get("shortName"),
        "category": profile.get("categoryName") or statistics.get("category"),
        "issuer": profile.get("family") or statistics.get("fundFamily"),
        "currency": detail.get("currency"),
        "inception": statistics.get("fundInceptionDate"),
        "expense_ratio": fees.get("annualReportExpenseRatio"),
        "category_ratio": peers.get("annualReportExpenseRatio"),
        # fundProfile.totalNetAssets is in millions, and older.
        "aum": detail.get("totalAssets") or statistics.get("totalAssets"),
    }
    texts = {name: _text(name, value) for name, value in row.items()}
    frame = pl.DataFrame([texts], dict.fromkeys(row, pl.String()))
    return frame.with_row_index("row_number", offset=1).filter(pl.lit(kind in FUNDS))


def _text(name: str, value: object) -> str | None:
    """A text or number, or Yahoo's {"raw": number, "fmt": text}, as text."""
    plain = value.get("raw") if isinstance(value, dict) else value
    if plain is None or isinstance(plain, str):
        return plain or None
    if isinstance(plain, bool) or not isinstance(plain, (int, float)):
        raise changed("yahoo", f"field {name}", f"is of another type: {type(plain).__name__}")
    return repr(plain)


def _module(found: Mapping[str, object], name: str) -> dict[str, object]:
    value = found.get(name) or {}
    if not isinstance(value, dict):
        raise changed("yahoo", f"field {name}", "is no object")
    return value


def _inner(module: Mapping[str, object], name: str) -> dict[str, object]:
    return _module(module, name)
