"""Three sources through the pipeline: an error in one changes nothing that is used."""

from datetime import UTC, date, datetime

import pytest

from fundplatform import tables
from fundplatform.settings import Settings
from fundplatform_tests.dropped import bar, folder, table
from fundplatform_tests.pipeline import make

DAY = date(2024, 1, 3)
AT = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rules", "order"),
    [("{}", "agreement"), ("V23: {by_score: 1}", "score, of which it has none yet,")],
)
def test_an_error_of_three_percent_in_one_of_three_sources(
    settings: Settings, rules: str, order: str
) -> None:
    own = Settings(home=settings.home, sources=(), lock_timeout=20)
    own.rules.write_text(rules)
    for name, close in (("first", 10.3), ("second", 10.0), ("third", 10.0)):
        yaml = f"start: 2024-01-03\nend: 2024-01-03\npriority: {len(name)}\n"
        rows = [bar(str(DAY), "AAA", close), *(bar(str(DAY), f"B{n}", 20.0) for n in range(4))]
        (folder(own, name, yaml) / "bars.csv").write_text(table(rows))
    pipeline = make(own)
    pipeline.clock = lambda: AT
    pipeline.backfill(DAY, DAY)
    assert [o.errors for o in pipeline.outcomes if o.errors] == []
    store = pipeline.store
    ids = dict(store.read(tables.SOURCES).select("name", "source_id").iter_rows())
    bars = store.query(
        "SELECT v.source_id, v.close FROM prices.validated v JOIN catalog.instruments i "
        "USING (instrument_id) WHERE v.selected AND i.symbol = 'AAA'"
    )
    assert bars.rows() == [(ids["third"], 10.0)]
    (refused,) = store.read(tables.REJECTED).rows(named=True)
    assert (refused["source_id"], refused["rules"]) == (ids["first"], "V23")
    told = store.query(
        "SELECT c.reason, c.outliers FROM prices.consensus c JOIN catalog.instruments i "
        "USING (instrument_id) WHERE i.symbol = 'AAA'"
    ).row(0)
    leader = f"source {ids['first']}, first by priority, was refused (V23)"
    assert told[0].startswith(f"{leader}; next by {order} and priority; ")
    scores = dict(store.read(tables.SOURCE_RELIABILITY).select("source_id", "score").iter_rows())
    # 4 of 5 agree, nothing is timed, gone or corrected: (0.4 x 0.8 + 0.2 + 0.2) / 0.8
    assert scores == {ids["first"]: 90.0, ids["second"]: 100.0, ids["third"]: 100.0}
