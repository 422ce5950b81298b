"""Files of which nothing can be used: the run of that source fails with one sentence.

Each drop folder is loaded once with a good file, which is then replaced by its fault and fetched
again. What was loaded stays; a healthy source beside them loads its new row.
"""

import gzip
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import calendars, tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import HEADER, bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 3)
GOOD = table([bar("2024-01-02", "AAA"), bar("2024-01-03", "AAA")])
# What the file becomes (None: it is removed), and what the error must say. Every fault of a file's
# bytes by itself: sources/test_drop_parse.py.
FAULTS: dict[str, tuple[bytes | None, str]] = {
    "truncated": (gzip.compress(GOOD.encode(), mtime=0)[:-12], "is no whole gzip file"),
    "empty": (b"", "is empty (zero bytes)"),
    "columns": (b"when,who,price\n2024-01-02,AAA,10\n", "close"),
    "removed": (None, "no data file in"),
    "growing": (GOOD.encode(), "changed while it was read"),
}
# Files without a row are a stated outcome, not a failure.
HARMLESS = {"header_only": (HEADER + "\n").encode()}
HEALTHY = "healthy"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Pipeline]:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    settings = Settings(home=home, sources=(), lock_timeout=20)
    names = [*FAULTS, *HARMLESS, HEALTHY]
    files = {name: folder(settings, name) / "bars.csv" for name in names}
    for file in files.values():
        file.write_text(GOOD)
    made = make(settings)
    made.fetch(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    for name, (content, _) in FAULTS.items():
        files[name].unlink() if content is None else files[name].write_bytes(content)
    for name, content in HARMLESS.items():
        files[name].write_bytes(content)
    files[HEALTHY].write_text(GOOD + bar("2024-01-03", "BBB") + "\n")
    made.outcomes.clear()
    with pytest.MonkeyPatch.context() as patch:
        grow_while_read(files["growing"], patch)
        made.backfill(FIRST, LAST, refetch=True)
    yield made
    calendars.use_cache(calendar_cache)


def grow_while_read(path: Path, patch: pytest.MonkeyPatch) -> None:
    """Every reading of the file finds one row more afterwards, as while it is downloaded."""
    reading = Path.read_bytes
    os.utime(path, (0, 0))  # else the same bytes are known and not read

    def read_bytes(self: Path) -> bytes:
        content = reading(self)
        if self == path:
            with path.open("a") as file:
                file.write(bar("2024-01-03", "CCC") + "\n")
        return content

    patch.setattr(Path, "read_bytes", read_bytes)


def errors_of(pipeline: Pipeline, source: str) -> list[str]:
    return [
        error
        for outcome in pipeline.outcomes
        if outcome.chunk.label == f"raw/{source}/ohlcv"
        for error in outcome.errors
    ]


def symbols_of(pipeline: Pipeline, source: str) -> list[str]:
    rows = pipeline.store.query(
        "select i.symbol from raw.ohlcv r join catalog.sources s using (source_id) "
        "join catalog.instruments i using (instrument_id) where s.name = ? order by 1, r.session",
        [source],
    )
    return rows["symbol"].to_list()


@pytest.mark.parametrize("source", FAULTS)
def test_the_error_names_source_file_and_fault(pipeline: Pipeline, source: str) -> None:
    (error,) = errors_of(pipeline, source)
    assert f"source {source}: " in error
    assert FAULTS[source][1] in error
    assert "bars.csv" in error or source == "removed"
    assert "\n" not in error


@pytest.mark.parametrize("source", [*FAULTS, *HARMLESS])
def test_what_was_loaded_stays(pipeline: Pipeline, source: str) -> None:
    assert symbols_of(pipeline, source) == ["AAA", "AAA"]


@pytest.mark.parametrize("source", [*HARMLESS, HEALTHY])
def test_a_file_without_rows_and_a_healthy_one_are_no_failure(
    pipeline: Pipeline, source: str
) -> None:
    assert errors_of(pipeline, source) == []


def test_the_healthy_source_goes_on_to_the_end(pipeline: Pipeline) -> None:
    assert symbols_of(pipeline, HEALTHY) == ["AAA", "AAA", "BBB"]
    validated = pipeline.store.read(tables.VALIDATED)
    assert validated.height == 2 * (len(FAULTS) + 2) + 1
    assert validated.filter(pl.col("selected")).height == 3


def test_one_unreadable_file_among_good_ones_is_one_reject(settings: Settings) -> None:
    own = replace(settings, sources=())
    mine = folder(own, "mine")
    (mine / "a.csv").write_text(GOOD)
    (mine / "b.csv.gz").write_bytes(gzip.compress(GOOD.encode(), mtime=0)[:-12])
    made = make(own)
    (source,) = made.sources
    kind = next(iter(source.spec.kinds))
    batch = source.fetch(kind, FIRST, LAST, now=made.clock())
    assert batch.rows.height == 2
    assert batch.rejected["rule"].to_list() == ["unreadable_file"]
    assert "b.csv.gz is no whole gzip file" in batch.rejected["reason"].item()
