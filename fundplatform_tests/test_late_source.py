"""A source that is late: its names make no return of 0, and are computed when the bars come."""

from datetime import date

import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make

FIRST, LAST = date(2024, 1, 2), date(2024, 1, 4)
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04")
GROWING = "start: 2024-01-02\n"
INDEX = """
name: {name}
title: Of {sources}
universe: {{sources: [{sources}]}}
n: 2
rank_by: dollar_volume
window: 1
"""


@pytest.mark.slow
def test_a_session_whose_source_is_late_waits_for_it(settings: Settings) -> None:
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    own.indices.mkdir()
    for name, sources in (("of_late", "late"), ("of_both", "late, prompt")):
        (own.indices / f"{name}.yaml").write_text(INDEX.format(name=name, sources=sources))
    prompt = folder(own, "prompt", GROWING) / "bars.csv"
    late = folder(own, "late", GROWING) / "bars.csv"
    prompt.write_text(table(bar(d, "AAA", c) for d, c in zip(DAYS, (10, 10, 11), strict=True)))
    rows = [bar(d, "BBB", c) for d, c in zip(DAYS, (10, 10, 12), strict=True)]
    late.write_text(table(rows[:2]))

    def last(name: str) -> tuple[object, ...]:
        stored = make(own).store.read(tables.PERFORMANCE).filter(index_name=name, session=LAST)
        return stored.select("state", "session_return", "provisional").row(0)

    def levels(name: str) -> list[float]:
        return make(own).store.read(tables.LEVELS).filter(index_name=name)["level"].to_list()

    make(own).backfill(FIRST, LAST)
    assert last("of_late") == ("no_return", None, True)
    assert levels("of_late") == [1000.0, 1000.0]
    # Half of it is known: AAA's return stands for both, and the session says that it is not final.
    assert last("of_both") == ("ok", pytest.approx(0.10), True)

    late.write_text(table(rows))
    make(own).backfill(FIRST, LAST)
    assert last("of_late") == ("ok", pytest.approx(0.2), False)
    assert levels("of_late") == pytest.approx([1000.0, 1000.0, 1200.0])
    assert last("of_both") == ("ok", pytest.approx(0.15), False)
    assert make(own).backfill(FIRST, LAST) == []
