"""Frames into a file: CSV, JSON, Parquet or XLSX, batch by batch, with what the data is.

In: what the data is (`about`), a schema, frames. Out: one file, there as a whole or not at all. CSV
begins with `#` lines, JSON has the key `about`; beside Parquet and XLSX stands FILE.about.json.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, Protocol

import polars as pl

from fundplatform.errors import ConfigError

FORMATS = ("csv", "json", "parquet", "xlsx")
BINARY = ("parquet", "xlsx")
About = Mapping[str, object]


class Sink(Protocol):
    """A file that is being written."""

    def add(self, frame: pl.DataFrame) -> None:
        """Write a batch."""
        ...

    def close(self) -> None:
        """Write what ends the file."""
        ...


class CsvSink:
    """`#` lines, a header, rows; NULL is empty.

    Text stands as it is, also where a spreadsheet would take it for a formula: a program that reads
    the file gets what the warehouse has. XLSX is for people: there it is text and never runs.
    """

    def __init__(self, into: IO[bytes], schema: pl.Schema, about: About) -> None:
        """Write the head."""
        self._into = into
        for key, value in about.items():
            into.write(f"# {key}: {'' if value is None else value}\n".encode())
        into.write(schema.to_frame().write_csv().encode())

    def add(self, frame: pl.DataFrame) -> None:
        """Write a batch."""
        first = frame.to_series(0)
        # A line that begins with the mark of the head would be read as one of it.
        marked = first.dtype == pl.String() and first.str.starts_with("#").any()
        style: Literal["non_numeric", "necessary"] = "non_numeric" if marked else "necessary"
        self._into.write(frame.write_csv(include_header=False, quote_style=style).encode())

    def close(self) -> None:
        """Nothing ends a CSV file."""


class JsonSink:
    """{"about": {...}, "rows": [one object a line]}."""

    def __init__(self, into: IO[bytes], schema: pl.Schema, about: About) -> None:
        """Write the head."""
        self._into, self._first = into, True
        into.write(f'{{"about": {_json(about)}, "rows": ['.encode())

    def add(self, frame: pl.DataFrame) -> None:
        """Write a batch."""
        lines = frame.write_ndjson().rstrip("\n").replace("\n", ",\n")
        self._into.write(f"{'' if self._first else ','}\n{lines}".encode())
        self._first = False

    def close(self) -> None:
        """Close the list and the object."""
        self._into.write(b"\n]}\n")


class ParquetSink:
    """A row group a batch; what the data is stands in the file's metadata too."""

    def __init__(self, into: IO[bytes], schema: pl.Schema, about: About) -> None:
        """Open the writer."""
        import pyarrow.parquet as pq

        own = schema.to_frame().to_arrow().schema
        self._schema = own.with_metadata({"fundplatform": _json(about)})
        self._writer = pq.ParquetWriter(into, self._schema, compression="zstd")

    def __del__(self) -> None:
        """One that was not closed is thrown away with its file: nothing is written into it."""
        self._writer.is_open = False

    def add(self, frame: pl.DataFrame) -> None:
        """Write a batch."""
        self._writer.write_table(frame.to_arrow().cast(self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def sink(kind: str, into: IO[bytes], schema: pl.Schema, about: About) -> Sink:
    """An open file of this format.

    Raises:
        ConfigError: More rows than a sheet can hold.
    """
    if kind == "xlsx":
        from fundplatform.export_xlsx import XlsxSink

        return XlsxSink(into, schema, about)
    if kind == "parquet":
        return ParquetSink(into, schema, about)
    return (JsonSink if kind == "json" else CsvSink)(into, schema, about)


@contextmanager
def whole(path: Path, option: str = "--out") -> Iterator[IO[bytes]]:
    """A file to write that takes its name once it is complete; else it is gone.

    A link is followed. A pipe or device is written as it comes: it has no other name to wait under.

    Raises:
        ConfigError: No folder to write into, a folder itself, or it cannot be written.
    """
    # Asked of the name as it is: what /dev/stdout leads to may have none.
    plain = path.is_file() or not path.exists()
    target = path.resolve() if plain else path
    if not target.parent.is_dir():
        raise ConfigError(option, str(path), "its folder does not exist", "Make it first")
    if target.is_dir():
        raise ConfigError(option, str(path), "it is a folder", "Name a file in it")
    # One of its own for each process: two that write the same file would mix.
    part = target.with_name(f"{target.name}.{os.getpid()}.part") if plain else target
    try:
        with part.open("wb") as into:
            yield into
        if plain:
            part.replace(target)
    except OSError as error:
        problem = error.strerror or str(error)
        remedy = "Check that the disk has space and that you may write there"
        raise ConfigError(option, str(path), problem, remedy) from error
    finally:
        if plain:
            part.unlink(missing_ok=True)


def beside(path: Path, about: About) -> Path:
    """Write what the data is into FILE.about.json; returns its path."""
    own = path.with_name(f"{path.name}.about.json")
    with whole(own) as into:
        into.write(json.dumps(about, indent=1, ensure_ascii=False).encode() + b"\n")
    return own


def _json(about: About) -> str:
    return json.dumps(about, ensure_ascii=False)
