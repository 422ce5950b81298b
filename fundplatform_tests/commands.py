"""The `fundplatform` command in a process of its own, also under conditions a process cannot leave.

Killed at an exact place, without the right to write, or with a disk that is full.
"""

import os
import subprocess
import sys
from pathlib import Path

from fundplatform.settings import Settings

FULL_DISK = (
    "import resource\n"
    "_, most = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, most))\n"
)
"""No file may grow beyond that many bytes: writing fails as on a full disk."""

# prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE) and a new program: file modes hold for root as well.
NO_OVERRIDE = (
    "import ctypes, os, sys\n"
    "if os.geteuid() == 0:\n"
    "    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)\n"
    "os.execv(sys.executable, [sys.executable, '-c', {0!r}, *sys.argv[1:]])\n"
)
MAIN = "from fundplatform.cli import main\nmain()\n"


def run(
    home: Path, *arguments: str, before: str = "", code: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `fundplatform arguments` on that home.

    Args:
        home: FUNDPLATFORM_HOME.
        arguments: Of the command.
        before: Python that runs first in the process.
        code: Python instead of `before` and the command.
        environment: More variables.
    """
    return subprocess.run(
        [sys.executable, "-c", code or before + MAIN, *arguments],
        env={**os.environ, "FUNDPLATFORM_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give these settings."""
    return {
        "FUNDPLATFORM_SOURCES": ",".join(settings.sources),
        "FUNDPLATFORM_LOCK_TIMEOUT": str(settings.lock_timeout),
    }
