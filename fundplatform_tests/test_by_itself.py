"""Days played through by an accelerated clock: the daemon's own loops do all, and nothing twice.

Schedules tick at their own times of the day, then the sensors and what they ask for; nobody sleeps.
One vendor is a day late, one is dead for a day and a half, one restates a close that a weekly
job finds. BY_ITSELF_UNTIL=2013-10-24 makes
it a year, at 10 to 15 seconds of CPU a day.
"""

import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from fundplatform import calendars, tables
from fundplatform.definitions import build_definitions
from fundplatform.settings import Settings
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.clean_build import assert_equals_a_clean_build
from fundplatform_tests.forced_daemon import ForcedDaemon, run_here
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.played import ticks
from fundplatform_tests.worlds import World, put_index

START = date(2012, 10, 25)
END = date.fromisoformat(os.environ.get("BY_ITSELF_UNTIL", "2012-10-26"))
RESTATED = date(2012, 10, 25)
DEAD = (datetime(2012, 10, 26, tzinfo=UTC), datetime(2012, 10, 27, 12, tzinfo=UTC))
# A storm; Thanksgiving. 23 November is a half day.
CLOSED = {date(2012, 10, 29), date(2012, 10, 30), date(2012, 11, 22)}
# Every Saturday the week before is fetched once more.
JOBS = """
jobs:
  restated: {sources: [prompt], kinds: [ohlcv], mode: batch, days: 7, cron: "0 6 * * 6"}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def vendors() -> list[World]:
    since = datetime(2012, 10, 26, tzinfo=UTC)
    return [
        World("prompt", ["AAA", "BBB"], START, restated={("AAA", RESTATED): (since, 1.01)}),
        World("tardy", ["BBB", "CCC"], START, priority=200, late=timedelta(days=1)),
        World("coins", ["XBT"], START, calendar="24/7", asset_class="crypto", dead=DEAD),
    ]


def home(settings: Settings) -> Pipeline:
    put_index(settings)
    settings.jobs.write_text(JOBS)
    made = make(settings, vendors())
    run_here(settings.dagster_home)
    made.instance.dispose()
    return make(settings, made.sources)


def play(made: Pipeline, until: datetime) -> ForcedDaemon:
    """From the first day on; the sensors' turn is after the last schedule of a day."""
    daemon = ForcedDaemon(made.instance, datetime(2012, 10, 25, 12, tzinfo=UTC))
    made.clock = lambda: daemon.now
    here = build_definitions(
        made.settings, sources=made.sources, store=made.store, clock=made.clock
    )
    with daemon.on(here, ["fill_gaps", "propagate"]):
        while daemon.now < until:
            tomorrow = daemon.now + timedelta(days=1)
            for at in sorted({at for at, _ in ticks(here, daemon.now, tomorrow)}):
                daemon.now = at
                daemon.schedules()
            daemon.settle()
            daemon.now = tomorrow
            print(tomorrow, sum(os.times()[:2]), daemon.instance.get_runs_count(), flush=True)
    return daemon


def told(made: Pipeline) -> None:
    """What ran, for people: `pytest -s`."""
    runs = made.instance.get_runs()
    print(Counter((r.tags.get("fundplatform/origin", r.job_name), r.status.value) for r in runs))
    print(Counter(b.tags.get("fundplatform/origin") for b in made.instance.get_backfills()))
    for run in reversed(runs):
        span = run.tags.get(RANGE_START, ""), run.tags.get(RANGE_END, "")
        keys = sorted(k.to_user_string() for k in run.asset_selection or ())
        print(run.status.value, run.job_name, run.tags.get("fundplatform/origin"), *span, *keys[:2])


def test_days_by_themselves_equal_a_build_at_once(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = home(settings)
    daemon = play(made, datetime(END.year, END.month, END.day, 12, tzinfo=UTC) + timedelta(days=3))
    told(made)

    for name in ("prompt", "tardy"):
        stored = made.times(name)
        expected = {str(d) for d in calendars.get("XNYS").sessions(START, END)}
        assert expected <= set(stored)
        assert not {str(d) for d in CLOSED} & set(stored)
    assert set(made.times("tardy").values()) == {1}, "late, but each session is stored once"
    assert set(made.times("coins").values()) == {1}

    clean = home(Settings(home=tmp_path_factory.mktemp("clean"), sources=()))
    assert_equals_a_clean_build(made, clean, START, daemon.now.date())
    assert made.store.read(tables.VALIDATED).height > 6
