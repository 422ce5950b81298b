"""Which process executes a run, and whether it still lives. No Dagster and no warehouse here.

In: this process, or the mark that another one left on its run. Out: the mark, or a verdict.
"""

import os
import platform
from pathlib import Path

TAG = "fundplatform/process"
"""The run tag that carries `mark()`."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def mark(run_id: str = "") -> str:
    """`host/boot/pid/start/run`: names this process also after its pid is given to another one.

    The run's id is in it because a retried run inherits the tags of the one that was killed.
    """
    pid = os.getpid()
    return "/".join((platform.node(), _boot(), str(pid), _start(pid) or "", run_id))


def is_of(marked: str, run_id: str) -> bool:
    """Whether the mark is this run's own, not inherited."""
    return marked.count("/") == 4 and marked.rpartition("/")[2] in ("", run_id)


def is_gone(marked: str) -> bool:
    """True where the marked process ran on this host and has ended; False where nobody can tell.

    A process of another host, or a text that is no mark, is left alone.
    """
    parts = marked.split("/")
    if len(parts) != 5 or parts[0] != platform.node() or not parts[2].isdecimal():
        return False
    _, boot, pid, start, _ = parts
    # Without /proc the start is unknown, and only a free pid proves the end.
    return boot != _boot() or _start(int(pid)) != start


def _boot() -> str:
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _start(pid: int) -> str | None:
    """When the process started, in clock ticks since boot; None where it has ended.

    Empty where the system does not say (no /proc).
    """
    if not _BOOT_ID.exists():
        return "" if _exists(pid) else None
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name, in brackets, may hold blanks. A zombie has ended: its parent is slow.
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
