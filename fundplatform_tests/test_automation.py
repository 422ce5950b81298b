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
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.storage.tags import BACKFILL_ID_TAG, RUN_FAILURE_REASON_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.utils import make_new_backfill_id, make_new_run_id

from fundplatform import tables
from fundplatform.automation.gap_ledger import ledgers
from fundplatform.automation.gap_sensor import SOONER
from fundplatform.automation.heat_map import heat_map
from fundplatform.automation.ledger_asset import table
from fundplatform.automation.requests import ORIGIN, one_run
from fundplatform.chunks import Chunk, run_chunk
from fundplatform.definitions import build_definitions
from fundplatform.health import Health
from fundplatform.settings import Settings
from fundplatform.sources.base import Kind, SourceSpec
from fundplatform.sources.sample import Sample
from fundplatform.storage.base import Slice, Stamp
from fundplatform.storage.io_manager import RANGE_END, RANGE_START
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


_BUILT: dict[Path, tuple[dg.RepositoryDefinition, list[datetime]]] = {}


def tick(
    made: Pipeline, name: str, now: datetime, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    """One evaluation; the location is built once a home, and told what time it is."""
    home = made.settings.home
    if home not in _BUILT:
        clock = [now]
        found = build_definitions(
            made.settings, sources=made.sources, store=made.store, clock=lambda: clock[0]
        )
        _BUILT[home] = found.get_repository_def(), clock
    repository, clock = _BUILT[home]
    clock[0] = now
    context = dg.build_sensor_context(
        instance=made.instance, repository_def=repository, cursor=cursor
    )
    return cast(dg.SensorResult | dg.SkipReason, repository.get_sensor_def(name)(context))


def asked(result: dg.SensorResult | dg.SkipReason) -> dict[str, list[str]]:
    """Partitions by asset of every request."""
    assert isinstance(result, dg.SensorResult), result
    found: dict[str, list[str]] = {}
    for one in result.run_requests or []:
        if one.asset_selection:
            found |= {key.to_user_string(): [] for key in one.asset_selection}
            found["days"] = [one.tags[RANGE_START], one.tags[RANGE_END]]
            continue
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
    # One day later they are due; files bring all symbols, so each session is asked for once.
    assert isinstance(tick(loaded, "fill_gaps", LOADED + timedelta(hours=5)), dg.SkipReason)
    found = asked(tick(loaded, "fill_gaps", LATER))
    assert found["raw/sample/ohlcv"] == sorted({d.isoformat() for _, d in lost})
    assert found["ops/gaps"] == []
    job = loaded.job(FIRST, LAST)
    key = dg.AssetKey(["raw", "sample", "ohlcv"])
    days = sorted({d for _, d in lost})
    done = run_chunk(Chunk("again", (key,), days[0], days[-1]), job.job, loaded.instance)
    assert not done.errors
    loaded.store.publish()
    assert isinstance(tick(loaded, "fill_gaps", LATER), dg.SkipReason)


HOLE = "2012-08-15"


@pytest.fixture
def with_a_hole(loaded: Pipeline) -> Pipeline:
    """One day is gone; the ledger has one thing to ask for."""
    with duckdb.connect(str(loaded.settings.warehouse)) as connection:
        connection.execute("delete from raw.ohlcv where session = ?", [HOLE])
    loaded.store.publish()
    return loaded


def hand_over(made: Pipeline, result: dg.SensorResult | dg.SkipReason) -> PartitionBackfill:
    """What the daemon makes of the first request."""
    assert isinstance(result, dg.SensorResult), result
    (one, _) = result.run_requests or []
    assert one.asset_graph_subset is not None
    made.instance.add_backfill(
        PartitionBackfill.from_asset_graph_subset(
            backfill_id=make_new_backfill_id(), backfill_timestamp=LATER.timestamp(),
            tags=dict(one.tags), dynamic_partitions_store=made.instance,
            asset_graph_subset=one.asset_graph_subset, title=None, description=None,
            run_config=None,
        )
    )  # fmt: skip
    return made.instance.get_backfills()[0]


def cursor_of(result: dg.SensorResult | dg.SkipReason) -> str | None:
    assert isinstance(result, dg.SensorResult), result
    return result.cursor


def ended(made: Pipeline, backfill: PartitionBackfill, status: str, reason: str = "") -> None:
    """The backfill is over; where a reason is given, because a run of it failed."""
    if reason:
        tags = {BACKFILL_ID_TAG: backfill.backfill_id, RUN_FAILURE_REASON_TAG: reason}
        failed = dg.DagsterRunStatus.FAILURE
        made.instance.add_run(
            dg.DagsterRun("j", run_id=make_new_run_id(), status=failed, tags=tags)
        )
    made.instance.update_backfill(backfill.with_status(BulkActionStatus[status]))


def said(result: dg.SensorResult | dg.SkipReason) -> str:
    assert isinstance(result, dg.SkipReason), asked(result)
    return result.skip_message or ""


def test_what_is_under_way_is_said_and_not_asked_for(with_a_hole: Pipeline) -> None:
    first = tick(with_a_hole, "fill_gaps", LATER)
    backfill = hand_over(with_a_hole, first)
    fetched = f"1 session of raw/sample/ohlcv being fetched by backfill {backfill.backfill_id}"
    assert said(tick(with_a_hole, "fill_gaps", LATER)) == fetched
    soon = said(tick(with_a_hole, "fill_gaps", LATER + timedelta(minutes=1), cursor_of(first)))
    assert soon == (
        f"1 session of raw/sample/ohlcv asked for; under way: backfill {backfill.backfill_id} "
        "(looked at 00:00, next look at 01:00 UTC)"
    )


def test_a_vendor_whose_calls_are_used_up_is_left_until_it_has_some(with_a_hole: Pipeline) -> None:
    until = LATER + timedelta(hours=5)
    known = Health("sample", "RATE_LIMITED", 50.0, 25, 25, 1, LATER, None, "quota_exhausted", until)
    with with_a_hole.store.transaction(Stamp("by hand", LATER)) as writer:
        writer.write(tables.SOURCE_HEALTH, known.row(), Slice({"source": "sample"}))
    with_a_hole.store.publish()
    assert said(tick(with_a_hole, "fill_gaps", LATER)) == (
        "1 session of raw/sample/ohlcv left until 2013-06-03 05:00 UTC, when the vendor's rest ends"
    )
    assert asked(tick(with_a_hole, "fill_gaps", until))["raw/sample/ohlcv"] == [HOLE]


DIED = [
    ("COMPLETED_FAILED", "UNEXPECTED_TERMINATION", True),
    ("COMPLETED_FAILED", "START_TIMEOUT", True),
    ("FAILED", "", True),
    ("COMPLETED_FAILED", "STEP_FAILURE", False),
    ("CANCELED", "", False),
]


def test_what_died_is_asked_for_again_at_once(with_a_hole: Pipeline) -> None:
    """What the vendor refused, or a person cancelled, is asked for again after the hour."""
    for status, reason, again in DIED:
        first = tick(with_a_hole, "fill_gaps", LATER)
        ended(with_a_hole, hand_over(with_a_hole, first), status, reason)
        soon = tick(with_a_hole, "fill_gaps", LATER + timedelta(minutes=1), cursor_of(first))
        assert isinstance(soon, dg.SensorResult) is again, (status, reason)
        late = tick(with_a_hole, "fill_gaps", LATER + timedelta(hours=1), cursor_of(first))
        assert asked(late)["raw/sample/ohlcv"] == [HOLE]


def test_what_dies_every_time_is_not_started_for_ever(with_a_hole: Pipeline) -> None:
    result, starts = tick(with_a_hole, "fill_gaps", LATER), 0
    cursor = cursor_of(result)
    for minute in range(1, 30):
        if isinstance(result, dg.SensorResult):
            starts, cursor = starts + 1, cursor_of(result)
            ended(with_a_hole, hand_over(with_a_hole, result), "FAILED")
        result = tick(with_a_hole, "fill_gaps", LATER + timedelta(minutes=minute), cursor)
    assert starts == 1 + SOONER


def test_after_a_good_end_it_looks_and_what_did_not_come_waits(with_a_hole: Pipeline) -> None:
    """The backfill says that all went well and the session is still not there."""
    first = tick(with_a_hole, "fill_gaps", LATER)
    ended(with_a_hole, hand_over(with_a_hole, first), "COMPLETED_SUCCESS")
    soon = tick(with_a_hole, "fill_gaps", LATER + timedelta(minutes=1), cursor_of(first))
    assert said(soon) == "1 session of raw/sample/ohlcv asked for within the hour and not there"
    job, day = with_a_hole.job(FIRST, LAST), date.fromisoformat(HOLE)
    key = dg.AssetKey(["raw", "sample", "ohlcv"])
    assert not run_chunk(Chunk("again", (key,), day, day), job.job, with_a_hole.instance).errors
    with_a_hole.store.publish()
    now = LATER + timedelta(minutes=2)
    assert said(tick(with_a_hole, "fill_gaps", now, cursor_of(first))) == "no gaps"


def test_the_ledger_is_a_table(loaded: Pipeline) -> None:
    job = loaded.job(FIRST, LAST)
    for _ in range(2):
        done = run_chunk(Chunk("gaps", (dg.AssetKey(["ops", "gaps"]),)), job.job, loaded.instance)
        assert not done.errors
        loaded.store.publish()
    told = loaded.instance.get_latest_materialization_event(dg.AssetKey(["ops", "gaps"]))
    assert told is not None and told.asset_materialization is not None
    metadata = told.asset_materialization.metadata
    # The picture; the number is what Dagster plots from run to run.
    assert "sample             ohlcv              2012" in str(metadata["heat map"].value)
    assert metadata["sessions vendor_missing"].value == 0
    (row,) = loaded.store.query("select * from ops.gaps where kind = 'ohlcv'").to_dicts()
    assert (row["vendor_symbol"], row["state"], row["sessions"]) == ("FB", "not_listed", 13)
    assert table([]).columns[0] == "source"


def test_one_run_is_asked_for_where_one_does() -> None:
    a, b, c = (dg.AssetKey(["some", name]) for name in "abc")
    day, later = date(2012, 5, 1), date(2012, 5, 2)
    request = one_run([Chunk("", (a,)), Chunk("", (b, a), day, later, 2), Chunk("", (c,))], "us")
    assert request is not None
    assert request.asset_selection == [a, b, c]
    span = {RANGE_START: "2012-05-01", RANGE_END: "2012-05-02"}
    assert request.tags == {ORIGIN: "us", **span}
    two = [Chunk("", (a,), day, day), Chunk("", (b,), later, later)]
    assert one_run(two, "us") is None, "two stretches"
    assert one_run([Chunk("", (a,), day, later, 251)], "us") is None, "more than a run takes"


def test_new_data_flows_downstream_once(settings: Settings) -> None:
    made = make(settings, [Short()])
    made.clock = lambda: LOADED
    assert isinstance(tick(made, "propagate", LATER), dg.SkipReason)
    made.fetch(FIRST, FIRST + timedelta(days=8))
    result = tick(made, "propagate", LATER)
    found = asked(result)
    assert found.pop("days") == ["2012-05-01", "2012-05-09"]
    wanted = {"catalog/instruments", "prices/validated", "indices/levels", "funds/metrics"}
    assert wanted | {"catalog/market_caps", "catalog/tiers"} <= set(found)
    assert not [name for name in found if name.startswith("raw/")]
    # What was asked for is not asked for every minute, should it fail.
    again = tick(made, "propagate", LATER, cursor_of(result))
    assert isinstance(again, dg.SkipReason)
    late = tick(made, "propagate", LATER + timedelta(hours=1), cursor_of(result))
    assert set(asked(late)) == {*found, "days"}
    # Nor while its run is under way.
    with_tag = {"tags": {ORIGIN: "propagation"}, "status": dg.DagsterRunStatus.STARTED}
    begun = create_run_for_test(made.instance, **with_tag)
    assert said(tick(made, "propagate", LATER)) == f"run {begun.run_id} is at it"
    made.instance.delete_run(begun.run_id)
    made.backfill(FIRST, FIRST + timedelta(days=8))
    done = tick(made, "propagate", LATER)
    assert isinstance(done, dg.SkipReason)
    assert done.skip_message == "everything downstream is up to date"
