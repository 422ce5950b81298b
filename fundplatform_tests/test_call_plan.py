"""What `backfill massive --plan` says is what the backfill asks: by command and in Dagster."""

import json as plain
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster._core.storage.tags import BACKFILL_ID_TAG

from fundplatform import chunk_sizes, cli, tables
from fundplatform.call_plan import calls
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.command_line import prepare
from fundplatform.definitions import build_definitions
from fundplatform.detached import submit
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.massive import PROFILE
from fundplatform.sources.register import Vendor as Entry
from fundplatform.storage.syncs import Syncs
from fundplatform_tests import pipeline
from fundplatform_tests.sources.test_massive_fetch import OPEN, answer, bar
from fundplatform_tests.sources.vendor_server import Asked, Script, Vendor, serving

FIRST, LAST = date(2024, 7, 1), date(2024, 7, 7)
NOW = datetime(2024, 8, 1, tzinfo=UTC)
RANGE = "/v2/aggs/ticker/{}/range/1/day/2024-07-01/2024-07-05"
ACTIONS = ("/stocks/v1/splits", "/stocks/v1/dividends", "/v3/reference/tickers")


class Market(Vendor):
    """Every ticker has a bar on every session, and nothing else."""

    def answer(self, asked: Asked, target: str) -> Script:
        self.asked.append(asked)
        parts = asked.path.split("/")
        if "grouped" in parts:
            rows = [bar(t, date.fromisoformat(parts[-1])) for t in "ABCDEF"]
            found = answer(rows)
        elif "range" in parts:
            found = answer([bar(None, d, hour=0) for d in OPEN], ticker=parts[4])
        elif parts[-1] == "events":
            found = {"status": "OK", "results": {"name": parts[-2], "events": []}}
        elif asked.path in ACTIONS:
            found = {"status": "OK", "results": []}
        else:
            found = {"status": "OK", "results": {"ticker": parts[-1], "name": parts[-1]}}
        return Script(plain.dumps(found).encode())


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        running.__class__ = Market
        yield running


@pytest.fixture
def asked(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Massive switched on, without its limits, in runs of two sessions."""
    entry = register.BUILT_IN["massive"]
    assert isinstance(entry, Entry)
    monkeypatch.setitem(
        register.BUILT_IN, "massive", replace(entry, profile=replace(PROFILE, rates=()))
    )
    monkeypatch.setattr(chunk_sizes, "MOST", 2)
    environment = {"MASSIVE_API_KEY": "s3cr3t-k3y", "FUNDPLATFORM_MASSIVE_URL": vendor.url}
    yield Settings(settings.home, ("massive",), lock_timeout=20, environment=environment)


def track(settings: Settings, *tickers: str) -> None:
    settings.tracked.write_text(f"massive: [{', '.join(tickers)}]\n")


def made(settings: Settings) -> pipeline.Pipeline:
    done = pipeline.make(settings, register.load(settings, lambda: NOW).sources)
    done.clock = lambda: NOW
    return done


def bars(vendor: Vendor) -> list[str]:
    return [a.path for a in vendor.asked if "/aggs/" in a.path]


@pytest.mark.parametrize("tickers", [pytest.param("ABC", marks=pytest.mark.slow), "ABCDE"])
def test_the_backfill_asks_what_the_plan_says(
    asked: Settings, vendor: Vendor, tickers: str
) -> None:
    """Ranges for three tickers and days for five: of four sessions, in two runs."""
    track(asked, *tickers)
    run = made(asked)
    job = run.job(FIRST, LAST)
    fetches = job.fetches()
    (plan,) = calls(run.sources, fetches, Syncs(run.store, run.sources), lambda: NOW)
    assert vendor.asked == [], "nothing is asked for a plan"
    assert plan.plans is not None
    planned = [r.path for one in plan.plans.values() for r in one.requests]
    run.fetch(FIRST, LAST)
    assert not [o.errors for o in run.outcomes if o.errors]
    assert [a.path for a in vendor.asked] == planned
    assert len(bars(vendor)) == min(len(tickers), 4)
    assert run.recorded("raw/massive/ohlcv") == {str(d) for d in OPEN}
    assert run.store.read(tables.OHLCV).height == 4 * len(tickers)
    assert run.store.read(tables.DATA_SYNC)["calls"].sum() == len(planned)


def test_a_native_backfill_asks_what_the_plan_says(asked: Settings, vendor: Vendor) -> None:
    """Its runs, as the daemon starts them, know only their own sessions and the backfill's id."""
    track(asked, *"ABC")
    run = made(asked)
    submit(asked, prepare(asked, ["massive"], (FIRST, LAST)), ["massive"])
    (one,) = run.instance.get_backfills()
    key = dg.AssetKey(["raw", "massive", "ohlcv"])
    job = build_definitions(asked, sources=run.sources, store=run.store, clock=lambda: NOW)
    for part in (OPEN[:2], OPEN[2:]):
        tags = ((BACKFILL_ID_TAG, one.backfill_id),)
        chunk = Chunk("part", (key,), part[0], part[-1], 2, more=tags)
        done = run_chunk(chunk, job.resolve_implicit_global_asset_job_def(), run.instance)
        assert not done.errors
    assert bars(vendor) == [RANGE.format(t) for t in "ABC"]
    assert run.recorded("raw/massive/ohlcv") == {str(d) for d in OPEN}


def test_the_command_prints_calls_and_time(
    asked: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = register.BUILT_IN["massive"]
    assert isinstance(entry, Entry)
    monkeypatch.setitem(register.BUILT_IN, "massive", replace(entry, profile=PROFILE))
    for name, value in {
        **asked.environment,
        "FUNDPLATFORM_HOME": str(asked.home),
        "FUNDPLATFORM_SOURCES": "massive",
    }.items():
        monkeypatch.setenv(name, value)
    span = ["--from", "2023-01-01", "--to", "2023-12-31", "--plan"]
    done = CliRunner().invoke(cli.cli, ["backfill", "massive", *span])
    assert done.exit_code == 0, done.output
    days = "/v2/aggs/grouped/locale/us/market/stocks/2023"
    # 250 sessions of 2023, and three questions for the whole market's actions: 253 calls are
    # 50 full minutes and one more.
    assert f"massive ohlcv: 250 calls: {days}-01-03" in done.output
    assert f" .. {days}-12-29" in done.output
    assert (
        "massive corporate_actions: at least 3 calls, and one for each further page" in done.output
    )
    assert "massive: at least 253 calls at 5 a minute: about 50 min" in done.output
    assert vendor.asked == []
