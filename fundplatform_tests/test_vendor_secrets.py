"""No key of any vendor is in anything that is kept or said, though the vendors repeat it.

The keyed vendors are played by one that answers with everything it was sent. What Dagster keeps of
a run is searched in test_vendors.py.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from urllib.parse import quote, quote_plus

import duckdb
import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import cli
from fundplatform.assets.attempts import Wanted, attempt
from fundplatform.definitions import open_store
from fundplatform.errors import SourceError
from fundplatform.instance import init
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.sources.web import client
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.profile import Reply
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.storage.syncs import Syncs
from fundplatform_tests.everything_kept import holding
from fundplatform_tests.sources.vendor_server import Asked, Script, Vendor, serving

NOW = datetime(2024, 3, 6, 12, 0, tzinfo=UTC)
KEYED = {
    name: vendor.profile.key_env
    for name, vendor in register.vendors().items()
    if vendor.profile.key_env is not None
}
SYMBOLS = {"coingecko": "BTC/USD", "fred": "DGS10"}


def key(name: str) -> str:
    return f"s3cret+k/y-{name}"


def spellings(name: str) -> list[str]:
    own = key(name)
    return [own, quote(own, safe=""), quote_plus(own), quote(own)]


@dataclass
class Echo(Vendor):
    """Answers with what it was sent: in status 200, refused, or redirected."""

    status: int = 200

    def answer(self, asked: Asked, target: str) -> Script:
        self.asked.append(asked)
        sent = f"{target} {dict(asked.params)} {dict(asked.headers)}".replace('"', "'")
        headers = {"location": f"https://elsewhere.test{target}", "x-request": target}
        body = f'{{"error": "{sent}", "status": "ERROR", "message": "{sent}"}}'
        return Script(body.encode(), self.status, headers)


@pytest.fixture
def vendor() -> Iterator[Echo]:
    with serving() as running:
        running.__class__ = Echo
        assert isinstance(running, Echo)
        running.status = 200
        yield running


@pytest.fixture
def installed(settings: Settings, vendor: Echo, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with all keyed vendors, each tracking one symbol; nothing is waited for."""
    fast = partial(client.HttpWeb, sleep=lambda seconds: None)
    monkeypatch.setattr(client, "HttpWeb", fast)
    environment = {
        "FUNDPLATFORM_HOME": str(settings.home),
        "FUNDPLATFORM_SOURCES": ",".join(KEYED),
    }
    for name, variable in KEYED.items():
        environment[str(variable)] = key(name)
        environment[f"FUNDPLATFORM_{name.upper()}_URL"] = vendor.url
        entry = register.BUILT_IN[name]
        assert isinstance(entry, register.Vendor)
        free = replace(entry, profile=replace(entry.profile, rates=()))
        monkeypatch.setitem(register.BUILT_IN, name, free)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    lines = [f"{name}: [{SYMBOLS.get(name, 'AAPL')}: {{since: 2024-01-02}}]" for name in KEYED]
    settings.tracked.write_text("\n".join(lines) + "\n")
    return replace(settings, sources=tuple(KEYED), environment=environment)


def failures(settings: Settings, said: Callable[[str], None]) -> None:
    """Fetch every kind of every vendor; what goes wrong is said."""
    store = open_store(settings)
    assert isinstance(store, DuckDBStore)
    with store.held():
        for source in register.load(settings, lambda: NOW).sources:
            said(repr(source))
            for kind in source.spec.kinds:
                wanted = Wanted(kind, date(2024, 3, 4), date(2024, 3, 5))
                syncs = Syncs(store, [source])
                try:
                    done = attempt(source, wanted, lambda: NOW, syncs, "run", f"raw/{kind}")
                except SourceError as error:
                    said(f"{error} {error!r} {error.__cause__!r} {error.__context__!r}")
                else:
                    said(str(done))


def test_every_keyed_vendor_is_here() -> None:
    assert set(KEYED) == {"massive", "finnhub", "alpha_vantage", "coingecko", "fred"}


def test_no_key_is_kept_or_said(
    installed: Settings, vendor: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    runner = CliRunner()
    init(installed, open_store(installed))
    for status in (200, 403, 302):
        vendor.status = status
        failures(installed, told.append)
        told.append(runner.invoke(cli.cli, ["sources", "check"]).output)
    open_store(installed).publish()
    for command in (
        ["status"],
        ["sources"],
        ["backfill", "--from", "2024-03-04", "--to", "2024-03-05", "--plan"],
        ["report", "quality"],
        ["revisions", "AAPL"],
        ["payloads", "prune", "--older-than", "8"],
    ):
        done = runner.invoke(cli.cli, command)
        told.append(f"{done.output} {done.exception!r}")
    told.append(caplog.text)
    for name in KEYED:
        sent = str([(a.path, a.params, a.headers) for a in vendor.asked])
        assert key(name) in sent, f"{name} was not asked: this test proves nothing"
        found = [text for text in told if any(s in text for s in spellings(name))]
        assert not found, f"the key of {name} is said: {found[0][:2000]}"
        assert not holding(installed.home, spellings(name)), name
    archive = installed.payloads / "archive"
    assert len(list(archive.glob("*/*.jsonl"))) >= len(KEYED), "the archive was searched"


def test_what_is_compressed_is_searched(settings: Settings) -> None:
    """Else a key in an archived body or in a table would not be found."""
    body = b"{'key': 's3cret+k/y'}" * 50
    reply = Reply("/", 200, {}, body, hashlib.sha256(body).hexdigest(), NOW)
    Bodies(settings.home).put(reply)
    pl.DataFrame({"a": ["t4bular+k/y"] * 50}).write_parquet(settings.home / "a.parquet")
    with duckdb.connect(str(settings.home / "w.duckdb")) as connection:
        connection.sql("create table t as select 'in a t4ble' || '+k/y' as k from range(5000)")
    found = [holding(settings.home, [k]) for k in ("s3cret+k/y", "t4bular+k/y", "t4ble+k/y")]
    assert [names[-1].rpartition(" ")[2] for names in found] == ["unpacked", "unpacked", "main.t"]
