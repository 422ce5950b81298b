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
    }
)
"""Lines that the catalog knows. Where not certain (by their names alone), two are lines of one
issuer only where their caps are known to be the whole issuer's."""


@dataclass(frozen=True)
class Lines:
    """The lines of a market.

    Attributes:
        columns: Those of an issuer with several lines here.
        issuers: The number of each one's issuer.
        certain: Whether each counts as a line whatever its cap.
        definition: Gives issuers by symbol, which go first.
        known: KNOWN, its issuers named as the definition names them.
    """

    columns: Ints
    issuers: Ints
    certain: Bools
    definition: IndexDefinition
    known: pl.DataFrame

    @property
    def mark(self) -> tuple[bytes, bytes, bytes]:
        """Equal where the same columns are lines of the same issuers."""
        return self.columns.tobytes(), self.issuers.tobytes(), self.certain.tobytes()

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """`rows` (instrument_id, symbol, ...) with issuer and certain; NULL for single ones."""
        return _named(self.definition, self.known, rows)

    def at(self, market: Market, rows: slice) -> Bools:
        """Of `columns`, those that count as a line at the close of each of these rows."""
        if market.whole is None:
            return self.certain
        whole: Bools = market.whole[rows, self.columns]
        return self.certain | whole


def lines(definition: IndexDefinition, market: Market, known: pl.DataFrame | None) -> Lines:
    """The lines of a market; `known` is KNOWN, or None where the catalog knows none."""
    if not definition.issuers and (known is None or known.is_empty()):
        nobody = np.empty(0, np.int64)
        return Lines(nobody, nobody, np.empty(0, np.bool_), definition, KNOWN.to_frame())
    table = KNOWN.to_frame() if known is None else _alike(definition, known)
    names = pl.DataFrame(
        {"instrument_id": pl.Series(market.ids, dtype=pl.Int32), "symbol": market.symbols},
        schema_overrides={"symbol": pl.String},
    ).with_row_index("column")
    own = _named(definition, table, names).drop_nulls("issuer")
    own = own.filter(pl.len().over("issuer") > 1).sort("column")
    numbers = own["issuer"].rank("dense").cast(pl.Int64).to_numpy()
    return Lines(
        own["column"].cast(pl.Int64).to_numpy(),
        numbers,
        own["certain"].to_numpy().astype(np.bool_),
        definition,
        table,
    )


def _alike(definition: IndexDefinition, known: pl.DataFrame) -> pl.DataFrame:
    """`known` with the definition's name for each issuer of which it names a line."""
    stated = known.select("issuer", stated=_stated(definition)).drop_nulls().unique("issuer")
    return known.join(stated, on="issuer", how="left").select(
        "instrument_id", "symbol", pl.coalesce("stated", "issuer").alias("issuer"), "certain"
    )


def _named(definition: IndexDefinition, known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    every = definition.share_class_policy == "each_line"
    stated = _stated(definition)
    return rows.join(
        known.select("instrument_id", "issuer", "certain"),
        on="instrument_id",
        how="left",
        maintain_order="left",
    ).with_columns(
        issuer=pl.coalesce(stated, "issuer"),
        # Each line is ranked by itself then, but not twice by the cap of the whole company.
        certain=(stated.is_not_null() | pl.col("certain").fill_null(value=False))
        & pl.lit(not every),
    )


def _stated(definition: IndexDefinition) -> pl.Expr:
    return pl.col("symbol").replace_strict(
        dict(definition.issuers), default=None, return_dtype=pl.String
    )
