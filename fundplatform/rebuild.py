"""`fundplatform rebuild`: raw data once more out of the payload archive, without the network.

Every fetch that succeeded is played again in its order, with what it was asked, tracked and
remembered then: the same rows, with the same hashes. What follows downstream is the backfill's.
Latest quotes are left out: they were of their moment, and there is one every quarter of an hour.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from fundplatform import calendars
from fundplatform.assets.raw import REPLAY, raw_key
from fundplatform.chunks import Chunk
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources.base import Source
from fundplatform.sources.web.archive import Record, records
from fundplatform.sources.web.profile import OnTheWeb


def replays(settings: Settings, sources: Sequence[Source], *, named: bool) -> list[Chunk]:
    """One run per fetch of the archive that succeeded, oldest first.

    Args:
        settings: Where the archive is.
        sources: Whose fetches.
        named: Asked for by name: one that reads files is an error then, else it is left out.

    Raises:
        ConfigError: A source keeps no archive: it reads files.
        SourceError: A record of the archive cannot be read.
    """
    chunks: list[Chunk] = []
    for source in sources:
        if not isinstance(source, OnTheWeb):
            if not named:
                continue
            raise ConfigError(
                "command line",
                source.spec.name,
                "it reads files and has no archive",
                f"Use: fundplatform backfill {source.spec.name} --refetch",
            )
        kept = records(settings.payloads / "archive", source.spec.name)
        chunks += [c for record in kept if record.ok for c in _run(source, record)]
    return chunks


def _run(source: Source, record: Record) -> Iterator[Chunk]:
    asked = record.fetching
    coverage = source.spec.kinds.get(asked.kind)
    if coverage is None:
        return
    keys: tuple[dg.AssetKey, ...] = (raw_key(source.spec.name, asked.kind),)
    label = f"{keys[0].to_user_string()} from {record.path.name}"
    more = ((REPLAY, str(record.path)),)
    if not coverage.partitioned:
        yield Chunk(label, keys, more=more)
        return
    first = max(asked.first, coverage.start)
    sessions = calendars.get(coverage.calendar).sessions(first, asked.last)
    if sessions:
        yield Chunk(label, keys, sessions[0], sessions[-1], len(sessions), more=more)
