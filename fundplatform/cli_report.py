"""`fundplatform report ...`: reports as HTML files below the home. Thin, like cli.py."""

import click

from fundplatform.clock import utc_now
from fundplatform.settings import Settings


@click.group()
def report() -> None:
    """Write a report as one HTML file that opens offline."""


@report.command()
@click.option(
    "--session", type=click.DateTime(["%Y-%m-%d"]), help="Default: the newest that was judged."
)
def quality(session: object) -> None:
    """The data quality of a session: what came in, what was refused, what is late or missing."""
    from fundplatform.definitions import open_store
    from fundplatform.reports.quality import LATEST, write

    settings = Settings.from_env()
    store = open_store(settings, notify=lambda message: click.echo(message, err=True))
    day = session.date() if hasattr(session, "date") else None
    path, on = write(store, settings.reports / "quality", utc_now(), day)
    click.echo(f"{on}: {path}")
    if day is None:
        click.echo(f"the newest is also {path.with_name(LATEST)}")
