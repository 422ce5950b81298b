"""A postponed module is executed at its first use, and only there."""

import subprocess
import sys
from pathlib import Path

import pytest

from fundplatform.late_imports import postponed


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package whose `heavy` module leaves a trace when it is executed."""
    folder = tmp_path / "late_sample"
    folder.mkdir()
    (folder / "__init__.py").write_text("executed = []\n")
    (folder / "heavy.py").write_text(
        "import late_sample\nlate_sample.executed.append(1)\nanswer = 42\n"
    )
    (folder / "user.py").write_text(
        "from late_sample import heavy\n\ndef ask():\n    return heavy.answer\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_the_first_use_executes_it(package: str) -> None:
    before = list(sys.meta_path)
    with postponed(f"{package}.heavy", "no_such_module_at_all"):
        user = __import__(f"{package}.user", fromlist=["user"])
        with pytest.raises(ModuleNotFoundError):
            __import__("no_such_module_at_all")
    assert sys.meta_path == before
    assert sys.modules[package].__dict__["executed"] == []
    assert user.ask() == 42
    assert sys.modules[package].__dict__["executed"] == [1]


@pytest.mark.slow
def test_contracts_come_without_what_they_never_use() -> None:
    program = """
import sys
from fundplatform import expectations
expectations.prepare()
print({"altair.vegalite", "scipy.stats.distributions"} & set(sys.modules))
from scipy import stats
print(round(stats.norm.cdf(0.0), 3))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["set()", "0.5"], done.stderr
