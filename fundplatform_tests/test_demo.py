"""What the demo says is next: commands that there are, and how the shell gets to know them."""

import sys
from pathlib import Path

import click
import pytest

from fundplatform import cli, demo


def parsed(line: str) -> None:
    """As the shell would have it, without running it."""
    name, *words = line.replace("DATE", "2000-01-03").split()
    command = cli.cli.commands[name]
    if isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    command.make_context(name, words)


@pytest.mark.parametrize("line", demo.COMMANDS)
def test_the_next_commands_are_there(line: str) -> None:
    parsed(line)


@pytest.mark.parametrize("line", ["backfill --frm DATE", "explain metric AAPL 2013-03-01"])
def test_a_mistaken_one_would_be_seen(line: str) -> None:
    with pytest.raises(click.UsageError):
        parsed(line)


def test_where_the_shell_does_not_know_them_the_line_that_helps_goes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As after `make demo`: the checkout's environment is not on the path."""
    command = tmp_path / ".venv" / "bin" / "fundplatform"
    command.parent.mkdir(parents=True)
    command.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(command.with_name("python")))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert demo._path() == " (first: . .venv/bin/activate)"
    monkeypatch.chdir(command.parent)
    assert demo._path() == " (first: . activate)"
    monkeypatch.chdir("/")
    monkeypatch.setenv("PATH", str(command.parent))
    assert demo._path() == ""
