"""Sources and instruments of the catalog, written through any store's open transaction.

The rules of identity stand in `fundplatform/identity.py`; here their results become rows.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl

from fundplatform import identity, identity_statements, tables
from fundplatform.errors import SchemaError
from fundplatform.sources.base import Kind, SourceSpec
from fundplatform.storage import change_record
from fundplatform.storage.base import WHOLE, Slice, Writer

_COLUMNS = ["source_id", *identity.OWN]


def source_id(writer: Writer, spec: SourceSpec, lock: Callable[[], None] | None = None) -> int:
    """The id of the source by its name: max + 1 for a new one; its row follows the declaration.

    Args:
        writer: An open transaction.
        spec: The source.
        lock: Called before a new id is given; returns once no other transaction gives any.
            None where there is only one writer.

    Raises:
        SchemaError: The source declares no kind of data.
    """
    if not spec.kinds:
        raise SchemaError("catalog.sources", f"{spec.name} has no kinds", "Declare at least one")
    known = _source_ids(writer)
    if spec.name not in known and lock:
        lock()
        known = _source_ids(writer)
    number = known.get(spec.name, max(known.values(), default=0) + 1)
    # Bars decide what a session of the source is; a kind beside them may reach further.
    coverage = spec.kinds.get(Kind.OHLCV) or next(iter(spec.kinds.values()))
    row = {
        "source_id": number,
        "name": spec.name,
        "title": spec.title,
        "asset_class": spec.asset_class,
        "calendar": coverage.calendar,
        "coverage_start": coverage.start,
        "coverage_end": coverage.end,
        "priority": spec.priority,
    }
    types = {n: t for n, t in tables.SOURCES.polars_schema.items() if n in row}
    frame = pl.DataFrame([row], schema=types)
    writer.write(tables.SOURCES, frame, Slice({"source_id": number}))
    return int(number)


def reprioritised(known: pl.DataFrame, specs: Iterable[SourceSpec]) -> pl.DataFrame:
    """The rows of catalog.sources whose source declares another priority, with that one.

    Args:
        known: name, priority, and whatever else of the rows.
        specs: Sources as they are declared now; new ones are in no row.
    """
    declared = {spec.name: spec.priority for spec in specs}
    now = pl.col("name").replace_strict(declared, default=pl.col("priority")).cast(pl.Int32)
    return known.filter(now != pl.col("priority")).with_columns(priority=now)


def note_order(writer: Writer) -> None:
    """Note that another source may go first: all that rests on the sources is to be made again."""
    change_record.record(writer, "catalog/sources", [change_record.ALWAYS])


def _source_ids(writer: Writer) -> dict[str, int]:
    return dict(writer.read(tables.SOURCES, columns=["name", "source_id"]).iter_rows())


def register(
    writer: Writer,
    source: int,
    listings: pl.DataFrame,
    lock: Callable[[], None] | None = None,
    *,
    stated: bool = False,
) -> pl.DataFrame:
    """Give every listing (LISTING_SCHEMA) its instrument, new or known.

    Args:
        writer: An open transaction.
        source: The source's id.
        listings: LISTING_SCHEMA.
        lock: As in `source_id`.
        stated: They are of statements, not of trading.

    Returns:
        vendor_symbol, valid_from, valid_to, instrument_id: the listings (statements) of these
        symbols as they stand afterwards, by vendor_symbol and valid_from.

    Raises:
        SchemaError: See `identity.resolve`.
    """
    found = _resolve(writer, listings, source, stated=stated)
    if found.changed and lock:
        lock()
        found = _resolve(writer, listings, source, stated=stated)
    if not found.changed:
        return found.mapping
    own = Slice({"source_id": source})
    instruments = pl.concat([found.new_instruments, found.changed_instruments])
    writer.write(tables.INSTRUMENTS, instruments, WHOLE)
    rows = found.listings.with_columns(source_id=pl.lit(source, pl.Int16))
    # Those of one source are rewritten whole: widening one changes its key (valid_from).
    into = tables.STATEMENTS if stated else tables.LISTINGS
    writer.write(replace(into, keeps_absent=False), rows, own)
    writer.write(tables.PROPOSALS, found.proposals, own)
    return found.mapping


def _resolve(
    writer: Writer, incoming: pl.DataFrame, source: int, *, stated: bool
) -> identity.Resolution:
    instruments = writer.read(tables.INSTRUMENTS)
    listings = writer.read(tables.LISTINGS, columns=_COLUMNS)
    if not stated:
        return identity.resolve(instruments, listings, incoming, source)
    own = writer.read(tables.STATEMENTS, Slice({"source_id": source}), _COLUMNS)
    return identity_statements.resolve(instruments, listings, own, incoming)
