"""Form N-PORT: what a fund held, out of a filing's XML; and the list of a fund's filings.

In: the bytes of a filing or of EDGAR's Atom list. Out: typed rows. Which filings are asked for is
`source.py`'s.
"""

from dataclasses import dataclass
from datetime import date
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import polars as pl

from fundplatform.sources.sec_edgar.profile import NAME
from fundplatform.sources.web.columns import day, not_finite, number, split
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import changed

LIST = "/cgi-bin/browse-edgar"
PAGE = 100
"""Filings in a list at most."""
FORMS = ("NPORT-P", "NPORT-P/A")
# What filers write where they have nothing.
_NOTHING = ["N/A", "NA", "NONE", "XXXX", "000000000", "00000000", ""]
_DIRECTIONS = {"Long": "long", "Short": "short"}
_COLUMNS = (
    *("name", "title", "ticker", "isin", "cusip", "lei", "asset_category", "sector", "country"),
    *("currency", "balance", "units", "value", "percent", "direction"),
)

_ELEMENTS = {"value": "valUSD", "percent": "pctVal"}
_Cells = tuple[str | None, ...]


@dataclass(frozen=True)
class Filing:
    """One filing of a fund: its accession number, form and day."""

    accession: str
    form: str
    filed_on: date

    def path(self, cik: int) -> str:
        """The address of its XML."""
        return f"/Archives/edgar/data/{cik}/{self.accession.replace('-', '')}/primary_doc.xml"


@dataclass(frozen=True)
class Report:
    """What a filing says.

    Attributes:
        as_of: Day of the positions.
        series: Series id; None where the fund has no series.
        series_name: Name of the series, else of the registrant.
        cik: Registrant.
        net_assets: USD.
        rows: Positions: row_number, line, and columns of raw.holdings.
        rejected: Positions that cannot be read.
    """

    as_of: date
    series: str | None
    series_name: str | None
    cik: int | None
    net_assets: float
    rows: pl.DataFrame
    rejected: pl.DataFrame


def list_params(series_or_cik: str, start: int) -> dict[str, str]:
    """The parameters of a page of a fund's filings, newest first."""
    return {
        "action": "getcompany",
        "CIK": series_or_cik,
        "type": "NPORT-P",
        "dateb": "",
        "owner": "include",
        "start": str(start),
        "count": str(PAGE),
        "output": "atom",
    }


def parse_list(body: bytes) -> list[Filing]:
    """The filings of an Atom list, in its order, of whatever form.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the element.
    """
    root = _tree(body)
    found = []
    for entry in root.findall(".//{*}entry"):
        content = entry.find("{*}content")
        source = entry if content is None else content
        number_, filed = (_text(source, n) for n in ("accession-number", "filing-date"))
        form = _text(source, "filing-type") or ""
        if number_ is None or filed is None:
            raise changed(NAME, "element accession-number or filing-date", "is missing")
        found.append(Filing(number_, form, _day(filed, "filing-date")))
    return found


def parse_report(body: bytes) -> Report:
    """A filing's `primary_doc.xml`.

    Raises:
        VendorError: TRUNCATED or SCHEMA_CHANGED, naming the element.
    """
    root = _tree(body)
    info, fund = root.find(".//{*}genInfo"), root.find(".//{*}fundInfo")
    if info is None or fund is None:
        raise changed(NAME, "element genInfo or fundInfo", "is missing")
    stated = _needed(info, "repPdDate")
    assets = pl.Series([_needed(fund, "netAssets")]).cast(pl.Float64(), strict=False)[0]
    if assets is None:
        raise changed(NAME, "element netAssets", "is no number")
    positions = root.findall(".//{*}invstOrSecs/{*}invstOrSec")
    rows, rejected = _positions(positions, _cash(fund, float(assets)))
    cik = _text(info, "regCik")
    return Report(
        as_of=_day(stated, "repPdDate"),
        series=_text(info, "seriesId"),
        series_name=_text(info, "seriesName") or _text(info, "regName"),
        cik=int(cik) if cik and cik.isdigit() else None,
        net_assets=float(assets),
        rows=rows,
        rejected=rejected,
    )


def _cash(fund: Element, net_assets: float) -> list[_Cells]:
    """The cash that stands in neither schedule, as a position after the others; none where it is 0.

    It is a share of net assets as any position; the form leaves the percentage to the reader.
    """
    stated = _text(fund, "cshNotRptdInCorD")
    amount = pl.Series([stated]).cast(pl.Float64(), strict=False)[0]
    if stated is None or amount == 0:
        return []
    percent = None if amount is None or not net_assets else repr(100 * amount / net_assets)
    told = dict(name="Cash", asset_category="CASH", currency="USD", value=stated, percent=percent)
    return [tuple(told.get(column) for column in _COLUMNS)]


def _positions(found: list[Element], cash: list[_Cells]) -> tuple[pl.DataFrame, pl.DataFrame]:
    cells = [_cells(position) for position in found]
    for name in ("value", "percent"):
        place = _COLUMNS.index(name)
        if found and all(position[place] is None for position in cells):
            raise changed(NAME, f"element {_ELEMENTS[name]}", "is missing")
    given = pl.DataFrame(
        cells + cash, dict.fromkeys(_COLUMNS, pl.String()), orient="row"
    ).with_row_index("row_number", offset=1)
    names = ("name", "title", "ticker", "isin", "cusip", "lei")
    given = given.with_columns(
        pl.when(pl.col(n).str.to_uppercase().is_in(_NOTHING))
        .then(None)
        .otherwise(pl.col(n))
        .alias(n)
        for n in names
    )
    good, rejected = split(
        given,
        {
            "valUSD is missing": pl.col("value").is_null(),
            "valUSD is no number": not_finite("value"),
            "pctVal is no number": not_finite("percent"),
            "balance is no number": not_finite("balance"),
        },
    )
    if given.height > 1 and good.is_empty():
        raise changed(NAME, "element valUSD or pctVal", "is a number in no position")
    rows = good.select(
        "row_number",
        pl.col("row_number").cast(pl.Int32()).alias("line"),
        *names,
        "asset_category",
        "sector",
        "country",
        "currency",
        "units",
        balance=number("balance"),
        market_value=number("value"),
        weight=number("percent") / 100,
        direction=pl.col("direction").replace_strict(_DIRECTIONS, default=None),
    )
    return rows, rejected


def _cells(position: Element) -> _Cells:
    identifiers = position.find("{*}identifiers")
    marks = {"isin": None, "ticker": None} if identifiers is None else _marks(identifiers)
    return (
        _text(position, "name"),
        _text(position, "title"),
        marks["ticker"],
        marks["isin"],
        _text(position, "cusip"),
        _text(position, "lei"),
        _text(position, "assetCat") or _attribute(position, "assetConditional", "assetCat"),
        _text(position, "issuerCat") or _attribute(position, "issuerConditional", "issuerCat"),
        _text(position, "invCountry"),
        _text(position, "curCd") or _attribute(position, "currencyConditional", "curCd"),
        _text(position, "balance"),
        _text(position, "units"),
        _text(position, "valUSD"),
        _text(position, "pctVal"),
        _text(position, "payoffProfile"),
    )


def _marks(identifiers: Element) -> dict[str, str | None]:
    return {name: _attribute(identifiers, name, "value") for name in ("isin", "ticker")}


def _attribute(parent: Element, child: str, name: str) -> str | None:
    found = parent.find(f"{{*}}{child}")
    text = None if found is None else found.get(name)
    return (text or "").strip() or None


def _text(parent: Element, child: str) -> str | None:
    """Its text, blanks removed; None where there is no such child or nothing in it."""
    return (parent.findtext(f"{{*}}{child}") or "").strip() or None


def _needed(parent: Element, child: str) -> str:
    text = _text(parent, child)
    if text is None:
        raise changed(NAME, f"element {child}", "is missing")
    return text


def _day(text: str, name: str) -> date:
    found = pl.DataFrame({name: [text[:10]]}).select(day(name)).item()
    if not isinstance(found, date):
        raise changed(NAME, f"element {name}", f"is no date: {text[:40]}")
    return found


def _tree(body: bytes) -> Element:
    if b"<!DOCTYPE" in body[:4096]:
        raise changed(NAME, "the answer", "is a web page or declares entities, not plain XML")
    try:
        # No DOCTYPE, so no entity can expand. Some filings begin with an empty line.
        return ElementTree.fromstring(body.lstrip())  # noqa: S314
    except ElementTree.ParseError as error:
        problem = f"the XML ends early or is damaged ({error})"
        raise VendorError(NAME, Failure.TRUNCATED, problem, "Fetch it again") from None
