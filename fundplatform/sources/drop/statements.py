"""What a fund's own statement says: iShares CSV, SPDR workbook, Form N-PORT -> a table of text.

Layouts with a preamble or a tree, which `cells.py` cannot read as a rectangle. In: one file's name
and bytes. Out: the canonical columns of kind holdings as a `Table`, for `typed.py` to read. The
N-PORT elements are read by `sources/sec_edgar/nport.py`, a workbook by `workbook.py`.
"""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import polars as pl

from fundplatform.sources.drop.cells import ROW, Table
from fundplatform.sources.drop.files import Unreadable, stem
from fundplatform.sources.drop.typed import Style
from fundplatform.sources.drop.workbook import first_sheet

ISHARES, NPORT, SPDR = "ishares", "nport", "spdr"
STATEMENTS = (ISHARES, NPORT, SPDR)
KNOWN_AFTER = {ISHARES: 1, NPORT: 60, SPDR: 1}
"""Days from the positions to the public: the next day, of the SEC's form 60 days after."""

_STYLES = {
    ISHARES: Style(None, "UTC", ".", ("-", "--"), {"weight": 0.01}),
    NPORT: Style(None, "UTC", ".", (), {}),
    SPDR: Style(None, "UTC", ".", ("-", "--"), {"weight": 0.01}),
}
# The file's column -> the canonical one; the currency a holding trades in goes before the fund's.
_ISHARES_COLUMNS = {
    "ticker": "Ticker",
    "name": "Name",
    "sector": "Sector",
    "asset_category": "Asset Class",
    "market_value": "Market Value",
    "weight": "Weight (%)",
    "country": "Location",
    "currency": "Market Currency",
    "isin": "ISIN",
    "cusip": "CUSIP",
}
# Of stocks today, of stocks in older files, of bonds.
_ISHARES_BALANCES = ("Quantity", "Shares", "Par Value")
_SPDR_COLUMNS = {
    "ticker": "Ticker",
    "name": "Name",
    "sector": "Sector",
    "weight": "Weight",
    "balance": "Shares Held",
    "currency": "Local Currency",
}
_ISIN_LENGTH, _CUSIP_LENGTH = 12, 9
_NUMBERS = ("market_value", "weight", "balance")
_FUND = re.compile(r"[A-Za-z0-9.]+")


def style_of(layout: str) -> Style:
    """How the cells of a statement's table are written."""
    return _STYLES[layout]


def fund_in(name: str) -> str:
    """The fund that a file is named like: IVV_holdings.csv, spy_20201130.csv.gz.

    Raises:
        Unreadable: The name does not begin with a ticker.
    """
    found = _FUND.match(stem(name))
    if not found:
        raise Unreadable("does not begin with the fund's ticker. Name it like IVV_holdings.csv")
    return found[0].upper()


def read_statement(layout: str, name: str, content: bytes) -> Table:
    """One file's positions.

    Args:
        layout: One of STATEMENTS.
        name: The file's name; an iShares file is named like its fund.
        content: Its bytes.

    Raises:
        Unreadable: It is no such statement, or cut off.
    """
    if layout == SPDR:
        return _spdr(content)
    return _ishares(name, content) if layout == ISHARES else _nport(content)


def _ishares(name: str, content: bytes) -> Table:
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(f"is no UTF-8 text: {error}. Save it as UTF-8") from error
    lines = [[c.strip() for c in line] for line in csv.reader(text.splitlines())]
    as_of = next((line[1] for line in lines if line[0:1] == ["Fund Holdings as of"]), None)
    starts = (n for n, line in enumerate(lines) if "Weight (%)" in line and "Name" in line)
    head = next(starts, None)
    if as_of is None or head is None:
        raise Unreadable(
            "has no line 'Fund Holdings as of' or no header with 'Weight (%)'. "
            "Download the fund's holdings as CSV again"
        )
    columns = lines[head]
    # A blank line ends the table; below it stands the disclaimer.
    end = next((n for n in range(head + 1, len(lines)) if not any(lines[n])), len(lines))
    rows = lines[head + 1 : end]
    day = _day(as_of)
    found: dict[str, list[str | None]] = {"symbol": [fund_in(name)] * len(rows)}
    found["as_of"] = [day] * len(rows)
    balance = next((name for name in _ISHARES_BALANCES if name in columns), "")
    for canonical, column in (*_ISHARES_COLUMNS.items(), ("balance", balance)):
        place = columns.index(column) if column in columns else None
        found[canonical] = [_cell(row, place, canonical) for row in rows]
    wrong = [
        (n, f"{len(row)} cells instead of {len(columns)}")
        for n, row in enumerate(rows, 1)
        if len(row) != len(columns)
    ]
    return _table(found, wrong)


def _spdr(content: bytes) -> Table:
    """The workbook names the fund and the day above the table; a blank row ends it."""
    lines = [[c.strip() for c in line] for line in first_sheet(content)]
    told = {line[0].rstrip(":"): line[1] for line in lines if len(line) > 1}
    starts = (n for n, line in enumerate(lines) if {"Name", "Ticker", "Weight"} <= set(line))
    head = next(starts, None)
    fund, as_of = told.get("Ticker Symbol"), told.get("Holdings", "")
    if head is None or not fund or not as_of:
        raise Unreadable(
            "has no 'Ticker Symbol:', no 'Holdings:' or no header with Name, Ticker and Weight. "
            "Download the fund's daily holdings again"
        )
    columns = lines[head]
    end = next((n for n in range(head + 1, len(lines)) if not any(lines[n])), len(lines))
    rows = lines[head + 1 : end]
    found: dict[str, list[str | None]] = {"symbol": [fund.upper()] * len(rows)}
    found["as_of"] = [_day(as_of.removeprefix("As of ").strip())] * len(rows)
    for canonical, column in _SPDR_COLUMNS.items():
        place = columns.index(column) if column in columns else None
        found[canonical] = [_cell(row, place, canonical) for row in rows]
    place = columns.index("Identifier") if "Identifier" in columns else None
    marks = [_cell(row, place, "identifier") or "" for row in rows]
    found["isin"] = [m if len(m) == _ISIN_LENGTH else None for m in marks]
    found["cusip"] = [m if len(m) == _CUSIP_LENGTH else None for m in marks]
    return _table(found, [])


def _cell(row: Sequence[str], place: int | None, canonical: str) -> str | None:
    if place is None or place >= len(row):
        return None
    text = row[place]
    return text.replace(",", "") if canonical in _NUMBERS else text


def _day(text: str) -> str:
    for form in ("%b %d, %Y", "%d/%b/%Y", "%d-%b-%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    raise Unreadable(f"has holdings as of {text!r}, which is no date like Jan 03, 2025. Correct it")


def _nport(content: bytes) -> Table:
    # The readers of the web sources are only needed where there is such a file.
    from fundplatform.sources.sec_edgar.nport import parse_report
    from fundplatform.sources.web.failures import VendorError

    try:
        report = parse_report(content)
    except VendorError as error:
        raise Unreadable(f"is no whole Form N-PORT: {error.problem}") from error
    who = report.series or (f"CIK{report.cik}" if report.cik else None)
    if who is None:
        raise Unreadable("names neither series nor registrant. Fetch it again")
    rows = report.rows.with_columns(
        pl.col(ROW).cast(pl.UInt32()),
        symbol=pl.lit(who),
        as_of=pl.lit(report.as_of),
        net_assets=pl.lit(report.net_assets),
    )
    broken = [
        (int(number), str(reason))
        for number, reason in report.rejected.select(ROW, "reason").iter_rows()
    ]
    return Table(rows, tuple(broken), rows.height + len(broken), _originals(rows))


def _table(columns: Mapping[str, Sequence[str | None]], wrong: list[tuple[int, str]]) -> Table:
    frame = pl.DataFrame(dict(columns), schema=dict.fromkeys(columns, pl.String()))
    frame = frame.with_row_index(ROW, 1)
    good = frame.filter(~pl.col(ROW).is_in([n for n, _ in wrong]))
    return Table(good, tuple(wrong), frame.height, _originals(frame))


def _originals(frame: pl.DataFrame) -> Callable[[Sequence[int]], list[str]]:
    """Row numbers -> these rows as JSON."""

    def original(numbers: Sequence[int]) -> list[str]:
        wanted = frame.filter(pl.col(ROW).is_in(list(numbers)))
        found = {row.pop(ROW): json.dumps(row, default=str) for row in wanted.to_dicts()}
        return [found.get(number, "{}") for number in numbers]

    return original
