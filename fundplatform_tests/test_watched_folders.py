"""The sensor of drop folders: what grows is waited for, what is bad is set aside, nothing else."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from fundplatform.automation.requests import Asked
from fundplatform.errors import SourceError
from fundplatform.settings import Settings
from fundplatform.sources.abilities import Watched
from fundplatform.sources.base import Kind
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make
from fundplatform_tests.sources.drops import FIRST, LAST, NOW, Drop
from fundplatform_tests.test_automation import asked, tick

HEAD = "date,symbol,close\n"
YAML = "start: 2020-01-01\nend: 2020-12-31\n"
AT = datetime(2024, 2, 10, 12, tzinfo=UTC)


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


def test_a_bad_file_is_set_aside_with_a_note_and_the_others_stay(drop: Drop) -> None:
    drop.yaml(YAML).put("good.csv", HEAD + "2020-01-02,A,1\n").put("sub/bad.csv", "")
    source = drop.source()
    assert isinstance(source, Watched)
    assert source.set_aside() == [], "nobody has read it yet"
    batch = source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW)
    assert (batch.rows.height, batch.rejected["rule"].to_list()) == (1, ["unreadable_file"])
    assert source.set_aside() == ["set-aside/sub/bad.csv"]
    home = source.config.folder
    assert not (home / "sub/bad.csv").exists()
    note = (home / "set-aside/sub/bad.csv.md").read_text("utf-8")
    assert "is empty (zero bytes)" in note
    assert list(source.marks(Kind.OHLCV)) == ["good.csv"]
    assert source.set_aside() == []
    drop.put("sub/bad.csv", "", age=5)
    source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW)
    assert source.set_aside() == ["set-aside/sub/bad-2.csv"]


def test_a_folder_that_cannot_be_written_is_told(
    drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop.yaml(YAML).put("good.csv", HEAD + "2020-01-02,A,1\n").put("bad.csv", "")
    source = drop.source()
    source.fetch(Kind.OHLCV, FIRST, LAST, now=NOW)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(SourceError, match="cannot be set aside"):
        source.set_aside()


def test_two_equal_looks_are_still() -> None:
    first = Asked.read(None)
    assert not first.is_still("mine", [("a.csv", (10, 1))])
    second = Asked.read(first.text)
    assert not second.is_still("mine", [("a.csv", (20, 2))]), "it grew"
    third = Asked.read(second.text)
    assert third.is_still("mine", [("a.csv", (20, 2))])


def test_a_growing_file_is_waited_for(settings: Settings) -> None:
    put = folder(settings, "mine", "start: 2024-01-02\nend: 2024-01-03\n")
    (put / "bars.csv").write_text(table([bar("2024-01-02", "AAA")]))
    made = make(Settings(home=settings.home, sources=(), lock_timeout=20))

    def look(cursor: str | None) -> tuple[str, dict[str, list[str]], str | None]:
        """Why nothing is asked for, what is, and the cursor."""
        found = tick(made, "drop_folders", AT, cursor)
        assert isinstance(found, dg.SensorResult)
        reason = found.skip_reason
        return str(reason.skip_message) if reason else "", asked(found), found.cursor

    why, wanted, cursor = look(None)
    assert (why, wanted) == ("waiting until mine stays as it is", {})
    (put / "bars.csv").write_text(table([bar("2024-01-02", "AAA"), bar("2024-01-03", "AAA")]))
    why, wanted, cursor = look(cursor)
    assert (why, wanted) == ("waiting until mine stays as it is", {})
    why, wanted, cursor = look(cursor)
    assert (why, wanted) == ("", {"raw/mine/ohlcv": ["2024-01-02", "2024-01-03"]})
    why, wanted, cursor = look(cursor)
    assert (why, wanted) == ("no new file", {}), "asked for within the hour"
