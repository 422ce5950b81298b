"""The pages name what there is: every variable, command and make verb; and their links lead on."""

import re
from pathlib import Path

import pytest

from fundplatform import cli

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted(
    p.relative_to(REPOSITORY).as_posix()
    for p in (*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"))
)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def missing(page: str, wanted: set[str]) -> list[str]:
    """Those of `wanted` that the page does not name in backticks, alone or with arguments."""
    named = set(re.findall(r"`(?:make )?([A-Za-z_-]+)[^`]*`", page))
    return sorted(wanted - named)


def readme() -> str:
    return (REPOSITORY / "README.md").read_text("utf-8")


def test_every_variable_of_the_settings_is_in_the_readme() -> None:
    settings = (REPOSITORY / "fundplatform" / "settings.py").read_text()
    variables = set(re.findall(r'"(FUNDPLATFORM_[A-Z_]+)"', settings))
    assert "FUNDPLATFORM_HOME" in variables
    assert missing(readme(), variables) == []


def test_every_command_is_in_the_readme() -> None:
    commands = set(cli.cli.commands)
    assert "backfill" in commands
    assert missing(readme(), commands) == []


def test_every_make_verb_is_in_the_readme() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    verbs = set(re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)) - {"help"}
    assert "demo" in verbs
    assert missing(readme(), verbs) == []


def test_what_is_not_named_is_missing() -> None:
    assert missing("`make demo`, `FULL_X=1` and `backfill SOURCE`", {"demo", "ui"}) == ["ui"]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    path = REPOSITORY / page
    broken = [n for n in _LINK.findall(path.read_text("utf-8")) if not (path.parent / n).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_names_a_path_of_a_machine(page: str) -> None:
    text = (REPOSITORY / page).read_text("utf-8")
    assert re.findall(r"(?<![\w.$}])/(?:home|Users|root|tmp|work|opt)/[\w/.-]*", text) == []
