"""Who was called otherwise, and until when: what a person approved, out of the catalog's ledger.

An instrument takes another symbol only by `fundplatform identity review`; its versions of before
say the old one and its last session. What follows from it for an index is `finance/index/names.py`.
"""

import polars as pl

from fundplatform import tables
from fundplatform.finance.index.names import FORMER
from fundplatform.storage.base import Slice, Store

_LEDGER = tables.revisions_of(tables.INSTRUMENTS)
_READ = ["instrument_id", "symbol", "valid_to", "recorded_to"]


def former_symbols(store: Store) -> pl.DataFrame:
    """Former symbols (FORMER): as the newest version under each says."""
    decided = store.read(tables.IDENTITY_DECISIONS, columns=["instrument_id"])
    ids = decided["instrument_id"].unique().sort().to_list()
    if not ids:
        return FORMER.to_frame()
    of_them = Slice(among={"instrument_id": ids})
    now = store.read(tables.INSTRUMENTS, of_them, ["instrument_id", "symbol"])
    then = store.read(_LEDGER, of_them, _READ)
    # A symbol that it has now is no former one.
    rows = then.join(now, on=["instrument_id", "symbol"], how="anti").sort("recorded_to")
    newest = rows.unique(["instrument_id", "symbol"], keep="last", maintain_order=True)
    named = newest.rename({"valid_to": "until"})
    return named.select(pl.col(n).cast(t) for n, t in FORMER.items()).sort(FORMER.names())
