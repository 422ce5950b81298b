"""Drop folders: every <home>/drop/<name>/ with a source.yaml is a source, without any Python.

`discover` reads YAML only, never data. The way of a file: `files.py` (bytes) -> `cells.py` (text)
-> `typed.py` (columns) -> `rows.py` (rows, rejects) -> `parse.py` (one file) -> `payloads.py`
(kept by content) -> `unite.py`, `inventory.py` (all files) -> `source.py`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from fundplatform.errors import ConfigError
from fundplatform.sources.base import Source
from fundplatform.sources.drop.source import DropSource
from fundplatform.sources.drop.source_yaml import load

__all__ = ["DropProblem", "DropSource", "discover"]

SOURCE_YAML = "source.yaml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class DropProblem:
    """A drop folder that is no source yet.

    Attributes:
        name: The folder's name.
        path: The file to correct or to write.
        message: What is wrong and what to write.
    """

    name: str
    path: Path
    message: str


def discover(drop_folder: Path, payloads: Path) -> tuple[list[Source], list[DropProblem]]:
    """The sources below `drop_folder`, sorted by name, and the folders that are wrong.

    Args:
        drop_folder: Each folder in it is one source; hidden ones are passed over. It may be
            missing.
        payloads: Where parsed files are kept; not touched here.
    """
    sources: list[Source] = []
    problems: list[DropProblem] = []
    folders = sorted(drop_folder.iterdir()) if drop_folder.is_dir() else []
    for folder in folders:
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        path = folder / SOURCE_YAML
        try:
            _check_place(path)
            sources.append(DropSource(load(path), payloads))
        except ConfigError as error:
            problems.append(DropProblem(folder.name, path, str(error)))
    return sources, problems


def _check_place(path: Path) -> None:
    name = path.parent.name
    if not _NAME.fullmatch(name):
        raise ConfigError(
            str(path.parent),
            None,
            f"a source cannot be called {name!r}",
            "Name the folder with a-z, 0-9 and _, a letter first, like us_stocks",
        )
    if not path.is_file():
        other = path.with_suffix(".yml").is_file()
        remedy = "Rename source.yml" if other else "Write one with at least: start: 2015-01-02"
        raise ConfigError(str(path), None, "there is no source.yaml", remedy)
