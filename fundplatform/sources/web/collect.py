"""Many answers, one batch: collects rows, rejects and payloads of the requests of one fetch.

A vendor's parser turns one `Reply` into a frame of bars (or of another kind) with the vendor's
symbols; typing, evidence and duplicates are settled here for all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from fundplatform.sources.base import (
    LISTING_SCHEMA,
    PAYLOAD_SCHEMA,
    REJECT_SCHEMA,
    SKIP_SCHEMA,
    Batch,
    Kind,
    batch_schema,
)
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Reply

_PLACE = "row_number"
_IDENTITY = ["vendor_symbol", "symbol", "asset_class", "market", "quote"]
_ORIGIN = frozenset({_PLACE, "fetched_at", "payload_hash"})


@dataclass
class Collector:
    """Gathers what one `fetch` brings.

    Attributes:
        kind: The kind of data.
        first: First session wanted; rows outside are dropped as not asked for.
        last: Last session wanted.
    """

    kind: Kind
    first: date
    last: date
    _rows: list[pl.DataFrame] = field(default_factory=list)
    _rejected: list[pl.DataFrame] = field(default_factory=list)
    _payloads: list[pl.DataFrame] = field(default_factory=list)
    _listings: list[pl.DataFrame] = field(default_factory=list)
    _skipped: list[tuple[str, str, str]] = field(default_factory=list)
    _absent: set[date] = field(default_factory=set)
    _reached: dict[str, int] = field(default_factory=dict)

    def add(self, reply: Reply, rows: pl.DataFrame, rejected: pl.DataFrame | None = None) -> None:
        """Take one answer's rows.

        A row without a required value, or with a number that is none (NaN, infinity), is rejected
        here. For partitioned kinds, rows of sessions outside first..last are left out.

        Args:
            reply: The answer.
            rows: Columns of `batch_schema(kind)` except fetched_at and payload_hash; columns left
                out are NULL; a column `row_number` (1-based place in the answer) is optional.
            rejected: Rows that could not be read: row_number, session, vendor_symbol, rule,
                reason, row; columns left out are NULL.
        """
        # Two requests may be answered with the same bytes: their rows are numbered on.
        shift = self._reached.get(reply.digest, 0)
        typed = self._typed(reply, rows, shift)
        good, bad = _unusable(typed, self.kind)
        refused = [bad]
        if rejected is not None and rejected.height:
            refused.append(_filled(rejected, reply, shift))
        lost = sum(frame.height for frame in refused)
        places = [f[_PLACE].max() for f in (typed, *refused)]
        self._reached[reply.digest] = max(
            shift, *(p for p in places if isinstance(p, int)), shift + good.height + lost
        )
        self._rows.append(good)
        self._rejected += refused
        payload = (reply.digest, reply.url, len(reply.body), good.height + lost, reply.fetched_at)
        self._payloads.append(pl.DataFrame([payload], PAYLOAD_SCHEMA, orient="row"))

    def list(self, listings: pl.DataFrame) -> None:
        """Take listings learnt on the way (LISTING_SCHEMA); several of one meaning are united."""
        self._listings.append(listings.select(pl.col(n).cast(t) for n, t in LISTING_SCHEMA.items()))

    def skip(self, vendor_symbol: str, failure: Failure, reason: str) -> None:
        """The vendor does not know this symbol, or has nothing for it."""
        self._skipped.append((vendor_symbol, str(failure), reason))

    def not_published(self, sessions: Iterable[date]) -> None:
        """These sessions are open ones that the vendor has not published yet."""
        self._absent.update(sessions)

    def batch(self) -> Batch:
        """Everything, typed, unique by key: equal duplicates once, conflicting ones rejected."""
        schema = batch_schema(self.kind)
        rows = pl.concat([pl.DataFrame(schema={_PLACE: pl.Int64(), **schema}), *self._rows])
        kept, doubled = _settled(rows, self._key(), self.kind)
        order = [n for n in (self.kind.table.partition, *self._key()) if n]
        rejected = pl.concat([REJECT_SCHEMA.to_frame(), *self._rejected, doubled])
        payloads = pl.concat([PAYLOAD_SCHEMA.to_frame(), *self._payloads])
        return Batch(
            rows=kept.select(schema.names()).sort(list(dict.fromkeys(order))),
            rejected=rejected.sort("payload_hash", _PLACE),
            payloads=_united_payloads(payloads),
            listings=self._known() if self._listings else None,
            absent=frozenset(self._absent),
            skipped=pl.DataFrame(self._skipped, SKIP_SCHEMA, orient="row").unique(
                "vendor_symbol", maintain_order=True
            ),
        )

    def _key(self) -> Sequence[str]:
        ids = ("source_id", "instrument_id")
        return ["vendor_symbol", *(n for n in self.kind.table.key if n not in ids)]

    def _typed(self, reply: Reply, rows: pl.DataFrame, shift: int) -> pl.DataFrame:
        given = rows if _PLACE in rows.columns else rows.with_row_index(_PLACE, offset=1)
        stamped = given.with_columns(
            pl.col(_PLACE).cast(pl.Int64()) + shift,
            fetched_at=pl.lit(reply.fetched_at, pl.Datetime("us", "UTC")),
            payload_hash=pl.lit(reply.digest),
        )
        schema = {_PLACE: pl.Int64(), **batch_schema(self.kind)}
        typed = stamped.select(
            (pl.col(n) if n in stamped.columns else pl.lit(None)).cast(t).alias(n)
            for n, t in schema.items()
        )
        day = self.kind.table.partition
        if day is None:
            return typed
        inside = pl.col(day).is_between(self.first, self.last)
        return typed.filter(inside | pl.col(day).is_null())

    def _known(self) -> pl.DataFrame:
        """One row per meaning of a symbol; a second stretch stays one row: only ever widened."""
        every = pl.concat(self._listings)
        return (
            every.group_by(_IDENTITY, maintain_order=True)
            .agg(
                pl.col("name").drop_nulls().first(),
                pl.col("valid_from").min(),
                pl.col("valid_to").max(),
            )
            .select(LISTING_SCHEMA.names())
        )


def _unusable(rows: pl.DataFrame, kind: Kind) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that can be stored, and those that cannot, as rejects."""
    must = [c.name for c in kind.table.columns if not c.nullable and c.name in rows.columns]
    floats = [n for n, t in rows.schema.items() if t == pl.Float64()]
    missing = {n: pl.col(n).is_null() for n in ("vendor_symbol", *must)}
    odd = {n: ~pl.col(n).is_finite() for n in floats}
    wrong = rows.select(
        pl.any_horizontal(test.fill_null(False) for test in (*missing.values(), *odd.values()))
    ).to_series()
    if not wrong.any():
        return rows, REJECT_SCHEMA.to_frame()
    rule = pl.when(pl.any_horizontal(missing.values())).then(pl.lit("missing_key"))
    bad = rows.filter(wrong).with_columns(
        rule=rule.otherwise(pl.lit("unparseable")),
        reason=pl.concat_str(
            [
                *_said(missing, "{} is missing"),
                *_said(odd, "{} is no finite number"),
            ],
            separator="; ",
            ignore_nulls=True,
        ),
    )
    return rows.filter(~wrong), _as_rejects(bad, kind)


def _said(tests: Mapping[str, pl.Expr], text: str) -> list[pl.Expr]:
    return [pl.when(test).then(pl.lit(text.format(name))) for name, test in tests.items()]


def _settled(
    rows: pl.DataFrame, key: Sequence[str], kind: Kind
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Unique keys: of equal rows the first stays, rows that differ all go."""
    doubled = rows.select(key).is_duplicated()
    if not doubled.any():
        return rows, REJECT_SCHEMA.to_frame()
    values = [n for n in rows.columns if n not in {*key, *_ORIGIN}]
    several = rows.filter(doubled).with_columns(
        _conflict=pl.struct(values).n_unique().over(key) > 1,
        _nth=pl.int_range(pl.len()).over(key),
    )
    conflict = pl.col("_conflict")
    stays = ~conflict & (pl.col("_nth") == 0)
    rule = pl.when(conflict).then(pl.lit("conflicting_duplicate")).otherwise(pl.lit("duplicate"))
    reason = (
        pl.when(conflict)
        .then(pl.lit("rows with this key differ from each other"))
        .otherwise(pl.lit("equal to an earlier row of this fetch"))
    )
    gone = several.filter(~stays).drop("_conflict", "_nth")
    marks = several.filter(~stays).select(rule.alias("rule"), reason.alias("reason"))
    kept = pl.concat([rows.filter(~doubled), several.filter(stays).select(rows.columns)])
    return kept, _as_rejects(pl.concat([gone, marks], how="horizontal"), kind)


def _as_rejects(rows: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """REJECT_SCHEMA of rows that carry `rule` and `reason`."""
    values = [n for n in batch_schema(kind).names() if n not in _ORIGIN]
    dates = (n for n, t in batch_schema(kind).items() if t == pl.Date())
    day = kind.table.partition or next(dates, None)
    return rows.select(
        "payload_hash",
        _PLACE,
        (pl.col(day) if day else pl.lit(None, pl.Date())).alias("session"),
        "vendor_symbol",
        "rule",
        "reason",
        row=pl.struct(values).struct.json_encode(),
    )


def _filled(rejected: pl.DataFrame, reply: Reply, shift: int) -> pl.DataFrame:
    place = pl.col(_PLACE) if _PLACE in rejected.columns else pl.int_range(1, pl.len() + 1)
    stamped = rejected.with_columns(
        payload_hash=pl.lit(reply.digest), row_number=place.cast(pl.Int64()) + shift
    )
    return stamped.select(
        (pl.col(n) if n in stamped.columns else pl.lit(None)).cast(t).alias(n)
        for n, t in REJECT_SCHEMA.items()
    ).with_columns(pl.col("row").fill_null("{}"))


def _united_payloads(payloads: pl.DataFrame) -> pl.DataFrame:
    """One row per content: two requests may be answered with the same bytes."""
    return (
        payloads.group_by("payload_hash", maintain_order=True)
        .agg(
            pl.col("name").first(),
            pl.col("bytes").first(),
            pl.col("rows").sum(),
            pl.col("fetched_at").min(),
        )
        .select(PAYLOAD_SCHEMA.names())
    )
