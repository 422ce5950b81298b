"""Renamed and reused tickers: what a person may want to approve. Pure polars; no SQL, no clock.

In: the catalog as it is, counted actions, profiles, the closes at the edges of each instrument.
Out: PROPOSALS with their evidence. Carrying one out is `identity_moves.py`.
"""

import hashlib
from datetime import timedelta

import polars as pl

from fundplatform.identity_statements import doubtful

NEAR = timedelta(days=10)
"""A renamed company trades under its new ticker within so many days."""

SAME_PRICE = 0.02
"""Closes over a rename differ by a day's move; more than this is no evidence."""

MERGED = "merged"
"""Asset class of an instrument that was merged into another: its id is never given again."""

PROPOSALS = pl.Schema(
    {
        "proposal_id": pl.String(),
        "problem": pl.String(),
        "instrument_id": pl.Int32(),
        "other_id": pl.Int32(),
        "day": pl.Date(),
        "proposal": pl.String(),
        "evidence": pl.String(),
    }
)
"""rename: `other_id` (the older) is `instrument_id`: one line. reuse: from `day` on the ticker of
`instrument_id` is another company: two. gap: `other_id` is an earlier holder of the ticker, kept
apart: approving leaves it so, refusing makes them one. statement: what was stated from `day` on is
of `instrument_id`; refusing gives it to `other_id`."""

_WHO = ["asset_class", "market", "quote"]


def proposals(
    instruments: pl.DataFrame,
    listings: pl.DataFrame,
    statements: pl.DataFrame,
    actions: pl.DataFrame,
    profiles: pl.DataFrame,
    edges: pl.DataFrame,
    noted: pl.DataFrame,
    decided: pl.DataFrame,
) -> pl.DataFrame:
    """Everything that is not decided yet, in the order problem, ticker, day.

    Args:
        instruments: catalog.instruments.
        listings: catalog.listings.
        statements: catalog.statements.
        actions: catalog.corporate_actions (renames count).
        profiles: raw.profiles: instrument_id, cik.
        edges: instrument_id, first_close, last_close: as traded.
        noted: catalog.proposals; those of the problem `gap` count.
        decided: catalog.identity_decisions.

    Returns:
        PROPOSALS. The id is a hash of natural keys, the same in every warehouse.
    """
    known = instruments.filter(pl.col("asset_class") != MERGED).select(
        "instrument_id", *_WHO, "symbol", "name", "valid_from", "valid_to"
    )
    renames = actions.filter(pl.col("action") == "rename", pl.col("other_symbol").is_not_null())
    found = pl.concat(
        [
            _renames(known, listings, renames, profiles, edges),
            _reuses(known, renames),
            _gaps(known, noted, decided),
            doubtful(known, listings, statements),
        ]
    )
    open_ones = found.with_columns(proposal_id=_ids(found)).join(
        decided.select("proposal_id"), on="proposal_id", how="anti"
    )
    return open_ones.select(pl.col(n).cast(t) for n, t in PROPOSALS.items())


def _renames(
    known: pl.DataFrame,
    listings: pl.DataFrame,
    renames: pl.DataFrame,
    profiles: pl.DataFrame,
    edges: pl.DataFrame,
) -> pl.DataFrame:
    """Neighbours in time in one source, and what speaks for them being one company."""
    by_source = (
        listings.select("source_id", "instrument_id").unique().join(known, on="instrument_id")
    )
    after = pl.col("valid_from_new") - pl.col("valid_to")
    pairs = (
        by_source.join(by_source, on=["source_id", *_WHO], suffix="_new")
        .filter(
            pl.col("symbol") != pl.col("symbol_new"),
            after > timedelta(0),
            after <= NEAR,
        )
        .drop("source_id")
        .unique(["instrument_id", "instrument_id_new"])
    )
    evidence = _with_evidence(pairs, renames, profiles, edges).filter(
        pl.col("evidence").str.len_chars() > 0
    )
    words = pl.format(
        "{} (to {}) was renamed {} (from {}): one instrument",
        "symbol", "valid_to", "symbol_new", "valid_from_new",
    )  # fmt: skip
    return evidence.sort("symbol", "valid_from_new", "symbol_new").select(
        problem=pl.lit("rename"),
        instrument_id="instrument_id_new",
        other_id="instrument_id",
        day="valid_from_new",
        proposal=words,
        evidence="evidence",
    )


def _with_evidence(
    pairs: pl.DataFrame, renames: pl.DataFrame, profiles: pl.DataFrame, edges: pl.DataFrame
) -> pl.DataFrame:
    told = renames.select("instrument_id", symbol_new="other_symbol", told_on="ex_date").unique(
        ["instrument_id", "symbol_new"], keep="first"
    )
    filers = (
        profiles.filter(pl.col("cik").is_not_null())
        .select("instrument_id", "cik")
        .unique("instrument_id", keep="first")
    )
    closes = edges.select("instrument_id", "first_close", "last_close")
    rows = (
        pairs.join(told, on=["instrument_id", "symbol_new"], how="left")
        .join(filers, on="instrument_id", how="left")
        .join(filers, left_on="instrument_id_new", right_on="instrument_id", how="left",
              suffix="_new")
        .join(closes, on="instrument_id", how="left")
        .join(closes, left_on="instrument_id_new", right_on="instrument_id", how="left",
              suffix="_new")
    )  # fmt: skip
    step = pl.col("first_close_new") / pl.col("last_close") - 1
    # Who is told to have gone elsewhere, or a ticker told to be another's: price says nothing.
    elsewhere = pl.col("instrument_id").is_in(renames["instrument_id"].to_list()) | pl.col(
        "symbol_new"
    ).is_in(renames["other_symbol"].to_list())
    # Of all names that ended and began in these days, only a pair without a rival speaks by price.
    alone = (pl.len().over("instrument_id") == 1) & (pl.len().over("instrument_id_new") == 1)
    other_filer = (pl.col("cik") != pl.col("cik_new")).fill_null(value=False)
    reasons = [
        pl.when((pl.col("told_on") - pl.col("valid_from_new")).abs() <= NEAR).then(
            pl.format("a source tells of the rename on {}", "told_on")
        ),
        pl.when(pl.col("cik") == pl.col("cik_new")).then(pl.format("both file as CIK {}", "cik")),
        pl.when(_plain("name") == _plain("name_new")).then(pl.format("both are {}", "name")),
        pl.when(alone & (step.abs() <= SAME_PRICE) & ~other_filer & ~elsewhere).then(
            pl.format("the price goes on: {} then {}", "last_close", "first_close_new")
        ),
    ]
    return rows.with_columns(evidence=pl.concat_str(reasons, separator="; ", ignore_nulls=True))


def _plain(name: str) -> pl.Expr:
    return pl.col(name).str.to_lowercase().str.replace_all(r"[^a-z0-9]+", "")


def _reuses(known: pl.DataFrame, renames: pl.DataFrame) -> pl.DataFrame:
    """A ticker that goes on long after its company was renamed is somebody else's."""
    rows = known.join(renames.select("instrument_id", "ex_date", "other_symbol"),
                      on="instrument_id").filter(
        pl.col("valid_from") < pl.col("ex_date"),
        pl.col("valid_to") > pl.col("ex_date") + NEAR,
        pl.col("symbol") != pl.col("other_symbol"),
    )  # fmt: skip
    words = pl.format(
        "{} became {} on {}, and {} went on: two instruments from that day",
        "symbol", "other_symbol", "ex_date", "symbol",
    )  # fmt: skip
    return rows.sort("symbol", "ex_date").select(
        problem=pl.lit("reuse"),
        instrument_id="instrument_id",
        other_id=pl.lit(None, pl.Int32),
        day="ex_date",
        proposal=words,
        evidence=pl.format("prices of {} until {}", "symbol", "valid_to"),
    )


def _gaps(known: pl.DataFrame, noted: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    pair = ["instrument_id", "other_id"]
    # An instrument that was merged stands for the one that it is now.
    merges = _merges(known, decided)
    ids = {merged: _survivor(merged, merges) for merged in merges}
    own, gone = (
        frame.filter(pl.col("problem") == "gap").with_columns(pl.col(pair).replace(ids))
        for frame in (noted, decided)
    )
    rows = (
        own.filter(pl.col("instrument_id") != pl.col("other_id"))
        .select(*pair, ticker="vendor_symbol")
        .sort("ticker")
        .unique(pair, keep="first", maintain_order=True)
        # By the pair: a later rename changes the words.
        .join(gone, on=pair, how="anti")
        .join(known, on="instrument_id")
        .join(known, left_on="other_id", right_on="instrument_id", suffix="_old")
    )
    words = pl.format(
        "{} from {} to {}, and again from {}: two instruments",
        "ticker",
        "valid_from_old",
        "valid_to_old",
        "valid_from",
    )
    return rows.sort("ticker", "valid_from").select(
        problem=pl.lit("gap"),
        instrument_id="instrument_id",
        other_id="other_id",
        day="valid_from",
        proposal=words,
        evidence=pl.lit("the same ticker after a silence of more than 90 days"),
    )


def _merges(known: pl.DataFrame, decided: pl.DataFrame) -> dict[int, int]:
    """Merged instrument -> the one that it was merged into."""
    merged = decided.join(known, left_on="other_id", right_on="instrument_id", how="anti")
    return dict(merged.drop_nulls("other_id").select("other_id", "instrument_id").iter_rows())


def _survivor(instrument: int, merges: dict[int, int]) -> int:
    while instrument in merges:
        instrument = merges[instrument]
    return instrument


def _ids(found: pl.DataFrame) -> pl.Series:
    texts = found.select("problem", "proposal").rows()
    return pl.Series(
        [hashlib.sha256("|".join(text).encode()).hexdigest()[:10] for text in texts],
        dtype=pl.String(),
    )
