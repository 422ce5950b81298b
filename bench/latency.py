"""From a landed file to the fund metric: `fundplatform ui`, its sensors, and nobody's hand.

A drop folder with a year of bars is loaded; then a file with the next session lands in it. Most of
what passes until the published warehouse has that session's metrics is waiting: each sensor looks
once a minute, and a file is taken once two looks have seen it the same.
"""

import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from bench.cpu import used
from bench.inputs import random_walks
from bench.result import Line
from fundplatform import calendars
from fundplatform.clock import utc_now
from fundplatform.definitions import open_store
from fundplatform.settings import Settings
from fundplatform_tests.live import UI, running_ui, wait_for

NAME = "latency"
_LONGEST = 1_200
_ENVIRONMENT = {"FUNDPLATFORM_SOURCES": ""}
_YAML = """title: Random walks
start: {first}
calendar: XNYS
adjustment: split
columns: {{symbol: Name}}
"""
_LOCATIONS = """
query {
  repositoriesOrError {
    ... on RepositoryConnection { nodes { name location { name } } }
  }
}"""
_START = """
mutation($sensor: SensorSelector!) {
  startSensor(sensorSelector: $sensor) { __typename ... on PythonError { message } }
}"""


def run(*, quick: bool) -> list[Line]:
    """Once, on a real daemon."""
    today = utc_now().date()
    sessions = calendars.get("XNYS").sessions(
        today - timedelta(days=400), today - timedelta(days=1)
    )
    with TemporaryDirectory() as folder:
        walks = random_walks(sessions, 2 if quick else 100)
        loaded, done, cpu = _landed(Path(folder), walks, sessions)
    note = (
        f"{walks['Name'].n_unique()} names; two looks at the file and one at what is new, 60 s each"
    )
    return [
        Line(NAME, "a landed file to the fund metric, s", done, note=note),
        Line(NAME, "to its raw rows, s", loaded),
        Line(NAME, "CPU of all processes meanwhile, s", cpu),
    ]


def _landed(home: Path, walks: pl.DataFrame, sessions: list[date]) -> tuple[float, float, float]:
    """Seconds to the last session's raw rows, to its metrics, and CPU seconds."""
    folder = home / "drop" / "walks"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(_YAML.format(first=sessions[0]), "utf-8")
    newest = pl.col("date") == sessions[-1]
    walks.filter(~newest).write_csv(folder / "history.csv")
    days = ["--from", f"{sessions[0]}", "--to", f"{sessions[-2]}"]
    subprocess.run(
        [Path(sys.executable).with_name("fundplatform"), "backfill", "walks", *days],
        env={**os.environ, **_ENVIRONMENT, "FUNDPLATFORM_HOME": str(home)},
        check=True, capture_output=True, cwd=home,
    )  # fmt: skip
    with running_ui(home, _ENVIRONMENT) as ui:
        _switch_on(ui, "drop_folders", "propagate")
        before = used(ui.family())
        walks.filter(newest).write_csv(folder / "newest.csv")
        begun = time.monotonic()
        loaded = _until(home, "raw.ohlcv", sessions[-1]) - begun
        done = _until(home, "funds.metrics", sessions[-1]) - begun
        return loaded, done, used(ui.family()) - before


def _switch_on(ui: UI, *names: str) -> None:
    (found,) = ui.ask(_LOCATIONS)["repositoriesOrError"]["nodes"]
    place = {"repositoryName": found["name"], "repositoryLocationName": found["location"]["name"]}
    for name in names:
        ui.ask(_START, sensor={**place, "sensorName": name})


def _until(home: Path, table: str, session: date) -> float:
    """When the published warehouse has that session."""
    store = open_store(Settings(home=home, sources=()))
    sql = f"SELECT count(*) AS n FROM {table} WHERE session = ?"
    wait_for(lambda: store.query(sql, [session])["n"][0] > 0, _LONGEST, table)
    return time.monotonic()
