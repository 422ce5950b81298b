"""`fundplatform impact`: what a correction would have computed again, before it is made. Thin."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from fundplatform import calendars, summary
from fundplatform.clock import utc_now
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Coverage, Kind
from fundplatform.symbols import suggestion

if TYPE_CHECKING:
    from fundplatform.impact import Impact


@click.command()
@click.argument("asset", metavar="raw/SOURCE[/KIND]")
@click.argument("symbol")
@click.argument("session", type=click.DateTime(["%Y-%m-%d"]))
def impact(asset: str, symbol: str, session: datetime) -> None:
    """Show which days a correction of SYMBOL on SESSION has computed again; nothing is run."""
    # Imported late: the location takes seconds to build, and most commands need none.
    from fundplatform.backfill import Backfill
    from fundplatform.chain_plan import chain_chunks
    from fundplatform.command_line import chosen, quiet_store
    from fundplatform.definitions import build_definitions, index_definitions
    from fundplatform.impact import impact_of, instrument, symbols_of
    from fundplatform.instance import open_instance
    from fundplatform.quiet import quiet_logger
    from fundplatform.staleness import LAST_OF_CHAIN

    settings, day = Settings.from_env(), session.date()
    source, kind = _parts(asset)
    store = quiet_store(settings)
    sources = register.load(settings).sources
    (named,) = chosen(sources, [source])
    if kind not in named.spec.kinds:
        raise ConfigError("command line", asset, "no such asset", _one_of(named.spec.kinds))
    check_session(named.spec.kinds[kind], day, utc_now().date())
    own = instrument(store, source, symbol, day)
    if own.is_empty():
        hint = suggestion(symbol, symbols_of(store, source))
        raise ConfigError("command line", symbol, f"{source} has no such symbol", hint)
    loggers = {"console": quiet_logger}
    located = build_definitions(settings, sources=sources, store=store, loggers=loggers)
    job = located.resolve_implicit_global_asset_job_def()
    start = min(c.start for s in sources for c in s.spec.kinds.values())
    instance, today = open_instance(settings), utc_now().date()
    whole = Backfill(
        sources, sources, instance, job, start, today, store=store, published=True
    )  # fmt: skip
    computed = instance.get_materialized_partitions(LAST_OF_CHAIN)
    if not computed:
        click.echo("Nothing is computed yet, so nothing follows a correction.")
        return
    span = date.fromisoformat(min(computed)), date.fromisoformat(max(computed))
    now = whole.standing()
    definitions = index_definitions(settings, sources)
    name = f"raw/{source}/{kind}"
    found = impact_of(now, sources, store, name, own, day, span, definitions)
    click.echo(f"A correction of {symbol} in {name} on {day} has computed again, at most:")
    _print(found, symbol, day)
    if chain_chunks(now, sources, *span):
        click.echo("Some of it is due already, without a correction: run `fundplatform backfill`.")


_CLOSED = timedelta(days=200)
"""No market known here has ever been closed for longer (XNYS 1914: 135 days)."""


def check_session(coverage: Coverage, day: date, today: date) -> None:
    """Refuse a day that is no session of what the source has, and name the nearest ones.

    Raises:
        ConfigError: It is none. Kinds without partitions (corporate actions) have any day.
    """
    if not coverage.partitioned:
        return
    first, last = coverage.start, coverage.end or today
    inside = min(max(day, first), last)
    around = calendars.get(coverage.calendar).sessions(
        max(first, inside - _CLOSED), min(last, inside + _CLOSED)
    )
    if day in around:
        return
    near = [*[d for d in around if d < day][-1:], *[d for d in around if d > day][:1]]
    hint = f"Name the nearest: {' or '.join(map(str, near))}" if near else f"It begins {first}"
    problem = f"no session of calendar {coverage.calendar} from {first} to {last}"
    raise ConfigError("command line", str(day), problem, hint)


def _print(found: "Impact", symbol: str, day: date) -> None:
    from fundplatform.command_line import console

    for stage, (first, last, days) in found.spans.items():
        click.echo(f"  {stage:<8} {first}..{last} {days:>6,} days")
    click.echo(f"  levels   {day}.. of: {', '.join(found.can_enter) or 'no index'}")
    click.echo("in these runs, each only where the one before changed something:")
    for chunk in found.runs:
        click.echo(f"  {chunk}")
    for table, rows in found.rows.items():
        click.echo(f"{rows:>9,} rows of {symbol} in {table} from then on")
    console.print(summary.frame_table(found.seats, f"Indices that hold {symbol} from then on"))


def _parts(asset: str) -> tuple[str, Kind]:
    """Source and kind of an asset's name; bars where no kind is named."""
    parts = asset.split("/")
    if len(parts) not in (2, 3) or parts[0] != "raw":
        raise ConfigError("command line", asset, "no raw asset", "Write raw/SOURCE[/KIND]")
    kind = parts[2] if len(parts) == 3 else str(Kind.OHLCV)
    if kind not in set(Kind):
        raise ConfigError("command line", asset, "no such kind of data", _one_of(Kind))
    return parts[1], Kind(kind)


def _one_of(kinds: Iterable[Kind]) -> str:
    return f"Use one of {', '.join(map(str, kinds))}"
