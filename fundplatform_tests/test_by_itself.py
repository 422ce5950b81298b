"""Weeks played through by an accelerated clock: schedules and sensors do all, and nothing twice.

25 October to 9 November 2012 has a storm's closure (29 and 30 October) and the end of daylight
saving (4 November). One vendor is two days late, one is dead for some days, one restates a close
which a weekly batch finds. Ticks are forced; nobody sleeps. BY_ITSELF_UNTIL=2013-10-24 makes it a
year.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import cast

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset

from fundplatform import tables
from fundplatform.assets.fund_catalog import FUND_CATALOG
from fundplatform.backfill import AFTERWARDS, CATALOG
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.definitions import build_definitions
from fundplatform.settings import Settings
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.worlds import World

START = date(2012, 10, 25)
END = date.fromisoformat(os.environ.get("BY_ITSELF_UNTIL", "2012-11-09"))
RESTATED = date(2012, 11, 1)
DEAD = (datetime(2012, 10, 31, tzinfo=UTC), datetime(2012, 11, 5, tzinfo=UTC))
CLOSED = {date(2012, 10, 29), date(2012, 10, 30), date(2012, 11, 22)}
INDEX = """
name: mine
title: Mine
universe: {asset_classes: [equity]}
n: 2
rank_by: dollar_volume
window: 3
"""
SAME = (tables.OHLCV, tables.VALIDATED, tables.REJECTED, tables.GATES, tables.COMPOSITIONS,
        tables.PERFORMANCE, tables.LEVELS, tables.METRICS, tables.RISK, tables.TIERS)  # fmt: skip
STAMPS = ("recorded_from", "run_id", "fetched_at")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def vendors() -> list[World]:
    coins = {"calendar": "24/7", "asset_class": "crypto"}
    since = datetime(2012, 11, 6, tzinfo=UTC)
    return [
        World("prompt", ["AAA", "BBB"], START, restated={("AAA", RESTATED): (since, 1.01)}),
        World("tardy", ["BBB", "CCC"], START, priority=200, late=timedelta(days=2)),
        World("coins", ["XBT"], START, dead=DEAD, **coins),  # type: ignore[arg-type]
    ]


def home(settings: Settings, sources: list[World]) -> Pipeline:
    settings.indices.mkdir(parents=True, exist_ok=True)
    (settings.indices / "mine.yaml").write_text(INDEX)
    return make(settings, sources)


class Machine:
    """The daemon's part: ticks at their times, and the runs that they ask for, one by one."""

    def __init__(self, made: Pipeline) -> None:
        """On a home; nothing runs yet."""
        self.made, self.now = made, datetime(2012, 10, 25, tzinfo=UTC)
        made.clock = lambda: self.now
        found = build_definitions(
            made.settings, sources=made.sources, store=made.store, clock=made.clock,
            publish_after_run=False,
        )  # fmt: skip
        self.here = found.get_repository_def()
        self.job = found.resolve_implicit_global_asset_job_def()
        self.cursors: dict[str, str | None] = {}
        self.runs: Counter[str] = Counter()

    def run(self, chunk: Chunk) -> None:
        done = run_chunk(chunk, self.job, self.made.instance)
        self.runs[chunk.label + (" failed" if done.errors else "")] += 1
        self.made.store.publish()

    def schedule(self, name: str) -> None:
        """The tick of a schedule at its own time of the day."""
        definition = self.here.get_schedule_def(name)
        context = dg.build_schedule_context(
            instance=self.made.instance, scheduled_execution_time=self.now
        )
        found = definition(context)
        if isinstance(found, dg.SkipReason):
            return
        key = dg.AssetKey(["raw", name.removeprefix("load_").removesuffix("_ohlcv"), "ohlcv"])
        for one in cast(list[dg.RunRequest], found):
            first, last = (date.fromisoformat(one.tags[t]) for t in (RANGE_START, RANGE_END))
            self.run(Chunk(key.to_user_string(), (key,), first, last))

    def sensor(self, name: str) -> bool:
        """A tick of a sensor and the backfills it asks for; whether there were any."""
        context = dg.build_sensor_context(
            instance=self.made.instance, repository_def=self.here, cursor=self.cursors.get(name)
        )
        found = self.here.get_sensor_def(name)(context)
        if isinstance(found, dg.SkipReason):
            return False
        result = cast(dg.SensorResult, found)
        self.cursors[name] = result.cursor
        for one in result.run_requests or []:
            for chunk in chunks(cast(AssetGraphSubset, one.asset_graph_subset), name):
                self.run(chunk)
        return bool(result.run_requests)

    def settle(self) -> None:
        """Minutes of `propagate`, until it says that all is up to date."""
        for _ in range(6):
            self.now += timedelta(minutes=1)
            if not self.sensor("propagate"):
                return
        raise AssertionError("it never comes to rest")


def chunks(wanted: AssetGraphSubset, label: str) -> Iterator[Chunk]:
    """The runs that Dagster makes of a backfill, in the order of the graph."""
    whole = set(wanted.non_partitioned_asset_keys)
    for keys in (CATALOG, FUND_CATALOG):
        if some := tuple(k for k in keys if k in whole):
            yield Chunk(f"{label} catalog", some)
    ranges: dict[tuple[str, ...], list[dg.AssetKey]] = {}
    for key, days in wanted.partitions_subsets_by_asset_key.items():
        ranges.setdefault(tuple(sorted(days.get_partition_keys())), []).append(key)
    others = tuple(whole - {*CATALOG, *FUND_CATALOG, *AFTERWARDS})
    for names, keys in sorted(ranges.items()):
        days = [date.fromisoformat(n) for n in names]
        breaks = [
            0,
            *(n for n, (a, b) in enumerate(pairwise(days), 1) if b - a > timedelta(days=4)),
        ]
        for a, b in pairwise([*breaks, len(days)]):
            yield Chunk(f"{label} days", (*keys, *others), days[a], days[b - 1])
    if not ranges and others:
        yield Chunk(f"{label} others", others)
    if some := tuple(k for k in AFTERWARDS if k in whole):
        yield Chunk(f"{label} tiers", some)


def times(made: Pipeline, key: str) -> Counter[str]:
    """Partition -> how often it was materialised."""
    records = made.instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=5_000)
    return Counter(r.partition_key for r in records.records if r.partition_key)


def content(made: Pipeline, table: tables.Table) -> pl.DataFrame:
    """Names in place of ids, without stamps."""
    frame = made.store.read(table).drop(*STAMPS, strict=False)
    names = made.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol", "asset_class")
    if "instrument_id" in frame.columns:
        frame = frame.join(names, on="instrument_id").drop("instrument_id")
    if "source_id" in frame.columns:
        known = made.store.read(tables.SOURCES).select("source_id", "name")
        frame = frame.join(known, on="source_id").drop("source_id")
    hashes = [n for n in frame.columns if n.endswith("hash")]
    return frame.drop(hashes).sort(sorted(set(frame.columns) - set(hashes)))


def test_weeks_by_themselves_equal_a_build_at_once(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = home(settings, vendors())
    machine = Machine(made)
    day = START
    while day <= END + timedelta(days=3):
        # Close + 2 h + 5 minutes: 18:05 in New York; the coins' day ends at midnight UTC.
        machine.now = datetime(day.year, day.month, day.day, 2, 5, tzinfo=UTC)
        machine.schedule("load_coins_ohlcv")
        machine.now = datetime(day.year, day.month, day.day, 23 if day >= date(2012, 11, 4) else 22,
                               5, tzinfo=UTC)  # fmt: skip
        for name in ("prompt", "tardy"):
            machine.schedule(f"load_{name}_ohlcv")
        if day.weekday() == 4 and day < END:  # The weekly batch: the last week once more.
            first = max(START, day - timedelta(days=7))
            key = dg.AssetKey(["raw", "prompt", "ohlcv"])
            machine.run(Chunk("batch", (key,), first, day))
        machine.sensor("fill_gaps")
        machine.settle()
        day += timedelta(days=1)
    print(dict(machine.runs))

    prompt, tardy = times(made, "raw/prompt/ohlcv"), times(made, "raw/tardy/ohlcv")
    assert not {d.isoformat() for d in CLOSED} & (set(prompt) | set(tardy))
    assert set(tardy.values()) == {1}, "late, but each session is stored once"
    assert set(times(made, "raw/coins/ohlcv").values()) == {1}
    assert machine.sensor("propagate") is False

    clean = home(Settings(home=tmp_path_factory.mktemp("clean"), sources=()), vendors())
    clean.clock = lambda: machine.now
    clean.backfill(START, machine.now.date())
    assert [o.errors for o in clean.outcomes if o.errors] == []
    for table in SAME:
        assert content(made, table).equals(content(clean, table)), table.full_name
    levels = made.store.read(tables.LEVELS).filter(index_name="mine")
    assert levels.height > 5
