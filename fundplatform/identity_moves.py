"""Carries out what a person decided about identity: raw rows change their instrument, audited.

In: an open proposal, an author. Out: one transaction that moves rows, listings and the decision's
row. Nothing is lost: what a row was stays in the table's ledger. What is derived is computed again
by the next backfill.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from fundplatform import tables
from fundplatform.errors import ConfigError, SchemaError
from fundplatform.identity_review import MERGED, PROPOSALS, proposals
from fundplatform.sources.base import Kind
from fundplatform.storage.base import Slice, Stamp, Store, Writer
from fundplatform.tables import Table


@dataclass(frozen=True)
class Decision:
    """Who decided what of a proposal, when, and why."""

    proposal_id: str
    approved: bool
    author: str
    decided_at: datetime
    note: str | None = None


def review(store: Store) -> pl.DataFrame:
    """The open proposals (PROPOSALS) of the newest published state."""
    read = store.read
    return proposals(
        read(tables.INSTRUMENTS),
        read(tables.LISTINGS),
        read(tables.STATEMENTS),
        read(tables.ACTIONS),
        read(tables.PROFILES, columns=["instrument_id", "cik"]),
        store.query(_EDGES),
        read(tables.PROPOSALS),
        read(tables.IDENTITY_DECISIONS),
    )


_EDGES = """
WITH daily AS (
  SELECT instrument_id, session, close,
         row_number() OVER (PARTITION BY instrument_id ORDER BY session) AS from_start,
         row_number() OVER (PARTITION BY instrument_id ORDER BY session DESC) AS from_end
  FROM prices.validated WHERE selected AND "interval" = '1d' AND adjustment = 'none'
)
SELECT instrument_id, max(CASE WHEN from_start = 1 THEN close END) AS first_close,
       max(CASE WHEN from_end = 1 THEN close END) AS last_close
FROM daily WHERE from_start = 1 OR from_end = 1 GROUP BY instrument_id
"""


def decide(store: Store, open_ones: pl.DataFrame, decision: Decision) -> int:
    """Write the decision, and do what it says; returns the number of raw rows moved.

    Raises:
        ConfigError: No open proposal has this id, or there is no author.
        SchemaError: Both instruments have a row of the same source and time: they are not one.
    """
    found = open_ones.filter(pl.col("proposal_id") == decision.proposal_id)
    if found.is_empty() or not decision.author.strip():
        raise ConfigError(
            "command line",
            "--author" if found.height else decision.proposal_id,
            "a decision needs an author" if found.height else "no open proposal has this id",
            "See `fundplatform identity review`",
        )
    row = found.row(0, named=True)
    stamp = Stamp(f"identity {decision.proposal_id}", decision.decided_at)
    with store.transaction(stamp) as writer:
        kept, other, moved = _done(writer, row, approved=decision.approved)
        audit = {
            "proposal_id": decision.proposal_id,
            "problem": row["problem"],
            "proposal": f"{row['proposal']} ({row['evidence']})",
            "approved": decision.approved,
            "instrument_id": kept,
            "other_id": other,
            "rows_moved": moved,
            "author": decision.author.strip(),
            "note": decision.note,
            "decided_at": decision.decided_at,
        }
        own = {n: t for n, t in tables.IDENTITY_DECISIONS.polars_schema.items() if n in audit}
        writer.write(
            tables.IDENTITY_DECISIONS,
            pl.DataFrame([audit], schema=own),
            Slice({"proposal_id": decision.proposal_id}),
        )
    store.publish()
    return moved


def _done(writer: Writer, row: dict[str, object], *, approved: bool) -> tuple[object, object, int]:
    """Kept and other instrument, rows moved."""
    kept, other, day = row["instrument_id"], row["other_id"], row["day"]
    assert isinstance(kept, int) and isinstance(day, date)  # noqa: S101  (PROPOSALS says so)
    if row["problem"] == "reuse":
        if not approved:
            return kept, None, 0
        new = _founded(writer, kept, day)
        return kept, new, _moved(writer, kept, new, day)
    if row["problem"] == "statement":
        assert isinstance(other, int)  # noqa: S101
        owner, loser = (kept, other) if approved else (other, kept)
        return owner, loser, _restated(writer, loser, owner, day)
    makes_one = approved if row["problem"] == "rename" else not approved
    if not makes_one or not isinstance(other, int):
        return kept, other, 0
    # The older id stays: it is the one that people have noted. The newer ticker is its symbol.
    moved = _moved(writer, kept, other, None)
    _united(writer, kept, other)
    return other, kept, moved


def _united(writer: Writer, newer: int, older: int) -> None:
    both = writer.read(tables.INSTRUMENTS).filter(pl.col("instrument_id").is_in([newer, older]))
    one = both.filter(pl.col("instrument_id") == newer)
    span = {
        "valid_from": pl.lit(both["valid_from"].min()),
        "valid_to": pl.lit(both["valid_to"].max()),
    }
    _write(writer, tables.INSTRUMENTS, pl.concat([
        one.with_columns(instrument_id=pl.lit(older, pl.Int32), **span),
        one.with_columns(asset_class=pl.lit(MERGED)),
    ]), Slice())  # fmt: skip


def _founded(writer: Writer, old: int, day: date) -> int:
    """A new instrument of the same ticker from `day` on; the old one ends the day before."""
    known = writer.read(tables.INSTRUMENTS)
    new = int(known.select(pl.col("instrument_id").max()).item()) + 1
    row = known.filter(pl.col("instrument_id") == old)
    eve = pl.lit(day).dt.offset_by("-1d")
    _write(writer, tables.INSTRUMENTS, pl.concat([
        row.with_columns(valid_to=eve, name=pl.lit(None, pl.String())),
        row.with_columns(instrument_id=pl.lit(new, pl.Int32), valid_from=pl.lit(day)),
    ]), Slice())  # fmt: skip
    return new


def _moved(writer: Writer, from_id: int, to_id: int, since: date | None) -> int:
    """Give the raw rows (from `since` on) and listings of one instrument to another."""
    for listed in (tables.LISTINGS, tables.STATEMENTS):
        _relist(writer, listed, from_id, to_id, since)
    moved = 0
    for table in dict.fromkeys(kind.table for kind in Kind):
        rows = writer.read(table, Slice({"instrument_id": from_id}))
        day = pl.col(_day_of(table)) if since and _day_of(table) else None
        own = rows if day is None else rows.filter(day >= since)
        if since and table == tables.CORPORATE_ACTIONS:
            # The rename itself is the old company's last act under this ticker.
            own = own.filter((pl.col("action") != "rename") | (pl.col("ex_date") != since))
        if own.is_empty() or (since and day is None):
            continue
        moved += _handed_over(writer, table, rows, own, to_id)
    return moved


def _handed_over(
    writer: Writer, table: Table, rows: pl.DataFrame, own: pl.DataFrame, to_id: int
) -> int:
    """Give `own`, some of an instrument's `rows`, to another instrument; returns their number."""
    from_id = rows["instrument_id"][0]
    there = writer.read(table, Slice({"instrument_id": to_id}))
    arriving = own.with_columns(instrument_id=pl.lit(to_id, pl.Int32))
    clash = arriving.join(there, on=list(table.key), how="semi")
    if clash.height:
        raise SchemaError(
            table.full_name,
            f"instruments {from_id} and {to_id} both have {clash.select(table.key).row(0)}",
            "They were quoted at the same time: they are not one; refuse the proposal",
        )
    left = rows.join(own, on=list(table.key), how="anti")
    _write(writer, table, arriving, Slice({"instrument_id": to_id}))
    _write(writer, replace(table, keeps_absent=False), left, Slice({"instrument_id": from_id}))
    return own.height


def _restated(writer: Writer, from_id: int, to_id: int, day: date) -> int:
    """Give to another instrument what was stated first on `day`, and on the days that follow it."""
    own = (pl.col("instrument_id") == from_id) & (pl.col("valid_from") == day)
    stated = writer.read(tables.STATEMENTS)
    spans = stated.filter(own)
    moved = 0
    for table in dict.fromkeys(kind.table for kind in Kind if kind.states):
        rows = writer.read(table, Slice({"instrument_id": from_id}))
        said_on = _day_of(table)
        within = pl.col(said_on).is_between("valid_from", "valid_to") if said_on else pl.lit(True)
        days = spans.select("source_id", "valid_from", "valid_to")
        theirs = rows.join(days, on="source_id").filter(within).select(rows.columns).unique()
        if theirs.height:
            moved += _handed_over(writer, table, rows, theirs, to_id)
    there = pl.when(own).then(pl.lit(to_id, pl.Int32)).otherwise("instrument_id")
    _write(writer, tables.STATEMENTS, stated.with_columns(instrument_id=there), Slice())
    return moved


def _relist(writer: Writer, table: Table, from_id: int, to_id: int, since: date | None) -> None:
    listings = writer.read(table)
    own = listings.filter(pl.col("instrument_id") == from_id)
    for (source,), rows in own.partition_by("source_id", as_dict=True).items():
        others = listings.filter(pl.col("source_id") == source).join(
            rows, on=list(table.key), how="anti"
        )
        parts = list(_cut(rows, to_id, since))
        _write(
            writer,
            replace(table, keeps_absent=False),
            pl.concat([others, *parts]),
            Slice({"source_id": int(source)}),
        )


def _cut(rows: pl.DataFrame, to_id: int, since: date | None) -> Iterator[pl.DataFrame]:
    arriving = pl.lit(to_id, pl.Int32)
    if since is None:
        yield rows.with_columns(instrument_id=arriving)
        return
    day, eve = pl.lit(since), pl.lit(since).dt.offset_by("-1d")
    before = rows.filter(pl.col("valid_from") < since)
    yield before.with_columns(valid_to=pl.min_horizontal("valid_to", eve))
    after = rows.filter(pl.col("valid_to") >= since)
    yield after.with_columns(valid_from=pl.max_horizontal("valid_from", day),
                             instrument_id=arriving)  # fmt: skip


def _day_of(table: Table) -> str:
    """The date that says when a row was true of the company."""
    return table.partition or next((c.name for c in table.columns if c.type == "date"), "")


def _write(writer: Writer, table: Table, frame: pl.DataFrame, part: Slice) -> None:
    writer.write(table, frame.drop("recorded_from", "run_id"), part)


def shown(open_ones: pl.DataFrame) -> Iterator[str]:
    """The proposals as lines for people."""
    for row in open_ones.select(PROPOSALS.names()).iter_rows(named=True):
        yield f"{row['proposal_id']}  {row['problem']:<7} {row['proposal']}"
        yield f"            because: {row['evidence']}"
