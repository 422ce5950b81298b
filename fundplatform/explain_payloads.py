"""Are the bytes behind a number still those they were: payload hashes held against what is kept.

In: rows with source_id and payload_hash. Out: a line per payload. Nothing is fetched.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.settings import Settings
from fundplatform.sources.web.bodies import Bodies
from fundplatform.storage.base import Store

_SHOWN = 50
_KNOWN = """
select p.source_id, s.name as source, p.kind, p.payload_hash, p.name, p.bytes, p.fetched_at
from raw.payloads p join catalog.sources s using (source_id)
"""


def verified(
    store: Store,
    settings: Settings,
    used: Iterable[tuple[pl.DataFrame, str]],
    check: Callable[[str, bool | None, str], str],
) -> list[str]:
    """A line per payload: verified, no longer the same, unknown, or not kept here.

    Args:
        store: Gives raw.payloads.
        settings: Gives the archive and the drop folders.
        used: Rows with source_id and payload_hash, and the kind of data they are.
        check: Makes a line, and notes what does not hold.
    """
    wanted = {
        (int(source), kind, str(digest))
        for rows, kind in used
        for source, digest in rows.select("source_id", "payload_hash").drop_nulls().rows()
    }
    known = {(r["source_id"], r["kind"], r["payload_hash"]): r for r in _known(store)}
    lines = []
    for key in sorted(wanted):
        row = known.get(key)
        if row is None:
            lines.append(check(key[2][:16], False, f"{key[1]}: it is not in raw.payloads"))
            continue
        title = f"{row['source']} {row['kind']} {row['payload_hash'][:16]} {row['name']}"
        holds, text = _held(settings, row, known)
        lines.append(check(title, holds, text))
    wrong = [line for line in lines if line.startswith("WRONG")]
    rest = [line for line in lines if not line.startswith("WRONG")]
    more = [f"... and {len(rest) - _SHOWN} more that hold"] if len(rest) > _SHOWN else []
    return [*wrong, *rest[:_SHOWN], *more]


def _known(store: Store) -> list[dict[str, Any]]:
    return store.query(_KNOWN).to_dicts()


def _held(
    settings: Settings, row: Mapping[str, Any], known: Mapping[tuple[int, str, str], Any]
) -> tuple[bool | None, str]:
    """Whether the bytes are those of then; None where they are not kept."""
    source, name, digest, size = (row[n] for n in ("source", "name", "payload_hash", "bytes"))
    bodies = Bodies(settings.payloads / "archive" / "bodies")
    if (bodies.folder / digest[:2] / f"{digest}.zst").exists():
        try:
            bodies.get(digest, int(size))
        except SourceError as error:
            return False, str(error)
        return True, "SHA-256 verified in the payload archive"
    folder = settings.drop / source
    # Of files with the same bytes the first names stand in it (`sources/drop/unite.py`).
    names = [name] if (folder / name).is_file() else name.split(", ")
    hashes = [file_hash(folder / n) for n in names if (folder / n).is_file()]
    if not hashes:
        return None, "its bytes are not kept here"
    if digest in hashes:
        return True, "SHA-256 verified in the drop folder"
    others = [known.get((row["source_id"], row["kind"], h)) for h in hashes]
    if any(o is not None and o["fetched_at"] > row["fetched_at"] for o in others):
        return None, (
            f"a later version of the file was loaded ({hashes[0][:16]}); these bytes are not kept"
        )
    return False, (
        "the file in the drop folder was changed, and not loaded since: it has SHA-256 "
        f"{hashes[0][:16]} now. Put the bytes back, or load what it says: fundplatform backfill"
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
