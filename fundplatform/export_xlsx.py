"""A sheet of Excel, written as it streams: numbers, dates, text; a second sheet says what it is.

In: frames. Out: the zip of XML that Office Open XML wants, no more than a table needs. Formulas are
never written: text stays text.
"""

import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import IO
from xml.sax.saxutils import escape

import polars as pl

from fundplatform.errors import ConfigError

MOST_ROWS = 1_048_575
"""Below the header."""
_SPACE = "http://schemas.openxmlformats.org"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = f'xmlns="{_SPACE}/spreadsheetml/2006/main"'
_LINK = f"{_SPACE}/officeDocument/2006/relationships"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PLAIN = 'fontId="0" fillId="0" borderId="0"'
_OPEN = f"{_HEAD}<worksheet {_MAIN}><sheetData>"
_CLOSE = "</sheetData></worksheet>"
# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EPOCH = date(1899, 12, 30)
# Excel holds 1900 for a leap year; from here on its numbers are days since `_EPOCH`.
_SAFE = date(1900, 3, 1)
_FILES = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_SPACE}/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet2.xml" ContentType="{_KIND}.worksheet+xml"/>'
        "</Types>"
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{_SPACE}/package/2006/relationships"><Relationship Id="rId1" '
        f'Type="{_LINK}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook {_MAIN} xmlns:r="{_LINK}"><sheets><sheet name="data" sheetId="1" r:id="rId1"/>'
        '<sheet name="about" sheetId="2" r:id="rId2"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_SPACE}/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{_LINK}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{_LINK}/worksheet" Target="worksheets/sheet2.xml"/>'
        f'<Relationship Id="rId3" Type="{_LINK}/styles" Target="styles.xml"/></Relationships>'
    ),
    "xl/styles.xml": (
        f'<styleSheet {_MAIN}><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy-mm-dd"/>'
        '<numFmt numFmtId="165" formatCode="yyyy-mm-dd hh:mm:ss"/></numFmts>'
        '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        f'<cellStyleXfs count="1"><xf {_PLAIN} numFmtId="0"/></cellStyleXfs>'
        f'<cellXfs count="3"><xf {_PLAIN} numFmtId="0" xfId="0"/>'
        f'<xf {_PLAIN} numFmtId="164" xfId="0" applyNumberFormat="1"/>'
        f'<xf {_PLAIN} numFmtId="165" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>'
    ),
}


class _Zip(zipfile.ZipFile):
    def __del__(self) -> None:
        """One that was not closed is thrown away with its file: nothing is written into it."""


class XlsxSink:
    """Rows in the sheet `data`, what they are in the sheet `about`."""

    def __init__(self, into: IO[bytes], schema: pl.Schema, about: Mapping[str, object]) -> None:
        """Write the fixed parts and the header.

        Raises:
            ConfigError: More rows than a sheet can hold.
        """
        count = about.get("rows")
        if isinstance(count, int) and count > MOST_ROWS:
            raise ConfigError(
                "--format xlsx",
                None,
                f"{count:,} rows, and a sheet holds {MOST_ROWS:,}",
                "Take --format parquet or csv, or fewer sessions",
            )
        self._about = about
        self._zip = _Zip(into, "w", zipfile.ZIP_DEFLATED)
        for name, text in _FILES.items():
            self._zip.writestr(name, _HEAD + text)
        self._sheet = self._zip.open("xl/worksheets/sheet1.xml", "w")
        self._sheet.write((_OPEN + _row(schema.names())).encode())

    def add(self, frame: pl.DataFrame) -> None:
        """Write a batch."""
        self._sheet.write("".join(_row(row) for row in frame.iter_rows()).encode())

    def close(self) -> None:
        """End the sheet, write the other, and the zip's directory."""
        self._sheet.write(_CLOSE.encode())
        self._sheet.close()
        said = "".join(_row((key, value)) for key, value in self._about.items())
        self._zip.writestr("xl/worksheets/sheet2.xml", _OPEN + said + _CLOSE)
        self._zip.close()


def _row(values: Sequence[object]) -> str:
    return f"<row>{''.join(map(_cell, values))}</row>"


def _cell(value: object) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float) and abs(value) < float("inf"):
        return f"<c><v>{value!r}</v></c>"
    if isinstance(value, datetime) and value.date() >= _SAFE:
        naive = value.astimezone(UTC).replace(tzinfo=None)
        since = naive - datetime.combine(_EPOCH, datetime.min.time())
        return f'<c s="2"><v>{since.total_seconds() / 86400!r}</v></c>'
    if isinstance(value, date) and not isinstance(value, datetime) and value >= _SAFE:
        return f'<c s="1"><v>{(value - _EPOCH).days}</v></c>'
    text = escape(_UNWRITABLE.sub("", str(value)))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
