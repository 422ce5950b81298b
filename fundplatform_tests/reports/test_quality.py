"""The quality report: says what the warehouse holds, escapes it, and stands in a real browser."""

import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from fundplatform import status_lines, tables
from fundplatform.cli import cli
from fundplatform.contracts import Finding
from fundplatform.errors import WarehouseError
from fundplatform.quality_results import Judged, record
from fundplatform.reports import quality
from fundplatform.sources.base import Coverage, Kind, SourceSpec
from fundplatform.storage.base import WHOLE, Slice, Stamp
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform.tables import Table
from fundplatform_tests.reports.accessibility import audit
from fundplatform_tests.reports.browser import chromium, cut_on_paper, look, printed
from fundplatform_tests.storage.frames import bars, listings, put

LAST = date(2024, 3, 28)
NOW = datetime(2024, 3, 29, 6, tzinfo=UTC)
DAYS = [LAST - timedelta(days=n) for n in range(75) if (LAST - timedelta(days=n)).weekday() < 5]
SPECS = [
    SourceSpec(n, n, "equity", "US", "USD", {Kind.OHLCV: Coverage("XNYS", DAYS[-1])})
    for n in ("alpha", "beta", "gamma")
]


JUDGED = {
    "color-contrast", "document-title", "heading-order", "html-has-lang", "landmark-one-main",
    "link-name", "page-has-heading-one", "region", "scrollable-region-focusable", "svg-img-alt",
    "tabindex", "td-headers-attr", "th-has-data-cells",
}  # fmt: skip
"""Rules of axe-core that must have found something to judge on the page."""


def rows(table: Table, *given: dict[str, object]) -> pl.DataFrame:
    """Rows of the table without the writer's stamps; what is not given is NULL or a filler."""
    fill = {"float64": 0.0, "int64": 0, "int32": 0, "text": "", "bool": False, "timestamp": NOW}
    own = [c for c in table.columns if c.name not in ("recorded_from", "run_id")]
    full = [
        {c.name: r.get(c.name, None if c.nullable else fill.get(c.type)) for c in own}
        for r in given
    ]
    return pl.DataFrame(full, {c.name: tables.POLARS[c.type] for c in own})  # fmt: skip


def gate(
    source: int, day: date, raw: int, bad: int = 0, held: str | None = None
) -> dict[str, object]:
    return {
        "source_id": source, "session": day, "rows_raw": raw, "rows_rejected": bad,
        "rows_validated": 0 if held else raw - bad, "held": held is not None, "reason": held,
    }  # fmt: skip


def calm(store: DuckDBStore) -> None:
    """Three sources, everything well."""
    store.migrate()
    gates = [gate(s, d, 500) for s in (1, 2, 3) for d in DAYS]
    with store.transaction(Stamp("calm", NOW - timedelta(days=2))) as writer:
        for spec in SPECS:
            number = writer.source_id(spec)
            writer.register(number, listings(("AAA", DAYS[-1], LAST), ("BBB", DAYS[-1], LAST)))
        writer.write(tables.GATES, rows(tables.GATES, *gates), WHOLE)
    store.publish()


def trouble(store: DuckDBStore) -> None:
    """Something in every section."""
    bad = {
        "source_id": 1, "instrument_id": 1, "interval": "1d", "quote": "USD", "session": LAST,
        "bar_open_at": datetime(2024, 3, 28, tzinfo=UTC), "adjustment": "none", "rules": "V04,V23",
        "reason": "high 9 < <script>alert(1)</script>", "rules_version": 2,
    }  # fmt: skip
    differ = {
        "instrument_id": 2, "interval": "1d", "quote": "USD", "session": LAST, "n_sources": 3,
        "bar_open_at": datetime(2024, 3, 28, tzinfo=UTC), "source_id": 2, "adjustment": "none",
        "median_close": 100.0, "deviation": 0.03, "tolerance": 0.005, "outliers": "1",
        "reason": "source 1, first by priority, was refused (V23)",
    }  # fmt: skip
    override = {
        "override_id": "o1", "action": "accept", "symbol": "AAA", "first_session": LAST,
        "last_session": LAST, "author": "ann", "reason": "a true move", "origin": "command",
        "expires_on": date(2024, 6, 1),
    }  # fmt: skip
    score = {
        "source_id": 1, "session": LAST, "rows": 500, "rows_expected": 500, "rows_present": 493,
        "score": 92.5,
    }  # fmt: skip
    health = {"source": "beta", "state": "ERROR", "last_failure": "timeout"}
    finding = {"source_id": 1, "session": LAST, "rule": "V13", "severity": "warning",
               "finding": "500 rows where 600 are usual"}  # fmt: skip
    gap = {"source": "gamma", "kind": "ohlcv", "vendor_symbol": "*", "first_session": LAST,
           "last_session": LAST, "sessions": 1, "state": "unfetched", "place": "tail"}  # fmt: skip
    week = Slice({"source_id": 1}, LAST, LAST)
    with store.transaction(Stamp("trouble", NOW)) as writer:
        gates = [gate(1, LAST, 500, 2), gate(2, LAST, 500, 9, "9 of 500 rows rejected")]
        writer.write(tables.GATES, rows(tables.GATES, *gates), Slice({}, LAST, LAST))
        writer.write(tables.REJECTED, rows(tables.REJECTED, bad), WHOLE)
        writer.write(tables.CONSENSUS, rows(tables.CONSENSUS, differ), WHOLE)
        writer.write(tables.OVERRIDES, rows(tables.OVERRIDES, override), WHOLE)
        writer.write(tables.SOURCE_RELIABILITY, rows(tables.SOURCE_RELIABILITY, score), WHOLE)
        writer.write(tables.SOURCE_HEALTH, rows(tables.SOURCE_HEALTH, health), WHOLE)
        writer.write(tables.GAPS, rows(tables.GAPS, gap), WHOLE)
        writer.write(tables.FINDINGS, rows(tables.FINDINGS, finding), WHOLE)
    put(store, tables.OHLCV, bars((1, LAST, 10.0)), week, Stamp("a", NOW - timedelta(hours=9)))
    put(store, tables.OHLCV, bars((1, LAST, 10.5)), week, Stamp("b", NOW - timedelta(hours=8)))
    found = [Finding("expect_x", passed=False, expected="a", actual="b", offenders=[1])]
    judged = Judged.of(tables.LEVELS, tables.LEVELS.empty(), found)
    record(store, Stamp("r", NOW), "contract", [judged])
    store.publish()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> DuckDBStore:
    """All well; only read."""
    folder = tmp_path_factory.mktemp("calm")
    made = DuckDBStore(folder / "warehouse.duckdb", folder / "published", lock_timeout=30)
    calm(made)
    return made


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory, store: DuckDBStore) -> DuckDBStore:
    """Something in every section; only read."""
    folder = tmp_path_factory.mktemp("trouble")
    shutil.copyfile(store.path, folder / "warehouse.duckdb")
    made = DuckDBStore(folder / "warehouse.duckdb", folder / "published", lock_timeout=30)
    trouble(made)
    return made


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.S))


def test_a_calm_session_says_so_at_once(store: DuckDBStore, tmp_path: Path) -> None:
    path, session = quality.write(store, tmp_path / "reports", NOW)
    assert (path.name, session) == ("2024-03-28.html", LAST)
    page = path.read_text("utf-8")
    text = text_of(page)
    assert "All bars passed and every source is there." in text
    assert "1,500 bars came in" in text
    assert "Nobody overrides a rule." in text
    assert page.count("500 bars, 0 rejected") >= 3 * len(DAYS[:50])
    assert (tmp_path / "reports" / "latest.html").read_text("utf-8") == page


def test_trouble_is_named_and_escaped(bad: DuckDBStore, tmp_path: Path) -> None:
    page = quality.write(bad, tmp_path / "reports", NOW)[0].read_text("utf-8")
    text = text_of(page)
    assert (
        "To look at: 1 held session, 1 broken expectation, 11 rejected bars, "
        "2 late or failing sources, 1 bar on which sources differ, "
        "1 finding on a whole session, 1 warning on other tables." in text
    )
    for said in ("held: 9 of 500 rows rejected", "High is at least open, close and low",
                 "unfetched gamma 1", "gone since the session before alpha 7",
                 "beta late or failing",
                 "gamma late or failing", "10 10.5 +5.000%", "3.000% 0.50% source 1, first by",
                 "ann a true move 2024-06-01 in force",
                 "V27 Values once stored are not restated warning 1 of 1 values differ",
                 "500 rows where 600 are usual", "92.5", "expect_x"):  # fmt: skip
        assert said in text, said
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'class="q0" title="beta 2024-03-28: 500 bars, 9 rejected, held"' in page


def test_status_names_overrides_in_force_and_lately_expired(bad: DuckDBStore) -> None:
    (told,) = status_lines.decisions(bad, NOW.date())
    assert told == (
        "override in force until 2024-06-01: accept AAA 2024-03-28..2024-03-28 by ann: a true move"
    )
    (late,) = status_lines.decisions(bad, date(2024, 6, 2))
    assert late.startswith("override expired since 2024-06-01: accept AAA")
    assert list(status_lines.decisions(bad, date(2024, 9, 1))) == []


def test_nothing_is_asked_of_the_network(bad: DuckDBStore, tmp_path: Path) -> None:
    page = quality.write(bad, tmp_path, NOW)[0].read_text("utf-8")
    assert re.findall(r"https?://|src=|@import|url\(", page) == []


def test_an_older_session_leaves_the_latest_alone(store: DuckDBStore, tmp_path: Path) -> None:
    quality.write(store, tmp_path, NOW)
    path, session = quality.write(store, tmp_path, NOW, DAYS[5])
    assert (path.name, session) == (f"{DAYS[5]}.html", DAYS[5])
    assert f"Data quality, {LAST}" in (tmp_path / "latest.html").read_text("utf-8")
    with pytest.raises(WarehouseError, match="no bars of 2024-03-30 were judged"):
        quality.write(store, tmp_path, NOW, date(2024, 3, 30))


def test_the_command(store: DuckDBStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNDPLATFORM_HOME", str(tmp_path))
    (tmp_path / "published").mkdir()
    shutil.copyfile(store.copy, tmp_path / "published" / "warehouse.duckdb")
    done = CliRunner().invoke(cli, ["report", "quality"], catch_exceptions=False)
    assert done.exit_code == 0
    assert f"2024-03-28: {tmp_path}/reports/quality/2024-03-28.html" in done.output
    assert (tmp_path / "reports/quality/latest.html").exists()


@pytest.mark.parametrize("width", [1280, 375])
def test_in_a_real_browser(bad: DuckDBStore, tmp_path: Path, width: int) -> None:
    chromium()
    page = quality.write(bad, tmp_path / "reports", NOW)[0]
    seen = look(page, tmp_path, width)
    assert seen.errors == []
    assert seen.requests == 0
    # The page fits the window: only tables scroll, by themselves.
    assert seen.overflow <= 0


def test_the_browser_tells_of_errors_and_of_what_does_not_fit(tmp_path: Path) -> None:
    chromium()
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><body><div style='width:3000px'>wide</div>"
        "<script>console.error('no')</script></body>"
    )
    seen = look(page, tmp_path, 500)
    assert any("no" in e for e in seen.errors)
    assert seen.overflow > 1000


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_read_without_eyes_or_mouse(bad: DuckDBStore, tmp_path: Path, dark: bool) -> None:
    chromium()
    page = quality.write(bad, tmp_path / "reports", NOW)[0]
    found = audit(page, tmp_path, dark=dark)
    assert found.wrong == ()
    assert found.passes >= JUDGED


@pytest.mark.slow
def test_on_paper(bad: DuckDBStore, tmp_path: Path) -> None:
    chromium()
    page = quality.write(bad, tmp_path / "reports", NOW)[0]
    assert cut_on_paper(page, tmp_path) <= 0
    assert 1 <= printed(page, tmp_path) <= 4


@pytest.mark.slow
def test_the_audit_tells_of_what_is_wrong(tmp_path: Path) -> None:
    chromium()
    page = tmp_path / "wrong.html"
    page.write_text(
        "<!doctype html><style>@media print{b{color:red}}</style><body><h1>One</h1><h3>Three</h3>"
        "<p style='color:#bbb;background:#fff'>pale</p><svg role='img'></svg>"
        "<table><tr><td>1</td></tr></table>"
        "<div style='width:3000px'>wide</div></body>"
    )
    found = {rule for rule, _ in audit(page, tmp_path).wrong}
    assert found >= {
        "color-contrast", "document-title", "heading-order", "html-has-lang", "landmark-one-main",
        "svg-img-alt", "table without caption",
    }  # fmt: skip
    assert cut_on_paper(page, tmp_path) > 2000


@pytest.mark.slow
def test_at_server(warehouse_url: str, tmp_path: Path) -> None:
    from fundplatform.storage.timescale import TimescaleStore

    server = TimescaleStore(warehouse_url)
    with server.transaction(Stamp("calm", NOW)) as writer:
        for spec in SPECS:
            writer.source_id(spec)
        gates = [gate(s, d, 500) for s in (1, 2, 3) for d in DAYS]
        writer.write(tables.GATES, rows(tables.GATES, *gates), WHOLE)
    page = quality.write(server, tmp_path, NOW)[0].read_text("utf-8")
    assert "All bars passed and every source is there." in text_of(page)
