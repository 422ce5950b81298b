"""A corrected price: what `impact` shows is what runs, and the levels are those of a new build."""

from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner

from fundplatform import calendars
from fundplatform.cli import cli
from fundplatform.impact import chain_of
from fundplatform.settings import Settings
from fundplatform_tests.clean_build import COMPUTED, assert_equals_a_clean_build
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import Pipeline, make
from fundplatform_tests.worlds import price, put_index

CORRECTED = date(2014, 3, 14)
# Five years; verdicts look 100 days back, so those up to the 22nd of June 2014 can change.
FIRST, LAST, REACHED = date(2012, 1, 3), date(2016, 12, 30), date(2014, 6, 22)
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)
SYMBOLS = ("AAA", "BBB", "CCC")
ASSET = "raw/mine/ohlcv"

pytestmark = pytest.mark.slow


def home(settings: Settings, corrected: dict[tuple[str, date], float]) -> Pipeline:
    put_index(settings)
    put(settings, corrected)
    made = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    made.clock = lambda: NOW
    return made


def put(settings: Settings, corrected: dict[tuple[str, date], float]) -> None:
    rows = [
        bar(day.isoformat(), symbol, corrected.get((symbol, day), price(symbol, day)))
        for day in calendars.get("XNYS").sessions(FIRST, LAST)
        for symbol in SYMBOLS
    ]
    yaml = f"start: {FIRST}\nend: {LAST}\n"
    (folder(settings, "mine", yaml) / "bars.csv").write_text(table(rows))


def test_a_correction_rebuilds_what_impact_shows_and_equals_a_build_from_scratch(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = home(settings, {})
    made.backfill(FIRST, LAST)
    assert [o.errors for o in made.outcomes if o.errors] == []
    again = home(settings, {})
    assert again.backfill(FIRST, LAST, refetch=True)[-1].label == ASSET, "nothing downstream"
    told = CliRunner().invoke(
        cli, ["impact", "raw/mine", "AAA", str(CORRECTED)],
        env={"FUNDPLATFORM_HOME": str(settings.home), "FUNDPLATFORM_SOURCES": ""},
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    assert "prices   2014-03-14..2014-06-22    101 days" in told.output
    assert "metrics  2014-03-14..2016-12-30  1,023 days" in told.output
    assert "of: mine" in told.output
    job = again.job(FIRST, LAST)
    predicted = chain_of(job.standing(), made.sources, ASSET, CORRECTED, (FIRST, LAST))

    correction = {("AAA", CORRECTED): round(price("AAA", CORRECTED) * 1.02, 4)}
    put(settings, correction)
    after = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    after.clock = lambda: NOW
    ran = after.backfill(FIRST, LAST)
    assert [o.errors for o in after.outcomes if o.errors] == []
    assert [(c.label, c.first, c.last) for c in ran] == [
        (ASSET, CORRECTED, CORRECTED),
        ("catalog", None, None),
        ("prices", CORRECTED, REACHED),
        ("catalog/tiers", None, None),
        ("indices → metrics", CORRECTED, LAST),
    ]
    assert [(c.label, c.first, c.last) for c in predicted] == [
        (c.label, c.first, c.last) for c in ran if c.first and c.label != ASSET
    ]
    assert after.backfill(FIRST, LAST) == []
    fresh = home(Settings(home=tmp_path_factory.mktemp("fresh"), sources=()), correction)
    assert_equals_a_clean_build(after, fresh, FIRST, LAST, COMPUTED)
