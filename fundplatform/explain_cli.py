"""The command `explain`: what stands behind one number. Thin, like cli.py."""

from datetime import date

import click
import polars as pl

from fundplatform.command_line import DAY, open_warehouse, terminal
from fundplatform.explain import Explanation, explain_index
from fundplatform.explain_metric import explain_metric
from fundplatform.settings import Settings
from fundplatform.summary import frame_table

_WIDTH = 200
# Few rows of more columns do not fit beside their names: they are shown upright.
_BROAD, _FEW = 12, 2
# As many figures of a hash as the list of payloads shows.
_HASH = 16
_LARGE = 1e9
_ROWS = click.option(
    "--rows",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Rows shown of each table; 0: all.",
)


@click.group()
def explain() -> None:
    """What stands behind a number: prices, sources, actions, rules, payloads, code."""


@explain.command()
@click.argument("name")
@click.argument("session", type=DAY)
@_ROWS
def index(name: str, session: date, rows: int) -> None:
    """Constituents, prices and rules behind NAME on SESSION; hashes and sums are verified."""
    settings = Settings.from_env()
    show(explain_index(open_warehouse(settings), settings, name, session), rows)


@explain.command()
@click.argument("symbol")
@click.argument("session", type=DAY)
@click.argument("frame")
@_ROWS
def metric(symbol: str, session: date, frame: str, rows: int) -> None:
    """Prices, payments and payloads behind SYMBOL's metrics of FRAME on SESSION.

    A symbol that means several instruments is written CLASS:SYMBOL (etf:SPY) or #NUMBER.
    """
    settings = Settings.from_env()
    found = explain_metric(open_warehouse(settings), settings, symbol, session, frame.upper())
    show(found, rows)


def show(found: Explanation, rows: int) -> None:
    """Print every section; exit 1 where something verified does not hold."""
    console = terminal(_WIDTH)
    for title, content in found.sections:
        if isinstance(content, pl.DataFrame):
            shown = _exact(content if rows == 0 else content.head(rows))
            more = content.height - shown.height
            if 0 < content.height <= _FEW and content.width > _BROAD:
                shown = _upright(shown)
            console.print(frame_table(shown, f"{title}{f' ({more} more)' if more else ''}"))
            continue
        click.echo(f"\n{title}")
        for line in content:
            click.echo(f"  {line}")
    if not found.holds:
        click.echo("something above does not hold", err=True)
        raise click.exceptions.Exit(1)


def _upright(rows: pl.DataFrame) -> pl.DataFrame:
    """Few rows as a column of names and one of values each."""
    told = {
        f"value {number}" if rows.height > 1 else "value": pl.Series(
            [None if value is None else str(value) for value in row], dtype=pl.String()
        )
        for number, row in enumerate(rows.iter_rows(), 1)
    }
    return pl.DataFrame({"column": rows.columns, **told})


def _exact(frame: pl.DataFrame) -> pl.DataFrame:
    """Floats to ten figures, for four decimals would hide what is explained; large ones grouped."""

    def told(value: float | None) -> str | None:
        if value is None:
            return None
        return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:,.10g}"

    floats = [n for n, t in frame.schema.items() if t.is_float()]
    instants = [n for n, t in frame.schema.items() if t == pl.Datetime]
    hashes = [n for n in frame.columns if n == "payload_hash"]
    return frame.with_columns(
        *(pl.Series(n, [told(v) for v in frame[n].to_list()], pl.String) for n in floats),
        *(pl.col(n).dt.to_string("%Y-%m-%d %H:%M") for n in instants),
        *(pl.col(n).str.head(_HASH) for n in hashes),
    ).drop(*(n for n in ("source_id",) if n in frame.columns))
