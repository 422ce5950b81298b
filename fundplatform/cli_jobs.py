"""`fundplatform jobs`: the named jobs of jobs.yaml, how each stands, and one of them run now."""

import sys
from dataclasses import replace
from datetime import date

import click
import polars as pl

from fundplatform import summary
from fundplatform.command_line import console, prepare, quiet_store
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings


@click.group(invoke_without_command=True)
@click.pass_context
def jobs(context: click.Context) -> None:
    """The named jobs of jobs.yaml: what they do, when, and how each stands; `run NAME` runs one."""
    if context.invoked_subcommand:
        return
    from fundplatform.automation.job_file import load_jobs
    from fundplatform.automation.job_state import state
    from fundplatform.automation.jobs import described
    from fundplatform.instance import open_instance

    settings = Settings.from_env()
    found = load_jobs(settings.jobs)
    if not found:
        click.echo(f"no jobs: write {settings.jobs}, see docs/automation.md")
        return
    instance = open_instance(settings)
    states = [state(job, instance) for job in found]
    rows = [
        {
            "job": job.name,
            "when": _when(job.after, job.cron, job.time_zone),
            "state": one.phase,
            "ended": f"{one.ended_at:%Y-%m-%d %H:%M}" if one.ended_at.year > 1 else None,
            "tries": one.attempt,
            "does": described(job),
        }
        for job, one in zip(found, states, strict=True)
    ]
    console.print(summary.frame_table(pl.DataFrame(rows)))


def _when(after: tuple[str, ...], cron: str | None, zone: str) -> str:
    if after:
        return f"after {', '.join(after)}"
    return f"{cron} {zone}" if cron else "by hand"


@jobs.command()
@click.argument("name")
def run(name: str) -> None:
    """Do what the job NAME does, once, in this process."""
    from fundplatform.automation.job_file import load_jobs
    from fundplatform.automation.jobs import planned, told
    from fundplatform.clock import utc_now
    from fundplatform.definitions import build_definitions

    settings = Settings.from_env()
    found = {job.name: job for job in load_jobs(settings.jobs)}
    if name not in found:
        known = ", ".join(found) or "none"
        raise ConfigError(str(settings.jobs), f"jobs.{name}", "no such job", f"There are: {known}")
    job = found[name]
    work = prepare(settings, (), (date.min, utc_now().date()))
    definitions = build_definitions(settings, sources=work.all_sources)
    store = quiet_store(settings)
    store.publish()
    chunks = planned(job, work.all_sources, work.instance, definitions, store, utc_now)
    more = tuple(told(job).items())
    done = work.execute(
        [replace(chunk, more=(*chunk.more, *more)) for chunk in chunks],
        lambda chunk: None,
        lambda outcome: console.print(
            f"{'FAILED' if outcome.errors else 'done  '} {outcome.chunk}"
        ),
    )
    store.publish()
    for outcome in done:
        for error in outcome.errors:
            click.echo(f"failed: {outcome.chunk}: {error} (run {outcome.run_id})", err=True)
    click.echo(f"{len(done)} runs" if done else "Nothing to do.")
    if any(outcome.errors for outcome in done):
        sys.exit(1)
