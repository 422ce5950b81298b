"""Parsed files kept by content: payloads/<source>/<content hash>-<reading hash>/*.parquet.

A file is read again only when its size or time changed, and parsed again only when its bytes or
the way to read them changed. A folder appears whole (one rename) or not at all, so a killed run
leaves nothing half-written behind. What is in a file is for `parse.py`.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from fundplatform.errors import SourceError

# Raise it when the same bytes and keys come to mean something else.
PARSER_VERSION = 5
_FACTS = "facts.json"
_ROW_GROUP = 65_536


@dataclass(frozen=True)
class Kept:
    """One folder of the cache.

    Attributes:
        path: The folder.
        facts: What was noted with it.
    """

    path: Path
    facts: Mapping[str, object]

    def scan(self, part: str) -> pl.LazyFrame:
        """One of its frames."""
        return pl.scan_parquet(self.path / f"{part}.parquet", glob=False)


class PayloadCache:
    """The cache of one source."""

    def __init__(self, folder: Path, source: str) -> None:
        """Keep below `folder`/`source`; nothing is made before something is kept."""
        self.folder, self.source = folder / source, source

    def hashes(self) -> dict[str, list[object]]:
        """File name -> [size, modification time (ns), content hash], as noted last."""
        try:
            noted = json.loads((self.folder / "index.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def note_hashes(self, hashes: Mapping[str, list[object]]) -> None:
        """Replace what `hashes` gives.

        Raises:
            SourceError: The folder cannot be written.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            new = self.folder / f".index-{secrets.token_hex(8)}"
            new.write_text(json.dumps(hashes), "utf-8")
            new.replace(self.folder / "index.json")

    def find(self, name: str) -> Kept | None:
        """The folder of that name, if it is there and whole."""
        path = self.folder / name
        try:
            facts = json.loads((path / _FACTS).read_text("utf-8"))
            sizes = facts["sizes"]
            whole = all((path / n).stat().st_size == size for n, size in sizes.items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return Kept(path, facts) if whole else None

    def seen(self) -> dict[str, list[str]]:
        """Start of a content hash -> the folders that were parsed from it."""
        found: dict[str, list[str]] = {}
        for path in self.folder.glob("[0-9a-f]*-*"):
            found.setdefault(path.name.partition("-")[0], []).append(path.name)
        return found

    def first_seen(self, folders: Iterable[str]) -> datetime | None:
        """When the content of these folders was parsed first."""
        kept = [found for name in folders if (found := self.find(name))]
        return min((datetime.fromisoformat(str(k.facts["fetched_at"])) for k in kept), default=None)

    def keep(
        self, name: str, frames: Mapping[str, pl.DataFrame], facts: Mapping[str, object]
    ) -> Kept:
        """Write frames and facts as one folder; if another process was quicker, take its own.

        Raises:
            SourceError: The folder cannot be written.
        """
        final = self.folder / name
        with self._writing():
            new = self.folder / f".new-{secrets.token_hex(8)}"
            new.mkdir(parents=True)
            try:
                for part, frame in frames.items():
                    frame.write_parquet(
                        new / f"{part}.parquet", row_group_size=_ROW_GROUP, compression="lz4"
                    )
                sizes = {path.name: path.stat().st_size for path in new.iterdir()}
                noted = {**facts, "sizes": sizes}
                (new / _FACTS).write_text(json.dumps(noted), "utf-8")
                self._put(new, final)
            finally:
                shutil.rmtree(new, ignore_errors=True)
        return Kept(final, noted)

    def _put(self, new: Path, final: Path) -> None:
        if final.exists() and self.find(final.name) is None:
            # Only a lost disk or a foreign hand leaves a folder that is not whole.
            shutil.rmtree(final)
        try:
            os.rename(new, final)  # noqa: PTH104 - never replaces a folder with something in it
        except OSError:
            if self.find(final.name) is None:
                raise

    def drop_merged(self, keep: int) -> None:
        """Remove all but the newest `keep` merged folders."""
        merged = sorted(self.folder.glob("merged-*"), key=lambda p: p.stat().st_mtime_ns)
        for old in merged[:-keep]:
            shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        # polars reports a full disk as an error of its own.
        except (OSError, pl.exceptions.ComputeError) as error:
            why = getattr(error, "strerror", None) or error
            raise SourceError(
                self.source,
                f"its parsed data cannot be kept in {self.folder}: {why}",
                "Free space there, or make the folder writable",
            ) from error


def short_hash(*parts: str) -> str:
    """16 hex digits for these texts."""
    return hashlib.sha256("\0".join((str(PARSER_VERSION), *parts)).encode()).hexdigest()[:16]
