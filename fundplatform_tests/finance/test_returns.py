"""Clean return series; expected values worked by hand."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fundplatform.errors import SchemaError
from fundplatform.finance.adjustment import split_factors
from fundplatform.finance.returns import SCHEMA, session_returns

D = [date(2024, 1, 1) + timedelta(days=i) for i in range(40)]
NO_FACTORS = split_factors(
    pl.DataFrame(
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "action": pl.String,
            "ex_date": pl.Date,
            "ratio": pl.Float64,
        }
    )
)
Bar = tuple[int, int, date, float, float | None, str, bool]


def bars(*rows: Bar) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "source_id": pl.Int16,
            "instrument_id": pl.Int32,
            "session": pl.Date,
            "close": pl.Float64,
            "volume": pl.Float64,
            "adjustment": pl.String,
            "selected": pl.Boolean,
        },
        orient="row",
    )


def a(day: int, close: float, *, selected: bool = True, basis: str = "none") -> Bar:
    return (1, 7, D[day], close, 10.0, basis, selected)


def b(day: int, close: float, *, selected: bool = True, basis: str = "none") -> Bar:
    return (2, 7, D[day], close, 10.0, basis, selected)


def returns_of(*rows: Bar) -> list[float | None]:
    return session_returns(bars(*rows), NO_FACTORS)["ret"].to_list()


def split(instrument_id: int, day: date, ratio: float) -> pl.DataFrame:
    return split_factors(
        pl.DataFrame(
            {
                "source_id": [1],
                "instrument_id": [instrument_id],
                "action": ["split"],
                "ex_date": [day],
                "ratio": [ratio],
            }
        )
    )


def test_one_source_returns_growth_and_dollar_volume() -> None:
    found = session_returns(bars(a(2, 99.0), a(0, 100.0), a(1, 110.0)), NO_FACTORS)
    assert found.schema == SCHEMA
    assert found["session"].to_list() == D[:3]
    assert found["ret"].to_list() == pytest.approx([None, 0.10, -0.10])
    assert found["growth"].to_list() == pytest.approx([1.0, 1.1, 0.99])
    assert found["dollar_volume"].to_list() == [1000.0, 1100.0, 990.0]


def test_a_split_makes_no_return_and_dollar_volume_is_as_stored() -> None:
    found = session_returns(bars(a(0, 50.0), a(1, 24.5)), split(7, D[1], 2.0))
    assert found["ret"].to_list() == pytest.approx([None, -0.02], abs=1e-15)
    assert found["dollar_volume"].to_list() == [500.0, 245.0]


def test_a_split_inside_a_gap_counts() -> None:
    found = session_returns(bars(a(0, 30.0), a(5, 11.0)), split(7, D[3], 3.0))
    assert found["ret"].to_list() == pytest.approx([None, 0.10])


@pytest.mark.parametrize("ratio", [3.0, 1.5, 7.0, 1.05, 0.1, 1 / 3])
@pytest.mark.parametrize("later", [1.5, 3.0, 0.7, 20.0])
def test_a_later_split_does_not_change_earlier_returns_by_a_bit(ratio: float, later: float) -> None:
    rows = bars(a(0, 30.1), a(1, 11.7), a(2, 11.9))
    splits = pl.DataFrame(
        {
            "source_id": [1, 1],
            "instrument_id": [7, 7],
            "action": ["split"] * 2,
            "ex_date": [D[1], D[9]],
            "ratio": [ratio, later],
        }
    )
    before = session_returns(rows, split_factors(splits.head(1)))["ret"].to_list()
    after = session_returns(rows, split_factors(splits))["ret"].to_list()
    assert before == after
    assert after[1:] == pytest.approx([11.7 * ratio / 30.1 - 1, 11.9 / 11.7 - 1], rel=1e-10)


def test_instruments_do_not_touch() -> None:
    other = (1, 8, D[1], 5.0, None, "none", True)
    found = session_returns(bars(a(0, 100.0), a(1, 110.0), other), NO_FACTORS)
    assert found["ret"].to_list() == pytest.approx([None, 0.10, None])
    assert found["growth"].to_list() == pytest.approx([1.0, 1.1, 1.0])
    assert found["dollar_volume"].to_list()[2] is None


def test_two_source_basis_trap() -> None:
    # A is as traded at 700 and ends; B is split-adjusted, 100 on A's last session, then 101.
    found = returns_of(
        a(0, 693.0),
        a(1, 700.0),
        b(1, 100.0, selected=False, basis="split"),
        b(2, 101.0, basis="split"),
    )
    assert found == pytest.approx([None, 700 / 693 - 1, 0.01])


def test_another_basis_without_overlap_starts_a_series_anew() -> None:
    found = session_returns(
        bars(a(0, 693.0), a(1, 700.0), b(2, 100.0, basis="split"), b(3, 102.0, basis="split")),
        NO_FACTORS,
    )
    assert found["ret"].to_list() == pytest.approx([None, 700 / 693 - 1, None, 0.02])
    assert found["growth"].to_list() == pytest.approx([1.0, 700 / 693, 1.0, 1.02])


def test_the_same_basis_without_overlap_chains_across_sources() -> None:
    assert returns_of(a(0, 100.0), b(1, 103.0)) == pytest.approx([None, 0.03])


def test_a_change_of_basis_within_a_source_starts_anew() -> None:
    assert returns_of(a(0, 700.0), a(1, 100.0, basis="split")) == [None, None]


def test_a_hole_filled_by_another_source_is_not_earned_twice() -> None:
    # B (preferred, split-adjusted) misses day 1; A fills it with +10 %. B says +21 % over both.
    found = session_returns(
        bars(
            a(0, 700.0, selected=False),
            b(0, 100.0, basis="split"),
            a(1, 770.0),
            b(2, 121.0, basis="split"),
        ),
        NO_FACTORS,
    )
    assert found["ret"].to_list() == pytest.approx([None, 0.10, 0.10])
    assert found["growth"].to_list()[-1] == pytest.approx(1.21)


def test_a_hole_whose_filler_broke_falls_back_to_the_same_basis_or_null() -> None:
    # The filler of day 1 has no history, so what day 1 earned is unknown.
    assert returns_of(b(0, 100.0, basis="split"), a(1, 770.0), b(2, 121.0, basis="split")) == [
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([10.0, 0.0, 5.0], [None, -1.0, None]),
        ([18.27, -36.98, 9.06], [None, -36.98 / 18.27 - 1, 9.06 / -36.98 - 1]),
    ],
)
def test_zero_and_negative_prices(closes: list[float], expected: list[float | None]) -> None:
    assert returns_of(*(a(i, c) for i, c in enumerate(closes))) == pytest.approx(expected)


def test_two_selected_or_none_selected_is_an_error() -> None:
    with pytest.raises(SchemaError, match="two selected"):
        session_returns(bars(a(0, 1.0), b(0, 1.0)), NO_FACTORS)
    with pytest.raises(SchemaError, match="no selected"):
        session_returns(bars(a(0, 1.0, selected=False), b(1, 1.0)), NO_FACTORS)


def test_empty() -> None:
    assert session_returns(bars(), NO_FACTORS).equals(SCHEMA.to_frame())


def reference(rows: list[Bar]) -> list[float]:
    """The growth of a series whose every bar is linked to its own source's previous bar."""
    growth: dict[date, float] = {}
    last: dict[int, tuple[date, float]] = {}
    sessions = sorted({r[2] for r in rows})
    for session in sessions:
        here = [r for r in rows if r[2] == session]
        chosen = next(r for r in here if r[6])
        if chosen[0] in last:
            before, close = last[chosen[0]]
            growth[session] = growth[before] * chosen[3] / close
        else:
            growth[session] = 1.0
        last.update({r[0]: (session, r[3]) for r in here})
    return [growth[s] for s in sessions]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 25))
def test_growth_is_always_that_of_the_selected_source(seed: int, sessions: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [a(0, 50.0), b(0, 7.0, selected=False, basis="split")]
    for day in range(1, sessions):
        present = [s for s in (1, 2) if rng.random() < 0.7] or [1]
        for source in present:
            make, basis = (a, "none") if source == 1 else (b, "split")
            rows.append(
                make(day, float(rng.uniform(1, 9)), selected=source == present[-1], basis=basis)
            )
    found = session_returns(bars(*rows), NO_FACTORS)["growth"].to_list()
    assert found == pytest.approx(reference(rows), rel=1e-9)
