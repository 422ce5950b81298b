"""The places of sources that stand in for another, by hand: only the sessions before count."""

from datetime import date, timedelta

import polars as pl

from fundplatform.finance.fallback import by_agreement, by_score
from fundplatform.finance.reliability import SESSIONS
from fundplatform.tables import SOURCE_RELIABILITY

FIRST = date(2024, 1, 1)


def agreed(*counts: tuple[int, int], source_id: int = 1) -> pl.DataFrame:
    """One session after the other: bars compared, bars that agreed."""
    return pl.DataFrame(
        [(source_id, FIRST + timedelta(days=i), n, m) for i, (n, m) in enumerate(counts)],
        schema={
            "source_id": pl.Int16,
            "session": pl.Date,
            "rows_compared": pl.Int64,
            "rows_agreeing": pl.Int64,
        },
        orient="row",
    )


def test_agreement_is_that_of_the_sessions_before() -> None:
    found = by_agreement(agreed((10, 0), (10, 10), (20, 20)))
    # None before the first; 0 of 10; 10 of 20, the tenth step of 0.05.
    assert found["_agreement"].to_list() == [None, 0.0, 10.0]


def test_agreement_forgets_after_sixty_sessions_and_knows_no_other_source() -> None:
    bad_first = agreed((10, 0), *[(10, 10)] * (SESSIONS + 1))
    both = pl.concat([bad_first, agreed((10, 5), (10, 5), source_id=2)])
    found = by_agreement(both)
    own = found.filter(source_id=1)["_agreement"].to_list()
    # 590 of 600 after sixty, all of 600 after one more.
    assert own[-2:] == [19.0, 20.0]
    assert found.filter(source_id=2)["_agreement"].to_list() == [None, 10.0]


def test_the_score_is_that_of_the_session_before() -> None:
    names = [n for n in SOURCE_RELIABILITY.column_names if n.startswith("rows")]
    made = {n: pl.lit(10, pl.Int64) for n in names if n not in ("rows_compared", "rows_agreeing")}
    days = agreed((10, 10), (10, 0), (10, 10)).with_columns(**made).drop("rows_corrected")
    found = by_score(days, None)
    # Then half of the bars compared so far disagreed: 100 - 0.4 x 50, four steps below the best.
    assert found["_score"].to_list() == [None, 100.0, 80.0]
    assert found["_standing"].to_list() == [None, 20.0, 16.0]
