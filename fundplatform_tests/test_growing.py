"""A drop folder that grows: what its file does not hold yet is asked for again."""

from datetime import date

import pytest

from fundplatform import tables
from fundplatform.chunks import run_chunk
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make

GROWING = "start: 2024-01-02\n"
ASKED_TO = date(2024, 1, 10)


@pytest.mark.slow
def test_sessions_after_the_files_last_are_fetched_when_they_come(settings: Settings) -> None:
    file = folder(settings, "mine", GROWING) / "bars.csv"
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    rows = [bar("2024-01-02", "AAA"), bar("2024-01-04", "AAA")]
    file.write_text(table(rows))
    pipeline = make(own)
    pipeline.backfill(date(2024, 1, 2), ASKED_TO)
    # 2024-01-03 is a hole in the file; after 01-04 the file has not got anything yet.
    fetched = {"2024-01-02", "2024-01-03", "2024-01-04"}
    assert pipeline.recorded("raw/mine/ohlcv") == fetched
    assert pipeline.recorded("prices/validated") == fetched

    assert pipeline.backfill(date(2024, 1, 2), ASKED_TO) == []

    file.write_text(table([*rows, bar("2024-01-05", "AAA", 11.5)]))
    chunks = make(own).backfill(date(2024, 1, 2), ASKED_TO)
    assert [(c.first, c.last) for c in chunks if c.label == "raw/mine/ohlcv"] == [
        (date(2024, 1, 5), date(2024, 1, 5))
    ]
    assert pipeline.recorded("prices/validated") == {*fetched, "2024-01-05"}
    assert pipeline.store.read(tables.VALIDATED).height == 3


def test_a_run_from_the_ui_does_not_record_what_has_not_come(settings: Settings) -> None:
    file = folder(settings, "mine", GROWING) / "bars.csv"
    file.write_text(table([bar("2024-01-02", "AAA")]))
    pipeline = make(Settings(home=settings.home, sources=(), lock_timeout=20))
    job = pipeline.job(date(2024, 1, 2), ASKED_TO)
    chunk = job.fetches()[0]
    wide = type(chunk)(chunk.label, chunk.keys, date(2024, 1, 2), ASKED_TO, 7)
    assert run_chunk(wide, job.job, pipeline.instance).errors == ()
    assert pipeline.recorded("raw/mine/ohlcv") == {"2024-01-02"}
