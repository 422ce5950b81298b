"""Bytes of one table -> its cells: a frame with the file's own columns, and the rows that fail.

CSV and Parquet. Two ways through a CSV give the same frame: polars where the text is a clean
rectangle, the csv module row by row where it is not. What a cell means is for `typed.py`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl

from fundplatform.sources.drop import advice
from fundplatform.sources.drop.files import Unreadable

ROW = "row_number"
_LINE_END = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Table:
    """One table as read.

    Attributes:
        frame: The file's columns, text unless the file or the reader typed them, and ROW, the
            1-based number of the data row (blank lines do not count).
        broken: Row number and reason of the rows that do not fit the columns.
        count: Data rows in all.
        original: Row numbers -> these rows as read, JSON.
    """

    frame: pl.DataFrame
    broken: tuple[tuple[int, str], ...]
    count: int
    original: Callable[[Sequence[int]], list[str]]


@dataclass(frozen=True)
class Format:
    """How a delimited file is written.

    Attributes:
        delimiter: One character.
        header: Whether the first line names the columns; else they are called 1, 2, 3, ...
        width: Columns of a file without header; None: those of its first lines.
    """

    delimiter: str = ","
    header: bool = True
    width: int | None = None


def read_parquet(content: bytes) -> Table:
    """A Parquet file's rows, in its own types.

    Raises:
        Unreadable: Damaged or cut off.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Unreadable(f"is no whole Parquet file: {error}. Fetch it again") from error

    def original(numbers: Sequence[int]) -> list[str]:
        picked = frame[[n - 1 for n in numbers]]
        return [json.dumps(row, default=str) for row in picked.iter_rows(named=True)]

    return Table(frame.with_row_index(ROW, 1), (), frame.height, original)


def read_delimited(content: bytes, form: Format, numbers: Callable[[str], bool]) -> Table:
    """A delimited text's rows.

    Args:
        content: UTF-8 text, with or without byte order mark.
        form: How it is written.
        numbers: Tells from a column's name whether to try reading it as numbers at once.

    Raises:
        Unreadable: Not UTF-8, or no line.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    names, body = _named(content, form)
    frame = _at_once(body, form.delimiter, names, {n for n in names if numbers(n)})
    if frame is None:
        return _row_by_row(body, form.delimiter, names)

    @cache
    def lines() -> list[list[str]]:
        return _rows(body, form.delimiter)

    def original(numbers: Sequence[int]) -> list[str]:
        return [_json(names, lines()[n - 1]) for n in numbers]

    return Table(frame.with_row_index(ROW, 1), (), frame.height, original)


def _named(content: bytes, form: Format) -> tuple[list[str], bytes]:
    if form.header:
        end = _LINE_END.search(content)
        first, body = (content[: end.start()], content[end.end() :]) if end else (content, b"")
        names = [name.strip() for row in _rows(first, form.delimiter) for name in row]
        if not any(names):
            raise Unreadable("has no header line. Write: header: false and columns: [...]")
        return _unique(names), body
    head = _rows(b"\n".join(content[:65_536].splitlines()[:20]), form.delimiter)
    width = form.width or max((len(row) for row in head), default=0)
    if not width:
        raise Unreadable("has no line. Fetch it again or remove it")
    return [str(n) for n in range(1, width + 1)], content


def _unique(names: list[str]) -> list[str]:
    return [twin(name, n) if name in names[:n] else name for n, name in enumerate(names)]


def twin(name: str, place: int) -> str:
    """What a column is called (at `place`, from 0) whose name another one before it has."""
    return f"{name}#{place}"


def _at_once(
    body: bytes, delimiter: str, names: list[str], numbers: Collection[str]
) -> pl.DataFrame | None:
    """The whole text through polars; None unless every line has exactly these columns."""
    quoted = b'"' in body
    if b"\r" in body and body.count(b"\r") != body.count(b"\r\n"):
        return None
    try:
        # A line that is long is refused.
        frame = pl.read_csv(
            body,
            has_header=False,
            separator=delimiter,
            schema={n: pl.Float64() if n in numbers else pl.String() for n in names},
        )
    except pl.exceptions.PolarsError:
        return None
    # A line that is short leaves its last cell empty, and so does a blank one.
    if not frame[names[-1]].null_count():
        return frame
    if quoted or len(names) == 1:
        return None
    ends = body.count(b"\n") + (not body.endswith(b"\n"))
    return frame if body.count(delimiter.encode()) == ends * (len(names) - 1) else None


def _row_by_row(body: bytes, delimiter: str, names: list[str]) -> Table:
    rows = _rows(body, delimiter)
    width = len(names)
    good: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, row in enumerate(rows, 1):
        if len(row) > width and not any(row[width:]):
            del row[width:]
        if len(row) != width:
            broken.append((number, f"{len(row)} cells instead of {width}"))
        elif [cell.strip() for cell in row] == names:
            broken.append((number, "the header line again"))
        else:
            good.append(number)
    cells = zip(*(rows[n - 1] for n in good), strict=True) if good else ([] for _ in names)
    columns = [pl.Series(n, list(c), pl.String()) for n, c in zip(names, cells, strict=True)]
    frame = pl.DataFrame(columns).with_columns(pl.Series(ROW, good, pl.UInt32()))

    def original(numbers: Sequence[int]) -> list[str]:
        return [_json(names, rows[n - 1]) for n in numbers]

    return Table(frame, tuple(broken), len(rows), original)


def _rows(body: bytes, delimiter: str) -> list[list[str]]:
    """The non-blank lines, split."""
    try:
        text = io.StringIO(body.decode(), newline="")
        return [row for row in csv.reader(text, delimiter=delimiter) if row]
    except UnicodeDecodeError as error:
        told = f"is not UTF-8 ({error}). Save it as UTF-8"
        raise Unreadable(advice.no_text(body) or told) from error
    except csv.Error as error:
        raise Unreadable(f"is no delimited text: {error}. Check its delimiter") from error


def _json(names: list[str], row: list[str]) -> str:
    if len(row) != len(names):
        return json.dumps(row)
    return json.dumps(dict(zip(names, row, strict=True)))
