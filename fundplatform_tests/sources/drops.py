"""A drop folder in a temporary home, for the tests of `sources/drop/`."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from fundplatform.sources.base import Batch
from fundplatform.sources.drop import DropSource
from fundplatform.sources.drop.source_yaml import load

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
FIRST, LAST = date(1800, 1, 1), date(2200, 1, 1)


@dataclass(frozen=True)
class Drop:
    """A drop folder `drop/mine` and the payloads beside it."""

    home: Path

    @property
    def folder(self) -> Path:
        return self.home / "drop" / "mine"

    @property
    def payloads(self) -> Path:
        return self.home / "payloads"

    def yaml(self, text: str) -> "Drop":
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "source.yaml").write_text(text, "utf-8")
        return self

    def put(self, name: str, content: str | bytes, age: int = 0) -> "Drop":
        """Write a file that is `age` seconds older than 2030."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        modified = 1_893_456_000 - age
        os.utime(path, (modified, modified))
        return self

    def source(self) -> DropSource:
        return DropSource(load(self.folder / "source.yaml"), self.payloads)

    def fetch(self, first: date = FIRST, last: date = LAST) -> Batch:
        source = self.source()
        return source.fetch(source.config.kind, first, last, now=NOW)
