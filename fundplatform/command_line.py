"""What the commands share: days as arguments, the terminal, the warehouse, and a backfill on show.

The commands themselves stand in cli.py and cli_*.py; none of them is imported here.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fundplatform import calendars
from fundplatform.backfill import Backfill
from fundplatform.chunks import Chunk, Outcome, Stored
from fundplatform.clock import utc_now
from fundplatform.definitions import build_definitions, open_store
from fundplatform.errors import ConfigError, WarehouseError
from fundplatform.instance import close_dead_runs, open_instance
from fundplatform.instance import init as init_home
from fundplatform.quiet import quiet_logger
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store


class _Day(click.DateTime):
    """A day like 2024-01-31, as a date."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d"])

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # noqa: ANN401  # click says datetime
        """The date; a usage error for anything else."""
        found = super().convert(value, param, ctx)
        return found.date() if isinstance(found, datetime) else found


DAY = _Day()


def check_order(first: date | None, last: date | None) -> None:
    """Refuse a --from after its --to."""
    if first and last and first > last:
        raise click.UsageError(f"--from {first} is after --to {last}")


def terminal(width: int = 120) -> Console:
    """Standard output; `width` where it is piped, since there is no terminal to ask."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


console = terminal()

_STOPPED = "Stopped. What was committed stays; the same command goes on from there."


def open_warehouse(settings: Settings) -> Store:
    """The warehouse; what it waits for is told on standard error."""
    return open_store(settings, notify=lambda message: click.echo(message, err=True))


def quiet_store(settings: Settings) -> Store:
    """The warehouse for a command that only reads; calendars come from the home."""
    calendars.use_cache(settings.home / "calendars")
    return open_warehouse(settings)


def run_backfill(job: Backfill, store: Store) -> bool:
    """Run with a progress bar, publish once, print the failures; True when all went well.

    It did not where a run failed, or where of a source nothing is there and every row was refused,
    now or when it was fetched.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; nothing more is run.
    """
    started = time.monotonic()
    fetches = job.fetches()
    total = sum(chunk.partitions for chunk in fetches)
    failed: list[Outcome] = []
    fetched: list[Outcome] = []
    runs = 0
    with Progress(
        TextColumn("{task.description}", table_column=None),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("starting", total=total or None)

        def on_start(chunk: Chunk) -> None:
            nonlocal total
            # What is stale downstream is known only once the fetches are done.
            total += 0 if chunk in fetches else chunk.partitions
            progress.update(task, description=str(chunk), total=total)

        def on_done(outcome: Outcome) -> None:
            nonlocal runs
            runs += 1
            progress.advance(task, outcome.chunk.partitions)
            if outcome.errors:
                failed.append(outcome)
            elif outcome.stored:
                fetched.append(outcome)
            progress.console.print(ended(outcome))

        try:
            ok = job.run(on_start, on_done)
        except KeyboardInterrupt:
            progress.console.print(_STOPPED)
            raise
    if not runs:
        # A backfill killed after its last run has not published yet; else this costs nothing.
        store.publish()
        return tell_nothing(job)
    for outcome in failed:
        tell_errors(outcome)
    ok &= tell_refused([*fetched, *job.lost()])
    begun = time.monotonic()
    path = store.publish()
    published = f"; published {path} in {time.monotonic() - begun:.1f} s" if path else ""
    console.print(f"{runs} runs in {begun - started:.1f} s{published}")
    _refresh_report(Settings.from_env(), store)
    return ok


def tell_nothing(job: Backfill) -> bool:
    """That nothing is left to run; False where all that was read of an asset was refused."""
    if not job.all_sources:
        console.print("Nothing to do: no source takes part. `fundplatform sources` lists them.")
        return True
    ok = tell_refused(job.lost())
    what = "do: every session asked for is already there" if ok else "fetch: all was read"
    console.print(f"Nothing to {what}. No row changed. --refetch fetches them again.")
    return ok


def ended(outcome: Outcome) -> str:
    """`done   CHUNK`, of a fetch with its rows, or `FAILED CHUNK`."""
    if outcome.errors:
        return f"FAILED {outcome.chunk}"
    return f"done   {outcome.chunk}" + (f": {outcome.stored}" if outcome.stored else "")


def tell_errors(outcome: Outcome) -> None:
    """Its errors on standard error, with the run to look at."""
    for error in outcome.errors:
        click.echo(f"failed: {outcome.chunk}: {error} (run {outcome.run_id})", err=True)


_MEND = (
    "Mend its files or source.yaml, and the same command reads them again; a vendor is asked again "
    "with --refetch"
)


def tell_refused(fetched: Iterable[Outcome]) -> bool:
    """Why rows were refused, a line an asset; False where every row of one was, and it has none."""
    assets: dict[str, list[Stored]] = {}
    for outcome in fetched:
        if outcome.stored:
            assets.setdefault(outcome.chunk.label, []).append(outcome.stored)
    good = True
    for name, parts in assets.items():
        reasons = [part.reason for part in parts if part.refused]
        if not reasons:
            continue
        lost = parts[-1].rows == 0
        good &= not lost
        what = "every row, nothing is stored" if lost else "some rows"
        line = (
            f"refused: {name}: {what}; the first: {reasons[0]} "
            "(more: `fundplatform status`; each row: raw.rejected)"
        )
        click.echo(f"{line}. {_MEND}" if lost else line, err=lost)
    return good


def _refresh_report(settings: Settings, store: Store) -> None:
    """Bring the newest quality report up to date; none where nothing is judged."""
    # Imported late: what draws the report is of no use to the other commands.
    from fundplatform.finance.rules import load_limits
    from fundplatform.reports.quality import write

    with suppress(WarehouseError):
        limits = load_limits(settings.rules)
        write(store, settings.quality_report.parent, utc_now(), limits=limits)


def prepare(
    settings: Settings,
    names: Sequence[str],
    span: tuple[date, date],
    *,
    refetch: bool = False,
) -> Backfill:
    """Initialise the home and wire a backfill over the named sources (all when none is named)."""
    store = open_warehouse(settings)
    init_home(settings, store)
    loaded = register.load(settings)
    tell_left_out(loaded)
    some = chosen(loaded.sources, names)
    definitions = build_definitions(
        settings,
        sources=loaded.sources,
        store=store,
        publish_after_run=False,
        loggers={"console": quiet_logger},
    )
    instance = open_instance(settings)
    close_dead_runs(instance)
    return Backfill(
        some,
        loaded.sources,
        instance,
        definitions.resolve_implicit_global_asset_job_def(),
        *span,
        refetch=refetch,
        store=store,
    )


def tell_left_out(loaded: register.Loaded) -> None:
    """Each source that is declared wrongly: why, and what to write."""
    for problem in loaded.problems:
        click.echo(f"left out: {problem.name}: {problem.message}", err=True)


def chosen(sources: Sequence[Source], names: Sequence[str]) -> Sequence[Source]:
    """The sources of these names, all where none is named.

    Raises:
        ConfigError: No such source.
    """
    known = {s.spec.name: s for s in sources}
    there = ", ".join(sorted(known))
    hint = f"Choose from: {there}" if there else "None takes part: see `fundplatform sources`"
    for name in names:
        if name not in known:
            raise ConfigError("command line", name, "no such source", hint)
    return [known[n] for n in dict.fromkeys(names)] or list(sources)
