"""Exported files read back as other programs do: any format, to rows of one set of types.

In: a file and the types that its columns have. Out: dicts. What should stand in them is the tests'.
"""

import csv
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl

Rows = list[dict[str, object]]
_SERIAL = datetime(1899, 12, 30, tzinfo=UTC)


def read_back(path: Path, schema: Mapping[str, pl.DataType]) -> Rows:
    """The rows of a file, by the ending of its name."""
    ending = path.suffix
    if ending == ".parquet":
        return pl.read_parquet(path).to_dicts()
    if ending == ".json":
        stated: Sequence[Mapping[str, object]] = json.loads(path.read_text("utf-8"))["rows"]
    elif ending == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            stated = list(csv.DictReader(line for line in lines if not line.startswith("# ")))
    else:
        stated = _sheet(path)
    return [{n: _typed(v, schema[n], ending) for n, v in row.items()} for row in stated]


def _sheet(path: Path) -> list[dict[str, object]]:
    with zipfile.ZipFile(path) as book:
        lines = ET.fromstring(book.read("xl/worksheets/sheet1.xml"))[0]  # noqa: S314  (our own)
    head, *rest = [["".join(cell.itertext()) for cell in line] for line in lines]
    return [dict(zip(head, row, strict=True)) for row in rest]


def _typed(value: object, dtype: pl.DataType, ending: str) -> object:
    if value is None or value == "":
        return None
    text = str(value)
    if dtype.is_float():
        return float(text)
    if dtype.is_integer():
        return int(text)
    if isinstance(dtype, pl.Boolean):
        return text.lower() in ("true", "1")
    if ending == ".xlsx" and dtype.is_temporal():
        at = _SERIAL + timedelta(seconds=round(float(text) * 86400))
        return at if isinstance(dtype, pl.Datetime) else at.date()
    if isinstance(dtype, pl.Datetime):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    return date.fromisoformat(text) if isinstance(dtype, pl.Date) else text
