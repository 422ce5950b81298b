"""Drop folders with bars, for the tests that drive a whole backfill over them."""

from collections.abc import Iterable
from pathlib import Path

from fundplatform.settings import Settings

HEADER = "session,symbol,open,high,low,close,volume"
JANUARY = "start: 2024-01-02\nend: 2024-01-31\n"


def folder(settings: Settings, name: str, yaml: str = JANUARY) -> Path:
    """A drop folder with that source.yaml."""
    made = settings.drop / name
    made.mkdir(parents=True, exist_ok=True)
    (made / "source.yaml").write_text(yaml, "utf-8")
    return made


def bar(session: str, symbol: str, close: float = 10.5, volume: str = "100") -> str:
    """A good bar around `close`."""
    return f"{session},{symbol},{close},{close + 1},{close - 1},{close},{volume}"


def table(rows: Iterable[str]) -> str:
    """A file of these rows."""
    return "\n".join([HEADER, *rows]) + "\n"
