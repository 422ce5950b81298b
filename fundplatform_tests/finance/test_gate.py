"""The gate per source and session, the choice of source, and: no row is lost, on any frame."""

from datetime import UTC, date, datetime, timedelta
from math import inf, nan
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundplatform.finance.rules import CONTEXT, judge
from fundplatform.tables import BAR_KEY
from fundplatform_tests.finance.test_rules import CLOSE, GOOD, MONDAY, SCHEMA, bars


@pytest.mark.parametrize(
    ("rows", "bad", "held"),
    [
        (1, 1, True),
        (2, 1, False),
        (3, 2, False),
        (3, 3, True),
        (4, 3, False),
        (4, 4, True),
        (300, 3, False),
        (399, 4, True),
        (400, 4, False),
        (401, 5, True),
        (1000, 10, False),
        (1000, 11, True),
    ],
)
def test_the_gate(rows: int, bad: int, held: bool) -> None:
    made = [GOOD | {"instrument_id": i} | ({"close": None} if i < bad else {}) for i in range(rows)]
    judged = judge(pl.DataFrame(made, schema={**SCHEMA, **CONTEXT}))
    gate = judged.gates.row(0, named=True)
    assert judged.gates.height == 1
    assert (gate["rows_raw"], gate["rows_rejected"]) == (rows, bad)
    assert gate["held"] is held
    assert gate["rows_validated"] == judged.validated.height == (0 if held else rows - bad)
    assert judged.rejected.height == bad
    assert (gate["reason"] is not None) is held


def test_a_held_session_leaves_the_others_alone() -> None:
    tuesday = {"session": date(2024, 6, 4), "bar_open_at": datetime(2024, 6, 4, tzinfo=UTC)}
    later = tuesday | {"fetched_at": datetime(2024, 6, 5, tzinfo=UTC)}
    made = [
        GOOD | {"low": None},
        GOOD | {"source_id": 2},
        GOOD | later,
        GOOD | {"instrument_id": 2} | later,
    ]
    judged = judge(pl.DataFrame(made, schema={**SCHEMA, **CONTEXT}))
    assert judged.gates.select("source_id", "session", "held").rows() == [
        (1, MONDAY, True),
        (1, date(2024, 6, 4), False),
        (2, MONDAY, False),
    ]
    assert judged.gates["reason"].to_list() == ["all 1 rows rejected", None, None]
    # Source 1 is held on Monday, so source 2's bar of Monday is the one to use.
    assert judged.validated.select("source_id", "instrument_id", "selected").rows() == [
        (2, 1, True),
        (1, 1, True),
        (1, 2, True),
    ]


def test_selected_takes_the_lowest_priority_then_source() -> None:
    def of(source: int, priority: int, **change: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"instrument_id": 9, "source_id": source, "priority": priority, **change}

    made = [of(1, 50), of(2, 10), of(3, 10), of(4, 5, interval="1h"), of(5, 1, close=None)]
    filler = [of(5, 1, instrument_id=i) for i in range(10, 13)]
    judged = judge(bars(*made, *filler))
    mine = judged.validated.filter(pl.col("instrument_id") == 9)
    assert dict(mine.select("source_id", "selected").rows()) == {
        1: False,
        2: True,
        3: False,
        4: True,
    }


PRICE = st.one_of(st.none(), st.sampled_from([nan, inf, -inf, 0.0, -1.0, 9.0, 10.0, 11.0, 12.0]))
ROW = st.fixed_dictionaries(
    {
        "source_id": st.integers(1, 2),
        "instrument_id": st.integers(1, 4),
        "day": st.integers(0, 1),
        "open": PRICE,
        "high": PRICE,
        "low": PRICE,
        "close": PRICE,
        "volume": st.one_of(st.none(), st.sampled_from([nan, -1.0, 0.0, 5.0])),
        "vwap": PRICE,
        "asset_class": st.sampled_from(["equity", "commodity"]),
        "is_session": st.booleans(),
        "late": st.booleans(),
        "coverage_start": st.sampled_from([None, date(2024, 6, 4)]),
        "priority": st.integers(-5, 5),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=14))
def test_no_row_is_lost(drawn: list[dict[str, Any]]) -> None:
    made = []
    for row in drawn:
        day = timedelta(days=row.pop("day"))
        close = None if row.pop("late") else CLOSE + day
        moved = {"session": MONDAY + day, "bar_open_at": GOOD["bar_open_at"] + day}
        fetched = {"fetched_at": GOOD["fetched_at"] + day, "bar_close_at": close}
        made.append(GOOD | row | moved | fetched)
    raw = pl.DataFrame(made, schema={**SCHEMA, **CONTEXT})
    judged = judge(raw)
    assert judged.gates["rows_raw"].sum() == raw.height
    assert judged.gates["rows_validated"].sum() == judged.validated.height
    assert judged.gates["rows_rejected"].sum() == judged.rejected.height
    held = judged.gates.filter("held").select("source_id", "session")
    # The identity per gate: what is neither validated nor rejected belongs to a held session.
    rest = raw.join(judged.validated, on=BAR_KEY, how="anti").join(
        judged.rejected, on=BAR_KEY, how="anti"
    )
    assert rest.join(held, on=["source_id", "session"], how="anti").is_empty()
    assert judged.validated.join(held, on=["source_id", "session"], how="semi").is_empty()
    assert judged.validated.height + judged.rejected.height + rest.height == raw.height
    assert judged.rejected["reason"].null_count() == 0
    assert judged.rejected["rules"].str.contains(r"^V\d\d(,V\d\d)*$").all()
    chosen = judged.validated.filter("selected")
    assert chosen.height == judged.validated.select(BAR_KEY[1:]).n_unique()
    assert chosen.select(BAR_KEY[1:]).is_unique().all()
