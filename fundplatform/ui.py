"""`fundplatform ui`: the Dagster webserver, daemon and code server, started and stopped as one.

`dagster dev` does the work. It ignores SIGTERM's meaning (it dies and leaves its children behind),
so it runs in a process group of its own, and this file sees to it that the group ends.
"""

import os
import signal
import socket
import subprocess
import sys
import time

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from fundplatform.errors import ConfigError
from fundplatform.instance import KILLED, close_lost_runs, dead_runs, open_instance
from fundplatform.settings import Settings
from fundplatform.ui_watch import Watch

_SECONDS_TO_END = 15
# What ends so soon cannot be started at all: a wrong port, a broken configuration.
_TOO_SOON = 60
_LOOK_SECONDS = 5
# Ours is the only command that starts it; the hint to use another one is no news to the user.
_NO_HINT = "ignore:Function `dev_command` is superseded"


def serve(settings: Settings, host: str, port: int) -> int:
    """Run until SIGINT or SIGTERM; every process it started has ended when it returns.

    What dies by itself is started again, and the runs that were lost are closed: Dagster retries
    them (dagster.yaml).

    Args:
        settings: The home; `init` has made it.
        host: Interface to listen on.
        port: TCP port.

    Returns:
        The exit code: 0 after a signal; not 0 where it ended in its first minute.

    Raises:
        ConfigError: Another program listens on the port.
    """
    _require_free(host, port)
    stop = _Stop()
    # Opened first, which makes Dagster's databases where there are none: several at once cannot.
    with open_instance(settings) as instance:
        return _served(settings, host, port, stop, instance)


def _served(
    settings: Settings, host: str, port: int, stop: "_Stop", instance: dg.DagsterInstance
) -> int:
    while True:
        began = time.monotonic()
        child = _start(settings, host, port)
        watch = Watch(
            child.pid,
            f"http://{host}:{port}",
            lambda: dead_runs(instance),
            lambda ids: close_lost_runs(instance, ids, KILLED),
        )
        try:
            _watched(child, stop, watch)
        finally:
            end_group(child)
        if stop.asked:
            return 0
        if time.monotonic() - began < _TOO_SOON:
            return child.returncode or 1
        _say("Dagster has ended by itself: starting it again")


def _start(settings: Settings, host: str, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", _NO_HINT, "-m", "dagster", "dev"]
    command += ["-w", "workspace.yaml", "-h", host, "-p", str(port)]
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=settings.dagster_home,
        env={
            **os.environ,
            "DAGSTER_HOME": str(settings.dagster_home),
            "FUNDPLATFORM_HOME": str(settings.home),
        },
        start_new_session=True,
    )


def _watched(child: subprocess.Popen[bytes], stop: "_Stop", watch: Watch) -> None:
    """Until a signal comes, or `dagster dev` ends: so it does where webserver or daemon do."""
    looked = time.monotonic()
    while child.poll() is None and not stop.asked:
        time.sleep(0.2)
        if time.monotonic() - looked >= _LOOK_SECONDS:
            looked = time.monotonic()
            try:
                for line in watch.look():
                    _say(line)
            except SQLAlchemyError as error:
                # Dagster's record is busy: the next look will do.
                _say(f"{error}".splitlines()[0])


def _say(line: str) -> None:
    print(f"fundplatform ui: {line}", file=sys.stderr, flush=True)


class _Stop:
    """Remembers that SIGINT, SIGTERM or SIGHUP came."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True


def end_group(leader: subprocess.Popen[bytes], patience: float = _SECONDS_TO_END) -> None:
    """End a process group: ask its leader, then terminate, then kill what is left.

    A run that is being executed is killed with the rest; it resumes with the next backfill.
    """
    if leader.poll() is None:
        leader.send_signal(signal.SIGINT)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _ended(leader, patience):
            return
        os.killpg(leader.pid, number)
    _ended(leader, patience)


def _ended(leader: subprocess.Popen[bytes], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        leader.poll()  # else the leader stays a zombie and the group exists
        if not _living(leader.pid):
            return True
        time.sleep(0.1)
    return not _living(leader.pid)


def _living(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                "command line",
                "--port",
                f"{host}:{port} cannot be listened on ({error.strerror})",
                "Choose another: make ui PORT=3001",
            ) from error
