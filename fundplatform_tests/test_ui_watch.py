"""What `fundplatform ui` mends: a lost code server is replaced, dead runs closed, in good time."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fundplatform.ui_watch import Process, Watch, listed, ready

OUTER = Process(7, "python -m dagster code-server start --socket /tmp/a")


def inner(outer: int) -> Process:
    """The process with the definitions."""
    return Process(outer, "python -m dagster api grpc --socket /tmp/b")


@contextmanager
def waiting() -> Iterator[subprocess.Popen[bytes]]:
    """A process that may be killed."""
    made = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        yield made
    finally:
        made.kill()
        made.wait()


def watching(there: dict[int, Process] | None) -> Watch:
    return Watch(7, "", list, list, listed=lambda group: there, ready=lambda address: False)


def test_a_lost_inner_process_costs_the_outer_one_its_life_once() -> None:
    with waiting() as outer:
        there = {1: inner(outer.pid), outer.pid: OUTER}
        watch = watching(there)
        assert watch.look() == []
        del there[1]
        assert [watch.look() for _ in range(2)] == [[], []]
        assert outer.poll() is None, "it may only have been late"
        assert watch.look() == [
            "the process with the definitions was lost: the code server is started again"
        ]
        assert outer.wait(30) == -signal.SIGKILL
        # Its successor has no inner process yet: that is no loss.
        there[os.getpid()] = there.pop(outer.pid)
        assert [watch.look() for _ in range(9)] == [[]] * 9


def test_where_both_were_lost_the_new_outer_one_may_take_its_time() -> None:
    """On a busy machine its inner process comes minutes later; killed, it would never come."""
    with waiting() as successor:
        there = {1: inner(2), 2: OUTER}
        watch = watching(there)
        assert watch.look() == []
        there.clear()
        there[successor.pid] = OUTER
        assert [watch.look() for _ in range(30)] == [[]] * 30
        assert successor.poll() is None


def test_the_inner_process_of_a_killed_outer_one_is_not_its_successors() -> None:
    """It lives on until it misses the heartbeat; the new one may still be starting then."""
    with waiting() as successor:
        there = {1: inner(2), 2: OUTER}
        watch = watching(there)
        assert watch.look() == []
        there[1] = inner(1)
        del there[2]
        there[successor.pid] = OUTER
        assert [watch.look() for _ in range(6)] == [[]] * 6
        del there[1]
        assert [watch.look() for _ in range(30)] == [[]] * 30
        assert successor.poll() is None
        # From now on it serves, and is looked after as the first one was.
        there[3] = inner(successor.pid)
        assert watch.look() == []
        del there[3]
        assert [bool(watch.look()) for _ in range(3)] == [False, False, True]
        assert successor.wait(30) == -signal.SIGKILL


@pytest.mark.parametrize("found", [None, {}])
def test_where_nobody_can_tell_nothing_is_killed(found: dict[int, Process] | None) -> None:
    watch = watching(found)
    assert [watch.look() for _ in range(9)] == [[]] * 9


def test_dead_runs_are_closed_only_while_the_definitions_are_served() -> None:
    """Served all along; one dies before the tenth look; then the definitions are away for one."""
    dead: list[list[str]] = [[]] * 9 + [["r1"]] * 20
    served = iter([True] * 3 + [False] + [True] * 6)
    closed: list[str] = []
    watch = Watch(
        7,
        "",
        lambda: [] if closed else dead.pop(0),
        closed.extend,
        listed=lambda group: None,
        ready=lambda address: next(served),
    )
    said = [watch.look() for _ in range(25)]
    assert [number for number, lines in enumerate(said) if lines] == [9 + 3 + 1 + 6 - 1]
    assert said[18] == ["run r1: its process was killed; closed"]
    assert closed == ["r1"]


def test_the_processes_of_a_group() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()", "api", "grpc"],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        # Until then its arguments may not be there to be read.
        child.stdout.readline()
        found = listed(child.pid)
        assert found is not None
        assert list(found) == [child.pid]
        assert found[child.pid].parent == os.getpid()
        assert found[child.pid].says("api grpc")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


@contextmanager
def webserver(*entries: tuple[str, str]) -> Iterator[str]:
    locations = [
        {"loadStatus": status, "locationOrLoadError": {"__typename": name}}
        for status, name in entries
    ]
    body = json.dumps({"data": {"workspaceOrError": {"locationEntries": locations}}}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("LOADED", "RepositoryLocation")], True),
        ([("LOADED", "PythonError")], False),
        ([("LOADING", "RepositoryLocation")], False),
        ([("LOADED", "RepositoryLocation"), ("LOADED", "PythonError")], False),
        ([], False),
    ],
)
def test_definitions_are_served(entries: list[tuple[str, str]], expected: bool) -> None:
    with webserver(*entries) as address:
        assert ready(address) is expected


def test_no_webserver_serves_nothing() -> None:
    assert not ready("http://127.0.0.1:9")
