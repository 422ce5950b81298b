"""Fund facts and holdings from folders to marts, on a location that has nothing else."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from fundplatform.settings import Settings
from fundplatform.sources.drop import discover
from fundplatform_tests.pipeline import Pipeline, make

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[1] / "examples/drop"
FACTS = """kind: fund_facts
start: 2020-01-01
end: 2020-12-31
known_after: 1
"""


def location(settings: Settings) -> Pipeline:
    sources, problems = discover(settings.home / "drop", settings.home / "payloads")
    assert problems == []
    return make(settings, sources)


def labels(pipeline: Pipeline, first: date, last: date) -> list[str]:
    done = [chunk.label for chunk in pipeline.backfill(first, last)]
    assert [o.errors for o in pipeline.outcomes if o.errors] == []
    return done


def test_only_what_changed_is_computed_again(settings: Settings) -> None:
    folder = settings.home / "drop" / "fees"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(FACTS, "utf-8")
    rows = "fund,effective_on,expense_ratio,active\nAAA,2020-03-02,0.002,yes\n"
    (folder / "rows.csv").write_text(rows, "utf-8")
    span = date(2020, 3, 2), date(2020, 3, 31)
    assert labels(location(settings), *span)[-1] == "fund catalog"
    assert labels(location(settings), *span) == []
    more = "AAA,2020-03-10,0.2,\nAAA,2020-03-16,,closed\n"
    (folder / "more.csv").write_text(rows.splitlines()[0] + "\n" + more, "utf-8")
    pipeline = location(settings)
    assert labels(pipeline, *span)[-1] == "fund catalog"
    found = pipeline.store.query(
        "SELECT valid_from, valid_to, expense_ratio, stated_expense_ratio, active, "
        "problem IS NOT NULL FROM catalog.fund_facts ORDER BY valid_from"
    )
    assert found.rows() == [
        (date(2020, 3, 2), date(2020, 3, 9), 0.002, 0.002, True, False),
        (date(2020, 3, 10), date(2020, 3, 15), 0.002, 0.2, True, True),
        (date(2020, 3, 16), None, 0.002, None, False, False),
    ]


def test_real_reports(settings: Settings, shared_data: Path) -> None:
    """SPY of 2020 and QQQ of 2011 are complete, and too far apart to be compared."""
    folder = settings.home / "drop" / "constituents"
    folder.mkdir(parents=True)
    shutil.copyfile(EXAMPLES / "constituents/source.yaml", folder / "source.yaml")
    for name in ("spy_20201130.csv", "qqq_20110330.csv"):
        shutil.copyfile(shared_data / "funds/lean_etf_universe" / name, folder / name)
    pipeline = location(settings)
    labels(pipeline, date(2011, 3, 1), date(2020, 11, 30))
    found = pipeline.store.query(
        "SELECT i.symbol, h.as_of, count(*) AS n, bool_and(h.complete) FROM catalog.holdings h "
        "JOIN catalog.instruments i USING (instrument_id) GROUP BY 1, 2 ORDER BY 1"
    )
    assert found.rows() == [
        ("QQQ", date(2011, 3, 30), 100, True),
        ("SPY", date(2020, 11, 27), 503, True),
    ]
    assert pipeline.store.query("SELECT * FROM catalog.fund_overlaps").is_empty()
