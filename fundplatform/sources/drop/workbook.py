"""The first sheet of an Excel workbook (.xlsx) as text: no more of it than a table needs.

In: the file's bytes. Out: rows of cells. Which rows are a table is for `statements.py`; sheets are
written by `fundplatform/export_xlsx.py`.
"""

import io
import re
import zipfile
import zlib
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from fundplatform.sources.drop.files import Unreadable

_LARGEST = 200_000_000
"""Bytes of a part once unpacked: a sheet of a million cells has a fifth of it."""
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_PLACE = re.compile(r"([A-Z]+)\d+")


def first_sheet(content: bytes) -> list[list[str]]:
    """The rows of the first sheet; an empty cell is "", and so is one that was not written.

    Raises:
        Unreadable: No workbook, or one that is cut off.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            shared = _shared(archive)
            sheet = _part(archive, _first(archive))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, ElementTree.ParseError) as error:
        raise Unreadable(f"is no whole Excel workbook: {error}. Download it again") from error
    rows: list[list[str]] = []
    for row in sheet.iter(f"{_MAIN}row"):
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            place = _column(cell.get("r"), len(cells))
            cells += [""] * (place + 1 - len(cells))
            cells[place] = _text(cell, shared)
        rows.append(cells)
    return rows


def _part(archive: zipfile.ZipFile, name: str) -> Element:
    if archive.getinfo(name).file_size > _LARGEST:
        raise Unreadable(f"has a sheet of more than {_LARGEST:,} bytes. Save it as CSV")
    body = archive.read(name)
    if b"<!DOCTYPE" in body[:1000]:
        raise Unreadable("has a document type, which no workbook needs. Save it as CSV")
    return ElementTree.fromstring(body)  # noqa: S314  # no DOCTYPE, so no entity can expand


def _first(archive: zipfile.ZipFile) -> str:
    """The path of the first sheet."""
    sheet = next(_part(archive, "xl/workbook.xml").iter(f"{_MAIN}sheet"), None)
    if sheet is None:
        raise Unreadable("is a workbook without a sheet. Download it again")
    for link in _part(archive, "xl/_rels/workbook.xml.rels"):
        if link.get("Id") == sheet.get(_LINK):
            target = link.get("Target", "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise KeyError(f"sheet {sheet.get('name')}")


def _shared(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    items = _part(archive, "xl/sharedStrings.xml").iter(f"{_MAIN}si")
    return ["".join(t.text or "" for t in item.iter(f"{_MAIN}t")) for item in items]


def _text(cell: Element, shared: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(t.text or "" for t in cell.iter(f"{_MAIN}t"))
    value = cell.findtext(f"{_MAIN}v", "")
    return shared[int(value)] if cell.get("t") == "s" and value else value


def _column(place: str | None, following: int) -> int:
    """The 0-based column of a cell named like B5; without a name, the one that follows."""
    found = _PLACE.fullmatch(place or "")
    if not found:
        return following
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1
