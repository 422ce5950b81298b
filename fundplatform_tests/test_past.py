"""Reading and computing as of an instant, on bars written by hand; the pipeline: test_as_of.py."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import revisions, tables
from fundplatform.assets.as_of import Past, adjusted
from fundplatform.cli import cli
from fundplatform.definitions import build_definitions
from fundplatform.errors import ConfigError, SchemaError, WarehouseError
from fundplatform.settings import Settings
from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.storage.frames import bars, listings

DAYS = [date(2024, 1, d) for d in (2, 3, 4, 5, 8, 9, 10, 11, 12)]
CLOSES = (10.0, 10.5, 10.3, 10.9, 11.2, 11.1, 11.3, 11.0, 11.7)
FIRST, MONDAY, LAST = DAYS[0], DAYS[4], DAYS[-1]
BEFORE = datetime(2024, 2, 1, 12, tzinfo=UTC)
BETWEEN, AFTER = BEFORE + timedelta(hours=6), BEFORE + timedelta(days=1)
SPEC = SourceSpec("mine", "A", "equity", "US", "USD", {Kind.OHLCV: Coverage("XNYS", FIRST, LAST)})
INDEX = "name: both\ntitle: Of all\nuniverse: {}\nn: 2\nrank_by: dollar_volume\nwindow: 2\n"


def raw(monday: float) -> pl.DataFrame:
    closes = [monday if d == MONDAY else c for d, c in zip(DAYS, CLOSES, strict=True)]
    rows = [(1, d, c) for d, c in zip(DAYS, closes, strict=True)]
    return bars(*rows, *((2, d, 2 * c) for d, c in zip(DAYS, CLOSES, strict=True))).with_columns(
        pl.lit(1000.0).alias("volume")
    )


def load(store: DuckDBStore, at: datetime, monday: float, split: float | None) -> None:
    with store.transaction(Stamp(f"run-{monday}", at)) as writer:
        source = writer.source_id(SPEC)
        writer.register(source, listings(("AAA", FIRST, LAST), ("BBB", FIRST, LAST)))
        given = raw(monday)
        writer.write(tables.OHLCV, given, Slice({"source_id": source}))
        judged = given.drop("fetched_at", "payload_hash").with_columns(
            known_at="bar_open_at", selected=True, warnings=pl.lit(None, pl.String)
        )
        writer.write(tables.VALIDATED, judged.select(writable(tables.VALIDATED)), WHOLE)
        if split:
            writer.write(tables.CORPORATE_ACTIONS, action(split), Slice({"source_id": source}))
    store.publish()


def writable(table: tables.Table) -> list[str]:
    return [n for n in table.column_names if n not in ("recorded_from", "run_id")]


def action(ratio: float) -> pl.DataFrame:
    row = {
        "source_id": 1, "instrument_id": 1, "action": "split", "ex_date": DAYS[5], "ratio": ratio,
        "known_at": BEFORE, "fetched_at": BEFORE, "payload_hash": "cd" * 32,
    }  # fmt: skip
    table = tables.CORPORATE_ACTIONS
    full = {n: row.get(n) for n in writable(table)}
    return pl.DataFrame([full], {n: table.polars_schema[n] for n in full})


@pytest.fixture
def changed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, migrated: Path
) -> tuple[Settings, DuckDBStore]:
    """11.2 was loaded first, then 11.9 and a split."""
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(own.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "sample")
    own.indices.mkdir()
    (own.indices / "both.yaml").write_text(INDEX)
    shutil.copyfile(migrated, own.warehouse)
    store = DuckDBStore(own.warehouse, own.published, lock_timeout=20)
    load(store, BEFORE, 11.2, None)
    load(store, AFTER, 11.9, 2.0)
    return own, store


def past(settings: Settings, store: DuckDBStore, at: datetime) -> Past:
    sample = Settings(home=settings.home, lock_timeout=20)
    return Past(store, at, build_definitions(sample, store=store, clock=lambda: at))


def test_what_was_known_comes_back(
    changed: tuple[Settings, DuckDBStore], duckdb_store: DuckDBStore
) -> None:
    settings, store = changed
    alone = duckdb_store
    load(alone, BEFORE, 11.2, None)
    never_changed = past(settings, alone, BETWEEN)
    then, now = past(settings, store, BETWEEN), past(settings, store, AFTER)
    assert then.span() == (FIRST, LAST)
    for table in (tables.OHLCV, tables.VALIDATED, tables.INSTRUMENTS):
        assert then.read(table).equals(never_changed.read(table))
    window = (DAYS[-2], LAST)
    for table in (tables.LEVELS, tables.METRICS):
        found, never, today = (v.computed(table, window) for v in (then, never_changed, now))
        assert found.height > 0
        assert found.equals(never), table.full_name
        assert not found.drop(table.stamps).equals(today.drop(table.stamps))

    def close(view: Past, day: date) -> float:
        return float(adjusted(view).filter(symbol="AAA", session=day)["close"].item())

    assert (close(then, MONDAY), close(then, FIRST)) == (11.2, 10.0)
    # The split of 2 on the 9th is known by now.
    assert (close(now, MONDAY), close(now, FIRST), close(now, LAST)) == (5.95, 5.0, 11.7)
    factors = now.computed(tables.ADJUSTMENT_FACTORS).drop(tables.ADJUSTMENT_FACTORS.stamps)
    with store.transaction(Stamp("factors", AFTER)) as writer:
        writer.write(tables.ADJUSTMENT_FACTORS, factors, WHOLE)
    store.publish()
    shown = store.query("SELECT close FROM marts.adjusted_prices ORDER BY symbol, session")
    assert adjusted(now)["close"].to_list() == shown["close"].to_list()

    with pytest.raises(WarehouseError, match="no validated bar"):
        past(settings, store, BEFORE - timedelta(hours=1)).span()
    with pytest.raises(SchemaError, match="keeps no superseded versions"):
        past(settings, store, AFTER).read(tables.LEVELS)


def test_who_changed_it(changed: tuple[Settings, DuckDBStore]) -> None:
    store = changed[1]
    found = revisions.changes(store, "AAA")
    assert found.select("table", "source", "session", "column", "old", "new").rows() == [
        ("raw.ohlcv", "mine", MONDAY, "close", "11.2", "11.9")
    ]
    assert found.select("changed_at", "run_id").row(0) == (AFTER, "run-11.9")
    came = revisions.changes(store, "AAA", FIRST).filter(column="close")
    assert came.select("old", "new", "changed_at").rows() == [(None, "10.0", BEFORE)]
    assert revisions.changes(store, "BBB").is_empty()
    with pytest.raises(ConfigError, match="no instrument has this symbol"):
        revisions.changes(store, "NONE")
    with pytest.raises(ConfigError, match="'': no instrument has this symbol"):
        revisions.changes(store, "")


def test_commands(changed: tuple[Settings, DuckDBStore], tmp_path: Path) -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    day = ("--from", "2024-01-08", "--to", "2024-01-08")
    assert "11.2000" in said("asof", "2024-02-01T18:00Z", "prices", "AAA", *day)
    assert "11.9000" in said("asof", "2024-02-03T00:00Z", "raw", "AAA", *day)
    out = tmp_path / "levels.csv"
    assert "rows in" in said("asof", "2024-02-01T18:00Z", "levels", "both", "--csv", str(out))
    assert out.read_text().startswith("index_name,session,")
    told = said("revisions", "AAA")
    assert "11.2" in told
    assert "11.9" in told
    assert "10.0" in said("revisions", "AAA", "2024-01-02")
    assert said("revisions", "BBB").strip() == "no value of BBB was ever changed"
    backwards = ("--from", "2024-01-08", "--to", "2024-01-05")
    assert CliRunner().invoke(cli, ["asof", "2024-02-01T18:00Z", "raw", *backwards]).exit_code == 2
    naive = CliRunner().invoke(cli, ["asof", "2024-02-01T18:00", "prices"])
    assert naive.exit_code == 2
    assert "has no time zone" in naive.output
    for words in (("prices", "AAB", *day), ("metrics", "AAB"), ("levels", "bath")):
        unknown = CliRunner().invoke(cli, ["asof", "2024-02-01T18:00Z", *words])
        assert isinstance(unknown.exception, ConfigError)
        assert "nothing of this name" in str(unknown.exception)
        assert ("both" if "bath" in words else "AAA") in str(unknown.exception)
