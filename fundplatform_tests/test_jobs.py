"""jobs.yaml: read with errors that say what to write, run, followed by others, tried again."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from fundplatform.automation.job_file import Job, load_jobs
from fundplatform.automation.job_state import State, due, state
from fundplatform.automation.jobs import planned
from fundplatform.definitions import build_definitions, open_store
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind
from fundplatform_tests.pipeline import Pipeline
from fundplatform_tests.test_alerts import Plain

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "jobs" / "jobs.yaml"
# Wednesday; acme publishes six hours after the close.
NOW = datetime(2024, 3, 6, 12, tzinfo=UTC)
ACME = dg.AssetKey(["raw", "acme", "ohlcv"])
TWO = """
jobs:
  bars: {sources: [acme], days: 7, retries: 2}
  numbers: {compute: true, after: [bars]}
"""


def test_the_example_says_what_it_shows() -> None:
    jobs = {j.name: j for j in load_jobs(EXAMPLE)}
    assert list(jobs) == ["us_prices", "us_actions", "coins", "restated", "numbers"]
    assert jobs["us_prices"] == Job(
        "us_prices",
        sources=("massive",),
        kinds=(Kind.OHLCV,),
        cron="30 20 * * 1-5",
        time_zone="America/New_York",
        retries=3,
        template="nightly",
    )
    assert (jobs["coins"].cron, jobs["coins"].time_zone) == ("30 0 * * *", "UTC")
    assert (jobs["restated"].mode, jobs["restated"].days) == ("batch", 30)
    assert jobs["numbers"].after == ("us_prices", "us_actions")
    assert load_jobs(EXAMPLE.with_name("none.yaml")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job: {}", r"job: is no key here\. Use of: jobs, templates"),
        ("jobs: {a: {source: [x]}}", r"jobs\.a\.source: is no key here\. Use of: after, "),
        ("jobs: {a: {}}", r"jobs\.a: fetches nothing\. Give it `sources:`"),
        ("jobs: {a: {sources: [x], compute: true}}", "fetches and computes"),
        ("jobs: {a: {sources: x}}", r"jobs\.a\.sources: 'x' is no list of words"),
        ("jobs: {a: {sources: [x], kinds: [bars]}}", "'bars' is unknown. Choose from: ohlcv, "),
        ("jobs: {a: {sources: [x], mode: full}}", "Choose from: incremental, batch"),
        ("jobs: {a: {sources: [x], days: 0}}", r"days: '0' is no number from 1 on"),
        ("jobs: {a: {sources: [x], cron: nightly}}", "'nightly' is no cron line"),
        ("jobs: {a: {sources: [x], time_zone: NYC}}", "Write it like America/New_York"),
        ("jobs: {a: {sources: [x], template: t}}", "no template 't'. There are: none"),
        ("templates: {t: {crom: x}}\njobs: {}", r"templates\.t\.crom: is no key here"),
        ("jobs: {a: {sources: [x], symbols: [IBM]}}", "Write `mode: batch`"),
        ("jobs: {a: {compute: true, after: [b]}}", "no job 'b'. There are: a"),
        (
            "jobs: {a: {compute: true, after: [b]}, b: {compute: true, after: [a]}}",
            "a, b wait for each other",
        ),
        ("jobs: {a: {sources: [x], after: [a], cron: '0 0 * * *'}}", "Leave out `cron` or `after`"),
        ("jobs: {'a b': {sources: [x]}}", "is no name"),
        ("jobs: [a]", "jobs: is no mapping. Write it like"),
        ("jobs: {a: {sources: [x]}, a: {sources: [x]}}", "stands twice"),
    ],
)
def test_a_mistake_is_named_with_the_line_to_write(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_jobs(file)
    assert str(file) in str(error.value)


@pytest.fixture
def made(settings: Settings) -> Pipeline:
    """No warehouse is asked, and Dagster's record is in memory."""
    settings.jobs.write_text(TWO)
    store, instance = open_store(settings), dg.DagsterInstance.ephemeral()
    return Pipeline(settings, store, instance, [Plain()], clock=lambda: NOW)


def location(made: Pipeline) -> dg.Definitions:
    return build_definitions(
        made.settings, sources=made.sources, store=made.store, clock=made.clock
    )


def launch(made: Pipeline, name: str, tags: dict[str, str] | None = None) -> bool:
    job = location(made).resolve_job_def(f"job_{name}")
    return job.execute_in_process(instance=made.instance, tags=tags, raise_on_error=False).success


def backfills(made: Pipeline) -> list[PartitionBackfill]:
    return made.instance.get_backfills()


def tick(made: Pipeline, now: datetime) -> dict[str, dict[str, str]]:
    """What the sensor asks for: tags by job."""
    made.clock = lambda: now
    found = location(made).get_repository_def()
    context = dg.build_sensor_context(instance=made.instance, repository_def=found)
    asked = found.get_sensor_def("jobs")(context)
    if isinstance(asked, dg.SkipReason):
        return {}
    assert isinstance(asked, list)
    return {str(one.job_name): dict(one.tags) for one in asked}


def ends(made: Pipeline, status: BulkActionStatus, at: datetime) -> None:
    """As the daemon would write it."""
    (newest, *_) = backfills(made)
    done = newest.with_status(status).with_end_timestamp(at.timestamp())
    made.instance.update_backfill(done)


def test_a_job_asks_for_what_is_missing_and_no_more(made: Pipeline) -> None:
    made.instance.report_runless_asset_event(dg.AssetMaterialization(ACME, partition="2024-03-04"))
    assert launch(made, "bars")
    (asked,) = backfills(made)
    graph = location(made).resolve_asset_graph()
    wanted = asked.get_asset_backfill_data(graph).target_subset
    days = wanted.partitions_subsets_by_asset_key[ACME].get_partition_keys()
    # From 28 February; the second and third are a weekend, the sixth is not over.
    assert sorted(days) == ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-05"]
    assert asked.tags["fundplatform/origin"] == "job bars"
    # The same again joins the backfill that is at it.
    assert launch(made, "bars")
    assert len(backfills(made)) == 1


def test_batch_fetches_again_and_some_symbols_only_what_is_there(made: Pipeline) -> None:
    made.instance.report_runless_asset_event(dg.AssetMaterialization(ACME, partition="2024-03-04"))

    def days(job: Job) -> list[date | None]:
        chunks = planned(job, made.sources, made.instance, location(made), made.store, made.clock)
        return [c.first for c in chunks] + [c.last for c in chunks]

    batch = Job("again", asset_classes=("equity",), mode="batch", days=7)
    assert days(batch) == [date(2024, 2, 28), date(2024, 3, 5)]
    some = Job("some", sources=("acme",), mode="batch", days=7, symbols=("IBM",))
    assert days(some) == [date(2024, 3, 4)] * 2
    assert days(Job("none", sources=("acme",), kinds=(Kind.FX,))) == []
    with pytest.raises(ConfigError, match=r"jobs\.b\.sources: ibm takes no part.*: acme"):
        days(Job("b", sources=("ibm",)))


def test_one_follows_the_other_and_a_failed_one_is_tried_again(made: Pipeline) -> None:
    assert tick(made, NOW) == {}
    assert launch(made, "bars")
    (bars, _) = load_jobs(made.settings.jobs)
    assert state(bars, made.instance).phase == "running"
    assert tick(made, NOW) == {}
    now = datetime.now(UTC)  # Dagster stamps runs by its own clock
    ends(made, BulkActionStatus.COMPLETED_FAILED, now)
    assert tick(made, now + timedelta(minutes=9)) == {}
    again = tick(made, now + timedelta(minutes=10))["job_bars"]
    assert again["fundplatform/attempt"] == "1"
    made.clock = lambda: NOW
    assert launch(made, "bars", again)
    # What the failed one had not done: all of it.
    second, first = backfills(made)
    graph = location(made).resolve_asset_graph()
    one, other = (b.get_asset_backfill_data(graph).target_subset for b in (first, second))
    assert one == other
    ends(made, BulkActionStatus.COMPLETED_SUCCESS, datetime.now(UTC))
    assert set(tick(made, now + timedelta(days=1))) == {"job_numbers"}
    assert launch(made, "numbers")
    assert tick(made, now + timedelta(days=1)) == {}


def test_retries_end_and_predecessors_must_all_have_succeeded() -> None:
    at = datetime(2024, 3, 6, 12, tzinfo=UTC)
    hour = timedelta(hours=1)
    one, two = Job("one", sources=("a",), retries=2), Job("two", sources=("b",))
    last = Job("last", compute=True, after=("one", "two"))

    def asked(one_is: State, two_is: State, last_is: State) -> list[tuple[str, int]]:
        states = {"one": one_is, "two": two_is, "last": last_is}
        return [(d.job.name, d.attempt) for d in due([one, two, last], states, at)]

    ok = State("ok", "r", None, at - 2 * hour, at - hour)
    failed = State("failed", "r", None, at - 2 * hour, at - timedelta(minutes=20), attempt=1)
    assert asked(ok, ok, State()) == [("last", 0)]
    # Both ended before `last` was started: it had them already.
    assert asked(ok, ok, State("ok", "r", None, at, at)) == []
    # The second try failed 20 minutes ago, and 10 doubled are over; the predecessor is not well.
    assert asked(failed, ok, State()) == [("one", 2)]
    # A third failure is the last.
    assert asked(State("failed", "r", None, at, at - hour, attempt=2), ok, State()) == []
    assert asked(State("running"), ok, State()) == []


def test_a_schedule_for_each_cron_line(settings: Settings) -> None:
    settings.jobs.write_text(EXAMPLE.read_text("utf-8"))
    made = build_definitions(settings, sources=[Plain()])
    dg.Definitions.validate_loadable(made)
    found = made.get_repository_def().get_schedule_def("job_us_prices_schedule")
    assert (found.cron_schedule, found.execution_timezone) == (
        "30 20 * * 1-5",
        "America/New_York",
    )
    assert not made.get_repository_def().has_schedule_def("job_numbers_schedule")
