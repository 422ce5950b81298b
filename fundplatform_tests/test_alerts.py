"""Who is told what: once, and once more when it is well; channels on the loopback."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import dagster as dg
import polars as pl
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG
from dagster._core.utils import make_new_run_id

from fundplatform import tables
from fundplatform.alerts import Channels, News, Problem, news, told_after
from fundplatform.automation.watch import (
    broken_sources,
    failed_runs,
    failing_checks,
    full_disk,
    late,
    long_queue,
)
from fundplatform.definitions import build_definitions
from fundplatform.errors import SourceError
from fundplatform.health import Health
from fundplatform.settings import Settings
from fundplatform.sources.base import LISTING_SCHEMA, Batch, Kind, batch_schema
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.pipeline import make
from fundplatform_tests.sources import acme


class Plain:
    """A vendor of one bar a session, published six hours after the close; or none at all."""

    broken = False
    spec = acme.SPEC

    def listings(self, kind: Kind) -> pl.DataFrame:
        return LISTING_SCHEMA.to_frame()

    def fetch(self, kind: Kind, first: date, last: date, *, now: datetime) -> Batch:
        if self.broken:
            raise SourceError("acme", "the vendor is on holiday", "Wait")
        return Batch(batch_schema(kind).to_frame(), listings=LISTING_SCHEMA.to_frame())


BASE = "http://ui"
DISK = Problem("disk", "the disk of the home is 93% full")
RUN = Problem("run x", "raw/acme/ohlcv failed: no answer", "http://127.0.0.1:3000/runs/x")


def test_a_problem_is_told_once_and_once_more_when_it_is_well() -> None:
    told: dict[str, str] = {}
    first = news(told, [DISK, RUN])
    assert first.subject == "fundplatform: 2 new problems"
    told = told_after(told, first)
    assert not news(told, [RUN, DISK])
    second = news(told, [RUN])
    assert second.subject == "fundplatform: 1 well again"
    assert second.text == f"WELL  {DISK.text}"
    told = told_after(told, second)
    assert news(told, [RUN, DISK]).subject == "fundplatform: 1 new problem"


@contextmanager
def receiving(status: int = 200) -> Iterator[tuple[str, list[dict[str, object]]]]:
    got: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            got.append(json.loads(self.rfile.read(length)))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook/very-secret-token", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mailbox() -> Iterator[tuple[str, list[str]]]:
    """A mail server that takes every letter."""
    letters: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            body: list[str] | None = None
            for raw in self.rfile:
                line = raw.decode().rstrip("\r\n")
                if body is not None and line != ".":
                    body.append(line)
                elif body is not None:
                    letters.append("\n".join(body))
                    body = None
                    self.wfile.write(b"250 kept\r\n")
                elif line.upper() == "DATA":
                    body = []
                    self.wfile.write(b"354 go on\r\n")
                elif line.upper() == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"smtp://127.0.0.1:{server.server_address[1]}", letters
    finally:
        server.shutdown()
        server.server_close()


def test_every_channel_gets_the_message() -> None:
    found = News((RUN,), (DISK.text,))
    with receiving() as (hook, posted), receiving() as (slack, said), mailbox() as (smtp, letters):
        assert Channels(hook, slack, smtp, ("ops@example.org",)).send(found) == []
    assert posted == [
        {
            "subject": "fundplatform: 1 new problem, 1 well again",
            "new": [{"key": RUN.key, "text": RUN.text, "link": RUN.link}],
            "well": [DISK.text],
        }
    ]
    assert said[0]["text"] == f"*{found.subject}*\n{found.text}"
    assert "To: ops@example.org" in letters[0]
    assert RUN.text in letters[0]


def test_a_channel_that_fails_is_named_without_its_secret() -> None:
    with receiving(500) as (hook, _):
        channels = Channels(webhook=hook, slack="http://127.0.0.1:9/services/very-secret-token")
        failed = channels.send(News((RUN,), ()))
    assert [line.split(":")[0] for line in failed] == ["webhook", "slack"]
    assert "very-secret-token" not in f"{failed} {channels}"


def test_channels_come_from_the_environment(settings: Settings) -> None:
    assert not Channels.of(settings)
    environment = {"FUNDPLATFORM_ALERT_SLACK": "http://x/y"}
    assert Channels.of(Settings(settings.home, environment=environment))


def test_a_full_disk(settings: Settings) -> None:
    (found,) = full_disk(settings, lambda _: (100, 93, 7))
    assert found == DISK
    assert list(full_disk(settings, lambda _: (100, 90, 10))) == []


def test_a_holiday_is_not_late() -> None:
    """Recorded up to Wednesday, 3 July 2024; the 4th is closed, the 5th and the 8th are not."""
    instance = dg.DagsterInstance.ephemeral()
    source = Plain()
    key = dg.AssetKey(["raw", "acme", "ohlcv"])
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="2024-07-03"))
    after_friday = datetime(2024, 7, 6, 12, tzinfo=UTC)
    assert list(late(source, instance, after_friday, BASE)) == []
    (found,) = late(source, instance, after_friday + timedelta(days=3), BASE)
    assert found.text == "raw/acme/ohlcv ends on 2024-07-03: 2 sessions behind"
    assert found.link == "http://ui/assets/raw/acme/ohlcv"


def test_a_failed_run_is_told_with_its_reason_and_forgotten_after_success(
    settings: Settings,
) -> None:
    source = Plain()
    made = make(settings, [source])
    made.clock = lambda: datetime(2024, 3, 6, 12, tzinfo=UTC)
    with receiving() as (hook, posted):
        own = Settings(settings.home, environment={"FUNDPLATFORM_ALERT_WEBHOOK": hook})
        cursor: str | None = None
        for broken in (True, False):
            source.broken = broken
            made.fetch(date(2024, 3, 4), date(2024, 3, 5))
            for _ in range(2):
                location = build_definitions(
                    own, sources=[source], store=made.store, clock=made.clock
                )
                context = dg.build_sensor_context(
                    instance=made.instance,
                    repository_def=location.get_repository_def(),
                    cursor=cursor,
                )
                told = context.repository_def.get_sensor_def("alerts")(context)
                if isinstance(told, dg.SensorResult):
                    cursor = cast(dg.SensorResult, told).cursor
    assert [p["subject"] for p in posted] == [
        "fundplatform: 1 new problem",
        "fundplatform: 1 well again",
    ]
    assert "raw/acme/ohlcv 2024-03-04..2024-03-05 failed" in str(posted[0]["new"])
    assert "the vendor is on holiday" in str(posted[0]["new"])


CHECK = dg.AssetCheckKey(dg.AssetKey(["prices", "validated"]), "V01")


def checked(instance: dg.DagsterInstance, *, passed: bool) -> None:
    """A run of three days whose blocking check says so."""

    @dg.asset(
        key=CHECK.asset_key,
        partitions_def=dg.DailyPartitionsDefinition("2024-01-01"),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def validated() -> None: ...

    @dg.asset_check(asset=CHECK.asset_key, name=CHECK.name, blocking=True)
    def v01() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passed, description="high below low in 5 of 900 rows")

    job = dg.Definitions(assets=[validated], asset_checks=[v01])
    job.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, raise_on_error=False,
        tags={RANGE_START: "2024-03-04", RANGE_END: "2024-03-06"},
    )  # fmt: skip


def test_a_failing_blocking_check_is_told_until_it_passes() -> None:
    instance = dg.DagsterInstance.ephemeral()
    checked(instance, passed=False)
    (found,) = failing_checks(instance, [CHECK], BASE)
    assert found.text == (
        "check V01 of prices/validated 2024-03-04..2024-03-06 failed: "
        "high below low in 5 of 900 rows"
    )
    assert found.link == "http://ui/assets/prices/validated?view=checks"
    checked(instance, passed=True)
    assert list(failing_checks(instance, [CHECK], BASE)) == []


def test_a_source_without_calls_or_down_is_told(settings: Settings) -> None:
    made = make(settings, [Plain()])
    now = datetime.now(UTC)
    with made.store.transaction(Stamp("by hand", now)) as writer:
        for name, state, failure, at in (
            ("acme", "RATE_LIMITED", "quota_exhausted", now),
            ("other", "ERROR", "auth", now),
            ("third", "ACTIVE", None, now),
            ("gone", "ERROR", "auth", now - timedelta(days=8)),
        ):
            known = Health(name, state, 50.0, 0, None, 1, at, None, failure, None)
            writer.write(tables.SOURCE_HEALTH, known.row(), Slice({"source": name}))
    made.store.publish()
    assert [(p.text, p.link) for p in broken_sources(made.store, BASE)] == [
        ("source acme has no calls left: quota_exhausted", "http://ui/assets/raw/acme"),
        ("source other is down: auth", "http://ui/assets/raw/other"),
    ]


def queued(instance: dg.DagsterInstance, number: int) -> None:
    where = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("fundplatform"), "__repository__")
    for _ in range(number):
        run = dg.DagsterRun(
            "j",
            run_id=make_new_run_id(),
            status=dg.DagsterRunStatus.QUEUED,
            remote_job_origin=RemoteJobOrigin(where, "j"),
        )
        instance.add_run(run)


def test_more_than_a_hundred_queued_runs_are_told() -> None:
    instance = dg.DagsterInstance.ephemeral()
    queued(instance, 100)
    assert list(long_queue(instance, BASE)) == []
    queued(instance, 1)
    assert [p.text for p in long_queue(instance, BASE)] == ["101 runs wait in the queue"]


def test_a_killed_run_is_told_with_its_reason_and_not_while_it_is_retried() -> None:
    instance = dg.DagsterInstance.ephemeral()
    run = dg.DagsterRun(
        "j",
        run_id=make_new_run_id(),
        asset_selection=frozenset({dg.AssetKey(["raw", "acme", "ohlcv"])}),
        tags={RANGE_START: "2024-03-04", RANGE_END: "2024-03-06"},
        status=dg.DagsterRunStatus.STARTED,
    )
    instance.add_run(run)
    instance.report_run_failed(run, "The process that executed this run was killed.")
    now = datetime.now(UTC)
    (found,) = failed_runs(instance, now, BASE)
    assert found.text == (
        "raw/acme/ohlcv 2024-03-04..2024-03-06 failed: "
        "The process that executed this run was killed."
    )
    instance.add_run_tags(run.run_id, {AUTO_RETRY_RUN_ID_TAG: make_new_run_id()})
    assert list(failed_runs(instance, now, BASE)) == []
