"""What the services of docker-compose.yml run beside Dagster's own commands.

`python -m fundplatform.deployment migrate | serve | daemon | healthy | forget`. Logins and
databases are made in `storage/server.py`, tables by `init` and by Dagster. Nothing is fetched here.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import timedelta

import click

from fundplatform.errors import FundplatformError
from fundplatform.settings import Deployment, Settings

RUNNER, DASHBOARD = "fundplatform_runner", "fundplatform_dashboard"
"""The login that runs write with, and the one for dashboards."""

_SECONDS = 5
# A daemon that was running meanwhile finds the new server within seconds.
_SETTLE_SECONDS = 10
# Looks in a row, _SECONDS apart.
_LOST = 6


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """The commands of docker-compose.yml."""


@cli.command()
def migrate() -> None:
    """Bring the server, the warehouse and Dagster's tables to this version (re-runnable).

    Also sets every password anew from its file: that is how one is rotated.
    """
    from fundplatform.definitions import open_store
    from fundplatform.instance import init, open_instance
    from fundplatform.storage import server

    settings, given = Settings.from_env(), Deployment.from_env()
    logins = [
        server.Login.owner(settings.warehouse_url or "", warehouse=True),
        server.Login.owner(settings.dagster_url or ""),
        server.Login(RUNNER, given.runner_password, server.WRITER),
        server.Login(DASHBOARD, given.dashboard_password, server.READER),
    ]
    done = server.prepare(given.admin_url, logins)
    server.require(settings.dagster_url or "")
    store = open_store(settings)
    done += init(settings, store)
    for line in done or ["nothing to do"]:
        click.echo(line)
    with open_instance(settings) as instance:
        instance.upgrade(_tell)
    click.echo(store.describe())


def _tell(line: str) -> None:
    """What Dagster's migrations say, without the dozen that have been applied long ago."""
    if not line.startswith("Skipping"):
        click.echo(f"dagster: {line}")


@cli.command()
@click.option("--host", required=True, help="Interface to listen on.")
@click.option("--port", type=int, required=True, help="TCP port.")
@click.option("--known-as", required=True, help="Host name by which the daemon calls it.")
def serve(host: str, port: int, known_as: str) -> None:
    """Serve the definitions; the runs that the server before this one left behind are closed."""
    from fundplatform.instance import open_instance, runs_of_server
    from fundplatform.storage import server

    settings = Settings.from_env()
    server.require(settings.dagster_url or "")
    with open_instance(settings) as instance:
        lost = runs_of_server(instance, known_as, port)
    if lost:
        command = [sys.executable, "-m", "fundplatform.deployment", "close", str(port), *lost]
        subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # outlives this program
    watching = [sys.executable, "-m", "fundplatform.deployment", "watch", str(port)]
    subprocess.Popen(watching, stdin=subprocess.DEVNULL)  # noqa: S603  # outlives this program
    command = [sys.executable, "-m", "dagster", "code-server", "start"]
    command += ["-m", "fundplatform.definitions", "-h", host, "-p", str(port)]
    os.execv(sys.executable, command)  # noqa: S606  # signals of the container go to it


@cli.command(hidden=True)
@click.argument("port", type=int)
@click.argument("run_ids", nargs=-1)
def close(port: int, run_ids: tuple[str, ...]) -> None:
    """Close these runs once the code server answers: Dagster restarts them at once, or never."""
    from fundplatform.instance import close_lost_runs, open_instance

    _wait_for_server("127.0.0.1", port)
    time.sleep(_SETTLE_SECONDS)
    with open_instance(Settings.from_env()) as instance:
        for run_id in close_lost_runs(instance, run_ids):
            click.echo(f"run {run_id}: its code server was stopped; marked as failed")


@cli.command(hidden=True)
@click.argument("port", type=int)
def watch(port: int) -> None:
    """End the code server when its inner process, which holds the definitions, is lost.

    Dagster replaces that one only on a reload. The restart policy starts all of it again.
    """
    server, served, missed = os.getppid(), False, 0
    while os.getppid() == server:
        there = _defines("127.0.0.1", port)
        served, missed = served or there, 0 if there else missed + 1
        if served and missed == _LOST:
            click.echo("the process with the definitions was lost: the code server is ended")
            os.kill(server, signal.SIGKILL)
        time.sleep(_SECONDS)


@cli.command()
@click.option("--code-server", required=True, help="Its host name.")
@click.option("--port", type=int, required=True, help="Its TCP port.")
@click.option("-w", "--workspace", required=True, help="Path of workspace.yaml.")
def daemon(code_server: str, port: int, workspace: str) -> None:
    """Run Dagster's daemon once the code server answers.

    After a restart of the machine nobody else puts them in order, and a daemon that starts without
    definitions takes every backfill under way for one of assets that are gone, and fails it.
    """
    _wait_for_server(code_server, port)
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace]
    os.execv(sys.executable, command)  # noqa: S606  # signals of the container go to it


@cli.command()
@click.argument("kind", type=click.Choice(["http", "grpc"]))
@click.argument("port", type=int)
def healthy(kind: str, port: int) -> None:
    """Exit 0 where the webserver (http) or the code server (grpc) of this container answers."""
    if not (_http(port) if kind == "http" else _serving("127.0.0.1", port)):
        raise click.ClickException(f"nothing answers on port {port}")


def _http(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=_SECONDS):
            return True
    except OSError:
        return False


def _serving(host: str, port: int) -> bool:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _defines(host: str, port: int) -> bool:
    """Whether the inner process answers: the outer one hands a ping on to it."""
    import grpc

    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            channel.unary_unary("/api.DagsterApi/Ping")(b"", timeout=_SECONDS)
        except grpc.RpcError as error:
            return bool(error.code() is grpc.StatusCode.DEADLINE_EXCEEDED)  # it is only slow
    return True


def _wait_for_server(host: str, port: int) -> None:
    while not _serving(host, port):
        time.sleep(1)


@cli.command()
@click.option("--days", type=click.IntRange(1), required=True, help="Keep what ended since.")
def forget(days: int) -> None:
    """Delete old runs that recorded neither data nor a check: failed, cancelled, in vain."""
    from fundplatform.definitions import utc_now
    from fundplatform.instance import forget_runs, open_instance

    with open_instance(Settings.from_env()) as instance:
        forgotten = forget_runs(instance, utc_now() - timedelta(days=days))
    click.echo(f"{len(forgotten)} runs deleted")


def main() -> None:
    """Entry point: platform errors print one line and exit 1, without a traceback."""
    try:
        cli.main(prog_name="python -m fundplatform.deployment")
    except FundplatformError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
