"""The instrument of each fetched row: what its vendor's symbol meant on its day.

In: a load and the meanings of its source's symbols. Out: its rows by `instrument_id`. Which symbol
means which instrument is decided where listings are registered (`catalog.py`).
"""

import polars as pl

from fundplatform.errors import SchemaError
from fundplatform.storage.outputs import Load
from fundplatform.tables import Table


def attach_instruments(load: Load, mapping: pl.DataFrame) -> pl.DataFrame:
    """The batch's rows with `instrument_id` instead of `vendor_symbol`.

    Where a symbol has several meanings, the one valid at the row's date counts; the newest for a
    profile, which has none.

    Raises:
        SchemaError: A row's symbol has no listing.
    """
    meanings = pl.len().over("vendor_symbol")
    single = mapping.filter(meanings == 1).select("vendor_symbol", "instrument_id")
    rows = load.batch.rows.join(single, on="vendor_symbol", how="left")
    several = mapping.filter(meanings > 1)
    if several.height:
        rows = _by_date(rows, several, _date_column(load.kind.table))
    if rows["instrument_id"].null_count():
        lost = rows.filter(pl.col("instrument_id").is_null())["vendor_symbol"].unique().sort()
        raise SchemaError(
            load.kind.table.full_name,
            f"no listing for {lost.head(5).to_list()} of source {load.spec.name}",
            "Source.listings, or Batch.listings (collector.list), must name every vendor_symbol "
            "that fetch returns",
        )
    return rows.drop("vendor_symbol")


def _by_date(rows: pl.DataFrame, several: pl.DataFrame, day: str | None) -> pl.DataFrame:
    dated = several.sort("valid_from").select("vendor_symbol", "valid_from", _id="instrument_id")
    if day is None:
        newest = dated.unique("vendor_symbol", keep="last", maintain_order=True)
        found = rows.join(newest.drop("valid_from"), on="vendor_symbol", how="left")
        return found.with_columns(instrument_id=pl.coalesce("instrument_id", "_id")).drop("_id")
    return (
        rows.sort(day)
        .join_asof(
            dated,
            left_on=day,
            right_on="valid_from",
            by="vendor_symbol",
            check_sortedness=False,
        )
        .with_columns(instrument_id=pl.coalesce("instrument_id", "_id"))
        .drop("_id", "valid_from", strict=False)
    )


def _date_column(table: Table) -> str | None:
    return table.partition or next((c.name for c in table.columns if c.type == "date"), None)
