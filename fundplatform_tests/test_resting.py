"""A vendor that rests: its schedule and quotes leave it alone, and its gaps are filled later."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.test_utils import freeze_time

from fundplatform import tables
from fundplatform.definitions import build_definitions
from fundplatform.health import Health
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Batch, Kind
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access
from fundplatform.storage.base import Slice, Stamp
from fundplatform_tests.pipeline import make
from fundplatform_tests.sources.canned import track
from fundplatform_tests.sources.web.wire import NOW
from fundplatform_tests.worlds import Nowhere, World

# 18:05 in New York, when Tuesday's session comes out; the vendor's day ends at 24:00 UTC.
AT = datetime(2024, 7, 2, 18, 5, tzinfo=ZoneInfo("America/New_York"))
EVENING = AT.astimezone(UTC)
FREE = EVENING + timedelta(hours=1)


@dataclass
class UsedUp(World):
    """Its calls are used up until an instant."""

    access: Access = field(default_factory=lambda: Access(Nowhere(), (track("AAA"),)))

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        if now < FREE:
            raise VendorError("mine", Failure.QUOTA_EXHAUSTED, "used up", "Tomorrow")
        return super().fetch(kind, first, last, now=now)


def test_its_schedule_starts_no_run_that_fails_and_the_gap_sensor_asks_after_the_rest(
    settings: Settings,
) -> None:
    made = make(settings, [UsedUp("mine", ["AAA"], date(2024, 7, 1))])
    clock = [EVENING]
    location = build_definitions(
        made.settings, sources=made.sources, store=made.store, clock=lambda: clock[0]
    ).get_repository_def()

    def tick() -> tuple[list[dg.RunRequest], str]:
        context = dg.build_schedule_context(
            instance=made.instance, scheduled_execution_time=AT, repository_def=location
        )
        told = location.get_schedule_def("load_mine_ohlcv").evaluate_tick(context)
        return list(told.run_requests or []), told.skip_message or ""

    def gaps() -> tuple[list[dg.RunRequest], str]:
        context = dg.build_sensor_context(instance=made.instance, repository_def=location)
        told = location.get_sensor_def("fill_gaps").evaluate_tick(context)
        return list(told.run_requests or []), told.skip_message or ""

    ((asked,), _) = tick()
    with freeze_time(EVENING):
        run = location.get_job("load_mine_ohlcv").execute_in_process(
            instance=made.instance, tags=asked.tags, raise_on_error=False
        )
    assert not run.success
    # The run stored no row, and yet all know: it made no call, so it rests for an hour.
    rests = "left until 2024-07-02 23:05 UTC, when the vendor's rest ends"
    assert tick() == ([], f"raw/mine/ohlcv {rests}")
    assert gaps() == ([], f"2 sessions of raw/mine/ohlcv {rests}")
    clock[0] = FREE
    assert [one.run_key for one in tick()[0]] == [asked.run_key]
    (sessions, _) = gaps()[0]
    assert sessions.asset_graph_subset is not None
    (days,) = sessions.asset_graph_subset.partitions_subsets_by_asset_key.values()
    assert set(days.get_partition_keys()) == {"2024-07-01", "2024-07-02"}


def test_quotes_are_not_asked_of_it(settings: Settings) -> None:
    settings.tracked.write_text("coinbase: [BTC/USD: {since: 2024-03-07}]\n")
    own = Settings(settings.home, ("coinbase",), lock_timeout=20)
    made = make(own, register.load(own, lambda: NOW).sources)
    until = NOW + timedelta(minutes=20)
    known = Health("coinbase", "ERROR", 0.0, 3, None, 3, NOW, None, "transient", until)
    with made.store.transaction(Stamp("by hand", NOW)) as writer:
        writer.write(tables.SOURCE_HEALTH, known.row(), Slice({"source": "coinbase"}))
    made.store.publish()
    clock = [NOW]
    location = build_definitions(
        own, sources=made.sources, store=made.store, clock=lambda: clock[0]
    ).get_repository_def()

    def tick() -> tuple[int, str]:
        context = dg.build_schedule_context(
            instance=made.instance, scheduled_execution_time=NOW, repository_def=location
        )
        told = location.get_schedule_def("latest_quotes").evaluate_tick(context)
        return len(told.run_requests or []), told.skip_message or ""

    ends = f"{until:%Y-%m-%d %H:%M}"
    assert tick() == (0, f"coinbase left until {ends} UTC, when the vendor's rest ends")
    clock[0] = until
    assert tick() == (1, "")
