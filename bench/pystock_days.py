"""Seventy daily archives as they came: each repeats the session before, some of it restated.

    python -m bench.pystock_days [FOLDER] [HOW_MANY]

Every archive is put into a drop folder in place of the one before, and taken in, as the sensor of
drop folders does each day. Printed: rows, revisions, and the sessions that are marked as changed.
Not a part of `make bench`.
"""

import os
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from fundplatform import tables
from fundplatform.backfill import Backfill
from fundplatform.change_log import ChangeLog
from fundplatform.definitions import build_definitions, open_store
from fundplatform.instance import init, open_instance
from fundplatform.quiet import quiet_logger
from fundplatform.settings import Settings
from fundplatform.sources import register
from fundplatform.storage.base import Store

ASSET = "raw/pystock/ohlcv"
YAML = "start: 2016-02-19\nend: 2016-05-31\ncolumns: {session: date}\n"
SPAN = (date(2016, 2, 19), date(2016, 5, 31))
_COUNTED = ("inserted", "updated", "unchanged")
_HEADS = f"{'inserted':>10}{'updated':>9}{'unchanged':>11}{'marked':>8}{'CPU s':>8}"
LATER = datetime(2016, 7, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Day:
    """What one archive brought; `marked` are the sessions that are computed again for it."""

    name: str
    inserted: int
    updated: int
    unchanged: int
    marked: int
    cpu_seconds: float


def main(archives: Path, most: int) -> None:
    """Take the archives in, one by one; then the last one once more."""
    with TemporaryDirectory() as home:
        settings = Settings(home=Path(home), sources=())
        print(f"{'archive':<10}{_HEADS}")
        for day in walk(settings, archives, most):
            rows = f"{day.inserted:>10,}{day.updated:>9,}{day.unchanged:>11,}"
            print(f"{day.name:<10}{rows}{day.marked:>8}{day.cpu_seconds:>8.1f}", flush=True)
        for name, count in held(settings).items():
            print(f"{name}: {count:,} rows")


def walk(settings: Settings, archives: Path, most: int) -> Iterator[Day]:
    """Into an empty home, one archive after the other; then the last one once more."""
    folder = settings.drop / "pystock"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(YAML)
    init(settings, open_store(settings))
    for path in sorted(archives.glob("*.tar.gz"))[:most]:
        _put(path, folder)
        yield _day(settings, path.name[:8], refetch=False)
    yield _day(settings, "the same", refetch=True)


def held(settings: Settings) -> dict[str, int]:
    """Rows of each table, once published."""
    store = open_store(settings)
    store.publish()
    count = "select count(*) as n from {}"
    names = ("raw.ohlcv", "raw.ohlcv_revisions", "raw.rejected")
    return {name: int(store.query(count.format(name))["n"][0]) for name in names}


def _put(archive: Path, folder: Path) -> None:
    """The archive's prices as the only file: what was taken in stays in the warehouse."""
    before, target = [*folder.glob("*.csv")], folder / f"{archive.name[:8]}.csv"
    with tarfile.open(archive) as packed:
        prices = packed.extractfile("prices.csv")
        if prices is None:
            raise RuntimeError(f"{archive} has no prices.csv")
        new = target.with_suffix(".part")
        new.write_bytes(prices.read())
        new.rename(target)
    for old in before:
        old.unlink()


def _day(settings: Settings, name: str, *, refetch: bool) -> Day:
    """One look at the folder and the runs that follow."""
    begun = sum(os.times()[:2])
    store = open_store(settings)
    loaded = register.load(settings)
    definitions = build_definitions(
        settings,
        sources=loaded.sources,
        store=store,
        clock=lambda: LATER,
        publish_after_run=False,
        loggers={"console": quiet_logger},
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    before = ChangeLog.read(store).changed.get(ASSET, {})
    told = _told(store)
    with open_instance(settings) as instance:
        whole = Backfill(
            loaded.sources, loaded.sources, instance, job, *SPAN,
            refetch=refetch, clock=lambda: LATER, store=store,
        )  # fmt: skip
        done = whole.execute(whole.fetches(), lambda _: None, lambda _: None)
    if errors := [o.errors for o in done if o.errors]:
        raise RuntimeError(f"{errors}")
    after = ChangeLog.read(store).changed.get(ASSET, {})
    marked = sum(before.get(day) != number for day, number in after.items())
    rows = [now - then for now, then in zip(_told(store), told, strict=True)]
    return Day(name, *rows, marked, sum(os.times()[:2]) - begun)


def _told(store: Store) -> tuple[int, ...]:
    """Rows inserted, updated, unchanged in all loads so far."""
    loads = store.read(tables.LOADS)
    return loads.select(pl.col(f"rows_{n}").sum() for n in _COUNTED).row(0)


if __name__ == "__main__":
    given = Path(os.environ.get("FUNDPLATFORM_SHARED_DATA", "../shared/data"))
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else given / "us_stocks" / "pystock_daily"
    main(where, int(sys.argv[2]) if len(sys.argv) > 2 else 70)
