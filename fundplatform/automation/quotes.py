"""The schedule of latest quotes: every quarter of an hour while a market trades.

One job over the assets raw/<source>/quotes; a run a vendor. What a quote is, and why it is no
history, stands in `sources/web/quotes.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import polars as pl

from fundplatform import calendars
from fundplatform.assets.raw import raw_key
from fundplatform.assets.spans import FRESH
from fundplatform.automation.resting import left, resting_sources
from fundplatform.clock import Clock
from fundplatform.sources.base import Kind
from fundplatform.sources.web.quotes import Quotes
from fundplatform.storage.base import Store

NAME = "latest_quotes"
_BEFORE = timedelta(hours=8)
"""So long before the close a market counts as trading: calendars know closes only."""
_AFTER = timedelta(minutes=15)
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


def quote_schedule(
    sources: Sequence[Quotes], store: Store, clock: Clock
) -> Iterator[dg.ScheduleDefinition]:
    """The schedule; none where no vendor has quotes. A vendor that rests is left alone."""
    if not sources:
        return
    keys = [raw_key(s.spec.name, Kind.QUOTES) for s in sources]

    @dg.schedule(
        name=NAME,
        job=dg.define_asset_job(NAME, selection=dg.AssetSelection.assets(*keys)),
        cron_schedule="*/15 * * * *",
        execution_timezone="UTC",
        description="Latest quotes of what is tracked, while its market trades; no history.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
        at = context.scheduled_execution_time
        busy = _busy(context.instance)
        open_now = [
            (source, key)
            for source, key in zip(sources, keys, strict=True)
            if source.access.tracked and key not in busy and trading(source, at)
        ]
        rests = resting_sources(store, clock())
        asked = [
            dg.RunRequest(
                run_key=f"{key.to_user_string()} {at:%Y-%m-%dT%H:%M}",
                asset_selection=[key],
                tags={FRESH: "yes"},
            )
            for source, key in open_now
            if source.spec.name not in rests
        ]
        names = [(s.spec.name, rests[s.spec.name]) for s, _ in open_now if s.spec.name in rests]
        said = "; ".join(f"{name} {left(until)}" for name, until in names)
        return asked or dg.SkipReason(said or "no market of a tracked listing trades now")

    yield tick


def trading(source: Quotes, at: datetime) -> bool:
    """Whether its market trades at an instant, or did within the last quarter of an hour."""
    calendar = calendars.get(source.spec.kinds[Kind.QUOTES].calendar)
    if calendar.name == "24/7":
        return True
    day = at.astimezone(ZoneInfo(calendar.time_zone)).date()
    closes = calendar.closes(day, day)
    return bool(
        closes.filter(
            pl.lit(at) >= pl.col("close_at") - _BEFORE, pl.lit(at) <= pl.col("close_at") + _AFTER
        ).height
    )


def _busy(instance: dg.DagsterInstance) -> set[dg.AssetKey]:
    """Assets whose tick before is still waiting or running."""
    runs = instance.get_runs(dg.RunsFilter(job_name=NAME, statuses=_UNDER_WAY))
    return {key for run in runs for key in run.asset_selection or ()}
