"""The sensors on a real location: holes are named and asked for exactly, and it terminates."""

import random
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import dagster as dg
import duckdb
import pytest

from fundplatform.automation.gap_ledger import ledgers
from fundplatform.automation.heat_map import heat_map
from fundplatform.automation.ledger_asset import table
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.definitions import build_definitions
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind, SourceSpec
from fundplatform.sources.sample import Sample
from fundplatform_tests.pipeline import Pipeline, make

# Thanksgiving and the half day after it lie within; Facebook lists on 2012-05-18.
FIRST, LAST = date(2012, 5, 1), date(2012, 12, 3)
LOADED = datetime(2013, 6, 1, tzinfo=UTC)
LATER = LOADED + timedelta(days=2)


class Short(Sample):
    """The sample's bars, expected for half a year only."""

    @property
    def spec(self) -> SourceSpec:
        spec = super().spec
        coverage = replace(spec.kinds[Kind.OHLCV], start=FIRST, end=LAST)
        return replace(spec, kinds={Kind.OHLCV: coverage})


@pytest.fixture(scope="module")
def loaded_home(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Path:
    """Loaded once; each test gets a copy."""
    home = tmp_path_factory.mktemp("loaded")
    (home / "calendars").symlink_to(calendar_cache)
    made = make(Settings(home=home, lock_timeout=20), [Short()])
    made.clock = lambda: LOADED
    made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    made.instance.dispose()
    return home


@pytest.fixture
def loaded(settings: Settings, loaded_home: Path) -> Pipeline:
    shutil.copytree(loaded_home, settings.home, symlinks=True, dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("calendars"))  # fmt: skip
    made = make(settings, [Short()])
    made.clock = lambda: LOADED
    return made


def location(made: Pipeline, now: datetime) -> dg.Definitions:
    return build_definitions(
        made.settings, sources=made.sources, store=made.store, clock=lambda: now
    )


def tick(made: Pipeline, name: str, now: datetime, cursor: str | None = None) -> dg.SensorResult:
    found = location(made, now)
    context = dg.build_sensor_context(
        instance=made.instance, repository_def=found.get_repository_def(), cursor=cursor
    )
    assert context.repository_def is not None
    return cast(dg.SensorResult, context.repository_def.get_sensor_def(name)(context))


def asked(result: dg.SensorResult) -> dict[str, list[str]]:
    """Partitions by asset of every request."""
    found: dict[str, list[str]] = {}
    for one in result.run_requests or []:
        subset = one.asset_graph_subset
        assert subset is not None
        for key, days in subset.partitions_subsets_by_asset_key.items():
            found.setdefault(key.to_user_string(), []).extend(sorted(days.get_partition_keys()))
        for key in subset.non_partitioned_asset_keys:
            found.setdefault(key.to_user_string(), [])
    return found


def test_nothing_is_missing_after_a_load(loaded: Pipeline) -> None:
    """Holidays, the half day, and the time before Facebook's first trade are no gaps."""
    result = tick(loaded, "fill_gaps", LATER)
    assert isinstance(result, dg.SkipReason)
    assert result.skip_message == "no gaps"
    (bars, *_) = ledgers(loaded.store, loaded.instance, loaded.sources, LATER)
    rows = bars.ranges.select("vendor_symbol", "state", "place", "last_session").rows()
    assert rows == [("FB", "not_listed", "head", date(2012, 5, 17))]


def test_holes_are_named_filled_and_gone(loaded: Pipeline) -> None:
    """Rows, days, a symbol and a month deleted at random: exactly these are asked for again."""
    dice = random.Random(7)  # noqa: S311
    with duckdb.connect(str(loaded.settings.warehouse)) as connection:
        held = connection.sql(
            "select l.vendor_symbol, r.session, r.instrument_id from raw.ohlcv r "
            "join catalog.listings l using (instrument_id)"
        ).fetchall()
        days = sorted({day for _, day, _ in held})
        lost = {(s, d) for s, d, _ in dice.sample(held, 12)}
        lost |= {(s, d) for s, d, _ in held if d in dice.sample(days, 3)}
        lost |= {(s, d) for s, d, _ in held if d.month == 8}
        lost |= {(s, d) for s, d, _ in held if s == "IBM"}
        ids = {s: i for s, _, i in held}
        connection.executemany(
            "delete from raw.ohlcv where instrument_id = ? and session = ?",
            [(ids[s], d) for s, d in lost],
        )
    loaded.store.publish()
    (bars, *_) = ledgers(loaded.store, loaded.instance, loaded.sources, LATER)
    named = bars.cells.filter(state="vendor_missing").select("vendor_symbol", "session").rows()
    assert set(named) == lost
    assert "#" in heat_map([bars])
    # One day later they are due; all symbols lack something, so sessions are asked for whole.
    assert isinstance(tick(loaded, "fill_gaps", LOADED + timedelta(hours=5)), dg.SkipReason)
    found = asked(tick(loaded, "fill_gaps", LATER))
    assert set(found["raw/sample/ohlcv"]) == {d.isoformat() for _, d in lost}
    assert found["ops/gaps"] == []
    job = loaded.job(FIRST, LAST)
    key = dg.AssetKey(["raw", "sample", "ohlcv"])
    days = sorted({d for _, d in lost})
    done = run_chunk(Chunk("again", (key,), days[0], days[-1]), job.job, loaded.instance)
    assert not done.errors
    loaded.store.publish()
    assert isinstance(tick(loaded, "fill_gaps", LATER), dg.SkipReason)


def test_the_ledger_is_a_table(loaded: Pipeline) -> None:
    job = loaded.job(FIRST, LAST)
    for _ in range(2):
        done = run_chunk(Chunk("gaps", (dg.AssetKey(["ops", "gaps"]),)), job.job, loaded.instance)
        assert not done.errors
        loaded.store.publish()
    (row,) = loaded.store.query("select * from ops.gaps where kind = 'ohlcv'").to_dicts()
    assert (row["vendor_symbol"], row["state"], row["sessions"]) == ("FB", "not_listed", 13)
    assert table([]).columns[0] == "source"


def test_new_data_flows_downstream_once(settings: Settings) -> None:
    made = make(settings, [Short()])
    made.clock = lambda: LOADED
    assert isinstance(tick(made, "propagate", LATER), dg.SkipReason)
    made.fetch(FIRST, FIRST + timedelta(days=8))
    result = tick(made, "propagate", LATER)
    found = asked(result)
    days = [(FIRST + timedelta(days=n)).isoformat() for n in range(9)]
    assert found["prices/validated"][:8] == days[:8]
    assert found["funds/metrics"] == found["prices/validated"]
    assert found["catalog/instruments"] == found["catalog/tiers"] == []
    assert "raw/sample/ohlcv" not in found
    # What was asked for is not asked for every minute, should it fail.
    again = tick(made, "propagate", LATER, result.cursor)
    assert isinstance(again, dg.SkipReason)
    late = tick(made, "propagate", LATER + timedelta(hours=1), result.cursor)
    assert asked(late) == found
    made.backfill(FIRST, FIRST + timedelta(days=8))
    done = tick(made, "propagate", LATER)
    assert isinstance(done, dg.SkipReason)
    assert done.skip_message == "everything downstream is up to date"
