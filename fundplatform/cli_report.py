"""`fundplatform report ...`: reports as HTML files below the home. Thin, like cli.py."""

from contextlib import suppress

import click

from fundplatform.clock import utc_now
from fundplatform.errors import WarehouseError
from fundplatform.settings import Settings
from fundplatform.storage.base import Store


def refresh(settings: Settings, store: Store) -> None:
    """Bring the newest quality report up to date after a backfill; none where nothing is judged."""
    from fundplatform.reports.quality import write

    with suppress(WarehouseError):
        write(store, settings.quality_report.parent, utc_now())


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
    path, on = write(store, settings.quality_report.parent, utc_now(), day)
    click.echo(f"{on}: {path}")
    if day is None:
        click.echo(f"the newest is also {path.with_name(LATEST)}")
