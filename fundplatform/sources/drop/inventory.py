"""All files of a drop folder as one: each parsed once, then united.

Folder and cache in, one kept set of rows, rejects and spans out, with the payloads behind it. A
single file is its own set; of several, the newest file wins (`unite.py`).
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from fundplatform.errors import SourceError
from fundplatform.sources.base import PAYLOAD_SCHEMA, REJECT_SCHEMA
from fundplatform.sources.drop.config import DropConfig
from fundplatform.sources.drop.files import (
    Unreadable,
    least_bytes,
    listed,
    read_steady,
    stamp,
)
from fundplatform.sources.drop.parse import REJECTS, SPANS, Parsed, parse
from fundplatform.sources.drop.payloads import Kept, PayloadCache, short_hash
from fundplatform.sources.drop.rows import row_schema
from fundplatform.sources.drop.unite import ParsedFile, payloads, unite


@dataclass(frozen=True)
class Current:
    """What a drop folder holds now: `rows`, `rejects`, `spans` in `kept`; and its payloads."""

    kept: Kept
    payloads: pl.DataFrame


class Inventory:
    """Everything a drop folder holds, as it is when asked."""

    def __init__(self, config: DropConfig, cache: PayloadCache) -> None:
        """Of the folder of `config`; nothing is read yet."""
        self._config, self._cache = config, cache
        self._known: tuple[object, Current] | None = None

    def current(self, now: datetime | None) -> Current:
        """The united set.

        Args:
            now: `fetched_at` of bytes that were never seen before; None: their file's time.

        Raises:
            SourceError: No file, none that can be read, or no place to keep what was parsed.
        """
        paths = {path: self._status(path) for path in listed(self._config)}
        marks = [(str(path), *stamp(status)) for path, status in paths.items()]
        known = self._known
        if known and known[0] == marks and self._cache.find(known[1].kept.path.name):
            return known[1]
        files = self._files(paths, now)
        self._check(files)
        kept = files[0].kept if len(files) == 1 else self._united(files)
        found = Current(kept, payloads(files))
        self._known = (marks, found)
        return found

    def marks(self) -> dict[str, str]:
        """File name -> the kept folder that its bytes, read as declared, have or will have.

        An unchanged file (size and time) is not read; nothing is parsed.

        Raises:
            SourceError: A file cannot be read, or what it holds cannot be noted.
        """
        noted = self._cache.hashes()
        fresh: dict[str, list[object]] = {}
        for path in listed(self._config):
            name, status = self._name(path), self._status(path)
            *mark, content_hash = noted.get(name) or [None]
            if mark != [*stamp(status)]:
                content, status = self._read(path, name)
                content_hash = hashlib.sha256(content).hexdigest()
            fresh[name] = [*stamp(status), content_hash]
        if fresh != noted:
            self._cache.note_hashes(fresh)
        return {name: _folder(str(found[-1]), self._how(name)) for name, found in fresh.items()}

    def about(self) -> int:
        """Rows of all files, rather too many than too few, by their size alone.

        Raises:
            SourceError: A file's size cannot be read.
        """
        return sum(self._status(path).st_size // least_bytes(path) for path in listed(self._config))

    def stamps(self) -> dict[str, tuple[int, int]]:
        """File name -> size and modification time; nothing is read.

        Raises:
            SourceError: A file cannot be looked at.
        """
        return {self._name(p): stamp(self._status(p)) for p in listed(self._config)}

    def unusable(self) -> dict[Path, str]:
        """The files that were read as they are now, and of which nothing can be used -> why."""
        noted, found = self._cache.hashes(), {}
        for path in listed(self._config):
            name = self._name(path)
            *mark, content_hash = noted.get(name) or [None]
            if mark == [*stamp(self._status(path))]:
                kept = self._cache.find(_folder(str(content_hash), self._how(name)))
                if kept and kept.facts.get("unreadable"):
                    found[path] = str(kept.facts["unreadable"])
        return found

    def _name(self, path: Path) -> str:
        return path.relative_to(self._config.folder).as_posix()

    def _how(self, name: str) -> str:
        return short_hash(self._config.reading, name if self._config.names_matter else "")

    def _read(self, path: Path, name: str) -> tuple[bytes, os.stat_result]:
        try:
            return read_steady(path)
        except Unreadable as error:
            raise self._error(name, error) from error

    def _files(
        self, paths: Mapping[Path, os.stat_result], now: datetime | None
    ) -> list[ParsedFile]:
        """Every file, oldest first; where names are no data, equal files count once."""
        noted, seen = self._cache.hashes(), self._cache.seen()
        files = [self._file(p, status, noted, seen, now) for p, status in paths.items()]
        fresh: dict[str, list[object]] = {f.name: [*f.stamp, f.content_hash] for f in files}
        if fresh != noted:
            self._cache.note_hashes(fresh)
        files.sort(key=lambda f: (f.stamp[1], f.name))
        if self._config.names_matter:
            return files
        newest = {f.content_hash: f.name for f in files}
        return [f for f in files if f.unreadable or newest[f.content_hash] == f.name]

    def _file(
        self,
        path: Path,
        status: os.stat_result,
        noted: Mapping[str, list[object]],
        seen: Mapping[str, list[str]],
        now: datetime | None,
    ) -> ParsedFile:
        name = self._name(path)
        how = self._how(name)
        *mark, content_hash = noted.get(name) or [None]
        if mark == [*stamp(status)]:
            kept = self._cache.find(_folder(str(content_hash), how))
            if kept:
                return ParsedFile(name, str(content_hash), stamp(status), kept)
        content, status = self._read(path, name)
        digest = hashlib.sha256(content).hexdigest()
        kept = self._cache.find(_folder(digest, how))
        if kept is None:
            before = self._cache.first_seen(seen.get(digest[:32], ()))
            fetched_at = before or now or datetime.fromtimestamp(status.st_mtime, UTC)
            kept = self._parsed(name, content, digest, how, fetched_at)
        return ParsedFile(name, digest, stamp(status), kept)

    def _parsed(
        self, name: str, content: bytes, digest: str, how: str, fetched_at: datetime
    ) -> Kept:
        unreadable = None
        try:
            parsed = parse(name, content, self._config)
        except Unreadable as error:
            unreadable = str(error)
            schema = row_schema(self._config.kind)
            # Its one reject is added by `unite`, which knows the file's present name.
            parsed = Parsed(schema.to_frame(), REJECTS.to_frame(), SPANS.to_frame(), 1)
        fetched = pl.lit(fetched_at).cast(PAYLOAD_SCHEMA["fetched_at"])
        rejects = parsed.rejects.with_columns(payload_hash=pl.lit(digest))
        frames = {
            "rows": parsed.rows.with_columns(payload_hash=pl.lit(digest), fetched_at=fetched),
            "rejects": rejects.select(pl.col(n).cast(t) for n, t in REJECT_SCHEMA.items()),
            "spans": parsed.spans,
        }
        facts = {
            "bytes": len(content),
            "rows": parsed.count,
            "rejected": parsed.count - parsed.rows.height,
            "fetched_at": fetched_at.isoformat(),
            "unreadable": unreadable,
        }
        return self._cache.keep(_folder(digest, how), frames, facts)

    def _united(self, files: Sequence[ParsedFile]) -> Kept:
        name = "merged-" + short_hash(*(f"{f.name}/{f.kept.path.name}" for f in files))
        kept = self._cache.find(name)
        if kept is None:
            kept = self._cache.keep(name, unite(files, self._config), {})
            self._cache.drop_merged(keep=2)
        return kept

    def _check(self, files: Sequence[ParsedFile]) -> None:
        config = self._config
        if not files:
            wanted = ", ".join(config.files) or "any file"
            raise SourceError(
                config.name,
                f"no data file in {config.folder} ({wanted})",
                "Put one beside the source.yaml",
            )
        if all(f.unreadable for f in files):
            raise self._error(files[0].name, files[0].unreadable)

    def _status(self, path: Path) -> os.stat_result:
        try:
            return path.stat()
        except OSError as error:
            raise self._error(path.name, f"cannot be read: {error.strerror}. Try again") from error

    def _error(self, name: str, why: object) -> SourceError:
        problem, _, remedy = str(why).partition(". ")
        return SourceError(
            self._config.name, f"file {name} {problem}", remedy or "Correct it and run again"
        )


def _folder(content_hash: str, how: str) -> str:
    return f"{content_hash[:32]}-{how}"
