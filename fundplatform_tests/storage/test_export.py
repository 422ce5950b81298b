"""`fundplatform export`: the same rows in either database, in batches, into every format."""

import io
import json
import weakref
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from click.testing import CliRunner, Result

from fundplatform import cli, cli_export, tables
from fundplatform.errors import ConfigError
from fundplatform.export import Export
from fundplatform.export_datasets import DATASETS
from fundplatform.export_files import BINARY, FORMATS, beside, sink, whole
from fundplatform.export_xlsx import MOST_ROWS
from fundplatform.storage.base import Store
from fundplatform_tests.storage.exported import read_back
from fundplatform_tests.storage.marts import DATABASES, NOW, chosen, filled, rows

D = date.fromisoformat
Run = Callable[..., Result]
DAYS = [D("2005-02-25"), D("2005-02-28"), D("2005-03-01")]
CLOSES = [88.99, 44.86, 44.5]
SPY = {"instrument_id": 2, "symbol": "SPY", "asset_class": "etf"}
METRIC = {"instrument_id": 2, "session": DAYS[2], "frame": "1Y", "return_basis": "price"}
CONTENT = (
    rows(tables.SOURCES, {"source_id": 1, "name": "mine"}),
    rows(tables.INSTRUMENTS, {"instrument_id": 1, "symbol": "AAPL"}, SPY),
    rows(tables.VALIDATED, *(chosen(d, c) for d, c in zip(DAYS, CLOSES, strict=True)),
         chosen(DAYS[2], 120.25, instrument_id=2)),
    rows(tables.ADJUSTMENT_FACTORS, {"from_session": D("1900-01-01"), "split_factor": 0.5,
                                     "to_session": D("2005-02-27")}),
    rows(tables.METRICS, {**METRIC, "total_return": 0.25},
         {**METRIC, "frame": "3Y", "reason": "insufficient_history"}),
    rows(tables.RISK, {**METRIC, "beta": 1.5}),
    rows(tables.POSITIONS, {"instrument_id": 2, "as_of": DAYS[0], "line": 1, "name": "A <&> B",
                            "weight": 0.25}),
    rows(tables.COMPOSITIONS, {"index_name": "two", "session": DAYS[1], "target_weight": 0.5}),
    rows(tables.COMPOSITION_CHANGES, {"index_name": "two", "session": DAYS[1], "change": "added"}),
    rows(tables.LEVELS, {"index_name": "two", "session": DAYS[1], "return_basis": "price",
                         "level": 1000.5}),
    rows(tables.PERFORMANCE, {"index_name": "two", "session": DAYS[1], "return_basis": "price",
                              "state": "base"}),
)  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "export", CONTENT) as made:
        yield made


@pytest.fixture
def run(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli_export, "quiet_store", lambda settings: store)
    return lambda *a: CliRunner().invoke(cli.cli, ["export", *a])


def xml(text: bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  (written by the code under test)


def table(result: Result) -> tuple[dict[str, str], pl.DataFrame]:
    """The `#` lines and the rows of a CSV export."""
    assert result.exit_code == 0, result.output
    head = [t[2:].split(": ", 1) for t in result.stdout.splitlines() if t.startswith("# ")]
    about = {pair[0]: pair[-1] for pair in head}
    return about, pl.read_csv(io.StringIO(result.stdout), comment_prefix="#")


def test_prices_are_adjusted_in_order_and_say_what_they_are(run: Run) -> None:
    about, frame = table(run("prices", "--from", "2005-02-25", "--fields", "symbol,session,close"))
    assert frame.rows() == [
        ("AAPL", "2005-02-25", 44.495), ("AAPL", "2005-02-28", 44.86),
        ("AAPL", "2005-03-01", 44.5), ("SPY", "2005-03-01", 120.25),
    ]  # fmt: skip
    assert (about["basis"], about["rows"], about["sessions"]) == ("split", "4", "3")
    assert (about["data_from"], about["data_to"]) == ("2005-02-25", "2005-03-01")
    assert table(run("prices", "SPY"))[1]["close"].to_list() == [120.25]
    assert table(run("prices", "--to", "2005-02-25", "--out", "-"))[1].height == 1


def test_every_dataset_gives_its_rows(run: Run) -> None:
    seen = {name: table(run(name))[1] for name in DATASETS}
    assert {name: frame.height for name, frame in seen.items()} == {
        "prices": 4, "composition": 1, "changes": 1, "performance": 1, "metrics": 2, "holdings": 1,
    }  # fmt: skip
    metrics = seen["metrics"].select("symbol", "frame", "total_return", "beta", "reason")
    assert metrics.rows() == [
        ("SPY", "1Y", 0.25, 1.5, None), ("SPY", "3Y", None, None, "insufficient_history"),
    ]  # fmt: skip
    holding = seen["holdings"].select("fund", "source", "as_of", "name", "weight")
    assert holding.rows() == [("SPY", "mine", "2005-02-25", "A <&> B", 0.25)]
    assert seen["performance"].select("index_name", "level", "state").rows() == [
        ("two", 1000.5, "base")
    ]
    assert seen["composition"]["target_weight"].to_list() == [0.5]
    assert seen["changes"]["change"].to_list() == ["added"]


STANDS_IN = {
    "prices": "marts.adjusted_prices", "composition": "marts.index_composition",
    "changes": "marts.index_changes", "performance": "marts.index_levels",
    "metrics": "funds.metrics", "holdings": "catalog.holdings",
}  # fmt: skip
"""The mart, or the table where there is none, that a dataset shows."""


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_format_of_every_dataset_is_the_mart(
    store: Store, dataset: str, tmp_path: Path
) -> None:
    there = store.query(f"SELECT * FROM {STANDS_IN[dataset]}")
    # In another order than the dataset's own.
    fields = sorted(set(there.columns) & set(DATASETS[dataset].fields), reverse=True)
    assert len(fields) >= 8, fields
    wanted = Export(store, dataset, fields=fields)
    about, schema, batches = wanted.about(NOW), wanted.schema(), list(wanted.batches(1))
    days = there[DATASETS[dataset].session.split(".")[1]]
    assert (about["data_from"], about["data_to"]) == (str(days.min()), str(days.max()))
    for kind in FORMATS:
        path = tmp_path / f"x.{kind}"
        with whole(path) as into:
            file = sink(kind, into, schema, about)
            for batch in batches:
                file.add(batch)
            file.close()
        head = beside(path, about) if kind in BINARY else path
        assert all(str(v) in head.read_text("utf-8") for v in about.values() if v), kind
        found = read_back(path, there.schema)
        assert list(found[0]) == fields, kind
        assert sorted(found, key=str) == sorted(there.select(fields).to_dicts(), key=str), kind


def test_one_batch_is_held_at_a_time(store: Store, tmp_path: Path) -> None:
    held: list[weakref.ref[pl.DataFrame]] = []
    most = 0

    class Watched(Export):
        def batches(self, size: int = 1) -> Iterator[pl.DataFrame]:
            nonlocal most
            for batch in super().batches(1):
                held.append(weakref.ref(batch))
                most = max(most, sum(ref() is not None for ref in held))
                yield batch

    with (tmp_path / "x.xlsx").open("wb") as into:
        cli_export.write(Watched(store, "prices"), "xlsx", into)
    assert (len(held), most) == (3, 2), "the one being written, and the next"


def test_batches_are_whole_sessions_and_together_everything(store: Store) -> None:
    wanted = Export(store, "prices", fields=["session", "symbol", "bar_open_at"])
    one = pl.concat(wanted.batches())
    many = list(wanted.batches(1))
    assert [b.height for b in many] == [1, 1, 2], "a session is never cut"
    assert [b.height for b in wanted.batches(2)] == [2, 2]
    assert pl.concat(many).equals(one)
    assert one.schema["bar_open_at"] == pl.Datetime("us", "UTC")


def test_parquet_and_json_hold_the_same_and_say_what_it_is(run: Run) -> None:
    for kind in ("parquet", "json"):
        said = run("prices", "--out", f"p.{kind}").output
        assert said == f"4 rows, 2005-02-25 to 2005-03-01, basis split: p.{kind}\n"
    parquet, plain = pl.read_parquet("p.parquet"), json.loads(Path("p.json").read_text())
    assert parquet["close"].to_list() == [44.495, 44.86, 44.5, 120.25]
    assert [row["close"] for row in plain["rows"]] == parquet["close"].to_list()
    assert plain["rows"][0]["session"] == "2005-02-25"
    beside = json.loads(Path("p.parquet.about.json").read_text())
    assert beside["basis"] == plain["about"]["basis"] == "split"
    assert pl.read_parquet_metadata("p.parquet")["fundplatform"].startswith('{"dataset": "prices"')
    assert sorted(p.name for p in Path().iterdir()) == [
        "p.json", "p.parquet", "p.parquet.about.json",
    ]  # fmt: skip


def test_nothing_stands_beside_a_pipe(run: Run) -> None:
    """Parquet and sheets say themselves what they are."""
    Path("device").symlink_to("/dev/null")
    assert run("prices", "--out", "device", "--format", "parquet").exit_code == 0
    assert [p.name for p in Path().iterdir()] == ["device"]


def test_a_sheet_has_numbers_dates_and_text(run: Run) -> None:
    fields = "as_of,weight,name,isin,known_at"
    run("holdings", "--out", "h.xlsx", "--fields", fields)
    with zipfile.ZipFile("h.xlsx") as book:
        assert book.testzip() is None
        for name in book.namelist():
            xml(book.read(name))
        sheet = xml(book.read("xl/worksheets/sheet1.xml"))
        about = "".join(xml(book.read("xl/worksheets/sheet2.xml")).itertext())
    head, row = [["".join(c.itertext()) for c in line] for line in sheet[0]]
    assert head == fields.split(",")
    # 2005-02-25 is day 38408 of Excel (2005-01-01: 38353), 2024-01-01 00:00 is 45292.
    assert row == ["38408", "0.25", "A <&> B", "", "45292.0"]
    assert "as reported by the source" in about


def test_a_sheet_refuses_more_rows_than_it_holds() -> None:
    with pytest.raises(ConfigError, match="1,048,576 rows, and a sheet holds 1,048,575"):
        sink("xlsx", io.BytesIO(), pl.Schema({"a": pl.Int64()}), {"rows": MOST_ROWS + 1})


@pytest.mark.parametrize("kind", FORMATS)
def test_odd_values_survive_every_format(kind: str, tmp_path: Path) -> None:
    schema = pl.Schema({"t": pl.String(), "x": pl.Float64(), "b": pl.Boolean(), "d": pl.Date()})
    odd = [('=1+1, "q"\n\u00e9', 0.1, True, D("1899-01-01")), (None, None, None, None)]
    into = io.BytesIO()
    file = sink(kind, into, schema, {"rows": 2})
    file.add(pl.DataFrame(odd, schema=schema, orient="row"))
    file.close()
    into.seek(0)
    if kind == "parquet":
        assert pl.read_parquet(into).rows() == odd
    elif kind == "json":
        assert json.load(into)["rows"][0]["t"] == odd[0][0]
    elif kind == "csv":
        assert pl.read_csv(into, comment_prefix="#").row(0)[0] == odd[0][0]
    else:
        with zipfile.ZipFile(into) as book:
            line = xml(book.read("xl/worksheets/sheet1.xml"))[0][1]
        assert ["".join(c.itertext()) for c in line] == [odd[0][0], "0.1", "1", "1899-01-01"]


def test_text_that_a_sheet_would_run_is_text(tmp_path: Path) -> None:
    names = ["=HYPERLINK(1)", "+1", "-A", "@SUM(1)", "# no comment", 'q "x", y']
    frame = pl.DataFrame({"name": names})
    for kind in ("csv", "xlsx"):
        path = tmp_path / f"x.{kind}"
        with whole(path) as into:
            file = sink(kind, into, frame.schema, {"rows": len(names)})
            file.add(frame)
            file.close()
        assert [row["name"] for row in read_back(path, frame.schema)] == names
    with zipfile.ZipFile(tmp_path / "x.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert (b"<f>" in sheet, sheet.count(b'<c t="inlineStr">')) == (False, len(names) + 1)
    assert pl.read_csv(tmp_path / "x.csv", comment_prefix="#")["name"].to_list() == names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prices", "--fields", "symbol,sesion"), "none of this name. Did you mean session"),
        (("prices", "--fields", "close,close"), "named twice"),
        (("prices", "APPL"), "Did you mean AAPL?"),
        (("metrics", "spy"), "Did you mean SPY?"),
        (("composition", "zzz"), "There are: two"),
        (("prices", "--from", "2019-01-01"), "There are rows from 2005-02-25 to 2005-03-01"),
        (("prices", "--from", "2019-01-01", "--to", "2018-01-01"), "is after --to"),
        (("prices", "--from", "2005-02-26", "--to", "2005-02-27"), "no rows from 2005-02-26 to"),
        (("price",), "'price' is not one of 'prices', 'composition'"),
        (("prices", "--format", "xls"), "'xls' is not one of 'csv', 'json', 'parquet', 'xlsx'"),
        (("prices", "--out", "p.xls"), "--out p.xls: its ending is none of csv, json"),
        (("prices", "--format", "parquet"), "needs --out FILE"),
        (("prices", "--out", "no/such/p.csv"), "its folder does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    found = run(*arguments)
    assert found.exit_code != 0
    assert said in f"{found.output}{found.exception}"


def test_a_dataset_without_rows_says_what_to_load(tmp_path: Path) -> None:
    class Empty:
        def query(self, sql: str, parameters: object = ()) -> pl.DataFrame:
            none = pl.DataFrame(
                {"session": [None], "n": [None]}, schema={"session": pl.Date, "n": pl.Int64}
            )
            return none if sql.startswith("SELECT min") else none.clear()

    with pytest.raises(ConfigError, match=r"the warehouse has none\. Load a source of holdings"):
        Export(Empty(), "holdings").about(NOW)  # type: ignore[arg-type]
