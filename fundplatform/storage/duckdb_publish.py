"""The published copy of a DuckDB warehouse: checkpoint, copy, sync, atomic rename.

Readers that have the old copy open keep it; new ones see the new. Runs while the caller holds the
warehouse open for writing, with no transaction active in this process.
"""

import os
import subprocess
import sys
from pathlib import Path

import duckdb

from fundplatform.errors import WarehouseError

# A process of its own copies: POSIX drops all locks that a process has on a file as soon as it
# closes any descriptor of it, so copying here would give away DuckDB's lock.
_COPY = (
    "import os, shutil, sys\n"
    "shutil.copyfile(sys.argv[1], sys.argv[2])\n"
    "with open(sys.argv[2], 'rb+') as copy:\n"
    "    os.fsync(copy.fileno())\n"
)


def publish(connection: duckdb.DuckDBPyConnection, path: Path, copy: Path) -> Path:
    """Make `copy` equal to the warehouse's committed state; returns it.

    Nothing is copied where the warehouse was not written since the last time: the copy carries
    the size and modification time of the file it was made from.

    Raises:
        WarehouseError: The copy cannot be written (disk full, folder not writable). The old copy
            stays.
    """
    connection.execute("CHECKPOINT")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        for stale in copy.parent.glob(f"{copy.name}.tmp-*"):
            stale.unlink()
        if not _is_current(path, copy):
            _replace(path, copy)
    except OSError as error:
        raise WarehouseError(
            str(copy),
            f"cannot publish: {error}",
            "Check that the disk has space and the folder is writable; the old copy stays",
        ) from error
    return copy


def _is_current(path: Path, copy: Path) -> bool:
    if not copy.exists():
        return False
    new, old = path.stat(), copy.stat()
    return (new.st_size, new.st_mtime_ns) == (old.st_size, old.st_mtime_ns)


def _replace(path: Path, copy: Path) -> None:
    source = path.stat()
    temporary = copy.with_name(f"{copy.name}.tmp-{os.getpid()}")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", _COPY, str(path), str(temporary)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        temporary.unlink(missing_ok=True)
        raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr else "copying failed")
    os.utime(temporary, ns=(source.st_atime_ns, source.st_mtime_ns))
    temporary.replace(copy)
    _sync_folder(copy.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
