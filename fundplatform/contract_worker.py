"""Contracts in a process of their own: Great Expectations' import passes beside the run's work.

In: a table and a batch. Out: the findings of `contracts.verify`, which does the judging there.
`start` is called as early as a run is known to end in contracts; what a contract asks for is not
decided here. The process ends with the one that started it.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from io import BytesIO
from typing import IO, Any

import polars as pl

from fundplatform import contracts, tables
from fundplatform.contracts import Expectation, Finding
from fundplatform.tables import Table


class Worker:
    """One process that holds batches against contracts, one after the other."""

    def __init__(self) -> None:
        """Start it; it imports while the caller goes on."""
        self.owner = os.getpid()
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        atexit.register(self.stop)

    @property
    def usable(self) -> bool:
        """Whether it lives and belongs to this process (a fork must not share its pipes)."""
        return self.owner == os.getpid() and self._process.poll() is None

    def verify(
        self, table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation] | None = None
    ) -> list[Finding]:
        """As `contracts.verify`; offenders that JSON does not know come as text.

        Raises:
            RuntimeError: An expectation crashed, or the process ended.
        """
        with self._one_at_a_time:
            try:
                answer = self._ask(table, batch, wanted)
            except BrokenPipeError:
                answer = b""
        if not answer:
            raise RuntimeError(
                f"the contract of {table.full_name} was not judged: its process ended with code "
                f"{self._process.wait()}"
            )
        told = json.loads(answer)
        if "error" in told:
            raise RuntimeError(told["error"])
        return [Finding(**f) for f in told["findings"]]

    def _ask(
        self, table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation] | None
    ) -> bytes:
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            raise RuntimeError("the contract process has no pipes")
        frame = BytesIO()
        batch.write_ipc(frame)
        own = None if wanted is None else [[e.type, e.kwargs] for e in wanted]
        # YAML knows dates, JSON does not; Great Expectations compares their text all the same.
        line = json.dumps([table.full_name, frame.tell(), own], default=str)
        to.write(line.encode() + b"\n")
        to.write(frame.getbuffer())
        to.flush()
        return back.readline()

    def stop(self) -> None:
        """End the process; nothing of it is needed afterwards."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.wait()


_workers: list[Worker] = []


def start() -> Worker:
    """This process's worker, started if there is none that lives."""
    if not _workers or not _workers[-1].usable:
        _workers[:] = [Worker()]
    return _workers[-1]


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer until the requests end: a line of JSON (table, size, suite), then Arrow IPC bytes."""
    contracts.prepare()
    for line in iter(requests.readline, b""):
        name, size, own = json.loads(line)
        batch = pl.read_ipc(BytesIO(requests.read(size)))
        wanted = None if own is None else [Expectation(*one) for one in own]
        answer = _answer(tables.BY_NAME[name], batch, wanted)
        answers.write(json.dumps(answer, default=str).encode())
        answers.write(b"\n")
        answers.flush()


def _answer(
    table: Table, batch: pl.DataFrame, wanted: Sequence[Expectation] | None
) -> dict[str, Any]:
    try:
        findings: Sequence[Finding] = contracts.verify(table, batch, wanted)
    except RuntimeError as crashed:
        return {"error": str(crashed)}
    return {"findings": [vars(f) for f in findings]}


def main() -> None:
    """The process: requests on stdin, answers on stdout."""
    # Ctrl-C reaches the whole group; the run decides what is still to be judged.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # What a library prints must not get between the answers.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
