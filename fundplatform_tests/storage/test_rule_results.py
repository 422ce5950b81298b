"""V14 and V27 to V30 asked of a warehouse: for each a session that is well and one that is not."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import rule_results as results
from fundplatform import tables
from fundplatform.assets.index_checks import whole
from fundplatform.automation.table_checks import result
from fundplatform.finance.rules import DEFAULTS
from fundplatform.finance.rules.aggregates import Verdict
from fundplatform.storage.base import WHOLE, Stamp, Store
from fundplatform_tests.storage.marts import DATABASES, bar, filled, rows

# Thursday the 7th is well, Friday the 8th is not; the 9th is a Saturday.
WELL, BAD = date(2024, 3, 7), date(2024, 3, 8)
SATURDAY = date(2024, 3, 9)


def raw(session: date, instrument: int, source: int = 1) -> dict[str, object]:
    return {**bar(session, 10.0), "source_id": source, "instrument_id": instrument}


def listed(instrument: int, symbol: str, last: date, source: int = 1) -> dict[str, object]:
    return {"source_id": source, "instrument_id": instrument, "vendor_symbol": symbol,
            "valid_from": date(2024, 1, 2), "valid_to": last}  # fmt: skip


def weight(session: date, instrument: int, share: float) -> dict[str, object]:
    return {"index_name": "two", "session": session, "instrument_id": instrument,
            "target_weight": share, "rank": instrument}  # fmt: skip


def earned(session: date, n: int) -> dict[str, object]:
    return {"index_name": "two", "session": session, "return_basis": "price", "state": "ok",
            "session_return": 0.01, "n_constituents": n, "n_target": 100}  # fmt: skip


def held(share: float, as_of: date) -> dict[str, object]:
    at = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    return {"instrument_id": 7, "as_of": as_of, "known_at": at, "weight": share}


CONTENT = [
    rows(
        tables.SOURCES,
        {"source_id": 1, "name": "grows", "calendar": "XNYS"},
        {"source_id": 2, "name": "done", "calendar": "XNYS", "coverage_end": date(2024, 6, 28)},
    ),
    rows(tables.INSTRUMENTS, *({"instrument_id": n, "symbol": f"S{n}"} for n in (1, 2, 3, 4, 5))),
    # Of the growing source each is expected as long as it lived lately; S3 is long gone.
    rows(
        tables.LISTINGS,
        listed(1, "S1", BAD),
        listed(2, "S2", WELL),
        listed(3, "S3", date(2024, 2, 1)),
        # A currency: no bars are expected of it.
        listed(5, "EUR", BAD),
        # Of the finished one S2 ended on Thursday, and S4 goes on.
        listed(2, "S2", WELL, 2),
        listed(4, "S4", date(2024, 6, 28), 2),
    ),
    rows(
        tables.TRACKED,
        *({"source_id": 1, "vendor_symbol": s} for s in ("S1", "S2", "S3", "EUR")),
        *({"source_id": 2, "vendor_symbol": s} for s in ("S2", "S4")),
    ),
    rows(
        tables.OHLCV,
        *(raw(day, n) for day, n in ((WELL, 1), (WELL, 2), (BAD, 1))),
        *(raw(day, n, 2) for day, n in ((WELL, 2), (WELL, 4), (BAD, 4))),
        raw(date(2024, 2, 1), 3),
    ),
    rows(tables.GATES, *({"source_id": s, "session": d} for s in (1, 2) for d in (WELL, BAD))),
    rows(tables.TIERS, {"instrument_id": 2, "session": date(2024, 2, 29), "tier": "T1"}),
    rows(tables.COMPOSITIONS, weight(WELL, 1, 0.5), weight(WELL, 2, 0.5), weight(BAD, 1, 1.0)),
    rows(tables.PERFORMANCE, earned(WELL, 2), earned(BAD, 1)),
    rows(
        tables.LEVELS,
        *({"index_name": "two", "session": d, "return_basis": "price", "level": 100.0}
          for d in (WELL, BAD)),
    ),
    rows(
        tables.POSITIONS,
        {**held(0.6, date(2024, 3, 1)), "line": 1},
        {**held(0.4, date(2024, 3, 1)), "line": 2},
        {**held(0.9, BAD), "line": 1},
    ),
    rows(
        tables.OBSERVATIONS,
        *({"session": date(2023, 6, d), "value": 1.0} for d in (1, 2, 3)),
        {"session": WELL, "value": 1.0},
        {"session": BAD, "value": None},
    ),
]  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    with filled(request, tmp_path_factory, "ruled", CONTENT) as made:
        yield made


def found(store: Store, session: date) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {v.rule: (v.outcome, v.offenders) for v in results.verdicts(store, session, DEFAULTS)}


def test_a_session_that_is_well(store: Store) -> None:
    assert {rule: outcome for rule, (outcome, _) in found(store, WELL).items()} == {
        "V14": "passed",
        "V27": "passed",
        "V28": "passed",
        "V29": "passed",
        "V30": "passed",
    }


def test_a_session_that_is_not(store: Store) -> None:
    said = found(store, BAD)
    # S2 is of tier T1. In the finished source it had ended.
    assert said["V14"] == ("error", ("S2 2024-03-08",))
    assert said["V28"] == ("error", ("two 2024-03-08: weights 1, 1 of 2, 0 twice",))
    assert said["V29"] == ("warning", ("7 2024-03-08: 0.9",))
    assert said["V30"][0] == "info"


def test_a_closed_day_misses_nothing(store: Store) -> None:
    assert results.tracked(store, SATURDAY).outcome == "passed"


def test_a_restated_value_is_told(store: Store) -> None:
    """One of one value fetched again: more than 1 %."""
    (frame,) = (f for t, f in CONTENT if t is tables.OHLCV)
    one = frame.filter(pl.col("source_id") == 1, pl.col("session") == WELL).head(1)
    at = datetime(2024, 3, 8, 20, tzinfo=UTC)
    with store.transaction(Stamp("again", at)) as writer:
        writer.write(tables.OHLCV, one.with_columns(close=pl.lit(11.0)), WHOLE)
    store.publish()
    verdict = results.changed(store, WELL, DEFAULTS)
    assert (verdict.outcome, verdict.offenders) == (
        "warning",
        ("grows S1 2024-03-07: 10.0 -> 11.0",),
    )
    assert results.changed(store, date(2024, 3, 20), DEFAULTS).outcome == "passed"


def test_what_a_check_says() -> None:
    error = result(Verdict("V14", "error", "1 of 2 expected bars are missing", ("S2",)))
    assert (error.passed, error.severity.value) == (False, "ERROR")
    warning = result(Verdict("V29", "warning", "1 of 2 reports"))
    assert (warning.passed, warning.severity.value) == (False, "WARN")
    assert result(Verdict("V30", "info", "1 of 2 series")).passed


def test_v28_stands_beside_the_identities() -> None:
    frames = {t: f for t, f in CONTENT if t in (tables.PERFORMANCE, tables.COMPOSITIONS)}
    sound = result(Verdict("x", "passed", "well"))
    judged = whole(sound, frames[tables.PERFORMANCE], frames[tables.COMPOSITIONS])
    assert (judged.passed, judged.severity.value) == (False, "WARN")
    assert judged.metadata["V28 offenders"].value == "two 2024-03-08: weights 1, 1 of 2, 0 twice"
    both = (frames[tables.PERFORMANCE], frames[tables.COMPOSITIONS])
    first = [f.filter(pl.col("session") == WELL) for f in both]
    assert whole(sound, *first).passed
    # A broken identity stays the error that it is.
    assert whole(result(Verdict("x", "error", "no")), *first).severity.value == "ERROR"
