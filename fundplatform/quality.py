"""`fundplatform quality`: held sessions, the quarantine desk, and what a changed rule would change.

Thin: decisions are kept by `desk.py`, verdicts are those of `assets/prices.py`'s rules.
"""

import uuid
from collections.abc import Sequence
from datetime import date

import click
import polars as pl

from fundplatform import tables
from fundplatform.clock import utc_now
from fundplatform.command_line import DAY, prepare, quiet_store, terminal
from fundplatform.desk import Desk, release, state
from fundplatform.errors import ConfigError
from fundplatform.overrides import ACTIONS, Override, override
from fundplatform.retest import Change, changes
from fundplatform.settings import Settings
from fundplatform.storage.base import Stamp, Store
from fundplatform.summary import frame_table
from fundplatform.symbols import suggestion

_SHOWN = 40
console = terminal(240)


@click.group()
def quality() -> None:
    """Held sessions, refused bars, overrides, and a test of changed rules before they apply."""


@quality.command()
def gates() -> None:
    """Sessions that are held, and those that were released, with the reason."""
    _, store = _open()
    _show(store.query(_GATES), "Held and released sessions")
    _show(store.query(_FINDINGS), "What rules found about whole sessions")


@quality.command("release")
@click.argument("source")
@click.argument("session", type=DAY)
@click.option("--author", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
def release_(source: str, session: date, author: str, reason: str) -> None:
    """Let a held SESSION of a SOURCE through: its passing rows become validated."""
    settings, store = _open()
    found = store.query(_GATES).filter(
        pl.col("source") == source, pl.col("session") == session, pl.col("held")
    )
    if found.is_empty():
        raise ConfigError(
            "command line",
            f"{source} {session}",
            "no such session is held",
            "See: fundplatform quality gates",
        )
    Desk.of(settings, store).add(release(source, session, author, reason), _stamp())
    _judge_again(settings, store, [session])


@quality.command()
@click.option("--rule", help="Only bars that this rule refused.")
def quarantine(rule: str | None) -> None:
    """Bars that are refused now, with rules, reason, and since when."""
    _, store = _open()
    rows = store.query(_QUARANTINE)
    if rule:
        rows = rows.filter(pl.col("rules").str.split(",").list.contains(rule))
    _show(rows.head(_SHOWN), f"{rows.height} bars in quarantine")


@quality.command()
def overrides() -> None:
    """Every override, and whether it is in force, expired or withdrawn."""
    settings, store = _open()
    desk = Desk.of(settings, store)
    desk.sync(_stamp())
    known = desk.known().with_columns(state=state(utc_now().date()))
    shown = known.sort("recorded_from", "override_id").select(
        "override_id", "state", "action", "source", "symbol", "first_session", "last_session",
        "rules", "field", "value", "author", "reason", "expires_on", "origin",
    )  # fmt: skip
    _show(shown, "Overrides")


@quality.command("override")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("instrument", metavar="CLASS:SYMBOL")
@click.argument("first")
@click.argument("last", required=False)
@click.option("--author", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
@click.option("--expires", required=True, help="Last day it is in force.")
@click.option("--source", help="Only bars of this source.")
@click.option("--rules", help="accept: only these rules, comma-separated.")
@click.option("--field", help="correct: open, high, low, close, volume or vwap.")
@click.option("--value", help="correct: the value instead.")
def override_(action: str, first: str, last: str | None, **words: str | None) -> None:
    """Accept, correct or exclude bars of an instrument from FIRST to LAST (default: that day)."""
    settings, store = _open()
    entry = {"action": action, "first": first, "last": last or first, **words}
    decided = override("command line", "override", entry)
    _check_known(store, decided)
    key = Desk.of(settings, store).add(decided, _stamp())
    click.echo(f"override {key} is stored; see what it changes: fundplatform quality retest")


def _check_known(store: Store, decided: Override) -> None:
    """Refuse what would never apply; in overrides.yaml it may wait for its data."""
    known = store.read(tables.INSTRUMENTS, columns=["asset_class", "symbol"])
    symbols = known.filter(pl.col("asset_class") == decided.asset_class)["symbol"].to_list()
    if decided.symbol and decided.symbol not in symbols:
        name, hint = f"{decided.asset_class}:{decided.symbol}", suggestion(decided.symbol, symbols)
        raise ConfigError("command line", name, "no such instrument", hint)
    sources = store.read(tables.SOURCES, columns=["name"])["name"].to_list()
    if decided.source and decided.source not in sources:
        hint = "`fundplatform status` lists those that are"
        raise ConfigError("command line", decided.source, "no such source is loaded", hint)


@quality.command()
@click.argument("override_id")
def withdraw(override_id: str) -> None:
    """Take an override back; it stays on record."""
    settings, store = _open()
    if not Desk.of(settings, store).withdraw(override_id, _stamp()):
        raise ConfigError(
            "command line", override_id, "no such override in force", "See: quality overrides"
        )
    click.echo(f"override {override_id} is withdrawn; apply it: fundplatform quality retest")


@quality.command()
@click.option("--from", "first", type=DAY, help="First session (default: the first with bars).")
@click.option("--to", "last", type=DAY, help="Last session (default: the last with bars).")
@click.option("--apply", "applies", is_flag=True, help="Judge the sessions that change again.")
def retest(first: date | None, last: date | None, applies: bool) -> None:
    """What rules and overrides of now would change of what is stored; nothing is changed yet."""
    settings, store = _open()
    desk = Desk.of(settings, store)
    desk.sync(_stamp())
    found = list(changes(store, desk, utc_now().date(), (first, last)))
    rows = [(c.session, c.source, c.symbol, c.before, c.after) for c in found]
    frame = pl.DataFrame(rows, ["session", "source", "symbol", "now", "then"], orient="row")
    _show(frame.head(_SHOWN), f"{len(rows)} verdicts would change")
    if applies and found:
        _judge_again(settings, store, _days(found))
    elif found:
        click.echo("Nothing is changed yet: --apply judges these sessions again")


def _days(found: Sequence[Change]) -> list[date]:
    return sorted({c.session for c in found})


def _judge_again(settings: Settings, store: Store, days: Sequence[date]) -> None:
    """Run the prices assets for these days; what rests on them is the next backfill's."""
    from fundplatform.chunks import Chunk, run_chunk
    from fundplatform.staleness import STAGES

    job = prepare(settings, (), (days[0], days[-1]))
    failed = 0
    for first, last in _spans(days):
        chunk = Chunk("prices", STAGES["prices"], first, last, (last - first).days + 1)
        outcome = run_chunk(chunk, job.job, job.instance)
        failed += bool(outcome.errors)
        for error in outcome.errors:
            click.echo(f"failed: {chunk}: {error}", err=True)
    store.publish()
    click.echo(f"judged {len(days)} sessions again; fundplatform backfill does what rests on them")
    if failed:
        raise click.exceptions.Exit(1)


def _spans(days: Sequence[date]) -> list[tuple[date, date]]:
    """Neighbouring days together, at most 250 in one run."""
    spans: list[tuple[date, date]] = []
    for day in days:
        near = spans and (day - spans[-1][1]).days <= 7 and (day - spans[-1][0]).days < 250
        if near:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return spans


def _show(frame: pl.DataFrame, title: str) -> None:
    """A table; without rows one line."""
    if frame.is_empty():
        click.echo(f"{title}: none")
    else:
        console.print(frame_table(frame, title))


def _open() -> tuple[Settings, Store]:
    settings = Settings.from_env()
    return settings, quiet_store(settings)


def _stamp() -> Stamp:
    return Stamp(f"command-{uuid.uuid4()}", utc_now())


_GATES = """
select s.name as source, g.session, g.held, g.rows_raw, g.rows_rejected, g.rows_validated, g.reason
from ops.gates g join catalog.sources s using (source_id)
where g.reason is not null order by g.session, s.name
"""
_FINDINGS = """
select s.name as source, f.session, f.rule, f.severity, f.finding
from ops.findings f join catalog.sources s using (source_id) order by f.session desc, 1, 3 limit 40
"""
_QUARANTINE = """
select source, symbol, session, rules, reason, close, first_seen, last_seen, rules_version
from marts.quarantine order by session desc, source, symbol
"""
