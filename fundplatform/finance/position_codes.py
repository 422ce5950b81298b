"""Which ISIN a position has: as stated, made of its CUSIP, or told by other positions.

In: rows of raw.holdings. Out: the same with `_code`, `_cusip`, `_lei`, `_ticker`, `_quote` and
`_told`. Which instrument a code means is `positions.py`'s.
"""

import re
from collections.abc import Collection
from datetime import timedelta

import polars as pl

from fundplatform import symbols
from fundplatform.errors import ConfigError

SLACK = timedelta(days=90)
"""How far from its own reports a ticker still means the same."""
_NOTHING = ("", "-", "N/A", "NA", "NONE", "XXXX")
_NO_TICKER = ("N/A", "#N/A")
"""NA, NONE and TRUE are tickers."""
_CLASS = re.compile(r"[A-Z]+\.[A-Z]")
_WITH_CUSIP = ("US", "CA")
"""Countries whose ISIN is their prefix, the CUSIP and a check digit."""
# Elsewhere a ticker is two companies in one currency: SAN is Santander and Sanofi, in euro.
_ONE_MARKET = "USD"


def coded(rows: pl.DataFrame, listed: Collection[str]) -> pl.DataFrame:
    """Add the identifiers by which a position is known; what identifies nothing is NULL.

    Args:
        rows: Columns of raw.holdings and `_row`, unique.
        listed: Canonical symbols of instruments.

    Returns:
        The rows with `_code` (ISIN as stated, that of a US issuer's CUSIP, or the one ISIN that
        stands beside, or holds, the CUSIP), `_cusip`, `_lei`, `_ticker` (canonical), `_quote` and
        `_told` (the one ISIN that stood beside this ticker in USD within 90 days; NULL where the
        position has a code of its own).
    """
    spelled = _spelled(rows["ticker"].drop_nulls().unique().to_list(), listed)
    clean = rows.with_columns(
        _cusip=_known("cusip"),
        _lei=_known("lei"),
        _ticker=pl.col("ticker").replace_strict(spelled, return_dtype=pl.String()),
        _quote=pl.coalesce("currency", "value_currency"),
        _code=pl.when(_known("isin").str.len_bytes() == 12).then(_known("isin")),
    ).with_columns(_code=pl.coalesce("_code", _made()))
    inside = pl.when(pl.col("_code").str.slice(0, 2).is_in(_WITH_CUSIP)).then(
        pl.col("_code").str.slice(2, 9)
    )
    beside = clean.select(_cusip=pl.coalesce("_cusip", inside), _by_cusip="_code").drop_nulls()
    clean = clean.join(one_each(beside), on="_cusip", how="left").with_columns(
        _code=pl.coalesce("_code", "_by_cusip")
    )
    return clean.drop("_by_cusip").join(_told(clean), on="_row", how="left")


def one_each(pairs: pl.DataFrame) -> pl.DataFrame:
    """The two columns, for each of the first that has one value only in the second."""
    mark, value = pairs.columns
    found = pairs.unique().group_by(mark).agg(pl.col(value).first(), _n=pl.len())
    return found.filter(pl.col("_n") == 1).drop("_n")


def isin_of(cusip: str) -> str | None:
    """The ISIN of a US security out of its nine-character CUSIP, ISO 6166's check digit added."""
    text = f"US{cusip.upper()}"
    if len(text) != 11 or not text.isalnum() or not text.isascii():
        return None
    digits = "".join(str(int(c, 36)) for c in text)
    doubled = (int(d) * (1 + (n % 2 == 0)) for n, d in enumerate(reversed(digits)))
    return f"{text}{-sum(n // 10 + n % 10 for n in doubled) % 10}"


def market_ticker() -> pl.Expr:
    """The ticker where one market gives it out; else NULL."""
    return pl.when(pl.col("_quote") == _ONE_MARKET).then("_ticker")


def _made() -> pl.Expr:
    """The ISIN of the CUSIP of a US issuer."""
    american = pl.col("country").is_in(["US", "United States"])
    return pl.when(american).then(pl.col("_cusip").map_elements(isin_of, return_dtype=pl.String()))


def _told(rows: pl.DataFrame) -> pl.DataFrame:
    """_row, _told."""
    own = rows.with_columns(_ticker=market_ticker())
    spans = (
        own.drop_nulls(["_ticker", "_code"])
        .group_by("_ticker", _told="_code")
        .agg(_first=pl.col("as_of").min(), _last=pl.col("as_of").max())
    )
    asking = own.filter(pl.all_horizontal(pl.col("_code", "_cusip").is_null()))
    found = asking.select("_row", "_ticker", "as_of").join(spans, on="_ticker").filter(
        pl.col("as_of").is_between(pl.col("_first") - SLACK, pl.col("_last") + SLACK)
    )  # fmt: skip
    return one_each(found.select("_row", "_told"))


def _known(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars().str.to_uppercase()
    return pl.when(~text.is_in(_NOTHING) & ~text.str.contains("^0+$")).then(text)


def _spelled(tickers: Collection[str], listed: Collection[str]) -> dict[str, str | None]:
    """Each ticker's canonical spelling; None where it says nothing.

    Some write a share class without its dot (BRKB): where the ticker is not listed as it stands,
    it is the class that is listed, or that a report has.
    """
    found = {ticker: _canonical(ticker) for ticker in tickers}
    classes = {s for s in {*listed, *found.values()} if s and _CLASS.fullmatch(s)}
    dotted = {symbol.replace(".", ""): symbol for symbol in classes}
    return {t: s if s in listed else dotted.get(s or "", s) for t, s in found.items()}


def _canonical(ticker: str) -> str | None:
    text = ticker.strip().upper()
    if text in _NO_TICKER or not any(c.isalnum() for c in text):
        return None
    try:
        return symbols.equity(text)
    except ConfigError:
        return None
