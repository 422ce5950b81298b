"""What sources remember: how long, over restarts, and what a broken file costs."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from fundplatform.sources.web.memory import FileMemory, InMemory, Memory

MONTH = timedelta(days=30)
DAY = date(2024, 1, 31)


@pytest.fixture(params=["process", "file"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Memory:
    return InMemory() if request.param == "process" else FileMemory(tmp_path / "a" / "acme.json")


def test_a_fact_is_known_until_it_is_too_old(memory: Memory) -> None:
    assert memory.get("x", DAY, MONTH) is None
    memory.put("x", {"a": [1]}, DAY)
    assert memory.get("x", DAY + MONTH, MONTH) == {"a": [1]}
    assert memory.get("x", DAY + MONTH + timedelta(days=1), MONTH) is None
    assert memory.get("y", DAY, MONTH) is None


def test_a_new_fact_replaces_the_old_one_and_keeps_the_others(memory: Memory) -> None:
    memory.put("x", 1, DAY)
    memory.put("y", [], DAY)
    memory.put("x", 2, DAY + MONTH)
    assert memory.get("x", DAY + 2 * MONTH, MONTH) == 2
    assert memory.get("y", DAY, MONTH) == []


def test_a_file_outlives_the_process(tmp_path: Path) -> None:
    FileMemory(tmp_path / "acme.json").put("x", True, DAY)
    assert FileMemory(tmp_path / "acme.json").get("x", DAY, MONTH) is True
    assert [p.name for p in tmp_path.iterdir()] == ["acme.json"]


@pytest.mark.parametrize("text", ["", "[1]", '{"x": 1}', '{"x": ["soon", 1]}', "\x00"])
def test_a_broken_file_is_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "acme.json"
    path.write_text(text)
    memory = FileMemory(path)
    assert memory.get("x", DAY, MONTH) is None
    memory.put("y", 1, DAY)
    assert memory.get("y", DAY, MONTH) == 1
