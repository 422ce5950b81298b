"""Everything that a home keeps, as bytes one can search: what is compressed is unpacked first."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa


def kept(home: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file; of warehouses every table, of Parquet every row."""
    for file in sorted(p for p in home.rglob("*") if p.is_file()):
        yield str(file), file.read_bytes()
        if file.suffix == ".zst":
            with pa.input_stream(str(file), compression="zstd") as stream:
                yield f"{file} unpacked", stream.read()
        if file.suffix == ".parquet":
            yield f"{file} unpacked", pl.read_parquet(file).write_json().encode()
        if file.suffix == ".duckdb":
            yield from _tables(file)


def holding(home: Path, spellings: Sequence[str]) -> list[str]:
    """The names of what holds one of these texts."""
    wanted = [s.encode() for s in spellings]
    return [name for name, content in kept(home) if any(w in content for w in wanted)]


def _tables(file: Path) -> Iterator[tuple[str, bytes]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        names = connection.sql(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal"
        ).fetchall()
        for (name,) in names:
            rows = connection.sql(f"select * from {name}").fetchall()
            yield f"{file} {name}", str(rows).encode()
