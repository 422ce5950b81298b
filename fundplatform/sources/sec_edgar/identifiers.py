"""EDGAR's ticker files: ticker <-> CIK of companies, and CIK, series and class of funds.

In: the bytes of the two files. Out: one frame of identifiers by canonical ticker.
"""

import polars as pl

from fundplatform import symbols
from fundplatform.sources.sec_edgar.profile import NAME
from fundplatform.sources.web.records import changed, document, rows_of

IDENTIFIERS = pl.Schema(
    {
        "row_number": pl.Int64(),
        "symbol": pl.String(),
        "cik": pl.Int64(),
        "name": pl.String(),
        "exchange": pl.String(),
        "series": pl.String(),
        "share_class": pl.String(),
    }
)
"""By canonical ticker; companies have no series and class, funds no name and exchange."""

_COMPANY = {"ticker": "symbol", "cik": "cik", "name": "name", "exchange": "exchange"}
_FUND = {"symbol": "symbol", "cik": "cik", "seriesId": "series", "classId": "share_class"}


def parse_companies(body: bytes) -> pl.DataFrame:
    """IDENTIFIERS out of `company_tickers_exchange.json`.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    return _table(body, _COMPANY)


def parse_funds(body: bytes) -> pl.DataFrame:
    """IDENTIFIERS out of `company_tickers_mf.json`.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    return _table(body, _FUND)


def _table(body: bytes, wanted: dict[str, str]) -> pl.DataFrame:
    """A JSON object with the names in `fields` and the rows in `data`."""
    found = document(NAME, body)
    fields, data = rows_of(NAME, found, "fields"), rows_of(NAME, found, "data")
    missing = [name for name in wanted if name not in fields]
    if missing:
        raise changed(NAME, f"field {missing[0]}", "is missing")
    if not all(isinstance(row, list) and len(row) == len(fields) for row in data):
        raise changed(NAME, "a row of data", f"has not {len(fields)} fields")
    columns = {}
    for vendor, own in wanted.items():
        place = fields.index(vendor)
        values = [row[place] for row in data if isinstance(row, list)]
        types = {type(value) for value in values} - {type(None)}
        expected = int if own == "cik" else str
        if types - {expected}:
            raise changed(NAME, f"field {vendor}", f"is no longer {expected.__name__}")
        columns[own] = pl.Series(own, values, IDENTIFIERS[own])
    frame = pl.DataFrame(columns).with_row_index("row_number", offset=1)
    named = frame.filter(pl.col("symbol").str.strip_chars() != "", pl.col("cik").is_not_null())
    spelled = {text: symbols.equity(text) for text in named["symbol"]}
    return named.select(
        (pl.col(n) if n in named.columns else pl.lit(None)).cast(t).alias(n)
        for n, t in IDENTIFIERS.items()
    ).with_columns(pl.col("symbol").replace_strict(spelled, return_dtype=pl.String()))
