"""docker-compose.yml without a container engine: its very commands as processes of this machine.

Each service's command, environment, healthcheck and order are read from the file; only container
paths, host names and ports are replaced. Nothing of this process's environment is handed on but
where programs are found.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fundplatform.ui import end_group
from fundplatform_tests.live import ask, wait_for
from fundplatform_tests.storage.postgres import Server, free_port

ROOT = Path(__file__).resolve().parents[1]
T = TypeVar("T")
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_BIN = Path(sys.executable).parent


def load(env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """docker-compose.yml with its variables filled in from `env`, else their defaults."""
    text = (ROOT / "docker-compose.yml").read_text()
    filled = _VARIABLE.sub(lambda m: (env or {}).get(m[1]) or m[2] or "", text)
    return dict(yaml.safe_load(filled))


class Deployment:
    """The services as processes; the database is a cluster of the test's own."""

    def __init__(self, folder: Path, server: Server, **env: str) -> None:
        """Lay out what the volumes and secrets would hold; nothing is started yet."""
        self.folder = folder
        self.services: dict[str, Any] = load(env)["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {"3000": str(free_port()), "4000": str(free_port())}
        for name in ("secrets", "home", "logs", "dagster"):
            (folder / name).mkdir(exist_ok=True)
        for name in ("dagster.yaml", "workspace.yaml"):
            text = (ROOT / "deploy" / name).read_text()
            mounted = text.replace("port: 4000", f"port: {self.ports['4000']}")
            (folder / "dagster" / name).write_text(mounted)
        self.swaps = {
            "/run/secrets/": f"{folder}/secrets/",
            "/var/lib/fundplatform": f"{folder}/home",
            "/var/log/fundplatform": f"{folder}/logs",
            "/opt/fundplatform/dagster": f"{folder}/dagster",
            "/etc/caddy/": f"{ROOT}/deploy/",
            "timescaledb:5432": f"127.0.0.1:{server.port}",
            "webserver:3000": f"127.0.0.1:{self.ports['3000']}",
        }
        # As a whole word of a command, or as the whole value of a variable.
        self.words = {
            **self.ports,
            "5432": str(server.port),
            "0.0.0.0": "127.0.0.1",  # noqa: S104
            "code-server": "127.0.0.1",
        }

    def _local(self, text: str) -> str:
        if text in self.words:
            return self.words[text]
        for container, local in self.swaps.items():
            text = text.replace(container, local)
        return text

    def command(self, words: Sequence[str]) -> list[str]:
        """A command of the file, in the local world."""
        return [self._local(word) for word in words]

    def environment(self, service: str) -> dict[str, str]:
        """The service's variables, in the local world."""
        given = self.services[service].get("environment", {})
        own = {name: self._local(str(value)) for name, value in given.items()}
        path = f"{_BIN}:{os.environ['PATH']}"
        return {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), **own}

    def log(self, service: str) -> str:
        """What the service printed."""
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in the service's environment, to its end: `docker compose run`."""
        return subprocess.run(
            self.command(words or self.services[service]["command"]),
            env=self.environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def start(self, service: str) -> None:
        """Start a service and leave it running."""
        with (self.folder / f"{service}.log").open("ab") as log:
            self.running[service] = subprocess.Popen(
                self.command(self.services[service]["command"]),
                env=self.environment(service),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def healthy(self, service: str) -> bool:
        """Whether the service's healthcheck passes; fails the test where the service has ended."""
        test = self.services[service]["healthcheck"]["test"]
        assert test[0] == "CMD"
        if service in self.running:
            assert self.running[service].poll() is None, self.log(service)
        return self.run(service, *test[1:]).returncode == 0

    def up(self, *services: str) -> None:
        """`up --wait`: start each after what its depends_on demands; all are healthy at the end."""
        for service in services:
            for needed, how in self.services[service].get("depends_on", {}).items():
                if how["condition"] == "service_healthy":
                    wait_for(lambda name=needed: self.healthy(name), 120, f"health of {needed}")
                else:
                    assert how["condition"] == "service_completed_successfully"
                    done = self.run(needed)
                    (self.folder / f"{needed}.log").write_text(done.stdout + done.stderr)
                    assert done.returncode == 0, done.stdout + done.stderr
            self.start(service)
        for service in services:
            wait_for(lambda name=service: self.healthy(name), 120, f"health of {service}")

    def down(self, *services: str) -> None:
        """End the services with every process they have."""
        for service in services or list(self.running):
            end_group(self.running.pop(service), 5)

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """One GraphQL request, as the UI's pages send it."""
        return ask(self.ports["3000"], query, variables)
