"""Other processes that hold or read a warehouse while a test runs."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python process that has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def holding(path: Path) -> str:
    """Code that opens the file until a line comes on stdin."""
    return f"import duckdb\nc = duckdb.connect({str(path)!r})\nprint('open', flush=True)\ninput()\n"
