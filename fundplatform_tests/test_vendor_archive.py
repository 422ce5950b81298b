"""The payload archive in the whole pipeline: rebuilt from, damaged, pruned."""

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from fundplatform import cli, tables
from fundplatform.chunks import run_chunk
from fundplatform.definitions import open_store
from fundplatform.settings import Settings
from fundplatform.storage.base import Store
from fundplatform_tests import test_vendors
from fundplatform_tests.sources.test_vendor_contract import bar, body
from fundplatform_tests.sources.vendor_server import Script, Vendor, json
from fundplatform_tests.test_vendors import KEY, MONDAY, NOW, TUESDAY, run

vendor, asked, command = test_vendors.vendor, test_vendors.asked, test_vendors.command


@pytest.mark.slow
def test_the_archive_rebuilds_raw_without_the_network(
    command: CliRunner, asked: Settings, vendor: Vendor, tmp_path: Path
) -> None:
    """A new home with nothing but the archive: the same rows and hashes, and revisions."""
    vendor.on("/bars", json(body(bar(MONDAY, 1.0))), json(body(bar(MONDAY), bar(TUESDAY))))
    before = run(asked)
    # A fetch that fails, and one that corrects Monday's close of A and brings the rest.
    vendor.on("/bars", Script(b"", 403))
    before.fetch(MONDAY, TUESDAY)
    vendor.on("/bars", json(body(bar(MONDAY, 2.0), bar(TUESDAY))))
    job = before.job(MONDAY, TUESDAY, refetch=True)
    for chunk in job.fetches():
        assert not run_chunk(chunk, job.job, before.instance).errors
    asked_before, home = len(vendor.asked), tmp_path / "new"
    (home / "payloads").mkdir(parents=True)
    shutil.copytree(asked.payloads / "archive", home / "payloads" / "archive")
    (home / "calendars").symlink_to((asked.home / "calendars").resolve())
    done = command.invoke(cli.cli, ["rebuild", "acme"], env={"FUNDPLATFORM_HOME": str(home)})
    assert done.exit_code == 0, done.output
    assert "2 fetches played again, 0 failed" in done.output
    assert len(vendor.asked) == asked_before, "nothing was asked"
    after = open_store(Settings(home))
    for table in (tables.OHLCV, tables.PAYLOADS, tables.REJECTED_AT_LOAD):
        own = [n for n in table.column_names if n not in ("recorded_from", "run_id")]
        left, right = (s.read(table, columns=own) for s in (before.store, after))
        assert left.equals(right), table.full_name
    old = tables.revisions_of(tables.OHLCV)
    for store in (before.store, after):
        assert sorted(store.read(old)["close"]) == [1.0, 10.5]


def test_a_damaged_archive_is_told(command: CliRunner, asked: Settings, vendor: Vendor) -> None:
    vendor.on("/bars", json(body(bar(MONDAY), bar(TUESDAY))))
    run(asked)
    (path,) = (asked.payloads / "archive" / "bodies").rglob("*.zst")
    path.write_bytes(pa.compress(b"[]" * 50, codec="zstd", asbytes=True))
    done = command.invoke(cli.cli, ["rebuild"])
    assert done.exit_code == 1
    assert path.name in done.output


@pytest.mark.slow
def test_a_key_that_the_vendor_repeats_is_not_kept(asked: Settings, vendor: Vendor) -> None:
    vendor.on("/bars", json({"error": f"your key {KEY} is unknown"}))
    run(asked)
    (path,) = (asked.payloads / "archive" / "bodies").rglob("*.zst")
    wanted = b'{"error": "your key *** is unknown"}'
    assert pa.decompress(path.read_bytes(), len(wanted), codec="zstd", asbytes=True) == wanted


def test_the_archive_can_be_off_for_a_source(asked: Settings, vendor: Vendor) -> None:
    vendor.on("/bars", json(body(bar(MONDAY), bar(TUESDAY))))
    run(replace(asked, archive=("massive",)))
    assert not (asked.payloads / "archive").exists()


def stored(store: Store) -> list[list[tuple[object, ...]]]:
    named = (tables.OHLCV, tables.revisions_of(tables.OHLCV), tables.REJECTED_AT_LOAD)
    stamps = ("recorded_from", "recorded_to", "run_id")
    return [
        store.read(t, columns=[n for n in t.column_names if n not in stamps]).rows() for t in named
    ]


@pytest.mark.slow
def test_only_what_no_row_needs_is_pruned(
    command: CliRunner, asked: Settings, vendor: Vendor, tmp_path: Path
) -> None:
    """Three fetches: rows, the same rows in another answer, a correction. The second goes."""
    made = None
    for minute, close in enumerate((1.0, 1.0, 2.0)):
        # Another answer each time, as vendors number theirs.
        told = {**body(bar(MONDAY, close), bar(TUESDAY)), "request_id": minute}
        vendor.on("/bars", json(told), json({"error": "no such symbol"}))
        now = NOW + timedelta(minutes=minute)
        if made is None:
            made = run(asked, now=now)
            continue
        made.clock = lambda now=now: now  # type: ignore[misc]
        job = made.job(MONDAY, TUESDAY, refetch=True)
        for chunk in job.fetches():
            assert not run_chunk(chunk, job.job, made.instance).errors
    assert made is not None
    folder = asked.payloads / "archive"
    for path in (folder / "bodies").rglob("*.zst"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    names = sorted(p.name for p in (folder / "acme").iterdir())
    prune = ["payloads", "prune", "--older-than", "30"]
    before, bodies = stored(made.store), set((folder / "bodies").rglob("*.zst"))
    dry = command.invoke(cli.cli, prune)
    assert dry.exit_code == 0, dry.output
    assert "acme: 1 fetch would go, 2 stay" in dry.output
    assert "nothing is removed without --yes" in dry.output
    assert sorted(p.name for p in (folder / "acme").iterdir()) == names
    assert set((folder / "bodies").rglob("*.zst")) == bodies
    done = command.invoke(cli.cli, [*prune, "--yes"])
    assert "acme: 1 fetch removed, 2 stay" in done.output, done.output
    assert sorted(p.name for p in (folder / "acme").iterdir()) == [names[0], names[2]]
    left = {p.stem for p in (folder / "bodies").rglob("*.zst")}
    named = set(made.store.read(tables.OHLCV)["payload_hash"])
    named |= set(made.store.read(tables.revisions_of(tables.OHLCV))["payload_hash"])
    assert named <= left and len(left) < len(bodies)
    # What stays gives the same rows, versions and hashes.
    home = tmp_path / "new"
    shutil.copytree(folder, home / "payloads" / "archive")
    (home / "calendars").symlink_to((asked.home / "calendars").resolve())
    done = command.invoke(cli.cli, ["rebuild", "acme"], env={"FUNDPLATFORM_HOME": str(home)})
    assert done.exit_code == 0, done.output
    assert stored(open_store(Settings(home))) == before


def test_a_prune_says_what_it_cannot_do(command: CliRunner) -> None:
    prune = ["payloads", "prune", "--older-than"]
    assert "it is no vendor" in str(command.invoke(cli.cli, [*prune, "30", "sample"]).exception)
    assert "Give 8 or more" in str(command.invoke(cli.cli, [*prune, "7"]).exception)
