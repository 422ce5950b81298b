"""Who changed what when: the versions of an instrument's raw rows, side by side.

In: the ledgers (`<table>_revisions`) and the rows of now. Out: one row per changed value. Reading
as of an instant is in `assets/as_of.py`.
"""

from datetime import date

import polars as pl

from fundplatform import tables
from fundplatform.errors import ConfigError
from fundplatform.storage.base import Store
from fundplatform.storage.sql_text import literal, names
from fundplatform.symbols import suggestion
from fundplatform.tables import Table

CHANGES = pl.Schema(
    {
        "table": pl.String(),
        "source": pl.String(),
        "session": pl.Date(),
        "row": pl.String(),
        "column": pl.String(),
        "old": pl.String(),
        "new": pl.String(),
        "changed_at": pl.Datetime("us", "UTC"),
        "payload_hash": pl.String(),
        "run_id": pl.String(),
    }
)

LEDGERS = tuple(
    t for t in tables.TABLES
    if t.revisions and t.schema == "raw" and "instrument_id" in t.column_names
)  # fmt: skip
_UNTOLD = ("source_id", "instrument_id")


def instruments(store: Store, symbol: str) -> list[int]:
    """The instruments of that canonical symbol.

    Raises:
        ConfigError: None has it.
    """
    found = store.query("SELECT instrument_id FROM catalog.instruments WHERE symbol = ?", [symbol])
    if found.is_empty():
        known = store.query("SELECT DISTINCT symbol FROM catalog.instruments")["symbol"].to_list()
        hint = suggestion(symbol, known)
        raise ConfigError("command line", symbol, "no instrument has this symbol", hint)
    return sorted(found["instrument_id"].to_list())


def changes(store: Store, symbol: str, session: date | None = None) -> pl.DataFrame:
    """Every value of the symbol's raw rows that was replaced, oldest change first.

    Args:
        store: Read through `query`.
        symbol: Canonical symbol.
        session: Only rows of this day; with it, values as they first came are told too (old NULL).

    Returns:
        CHANGES; `row` is the rest of the row's key, `payload_hash` and `run_id` those that brought
        the new value.

    Raises:
        ConfigError: The symbol is unknown.
    """
    ids = instruments(store, symbol)
    parts = [_changes(store, table, ids, session) for table in LEDGERS]
    known = store.query("SELECT source_id, name AS source FROM catalog.sources")
    found = pl.concat(parts).join(known.cast({"source_id": pl.Int16}), on="source_id", how="left")
    return found.sort("changed_at", "table", "session", "row", "column").select(
        pl.col(n).cast(t) for n, t in CHANGES.items()
    )


def _changes(store: Store, table: Table, ids: list[int], session: date | None) -> pl.DataFrame:
    versions = _versions(store, table, ids, session)
    day = _day(table)
    key, values = list(table.key), [n for n in table.values if n != day]
    texts = versions.sort(*key, "recorded_from").with_columns(
        pl.col(values).cast(pl.String),
        session=pl.col(day).cast(pl.Date) if day else pl.lit(None, pl.Date),
        row=pl.concat_str(
            [pl.col(n).cast(pl.String) for n in key if n not in (*_UNTOLD, day)] or [pl.lit("")],
            separator=" ",
        ),
        nth=pl.int_range(pl.len()).over(key),
    )
    before = texts.select(pl.col(values).shift(1).over(key).name.prefix("_old_"))
    wide = pl.concat([texts, before], how="horizontal")
    long = [
        wide.select(
            "source_id",
            "session",
            "row",
            "nth",
            "payload_hash",
            "run_id",
            table=pl.lit(table.full_name),
            column=pl.lit(name),
            old=pl.col(f"_old_{name}"),
            new=pl.col(name),
            changed_at="recorded_from",
        )
        for name in values
    ]
    moved = pl.col("old").ne_missing(pl.col("new"))
    return pl.concat(long).filter(moved & ((pl.col("nth") > 0) | (session is not None)))


def _versions(store: Store, table: Table, ids: list[int], session: date | None) -> pl.DataFrame:
    where = f"instrument_id IN ({', '.join(map(literal, ids))})"
    day = _day(table)
    if session and day:
        where += f" AND CAST({names([day])} AS DATE) = {literal(session)}"
    every = names(table.column_names)
    sql = " UNION ALL ".join(
        f"SELECT {every} FROM {source} WHERE {where}"  # noqa: S608
        for source in (table.full_name, tables.revisions_of(table).full_name)
    )
    return store.query(sql).cast(table.polars_schema)


def _day(table: Table) -> str | None:
    """The column that dates a row: its session, else its first date."""
    return table.partition or next((c.name for c in table.columns if c.type == "date"), None)
