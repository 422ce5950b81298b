"""Commands on homes that are not there, and with values out of range: one line, no traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from fundplatform import cli
from fundplatform.errors import ConfigError
from fundplatform.finance.metric_rules import load_metric_rules
from fundplatform.finance.tier_rules import load_rules
from fundplatform.settings import Settings
from fundplatform_tests.pipeline import make


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "sample")
    return settings


@pytest.mark.parametrize("content", [b"a: [1\n", b"a: \xff\n"])
@pytest.mark.parametrize("load", [load_metric_rules, lambda own: load_rules(own=own)])
def test_a_file_of_rules_that_cannot_be_read_is_named_whole(
    tmp_path: Path, load: Callable[[Path], object], content: bytes
) -> None:
    own = tmp_path / "own.yaml"
    own.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(own)
    assert str(caught.value).startswith(f"{own}: cannot be read: ")


def test_what_a_parser_says_is_one_line(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(home)
    home.indices.mkdir(exist_ok=True)
    (home.indices / "x.yaml").write_text("name: [\n")
    monkeypatch.setattr("sys.argv", ["fundplatform", "backfill", "--plan"])
    with pytest.raises(SystemExit):
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {home.indices / 'x.yaml'}: is no YAML: while parsing a flow")
    assert line.endswith("Compare it with a shipped definition")


@pytest.mark.parametrize("command", ["gaps", "metrics-text"])
def test_a_home_that_is_not_there(home: Settings, command: str) -> None:
    done = CliRunner().invoke(cli.cli, [command])
    assert isinstance(done.exception, ConfigError)
    assert str(done.exception) == (
        f"{home.home}: nothing is set up there yet. Run `fundplatform init`, or name another home "
        "in FUNDPLATFORM_HOME"
    )


def test_without_data_nothing_is_complete(home: Settings) -> None:
    make(home).store.publish()
    done = CliRunner().invoke(cli.cli, ["gaps"])
    assert done.output == "Nothing of these sources is loaded yet: `fundplatform backfill`\n"


def test_a_source_named_twice_is_planned_once(home: Settings) -> None:
    span = ["--from", "2003-01-16", "--to", "2003-01-16", "--plan"]
    once, twice = (
        CliRunner().invoke(cli.cli, ["backfill", *["sample"] * n, *span]).output for n in (1, 2)
    )
    assert once == twice
    assert "would run raw/sample/ohlcv 2003-01-16" in once


def test_without_a_source_there_is_nothing_to_do(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")
    done = CliRunner().invoke(cli.cli, ["backfill"])
    assert "Nothing to do: no source takes part. `fundplatform sources` lists them." in done.output
    planned = CliRunner().invoke(cli.cli, ["backfill", "--plan"])
    assert planned.output.startswith("nothing to fetch; then what is stale downstream, in runs")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ui", "--port", "99999"], "99999 is not in the range 1<=x<=65535"),
        (["explain", "index", "a", "2024-01-02", "--rows", "-1"], "-1 is not in the range x>=0"),
        (["demo", "--years", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_values_out_of_range(home: Settings, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(cli.cli, arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert not home.warehouse.exists()
