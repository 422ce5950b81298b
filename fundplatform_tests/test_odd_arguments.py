"""Commands on homes that are not there, and with values out of range: one line, no traceback."""

import pytest
from click.testing import CliRunner

from fundplatform import cli
from fundplatform.errors import ConfigError
from fundplatform.settings import Settings
from fundplatform_tests.pipeline import make


@pytest.fixture
def home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "sample")
    return settings


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
