"""catalog/fund_facts, holdings, fund_overlaps, fund_exposures: of all sources, recomputed whole.

They stand where a source brings fund facts or holdings. What the frames are is worked out in
`finance/fund_history.py`, `finance/positions.py` and `finance/look_through.py`.
"""

from collections.abc import Iterable

import dagster as dg
import polars as pl

from fundplatform import tables
from fundplatform.assets.catalog import INSTRUMENTS, SOURCES, every, others
from fundplatform.assets.describe import key_of, output
from fundplatform.assets.raw import raw_key
from fundplatform.finance import fund_history, look_through, positions
from fundplatform.sources.base import Kind, Source
from fundplatform.storage.outputs import Derived

FUND_CATALOG = tuple(
    map(key_of, (tables.FACTS, tables.POSITIONS, tables.OVERLAPS, tables.EXPOSURES))
)
FACTS, HOLDINGS, *_ = FUND_CATALOG
_OWN = (Kind.FUND_FACTS, Kind.HOLDINGS)
_KINDS = (*_OWN, Kind.PROFILES)
_SHOWN = 20


def fund_raw(sources: Iterable[Source]) -> list[dg.AssetKey]:
    """The raw assets they rest on; none where no source says anything of funds."""
    sources = list(sources)
    if not any(kind in s.spec.kinds for s in sources for kind in _OWN):
        return []
    return [raw_key(s.spec.name, k) for s in sources for k in s.spec.kinds if k in _KINDS]


def fund_catalog(sources: Iterable[Source]) -> list[dg.AssetsDefinition]:
    """The asset, where any source has what it is made of."""
    sources = list(sources)
    if not fund_raw(sources):
        return []
    raw_in = {n: i for kind in _KINDS for n, i in every(sources, kind, whole=True).items()}

    @dg.multi_asset(
        name="catalog_funds",
        outs={
            "fund_facts": output(tables.FACTS, f"fund_facts {fund_history.VERSION}"),
            "holdings": output(tables.POSITIONS, f"holdings {positions.VERSION}"),
            "fund_overlaps": output(tables.OVERLAPS, f"overlaps {positions.VERSION}"),
            "fund_exposures": output(
                tables.EXPOSURES, f"exposures {positions.VERSION} {look_through.VERSION}"
            ),
        },
        ins={
            "instruments": dg.AssetIn(INSTRUMENTS),
            "known_sources": dg.AssetIn(SOURCES),
            **{f"raw_{name}": one for name, one in raw_in.items()},
        },
        deps=[key for kind in _KINDS for key in others(sources, kind)],
        pool="warehouse",
    )
    def describe(
        context: dg.AssetExecutionContext,
        instruments: pl.DataFrame,
        known_sources: pl.DataFrame,
        **raw: pl.DataFrame,
    ) -> tuple[Derived, Derived, Derived, Derived]:
        stated, reported, profiles = (raw.get(f"raw_{kind}", kind.table.empty()) for kind in _KINDS)
        facts = fund_history.versions(stated, known_sources)
        held = positions.positions(reported, instruments)
        doubts = facts.filter(pl.col("problem").is_not_null())
        odd = fund_history.suspects(facts, instruments)
        counts = {"ratios not trusted": doubts.height, "ratios unlike all peers": odd.height}
        context.add_asset_metadata(counts, FACTS)
        if odd.height:
            texts = [f"{s} {r:.4%}, usual {u:.4%}" for s, r, u in odd.head(_SHOWN).iter_rows()]
            context.log.warning(
                f"expense ratios unlike all peers (percent or fraction?): {'; '.join(texts)}"
            )
        if doubts.height:
            named = doubts.head(_SHOWN).join(instruments, on="instrument_id", how="left")
            texts = [f"{r['symbol']}: {r['problem']}" for r in named.iter_rows(named=True)]
            context.log.warning(f"expense ratios not trusted: {'; '.join(texts)}")
        reports = held.unique(positions.REPORT)
        report = {
            "reports": reports.height,
            "reports not complete": reports.filter(~pl.col("complete")).height,
            "positions without instrument": held["holding_id"].null_count(),
        }
        context.add_asset_metadata(report, HOLDINGS)
        return (
            Derived({tables.FACTS: facts}),
            Derived({tables.POSITIONS: held}),
            Derived({tables.OVERLAPS: positions.alike(held, known_sources)}),
            Derived({tables.EXPOSURES: look_through.exposures(held, known_sources, profiles)}),
        )

    return [describe]
