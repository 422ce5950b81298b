"""The register equals the folder, and a wrong name or folder is told, not swallowed."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest

import fundplatform.sources
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform.sources.base import Source, SourceSpec
from fundplatform.sources.exchanges import BY_NAME
from fundplatform.sources.register import BUILT_IN, Problem, Vendor, load
from fundplatform.sources.sample import Sample
from fundplatform.sources.web.profile import Access, Reply

INFRASTRUCTURE = {"__init__", "abilities", "base", "register", "drop", "tracked", "web"}
CONTRACTS = ("SourceContract", "VendorContract")
FOLDER = Path(fundplatform.sources.__file__).parent
TESTS = Path(__file__).parent


def complaints(
    modules: Iterable[str], register: Mapping[str, str], tests: Mapping[str, str]
) -> list[str]:
    """One sentence per touch that is missing; register: name to spec.name, tests: name to text."""
    found = set(modules) - INFRASTRUCTURE
    said = [
        f"fundplatform/sources/{name}.py is not registered: add one line to BUILT_IN in register.py"
        for name in sorted(found - register.keys())
    ]
    said += [
        f"BUILT_IN names {name!r}, but fundplatform/sources/{name}.py is missing"
        for name in sorted(register.keys() - found)
    ]
    for name, own in sorted(register.items()):
        if own != name:
            said.append(f"BUILT_IN calls {name!r} what its spec calls {own!r}: use one name")
        if not any(f"({law})" in tests.get(name, "") for law in CONTRACTS):
            said.append(
                f"source {name!r} has no contract test: add fundplatform_tests/sources/"
                f"test_{name}.py with a subclass of SourceContract and a recording, or of "
                "VendorContract for a vendor on the web"
            )
    return said


def modules() -> list[str]:
    """Files and packages of sources; exchanges.py holds several, one entry each."""
    files = [p.stem for p in FOLDER.glob("*.py") if p.stem != "exchanges"]
    return files + [p.parent.name for p in FOLDER.glob("*/__init__.py")] + [*BY_NAME]


def proofs() -> dict[str, str]:
    """Source to the text of its test; exchanges through ccxt share that of the first, Binance."""
    texts = {p.stem.removeprefix("test_"): p.read_text() for p in TESTS.glob("test_*.py")}
    return {**texts, **dict.fromkeys(BY_NAME, texts["binance"])}


def test_the_folder_equals_the_register() -> None:
    register = {name: made(entry).spec.name for name, entry in BUILT_IN.items()}
    assert complaints(modules(), register, proofs()) == []


def made(entry: Callable[[], Source] | Vendor) -> Source:
    if not isinstance(entry, Vendor):
        return entry()
    source = entry.make(Access(NoWeb()))
    assert source.spec.name == entry.profile.name, "the profile has another name than the spec"
    return source


class NoWeb:
    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        raise AssertionError("declaring a source asks nothing")


SOUND = {"mine": "class TestMine(SourceContract):"}


@pytest.mark.parametrize(
    ("files", "register", "tests", "sentence"),
    [
        (["base", "mine"], {}, SOUND, "add one line to BUILT_IN"),
        (["base"], {"mine": "mine"}, SOUND, "sources/mine.py is missing"),
        (["mine"], {"mine": "yours"}, SOUND, "use one name"),
        (["mine"], {"mine": "mine"}, {}, "test_mine.py with a subclass"),
        (["mine"], {"mine": "mine"}, {"mine": "def test(): ..."}, "no contract test"),
    ],
)
def test_each_missing_touch_is_named(
    files: list[str], register: dict[str, str], tests: dict[str, str], sentence: str
) -> None:
    said = complaints(files, register, tests)
    assert len(said) == 1
    assert sentence in said[0]


def settings(home: Path, *names: str) -> Settings:
    return Settings(home=home, sources=names)


def names_of(sources: Iterable[Source]) -> list[str]:
    return [source.spec.name for source in sources]


def test_the_named_sources_are_loaded_once_in_order(tmp_path: Path) -> None:
    loaded = load(settings(tmp_path, "synthetic", "sample", "synthetic"))
    assert names_of(loaded.sources) == ["synthetic", "sample"]
    assert loaded.problems == ()
    assert list(loaded.by_name()) == ["synthetic", "sample"]


def test_no_source_at_all_is_allowed(tmp_path: Path) -> None:
    assert load(settings(tmp_path)).sources == ()


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"FUNDPLATFORM_SOURCES: 'smaple' .*Known: sample, synth"):
        load(settings(tmp_path, "smaple"))


@dataclass(frozen=True)
class Failed:
    name: str
    path: Path
    message: str


@dataclass(frozen=True)
class Named(Sample):
    name: str

    @property
    def spec(self) -> SourceSpec:
        return replace(super().spec, name=self.name)


@pytest.fixture
def drop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """Settings of an installation whose drop folders are as given."""

    def given(sources: list[str], failed: tuple[Failed, ...] = ()) -> Settings:
        module = ModuleType("fundplatform.sources.drop")
        asked = []

        def discover(folder: Path, payloads: Path) -> tuple[list[Source], list[Failed]]:
            asked.append((folder, payloads))
            return [Named(name) for name in sources], list(failed)

        module.SOURCE_YAML = "source.yaml"  # type: ignore[attr-defined]
        module.discover = discover  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fundplatform.sources.drop", module)
        made = settings(tmp_path, "sample")
        made.drop.mkdir()
        return made

    return given


def test_drop_folders_come_after_the_built_in_ones(drop: Callable[..., Settings]) -> None:
    loaded = load(drop(["mine", "yours"]))
    assert names_of(loaded.sources) == ["sample", "mine", "yours"]
    assert loaded.problems == ()


def test_a_bad_drop_folder_is_a_problem_and_the_others_load(
    drop: Callable[..., Settings], tmp_path: Path
) -> None:
    bad = tmp_path / "drop" / "bad" / "source.yaml"
    loaded = load(drop(["mine"], (Failed("bad", bad, "start is missing"),)))
    assert names_of(loaded.sources) == ["sample", "mine"]
    assert loaded.problems == (Problem("bad", bad, "start is missing"),)


@pytest.mark.parametrize("name", ["sample", "synthetic"])
def test_a_drop_folder_cannot_take_a_built_in_name(
    drop: Callable[..., Settings], tmp_path: Path, name: str
) -> None:
    loaded = load(drop([name, "mine"]))
    assert names_of(loaded.sources) == ["sample", "mine"]
    (problem,) = loaded.problems
    assert (problem.name, problem.path) == (name, tmp_path / "drop" / name / "source.yaml")
    assert "Rename the folder" in problem.message


def test_two_drop_folders_of_one_name_clash(drop: Callable[..., Settings]) -> None:
    loaded = load(drop(["mine", "mine"]))
    assert names_of(loaded.sources) == ["sample", "mine"]
    assert [p.name for p in loaded.problems] == ["mine"]


def test_without_a_drop_folder_nothing_of_it_is_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "fundplatform.sources.drop", None)
    assert names_of(load(settings(tmp_path, "sample")).sources) == ["sample"]


def test_real_drop_folders_are_loaded_by_their_yaml_alone(tmp_path: Path) -> None:
    """One folder declares a source without any data, one takes a built-in name, one is empty."""
    made = settings(tmp_path, "sample")
    text = "start: 2015-01-02\n"
    for name in ("mine", "sample"):
        (made.drop / name).mkdir(parents=True)
        (made.drop / name / "source.yaml").write_text(text)
    (made.drop / "empty").mkdir()
    loaded = load(made)
    assert names_of(loaded.sources) == ["sample", "mine"]
    assert {p.name: p.path for p in loaded.problems} == {
        name: made.drop / name / "source.yaml" for name in ("empty", "sample")
    }
    assert not made.payloads.exists()
