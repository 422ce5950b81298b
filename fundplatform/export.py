"""The way out of the warehouse: what is asked of a dataset, in batches of whole sessions.

In: a published state, sessions, names, fields. Out: an `Export` that says what the data
is (dates, basis, rows) and yields frames in order, never all at once. How they become a file is
`export_files.py`'s.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import cached_property

import polars as pl

from fundplatform.errors import ConfigError
from fundplatform.export_datasets import DATASETS, Dataset
from fundplatform.storage.base import Reader

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Export:
    """One export of one dataset.

    Attributes:
        store: The warehouse, or one state of it (`Store.snapshot`): then all is of that state.
        dataset: Key of `DATASETS`.
        first: First session, or None.
        last: Last session, or None.
        names: Symbols or index names; empty: all.
        fields: Fields in order; empty: all.
    """

    store: Reader
    dataset: str
    first: date | None = None
    last: date | None = None
    names: Sequence[str] = ()
    fields: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse fields that the dataset has not.

        Raises:
            ConfigError: Unknown or doubled field.
        """
        for field in self.fields:
            if field not in self.of.fields:
                raise _unknown(f"--fields of {self.dataset}", field, list(self.of.fields))
        if len(set(self.fields)) < len(self.fields):
            raise ConfigError("--fields", None, "a field is named twice", "Name each once")

    @property
    def of(self) -> Dataset:
        """The dataset."""
        return DATASETS[self.dataset]

    @property
    def columns(self) -> list[str]:
        """Names of the columns that come out."""
        return list(self.fields) or list(self.of.fields)

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """session, n: the rows of each session.

        Raises:
            ConfigError: A name that is not in the dataset, or no rows at all.
        """
        found = self._query(f"{self.of.session} AS session, count(*) AS n", "GROUP BY 1 ORDER BY 1")
        if self.names:
            self._require_names()
        if found.is_empty():
            raise self._nothing()
        return found

    @property
    def rows(self) -> int:
        """How many rows come out."""
        return int(self.sessions["n"].sum())

    def about(self, now: datetime) -> dict[str, object]:
        """What the data is, for the header of a file."""
        days = self.sessions["session"]
        basis = self._query(f"DISTINCT {self.of.basis} AS basis", "ORDER BY 1")["basis"]
        return {
            "dataset": self.dataset,
            "what": self.of.what,
            "basis": ", ".join(str(b) for b in basis),
            "data_from": str(days.min()),
            "data_to": str(days.max()),
            "sessions": len(days),
            "rows": self.rows,
            "asked_from": self.first and str(self.first),
            "asked_to": self.last and str(self.last),
            "names": ", ".join(self.names) or "all",
            "exported_at": now.isoformat(timespec="seconds"),
        }

    def schema(self) -> pl.Schema:
        """Columns and types of every batch; instants in UTC."""
        return _in_utc(self._query(self._select(), "LIMIT 0")).schema

    def batches(self, size: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """Frames of whole sessions in order, each of about `size` rows, one session at least."""
        schema = self.schema()
        for first, last in self._spans(size):
            frame = self._query(
                self._select(), f"ORDER BY {self.of.session}, {self.of.order}", (first, last)
            )
            yield _in_utc(frame).cast(schema)

    def _spans(self, size: int) -> Iterator[tuple[date, date]]:
        """First and last session of each batch."""
        taken: list[date] = []
        held = 0
        for session, n in self.sessions.iter_rows():
            if taken and held + n > size:
                yield taken[0], taken[-1]
                taken, held = [], 0
            taken.append(session)
            held += n
        if taken:
            yield taken[0], taken[-1]

    def _select(self) -> str:
        return ", ".join(f'{self.of.fields[n]} AS "{n}"' for n in self.columns)

    def _query(
        self, what: str, then: str, span: tuple[date | None, date | None] | None = None
    ) -> pl.DataFrame:
        first, last = span or (self.first, self.last)
        where, given = ["1 = 1"], list[object]()
        if first:
            where.append(f"{self.of.session} >= ?")
            given.append(first)
        if last:
            where.append(f"{self.of.session} <= ?")
            given.append(last)
        if self.names:
            where.append(f"{self.of.name} IN ({', '.join('?' * len(self.names))})")
            given += self.names
        # Every piece is a constant of `DATASETS`; what a user gave goes as parameters.
        bounds = " AND ".join(where)
        sql = f"SELECT {what} FROM {self.of.source} WHERE {bounds} {then}"  # noqa: S608
        return self.store.query(sql, given)

    def _nothing(self) -> ConfigError:
        days = f"min({self.of.session}), max({self.of.session})"
        first, last = self.store.query(f"SELECT {days} FROM {self.of.source}").row(0)  # noqa: S608
        where = f"export {self.dataset}"
        if first is None:
            return ConfigError(where, None, "the warehouse has none", _load(self.dataset))
        asked = f"{self.first or 'the first'} to {self.last or 'the last session'}"
        there = f"There are rows from {first} to {last}, not of every name on every day"
        return ConfigError(where, None, f"no rows from {asked}", there)

    def _require_names(self) -> None:
        every = f"SELECT DISTINCT {self.of.name} AS name FROM {self.of.source}"  # noqa: S608
        known = self.store.query(every)
        there = sorted(str(n) for n in known["name"])
        for name in self.names:
            if name not in there:
                raise _unknown(f"export {self.dataset}", name, there)


def _unknown(where: str, name: str, known: Sequence[str]) -> ConfigError:
    near = get_close_matches(name, known, 3, 0.5) or get_close_matches(name.upper(), known, 3, 0.5)
    some = ", ".join(known[:40]) + (", ..." if len(known) > 40 else "")
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {some or 'none'}"
    return ConfigError(where, name, "there is none of this name", hint)


def _load(dataset: str) -> str:
    if dataset == "holdings":
        return "Load a source of holdings first (docs/drop-folders.md, docs/vendors.md)"
    return "Run `fundplatform backfill` first"


def _in_utc(frame: pl.DataFrame) -> pl.DataFrame:
    """Instants in UTC: DuckDB gives them in the zone of the machine."""
    zoned = [
        n for n, t in frame.schema.items() if isinstance(t, pl.Datetime) and t.time_zone is not None
    ]
    return frame.with_columns(pl.col(n).dt.convert_time_zone("UTC") for n in zoned)
