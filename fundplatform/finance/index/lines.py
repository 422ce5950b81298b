"""Which names are lines of one issuer (methodology A1.6).

Choosing among them does not belong here (`ranking.py`). In: the definition's issuers, and what the
catalog knows. Out: the issuer of each name, and whether that holds whatever the caps say.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fundplatform.finance.index.market import Bools, Market
from fundplatform.finance.index.panel import Ints
from fundplatform.finance.index_definition import IndexDefinition

KNOWN = pl.Schema(
    {
        "instrument_id": pl.Int32(),
        "symbol": pl.String(),
        "issuer": pl.String(),
        "certain": pl.Boolean(),
        "first": pl.Int32(),
        "end": pl.Int32(),
    }
)
"""Lines that the catalog knew from one position up to before another. Where not certain (by their
names alone), two are lines of one issuer only where their caps are known to be the whole
issuer's."""

EVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Lines:
    """The lines of a market.

    Attributes:
        columns: Those of an issuer with several lines here; twice where a profile changed that.
        issuers: The number of each one's issuer.
        certain: Whether each counts as a line whatever its cap.
        spans: [2, lines] the positions from which, and before which, each is known as one.
        definition: Gives issuers by symbol, which go first.
        known: KNOWN, its issuers named as the definition names them.
    """

    columns: Ints
    issuers: Ints
    certain: Bools
    spans: Ints
    definition: IndexDefinition
    known: pl.DataFrame

    @property
    def mark(self) -> tuple[bytes, ...]:
        """Equal where the same columns are lines of the same issuers."""
        own = (self.columns, self.issuers, self.certain, self.spans)
        return tuple(one.tobytes() for one in own)

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` (pos, instrument_id, symbol, ...) with issuer, certain; NULL for single ones."""
        numbered = rows.with_row_index("_row")
        named = _named(self.definition, self.known, numbered)
        own = named.filter(pl.col("pos") >= pl.col("first"), pl.col("pos") < pl.col("end"))
        told = own.select("_row", "issuer", "certain")
        return numbered.join(told, on="_row", how="left", maintain_order="left").drop("_row")

    def over_time(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` (instrument_id, symbol, ...) with issuer, certain, first, end; lines only."""
        return _named(self.definition, self.known, rows).drop_nulls("issuer")

    def at(self, market: Market, rows: slice) -> Bools:
        """[rows, lines] Of `columns`, those that count as a line at the close of these rows."""
        here = self.certain
        if market.whole is not None:
            here = here | market.whole[rows, self.columns]
        if (self.spans[0] <= 0).all() and (self.spans[1] == EVER).all():
            return here
        positions = np.arange(market.first, market.first + market.bar.shape[0])[rows]
        return here & within(self.spans, positions)


def within(spans: Ints, positions: Ints) -> Bools:
    """[positions, lines] whether each position is in each span."""
    inside: Bools = (positions[:, None] >= spans[0]) & (positions[:, None] < spans[1])
    return inside


def lines(definition: IndexDefinition, market: Market, known: pl.DataFrame | None) -> Lines:
    """The lines of a market; `known` is KNOWN, or None where the catalog knows none."""
    if not definition.issuers and (known is None or known.is_empty()):
        nobody, never = np.empty(0, np.int64), np.empty((2, 0), np.int64)
        unsure = np.empty(0, np.bool_)
        return Lines(nobody, nobody, unsure, never, definition, KNOWN.to_frame())
    table = KNOWN.to_frame() if known is None else _alike(definition, known)
    names = pl.DataFrame(
        {"instrument_id": pl.Series(market.ids, dtype=pl.Int32), "symbol": market.symbols},
        schema_overrides={"symbol": pl.String},
    ).with_row_index("column")
    own = _named(definition, table, names).drop_nulls("issuer")
    own = own.filter(pl.col("column").n_unique().over("issuer") > 1).sort("column", "first")
    numbers = own["issuer"].rank("dense").cast(pl.Int64).to_numpy()
    return Lines(
        own["column"].cast(pl.Int64).to_numpy(),
        numbers,
        own["certain"].to_numpy().astype(np.bool_),
        own.select("first", "end").cast(pl.Int64).to_numpy().T,
        definition,
        table,
    )


def _alike(definition: IndexDefinition, known: pl.DataFrame) -> pl.DataFrame:
    """`known` with the definition's name for each issuer of which it names a line."""
    stated = known.select("issuer", stated=_stated(definition)).drop_nulls().unique("issuer")
    named = pl.coalesce("stated", "issuer").alias("issuer")
    return known.join(stated, on="issuer", how="left").with_columns(named).select(KNOWN.names())


def _named(definition: IndexDefinition, known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with issuer, certain, first and end: one for each span, one for a single name."""
    every = definition.share_class_policy == "each_line"
    stated, always = _stated(definition), {"first": pl.lit(0), "end": pl.lit(EVER)}
    mine = rows.filter(stated.is_not_null()).with_columns(issuer=stated, certain=True, **always)
    theirs = rows.filter(stated.is_null()).join(
        known.drop("symbol"), on="instrument_id", how="left", maintain_order="left"
    )
    return pl.concat([mine, theirs], how="diagonal_relaxed").with_columns(
        # Each line is ranked by itself then, but not twice by the cap of the whole company.
        certain=pl.col("certain").fill_null(value=False) & pl.lit(not every),
    )


def _stated(definition: IndexDefinition) -> pl.Expr:
    return pl.col("symbol").replace_strict(
        dict(definition.issuers), default=None, return_dtype=pl.String
    )
