"""Contracts in a process of their own: Great Expectations' import passes beside the run's work.

In: a summary, or a batch and a suite. Out: what `expectations.py` says of it, which judges there.
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

from fundplatform import expectations
from fundplatform.contracts import Expectation, Finding


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
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def usable(self) -> bool:
        """Whether it lives and belongs to this process (a fork must not share its pipes)."""
        return self.owner == os.getpid() and self._process.poll() is None

    def verify(
        self, name: str, batch: pl.DataFrame, wanted: Sequence[Expectation]
    ) -> list[Finding]:
        """As `expectations.verify`; offenders that JSON does not know come as text.

        Raises:
            RuntimeError: An expectation crashed, or the process ended.
        """
        frame = BytesIO()
        batch.write_ipc(frame)
        suite = [[e.type, e.kwargs] for e in wanted]
        told = self._answer(name, {"suite": suite}, frame.getbuffer())
        return [Finding(**f) for f in told["findings"]]

    def broken(self, name: str, counts: Sequence[int | None]) -> list[int]:
        """As `expectations.broken`; `name` says in errors what was counted.

        Raises:
            RuntimeError: The summary could not be judged, or the process ended.
        """
        told = self._answer(name, {"counts": list(counts)}, memoryview(b""))
        return list(told["broken"])

    def _answer(self, name: str, request: dict[str, Any], frame: memoryview) -> dict[str, Any]:
        # YAML knows dates, JSON does not; Great Expectations compares their text all the same.
        line = json.dumps({"name": name, "bytes": frame.nbytes, **request}, default=str)
        with self._one_at_a_time:
            try:
                answer = self._ask(line.encode() + b"\n", frame)
            except BrokenPipeError:
                answer = b""
        if not answer:
            raise RuntimeError(
                f"the contract of {name} was not judged: its process ended with code "
                f"{self._process.wait()}"
            )
        told: dict[str, Any] = json.loads(answer)
        if "error" in told:
            raise RuntimeError(told["error"])
        return told

    def _ask(self, line: bytes, frame: memoryview) -> bytes:
        to, back = self._process.stdin, self._process.stdout
        if to is None or back is None:
            raise RuntimeError("the contract process has no pipes")
        to.write(line)
        to.write(frame)
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
    """Answer until the requests end: a line of JSON, then as many bytes (Arrow IPC) as it says."""
    expectations.prepare()
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        answer = _judged(request, requests.read(request["bytes"]))
        answers.write(json.dumps(answer, default=str).encode())
        answers.write(b"\n")
        answers.flush()


def _judged(request: dict[str, Any], frame: bytes) -> dict[str, Any]:
    try:
        if "counts" in request:
            return {"broken": expectations.broken(request["counts"])}
        suite = [Expectation(*one) for one in request["suite"]]
        batch = pl.read_ipc(BytesIO(frame))
        return {"findings": [vars(f) for f in expectations.verify(request["name"], batch, suite)]}
    except RuntimeError as crashed:
        return {"error": str(crashed)}


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
