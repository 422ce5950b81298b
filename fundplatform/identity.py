"""Who is who: gives vendor symbols permanent instruments. Pure polars; no SQL, no clock.

In: the instruments and listings already known, and what one source says it lists. Out: rows to
add or change, and the mapping. Tickers are plain text here (`NAN`, `NA`, `TRUE` are companies).
How the rows are stored is not decided here; whom statements are of, in `identity_statements.py`.
"""

from dataclasses import dataclass

import polars as pl

from fundplatform import tables
from fundplatform.errors import SchemaError
from fundplatform.identity_clusters import IDENTITY, INSTRUMENT, assign, nearest, rivals
from fundplatform.sources.base import LISTING_SCHEMA

OWN = ("vendor_symbol", "valid_from", "valid_to", "instrument_id")
PROPOSAL = tuple(n for n in tables.PROPOSALS.column_names if n not in tables.PROPOSALS.stamps)
_REASONS = {
    "gap": "Same ticker after a silence of more than 90 days: a new instrument was made",
    "bridge": "The listing joins two instruments that were kept apart; the nearest was taken",
    "span": "The listing reaches into another known meaning of the symbol; it was cut there",
}


@dataclass(frozen=True)
class Resolution:
    """What one source's listings mean.

    Attributes:
        new_instruments: Columns INSTRUMENT, ids above every known one.
        changed_instruments: Columns INSTRUMENT: known ones, widened or given their first name.
        listings: Columns OWN: all of the source's listings (statements) afterwards.
        mapping: Columns OWN: those of the symbols that came in.
        proposals: Columns PROPOSAL: decisions that a person may want to look at.
        changed: False where everything was known already.
    """

    new_instruments: pl.DataFrame
    changed_instruments: pl.DataFrame
    listings: pl.DataFrame
    mapping: pl.DataFrame
    proposals: pl.DataFrame
    changed: bool


def resolve(
    instruments: pl.DataFrame, listings: pl.DataFrame, incoming: pl.DataFrame, source_id: int
) -> Resolution:
    """Give every incoming listing its instrument.

    A listing that this source already has (same vendor symbol; overlapping, or at most 90 days
    apart and of the same identity) keeps its instrument and is only ever widened, also when its
    canonical symbol was renamed. Any other one joins the instrument of
    the same asset class, market, symbol and quote that it overlaps or adjoins, else it founds a
    new one: id max + 1, in order of asset class, market, symbol, quote, first session. An
    instrument that only statements name so far is taken for the first one that trades, however far
    off. The order in which sources come may change ids; it changes what is one instrument only
    where a later source bridges a gap, and then there is a proposal.

    Args:
        instruments: catalog.instruments.
        listings: catalog.listings, of all sources.
        incoming: LISTING_SCHEMA, from the source.
        source_id: The source.

    Raises:
        SchemaError: Wrong columns, a NULL, an end before its start, two overlapping meanings of
            one vendor symbol, or a known symbol that changed its asset class or market.
    """
    wanted = checked(incoming)
    own = listings.filter(pl.col("source_id") == source_id).select(OWN)
    known = _known(wanted, own, instruments)
    _refuse_changed_class(known)
    if known.height == wanted.height and not known.select(_news().any()).item():
        return _unchanged(own, wanted)
    widened, cut = widen(own, known)
    ranges = spread(instruments, widened, known)
    unknown = wanted.join(known, on="row", how="anti")
    named = instruments.join(listings, on="instrument_id", how="anti")
    founded, assigned, bridges = assign(ranges, unknown, named["instrument_id"])
    # Statements do not say when a thing trades: now the listings do.
    begun = assigned.join(named, on="instrument_id", how="semi")["instrument_id"]
    said = pl.col("instrument_id").is_in(begun.implode())
    ranges = ranges.with_columns(
        pl.when(~said).then(pl.col(n)).alias(n) for n in ("valid_from", "valid_to")
    )
    after = pl.concat([widened.select(OWN), assigned.select(OWN)]).sort(OWN[:2])
    ranges = spread(ranges, after, assigned)
    return Resolution(
        new_instruments=founded,
        changed_instruments=ranges.join(instruments, on=INSTRUMENT, how="anti", nulls_equal=True),
        listings=after,
        mapping=of_symbols(after, wanted),
        proposals=_proposals(
            source_id,
            gap=assigned.join(rivals(ranges, founded), on="instrument_id"),
            bridge=bridges.with_columns(other_id=pl.lit(None, pl.Int32)),
            span=cut,
        ),
        changed=True,
    )


def checked(incoming: pl.DataFrame) -> pl.DataFrame:
    """The rows as LISTING_SCHEMA with their number `row`; see `resolve` for what is refused."""
    lost = [n for n in LISTING_SCHEMA if n not in incoming.columns]
    if lost:
        raise SchemaError("catalog.listings", f"listings lack {lost}", "See LISTING_SCHEMA")
    rows = incoming.select(pl.col(n).cast(t) for n, t in LISTING_SCHEMA.items()).unique()
    required = [n for n in LISTING_SCHEMA if n != "name"]
    _refuse(rows.filter(pl.any_horizontal(pl.col(required).is_null())), "has a NULL")
    _refuse(rows.filter(pl.col("valid_to") < pl.col("valid_from")), "ends before it starts")
    rows = rows.sort("vendor_symbol", "valid_from", *IDENTITY)
    before = pl.col("valid_to").shift(1).over("vendor_symbol")
    _refuse(rows.filter(pl.col("valid_from") <= before), "has two overlapping meanings")
    return rows.with_row_index("row")


def _refuse(bad: pl.DataFrame, problem: str) -> None:
    if bad.height:
        names = bad["vendor_symbol"].unique().sort().head(5).to_list()
        raise SchemaError(
            "catalog.listings", f"{names} {problem}", "Correct Source.listings of this source"
        )


def _known(wanted: pl.DataFrame, own: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """The rows that the source has already, with their listing and what its instrument was."""
    hits = nearest(wanted, own.with_columns(known_from="valid_from"), "vendor_symbol")
    was = instruments.select(
        "instrument_id", *(pl.col(n).alias(f"was_{n}") for n in (*IDENTITY, "name"))
    )
    rows = wanted.join(hits, on="row").join(was, on="instrument_id", how="left")
    overlaps = (pl.col("valid_from") <= pl.col("held_to")) & (
        pl.col("valid_to") >= pl.col("held_from")
    )
    return rows.filter(overlaps | pl.all_horizontal(_same(n) for n in IDENTITY))


def _same(name: str) -> pl.Expr:
    return pl.col(name) == pl.col(f"was_{name}")


def _refuse_changed_class(known: pl.DataFrame) -> None:
    bad = known.filter(~_same("asset_class") | ~_same("market"))
    if bad.height:
        row = bad.row(0, named=True)
        raise SchemaError(
            "catalog.listings",
            f"{row['vendor_symbol']} is known as {row['was_asset_class']}/{row['was_market']} "
            f"and now comes as {row['asset_class']}/{row['market']}",
            "Give the source a new name, or put the asset class back",
        )


def _news() -> pl.Expr:
    """True where a known listing brings something: an earlier start, a later end, a first name."""
    return (
        (pl.col("valid_from") < pl.col("held_from"))
        | (pl.col("valid_to") > pl.col("held_to"))
        | (pl.col("was_name").is_null() & pl.col("name").is_not_null())
    )


def of_symbols(own: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Of the source's listings (OWN) those of the wanted symbols, by symbol and start."""
    return own.join(wanted.select("vendor_symbol").unique(), on="vendor_symbol", how="semi").sort(
        "vendor_symbol", "valid_from"
    )


def _unchanged(own: pl.DataFrame, wanted: pl.DataFrame) -> Resolution:
    none = tables.INSTRUMENTS.empty().select(INSTRUMENT)
    return Resolution(
        none,
        none,
        own,
        of_symbols(own, wanted),
        tables.PROPOSALS.empty().select(PROPOSAL),
        changed=False,
    )


def widen(own: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The source's listings, widened by what came in, never into a neighbouring meaning.

    Returns:
        All listings (OWN), and those that had to be cut (OWN plus other_id).
    """
    seen = known.group_by("vendor_symbol", "known_from").agg(
        low=pl.col("valid_from").min(), high=pl.col("valid_to").max()
    )
    day = pl.duration(days=1)
    rows = (
        own.join(
            seen,
            left_on=["vendor_symbol", "valid_from"],
            right_on=["vendor_symbol", "known_from"],
            how="left",
        )
        .sort("vendor_symbol", "valid_from")
        .with_columns(
            pl.col("valid_to").shift(1).over("vendor_symbol").alias("before"),
            pl.col("valid_from").shift(-1).over("vendor_symbol").alias("after"),
            pl.col("instrument_id").shift(1).over("vendor_symbol").alias("before_id"),
            pl.col("instrument_id").shift(-1).over("vendor_symbol").alias("after_id"),
        )
    )
    too_low, too_high = pl.col("low") <= pl.col("before"), pl.col("high") >= pl.col("after")
    cut = rows.filter(too_low | too_high).with_columns(
        other_id=pl.when(too_low).then("before_id").otherwise("after_id")
    )
    widened = rows.with_columns(
        valid_from=pl.when(pl.col("low") < pl.col("valid_from"))
        .then(pl.max_horizontal("low", pl.col("before") + day))
        .otherwise("valid_from"),
        valid_to=pl.when(pl.col("high") > pl.col("valid_to"))
        .then(pl.min_horizontal("high", pl.col("after") - day))
        .otherwise("valid_to"),
    )
    return widened.select(OWN), cut.select(*OWN, "other_id")


def spread(instruments: pl.DataFrame, listings: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """The instruments (INSTRUMENT), widened to their listings, with a name where one came."""
    ranges = listings.group_by("instrument_id").agg(
        low=pl.col("valid_from").min(), high=pl.col("valid_to").max()
    )
    names = (
        named.filter(pl.col("name").is_not_null())
        .sort("valid_to", "vendor_symbol", descending=[True, False])
        .unique("instrument_id", keep="first", maintain_order=True)
        .select("instrument_id", first_name="name")
    )
    return (
        instruments.select(INSTRUMENT)
        .join(ranges, on="instrument_id", how="left")
        .join(names, on="instrument_id", how="left")
        .with_columns(
            valid_from=pl.min_horizontal("valid_from", "low"),
            valid_to=pl.max_horizontal("valid_to", "high"),
            name=pl.coalesce("name", "first_name"),
        )
        .select(INSTRUMENT)
    )


def _proposals(source_id: int, **found: pl.DataFrame) -> pl.DataFrame:
    parts = [
        rows.select(
            pl.lit(source_id, pl.Int16).alias("source_id"),
            "vendor_symbol",
            "valid_from",
            pl.lit(problem).alias("problem"),
            pl.lit(_REASONS[problem]).alias("reason"),
            "instrument_id",
            "other_id",
        )
        for problem, rows in found.items()
    ]
    return pl.concat(parts).sort("vendor_symbol", "valid_from", "problem")
