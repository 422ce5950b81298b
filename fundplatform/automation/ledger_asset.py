"""ops/gaps: the ledger of all sources as a table, with the heat map in its metadata."""

from collections.abc import Sequence

import dagster as dg
import polars as pl

from fundplatform import gaps, tables
from fundplatform.assets.describe import output
from fundplatform.assets.raw import raw_key
from fundplatform.automation.gap_ledger import Ledger, ledgers
from fundplatform.automation.heat_map import heat_map
from fundplatform.clock import Clock
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store
from fundplatform.storage.outputs import Derived

GAPS = dg.AssetKey(["ops", "gaps"])
_KEY = ["source", "kind", "vendor_symbol", "first_session"]
_NOTED = "select source, kind, vendor_symbol, first_session, since as noted from ops.gaps"


def gap_table(sources: Sequence[Source], store: Store, clock: Clock) -> dg.AssetsDefinition:
    """The asset; it reads what is published, so it runs after the runs whose gaps it shows."""

    @dg.multi_asset(
        name="ops_gaps",
        outs={"gaps": output(tables.GAPS)},
        deps=[raw_key(s.spec.name, kind) for s in sources for kind in s.spec.kinds],
        pool="warehouse",
    )
    def look(context: dg.AssetExecutionContext) -> Derived:
        now = clock()
        found = list(ledgers(store, context.instance, sources, now))
        rows = table(found).join(store.query(_NOTED), on=_KEY, how="left")
        rows = rows.with_columns(since=pl.coalesce("noted", pl.lit(now))).drop("noted")
        counts = dict(rows.group_by("state").agg(pl.col("sessions").sum()).iter_rows())
        metadata = {
            "heat map": dg.MetadataValue.md(f"```\n{heat_map(found)}\n```"),
            **{f"sessions {s}": counts.get(str(s), 0) for s in (*gaps.WANTED, gaps.State.NO_TRADE)},
        }
        context.add_asset_metadata(metadata, GAPS)
        return Derived({tables.GAPS: rows})

    return look


def table(found: Sequence[Ledger]) -> pl.DataFrame:
    """The ranges of all ledgers: the columns of ops.gaps without `since` and the stamps."""
    parts = [
        ledger.ranges.with_columns(
            source=pl.lit(ledger.source.spec.name), kind=pl.lit(str(ledger.kind))
        )
        for ledger in found
    ]
    schema = {n: t for n, t in tables.GAPS.polars_schema.items() if n not in tables.GAPS.stamps}
    names = [n for n in schema if n != "since"]
    empty = pl.DataFrame(schema={n: schema[n] for n in names})
    return pl.concat([empty, *(p.select(names) for p in parts)])
