"""A backfill whose rows are refused: what it prints, and when that is a failure for a script."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import cli
from fundplatform.assets.raw import raw_key
from fundplatform.chunks import Chunk, Outcome, Stored
from fundplatform.command_line import ended, run_backfill, tell_refused
from fundplatform.errors import WarehouseError
from fundplatform.lost_loads import lost_loads
from fundplatform.settings import Settings
from fundplatform.sources.base import REJECT_SCHEMA, Batch
from fundplatform.sources.drop import discover
from fundplatform.storage.transactions import _refused
from fundplatform_tests.dropped import folder

YAML = "kind: economic\ncalendar: daily\nstart: 2024-01-02\nend: 2024-01-05\n"
CHUNK = Chunk("raw/mine/ohlcv", ())
OTHER = Chunk("raw/other/ohlcv", ())
LOST = Stored(0, 0, 0, 2, "a")


@pytest.mark.slow
def test_a_source_of_which_every_row_is_refused_is_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    monkeypatch.setenv("FUNDPLATFORM_SOURCES", "")
    rows = "session,symbol,value\n01/02/2024,DGS10,4.5\n01/03/2024,DGS10,4.6\n"
    dropped = folder(settings, "lost", YAML) / "a.csv"
    dropped.write_text(rows)
    done = CliRunner().invoke(cli.cli, ["backfill", "lost"])
    assert done.exit_code == 1
    span = "2024-01-02..2024-01-05 (4 partitions)"
    assert f"done   raw/lost/economic {span}: 2 refused\n" in done.stdout
    assert done.stderr.startswith(
        "refused: raw/lost/economic: every row, nothing is stored; the first: "
        "unparseable: session '01/02/2024' is no date"
    )
    assert "Mend its files or source.yaml" in done.stderr
    again = CliRunner().invoke(cli.cli, ["backfill", "lost"])
    assert (again.exit_code, again.stderr) == (1, done.stderr)
    assert "Nothing to fetch: all was read. No row changed." in again.stdout
    dropped.write_text(rows.replace("01/02/2024", "2024-01-02"))
    mended = CliRunner().invoke(cli.cli, ["backfill", "lost"])
    assert (mended.exit_code, mended.stderr) == (0, "")
    assert "1 new, 1 refused" in mended.stdout
    last = CliRunner().invoke(cli.cli, ["backfill", "lost"])
    assert (last.exit_code, last.stderr) == (0, "")
    assert "Nothing to do: every session asked for is already there." in last.stdout


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (Stored(12_154, 0, 0, rows=12_154), "12,154 new"),
        (Stored(1, 2, 3, 4, "why", 6), "1 new, 2 changed, 3 unchanged, 4 refused"),
        (Stored(0, 0, 0, rows=6), "no rows"),
    ],
)
def test_the_line_of_a_fetch_has_its_rows(stored: Stored, words: str) -> None:
    assert ended(Outcome(CHUNK, "run", stored=stored)) == f"done   raw/mine/ohlcv: {words}"
    assert ended(Outcome(CHUNK, "run", ("why",), stored)) == "FAILED raw/mine/ohlcv"


@pytest.mark.parametrize(
    ("parts", "good", "said"),
    [
        # Of a file's two parts the first has only rows that cannot be read, the second has more.
        ([Stored(0, 0, 0, 2, "a"), Stored(9, 0, 0, 2, "b", 9)], True, "some rows; the first: a "),
        # Nothing new, but there are rows from before.
        ([Stored(0, 0, 0, 2, "a", 9)], True, "some rows; the first: a "),
        ([Stored(0, 0, 0, 2, "a"), Stored(0, 0, 0)], False, "every row, nothing is stored"),
        ([Stored(0, 0, 0)], True, ""),
        ([Stored(9, 0, 0, rows=9)], True, ""),
    ],
)
def test_it_fails_where_nothing_is_there_and_rows_were_refused(
    parts: list[Stored], good: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = [Outcome(CHUNK, "run", stored=part) for part in parts]
    assert tell_refused(outcomes) is good
    out, err = capsys.readouterr()
    assert said in (out if good else err)
    assert bool(out + err) == bool(said)


class Store:
    """Nothing to publish."""

    def publish(self) -> None:
        pass

    def query(self, *_: object) -> pl.DataFrame:
        raise WarehouseError("warehouse", "none", "none")


@dataclass
class Fetching:
    """A backfill of at most one run, that went well, with what earlier ones lost."""

    stored: Stored | None
    before: Sequence[Stored] = ()
    all_sources: Sequence[str] = ("mine", "other")

    def fetches(self) -> list[Chunk]:
        return [CHUNK] if self.stored else []

    def run(self, on_start: Callable[[Chunk], None], on_done: Callable[[Outcome], None]) -> bool:
        if self.stored:
            on_start(CHUNK)
            on_done(Outcome(CHUNK, "run", stored=self.stored))
        return True

    def lost(self) -> list[Outcome]:
        return [Outcome(OTHER, "", stored=stored) for stored in self.before]


@pytest.mark.parametrize(
    ("job", "good"),
    [
        (Fetching(LOST), False),
        (Fetching(Stored(1, 0, 0, 2, "a", 1)), True),
        # Of another source everything was lost before.
        (Fetching(Stored(1, 0, 0, rows=1), [LOST]), False),
        (Fetching(None, [LOST]), False),
        (Fetching(None), True),
    ],
)
def test_the_whole_backfill_fails_with_it(
    job: Fetching, good: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(settings.home))
    assert run_backfill(job, Store()) is good  # type: ignore[arg-type]


DAYS = "2024-01-02", "2024-01-03"


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        ([], []),
        ([(DAYS[0], 2, "a", 0)], ["a"]),
        # Of a file's two parts the second has no rows at all.
        ([(DAYS[0], 2, "a", 0), (DAYS[1], 0, "", 0)], ["a"]),
        ([(DAYS[0], 2, "a", 0), (DAYS[1], 1, "b", 0)], ["a"]),
        # The bad file is gone, or its rows are good now.
        ([(DAYS[0], 2, "a", 0), (DAYS[0], 0, "", 0)], []),
        ([(DAYS[0], 2, "a", 0), (DAYS[0], 1, "b", 9)], []),
        ([(DAYS[0], 1, "b", 9), (DAYS[1], 2, "a", 9)], []),
        # A kind without partitions.
        ([(None, 2, "a", 0)], ["a"]),
        ([(None, 2, "a", 0), (None, 0, "", 0)], []),
    ],
)
def test_what_loads_lost_is_what_stands_of_each_partition(
    loads: list[tuple[str | None, int, str, int]], said: list[str], settings: Settings
) -> None:
    parted = all(session for session, *_ in loads)
    folder(settings, "lost", YAML if parted else "kind: corporate_actions\nstart: 2024-01-02\n")
    (source,), _ = discover(settings.drop, settings.payloads)
    (kind,) = source.spec.kinds
    nothing = ("rejected_at_load", "rows_inserted", "rows_updated", "rows_unchanged")
    with dg.DagsterInstance.ephemeral() as instance:
        for session, refused, reason, rows in loads:
            noted = {**dict.fromkeys(nothing, 0), "dagster/row_count": rows}
            why = {"rows_refused": refused, "first refused": reason} if refused else {}
            key = raw_key("lost", kind)
            made = dg.AssetMaterialization(key, partition=session, metadata={**noted, **why})
            instance.report_runless_asset_event(made)
        found = list(lost_loads([source], instance))
    told = [(one.chunk.label, one.stored and one.stored.reason) for one in found]
    assert told == [(f"raw/lost/{kind}", reason) for reason in said]


@pytest.mark.parametrize(
    ("rules", "rows", "counted"),
    [
        (("duplicate", "missing_key", "unparseable"), 1, (2, "missing_key: why 1")),
        # Equal rows are one; a row outside the coverage is no news beside others.
        (("duplicate",), 1, None),
        (("outside_coverage", "duplicate"), 1, None),
        (("outside_coverage", "outside_coverage"), 0, (2, "outside_coverage: why 0")),
        (("outside_coverage", "unparseable"), 0, (1, "unparseable: why 1")),
    ],
)
def test_which_rows_count_as_refused(
    rules: tuple[str, ...], rows: int, counted: tuple[int, str] | None
) -> None:
    rejects = [{"rule": rule, "reason": f"why {n}"} for n, rule in enumerate(rules)]
    batch = Batch(pl.DataFrame({"x": [0] * rows}), pl.DataFrame(rejects, REJECT_SCHEMA))
    told = _refused(batch)
    assert told == ({} if counted is None else dict(zip(told, counted, strict=True)))
    assert (told == {}) == (counted is None)
