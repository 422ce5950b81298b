"""Whom statements are of: fund facts, holdings and profiles. Pure polars; no SQL, no clock.

A statement says who something is, not when it trades: it finds the instrument that trades under
its identity however far off, and never widens its validity. What a listing is stands in
`identity.py`; which of several instruments a person may want to choose, in `identity_review.py`.
"""

import polars as pl

from fundplatform import tables
from fundplatform.identity import OWN, PROPOSAL, Resolution, checked, of_symbols, spread, widen
from fundplatform.identity_clusters import IDENTITY, INSTRUMENT, MAX_GAP_DAYS, found, nearest


def resolve(
    instruments: pl.DataFrame,
    listings: pl.DataFrame,
    statements: pl.DataFrame,
    incoming: pl.DataFrame,
) -> Resolution:
    """Give every symbol that a source states something of its instrument.

    In this order: the instrument of the source's statements that it overlaps; the nearest one of
    its identity that trades within 90 days; that of the source's statements of the same identity
    within 90 days; the nearest one that trades at any time; one that statements name. Else it
    founds one.

    Args:
        instruments: catalog.instruments.
        listings: catalog.listings, of all sources.
        statements: catalog.statements, of this source.
        incoming: LISTING_SCHEMA, from this source: first and last day of what is stated.

    Raises:
        SchemaError: See `identity.resolve`.
    """
    wanted = checked(incoming)
    own = statements.select(OWN)
    ids = _known(wanted, own, instruments, listings)
    top = int(instruments.select(pl.col("instrument_id").max().fill_null(0)).item() or 0)
    unknown = wanted.join(ids, on="row", how="anti")
    founded = found(unknown.with_columns(cluster=pl.struct(IDENTITY)), top).select(INSTRUMENT)
    new = unknown.join(founded.select(*IDENTITY, "instrument_id"), on=IDENTITY)
    assigned = wanted.join(pl.concat([ids, new.select("row", "instrument_id")]), on="row")
    after = _after(own, assigned)
    only_named = after.join(listings, on="instrument_id", how="anti")
    ranges = spread(instruments, only_named, assigned)
    changed = ranges.join(instruments, on=INSTRUMENT, how="anti", nulls_equal=True)
    return Resolution(
        new_instruments=founded,
        changed_instruments=changed,
        listings=after,
        mapping=of_symbols(after, wanted),
        proposals=tables.PROPOSALS.empty().select(PROPOSAL),
        changed=bool(founded.height + changed.height) or not after.equals(own.sort(OWN[:2])),
    )


def _known(
    wanted: pl.DataFrame, own: pl.DataFrame, instruments: pl.DataFrame, listings: pl.DataFrame
) -> pl.DataFrame:
    """row, instrument_id of those that join a known instrument."""
    spans = instruments.select("instrument_id", *IDENTITY, "valid_from", "valid_to")
    trades = spans.join(listings, on="instrument_id", how="semi")
    stated = own.join(spans.select("instrument_id", *IDENTITY), on="instrument_id")
    found = wanted.clear().select("row", instrument_id=pl.lit(None, pl.Int32))
    for candidates, on, reach in (
        (own, ("vendor_symbol",), 0),
        (trades, IDENTITY, MAX_GAP_DAYS),
        (stated, ("vendor_symbol", *IDENTITY), MAX_GAP_DAYS),
        (trades, IDENTITY, None),
        (spans, IDENTITY, None),
    ):
        left = wanted.join(found, on="row", how="anti")
        hits = nearest(left, candidates, *on, reach=reach)
        found = pl.concat([found, hits.select("row", "instrument_id")])
    return found


def _after(own: pl.DataFrame, assigned: pl.DataFrame) -> pl.DataFrame:
    """All of the source's statements (OWN): widened, never into another's, and the new ones."""
    same = ("vendor_symbol", "instrument_id")
    rows = nearest(assigned, own.with_columns(known_from="valid_from"), *same, reach=None)
    known = assigned.join(rows.select("row", "known_from"), on="row")
    widened, _ = widen(own, known)
    new = assigned.join(known, on="row", how="anti")
    return pl.concat([widened, new.select(OWN)]).sort(OWN[:2])


def doubtful(
    instruments: pl.DataFrame, listings: pl.DataFrame, statements: pl.DataFrame
) -> pl.DataFrame:
    """Statements that may be of another instrument: far from what trades, and there are several.

    Args:
        instruments: catalog.instruments.
        listings: catalog.listings.
        statements: catalog.statements, of all sources.

    Returns:
        problem (statement), instrument_id (that trades nearest), other_id (the one that has them,
        else the second nearest), day (of the first statement), proposal, evidence. The words stay
        the same while both go on, and whoever has the statements.
    """
    spans = instruments.select("instrument_id", *IDENTITY, "valid_from", "valid_to")
    trades = spans.join(listings, on="instrument_id", how="semi").rename(
        {"instrument_id": "candidate", "valid_from": "begins", "valid_to": "ends"}
    )
    rows = statements.select(OWN).unique().sort(OWN).with_row_index("row")
    meet = pl.min_horizontal("valid_to", "ends") - pl.max_horizontal("valid_from", "begins")
    pairs = (
        rows.join(spans.select("instrument_id", *IDENTITY), on="instrument_id")
        .join(trades, on=IDENTITY)
        .with_columns(meet=meet.dt.total_days())
        .sort("row", "meet", "candidate", descending=[False, True, False])
    )
    best = pairs.unique("row", keep="first", maintain_order=True)
    rest = pairs.join(best, on=["row", "candidate"], how="anti").sort(
        "row", pl.col("candidate") != pl.col("instrument_id"), maintain_order=True
    )
    second = rest.unique("row", keep="first", maintain_order=True)
    found = best.join(
        second.select("row", second="candidate", since="begins"), on="row", how="left"
    ).with_columns(other_id=pl.coalesce("second", "instrument_id"))
    # Within reach it is sure, and where it has what nobody else could have, nothing is to decide.
    sure = (pl.col("candidate") == pl.col("instrument_id")) & (
        (pl.col("meet") >= -MAX_GAP_DAYS) | pl.col("second").is_null()
    )
    unlisted = pl.col("instrument_id").is_in(trades["candidate"].implode()).not_()
    words = [
        pl.format(
            "What was stated of {} on {} is of the {} that trades since {}",
            "symbol", "valid_from", "symbol", "begins",
        ),
        pl.when(~unlisted).then(pl.format(", not of the one since {}", "since")),
    ]  # fmt: skip
    return (
        found.filter(~sure)
        .with_columns(other_id=pl.when(unlisted).then("instrument_id").otherwise("other_id"))
        .unique(["candidate", "other_id", "valid_from"], keep="first", maintain_order=True)
        .sort("symbol", "valid_from", "candidate")
        .select(
            problem=pl.lit("statement"),
            instrument_id="candidate",
            other_id="other_id",
            day="valid_from",
            proposal=pl.concat_str(words, ignore_nulls=True),
            evidence=pl.lit("it trades nearest in time under this ticker"),
        )
    )
