"""`fundplatform metrics-text`: what the platform says of itself, in Prometheus' text format."""

from pathlib import Path

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import quiet_store
from fundplatform.exposition import text, write
from fundplatform.settings import Settings
from fundplatform.sources import register


@click.command("metrics-text")
@click.option("--out", type=click.Path(path_type=Path), help="Replace this file, print nothing.")
def metrics_text(out: Path | None) -> None:
    """Runs, rows, freshness, gaps, calls left and durations, for Prometheus."""
    from fundplatform.automation.measures import measures
    from fundplatform.instance import open_instance

    settings = Settings.from_env()
    store = quiet_store(settings)
    sources = register.load(settings).sources
    found = text(measures(open_instance(settings), sources, settings, store, utc_now()))
    if out:
        write(out, found)
    else:
        click.echo(found, nl=False)
