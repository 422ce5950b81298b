"""Vendors in the whole pipeline: attempts on the record, one source down, the key nowhere."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from fundplatform import cli
from fundplatform.cli_vendors import states
from fundplatform.settings import Settings
from fundplatform.sources import register, tracked
from fundplatform.sources.register import Vendor as Entry
from fundplatform.sources.sample import Sample
from fundplatform.sources.web import client
from fundplatform.sources.web.profile import Tracked
from fundplatform.storage.base import Store
from fundplatform_tests import pipeline
from fundplatform_tests.everything_kept import holding
from fundplatform_tests.sources import acme
from fundplatform_tests.sources.test_vendor_contract import bar, body
from fundplatform_tests.sources.vendor_server import Script, Vendor, json, serving

KEY = "s3cret+k/y"
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
SAYING = ("export prices A", "explain metric A 2024-03-05 1D", "sources check", "status")
NOW = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with serving() as running:
        yield running


@pytest.fixture
def asked(
    settings: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """An installation with acme switched on, its key set, A and BB tracked."""
    # Its five calls a minute would make the tests wait.
    daily = tuple(rate for rate in acme.PROFILE.rates if rate.seconds > 60)
    profile = replace(acme.PROFILE, rates=daily)
    monkeypatch.setitem(register.BUILT_IN, "acme", Entry(profile, acme.Acme))
    settings.tracked.write_text("acme: [A, BB]\n")
    environment = {"ACME_API_KEY": KEY, "FUNDPLATFORM_ACME_URL": vendor.url}
    yield Settings(settings.home, ("acme",), lock_timeout=20, environment=environment)


def run(settings: Settings, *, now: datetime = NOW, **more: object) -> pipeline.Pipeline:
    """Fetch Monday and Tuesday from acme."""
    sources = register.load(settings, lambda: now).sources
    made = pipeline.make(settings, [*sources, *more.get("beside", ())])  # type: ignore[misc]
    made.clock = lambda: now
    made.fetch(MONDAY, TUESDAY)
    return made


def attempts(store: Store) -> list[tuple[object, ...]]:
    store.publish()
    return store.query(
        "select source, status, calls, rows_inserted, symbols_skipped, failure "
        "from marts.data_sync order by started_at, source"
    ).rows()


def test_an_attempt_is_on_the_record(asked: Settings, vendor: Vendor) -> None:
    vendor.on("/bars", json(body(bar(MONDAY), bar(TUESDAY))), json({"error": "no such symbol"}))
    made = run(asked)
    assert attempts(made.store) == [("acme", "ok", 2, 2, 1, None)]
    (health,) = made.store.query(
        "select state, score, requests_today from marts.source_state"
    ).rows()
    assert health[1:] == (100.0, 2)
    assert made.recorded("raw/acme/ohlcv") == {"2024-03-04", "2024-03-05"}


def test_a_session_that_is_not_published_is_asked_again(asked: Settings, vendor: Vendor) -> None:
    vendor.on("/bars", json(body(bar(MONDAY))))
    made = run(asked)
    assert made.recorded("raw/acme/ohlcv") == {"2024-03-04"}
    vendor.on("/bars", json(body(bar(TUESDAY))))
    made.fetch(MONDAY, TUESDAY)
    assert made.recorded("raw/acme/ohlcv") == {"2024-03-04", "2024-03-05"}
    assert vendor.asked[-1].params["from"] == "2024-03-05", "only what was missing"


def test_a_failed_fetch_leaves_its_row_and_three_open_the_breaker(
    asked: Settings, vendor: Vendor
) -> None:
    vendor.on("/bars", json({"error": "bad key"}))
    made = run(asked)
    for _ in range(3):
        made.fetch(MONDAY, TUESDAY)
    states = [row[1:3] for row in attempts(made.store)]
    assert states == [("failed", 1), ("failed", 1), ("failed", 1), ("paused", 0)]
    assert "rests until 2024-03-06 12:05 UTC after 3 failures" in str(made.outcomes[-1].errors)
    # After the pause it is probed, and goes on.
    vendor.on("/bars", json(body(bar(MONDAY), bar(TUESDAY))))
    made = run(asked, now=NOW + timedelta(minutes=6))
    assert attempts(made.store)[-1][:2] == ("acme", "ok")


@pytest.mark.slow
def test_one_source_down_and_the_others_finish(
    asked: Settings, vendor: Vendor, command: CliRunner
) -> None:
    vendor.on("/bars", Script(b"", 403))
    made = pipeline.make(asked, [*register.load(asked, lambda: NOW).sources, Sample()])
    made.backfill(date(2013, 2, 25), date(2013, 3, 1))
    made.clock = lambda: NOW
    made.backfill(MONDAY, TUESDAY)
    assert made.recorded("prices/validated"), "the sample went through"
    found = made.store.query("select source, state, last_failure from marts.source_state").rows()
    assert ("acme", "INACTIVE", "not_entitled") in found or (
        "acme",
        "ERROR",
        "not_entitled",
    ) in found
    assert [o.chunk.label for o in made.outcomes if o.errors] == ["raw/acme/ohlcv"]
    told = command.invoke(cli.cli, ["status"]).output
    line = "acme: (ERROR|INACTIVE), not_entitled.*, never a success.*; score 0 of 100"
    assert re.search(line, told), told
    assert "sample" in told


def test_one_vendor_that_cannot_be_reached_is_named_and_the_other_finishes(
    asked: Settings, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acme's server is gone; Coinbase's, on the loopback as well, answers. Today, by status."""
    with serving() as gone:
        nowhere = gone.url
    candles = [[1709510400, 9, 9, 9, 9, 1.5], [1709596800, 9, 9, 9, 9, 1.5]]
    vendor.on("/products/BTC-USD/candles", json(candles))
    urls = {"FUNDPLATFORM_ACME_URL": nowhere, "FUNDPLATFORM_COINBASE_URL": vendor.url}
    both = replace(asked, sources=("acme", "coinbase"), environment={**asked.environment, **urls})
    asked.tracked.write_text("acme: [A]\ncoinbase: [BTC/USD: {since: 2024-01-01}]\n")
    monkeypatch.setattr(client, "HttpWeb", partial(client.HttpWeb, sleep=lambda seconds: None))
    made = run(both, now=datetime.now(UTC))
    made.store.publish()
    assert [o.chunk.label for o in made.outcomes if o.errors] == ["raw/acme/ohlcv"]
    assert made.recorded("raw/coinbase/ohlcv") == {"2024-03-04", "2024-03-05"}
    states = made.store.query("select source, state from marts.source_state order by 1").rows()
    assert states == [("acme", "ERROR"), ("coinbase", "ACTIVE")]
    # In the UI the failed run names the asset, the source and what was wrong.
    (failed,) = made.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    records = made.instance.get_records_for_run(failed.run_id).records
    said = [str(r.event_log_entry) for r in records if "STEP_FAILURE" in str(r.event_log_entry)]
    assert said and all("raw__acme__ohlcv" in s and "source acme: transient" in s for s in said)
    for name, value in {
        **both.environment,
        "FUNDPLATFORM_HOME": str(both.home),
        "FUNDPLATFORM_SOURCES": "acme,coinbase",
    }.items():
        monkeypatch.setenv(name, value)
    told = CliRunner().invoke(cli.cli, ["status"]).output
    assert "acme: ERROR, transient, never a success" in told, told
    assert "coinbase: " not in told, "nothing is wrong with it"


def test_the_key_is_nowhere(
    asked: Settings, vendor: Vendor, command: CliRunner, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs, events, metadata, the warehouse, reports: every file of the home is searched.

    Every keyed vendor: test_vendor_secrets.py.
    """
    vendor.on("/status", Script(b"", 401))
    caplog.set_level(logging.DEBUG)
    vendor.on("/bars", json(body(bar(MONDAY))), Script(b"", 401))
    made = run(asked)
    vendor.on("/bars", Script(b"no json", 302, {"location": f"http://x.test/?apiKey={KEY}"}))
    made.fetch(MONDAY, TUESDAY)
    outputs = [command.invoke(cli.cli, words.split()).output for words in SAYING]
    assert {a.params["apiKey"] for a in vendor.asked} == {KEY}, "else this test proves nothing"
    spellings = [KEY, "s3cret%2Bk%2Fy", "s3cret+k%2Fy"]
    said = [caplog.text, str(made.outcomes), repr(asked), repr(made.sources), *outputs]
    events = [
        str(record.event_log_entry)
        for run_ in made.instance.get_runs()
        for record in made.instance.get_records_for_run(run_.run_id).records
    ]
    for text in [*said, *events]:
        assert not [s for s in spellings if s in text], text[:2000]
    assert not holding(asked.home, spellings)


def test_a_vendor_without_its_key_waits_and_nothing_fails(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(register.BUILT_IN, "acme", Entry(acme.PROFILE, acme.Acme))
    loaded = register.load(Settings(settings.home, ("acme", "sample")))
    assert [s.spec.name for s in loaded.sources] == ["sample"]
    assert loaded.waiting == (("acme", "ACME_API_KEY"),)
    assert loaded.problems == ()


def test_a_key_too_short_to_be_one_is_refused_and_the_others_load(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blanked in every answer, a key like `1` would change the prices in it."""
    monkeypatch.setitem(register.BUILT_IN, "acme", Entry(acme.PROFILE, acme.Acme))
    for key, taken in (("1", False), ("7 chars", False), ("12345678", True)):
        own = Settings(settings.home, ("acme", "sample"), environment={"ACME_API_KEY": key})
        loaded = register.load(own)
        assert [s.spec.name for s in loaded.sources] == ["acme"] * taken + ["sample"]
        if not taken:
            (problem,) = loaded.problems
            assert f"ACME_API_KEY: a key of {len(key)} characters is none" in problem.message
            assert dict(states(own))["acme"] == problem.message


@pytest.fixture
def command(asked: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    for name, value in {
        **asked.environment,
        "FUNDPLATFORM_HOME": str(asked.home),
        "FUNDPLATFORM_SOURCES": "acme",
    }.items():
        monkeypatch.setenv(name, value)
    yield CliRunner()


def test_sources_check_says_what_the_key_may_do(command: CliRunner, vendor: Vendor) -> None:
    vendor.on("/status", json({"ok": True}))
    done = command.invoke(cli.cli, ["sources", "check"])
    assert (done.exit_code, done.output) == (0, "acme: the key is good: ohlcv\n")
    vendor.on("/status", json({"error": "bad plan"}))
    done = command.invoke(cli.cli, ["sources", "check", "acme"])
    assert done.exit_code == 1
    assert "the key is known, but may not do this" in done.output
    assert len(vendor.asked) == 2, "one cheap call each"


def test_a_check_that_succeeds_ends_the_pause(
    command: CliRunner, asked: Settings, vendor: Vendor
) -> None:
    vendor.on("/bars", json({"error": "bad key"}))
    failing = run(asked)
    for _ in range(2):
        failing.fetch(MONDAY, TUESDAY)
    vendor.on("/status", json({}))
    assert command.invoke(cli.cli, ["sources", "check"]).exit_code == 0
    vendor.on("/bars", json(body(bar(MONDAY), bar(TUESDAY))))
    assert attempts(run(asked, now=datetime.now(UTC)).store)[-1][1] == "ok"


def test_track_and_untrack(command: CliRunner, asked: Settings, vendor: Vendor) -> None:
    done = command.invoke(cli.cli, ["track", "CCC", "A", "--since", "2024-01-31"])
    assert "\nacme: 3 symbols tracked" in done.output
    (source,) = register.load(asked).sources
    assert isinstance(source, acme.Acme)
    new = Tracked("CCC", "CCC", date(2024, 1, 31), "equity", "USD")
    assert [t.vendor_symbol for t in source.access.tracked] == ["A", "BB", "CCC"]
    assert source.access.tracked[-1] == new
    assert command.invoke(cli.cli, ["untrack", "A", "CCC"]).exit_code == 0
    (source,) = register.load(asked).sources
    assert source.spec.tracked == ("BB",)
    assert vendor.asked == [], "nothing is asked for it"


def test_tracking_keeps_every_line_of_a_symbol(command: CliRunner, asked: Settings) -> None:
    """META was FB: two lines of one symbol."""
    was = tracked.Entry("META", "FB", date(2015, 1, 1), date(2022, 6, 8))
    now = tracked.Entry("META", since=date(2022, 6, 9))
    tracked.write(asked.tracked, {"acme": [was, now]})
    assert command.invoke(cli.cli, ["track", "A", "A", "--since", "2024-01-31"]).exit_code == 0
    new = tracked.Entry("A", since=date(2024, 1, 31))
    assert tracked.read(asked.tracked) == {"acme": (was, now, new)}
    again = command.invoke(cli.cli, ["track", "META"])
    assert "acme: META was tracked already; other days: edit tracked.yaml" in again.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["untrack", "ZZZ"], "command line: ZZZ: acme does not track it. It tracks A, BB"),
        (["untrack", "A", ""], "command line: '': acme does not track it. It tracks A, BB"),
        (["track", ""], "command line: '': it is no symbol. Name one, like AAPL or BTC/USD"),
        (["track", "C D"], "command line: C D: it is no symbol. Name one, like AAPL or BTC/USD"),
    ],
)
def test_what_cannot_be_tracked_changes_nothing(
    command: CliRunner, asked: Settings, arguments: list[str], said: str
) -> None:
    before = asked.tracked.read_text()
    done = command.invoke(cli.cli, arguments)
    assert str(done.exception) == said
    late = command.invoke(cli.cli, ["track", "CCC", "--since", "2999-01-01"])
    assert "--since 2999-01-01 is after today" in late.output
    assert asked.tracked.read_text() == before


def test_sources_lists_what_a_vendor_needs(command: CliRunner, asked: Settings) -> None:
    done = command.invoke(cli.cli, ["sources"], env={"ACME_API_KEY": ""})
    assert done.exit_code == 0
    assert "acme: needs ACME_API_KEY" in done.output
    assert Path(asked.tracked).exists()
