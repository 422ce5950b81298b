"""What the Dagster UI says about a table: key, description, group, owner, column schema."""

from typing import Any

import dagster as dg

from fundplatform.tables import Table


def key_of(table: Table) -> dg.AssetKey:
    """schema/name."""
    return dg.AssetKey([table.schema, table.name])


def table_metadata(table: Table) -> dict[str, Any]:
    """Static asset metadata of a table."""
    return {
        "dagster/table_name": table.full_name,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    c.name,
                    c.type,
                    c.doc,
                    constraints=dg.TableColumnConstraints(nullable=c.nullable),
                )
                for c in table.columns
            ]
        ),
    }


def output(table: Table, **metadata: object) -> dg.AssetOut:
    """The table as an output of a multi-asset: key, description, group, owner, columns."""
    return dg.AssetOut(
        key=key_of(table),
        description=table.doc,
        group_name=table.schema,
        owners=["team:data"],
        kinds={"polars", "table"},
        metadata={**table_metadata(table), **metadata},
        # What an asset returns is an order to the IO manager (storage/outputs.py), not a frame.
        dagster_type=dg.Any,
    )
