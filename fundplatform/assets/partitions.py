"""Partition definitions: exchange sessions for raw assets, plain days for everything downstream.

All in UTC with the naive session date as key; exchange zones live in schedules and lags only.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from fundplatform import calendars
from fundplatform.sources.base import Coverage, Kind, Source

CHUNK = 250
"""Partitions of one run, one transaction and one step of a resumable backfill."""

BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=CHUNK)

FROM_RAW = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
"""Daily <- sessions: a weekend has no raw partition, and that is no error."""

_HORIZON_DAYS = 400


def raw_partitions(coverage: Coverage, today: date) -> dg.DailyPartitionsDefinition:
    """One partition per session of the coverage's calendar.

    Holidays are excluded up to a year after `today`; a code location that runs longer than that
    without a reload would show holidays as missing.
    """
    calendar = calendars.get(coverage.calendar)
    end = coverage.end or today + timedelta(days=_HORIZON_DAYS)
    holidays = [
        datetime(day.year, day.month, day.day, tzinfo=UTC)
        for day in calendar.holidays(coverage.start, end)
    ]
    # Cron counts the days of the week from Sunday, a weekmask from Monday.
    weekend = [
        f"0 0 * * {(n + 1) % 7}" for n, open_ in enumerate(calendar.weekmask) if open_ == "0"
    ]
    return dg.DailyPartitionsDefinition(
        start_date=coverage.start.isoformat(),
        end_date=_exclusive(coverage.end),
        end_offset=_today(coverage.end),
        exclusions=[*weekend, *holidays] or None,
    )


def daily_partitions(sources: Iterable[Source]) -> dg.DailyPartitionsDefinition:
    """Plain days from the first bar of any source; ends only when every source has ended."""
    bars = [s.spec.kinds[Kind.OHLCV] for s in sources if Kind.OHLCV in s.spec.kinds]
    start = min((c.start for c in bars), default=date(2000, 1, 1))
    ends = [c.end for c in bars if c.end]
    end = max(ends) if ends and len(ends) == len(bars) else None
    return dg.DailyPartitionsDefinition(
        start_date=start.isoformat(), end_date=_exclusive(end), end_offset=_today(end)
    )


def _today(end: date | None) -> int:
    """The day that goes on is a partition: New York, Frankfurt publish before UTC's midnight.

    On a closed day it is the next session (dagster issue 33551), which nobody asks for before its
    close.
    """
    return 0 if end else 1


def _exclusive(end: date | None) -> str | None:
    return (end + timedelta(days=1)).isoformat() if end else None
