"""The list of built-in sources, and the sources that take part in this installation.

Settings in, sources and problems out. Reading a source's data does not belong here: loading the
register reads declarations only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources.base import Source
from fundplatform.sources.sample import Sample
from fundplatform.sources.synthetic import Synthetic

# One line a source: the name in FUNDPLATFORM_SOURCES = the file's name = spec.name.
BUILT_IN: dict[str, Callable[[], Source]] = {
    "sample": Sample,
    "synthetic": Synthetic,
}


@dataclass(frozen=True)
class Problem:
    """A source that is listed but could not be loaded.

    Attributes:
        name: Name of the source.
        path: The file that declares it.
        message: What is wrong and what to write.
    """

    name: str
    path: Path
    message: str


@dataclass(frozen=True)
class Loaded:
    """The sources that take part, in order (built-in ones first), and those that failed."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()

    def by_name(self) -> dict[str, Source]:
        """Source name to source."""
        return {source.spec.name: source for source in self.sources}


def load(settings: Settings) -> Loaded:
    """Make the sources named in the settings, and those of the drop folders.

    A drop folder that is wrong, or that takes the name of a source already loaded or built in,
    becomes a problem; the others load.

    Raises:
        ConfigError: The settings name a source that does not exist.
    """
    sources = [_built_in(name) for name in dict.fromkeys(settings.sources)]
    if not settings.drop.is_dir():
        return Loaded(tuple(sources))
    # Imported late: YAML and parsing are of no use where nothing was dropped.
    from fundplatform.sources.drop import SOURCE_YAML, discover

    dropped, failed = discover(settings.drop, settings.payloads)
    problems = [Problem(p.name, p.path, p.message) for p in failed]
    taken = {*BUILT_IN, *(source.spec.name for source in sources)}
    for source in dropped:
        name = source.spec.name
        if name in taken:
            problems.append(_clash(name, settings.drop / name / SOURCE_YAML))
            continue
        taken.add(name)
        sources.append(source)
    return Loaded(tuple(sources), tuple(problems))


def _built_in(name: str) -> Source:
    if name not in BUILT_IN:
        known = ", ".join(BUILT_IN)
        raise ConfigError(
            "environment",
            "FUNDPLATFORM_SOURCES",
            f"{name!r} is no built-in source",
            f"Known: {known}. A drop folder needs no entry here",
        )
    return BUILT_IN[name]()


def _clash(name: str, path: Path) -> Problem:
    return Problem(
        name, path, f"the name {name!r} belongs to another source. Rename the folder {path.parent}"
    )
