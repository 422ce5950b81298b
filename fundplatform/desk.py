"""The quarantine desk: limits and overrides in force, kept in the warehouse beside the files.

In: a store, rules.yaml, overrides.yaml. Out: what `rules.judge` takes, and the list a person reads.
The file's overrides are copied into ops.overrides before bars are judged, those taken out of it are
marked as withdrawn: the table and its ledger say who decided what when.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

from fundplatform import tables
from fundplatform.finance.rules import OVERRIDES, Limits, load_limits
from fundplatform.overrides import Override, load_overrides
from fundplatform.settings import Settings
from fundplatform.storage.base import Slice, Stamp, Store

FILE = "overrides.yaml"
COMMAND = "command"


@dataclass(frozen=True)
class Desk:
    """One warehouse's desk."""

    store: Store
    rules_file: Path
    overrides_file: Path

    @classmethod
    def of(cls, settings: Settings, store: Store) -> "Desk":
        """The desk of this home."""
        return cls(store, settings.rules, settings.home / FILE)

    def limits(self) -> Limits:
        """See `load_limits`; instruments not yet resolved."""
        return load_limits(self.rules_file)

    def known(self) -> pl.DataFrame:
        """ops.overrides."""
        return self.store.read(tables.OVERRIDES)

    def sync(self, stamp: Stamp) -> int:
        """Bring the table in line with overrides.yaml; returns the rows that changed."""
        wanted = {o.override_id: o for o in load_overrides(self.overrides_file)}
        known = self.known().filter(pl.col("origin") == FILE)
        active = set(known.filter(pl.col("withdrawn_at").is_null())["override_id"])
        gone = active - set(wanted)
        rows = [_row(o, FILE) for key, o in wanted.items() if key not in active]
        rows += [
            {**row, "withdrawn_at": stamp.recorded_at}
            for row in known.filter(pl.col("override_id").is_in(list(gone))).iter_rows(named=True)
        ]
        return self._write(rows, stamp)

    def add(self, override: Override, stamp: Stamp) -> str:
        """Store a decision made by command; returns its id."""
        self._write([_row(override, COMMAND)], stamp)
        return override.override_id

    def withdraw(self, override_id: str, stamp: Stamp) -> bool:
        """Take a decision back; False where there is none of this id in force."""
        found = self.known().filter(
            pl.col("override_id") == override_id, pl.col("withdrawn_at").is_null()
        )
        rows = [{**r, "withdrawn_at": stamp.recorded_at} for r in found.iter_rows(named=True)]
        return bool(self._write(rows, stamp))

    def _write(self, rows: Iterable[dict[str, object]], stamp: Stamp) -> int:
        stamps = tables.OVERRIDES.stamps
        own = {n: t for n, t in tables.OVERRIDES.polars_schema.items() if n not in stamps}
        frame = pl.DataFrame([{n: row[n] for n in own} for row in rows], schema=own)
        if frame.is_empty():
            return 0
        with self.store.transaction(stamp) as writer:
            counts = writer.write(tables.OVERRIDES, frame, Slice())
        return counts.inserted + counts.updated

    def in_force(
        self, today: date, instruments: pl.DataFrame, sources: pl.DataFrame
    ) -> pl.DataFrame:
        """OVERRIDES of the table that are neither expired nor withdrawn, with ids for names.

        One that names a source or an instrument that is not known has no effect.
        """
        return resolved(active(self.known(), today), instruments, sources)


def active(known: pl.DataFrame, today: date) -> pl.DataFrame:
    """The overrides in force on a day."""
    return known.filter(
        pl.col("withdrawn_at").is_null(),
        pl.col("expires_on").is_null() | (pl.col("expires_on") >= today),
    )


def state(today: date) -> pl.Expr:
    """`in force`, `expired` or `withdrawn`."""
    return (
        pl.when(pl.col("withdrawn_at").is_not_null())
        .then(pl.lit("withdrawn"))
        .when(pl.col("expires_on") < today)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("in force"))
    )


def resolved(
    overrides: pl.DataFrame, instruments: pl.DataFrame, sources: pl.DataFrame
) -> pl.DataFrame:
    """Overrides with the ids of what they name; a symbol of several instruments names them all."""
    names = instruments.select("asset_class", "symbol", "instrument_id")
    known = (
        overrides.join(sources.select("source_id", source="name"), on="source", how="left")
        .join(names, on=["asset_class", "symbol"], how="left")
        .filter(
            pl.col("source").is_null() | pl.col("source_id").is_not_null(),
            pl.col("symbol").is_null() | pl.col("instrument_id").is_not_null(),
        )
        .sort("recorded_from", "override_id")
    )
    return known.select(pl.col(n).cast(t) for n, t in OVERRIDES.items())


def release(source: str, session: date, author: str, reason: str) -> Override:
    """The decision to let a held session through."""
    return Override(
        "release", source, None, None, session, session, None, None, None, author, reason, None
    )


def _row(override: Override, origin: str) -> dict[str, object]:
    return {
        "override_id": override.override_id,
        **asdict(override),
        "origin": origin,
        "withdrawn_at": None,
    }
