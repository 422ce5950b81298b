"""`fundplatform compare SPY EFA ...`: funds side by side. Thin, like cli.py."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click
import polars as pl
import polars.selectors as cs

from fundplatform import summary
from fundplatform.command_line import console, quiet_store
from fundplatform.compare import Comparison, compare
from fundplatform.compare_holdings import TILT
from fundplatform.export_files import whole
from fundplatform.settings import Settings


@click.command("compare")
@click.argument("tickers", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page that opens offline.")
def compare_funds(tickers: Sequence[str], as_json: bool, html: Path | None) -> None:
    """Two to ten funds side by side: returns, growth, risk, correlation, cost, holdings.

    A ticker that means several instruments is written CLASS:SYMBOL (etf:SPY) or #NUMBER.
    """
    from fundplatform.compare_data import load

    with quiet_store(Settings.from_env()).snapshot() as seen:
        found = compare(load(seen, tickers))
    if html:
        from fundplatform.reports.comparison import render

        with whole(html, "--html") as into:
            into.write(render(found).encode())
        click.echo(str(html), err=as_json)
    if as_json:
        click.echo(json.dumps(as_dict(found), default=_plain, allow_nan=False))
    elif not html:
        show(found)


def as_dict(found: Comparison) -> dict[str, object]:
    """Facts, notes, tables and growth as lists of objects."""
    return {
        "funds": list(found.names),
        "facts": dict(found.facts),
        "notes": list(found.notes),
        "tables": {name: table.to_dicts() for name, table in found.tables.items()},
        "growth": found.growth.to_dicts(),
    }


def show(found: Comparison) -> None:
    """Print it as tables."""
    from fundplatform.reports.comparison import TITLES, measured_on
    from fundplatform.reports.page import fee

    facts = found.facts
    click.echo(
        f"Common history {facts['from']} to {facts['to']}, {facts['common_sessions']} sessions; "
        f"series: {facts['series_basis']}"
    )
    if facts["metrics_session"]:
        click.echo(f"Frames and risk: {measured_on(facts)}")
    for name, table in found.tables.items():
        if not table.is_empty():
            # Four places of a decimal are too few: 0.0945 % a year.
            ratios = cs.matches("expense_ratio").map_elements(fee, return_dtype=pl.String)
            for title, part in _parts(TITLES[name], table.with_columns(ratios)):
                click.echo()
                console.print(summary.frame_table(part, title))
    click.echo()
    for note in found.notes:
        click.echo(f"note: {note}")


def _parts(title: str, table: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """Tilts in a table of their own: twenty columns are too many for a line."""
    tilts = {name: name.removesuffix(TILT) for name in table.columns if name.endswith(TILT)}
    yield title, table.drop(tilts)
    if tilts:
        yield (
            f"{table.columns[0].title()}: tilt from the funds' mean",
            table.select(table.columns[0], *tilts).rename(tilts),
        )


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
