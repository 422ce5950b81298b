"""A vendor changes a value: what was known before comes back bit for bit, through the pipeline.

The cheap cases are in test_past.py.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from fundplatform import revisions, tables
from fundplatform.assets.as_of import Past, adjusted
from fundplatform.definitions import build_definitions
from fundplatform.errors import ConfigError, SchemaError, WarehouseError
from fundplatform.settings import Settings
from fundplatform.tables import Table
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 12)
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05",
        "2024-01-08", "2024-01-09", "2024-01-10", "2024-01-11", "2024-01-12")  # fmt: skip
CLOSES = (10.0, 10.5, 10.3, 10.9, 11.2, 11.1, 11.3, 11.0, 11.7)
BEFORE = datetime(2024, 2, 1, 12, tzinfo=UTC)
AFTER = BEFORE + timedelta(days=1)
BETWEEN = BEFORE + timedelta(hours=6)
INDEX = """
name: both
title: Of all
universe: {asset_classes: [equity]}
n: 2
rank_by: dollar_volume
window: 2
"""
SPLIT = "action,symbol,ex_date,ratio\nsplit,AAA,2024-01-09,2\n"
SPLIT_YAML = "start: 2024-01-02\nend: 2024-01-31\nkind: corporate_actions\n"


def file(changed: float | None = None) -> str:
    closes = [changed if changed and n == 4 else c for n, c in enumerate(CLOSES)]
    rows = [bar(d, "AAA", c) for d, c in zip(DAYS, closes, strict=True)]
    rows += [bar(d, "BBB", 2 * c) for d, c in zip(DAYS, CLOSES, strict=True)]
    return table([*rows, *(bar(d, "CCC", 5.0, "1") for d in DAYS)])


def pipeline(settings: Settings, at: datetime) -> Pipeline:
    own = make(settings)
    own.clock = lambda: at
    return own


def past(settings: Settings, store: object, at: datetime) -> Past:
    from fundplatform.definitions import open_store

    del store
    opened = open_store(settings, notify=lambda m: None)
    return Past(opened, at, build_definitions(settings, store=opened, clock=lambda: at))


def stored(own: Pipeline, table_: Table) -> pl.DataFrame:
    return own.store.read(table_).drop(table_.stamps)


@pytest.fixture(params=["duckdb", "postgres"])
def own(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    url = request.getfixturevalue("warehouse_url") if request.param == "postgres" else None
    made = replace(settings, sources=(), warehouse_url=url)
    made.indices.mkdir()
    (made.indices / "both.yaml").write_text(INDEX)
    return made


@pytest.mark.slow
def test_what_was_known_comes_back_bit_for_bit(own: Settings) -> None:
    bars = folder(own, "mine") / "bars.csv"
    bars.write_text(file())
    first = pipeline(own, BEFORE)
    first.backfill(FIRST, LAST)
    assert [o.errors for o in first.outcomes if o.errors] == []
    derived = (tables.LEVELS, tables.PERFORMANCE, tables.COMPOSITIONS, tables.METRICS)
    old = {t: stored(first, t) for t in (tables.OHLCV, tables.VALIDATED, *derived)}
    assert old[tables.LEVELS].filter(index_name="both").height == 8
    shown = first.store.query("SELECT session, close FROM marts.adjusted_prices ORDER BY 1, 2")

    bars.write_text(file(changed=11.9))
    # A split that is learnt only now was not known then.
    (folder(own, "splits", SPLIT_YAML) / "splits.csv").write_text(SPLIT)
    second = pipeline(own, AFTER)
    second.backfill(FIRST, LAST)
    assert [o.errors for o in second.outcomes if o.errors] == []
    day = date(2024, 1, 8)
    assert second.store.read(tables.ADJUSTMENT_FACTORS).height > 0
    now = stored(second, tables.VALIDATED).filter(pl.col("session") == day)
    assert sorted(now["close"].to_list()) == [5.0, 11.9, 22.4]
    assert not stored(second, tables.LEVELS).equals(old[tables.LEVELS])
    assert not stored(second, tables.METRICS).equals(old[tables.METRICS])

    then = past(own, second.store, BETWEEN)
    for ledgered in (tables.OHLCV, tables.VALIDATED):
        assert then.read(ledgered).drop(ledgered.stamps).equals(old[ledgered])
    assert then.span() == (FIRST, LAST)
    whole = {
        tables.METRICS: then.computed(tables.METRICS, (FIRST, LAST)),
        **{t: then.computed(t) for t in derived[:3]},
    }
    for t, frame in whole.items():
        assert frame.drop(t.stamps).equals(old[t]), t.full_name
    read_then = adjusted(then).select("session", "close").sort("session", "close")
    assert read_then.equals(shown)

    # As of now is what stands now.
    latest = past(own, second.store, AFTER)
    assert (
        latest.computed(tables.LEVELS)
        .drop(tables.LEVELS.stamps)
        .equals(stored(second, tables.LEVELS))
    )
    tells = revisions.changes(second.store, "AAA").filter(table="raw.ohlcv", column="close")
    (told,) = tells.rows(named=True)
    assert (told["old"], told["new"], told["session"]) == ("11.2", "11.9", day)
    assert (told["source"], told["changed_at"]) == ("mine", AFTER)
    assert told["run_id"] and len(told["payload_hash"]) == 64
    with pytest.raises(WarehouseError, match="no validated bar"):
        past(own, second.store, BEFORE - timedelta(hours=1)).span()
    with pytest.raises(SchemaError, match="keeps no superseded versions"):
        past(own, second.store, AFTER).read(tables.LEVELS)
    with pytest.raises(ConfigError, match="no instrument has this symbol"):
        revisions.changes(second.store, "NONE")
