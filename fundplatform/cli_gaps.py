"""`fundplatform gaps`: which sessions are missing, why, and when they are asked for again."""

from collections.abc import Sequence
from datetime import date

import click
import polars as pl

from fundplatform import gaps as ledger
from fundplatform import summary
from fundplatform.clock import utc_now
from fundplatform.command_line import DAY, check_order, chosen, console, quiet_store
from fundplatform.settings import Settings
from fundplatform.sources import register

_SHOWN = ("source", "kind", "vendor_symbol", "state", "place", "first_session", "last_session")
_MOST = 40


@click.command()
@click.argument("names", nargs=-1, metavar="SOURCE...")
@click.option("--source", "named", multiple=True, help="The same as SOURCE; may be repeated.")
@click.option("--from", "first", type=DAY, help="First session shown.")
@click.option("--to", "last", type=DAY, help="Last session shown.")
@click.option("--all", "every", is_flag=True, help="Also not listed, not published, no trade.")
def gaps(
    names: Sequence[str],
    named: Sequence[str],
    first: date | None,
    last: date | None,
    every: bool,
) -> None:
    """Missing sessions of sources (default: all) as a calendar and as a table."""
    from fundplatform.automation.gap_ledger import ledgers
    from fundplatform.automation.heat_map import heat_map
    from fundplatform.automation.ledger_asset import table
    from fundplatform.instance import open_instance

    check_order(first, last)
    settings = Settings.from_env()
    store = quiet_store(settings)
    sources = chosen(register.load(settings).sources, [*names, *named])
    found = list(ledgers(store, open_instance(settings), sources, utc_now()))
    if not found:
        click.echo("Nothing of these sources is loaded yet: `fundplatform backfill`")
        return
    span = (first or date.min, last or date.max)
    click.echo(heat_map(found, *span))
    rows = table(found).filter(
        (pl.col("last_session") >= span[0]) & (pl.col("first_session") <= span[1])
    )
    if not every:
        rows = rows.filter(pl.col("state").is_in([str(s) for s in ledger.WANTED]))
    click.echo()
    again = pl.col("next_try_at").dt.strftime("%Y-%m-%d %H:%M UTC").alias("next_try")
    shown = rows.select(*_SHOWN, "sessions", "tries", again).sort(*_SHOWN[:3], _SHOWN[5])
    console.print(summary.frame_table(shown.head(_MOST), "Gaps"))
    if rows.height > _MOST:
        click.echo(f"... and {rows.height - _MOST} more ranges: table ops.gaps has them all")
    total = rows["sessions"].sum()
    click.echo(f"{total:,} sessions in {rows.height:,} ranges" if rows.height else "No gaps.")
