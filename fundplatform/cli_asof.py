"""Commands about the past: `asof` and `revisions`. Thin, like cli.py."""

import difflib
import sys
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import polars as pl

from fundplatform import calendars, revisions, summary, tables
from fundplatform.command_line import DAY, check_order, open_warehouse
from fundplatform.errors import ConfigError
from fundplatform.export_files import whole
from fundplatform.settings import Settings
from fundplatform.storage.base import Slice

if TYPE_CHECKING:
    from fundplatform.assets.as_of import Past

_SHOWN = 60
_NAMED = 6
_TABLES = {
    "levels": (tables.LEVELS, "index_name"),
    "performance": (tables.PERFORMANCE, "index_name"),
    "compositions": (tables.COMPOSITIONS, "index_name"),
    "metrics": (tables.METRICS, "symbol"),
}


@click.command("asof")
@click.argument("at", metavar="INSTANT")
@click.argument("what", type=click.Choice(["prices", "raw", *_TABLES]), metavar="WHAT")
@click.argument("names", nargs=-1)
@click.option("--from", "first", type=DAY, help="First session (default: the first there was).")
@click.option("--to", "last", type=DAY, help="Last session (default: the newest then).")
@click.option("--csv", type=click.Path(path_type=Path), help="Write all rows there.")
def asof(
    at: str,
    what: str,
    names: Sequence[str],
    first: date | None,
    last: date | None,
    csv: Path | None,
) -> None:
    """What the warehouse said at INSTANT (2026-11-20T12:00Z), of these symbols or indices.

    WHAT is prices, raw, levels, performance, compositions or metrics. Prices (adjusted) and raw
    bars are read from the ledgers; the others are computed again from what was known, by the code
    of now. Nothing is stored.
    """
    check_order(first, last)
    settings = Settings.from_env()
    past = _past(settings, _instant(at))
    newest = past.span()
    window = (first or newest[0], last or newest[1])
    if what == "metrics" and not first:
        window = (window[1], window[1])
    frame = _rows(past, what, window)
    if names:
        named = "index_name" if "index_name" in frame.columns else "symbol"
        _check(names, frame[named], at)
        frame = frame.filter(pl.col(named).is_in(names))
    _show(frame, csv)


@click.command("revisions")
@click.argument("symbol")
@click.argument("session", type=DAY, required=False)
@click.option("--csv", type=click.Path(path_type=Path), help="Write all rows there.")
def changed(symbol: str, session: date | None, csv: Path | None) -> None:
    """Who changed what of SYMBOL when: old and new value, payload and run.

    With SESSION (2026-11-20) also how that day's values came first.
    """
    store = open_warehouse(Settings.from_env())
    frame = revisions.changes(store, symbol, session)
    if frame.is_empty() and not csv:
        click.echo(f"no value of {symbol} was ever changed")
        return
    _show(frame if csv else frame.with_columns(pl.col("payload_hash").str.head(12)), csv)


def _past(settings: Settings, at: datetime) -> "Past":
    from fundplatform.assets.as_of import Past
    from fundplatform.definitions import build_definitions

    calendars.use_cache(settings.home / "calendars")
    store = open_warehouse(settings)
    return Past(store, at, build_definitions(settings, store=store, clock=lambda: at))


def _rows(past: "Past", what: str, window: tuple[date, date]) -> pl.DataFrame:
    from fundplatform.assets.as_of import adjusted

    part = Slice({}, *window)
    if what == "prices":
        return adjusted(past, part)
    names = past.read(tables.INSTRUMENTS, columns=["instrument_id", "symbol"])
    if what == "raw":
        return _named(past.read(tables.OHLCV, part), names)
    table = _TABLES[what][0]
    # Levels are one product from the base on, whatever is shown of them.
    span = window if table == tables.METRICS else None
    frame = past.computed(table, span).drop(table.stamps)
    frame = frame.filter(pl.col("session").is_between(*window))
    return _named(frame, names) if "instrument_id" in frame.columns else frame


def _check(names: Sequence[str], known: pl.Series, at: str) -> None:
    there = known.drop_nulls().unique().sort().to_list()
    for name in names:
        if name not in there:
            near = difflib.get_close_matches(name, there, 2) or there[:_NAMED]
            hint = f"There is {', '.join(near)}" if near else "Name other days"
            raise ConfigError("asof", name, f"nothing of this name in these days, as of {at}", hint)


def _named(frame: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    shown = frame.join(names, on="instrument_id", how="left")
    return shown.select("symbol", pl.exclude("symbol"))


def _show(frame: pl.DataFrame, csv: Path | None) -> None:
    if csv:
        with whole(csv, "--csv") as file:
            frame.write_csv(file)
        click.echo(f"{frame.height:,} rows in {csv}")
        return
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 200)
    console.print(summary.frame_table(frame.tail(_SHOWN)))
    if frame.height > _SHOWN:
        click.echo(f"the last {_SHOWN} of {frame.height:,} rows; --csv FILE writes all")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: write it like 2026-11-20T12:00Z") from None
    if at.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no time zone: write it like 2026-11-20T12:00Z")
    return at
