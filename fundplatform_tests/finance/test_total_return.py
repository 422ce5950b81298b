"""Total returns, payments and their factors; expected values by hand and from methodology 0, A5."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice, permutations

import polars as pl
import pytest

from fundplatform.finance.actions import as_of, counted, known_by
from fundplatform.finance.adjustment import newest_sessions, split_factors
from fundplatform.finance.payments import payments
from fundplatform.finance.total_return import total_factors, total_returns
from fundplatform.tables import CORPORATE_ACTIONS, revisions_of

D0, D1, D2, D3 = (date(2024, 1, d) for d in (2, 3, 4, 5))
NOW = datetime(2024, 2, 1, tzinfo=UTC)
SOURCES = pl.DataFrame({"source_id": [1, 2], "priority": [100, 10]}).cast(
    {"source_id": pl.Int16, "priority": pl.Int32}
)


def acts(*rows: dict[str, object]) -> pl.DataFrame:
    """raw.corporate_actions; what is not stated is a filler."""
    base = {
        "source_id": 1, "instrument_id": 7, "action": "dividend", "ex_date": D2, "ratio": None,
        "amount": None, "currency": "USD", "known_at": NOW, "reference": None, "fetched_at": NOW,
        "payload_hash": "x", "recorded_from": NOW, "run_id": "r",
    }  # fmt: skip
    return pl.DataFrame([{**base, **r} for r in rows], schema=CORPORATE_ACTIONS.polars_schema)


def bars(*rows: tuple[int, date, float], adjustment: str = "none") -> pl.DataFrame:
    frame = pl.DataFrame(
        rows,
        schema={"instrument_id": pl.Int32, "session": pl.Date, "close": pl.Float64},
        orient="row",
    )
    return frame.with_columns(
        source_id=pl.lit(1, pl.Int16),
        volume=pl.lit(100.0),
        adjustment=pl.lit(adjustment),
        selected=pl.lit(value=True),
    )


def names(*rows: tuple[int, str, str]) -> pl.DataFrame:
    """instrument_id, symbol, quote."""
    return pl.DataFrame(
        [(i, "equity", "US", s, q) for i, s, q in rows],
        schema=["instrument_id", "asset_class", "market", "symbol", "quote"],
        orient="row",
    ).cast({"instrument_id": pl.Int32})


def returns_of(
    prices: pl.DataFrame, actions: pl.DataFrame, instruments: pl.DataFrame | None = None
) -> pl.DataFrame:
    found = counted(actions, SOURCES).actions
    known = names((7, "A", "USD")) if instruments is None else instruments
    paid = payments(found, known, prices).paid
    return total_returns(prices, split_factors(found), paid)


def test_methodology_0_one_dollar_on_102() -> None:
    """P_prev 102, D 1: vendor factor 0.990196; chained return 0.980392 %, not 0.990099 %."""
    got = returns_of(bars((7, D1, 102.0), (7, D2, 102.0)), acts({"amount": 1.0}))
    assert got["ret"].to_list() == [None, pytest.approx(0.00980392, abs=5e-9)]
    assert got["price_ret"].to_list() == [None, 0.0]
    assert got["growth"].to_list() == [1.0, pytest.approx(103 / 102, rel=1e-15)]
    assert total_factors(got).rows() == [
        (7, date(1900, 1, 1), D1, pytest.approx(102 / 103), pytest.approx(0.990196, abs=5e-7)),
        (7, D2, date(9999, 12, 31), 1.0, 1.0),
    ]


def test_split_on_the_ex_date_pays_per_old_share() -> None:
    """(24.5 x 2 + 1) / 50 - 1 = 0."""
    got = returns_of(
        bars((7, D0, 50.0), (7, D1, 24.5)),
        acts({"action": "split", "ratio": 2.0, "ex_date": D1}, {"amount": 1.0, "ex_date": D1}),
    )
    assert got["ret"].to_list() == [None, pytest.approx(0.0, abs=1e-15)]
    assert got["price_ret"][1] == pytest.approx(-0.02)
    # 25 split-adjusted x factor 49/50 = 24.5: the return between them is 0.
    assert total_factors(got)["total_factor"][0] == pytest.approx(49 / 50)


def test_ex_dates_in_a_hole_add_up_each_per_share_of_its_day() -> None:
    """2:1 at D1, 1 a new share at D2, no bar there: 2 per share held at D0. 100 -> 49."""
    got = returns_of(
        bars((7, D0, 100.0), (7, D3, 49.0)),
        acts({"action": "split", "ratio": 2.0, "ex_date": D1}, {"amount": 1.0, "ex_date": D2}),
    )
    assert got["ret"][1] == pytest.approx((49 * 2 + 2) / 100 - 1, abs=1e-15)


def test_as_traded_prices_of_an_adjusted_series_are_reconstructed() -> None:
    """As traded 100, 102 with 1 paid, then 2:1; the vendor gives 50, 51, 51.5."""
    actions = acts({"amount": 1.0, "ex_date": D1}, {"action": "split", "ratio": 2.0, "ex_date": D2})
    vendor = bars((7, D0, 50.0), (7, D1, 51.0), (7, D2, 51.5), adjustment="split")
    raw = bars((7, D0, 100.0), (7, D1, 102.0), (7, D2, 51.5))
    assert returns_of(vendor, actions)["ret"].to_list() == pytest.approx(
        [None, 0.03, 103 / 102 - 1]
    )
    assert returns_of(raw, actions)["ret"].to_list() == pytest.approx([None, 0.03, 103 / 102 - 1])


def test_a_range_that_ends_before_a_split_pays_as_the_whole_does() -> None:
    """The vendor's 50 is of the new share: 2 on 100 as traded are 2 %, wherever a range ends."""
    actions = acts({"amount": 2.0, "ex_date": D1}, {"action": "split", "ratio": 2.0, "ex_date": D3})
    whole = bars((7, D0, 50.0), (7, D1, 50.0), (7, D2, 50.0), (7, D3, 50.0), adjustment="split")
    found = counted(actions, SOURCES).actions
    paid = payments(found, names((7, "A", "USD")), whole).paid
    known = names((7, "A", "USD")).with_columns(valid_to=pl.lit(D3))
    newest = newest_sessions(known, D3)
    for rows in (2, 3, 4):
        got = total_returns(whole.head(rows), split_factors(found), paid, newest)
        assert got["ret"].to_list() == pytest.approx([None, 0.02, 0.0, 0.0][:rows])
    # A split that is only announced changed no price yet.
    told = total_returns(whole.head(3), split_factors(found), paid, newest_sessions(known, D2))
    assert told["paid_ret"][1] == pytest.approx(2.0 / 50.0)


def test_bars_that_carry_dividends_are_paid_nothing() -> None:
    got = returns_of(
        bars((7, D1, 102.0), (7, D2, 102.0), adjustment="split_div"), acts({"amount": 1.0})
    )
    assert got["ret"].to_list() == [None, 0.0]


def test_a_payment_before_the_first_or_after_the_last_bar_pays_nobody() -> None:
    got = returns_of(
        bars((7, D1, 10.0), (7, D2, 10.0)),
        acts({"amount": 1.0, "ex_date": D1}, {"amount": 1.0, "ex_date": D3}),
    )
    assert got["ret"].to_list() == [None, 0.0]
    assert total_factors(got).is_empty()


def test_spin_off_pays_the_first_close_of_the_child() -> None:
    """One child share at 12 for two of the parent: 100 -> 94 is 94 + 6 = 0 % (A2)."""
    actions = acts(
        {"action": "spin_off", "ratio": 0.5, "reference": "other=KID; a page", "ex_date": D1}
    )
    prices = bars((7, D0, 100.0), (7, D1, 94.0), (8, D1, 12.0), (8, D2, 13.0))
    got = returns_of(prices, actions, names((7, "A", "USD"), (8, "KID", "USD")))
    parent = got.filter(pl.col("instrument_id") == 7)
    assert parent["ret"].to_list() == [None, pytest.approx(0.0, abs=1e-15)]


def test_currencies_pence_and_what_cannot_be_used() -> None:
    found = counted(
        acts(
            {"amount": 0.05, "currency": "GBP", "instrument_id": 1},
            {"amount": 2.0, "currency": "EUR", "instrument_id": 2},
            {"amount": 3.0, "currency": None, "instrument_id": 2, "ex_date": D3},
            {"action": "spin_off", "ratio": 0.5, "instrument_id": 2, "ex_date": D1},
            {"amount": 1.0, "instrument_id": 3},
        ),
        SOURCES,
    ).actions
    got = payments(found, names((1, "V", "GBp"), (2, "A", "USD")), withholding=0.15)
    assert got.paid.rows() == [
        (1, D2, pytest.approx(5.0 * 0.85), 0.0),
        (2, D3, pytest.approx(2.55), 0.0),
    ]
    assert got.unused.select("instrument_id", "reason").rows() == [
        (2, "no amount, and no first close of the child"),
        (2, "paid in EUR, quoted in USD"),
        (3, "an instrument that is not known"),
    ]


def test_sources_that_state_one_payment_pay_once() -> None:
    """Source 2 goes first; 1.0005 is the same to 0.1 %; income and gains of one source are two."""
    found = counted(
        acts(
            {"amount": 1.0, "ex_date": D1},
            {"amount": 1.0005, "ex_date": D2, "source_id": 2},
            {"amount": 0.2, "ex_date": D2, "source_id": 2, "action": "special_dividend"},
            {"amount": 9.0, "ex_date": D2},
            {"amount": 1.0, "ex_date": date(2024, 1, 9)},
            {"amount": 0.0, "ex_date": date(2024, 1, 10)},
            {"action": "gift", "ex_date": D3},
        ),
        SOURCES,
    )
    assert found.actions.select("source_id", "action", "ex_date", "amount").rows() == [
        (2, "dividend", D2, 1.0005),
        (1, "dividend", date(2024, 1, 9), 1.0),
        (2, "special_dividend", D2, 0.2),
    ]
    assert sorted(d.split(":")[0] for d in found.doubts["decision"]) == [
        "no action of split, stock_dividend, dividend, special_dividend, spin_off, merger, "
        "delisting, rename",
        "the same payment on two days",
        "two amounts on one ex-date",
    ]
    paid = payments(found.actions, names((7, "A", "USD"))).paid
    assert paid.row(0) == (7, D2, pytest.approx(1.2005), 0.2)


@pytest.mark.parametrize("first", [D1, D3])
def test_a_day_that_a_source_corrected_counts_once(first: date) -> None:
    """The raw table keeps both days; what was told at once are two events."""
    later = NOW + timedelta(days=1)
    for event in (
        {"action": "split", "ratio": 2.0},
        {"amount": 1.0},
        {"action": "delisting", "reference": "a page"},
    ):
        old, new = acts({**event, "ex_date": first}), acts({**event, "recorded_from": later})
        found = counted(pl.concat([new, old]), SOURCES)
        assert found.actions["ex_date"].to_list() == [D2]
        (doubt,) = found.doubts.rows(named=True)
        assert (doubt["ex_date"], doubt["other_ex_date"]) == (first, D2)
        assert doubt["decision"].startswith("the source told it anew")
        both = counted(pl.concat([new, old.with_columns(recorded_from=pl.lit(later))]), SOURCES)
        assert both.actions.height == 2


def test_a_ratio_of_one_takes_a_split_back_wherever_it_was_moved_to() -> None:
    """Told for D1, then for D2, then not at all: the row of D1 must not come alive again."""
    moved = acts(
        {"action": "split", "ratio": 2.0, "ex_date": D1},
        {"action": "split", "ratio": 1.0, "recorded_from": NOW + timedelta(days=2)},
    )
    assert split_factors(counted(moved, SOURCES).actions)["split_factor"].to_list() == [1.0, 1.0]


def test_other_amounts_ratios_and_weeks_are_events_of_their_own() -> None:
    later = NOW + timedelta(days=1)
    found = counted(
        acts(
            {"amount": 1.0, "ex_date": D0},
            {"amount": 1.1, "ex_date": D1, "recorded_from": later},
            {"amount": 1.1, "ex_date": D1 + timedelta(days=7), "recorded_from": later},
            {"action": "split", "ratio": 2.0, "ex_date": D0},
            {"action": "split", "ratio": 3.0, "ex_date": D1, "recorded_from": later},
            {"action": "spin_off", "reference": "other=A", "ex_date": D0},
            {"action": "spin_off", "reference": "other=B", "ex_date": D1, "recorded_from": later},
        ),
        SOURCES,
    )
    assert found.actions.height == 7
    assert found.doubts.is_empty()


def test_a_fund_that_pays_the_same_every_day_is_paid_every_day() -> None:
    """Told day by day, each payment looks like the one before on another day."""
    days = [{"amount": 1.0, "ex_date": d, "recorded_from": NOW + (d - D0)} for d in (D0, D1, D2)]
    assert counted(acts(*days), SOURCES).actions["ex_date"].to_list() == [D0, D1, D2]


def test_a_stock_dividend_is_a_split_by_another_name() -> None:
    found = counted(
        acts(
            {"action": "stock_dividend", "ratio": 1.05, "ex_date": D1},
            {"action": "split", "ratio": 1.05, "ex_date": D2, "source_id": 2},
            {"action": "split", "ratio": 2.0, "ex_date": D2, "instrument_id": 8},
            {"action": "stock_dividend", "ratio": 1.5, "ex_date": D2, "instrument_id": 8},
        ),
        SOURCES,
    )
    assert split_factors(found.actions).select("instrument_id", "split_factor").rows() == [
        (7, pytest.approx(1 / 1.05)), (7, 1.0), (8, pytest.approx(1 / 3)), (8, 1.0),
    ]  # fmt: skip


def test_any_order_of_fetching_gives_the_same_series() -> None:
    rows = [
        {"action": "split", "ratio": 2.0, "ex_date": D1},
        {"action": "split", "ratio": 2.0, "ex_date": D2, "source_id": 2},
        {"amount": 1.0, "ex_date": D3},
        {"amount": 1.0, "ex_date": D2, "source_id": 2},
        {"action": "delisting", "ex_date": date(2024, 1, 9), "amount": 0.0},
    ]
    prices = bars((7, D0, 50.0), (7, D1, 52.0), (7, D2, 25.0), (7, D3, 24.0))
    whole = counted(acts(*rows), SOURCES)
    wanted = returns_of(prices, acts(*rows))
    # Every fifth of the 120 orders: each row is at each place in some.
    for order in islice(permutations(rows), 0, None, 5):
        assert counted(acts(*order), SOURCES).actions.equals(whole.actions)
        assert returns_of(prices.reverse(), acts(*order)).equals(wanted)


def test_what_was_known_and_what_was_recorded_are_two_times() -> None:
    early, late = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 31, tzinfo=UTC)
    now = acts({"amount": 2.0, "known_at": early, "recorded_from": NOW})
    was = acts({"amount": 1.0, "known_at": early, "recorded_from": early}).with_columns(
        recorded_to=pl.lit(NOW)
    )
    assert set(was.columns) == set(revisions_of(CORPORATE_ACTIONS).column_names)
    assert as_of(now, was, late)["amount"].to_list() == [1.0]
    assert as_of(now, was, NOW)["amount"].to_list() == [2.0]
    assert as_of(now, was, datetime(2023, 1, 1, tzinfo=UTC)).is_empty()
    assert known_by(now, early).height == 1
    assert known_by(now, datetime(2023, 1, 1, tzinfo=UTC)).is_empty()
