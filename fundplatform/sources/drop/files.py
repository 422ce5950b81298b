"""The bytes of a dropped file: read whole and unchanging, then unpacked.

Paths in, named byte strings out. What the bytes say is for `cells.py`.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from zlib_ng import gzip_ng, zlib_ng

from fundplatform.sources.drop.config import DropConfig

_TRIES = 3
_IGNORED = {".md", ".part", ".tmp", ".crdownload", ".swp"}
ASIDE = "set-aside"
"""The folder, within a drop folder, of files that cannot be used."""
_PACKED = {".gz", ".zip"}
_TABLES = {".csv", ".txt", ".tsv", ".parquet", ".xlsx"}


class Unreadable(Exception):
    """A file of which nothing can be used; its text is the reason with the remedy."""


def listed(config: DropConfig) -> list[Path]:
    """The folder's data files, sorted by path.

    Without `files` in the source.yaml: everything but it, the symbol map, hidden files, notes
    (.md) and unfinished downloads (.part, .tmp, .crdownload). Never what was set aside.
    """
    folder = config.folder
    found = {path for pattern in config.files or ("**/*",) for path in folder.glob(pattern)}
    own = {config.path, folder / config.symbols_file if config.symbols_file else config.path}
    return sorted(
        path
        for path in found - own
        if path.is_file()
        and path.relative_to(folder).parts[0] != ASIDE
        and (config.files or path.suffix.lower() not in _IGNORED)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def least_bytes(path: Path) -> int:
    """Bytes that hardly a row of the file is shorter than: 45 to 60 are usual, 16 where packed."""
    return 24 if path.suffix.lower() in {".csv", ".txt", ".tsv"} else 12


def read_steady(path: Path) -> tuple[bytes, os.stat_result]:
    """The file's bytes and status, the same before and after reading.

    Raises:
        Unreadable: It changed during three readings, vanished, or may not be read.
    """
    try:
        for _ in range(_TRIES):
            before = path.stat()
            content = path.read_bytes()
            after = path.stat()
            if stamp(before) == stamp(after) and len(content) == after.st_size:
                return content, after
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from error
    raise Unreadable(
        f"changed while it was read, {_TRIES} times. "
        "Write it under another name (*.part) and rename it when it is complete"
    )


def stamp(status: os.stat_result) -> tuple[int, int]:
    """What tells that a file is unchanged: size and modification time (ns)."""
    return status.st_size, status.st_mtime_ns


def unpacked(name: str, content: bytes, members: Sequence[str] = ()) -> Iterator[tuple[str, bytes]]:
    """The tables in a file: its own bytes, those in a gzip, or each member of a zip.

    Args:
        name: The file's name.
        content: Its bytes.
        members: Patterns for the names of members, any letter case; none: every one is read.

    Raises:
        Unreadable: Zero bytes, or a gzip or zip file that is damaged or cut off.
    """
    if not content:
        raise Unreadable("is empty (zero bytes). Fetch it again or remove it")
    if name.lower().endswith(".gz") or content.startswith(b"\x1f\x8b"):
        try:
            content = gzip_ng.decompress(content)  # type: ignore[no-untyped-call]
        except (EOFError, OSError, zlib_ng.error) as error:  # type: ignore[misc]
            raise Unreadable(f"is no whole gzip file: {error}. Fetch it again") from error
        yield from unpacked(name.removesuffix(".gz"), content, members)
    elif name.lower().endswith(".xlsx"):
        # A zip as well, but one whose members are no tables.
        yield name, content
    elif name.lower().endswith(".zip") or content.startswith(b"PK\x03\x04"):
        yield from _zipped(content, members)
    else:
        yield name, content


def _zipped(content: bytes, members: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                path = PurePosixPath(member.filename)
                hidden = path.name.startswith(".") or "__MACOSX" in path.parts
                if not member.is_dir() and not hidden and _wanted(path.name, members):
                    yield path.name, archive.read(member)
    # RuntimeError: a password is wanted; NotImplementedError: a compression Python lacks.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise Unreadable(f"is no whole zip file: {error}. Fetch it again") from error


def _wanted(name: str, members: Sequence[str]) -> bool:
    return not members or any(fnmatchcase(name.lower(), p.lower()) for p in members)


def stem(name: str) -> str:
    """The name without folders and table or packing suffixes: d/aapl.us.txt.gz -> aapl.us."""
    path = PurePosixPath(name)
    while path.suffix.lower() in _PACKED | _TABLES:
        path = path.with_suffix("")
    return path.name
