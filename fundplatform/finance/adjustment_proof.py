"""Proof of the adjusted series: ours against a vendor's, session by session.

In: two price series of one instrument on what should be one basis. Out: how far they are apart,
and who is to blame first. What to do about an offender is a person's decision; nothing is changed.
"""

from dataclasses import dataclass

import polars as pl

from fundplatform.finance.adjustment import factor_of, split_adjusted

TOLERANCE = 1e-4
"""Largest relative distance of an adjusted price from the vendor's."""

_MOST_DECIMALS = 8

OFFENDERS = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "source_id": pl.Int16(),
        "adjustment": pl.String(),
        "session": pl.Date(),
        "ours": pl.Float64(),
        "theirs": pl.Float64(),
        "deviation": pl.Float64(),
        "sessions_off": pl.UInt32(),
    }
)
"""One row per series that is off: its newest session off (the action after it is the suspect)."""


@dataclass(frozen=True)
class Proof:
    """How many series and prices were compared, the largest deviation, and the OFFENDERS."""

    series: int
    prices: int
    largest: float
    offenders: pl.DataFrame


def compare(ours: pl.DataFrame, theirs: pl.DataFrame, tolerance: float = TOLERANCE) -> Proof:
    """Hold our adjusted closes against a vendor's.

    A vendor adjusts as of its own last day, so each of its series is scaled to ours at the newest
    session that both have. Deviation = |ours - theirs| / theirs, after taking off half a unit of
    the last decimal that the vendor prints.

    Args:
        ours: instrument_id, session, close (adjusted).
        theirs: instrument_id, source_id, adjustment, session, close.
        tolerance: As above.
    """
    key = ["instrument_id", "source_id", "adjustment"]
    half = _half_unit().over(key)
    pairs = (
        theirs.filter(pl.col("close") > 0)
        .with_columns(half=half)
        .join(ours.rename({"close": "ours"}), on=["instrument_id", "session"])
        .sort(*key, "session")
    )
    if pairs.is_empty():
        return Proof(0, 0, 0.0, OFFENDERS.to_frame())
    scale = (pl.col("close") / pl.col("ours")).last().over(key)
    # The newest price is rounded too, and its error goes into the scale of the whole series.
    blur = (pl.col("half") / pl.col("close")).last().over(key)
    off = pairs.with_columns(ours=pl.col("ours") * scale, blur=blur).with_columns(
        deviation=(
            ((pl.col("ours") - pl.col("close")).abs() - pl.col("half")) / pl.col("close")
            - pl.col("blur")
        ).clip(0.0)
    )
    largest = off.select(pl.col("deviation").max()).item()
    wrong = off.filter(pl.col("deviation") > tolerance)
    offenders = wrong.group_by(key, maintain_order=True).agg(
        pl.col("session").last(),
        pl.col("ours").last(),
        theirs=pl.col("close").last(),
        deviation=pl.col("deviation").max(),
        sessions_off=pl.len(),
    )
    return Proof(
        off.select(key).n_unique(),
        off.height,
        float(largest),
        offenders.select(pl.col(n).cast(t) for n, t in OFFENDERS.items()).sort(
            "deviation", descending=True
        ),
    )


def against_vendors(
    prices: pl.DataFrame,
    factors: pl.DataFrame,
    payment_factors: pl.DataFrame,
    sources: pl.DataFrame,
    tolerance: float = TOLERANCE,
) -> Proof:
    """Our series of as-traded bars against every vendor that gives adjusted ones.

    Args:
        prices: instrument_id, source_id, session, close, adjustment; daily bars of all sources.
        factors: catalog.adjustment_factors.
        payment_factors: catalog.total_return_factors; its vendor_factor is compared.
        sources: source_id and priority: of several as-traded bars the best source's is ours.
        tolerance: See `compare`.
    """
    adjusted = prices.filter(pl.col("adjustment") != "none")
    raw = (
        prices.filter(pl.col("adjustment") == "none")
        .join(adjusted.select("instrument_id").unique(), on="instrument_id", how="semi")
        .join(sources.select("source_id", "priority"), on="source_id", how="left")
        .sort("priority", "source_id", nulls_last=True)
        .unique(["instrument_id", "session"], keep="first", maintain_order=True)
    )
    split = split_adjusted(raw, factors).select("instrument_id", "session", close="adj_close")
    periods = payment_factors.rename(
        {"from_session": "f", "to_session": "t", "vendor_factor": "split_factor"}
    ).select("instrument_id", pl.col("f").alias("from_session"), "split_factor")
    as_traded = split.with_columns(adjustment=pl.lit("none"))
    paid = split.with_columns(close=pl.col("close") * factor_of(as_traded, periods))
    parts = [
        compare(own, adjusted.filter(pl.col("adjustment") == basis), tolerance)
        for basis, own in (("split", split), ("split_div", paid))
    ]
    return Proof(
        sum(p.series for p in parts),
        sum(p.prices for p in parts),
        max(p.largest for p in parts),
        pl.concat([p.offenders for p in parts]),
    )


def _half_unit() -> pl.Expr:
    """Half of the smallest step of printed prices: 0.005 where all have at most two decimals."""
    step = pl.lit(0.5 * 10.0**-_MOST_DECIMALS)
    for decimals in range(_MOST_DECIMALS, -1, -1):
        whole = (pl.col("close") - pl.col("close").round(decimals)).abs() < 1e-10
        step = pl.when(whole.all()).then(0.5 * 10.0**-decimals).otherwise(step)
    return step
