"""The `fundplatform` command: what the Dagster UI can do, from the shell. Thin on purpose."""

import logging
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta

import click
from sqlalchemy.exc import DBAPIError

from fundplatform import (
    cli_asof,
    cli_compare,
    cli_export,
    cli_fees,
    cli_gaps,
    cli_identity,
    cli_impact,
    cli_jobs,
    cli_metrics_text,
    cli_payloads,
    cli_vendors,
    explain_cli,
    quality,
    status_lines,
    summary,
)
from fundplatform.call_plan import calls, lines
from fundplatform.chunks import run_chunk
from fundplatform.cli_report import report
from fundplatform.clock import utc_now
from fundplatform.command_line import (
    DAY,
    console,
    ended,
    open_warehouse,
    prepare,
    quiet_store,
    run_backfill,
    tell_errors,
    tell_left_out,
    tell_nothing,
)
from fundplatform.errors import FundplatformError
from fundplatform.instance import init as init_home
from fundplatform.instance import outdated
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.storage.syncs import Syncs


def main() -> None:
    """Entry point: platform errors print one line and exit 1, without a traceback."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    try:
        code = cli.main(prog_name="fundplatform", standalone_mode=False)
    except FundplatformError as error:
        # What a parser says of a file goes over several lines.
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
    except (DBAPIError, OSError) as error:
        click.echo(f"error: {_environment_problem(error)}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    # What a command ends itself with (`click.exceptions.Exit`) comes back as a value.
    if isinstance(code, int):
        sys.exit(code)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="fundplatform")
def cli() -> None:
    """Market- and fund-data platform. Everything lives in FUNDPLATFORM_HOME (./.fundplatform)."""


@cli.command()
def init() -> None:
    """Make the home folder, the Dagster instance and the warehouse (re-runnable)."""
    settings = Settings.from_env()
    store = open_warehouse(settings)
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
    tell_left_out(loaded)


@cli.command()
def status() -> None:
    """Per source: last session, rows, missing and rejected rows, held sessions."""
    settings = Settings.from_env()
    loaded = register.load(settings)
    store = quiet_store(settings)
    try:
        console.print(summary.status_table(store))
        for line in status_lines.lines(store, utc_now(), loaded.by_name()):
            click.echo(line)
        if lacking := outdated(settings):
            click.echo(lacking)
        click.echo(store.describe())
    finally:
        # Before the first run too, when nothing else can be told.
        tell_left_out(loaded)


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--from", "first", type=DAY, help="First session.")
@click.option("--to", "last", type=DAY, help="Last session.")
@click.option("--plan", is_flag=True, help="Only print the runs and vendors' calls to be made.")
@click.option("--refetch", is_flag=True, help="Fetch again what is already there.")
@click.option("--detach", is_flag=True, help="Submit a native Dagster backfill; a daemon runs it.")
def backfill(
    names: Sequence[str],
    first: date | None,
    last: date | None,
    plan: bool,
    refetch: bool,
    detach: bool,
) -> None:
    """Fetch sources (default: all) for the sessions asked for, and compute all downstream."""
    settings = Settings.from_env()
    span = (first or date(1900, 1, 1), last or _yesterday())
    if span[0] > span[1]:
        raise click.UsageError(f"--from {span[0]} is after --to {span[1]} (default: yesterday)")
    job = prepare(settings, names, span, refetch=refetch)
    begin = min((c.start for s in job.sources for c in s.spec.kinds.values()), default=span[0])
    if span[1] < begin:
        raise click.UsageError(f"--to {span[1]}: no source asked for has data before {begin}")
    if plan:
        fetches = job.fetches()
        for chunk in fetches:
            click.echo(f"would run {chunk}")
        syncs = Syncs(open_warehouse(settings), job.all_sources)
        for line in lines(calls(job.sources, fetches, syncs, job.clock)):
            click.echo(line)
        what = "then everything downstream of the days above"
        what = what if fetches else "nothing to fetch; then what is stale downstream"
        click.echo(f"{what}, in runs of 250 to 2,000 days")
        return
    if detach:
        from fundplatform.detached import submit

        if told := submit(settings, job, names):
            click.echo(told)
        elif not tell_nothing(job):
            sys.exit(1)
        return
    ok = run_backfill(job, open_warehouse(settings))
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
        console.print(ended(outcome))
        tell_errors(outcome)
    open_warehouse(settings).publish()
    click.echo(f"{len(chunks)} fetches played again, {failed} failed")
    if failed:
        sys.exit(1)


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=3000, show_default=True, help="TCP port."
)
def ui(host: str, port: int) -> None:
    """The Dagster UI and its daemon, until Ctrl-C or SIGTERM."""
    from fundplatform.ui import serve

    settings = Settings.from_env()
    init_home(settings, open_warehouse(settings))
    click.echo(f"Dagster UI: http://{host}:{port} (starts in some seconds; Ctrl-C ends it)")
    sys.exit(serve(settings, host, port))


@cli.command()
@click.option("--years", type=click.IntRange(0), default=0, help="Only the sample's last N years.")
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
cli.add_command(cli_jobs.jobs)
cli.add_command(cli_metrics_text.metrics_text)
cli.add_command(cli_payloads.payloads)
cli.add_command(cli_impact.impact)
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


def _environment_problem(error: DBAPIError | OSError) -> str:
    """A full disk or a missing right, met outside the warehouse: in Dagster's records or a file."""
    home = Settings.from_env().home
    where = f"Dagster's records in {home / 'dagster'}" if isinstance(error, DBAPIError) else home
    why = error.orig if isinstance(error, DBAPIError) else error
    return (
        f"{where}: {why}. Check that the disk has space and the folder is writable, then run the "
        "same command again: it goes on where it stopped"
    )


def _yesterday() -> date:
    return utc_now().date() - timedelta(days=1)
