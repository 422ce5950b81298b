"""An export as a file: whole or not at all, of one state of the warehouse, where it was sent."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.errors import ConfigError
from fundplatform.export import Export
from fundplatform.export_files import FORMATS, sink, whole
from fundplatform.storage.base import WHOLE, Stamp, Store
from fundplatform_tests.storage.marts import DATABASES, NOW, chosen, filled, rows

DAYS = [date(2005, 2, 25), date(2005, 2, 28), date(2005, 3, 1)]
CONTENT = (
    rows(tables.SOURCES, {"source_id": 1, "name": "mine"}),
    rows(tables.INSTRUMENTS, {"instrument_id": 1, "symbol": "AAPL"}),
    rows(tables.VALIDATED, *(chosen(d, c) for d, c in zip(DAYS, [88.5, 44.5, 44.0], strict=True))),
)


@pytest.fixture(params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "export_files", CONTENT) as made:
        yield made


def test_an_export_is_of_one_state(store: Store) -> None:
    """A correction published meanwhile changes no row count: half of each would pass."""
    table, frame = CONTENT[2]
    with store.snapshot() as seen:
        batches = Export(seen, "prices", fields=["close"]).batches(1)
        first = next(batches)
        with store.transaction(Stamp("r2", NOW)) as writer:
            writer.write(table, frame.with_columns(pl.col("close") * 10), WHOLE)
        store.publish()
        assert pl.concat([first, *batches])["close"].to_list() == [88.5, 44.5, 44.0]
    with store.snapshot() as seen:
        found = pl.concat(Export(seen, "prices", fields=["close"]).batches())
    assert found["close"].to_list() == [885.0, 445.0, 440.0]


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole(target) as into:
        into.write(b"half")
        raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    assert target.read_text() == "before"


PROGRAM = (
    "import sys; from pathlib import Path; from fundplatform.export_files import whole\n"
    "with whole(Path(sys.argv[1])) as into: into.write(b'fast')"
)


def test_two_that_write_one_file_at_once_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    with whole(target) as slow:
        slow.write(b"slow, ")
        # As long as the file is open, somebody else writes and ends it.
        subprocess.run([sys.executable, "-c", PROGRAM, str(target)], check=True)
        assert target.read_bytes() == b"fast"
        slow.write(b"and whole")
    assert target.read_bytes() == b"slow, and whole"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_standard_output_by_its_name_is_no_file(tmp_path: Path) -> None:
    """What it leads to has a name that is none: pipe:[4711]."""
    (tmp_path / "out").symlink_to("/dev/stdout")
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "out")]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"fast"
    assert (tmp_path / "out").is_symlink()


def test_a_pipe_stays_a_pipe_and_a_link_a_link(tmp_path: Path) -> None:
    pipe, link, behind = tmp_path / "pipe", tmp_path / "link.csv", tmp_path / "behind.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole(pipe) as into:
        into.write(b"through")
    assert (os.read(reader, 100), pipe.is_fifo()) == (b"through", True)
    os.close(reader)
    link.symlink_to(behind)
    with whole(link) as into:
        into.write(b"there")
    assert (behind.read_bytes(), link.is_symlink()) == (b"there", True)


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Not the home, which has nothing to do with it."""
    with pytest.raises(ConfigError, match=r"full: No space left on device\. "):
        (tmp_path / "full").symlink_to("/dev/full")
        with whole(tmp_path / "full") as into:
            into.write(b"x")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.csv: it is a folder\. Name a file"):
        whole(tmp_path / "folder.csv").__enter__()


@pytest.mark.parametrize("kind", FORMATS)
def test_ctrl_c_in_the_middle_leaves_nothing_and_says_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    frame = pl.DataFrame({"a": [1]})
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "x") as into:
        file = sink(kind, into, frame.schema, {"rows": 1})
        file.add(frame)
        raise KeyboardInterrupt
    del file
    gc.collect()
    assert (list(tmp_path.iterdir()), told) == ([], [])
