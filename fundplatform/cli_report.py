"""`fundplatform report ...`: reports as HTML files below the home. Thin, like cli.py."""

from collections.abc import Sequence
from datetime import date

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import DAY, open_warehouse
from fundplatform.settings import Settings


@click.group()
def report() -> None:
    """Write a report as one HTML file that opens offline."""


@report.command()
@click.option("--session", type=DAY, help="Default: the newest that was judged.")
def quality(session: date | None) -> None:
    """The data quality of a session: what came in, what was refused, what is late or missing."""
    from fundplatform.finance.rules import load_limits
    from fundplatform.reports.quality import LATEST, write

    settings = Settings.from_env()
    store = open_warehouse(settings)
    limits = load_limits(settings.rules)
    path, on = write(store, settings.quality_report.parent, utc_now(), session, limits)
    click.echo(f"{on}: {path}")
    if session is None:
        click.echo(f"the newest is also {path.with_name(LATEST)}")


@report.command()
@click.argument("tickers", nargs=-1, required=True)
def fund(tickers: Sequence[str]) -> None:
    """Funds one by one: growth, drawdown, rolling and yearly returns, fees, score, holdings.

    A ticker that means several instruments is written CLASS:SYMBOL (etf:SPY) or #NUMBER.
    """
    from fundplatform.reports.fund import write

    settings = Settings.from_env()
    store = open_warehouse(settings)
    for ticker in tickers:
        path, known = write(store, settings.fund_reports, ticker, utc_now())
        days = known.given.series["session"]
        ends = "no returns" if known.unpriced else f"{days.min()!s} to {days.max()!s}"
        click.echo(f"{ticker}, {ends}: {path}")
