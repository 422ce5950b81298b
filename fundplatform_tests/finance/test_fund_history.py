"""Versions of fund facts, worked by hand."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from fundplatform import tables
from fundplatform.finance.fund_history import suspects, versions
from fundplatform_tests.storage.marts import rows

SOURCES = rows(tables.SOURCES, {"priority": 10}, {"source_id": 2, "priority": 20})[1]
JAN, FEB, MAR, APR = (date(2024, month, 1) for month in (1, 2, 3, 4))


def said(day: date, known: date | None = None, **more: object) -> dict[str, object]:
    at = known or day
    instant = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return {"effective_on": day, "known_at": instant, "session": at, "currency": "USD", **more}


def found(*stated: dict[str, object], show: str) -> list[tuple[object, ...]]:
    return versions(rows(tables.FUND_FACTS, *stated)[1], SOURCES).select(show.split()).rows()


def test_a_version_ends_the_day_before_the_next_and_carries_on_what_is_not_said() -> None:
    stated = (
        said(JAN, name="A", expense_ratio=0.002, aum=5.0, active=True),
        said(FEB, aum=5.0),
        said(MAR, expense_ratio=0.001),
    )
    assert found(*stated, show="valid_from valid_to name expense_ratio aum active") == [
        (JAN, date(2024, 2, 29), "A", 0.002, 5.0, True),
        (MAR, None, "A", 0.001, 5.0, True),
    ]


def test_a_closed_fund_keeps_its_history() -> None:
    stated = (said(JAN, expense_ratio=0.01, active=True), said(MAR, active=False))
    assert found(*stated, show="valid_from valid_to expense_ratio active") == [
        (JAN, date(2024, 2, 29), 0.01, True),
        (MAR, None, 0.01, False),
    ]


def test_nothing_known_later_stands_in_what_was_known_before() -> None:
    """In April the fee of February turns out: what was known in March says nothing of it."""
    stated = (
        said(JAN, expense_ratio=0.01),
        said(MAR, aum=7.0),
        said(FEB, known=APR, expense_ratio=0.02),
    )
    assert found(*stated, show="valid_from valid_to expense_ratio aum") == [
        (JAN, date(2024, 1, 31), 0.01, None),
        (FEB, date(2024, 2, 29), 0.02, None),
        (MAR, None, 0.01, 7.0),
    ]


def test_an_amendment_supersedes() -> None:
    stated = (said(JAN, expense_ratio=0.01), said(JAN, known=FEB, expense_ratio=0.012))
    until = datetime(2024, 2, 1, tzinfo=UTC)
    assert found(*stated, show="valid_from valid_to superseded_at expense_ratio") == [
        (JAN, None, until, 0.01),
        (JAN, None, None, 0.012),
    ]


def test_of_two_sources_the_one_that_goes_first() -> None:
    stated = (said(JAN, expense_ratio=0.01), said(JAN, expense_ratio=0.012, source_id=2))
    for order in (stated, stated[::-1]):
        assert found(*order, show="source_id expense_ratio") == [(1, 0.01)]


@pytest.mark.parametrize(
    ("ratios", "kept", "wrong"),
    [
        ((0.002, 0.2), [0.002, 0.002], [False, True]),
        ((0.0009, 0.09, 0.0009), [0.0009, 0.0009, 0.0009], [False, True, False]),
        ((0.0009, 0.0018), [0.0009, 0.0018], [False, False]),
        ((0.0945,), [0.0945], [False]),
        ((-0.001,), [None], [True]),
        ((0.0, 0.05), [0.0, 0.05], [False, False]),
        ((0.1, 0.11), [0.1, 0.1], [False, True]),
        # The first was a percentage, 0.0945 %: no fee of 9.45 % may stand for ever.
        ((0.0945, 0.000945, 0.0009), [0.0945, 0.000945, 0.0009], [False] * 3),
        ((0.03, 0.0003, 0.03), [0.03, 0.0003, 0.0003], [False, False, True]),
        # 1.22 % divided by a hundred once more.
        ((0.0122, 0.000122), [0.0122, 0.0122], [False, True]),
    ],
)
def test_percent_taken_for_fractions(
    ratios: tuple[float, ...], kept: list[float | None], wrong: list[bool]
) -> None:
    """Above 0.10, or about 100 times the last one trusted; that one goes on to stand.

    Unless it is 3 % or more: then it was the percentage.
    """
    stated = [said(date(2024, n, 1), expense_ratio=r) for n, r in enumerate(ratios, 1)]
    rows_found = found(*stated, show="expense_ratio stated_expense_ratio problem")
    assert [row[0] for row in rows_found] == kept
    assert [row[1] for row in rows_found] == list(ratios)
    assert [row[2] is not None for row in rows_found] == wrong


def test_a_fee_unlike_all_peers_is_told() -> None:
    """0.0945 % kept as 9.45 %, and nothing else known of the fund that would tell."""
    kinds = {1: "Large", 2: "Large", 3: "Large", 4: "Large", 5: "Short", 6: "Short", 7: None}
    ratios = {1: 0.0945, 2: 0.0009, 3: 0.001, 4: 0.0003, 5: 0.0945, 6: 0.0014, 7: 0.00002}
    stated = [said(JAN, instrument_id=n, category=kinds[n], expense_ratio=r)
              for n, r in ratios.items()]  # fmt: skip
    # What it was before counts no more.
    stated.append(said(date(2023, 1, 1), instrument_id=2, category="Large", expense_ratio=0.03))
    funds = rows(
        tables.INSTRUMENTS,
        *({"instrument_id": n, "symbol": f"F{n}", "asset_class": "etf"} for n in ratios),
    )[1]
    told = suspects(versions(rows(tables.FUND_FACTS, *stated)[1], SOURCES), funds)
    # Of four in its category the middle is 0.00095; two are too few: of all seven it is 0.001.
    assert [(s, r, round(m, 9)) for s, r, m in told.iter_rows()] == [
        ("F1", 0.0945, 0.00095), ("F5", 0.0945, 0.001), ("F7", 0.00002, 0.001),
    ]  # fmt: skip
    assert suspects(versions(tables.FUND_FACTS.empty(), SOURCES), funds).is_empty()


def test_no_facts() -> None:
    none = versions(tables.FUND_FACTS.empty(), SOURCES)
    assert none.is_empty()
    assert none.columns == [n for n in tables.FACTS.column_names if n not in tables.FACTS.stamps]
    assert none.schema["valid_to"] == pl.Date()
