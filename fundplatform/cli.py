"""The `fundplatform` command: what the Dagster UI can do, from the shell. Thin on purpose."""

import logging
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.exc import DBAPIError

from fundplatform import (
    cli_asof,
    cli_compare,
    cli_export,
    cli_fees,
    cli_gaps,
    cli_identity,
    cli_vendors,
    explain_cli,
    quality,
    summary,
)
from fundplatform.backfill import Backfill
from fundplatform.call_plan import calls
from fundplatform.chunks import Chunk, Outcome, run_chunk
from fundplatform.cli_report import refresh, report
from fundplatform.definitions import build_definitions, open_store, utc_now
from fundplatform.errors import ConfigError, FundplatformError
from fundplatform.instance import close_dead_runs, open_instance
from fundplatform.instance import init as init_home
from fundplatform.quiet import quiet_logger
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store
from fundplatform.storage.syncs import Syncs

# Piped into a file or a log there is no terminal to ask for its width.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """Entry point: platform errors print one line and exit 1, without a traceback."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        cli.main(standalone_mode=False)
    except FundplatformError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except (DBAPIError, OSError) as error:
        click.echo(f"error: {_environment_problem(error)}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fundplatform")
def cli() -> None:
    """Market- and fund-data platform. Everything lives in FUNDPLATFORM_HOME (./.fundplatform)."""


@cli.command()
def init() -> None:
    """Make the home folder, the Dagster instance and the warehouse (re-runnable)."""
    settings = Settings.from_env()
    store = _store(settings)
    done = init_home(settings, store)
    for line in done or [f"{settings.home} is ready; nothing to do"]:
        click.echo(line)
    click.echo(store.describe())


@cli.group(invoke_without_command=True)
@click.pass_context
def sources(context: click.Context) -> None:
    """List the sources that take part, and those that cannot and why; `check` asks vendors."""
    if context.invoked_subcommand:
        return
    settings = Settings.from_env()
    loaded = register.load(settings)
    console.print(summary.sources_table(loaded.sources))
    for name, state in cli_vendors.states(settings):
        click.echo(f"{name}: {state}")
    for problem in loaded.problems:
        click.echo(f"left out: {problem.name}: {problem.message}", err=True)


@cli.command()
def status() -> None:
    """Per source: last session, rows, missing and rejected rows, held sessions."""
    settings = Settings.from_env()
    store = quiet_store(settings)
    console.print(summary.status_table(store))
    for line in summary.troubles(store):
        click.echo(line)
    click.echo(store.describe())


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First session.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last session.")
@click.option("--plan", is_flag=True, help="Only print the runs and vendors' calls to be made.")
@click.option("--refetch", is_flag=True, help="Fetch again what is already there.")
@click.option("--detach", is_flag=True, help="Submit a native Dagster backfill; a daemon runs it.")
def backfill(
    names: Sequence[str],
    first: object,
    last: object,
    plan: bool,
    refetch: bool,
    detach: bool,
) -> None:
    """Fetch SOURCE... (default: all) for the sessions asked for, and compute all downstream."""
    settings = Settings.from_env()
    span = (_day(first) or date(1900, 1, 1), _day(last) or _yesterday())
    if span[0] > span[1]:
        raise click.UsageError(f"--from {span[0]} is after --to {span[1]} (default: yesterday)")
    if detach:
        from fundplatform.detached import submit

        click.echo(submit(settings, names, *span, refetch=refetch))
        return
    job = prepare(settings, names, span, refetch=refetch)
    if plan:
        fetches = job.fetches()
        for chunk in fetches:
            click.echo(f"would run {chunk}")
        for asked in calls(job.sources, fetches, Syncs(_store(settings)), job.clock):
            for line in asked.lines():
                click.echo(line)
        click.echo("then everything downstream of the days above, in runs of at most 250 days")
        return
    ok = run_backfill(job, _store(settings))
    # A source that cannot be read is a failed one, unless others were asked for by name.
    if not ok or (not names and register.load(settings).problems):
        sys.exit(1)


@cli.command()
@click.argument("names", nargs=-1)
def rebuild(names: Sequence[str]) -> None:
    """Make raw data once more out of the payload archive, offline; `backfill` does the rest."""
    from fundplatform.rebuild import replays

    settings = Settings.from_env()
    job = prepare(settings, names, (date(1900, 1, 1), _yesterday()))
    chunks = replays(settings, job.sources, named=bool(names))
    failed = 0
    for chunk in chunks:
        outcome = run_chunk(chunk, job.job, job.instance)
        failed += bool(outcome.errors)
        console.print(f"{'FAILED' if outcome.errors else 'done  '} {chunk}")
        for error in outcome.errors:
            click.echo(f"failed: {chunk}: {error} (run {outcome.run_id})", err=True)
    _store(settings).publish()
    click.echo(f"{len(chunks)} fetches played again, {failed} failed")
    if failed:
        sys.exit(1)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--port", type=int, default=3000, show_default=True, help="TCP port.")
def ui(host: str, port: int) -> None:
    """The Dagster UI and its daemon, until Ctrl-C or SIGTERM."""
    from fundplatform.ui import serve

    settings = Settings.from_env()
    init_home(settings, _store(settings))
    for run_id in close_dead_runs(open_instance(settings)):
        click.echo(f"run {run_id}: its process was killed; marked as failed")
    click.echo(f"Dagster UI: http://{host}:{port} (starts in some seconds; Ctrl-C ends it)")
    sys.exit(serve(settings, host, port))


@cli.command()
@click.option("--years", type=int, default=0, help="Only the last N years of the sample.")
def demo(years: int) -> None:
    """The whole pipeline on the built-in sample, offline, and what came out."""
    from fundplatform.demo import run_demo

    if not run_demo(Settings.from_env(), years, console):
        sys.exit(1)


@cli.command("copy-warehouse")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--overwrite", is_flag=True, help="Replace what differs in TO, instead of refusing.")
def copy_warehouse(source: str, target: str, overwrite: bool) -> None:
    """Copy a whole warehouse, row for row, and verify it (re-runnable: it resumes).

    FROM and TO are each a DuckDB file, a postgresql:// URL, or @FILE with the URL in it.
    """
    from fundplatform.copy_warehouse import Copy, open_address

    wait = Settings.from_env().lock_timeout

    def notify(message: str) -> None:
        click.echo(message, err=True)

    ends = [open_address(text, wait, notify) for text in (source, target)]
    begun = time.monotonic()
    total = copied = 0
    for done in Copy(ends[0], ends[1], utc_now(), overwrite=overwrite).run():
        total, copied = total + done.rows, copied + done.copied
        if done.rows:
            line = f"{done.table:<34}{done.rows:>12,} rows {done.copied:>12,} copied"
            click.echo(f"{line}  sha256 {done.sha256[:16]}")
    took = time.monotonic() - begun
    click.echo(f"{total:,} rows are equal in both, {copied:,} of them copied now, in {took:.1f} s")


sources.add_command(cli_vendors.check)
cli.add_command(cli_identity.identity)
cli.add_command(cli_gaps.gaps)
cli.add_command(explain_cli.explain)
cli.add_command(cli_vendors.track)
cli.add_command(cli_vendors.untrack)
cli.add_command(quality.quality)
cli.add_command(cli_asof.asof)
cli.add_command(cli_asof.changed)
cli.add_command(report)
cli.add_command(cli_fees.fees)
cli.add_command(cli_export.export)
cli.add_command(cli_compare.compare_funds)


def run_backfill(job: Backfill, store: Store) -> bool:
    """Run with a progress bar, publish once, print the failures; True when all went well."""
    started = time.monotonic()
    fetches = job.fetches()
    total = sum(chunk.partitions for chunk in fetches)
    failed: list[Outcome] = []
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
            progress.console.print(f"{'FAILED' if outcome.errors else 'done  '} {outcome.chunk}")

        ok = job.run(on_start, on_done)
    if not runs:
        # A backfill killed after its last run has not published yet; else this costs nothing.
        store.publish()
        console.print(
            "Nothing to do: every session asked for is already there. No row changed. "
            "--refetch fetches them again."
        )
        return True
    begun = time.monotonic()
    path = store.publish()
    published = f"; published {path} in {time.monotonic() - begun:.1f} s" if path else ""
    console.print(f"{runs} runs in {begun - started:.1f} s{published}")
    refresh(Settings.from_env(), store)
    for outcome in failed:
        for error in outcome.errors:
            click.echo(f"failed: {outcome.chunk}: {error} (run {outcome.run_id})", err=True)
    return ok


def prepare(
    settings: Settings,
    names: Sequence[str],
    span: tuple[date, date],
    *,
    refetch: bool = False,
) -> Backfill:
    """Initialise the home and wire a backfill over the named sources (all when none is named)."""
    store = _store(settings)
    init_home(settings, store)
    loaded = register.load(settings)
    for problem in loaded.problems:
        click.echo(f"left out: {problem.name}: {problem.message}", err=True)
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


def chosen(sources: Sequence[Source], names: Sequence[str]) -> Sequence[Source]:
    """The sources of these names, all where none is named.

    Raises:
        ConfigError: No such source.
    """
    known = {s.spec.name: s for s in sources}
    for name in names:
        if name not in known:
            raise ConfigError(
                "command line", name, "no such source", f"Choose from: {', '.join(sorted(known))}"
            )
    return [known[n] for n in names] or list(sources)


def _environment_problem(error: DBAPIError | OSError) -> str:
    """A full disk or a missing right, met outside the warehouse: in Dagster's records or a file."""
    home = Settings.from_env().home
    where = f"Dagster's records in {home / 'dagster'}" if isinstance(error, DBAPIError) else home
    why = error.orig if isinstance(error, DBAPIError) else error
    return (
        f"{where}: {why}. Check that the disk has space and the folder is writable, then run the "
        "same command again: it goes on where it stopped"
    )


def _store(settings: Settings) -> Store:
    return open_store(settings, notify=lambda message: click.echo(message, err=True))


def quiet_store(settings: Settings) -> Store:
    """The warehouse for a command that only reads; calendars come from the home."""
    from fundplatform import calendars

    calendars.use_cache(settings.home / "calendars")
    return _store(settings)


def _day(value: object) -> date | None:
    return value.date() if hasattr(value, "date") else None


def _yesterday() -> date:
    return utc_now().date() - timedelta(days=1)
