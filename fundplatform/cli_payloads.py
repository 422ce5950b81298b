"""`fundplatform payloads prune`: old fetches that no row needs leave the payload archive."""

from collections.abc import Sequence
from datetime import timedelta

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import open_warehouse
from fundplatform.errors import ConfigError
from fundplatform.payload_prune import Prune, planned, referred, remove
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.web.resume import LONGEST


@click.group()
def payloads() -> None:
    """The archive of vendors' answers."""


@payloads.command()
@click.argument("names", nargs=-1)
@click.option("--older-than", "days", type=int, required=True, help="Days since the fetch.")
@click.option("--yes", is_flag=True, help="Remove; without it only says what would go.")
def prune(names: Sequence[str], days: int, yes: bool) -> None:
    """Remove old fetches of SOURCE... (default: all) whose answers no row comes from.

    What a row names stays, superseded and rejected rows too, and the last fetch of each kind.
    """
    settings = Settings.from_env()
    _judge(names, days)
    store = open_warehouse(settings)
    # Rows that a run has just stored count as well.
    store.publish()
    held, archive = referred(store), settings.payloads / "archive"
    before = utc_now() - timedelta(days=days)
    found = (remove if yes else planned)(archive, held, before, names or None)
    for line in _said(found, done=yes):
        click.echo(line)
    if found.unread:
        raise click.exceptions.Exit(1)


def _judge(names: Sequence[str], days: int) -> None:
    known = register.vendors()
    unknown = [name for name in names if name not in known]
    if unknown:
        choose = f"Choose from: {', '.join(known)}"
        raise ConfigError("command line", unknown[0], "it is no vendor", choose)
    if days <= LONGEST.days:
        problem = f"fetches that broke off are taken up for {LONGEST.days} days"
        raise ConfigError(
            "command line", "--older-than", problem, f"Give {LONGEST.days + 1} or more"
        )


def _said(found: Prune, *, done: bool) -> list[str]:
    verb = "removed" if done else "would go"
    for_each = [
        f"{source}: {found.gone[source]:,} fetch{'' if found.gone[source] == 1 else 'es'} {verb}, "
        f"{found.kept[source]:,} stay"
        for source in sorted({*found.gone, *found.kept})
    ]
    size = f"{len(found.bodies):,} answers, {found.bytes / 1e6:,.1f} MB"
    total = f"{size} {verb}" + ("" if done else "; nothing is removed without --yes")
    broken = [f"unreadable, so no answer goes: {path}" for path in found.unread]
    return [*for_each, total, *broken]
