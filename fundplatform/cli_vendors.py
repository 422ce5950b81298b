"""Commands about vendors: `sources check`, `track`, `untrack`, `rebuild`. Thin, like cli.py."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta

import click

from fundplatform.clock import utc_now
from fundplatform.command_line import DAY
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources import register, tracked
from fundplatform.sources.base import Source
from fundplatform.sources.register import Vendor
from fundplatform.sources.tracked import Entry
from fundplatform.sources.web.assemble import missing
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import OnTheWeb
from fundplatform.storage.base import Store
from fundplatform.storage.syncs import Attempt, Syncs

_YEAR = timedelta(days=365)
_NAMED = 10
_NO_CALL = "nothing cheap to ask: the first fetch will tell"


def states(settings: Settings) -> Iterator[tuple[str, str]]:
    """Built-in sources that take no part: name, and what would make them."""
    off = "off: add it to FUNDPLATFORM_SOURCES"
    for name, vendor in register.BUILT_IN.items():
        if not isinstance(vendor, Vendor):
            if name not in settings.sources:
                yield name, off
            continue
        try:
            lacking = missing(settings, vendor.profile)
        except ConfigError as error:
            yield name, str(error)
            continue
        if lacking:
            yield name, f"needs {lacking}"
        elif name not in settings.sources:
            yield name, off


@click.command()
@click.argument("names", nargs=-1)
def check(names: Sequence[str]) -> None:
    """Ask each vendor (default: those that take part) one cheap question: is the key good?"""
    settings = Settings.from_env()
    vendors = register.vendors()
    for name in names:
        if name not in vendors:
            raise ConfigError(
                "command line", name, "it is no vendor", f"Choose from: {', '.join(vendors)}"
            )
    asked = names or [n for n in vendors if n in settings.sources]
    if not asked:
        click.echo("no vendor takes part: `fundplatform sources` lists them")
    bad = False
    for name in asked:
        ok, words = _asked(settings, vendors[name])
        bad |= not ok
        click.echo(f"{name}: {words}")
    if bad:
        raise click.exceptions.Exit(1)


def _asked(settings: Settings, vendor: Vendor) -> tuple[bool, str]:
    """Whether the vendor answered, and in words what the key may do."""
    lacking = missing(settings, vendor.profile)
    if lacking:
        return True, f"needs {lacking}; it takes no part"
    source = register.vendor_source(settings, vendor, utc_now, ())
    if vendor.profile.check is None or not isinstance(source, OnTheWeb):
        return True, _NO_CALL
    begun = utc_now()
    failed: VendorError | None = None
    try:
        source.access.web.get(*vendor.profile.check)
    except VendorError as error:
        failed = error
    _record(settings, source, failed, begun)
    if failed is None:
        keyed = "the key is good" if source.access.keyed else "it answers; no key is needed"
        kinds = ", ".join(source.spec.kinds)
        return True, f"{keyed}: {kinds}"
    if failed.failure is Failure.NOT_ENTITLED:
        return False, f"the key is known, but may not do this: {failed}"
    return False, str(failed)


def _record(
    settings: Settings, source: Source, failed: VendorError | None, begun: datetime
) -> None:
    """An attempt like any other: a success lets a resting source be asked again."""
    from fundplatform.definitions import open_store

    if not (settings.warehouse_url or settings.warehouse.exists()):
        return
    now = utc_now()
    access = source.access if isinstance(source, OnTheWeb) else None
    tally = getattr(access.journal if access else None, "total", None)
    attempt = Attempt(
        attempt_id=f"check/{uuid.uuid4().hex}",
        source=source.spec.name,
        kind="check",
        status="failed" if failed else "ok",
        started_at=begun,
        finished_at=now,
        calls=getattr(tally, "calls", 1),
        failure=str(failed.failure) if failed else None,
        problem=str(failed) if failed else None,
    )
    store: Store = open_store(settings)
    syncs = Syncs(store, register.load(settings).sources)
    syncs.record(attempt, syncs.terms(source), "check")


@click.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option("--source", "name", help="Vendor (default: the only one that takes part).")
@click.option("--since", type=DAY, help="First day wanted (default: a year before today).")
def track(symbols: Sequence[str], name: str | None, since: date | None) -> None:
    """Ask for AAPL, BTC/USD, ... from now on; the next `backfill` brings their history."""
    today = utc_now().date()
    first = since or today - _YEAR
    if first > today:
        raise click.UsageError(f"--since {first} is after today")

    def added(entries: Sequence[Entry], own: str) -> list[Entry]:
        known = {e.symbol for e in entries}
        for symbol in symbols:
            if not symbol or any(letter.isspace() for letter in symbol):
                hint = "Name one, like AAPL or BTC/USD"
                raise ConfigError("command line", symbol, "it is no symbol", hint)
            if symbol in known:
                click.echo(f"{own}: {symbol} was tracked already; other days: edit tracked.yaml")
        return [
            *entries,
            *(Entry(s, since=first) for s in dict.fromkeys(symbols) if s not in known),
        ]

    _edit(name, added, f"tracked since {first}; `fundplatform backfill` fetches them")


@click.command()
@click.argument("symbols", nargs=-1, required=True)
@click.option("--source", "name", help="Vendor (default: the only one that takes part).")
def untrack(symbols: Sequence[str], name: str | None) -> None:
    """Ask for these no more; their data stays."""

    def rest(entries: Sequence[Entry], own: str) -> list[Entry]:
        known = list(dict.fromkeys(e.symbol for e in entries))
        for symbol in symbols:
            if symbol not in known:
                there = f"It tracks {', '.join(known[:_NAMED])}" if known else "It tracks nothing"
                more = f" and {len(known) - _NAMED} more: tracked.yaml" if known[_NAMED:] else ""
                problem = f"{own} does not track it"
                raise ConfigError("command line", symbol, problem, f"{there}{more}")
        return [e for e in entries if e.symbol not in symbols]

    _edit(name, rest, "no longer asked for; what is there stays")


def _edit(
    name: str | None, change: Callable[[Sequence[Entry], str], list[Entry]], words: str
) -> None:
    settings = Settings.from_env()
    vendor = register.vendors()[_named(settings, name)]
    own = vendor.profile.name
    every = tracked.read(settings.tracked)
    after = change(every.get(own, ()), own)
    # Judged before it is written: a symbol that the vendor's rule does not know is refused.
    register.vendor_source(settings, vendor, utc_now, after)
    tracked.write(settings.tracked, {**every, own: after})
    count = f"{len(after)} symbol{'' if len(after) == 1 else 's'}"
    click.echo(f"{own}: {count} tracked ({words})")
    for left_out, why in states(settings):
        if left_out == own:
            click.echo(f"{own} takes no part yet: {why}")


def _named(settings: Settings, name: str | None) -> str:
    vendors = register.vendors()
    on = [n for n in settings.sources if n in vendors]
    if name is None and len(on) == 1:
        return on[0]
    if name is None or name not in vendors:
        raise ConfigError(
            "command line",
            "--source",
            f"{name!r} is no vendor" if name else f"{len(on)} vendors take part",
            f"Name one of: {', '.join(on or vendors)}",
        )
    return name
