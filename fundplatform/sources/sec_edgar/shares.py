"""Shares outstanding out of EDGAR's XBRL interface: when measured, when first filed.

In: the bytes of one company concept. Out: one row a measurement and value.
"""

import polars as pl

from fundplatform.sources.sec_edgar.profile import NAME, filed_at
from fundplatform.sources.web.columns import day, not_finite, number, split, texts
from fundplatform.sources.web.records import changed, document, rows_of

CONCEPTS = ("dei/EntityCommonStockSharesOutstanding", "us-gaap/CommonStockSharesOutstanding")
"""In order of preference: the cover page, else the balance sheet."""

_FIELDS = ("end", "val", "filed", "accn", "form")


def concept_path(cik: int, concept: str) -> str:
    """The address of one concept of one company."""
    return f"/api/xbrl/companyconcept/CIK{cik:010d}/{concept}.json"


def parse_concept(body: bytes) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The facts of a company concept in the unit `shares`.

    A fact that later filings repeat stands once, with the day of the first; a later filing that
    states another number than the one before it for the same day is a row of its own.

    Returns:
        `row_number`, `measured_on`, `known_at` (UTC), `shares`; and rejects.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the field.
    """
    units = document(NAME, body).get("units")
    if not isinstance(units, dict):
        raise changed(NAME, "field units", "is missing")
    if "shares" not in units:
        raise changed(NAME, "field units", f"has {sorted(units)} and not shares")
    return parse_facts(rows_of(NAME, units, "shares"))


def parse_facts(facts: list[object]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """See `parse_concept`; the list of facts itself."""
    given = texts(NAME, facts, _FIELDS).with_columns(measured_on=day("end"), filed_on=day("filed"))
    good, rejected = split(
        given,
        {
            "end is no date": pl.col("measured_on").is_null(),
            "filed is no date": pl.col("filed_on").is_null(),
            "filed lies before end": pl.col("filed_on") < pl.col("measured_on"),
            "val is no number": pl.col("val").is_null() | not_finite("val"),
            "val is not positive": number("val") <= 0,
        },
    )
    if given.height > 1 and good.is_empty():
        raise changed(NAME, "field end, filed or val", "can be read in no row")
    ordered = good.with_columns(shares=number("val")).sort("filed_on", "row_number")
    before = pl.col("shares").shift().over("measured_on")
    first = ordered.filter(pl.col("shares").ne_missing(before))
    rows = first.select("row_number", "measured_on", "shares", known_at=filed_at("filed_on"))
    return rows, rejected
