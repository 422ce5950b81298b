"""Bodies of answers by the SHA-256 of their bytes, compressed with zstd, each once.

A body is on the disk before anything may refer to it: a power cut loses no answer that a stored row
names. Which fetch it belongs to is `archive.py`'s.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from fundplatform.errors import SourceError
from fundplatform.sources.web.profile import Reply

LOST = "Restore the archive from a backup, or fetch these sessions again with --refetch"


@dataclass(frozen=True)
class Bodies:
    """Bodies by their hash."""

    folder: Path

    def put(self, reply: Reply) -> None:
        """Keep the body; one that is there and whole is only marked as used now."""
        path = self.path(reply.digest)
        if path.exists() and self._is_whole(reply):
            os.utime(path)
            return
        is_new = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            new.write_bytes(pa.compress(reply.body, codec="zstd", asbytes=True))
            synced(new)
            new.replace(path)
        except OSError:
            # A full disk: half a file must not stay.
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        synced(path.parent)
        if is_new:
            synced(self.folder)

    def get(self, digest: str, size: int) -> bytes:
        """The body.

        Raises:
            SourceError: It is not there, or no longer what it was.
        """
        path = self.path(digest)
        try:
            body: bytes = pa.decompress(path.read_bytes(), size, codec="zstd", asbytes=True)
        except (OSError, pa.ArrowException) as error:
            raise SourceError("archive", f"{path} cannot be read: {error}", LOST) from None
        if hashlib.sha256(body).hexdigest() != digest:
            raise SourceError("archive", f"{path} is damaged", LOST)
        return body

    def path(self, digest: str) -> Path:
        """Where the body of this hash is."""
        return self.folder / digest[:2] / f"{digest}.zst"

    def _is_whole(self, reply: Reply) -> bool:
        try:
            self.get(reply.digest, len(reply.body))
        except SourceError:
            return False
        return True


def synced(path: Path) -> None:
    """Return when the file, or the folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def holding(folder: Path, *, alone: bool) -> Iterator[bool]:
    """Fetches hold the archive together; what removes from it holds it alone and does not wait.

    Yields:
        False where a fetch is under way and `alone` is asked for.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError:
            yield False
            return
        yield True
