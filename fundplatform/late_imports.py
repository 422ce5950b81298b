"""Modules that a library imports and may never use: loaded when they are first used.

Only names and loaders pass here; which modules can wait is known where the library is imported.
"""

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Late:
    """A finder in front of all others that knows these modules only."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec with a loader that waits for the first attribute asked for."""
        spec = PathFinder.find_spec(name, path, target) if name in self._names else None
        if spec is not None and spec.loader is not None:
            spec.loader = importlib.util.LazyLoader(spec.loader)
        return spec


@contextmanager
def postponed(*names: str) -> Iterator[None]:
    """What is imported inside does not execute these modules; their first use does.

    A module that is already imported, or is not installed, is left as it is.
    """
    finder = _Late(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
