"""`fundplatform identity review`: renamed and reused tickers, approved by a person. Thin."""

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import open_warehouse
from fundplatform.errors import ConfigError
from fundplatform.identity_moves import Decision, decide, shown
from fundplatform.identity_moves import review as open_proposals
from fundplatform.instance import open_instance
from fundplatform.settings import Settings
from fundplatform.staleness import note_decision


@click.group()
def identity() -> None:
    """Who is who: tickers that were renamed, or used by two companies."""


@identity.command()
@click.option("--approve", metavar="ID", help="Do what the proposal says.")
@click.option(
    "--reject",
    metavar="ID",
    help="Leave it; a gap: make one of the two; a statement: it is of the other.",
)
@click.option("--author", default="", help="Who decides; needed with --approve and --reject.")
@click.option("--note", help="Why.")
def review(approve: str | None, reject: str | None, author: str, note: str | None) -> None:
    """List the open proposals, or decide one; decisions are kept in catalog.identity_decisions."""
    if approve and reject:
        raise ConfigError("command line", "--reject", "--approve is there too", "Give one of them")
    settings = Settings.from_env()
    store = open_warehouse(settings)
    store.migrate()
    open_ones = open_proposals(store)
    wanted = approve or reject
    if wanted is None:
        for line in shown(open_ones):
            click.echo(line)
        click.echo(f"{open_ones.height} open proposals")
        return
    decision = Decision(wanted, approve is not None, author, utc_now(), note)
    moved = decide(store, open_ones, decision)
    note_decision(open_instance(settings))
    said = "approved" if decision.approved else "rejected"
    click.echo(f"{wanted} {said} by {author}: {moved} raw rows moved. ", nl=False)
    click.echo("Run `fundplatform backfill` to compute what rests on them.")
