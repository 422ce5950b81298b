"""Which validities belong together: nearest candidates, clusters without long gaps.

The part of `identity.py` that compares intervals; what a listing or a proposal is stands there.
"""

import polars as pl

MAX_GAP_DAYS = 90
"""Calendar days that stand for 60 sessions; a longer silence is another instrument."""

IDENTITY = ("asset_class", "market", "symbol", "quote")
INSTRUMENT = ("instrument_id", *IDENTITY, "name", "valid_from", "valid_to")


def nearest(
    rows: pl.DataFrame, candidates: pl.DataFrame, *on: str, reach: int | None = MAX_GAP_DAYS
) -> pl.DataFrame:
    """The candidate that shares most days with each row, else the one least far from it.

    Args:
        rows: row, valid_from, valid_to and the columns `on`.
        candidates: instrument_id, valid_from, valid_to, the columns `on`, and any others.
        on: Columns that must be equal.
        reach: Longest gap in days; None for any.

    Returns:
        At most one line per row: row, the candidate's own columns, held_from, held_to (its
        validity). Ties go to the lowest instrument_id.
    """
    pairs = rows.select("row", "valid_from", "valid_to", *on).join(candidates, on=on, how="inner")
    pairs = pairs.with_columns(meet=_meet())
    if reach is not None:
        pairs = pairs.filter(pl.col("meet") >= -reach)
    best = pairs.sort("row", "meet", "instrument_id", descending=[False, True, False])
    kept = [n for n in candidates.columns if n not in (*on, "valid_from", "valid_to")]
    return best.unique("row", keep="first", maintain_order=True).select(
        "row", *kept, held_from="valid_from_right", held_to="valid_to_right"
    )


def _meet() -> pl.Expr:
    """Days that two validities share; minus the gap where they share none."""
    last = pl.min_horizontal("valid_to", "valid_to_right")
    return (last - pl.max_horizontal("valid_from", "valid_from_right")).dt.total_days()


def assign(
    instruments: pl.DataFrame, unknown: pl.DataFrame, named: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Join unknown listings to instruments of their identity, or found new ones.

    Listings and instruments of one identity form clusters without gaps of more than 90 days. In a
    cluster with an instrument the nearest one is taken; a cluster without one takes one that only
    statements name, else founds one.

    Args:
        instruments: Columns INSTRUMENT.
        unknown: LISTING_SCHEMA plus row.
        named: The ids of the instruments that nothing but statements names.

    Returns:
        New instruments (INSTRUMENT); unknown plus instrument_id; of these, the ones that stand
        in a cluster with several instruments.
    """
    only_named = pl.col("instrument_id").is_in(named.implode())
    quoted = instruments.filter(~only_named)
    held, mine = _clusters(quoted, unknown)
    joined = nearest(mine, held, "cluster", reach=None).select("row", "instrument_id")
    begun = _begun(mine.join(joined, on="row", how="anti"), instruments.filter(only_named), quoted)
    joined = pl.concat([joined, begun])
    top = int(instruments.select(pl.col("instrument_id").max().fill_null(0)).item() or 0)
    fresh = mine.join(joined, on="row", how="anti")
    founded = found(fresh.join(unknown.select("row", "name", "vendor_symbol"), on="row"), top)
    new = fresh.join(founded.select("cluster", "instrument_id"), on="cluster")
    ids = pl.concat([joined, new.select("row", "instrument_id")])
    crowd = held.group_by("cluster").len().filter(pl.col("len") > 1)
    bridging = mine.join(crowd, on="cluster", how="semi")
    assigned = unknown.join(ids, on="row")
    return founded.select(INSTRUMENT), assigned, assigned.join(bridging, on="row", how="semi")


def _clusters(
    instruments: pl.DataFrame, unknown: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    spans = (*IDENTITY, "valid_from", "valid_to")
    same = instruments.join(unknown, on=IDENTITY, how="semi")
    both = pl.concat(
        [same.select(*spans, "instrument_id"), unknown.select(*spans, "row")], how="diagonal"
    ).sort(*IDENTITY, "valid_from", "instrument_id", nulls_last=True)
    reached = pl.col("valid_to").cum_max().shift(1).over(IDENTITY)
    apart = (pl.col("valid_from") - reached).dt.total_days() > MAX_GAP_DAYS
    both = both.with_columns(cluster=apart.fill_null(value=True).cum_sum())
    held = both.filter(pl.col("instrument_id").is_not_null()).drop("row", *IDENTITY)
    return held, both.filter(pl.col("row").is_not_null()).drop("instrument_id")


def _begun(fresh: pl.DataFrame, named: pl.DataFrame, quoted: pl.DataFrame) -> pl.DataFrame:
    """row, instrument_id: the instruments of which only statements were known, and that trade now.

    Each is the nearest of the new clusters of its identity: of any, where nothing of that identity
    trades yet, else of one within 90 days.
    """
    spans = fresh.group_by("cluster", *IDENTITY).agg(
        pl.col("valid_from").min(), pl.col("valid_to").max()
    )
    alone = named.join(quoted, on=IDENTITY, how="anti")["instrument_id"]
    pairs = spans.join(named, on=IDENTITY).with_columns(meet=_meet())
    reached = (pl.col("meet") >= -MAX_GAP_DAYS) | pl.col("instrument_id").is_in(alone.implode())
    best = (
        pairs.filter(reached)
        .sort("meet", "instrument_id", "cluster", descending=[True, False, False])
        .unique("instrument_id", keep="first", maintain_order=True)
        .unique("cluster", keep="first", maintain_order=True)
    )
    taken = best.select("cluster", "instrument_id")
    return fresh.join(taken, on="cluster").select("row", "instrument_id")


def found(fresh: pl.DataFrame, top: int) -> pl.DataFrame:
    """One instrument per cluster, ids above `top`, named by its latest listing that has a name."""
    return (
        fresh.sort("valid_to", "vendor_symbol", descending=[True, False])
        .group_by("cluster", *IDENTITY, maintain_order=True)
        .agg(
            pl.col("name").drop_nulls().first(),
            pl.col("valid_from").min(),
            pl.col("valid_to").max(),
        )
        .sort(*IDENTITY, "valid_from")
        .with_row_index("instrument_id", offset=top + 1)
        .with_columns(pl.col("instrument_id").cast(pl.Int32))
    )


def rivals(instruments: pl.DataFrame, founded: pl.DataFrame) -> pl.DataFrame:
    """New instruments whose identity another one had before, or a known one has later.

    Args:
        instruments: The known ones (INSTRUMENT).
        founded: The new ones (INSTRUMENT).

    Returns:
        instrument_id (new), other_id.
    """
    every = pl.concat([instruments.with_columns(known=True), founded.with_columns(known=False)])
    later = pl.when(pl.col("known").shift(-1)).then(pl.col("instrument_id").shift(-1))
    ordered = (
        every.join(founded, on=IDENTITY, how="semi")
        .sort(*IDENTITY, "valid_from")
        .with_columns(
            other_id=pl.coalesce(
                pl.col("instrument_id").shift(1).over(IDENTITY), later.over(IDENTITY)
            )
        )
    )
    return ordered.filter(~pl.col("known") & pl.col("other_id").is_not_null()).select(
        "instrument_id", "other_id"
    )
