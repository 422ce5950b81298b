"""What the payload archive may lose: old fetches behind which no stored row stands.

In: an instant, and every payload hash that a row names (current, superseded or rejected). Out: what
would go, then its removal. Asking first is the command's.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fundplatform import tables
from fundplatform.errors import SourceError
from fundplatform.sources.web.archive import Record, read
from fundplatform.sources.web.bodies import holding
from fundplatform.storage.base import Store

_HASH = "payload_hash"
_STAMP = "%Y%m%dT%H%M%S"


@dataclass
class Prune:
    """What goes and what stays.

    Attributes:
        records: Files of fetches that go.
        bodies: Files of bodies that go.
        kept: Number of fetches that stay, by source.
        gone: Number of fetches that go, by source.
        unread: Records that cannot be read: they stay, and then every body does.
        bytes: What is won.
    """

    records: list[Path] = field(default_factory=list)
    bodies: list[Path] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    unread: list[Path] = field(default_factory=list)
    bytes: int = 0


def referred(store: Store) -> set[str]:
    """The payload hashes that rows name in the newest published state.

    `raw.payloads` lists all that was ever read, so it keeps nothing.

    Raises:
        WarehouseError: Nothing is published.
    """
    naming = [t for t in tables.TABLES if _HASH in t.column_names and t is not tables.PAYLOADS]
    ledgers = [tables.revisions_of(t) for t in naming if t.revisions]
    columns = [f"select {_HASH} from {t.full_name}" for t in (*naming, *ledgers)]  # noqa: S608
    found = store.query(" union ".join(columns))
    return {str(digest) for digest in found[_HASH].drop_nulls()}


def planned(
    archive: Path, held: set[str], before: datetime, sources: Sequence[str] | None = None
) -> Prune:
    """What may go: fetches begun before the instant of which no row names an answer.

    The last successful fetch of each source and kind stays: it may say more than its rows (names
    of companies). A body stays while a row or a fetch that stays names it, or while it was used
    after `before`.

    Args:
        archive: `payloads/archive`.
        held: See `referred`.
        before: Aware UTC.
        sources: Only these; None: all.
    """
    prune = Prune()
    records = _read(archive, prune)
    last = {(r.path.parent.name, r.fetching.kind): r.path for r in records if r.ok}
    named = set(held)
    for record in records:
        source, digests = record.path.parent.name, _digests(record)
        is_old = record.path.name < before.strftime(_STAMP)
        is_last = last.get((source, record.fetching.kind)) == record.path
        if is_old and not is_last and not digests & held and source in (sources or [source]):
            prune.records.append(record.path)
            prune.gone[source] += 1
        else:
            named |= digests
            prune.kept[source] += 1
    if not prune.unread:
        # What an unreadable record names is not known.
        every = sorted((archive / "bodies").glob("??/*.zst"))
        prune.bodies = [b for b in every if b.stem not in named and _last_used(b) < before]
    prune.bytes = sum(path.stat().st_size for path in (*prune.records, *prune.bodies))
    return prune


def remove(
    archive: Path, held: set[str], before: datetime, sources: Sequence[str] | None = None
) -> Prune:
    """Remove it.

    Records go first: a body without its record is garbage, a record without its body a loss.

    Raises:
        SourceError: A fetch is under way.
    """
    with holding(archive, alone=True) as is_free:
        if not is_free:
            raise SourceError("archive", "a fetch is under way", "Prune when it has ended")
        prune = planned(archive, held, before, sources)
        for path in (*prune.records, *prune.bodies):
            path.unlink()
    return prune


def _read(archive: Path, prune: Prune) -> list[Record]:
    """The records, oldest first; a fetch that was killed before its first line is none."""
    found = []
    for path in sorted(archive.glob("*/*.jsonl"), key=lambda p: p.name):
        try:
            found += [read(path)] if path.stat().st_size else []
        except SourceError:
            prune.unread.append(path)
    return found


def _digests(record: Record) -> set[str]:
    """The hashes of its answers, failed ones too."""
    return {str(line["digest"]) for line in record.requests if line.get("digest")}


def _last_used(body: Path) -> datetime:
    """A fetch that finds a body again marks it as used then."""
    return datetime.fromtimestamp(body.stat().st_mtime, UTC)
