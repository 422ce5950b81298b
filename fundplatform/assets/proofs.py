"""Asset checks of the catalog that compare with what vendors say: adjusted prices.

Generated contracts stand in `fundplatform/checks.py`; the comparisons in `finance/`.
"""

import dagster as dg
import polars as pl

from fundplatform.assets.catalog import FACTORS, PAYMENT_FACTORS, SOURCES, VALIDATED
from fundplatform.finance.adjustment_proof import TOLERANCE, Proof, against_vendors

_COLUMNS = ["source_id", "instrument_id", "interval", "session", "close", "adjustment"]
_SHOWN = 5


def adjusted_prices() -> dg.AssetChecksDefinition:
    """Our adjusted series within 1e-4 of every vendor's adjusted close; a warning, with names."""

    @dg.asset_check(
        name="vendor_adjusted_close",
        asset=PAYMENT_FACTORS,
        additional_ins={
            "prices": dg.AssetIn(VALIDATED, metadata={"columns": _COLUMNS, "whole": True}),
            "factors": dg.AssetIn(FACTORS),
            "known_sources": dg.AssetIn(SOURCES),
        },
        description=f"As-traded prices x factors are within {TOLERANCE:g} of adjusted closes "
        "that vendors give, scaled at the newest common session.",
        pool="warehouse",
    )
    def proof(
        total_return_factors: pl.DataFrame,
        prices: pl.DataFrame,
        factors: pl.DataFrame,
        known_sources: pl.DataFrame,
    ) -> dg.AssetCheckResult:
        daily = prices.filter(pl.col("interval") == "1d")
        return verdict(against_vendors(daily, factors, total_return_factors, known_sources))

    return proof


def verdict(proof: Proof) -> dg.AssetCheckResult:
    """Passed where nobody is off; the metadata has numbers, and the worst five by name."""
    records = [
        dg.TableRecord({n: str(v) for n, v in row.items()})
        for row in proof.offenders.head(_SHOWN).iter_rows(named=True)
    ]
    numbers = {
        "series compared": proof.series,
        "prices compared": proof.prices,
        "largest deviation": proof.largest,
        "series off": proof.offenders.height,
    }
    shown = {"offenders": dg.MetadataValue.table(records)} if records else {}
    return dg.AssetCheckResult(
        passed=not records,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={**numbers, **shown},
    )
