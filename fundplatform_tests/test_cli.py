"""The `fundplatform` command as a user meets it: what it prints, what it returns, what it says.

In this process, through `main`, on drop folders of a few rows.
"""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import duckdb
import pytest

from fundplatform import calendars, cli
from fundplatform.settings import Settings
from fundplatform.storage import migrations
from fundplatform.storage.migrations import Migration
from fundplatform_tests.dropped import JANUARY, bar, folder, table
from fundplatform_tests.pipeline import make

DAYS = [f"2024-01-{d:02}" for d in (2, 3, 4, 5, 8)]
SPAN = ("--from", "2024-01-02", "--to", "2024-01-08")
GOOD = table(bar(day, symbol) for day in DAYS for symbol in ("AAA", "BBB"))
# BBB has no row on 2024-01-04; one close is negative; one row is text.
FLAWED = table(
    [
        *(bar(day, "AAA") for day in DAYS),
        *(bar(day, "BBB") for day in DAYS if day != "2024-01-04"),
        bar("2024-01-05", "CCC", -1.0),
        "2024-01-08,DDD,ten,11,9,10,100",
    ]
)


@dataclass(frozen=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.strip().splitlines()
        return line


Command = Callable[..., Answer]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path) -> Iterator[Settings]:
    made = tmp_path_factory.mktemp("home")
    (made / "calendars").symlink_to(calendar_cache)
    yield Settings(home=made, sources=())
    calendars.use_cache(calendar_cache)


@pytest.fixture
def command(
    home: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `fundplatform …` on the module's home."""
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(home.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")

    def run(*arguments: str) -> Answer:
        monkeypatch.setattr("sys.argv", ["started-otherwise", *arguments])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(code, out, err)

    return run


@pytest.mark.parametrize("name", sorted(cli.cli.commands))
def test_every_command_explains_itself(command: Command, name: str) -> None:
    answer = command(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: fundplatform {name}")
    _, words, *_ = answer.out.split("\n\n")
    assert len(words.strip()) > 20


def test_help_lists_every_command(command: Command) -> None:
    answer = command("--help")
    assert all(f"  {name} " in answer.out for name in cli.cli.commands)


def test_an_unknown_command_is_named(command: Command) -> None:
    answer = command("backfil")
    assert answer.code == 2
    assert "No such command 'backfil'" in answer.err


def test_the_code_with_which_a_command_ends_itself_is_the_shells(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`explain`, `payloads check` and `sources check` end so where something does not hold."""

    @click.command()
    def ends() -> None:
        raise click.exceptions.Exit(3)

    monkeypatch.setitem(cli.cli.commands, "ends", ends)
    assert command("ends").code == 3


def test_status_before_anything_says_what_to_run(command: Command) -> None:
    answer = command("status")
    assert answer.code == 1
    assert "nothing is published yet" in answer.error
    assert "fundplatform backfill" in answer.error


def test_status_before_anything_names_what_is_left_out(
    command: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    folder(settings, "wrong", "kind: ohlcw\n")
    left_out, nothing = command("status").err.splitlines()
    assert left_out.startswith("left out: wrong: ")
    assert "ohlcw" in left_out
    assert "nothing is published yet" in nothing


def test_init_twice(command: Command, home: Settings) -> None:
    first, second = command("init"), command("init")
    assert (first.code, second.code) == (0, 0)
    assert f"created {home.drop}" in first.out
    assert "applied migration 0001" in first.out
    ready, database = second.out.splitlines()
    assert ready == f"{home.home} is ready; nothing to do"
    assert database.startswith("DuckDB 2.")


def test_init_after_an_upgrade_publishes_for_the_readers(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make(settings).store.publish()
    known = migrations.migrations(migrations.sql_folder("duckdb"))
    newer = Migration("9999_newer", "CREATE VIEW marts.newer AS SELECT 1 AS one", "f" * 64)
    monkeypatch.setattr(migrations, "migrations", lambda folder: [*known, newer])
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setattr("sys.argv", ["fundplatform", "init"])
    cli.main()
    said = capsys.readouterr().out.splitlines()
    copy = settings.published / "warehouse.duckdb"
    assert said[:2] == ["applied migration 9999_newer", f"published {copy}"]
    with duckdb.connect(str(copy), read_only=True) as reader:
        assert reader.sql("SELECT one FROM marts.newer").fetchall() == [(1,)]


def test_sources_lists_the_good_and_the_bad(command: Command, home: Settings) -> None:
    (folder(home, "mine") / "bars.csv").write_text(FLAWED)
    (folder(home, "other") / "bars.csv").write_text(GOOD)
    folder(home, "wrong", "start: soon\n")
    answer = command("sources")
    assert answer.code == 0
    table, vendors = answer.out.splitlines()[:3], answer.out.splitlines()[3:]
    assert [line.split()[0] for line in table] == ["source", "mine", "other"]
    assert "massive: needs MASSIVE_API_KEY" in vendors
    for name in ("ecb", "sample", "synthetic"):
        assert f"{name}: off: add it to FUNDPLATFORM_SOURCES" in vendors
    assert answer.error.startswith("left out: wrong: ")
    assert "source.yaml: start: 'soon' is no date. Write it like 2015-01-02" in answer.error
    (home.drop / "wrong" / "source.yaml").unlink()
    (home.drop / "wrong").rmdir()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("mien",), 1, "error: command line: mien: no such source. Choose from: mine, other"),
        (("",), 1, "error: command line: '': no such source. Choose from: mine, other"),
        (("--from", "2024-13-01"), 2, "'2024-13-01' does not match the format '%Y-%m-%d'"),
        (("--to", "yesterday"), 2, "'yesterday' does not match the format"),
        (("--from", "2024-02-01", "--to", "2024-01-01"), 2, "2024-02-01 is after --to 2024-01-01"),
        (("mine", "--to", "1980-02-01"), 2, "no source asked for has data before 2024-01-02"),
    ],
)
def test_wrong_arguments_run_nothing(
    command: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    answer = command("backfill", *arguments)
    assert answer.code == code
    assert said in answer.err
    assert "done" not in answer.out


def test_a_plan_runs_nothing(command: Command, home: Settings) -> None:
    answer = command("backfill", "mine", *SPAN, "--plan")
    assert answer.code == 0
    assert "would run raw/mine/ohlcv 2024-01-02..2024-01-08 (5 partitions)" in answer.out
    assert "other" not in answer.out
    assert command("backfill", "mine", *SPAN, "--plan").out == answer.out


def test_one_failing_source_makes_the_exit_code_and_the_others_finish(
    command: Command, home: Settings
) -> None:
    broken = folder(home, "broken", JANUARY) / "bars.csv.gz"
    broken.write_bytes(gzip.compress(GOOD.encode(), mtime=0)[:-10])
    answer = command("backfill", *SPAN)
    assert answer.code == 1
    assert "FAILED raw/broken/ohlcv" in answer.out
    for done in ("raw/mine/ohlcv", "raw/other/ohlcv", "catalog", "prices → indices → metrics"):
        assert f"done   {done}" in answer.out
    assert "source broken: file bars.csv.gz is no whole gzip file" in answer.error
    (line,) = (row for row in command("status").out.splitlines() if row.startswith("broken: "))
    assert line.startswith("broken: ERROR, unreadable, never a success; score 0 of 100: source ")
    assert "file bars.csv.gz is no whole gzip file" in line
    broken.unlink()
    (home.drop / "broken" / "source.yaml").unlink()
    (home.drop / "broken").rmdir()


def test_status_counts_missing_and_rejected(command: Command) -> None:
    answer = command("status")
    assert answer.code == 0
    head, mine, other, refused, database = answer.out.splitlines()
    assert database.startswith("DuckDB")
    assert refused == "refused at load: mine: 1 unparseable, like: open 'ten' is no number"
    rows = [line.split() for line in (mine, other)]
    found = {row[0]: dict(zip(head.split(), row, strict=True)) for row in rows}
    wanted = ("rows", "sessions", "missing", "rejected", "at_load", "held")
    assert [found["mine"][name] for name in wanted] == ["10", "5", "1", "1", "1", "0"]
    assert [found["other"][name] for name in wanted] == ["10", "5", "0", "0", "0", "0"]
    assert found["mine"]["last"] == "2024-01-08"


def test_gaps_are_a_calendar_and_a_table(command: Command) -> None:
    """AAA has its five sessions, BBB lacks one of five, the only one of CCC is refused."""
    answer = command("gaps", "--source", "mine", *SPAN)
    assert answer.code == 0
    head, january, legend, *rest = answer.out.splitlines()
    assert head.split() == ["source", "kind", "year", "JFMAMJJASOND", "missing"]
    # 2 of 11 are missing: two tenths.
    assert january.split() == ["mine", "ohlcv", "2024", "2", "2"]
    assert legend.startswith(". complete")
    assert [line.split()[2:7] for line in rest if line.startswith("mine")] == [
        ["BBB", "vendor_missing", "interior", "2024-01-04", "2024-01-04"],
        ["CCC", "rejected", "all", "2024-01-05", "2024-01-05"],
    ]
    assert rest[-1] == "2 sessions in 2 ranges"
    assert command("gaps", "mine", *SPAN).out == answer.out
    assert command("gaps", "other", *SPAN).out.splitlines()[-1] == "No gaps."
    assert command("gaps", "--from", "2024-02-01", "--to", "2024-01-01").code == 2


def test_a_second_backfill_has_nothing_to_do(command: Command) -> None:
    answer = command("backfill", *SPAN)
    assert answer.code == 0
    assert "Nothing to do" in answer.out
    assert "--refetch" in answer.out
    assert "done" not in answer.out


def test_a_source_left_out_makes_the_exit_code_unless_others_are_named(
    command: Command, home: Settings
) -> None:
    folder(home, "wrong", "start: 2024-01-02\nclosing: yes\n")
    everything, mine = command("backfill", *SPAN), command("backfill", "mine", *SPAN)
    assert (everything.code, mine.code) == (1, 0)
    assert everything.error.startswith("left out: wrong: ")
    told = command("status")
    assert told.code == 0
    assert told.error == next(iter(everything.error.splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FUNDPLATFORM_SOURCES", "sampel", "'sampel' is no built-in source. Known: sample"),
        ("FUNDPLATFORM_LOCK_TIMEOUT", "long", "'long' is not a number"),
        ("FUNDPLATFORM_RISK_FREE_RATE", "5%", "'5%' is not a number"),
    ],
)
def test_a_wrong_variable_is_named(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    answer = command("sources")
    assert answer.code == 1
    assert answer.error.startswith(f"error: environment: {name}: ")
    assert said in answer.error
