"""ops.quoted: in which quote currencies an instrument ever had validated bars, for the marts.

The store's own list (sql/postgres/0094): views look the newest bar up by instrument and quote, and
finding the quotes among the bars took longer than finding the bar. It may name too many, never too
few: whatever writes prices.validated adds to it in the same transaction, and nothing takes out.
"""

import polars as pl

from fundplatform import tables
from fundplatform.storage.timescale_connect import Connection
from fundplatform.tables import Table

_ADD = (
    "INSERT INTO ops.quoted (instrument_id, quote) "
    "SELECT * FROM unnest(%s::integer[], %s::text[]) ON CONFLICT DO NOTHING"
)


def note(connection: Connection, table: Table, frame: pl.DataFrame) -> None:
    """Add what these rows of the table are quoted in; of other tables than validated nothing."""
    if table.full_name != tables.VALIDATED.full_name or not frame.height:
        return
    pairs = frame.select("instrument_id", "quote").unique().sort("instrument_id", "quote")
    connection.execute(_ADD, [pairs["instrument_id"].to_list(), pairs["quote"].to_list()])
