"""A ledger as a picture of text: a line per source, kind and year, a character per month."""

from collections.abc import Iterable
from datetime import date

import polars as pl

from fundplatform import gaps
from fundplatform.automation.gap_ledger import Ledger

LEGEND = ". complete   1-9 tenths missing   # all missing   (blank) nothing expected"
_EXPECTED = (gaps.State.PRESENT, *gaps.WANTED)


def heat_map(found: Iterable[Ledger], first: date = date.min, last: date = date.max) -> str:
    """Per source, kind and year twelve months; missing = unfetched, vendor_missing or rejected."""
    lines = [f"{'source':<18} {'kind':<18} year  JFMAMJJASOND  missing"]
    for ledger in found:
        for year, months in sorted(_years(ledger, first, last).items()):
            row = "".join(_glyph(*months.get(m, (0, 0))) for m in range(1, 13))
            lacking = sum(missing for _, missing in months.values())
            name = ledger.source.spec.name
            lines.append(f"{name:<18} {ledger.kind!s:<18} {year}  {row}  {lacking:>7,}")
    return "\n".join([*lines, LEGEND])


def _years(ledger: Ledger, first: date, last: date) -> dict[int, dict[int, tuple[int, int]]]:
    """Year -> month -> (expected, missing) sessions of all listings."""
    counted = (
        ledger.cells.filter(
            pl.col("state").is_in([str(s) for s in _EXPECTED])
            & pl.col("session").is_between(first, last)
        )
        .group_by(pl.col("session").dt.year().alias("y"), pl.col("session").dt.month().alias("m"))
        .agg(pl.len(), missing=(pl.col("state") != gaps.State.PRESENT).sum())
    )
    years: dict[int, dict[int, tuple[int, int]]] = {}
    for year, month, expected, missing in counted.iter_rows():
        years.setdefault(year, {})[month] = (expected, missing)
    return years


def _glyph(expected: int, missing: int) -> str:
    if not expected:
        return " "
    if not missing:
        return "."
    if missing == expected:
        return "#"
    return str(min(9, -(-10 * missing // expected)))
