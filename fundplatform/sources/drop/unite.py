"""Several parsed files -> one set: equal keys are settled, equal bytes are one payload.

Frames in, frames out; which files there are is for `inventory.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from fundplatform.sources.base import PAYLOAD_SCHEMA, REJECT_SCHEMA, Kind
from fundplatform.sources.drop import duplicates
from fundplatform.sources.drop.cells import ROW
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.duplicates import FILE
from fundplatform.sources.drop.parse import as_json, in_order, keyed, spans
from fundplatform.sources.drop.payloads import Kept
from fundplatform.sources.drop.rows import day_column


@dataclass(frozen=True)
class ParsedFile:
    """A data file and what was parsed from it.

    Attributes:
        name: Path within the drop folder.
        content_hash: SHA-256 of its bytes.
        stamp: Size and modification time (ns).
        kept: Its rows, rejects, spans and facts.
    """

    name: str
    content_hash: str
    stamp: tuple[int, int]
    kept: Kept

    @property
    def unreadable(self) -> str | None:
        """Why nothing in it can be used, if so."""
        why = self.kept.facts["unreadable"]
        return None if why is None else str(why)

    @property
    def rows(self) -> int:
        """Vendor rows in it; 1 for an unreadable file, which is one reject."""
        return int(str(self.kept.facts["rows"]))


def unite(files: Sequence[ParsedFile], config: DropConfig) -> dict[str, pl.DataFrame]:
    """Rows, rejects and spans of all files.

    Args:
        files: Oldest first.
        config: Their drop folder.
    """
    shifts = _shifts(files)
    parts = [
        file.kept.scan("rows").with_columns(
            pl.col(ROW) + shift, pl.lit(number, pl.Int32()).alias(FILE)
        )
        for number, (file, shift) in enumerate(zip(files, shifts, strict=True))
    ]
    every, key = keyed(pl.concat(parts).collect(), config)
    # Trades without a vendor's id are numbered by session, so a session is one file's as a whole.
    own_ids = config.kind == Kind.TRADES and "trade_id" not in config.columns
    scope = [n for n in key if n != "trade_id"] if own_ids else key
    if config.kind == Kind.HOLDINGS:
        # A report is one file's as a whole.
        scope = [n for n in key if n != "line"]
    split = duplicates.between_files(every, key, scope, ROW)
    kept = split.kept.drop("who", FILE, strict=False)
    if split.gone.height or "who" in every.columns:
        kept = in_order(kept, config.kind)
    gone = split.gone.with_columns(session=pl.col(day_column(config.kind)), row=as_json(split.gone))
    rejects = [
        *(_rejects(f, s) for f, s in zip(files, shifts, strict=True)),
        gone.select(pl.col(n).cast(t) for n, t in REJECT_SCHEMA.items()),
    ]
    return {
        "rows": kept,
        "rejects": pl.concat(rejects).sort("payload_hash", ROW),
        "spans": spans(kept, config.kind),
    }


def payloads(files: Sequence[ParsedFile]) -> pl.DataFrame:
    """PAYLOAD_SCHEMA; files with the same bytes under several names are one payload."""
    rows = [
        (
            file.content_hash,
            file.name,
            file.kept.facts["bytes"],
            file.rows,
            datetime.fromisoformat(str(file.kept.facts["fetched_at"])),
        )
        for file in files
    ]
    names = pl.col("name").head(3).str.join(", ")
    more = pl.when(pl.len() > 3).then(pl.lit(", ...")).otherwise(pl.lit(""))
    return (
        pl.DataFrame(rows, PAYLOAD_SCHEMA, orient="row")
        .group_by("payload_hash", maintain_order=True)
        .agg(
            names + more,
            pl.col("bytes").first(),
            pl.col("rows").sum(),
            pl.col("fetched_at").min(),
        )
        .select(PAYLOAD_SCHEMA.names())
    )


def _shifts(files: Sequence[ParsedFile]) -> list[int]:
    """What to add to each file's row numbers, so that files with equal bytes do not share them."""
    reached: dict[str, int] = {}
    shifts = []
    for file in files:
        shifts.append(reached.get(file.content_hash, 0))
        reached[file.content_hash] = shifts[-1] + file.rows
    return shifts


def _rejects(file: ParsedFile, shift: int) -> pl.DataFrame:
    if not file.kept.facts["rejected"]:
        return REJECT_SCHEMA.to_frame()
    if file.unreadable is None:
        return file.kept.scan("rejects").with_columns(pl.col(ROW) + shift).collect()
    reason = f"file {file.name} {file.unreadable}"
    row = (file.content_hash, shift, None, None, "unreadable_file", reason, "{}")
    return pl.DataFrame([row], REJECT_SCHEMA, orient="row")
