"""The wheel carries all that the platform reads: installed alone, it runs without the checkout."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import polars
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
# Read by the platform at run time; a missing one only shows in an installation.
FOLDERS = ("fundplatform/calendars", "fundplatform/indices", "fundplatform/finance", "sql")
HOME_FILES = ("dagster.yaml", "workspace.yaml")


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """The command's output; fails with it otherwise. Nothing of this checkout is on the path."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DAGSTER"))}
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env={**clean, **env, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=REPOSITORY)
    (built,) = folder.glob("*.whl")
    return built


def shipped() -> set[str]:
    """The wheel's names of the files that are read at run time."""
    found = {f"fundplatform/_home/{name}" for name in HOME_FILES}
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in {".yaml", ".sql", ".parquet"}:
                name = path.relative_to(REPOSITORY).as_posix()
                found.add(name if name.startswith("fundplatform/") else f"fundplatform/{name}")
    return found


@pytest.mark.slow
def test_every_file_read_at_run_time_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert len(shipped()) > len(HOME_FILES)
    assert shipped() <= names, f"not in the wheel: {sorted(shipped() - names)}"
    assert not [n for n in names if n.startswith(("fundplatform_tests", "bench", "docs"))]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_installed_wheel_runs_the_pipeline(wheel: Path, tmp_path: Path) -> None:
    """The dependencies come from this environment, the platform only from the wheel."""
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", asked, cwd=tmp_path).strip())
    # A path in a .pth file adds the packages there, not the editable checkout that they name.
    (packages / "dependencies.pth").write_text(f"{Path(polars.__file__).parents[1]}\n")
    where = run(python, "-c", "import fundplatform; print(fundplatform.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(packages)

    command, home = packages.parents[2] / "bin" / "fundplatform", str(tmp_path / "home")
    said = run(command, "init", cwd=tmp_path, FUNDPLATFORM_HOME=home)
    assert "copied dagster.yaml" in said
    assert "applied migration 0001_tables" in said
    shown = run(command, "demo", "--years", "1", cwd=tmp_path, FUNDPLATFORM_HOME=home)
    assert "sample_top_2" in shown
    again = run(command, "demo", "--years", "1", cwd=tmp_path, FUNDPLATFORM_HOME=home)
    assert "No row changed" in again
