"""CONTRIBUTING.md's example source, taken from the page as it stands, keeps the contract."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
REGISTER = "fundplatform/sources/register.py"
_BLOCK = re.compile(r"^\*\*\d\.\*\* `([\w/.]+)`[^`]*?^```(python|diff)\n(.*?)^```$", re.M | re.S)


def blocks() -> dict[str, str]:
    """File -> what the page says to put there."""
    page = (REPOSITORY / "CONTRIBUTING.md").read_text("utf-8")
    return {path: text for path, _, text in _BLOCK.findall(page)}


def patched(text: str, diff: str) -> str:
    """Each + line goes in after the line above it in the diff."""
    above = ""
    for line in diff.splitlines():
        if line.startswith("+"):
            assert text.count(f"{above}\n") == 1, f"{above!r} is not once in the register"
            text = text.replace(f"{above}\n", f"{above}\n{line[1:]}\n")
        above = line[1:]
    return text


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code with the three touches of the page."""
    for name in ("fundplatform", "fundplatform_tests"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=skip)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    shutil.copytree(REPOSITORY / "sql", tmp_path / "sql")
    for path, text in blocks().items():
        file = tmp_path / path
        file.write_text(patched(file.read_text(), text) if path == REGISTER else text)
    return tmp_path


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module on the copy: the working directory comes first on the path."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout,
        env={**env, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


TESTS = ("fundplatform_tests/sources/test_vix.py", "fundplatform_tests/sources/test_register.py")


def test_the_page_names_three_files() -> None:
    assert list(blocks()) == [
        "fundplatform/sources/vix.py",
        "fundplatform_tests/sources/test_vix.py",
        REGISTER,
    ]


@pytest.mark.slow
def test_the_example_keeps_the_contract(checkout: Path) -> None:
    done = run(checkout, "pytest", "-p", "no:cacheprovider", *TESTS)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed", done.stdout)
    files = [path for path in blocks() if path != REGISTER]
    for command in (("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)):
        done = run(checkout, *command, *files)
        assert done.returncode == 0, f"{command}\n{done.stdout}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("touch", "sentence"),
    [
        ("fundplatform/sources/vix.py", "No module named 'fundplatform.sources.vix'"),
        ("fundplatform_tests/sources/test_vix.py", "source 'vix' has no contract test"),
        (REGISTER, "sources/vix.py is not registered"),
    ],
)
def test_without_one_of_the_touches_a_test_says_which(
    checkout: Path, touch: str, sentence: str
) -> None:
    if touch == REGISTER:
        shutil.copy(REPOSITORY / REGISTER, checkout / REGISTER)
    else:
        (checkout / touch).unlink()
    done = run(checkout, "pytest", "-p", "no:cacheprovider", TESTS[1])
    assert done.returncode != 0
    assert sentence in done.stdout
