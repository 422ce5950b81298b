"""A listing that is tracked later: its history is fetched, and nothing else once more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from fundplatform import tables
from fundplatform.chunks import Chunk
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.base import Kind
from fundplatform.sources.register import Vendor as Entry
from fundplatform_tests import pipeline
from fundplatform_tests.sources import acme
from fundplatform_tests.sources.test_vendor_contract import bar, body
from fundplatform_tests.sources.vendor_server import Vendor, json, serving

DAYS = [date(2024, 3, n) for n in (4, 5, 6)]
NOW = datetime(2024, 3, 7, 12, 0, tzinfo=UTC)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        running.on("/bars", json(body(*map(bar, DAYS))))
        yield running


@pytest.fixture
def asked(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    monkeypatch.setitem(register.BUILT_IN, "acme", Entry(acme.PROFILE, acme.Acme))
    environment = {"ACME_API_KEY": "s3cr3t-k3y", "FUNDPLATFORM_ACME_URL": vendor.url}
    yield Settings(settings.home, ("acme",), lock_timeout=20, environment=environment)


def made(settings: Settings, tracked: str, now: datetime = NOW) -> pipeline.Pipeline:
    settings.tracked.write_text(f"acme: [{tracked}]\n")
    run = pipeline.make(settings, register.load(settings, lambda: now).sources)
    run.clock = lambda: now
    return run


def due(run: pipeline.Pipeline, first: date = DAYS[0]) -> list[Chunk]:
    return run.job(first, DAYS[-1]).fetches()


def test_its_history_and_nothing_else_is_fetched(asked: Settings, vendor: Vendor) -> None:
    A = "A: {since: 2024-03-04}"
    run = made(asked, A)
    run.fetch(DAYS[0], DAYS[-1])
    assert due(run) == []
    # B since the 5th: two sessions are there already, without it.
    run = made(asked, f"{A}, B: {{since: 2024-03-05}}")
    (chunk,) = due(run)
    assert (chunk.first, chunk.last, dict(chunk.more)["fundplatform/symbols"]) == (
        DAYS[1],
        DAYS[2],
        "B",
    )
    assert len(due(run)) == 1, "until it is there"
    vendor.on("/bars", json(body(*map(bar, DAYS[1:]))))
    before = len(vendor.asked)
    run.fetch(DAYS[0], DAYS[-1])
    assert [a.params["symbol"] for a in vendor.asked[before:]] == ["B"]
    assert due(run) == []
    assert run.store.read(tables.OHLCV).height == 5, "A's rows stay"
    # Since an earlier day: asked for again; no longer tracked: not asked.
    assert len(due(made(asked, f"{A}, B: {{since: 2024-03-04}}"))) == 1
    assert due(made(asked, A)) == []


def test_only_days_that_something_is_tracked_for_are_asked(asked: Settings) -> None:
    run = made(asked, "A: {since: 2024-03-05}, B: {since: 2024-03-06}")
    (chunk,) = run.job(date(2020, 1, 2), DAYS[-1]).fetches()
    assert (chunk.first, chunk.last) == (DAYS[1], DAYS[2])


def test_a_vendors_wholes_are_asked_once_a_day(
    asked: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Corporate actions, rates: nothing says that they changed, so a new day asks again."""
    whole = {Kind.OHLCV: replace(acme.SPEC.kinds[Kind.OHLCV], partitioned=False)}
    monkeypatch.setattr(acme, "SPEC", replace(acme.SPEC, kinds=whole))
    run = made(asked, "A")
    vendor.on("/bars", json(body()))
    job = run.job(DAYS[0], DAYS[-1])
    (chunk,) = job.fetches()
    run.instance.report_runless_asset_event(dg.AssetMaterialization(chunk.keys[0]))
    today = datetime.now(UTC)
    assert made(asked, "A", today).job(DAYS[0], DAYS[-1]).fetches() == []
    assert len(made(asked, "A", today + timedelta(days=1)).job(DAYS[0], DAYS[-1]).fetches()) == 1
