"""The command `explain`: what stands behind one number. Thin, like cli.py."""

import sys
from datetime import datetime

import click
import polars as pl
from rich.console import Console

from fundplatform.explain import Explanation, explain_index, explain_metric
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform.summary import frame_table

_DAY = click.DateTime(["%Y-%m-%d"])
_WIDTH = 200


@click.group()
def explain() -> None:
    """What stands behind a number: prices, sources, actions, rules, payloads, code."""


@explain.command()
@click.argument("name")
@click.argument("session", type=_DAY)
@click.option("--rows", default=20, show_default=True, help="Rows shown of each table; 0: all.")
def index(name: str, session: datetime, rows: int) -> None:
    """Constituents, prices and rules behind NAME on SESSION; hashes and sums are verified."""
    settings = Settings.from_env()
    show(explain_index(_store(settings), settings, name, session.date()), rows)


@explain.command()
@click.argument("symbol")
@click.argument("session", type=_DAY)
@click.argument("frame")
@click.option("--rows", default=20, show_default=True, help="Rows shown of each table; 0: all.")
def metric(symbol: str, session: datetime, frame: str, rows: int) -> None:
    """Prices, payments and payloads behind SYMBOL's metrics of FRAME on SESSION."""
    settings = Settings.from_env()
    found = explain_metric(_store(settings), settings, symbol, session.date(), frame.upper())
    show(found, rows)


def show(found: Explanation, rows: int) -> None:
    """Print every section; exit 1 where something verified does not hold."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    for title, content in found.sections:
        if isinstance(content, pl.DataFrame):
            shown = _exact(content if rows == 0 else content.head(rows))
            more = content.height - shown.height
            console.print(frame_table(shown, f"{title}{f' ({more} more)' if more else ''}"))
            continue
        click.echo(f"\n{title}")
        for line in content:
            click.echo(f"  {line}")
    if not found.holds:
        click.echo("something above does not hold", err=True)
        raise click.exceptions.Exit(1)


def _exact(frame: pl.DataFrame) -> pl.DataFrame:
    """Floats to ten figures: four decimals would hide what is explained."""
    floats = [n for n, t in frame.schema.items() if t.is_float()]
    return frame.with_columns(
        pl.Series(n, [None if v is None else f"{v:.10g}" for v in frame[n].to_list()], pl.String)
        for n in floats
    )


def _store(settings: Settings) -> Store:
    from fundplatform.definitions import open_store

    return open_store(settings, notify=lambda text: click.echo(text, err=True))
