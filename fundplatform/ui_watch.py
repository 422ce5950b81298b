"""What `dagster dev` does not look after: a lost code server, and the runs of killed processes.

Of the two processes of a code server `dagster dev` replaces the outer one alone; without the inner
one, which holds the definitions, nothing runs again. And a run whose process was killed together
with its code server would stay "started" for ever and keep its pool's slot. Starting and ending all
of them is ui.py's.
"""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

_SECONDS = 10
_STATE = """{ workspaceOrError { ... on Workspace {
  locationEntries { loadStatus locationOrLoadError { __typename } } } } }"""


@dataclass(frozen=True)
class Process:
    """Its parent, and its command line."""

    parent: int
    command: str

    def says(self, words: str) -> bool:
        """Whether these words are in its command."""
        return f" {words} " in f"{self.command} "


@dataclass
class Watch:
    """Looks every few seconds; says what it did.

    Attributes:
        group: The process group of `dagster dev`.
        address: Of the webserver.
        dead: The ids of unfinished runs whose process was killed.
        close: Closes such runs.
        listed: The processes of the group by pid; None where nobody can tell.
        ready: Whether the definitions are served.
    """

    group: int
    address: str
    dead: Callable[[], list[str]]
    close: Callable[[list[str]], object]
    listed: Callable[[int], dict[int, Process] | None] = field(default=lambda group: listed(group))
    ready: Callable[[str], bool] = field(default=lambda address: ready(address))
    _served: frozenset[int] = frozenset()
    _missed: int = 0
    _ready: int = 0

    def look(self) -> list[str]:
        """One look."""
        return [*self._code_server(), *self._runs()]

    def _code_server(self) -> list[str]:
        found = self.listed(self.group)
        if found is None:
            return []
        outer = {pid for pid, process in found.items() if process.says("code-server start")}
        # An inner process whose outer one was killed lives on for half a minute: it is nobody's.
        serving = {process.parent for process in found.values() if process.says("api grpc")}
        self._served = frozenset((self._served | serving) & outer)
        # Between a start and the first inner process there is none either: a new outer one is
        # waited for. Killed, `dagster dev` would give it up.
        lost = self._served - serving
        self._missed = self._missed + 1 if lost else 0
        if self._missed < _LOST:
            return []
        for pid in lost:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._served, self._missed = self._served - lost, 0
        return ["the process with the definitions was lost: the code server is started again"]

    def _runs(self) -> list[str]:
        """Dead runs are closed after the definitions were served for a while.

        Dagster tries once to start a closed run again; without definitions it gives it up. The
        webserver and the daemon learn some seconds late that a code server is gone or back.
        """
        dead = self.dead()
        self._ready = self._ready + 1 if dead and self.ready(self.address) else 0
        if self._ready < _SETTLED:
            return []
        self._ready = 0
        self.close(dead)
        return [f"run {run_id}: its process was killed; closed" for run_id in dead]


_LOST = 3
_SETTLED = 6
"""Looks in a row."""


def listed(group: int) -> dict[int, Process] | None:
    """The processes of a group; None where there is no `ps`."""
    try:
        done = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,pgid=,args="],  # noqa: S607
            capture_output=True, text=True, check=True, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    rows = (line.split(maxsplit=3) for line in done.stdout.splitlines())
    return {
        int(row[0]): Process(int(row[1]), row[3])
        for row in rows
        if len(row) == 4 and row[2] == str(group)
    }


def ready(address: str) -> bool:
    """Whether the webserver answers and has the definitions."""
    request = urllib.request.Request(  # noqa: S310  # our own webserver
        f"{address}/graphql",
        json.dumps({"query": _STATE}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            said = json.load(answer)
    except (OSError, ValueError):
        return False
    entries = ((said.get("data") or {}).get("workspaceOrError") or {}).get("locationEntries", [])
    return bool(entries) and all(
        entry["loadStatus"] == "LOADED"
        and entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
        for entry in entries
    )
