"""The views for BI: their columns are a contract, their rows are worked by hand."""

from collections.abc import Iterator
from datetime import date

import pytest

from fundplatform import tables
from fundplatform.storage.base import Store
from fundplatform.storage.duckdb import DuckDBStore
from fundplatform_tests.storage.marts import DATABASES, ask, bar, chosen, filled, rows

CONTRACT = {
    "sources": "source_id name title asset_class calendar coverage_start coverage_end priority "
    "registered_at",
    "latest_prices": "instrument_id symbol name asset_class market quote session open high low "
    "close volume adjustment source known_at",
    "latest_quotes": "instrument_id symbol name asset_class market quote price bid ask quoted_at "
    "fetched_at source",
    "adjusted_prices": "instrument_id symbol asset_class interval quote bar_open_at session open "
    "high low close volume close_as_delivered split_factor basis",
    "corporate_actions": "instrument_id symbol name asset_class quote action ex_date ratio amount "
    "currency other_symbol known_at source reference",
    "total_return": "instrument_id symbol asset_class quote session close_as_delivered close "
    "total_return_close vendor_style_close total_factor basis",
    "index_levels": "index_name session return_basis level drawdown session_return state "
    "n_constituents n_target turnover provisional note",
    "index_composition": "index_name session instrument_id symbol name asset_class rank measure "
    "target_weight is_current",
    "index_changes": "index_name session instrument_id symbol name change rank_before rank_after "
    "weight_before weight_after reason",
    "fund_comparison": "instrument_id symbol name asset_class market quote session frame "
    "return_basis base_session n_returns total_return annualized_return volatility sharpe sortino "
    "max_drawdown risk_free_rate reason",
    "tiers": "instrument_id symbol name asset_class tier origin reason decided_on valid_from "
    "valid_to is_current",
    "coverage": "source kind session rows_raw instruments rows_rejected rows_validated held reason",
    "data_quality": "source stage kind session rule rows_rejected example",
    "weekly_bars": "instrument_id symbol asset_class quote week first_session last_session "
    "sessions open high low close volume close_as_delivered basis",
    "monthly_bars": "instrument_id symbol asset_class quote month first_session last_session "
    "sessions open high low close volume close_as_delivered basis",
    "daily_vwap": "instrument_id symbol asset_class source quote session origin adjustment vwap "
    "volume observations estimated selected",
    "fund_facts": "instrument_id symbol asset_class name fund_type category issuer share_class "
    "inception expense_ratio gross_expense_ratio aum currency active valid_from valid_to known_at "
    "superseded_at is_current problem source reference",
    "same_holdings_higher_fee": "dearer cheaper overlap common dearer_expense_ratio "
    "cheaper_expense_ratio cost_per_10000 dearer_id cheaper_id oldest_report place",
    "fund_ranking": "session return_basis frame peer_group peer_count place score instrument_id "
    "symbol name total_return_percentile annualized_return_percentile sharpe_percentile "
    "sortino_percentile calmar_percentile max_drawdown_percentile volatility_percentile "
    "tracking_error_percentile expense_ratio_percentile weights_version reason is_latest",
    "fund_exposures": "instrument_id symbol as_of kind name weight through known_at is_latest",
    "market_caps": "instrument_id symbol name source origin measured_on known_at market_cap "
    "currency scope trusted problem",
    "securities": "instrument_id symbol name asset_class market security_type domestic us_common "
    "issuer share_class reason",
    "index_divisor": "index_name session reviewed basket_value level divisor",
    "index_coverage": "index_name session n_target n_constituents no_price no_cap by_rule coverage",
    "source_health": "source title asset_class calendar first_session last_session sessions "
    "held_sessions rows_raw rows_rejected rows_rejected_at_load payloads last_fetched_at "
    "last_success_at",
    "source_state": "source state score requests_today requests_quota consecutive_failures "
    "last_attempt_at last_success_at last_failure paused_until",
    "data_sync": "source kind first_session last_session symbols status started_at finished_at "
    "calls rows_inserted rows_updated rows_unchanged rows_rejected sessions_absent "
    "symbols_skipped failure problem",
    "quarantine": "source asset_class symbol interval quote bar_open_at session open high low "
    "close volume adjustment rules rules_version reason first_seen last_seen payload_hash "
    "source_id instrument_id",
}

THU, FRI, MON = date(2005, 2, 24), date(2005, 2, 25), date(2005, 2, 28)
SAT, TUE = date(2005, 2, 26), date(2005, 3, 1)


def score(
    session: date, frame: str, group: str, value: int | None, **more: object
) -> dict[str, object]:
    return {"session": session, "frame": frame, "peer_group": group, "score": value, **more}


CONTENT = (
    rows(tables.SOURCES, {"name": "good", "priority": 1}, {"source_id": 2, "name": "spare"}),
    rows(
        tables.INSTRUMENTS,
        {"symbol": "AAPL", "name": "Apple", "asset_class": "equity", "market": "US"},
        {"instrument_id": 2, "symbol": "NAN", "asset_class": "equity", "market": "US"},
    ),
    # Apple's 2:1 split of 2005-02-28, and a 7:1 that is announced for the day after the last bar.
    rows(
        tables.ADJUSTMENT_FACTORS,
        {"from_session": THU, "to_session": FRI, "split_factor": 1 / 14},
        {"from_session": SAT, "to_session": MON, "split_factor": 1 / 7},
        {"from_session": TUE, "to_session": date(9999, 12, 31), "split_factor": 1.0},
    ),
    # A payment on the Monday: 0.9 of the price before it is a return, 0.8 a vendor's way.
    rows(
        tables.TOTAL_RETURN_FACTORS,
        {"from_session": THU, "to_session": SAT, "total_factor": 0.9, "vendor_factor": 0.8},
        {"from_session": MON, "to_session": TUE, "total_factor": 1.0, "vendor_factor": 1.0},
    ),
    rows(tables.ACTIONS, {"action": "dividend", "ex_date": MON, "amount": 0.5}),
    rows(
        tables.VALIDATED,
        chosen(FRI, 88.99), chosen(MON, 44.86), chosen(FRI, 1.0, interval="1h"),
        chosen(MON, 44.0, source_id=2, selected=False),
        chosen(FRI, 50.0, instrument_id=2, adjustment="split"),
    ),
    rows(
        tables.OHLCV, bar(FRI, 88.99), bar(FRI, 50.0, instrument_id=2),
        bar(MON, 44.86),
    ),
    rows(
        tables.REJECTED,
        bar(THU, -1.0, rules="price_positive, high_low", reason="close -1"),
        bar(THU, -2.0, instrument_id=2, rules="price_positive", reason="close -2"),
    ),
    rows(tables.REJECTED_AT_LOAD, {"kind": "ohlcv", "rule": "unparseable", "reason": "open 'x'"}),
    rows(tables.GATES, {"session": FRI, "rows_raw": 2, "rows_rejected": 0, "rows_validated": 2}),
    rows(
        tables.PERFORMANCE,
        {"index_name": "top", "session": THU, "state": "no_caps"},
        {"index_name": "top", "session": FRI, "state": "base"},
    ),
    rows(tables.LEVELS, {"index_name": "top", "session": FRI, "level": 100.0, "drawdown": 0.0}),
    rows(
        tables.COMPOSITIONS,
        {"index_name": "top", "session": THU, "rank": 1},
        {"index_name": "top", "session": FRI, "rank": 1, "instrument_id": 2},
        {"index_name": "old", "session": THU, "rank": 1},
    ),
    rows(tables.COMPOSITION_CHANGES, {"index_name": "top", "session": FRI, "change": "removed"}),
    rows(
        tables.METRICS,
        {"session": THU, "frame": "1M", "total_return": 0.1},
        {"session": FRI, "frame": "1M", "total_return": 0.2},
        {"session": THU, "frame": "1Y", "reason": "too short"},
    ),
    rows(
        tables.SCORES,
        score(THU, "HEADLINE", "Large", None, reason="too_few_peers"),
        score(FRI, "HEADLINE", "Large", 73), score(FRI, "HEADLINE", "Large", 90, instrument_id=2),
        score(FRI, "1Y", "Large", 60), score(FRI, "1Y", "Small", 40, instrument_id=2),
        score(FRI, "3Y", "Large", 50), score(FRI, "3Y", "Large", 50, instrument_id=2),
    ),
    rows(
        tables.TIERS,
        {"session": date(2024, 1, 2), "tier": "T2"}, {"session": date(2024, 1, 31), "tier": "T2"},
        {"session": date(2024, 2, 29), "tier": "T1"}, {"session": date(2024, 3, 28), "tier": "T1"},
        {"session": date(2024, 4, 30), "tier": "T2"},
    ),
)  # fmt: skip


@pytest.fixture(scope="module", params=DATABASES)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """The same rows in both databases; the views must give the same."""
    with filled(request, tmp_path_factory, "marts", CONTENT) as made:
        yield made


def test_every_view_is_in_the_contract_with_its_columns(store: Store) -> None:
    found = store.query(
        "SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) AS names "
        "FROM information_schema.columns WHERE table_schema = 'marts' GROUP BY table_name"
    )
    assert dict(found.rows()) == CONTRACT


def test_total_return_multiplies_split_adjusted_closes(store: Store) -> None:
    """88.99 / 2 = 44.495; x 0.9 = 40.0455, x 0.8 = 35.596; nothing on bars without factors."""
    found = ask(store, "symbol, session, close, total_return_close, vendor_style_close",
                "total_return")  # fmt: skip
    assert found == [
        ("AAPL", FRI, pytest.approx(44.495), pytest.approx(40.0455), pytest.approx(35.596)),
        ("AAPL", MON, 44.86, 44.86, 44.86),
        ("NAN", FRI, 50.0, 50.0, 50.0),
    ]


def test_actions_name_their_source_and_currency(store: Store) -> None:
    found = ask(store, "symbol, action, ex_date, amount, currency, source", "corporate_actions")
    assert found == [("AAPL", "dividend", MON, 0.5, "x", "good")]


def test_every_view_says_what_it_is(store: Store) -> None:
    found = store.query(
        "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'marts' AND NOT internal"
        if isinstance(store, DuckDBStore)
        else "SELECT relname::text, obj_description(oid, 'pg_class') FROM pg_class "
        "WHERE relnamespace = 'marts'::regnamespace AND relkind = 'v'"
    )
    comments = dict(found.rows())
    assert set(comments) == set(CONTRACT)
    assert all(text and text.endswith(".") for text in comments.values())


def test_sources(store: Store) -> None:
    assert ask(store, "name, priority", "sources") == [("good", 1), ("spare", 1)]


def test_latest_prices_are_the_selected_daily_ones(store: Store) -> None:
    assert ask(store, "symbol, session, close, source", "latest_prices") == [
        ("AAPL", MON, 44.86, "good"),
        ("NAN", FRI, 50.0, "good"),
    ]


def test_adjusted_prices_multiply_as_traded_rows_only_as_of_the_newest(store: Store) -> None:
    found = store.query(
        "SELECT symbol, session, close, volume, close_as_delivered, split_factor, basis "
        "FROM marts.adjusted_prices WHERE interval = '1d' ORDER BY 1, 2"
    ).rows()
    assert found == [
        ("AAPL", FRI, 44.495, 200.0, 88.99, 0.5, "split"),
        ("AAPL", MON, 44.86, 100.0, 44.86, 1.0, "split"),
        ("NAN", FRI, 50.0, 100.0, 50.0, 1.0, "split"),
    ]


def test_weeks_and_months_are_adjusted_as_of_the_newest_too(store: Store) -> None:
    assert ask(store, "symbol, last_session, close", "weekly_bars") == [
        ("AAPL", FRI, 44.495),
        ("AAPL", MON, 44.86),
        ("NAN", FRI, 50.0),
    ]
    # As traded 88.99 and 44.86 in one month, with the split between them.
    assert ask(store, "symbol, open, close", "monthly_bars") == [
        ("AAPL", 44.495, 44.86),
        ("NAN", 50.0, 50.0),
    ]


def test_index_levels_show_sessions_without_a_level(store: Store) -> None:
    assert ask(store, "session, state, level", "index_levels", "session") == [
        (THU, "no_caps", None),
        (FRI, "base", 100.0),
    ]


def test_index_composition_marks_the_current_one(store: Store) -> None:
    assert ask(store, "index_name, session, symbol, is_current", "index_composition") == [
        ("old", THU, "AAPL", True),
        ("top", THU, "AAPL", False),
        ("top", FRI, "NAN", True),
    ]


def test_index_changes(store: Store) -> None:
    assert ask(store, "symbol, change", "index_changes") == [("AAPL", "removed")]


def test_fund_comparison_takes_the_latest_of_each_frame(store: Store) -> None:
    assert ask(store, "symbol, frame, session, total_return", "fund_comparison") == [
        ("AAPL", "1M", FRI, 0.2),
        ("AAPL", "1Y", THU, None),
    ]


def test_funds_are_ranked_within_their_category(store: Store) -> None:
    """Equal scores share a place; a place is one in a peer group, session and frame."""
    columns = "session, frame, peer_group, symbol, score, place, is_latest"
    assert ask(store, columns, "fund_ranking") == [
        (THU, "HEADLINE", "Large", "AAPL", None, None, False),
        (FRI, "1Y", "Large", "AAPL", 60, 1, True),
        (FRI, "1Y", "Small", "NAN", 40, 1, True),
        (FRI, "3Y", "Large", "AAPL", 50, 1, True),
        (FRI, "3Y", "Large", "NAN", 50, 1, True),
        (FRI, "HEADLINE", "Large", "AAPL", 73, 2, True),
        (FRI, "HEADLINE", "Large", "NAN", 90, 1, True),
    ]


def test_tiers_are_effective_from_the_day_after_the_decision(store: Store) -> None:
    assert ask(store, "tier, valid_from, valid_to, is_current", "tiers", "valid_from") == [
        ("T2", date(2024, 1, 3), date(2024, 2, 29), False),
        ("T1", date(2024, 3, 1), date(2024, 4, 30), False),
        ("T2", date(2024, 5, 1), None, True),
    ]


def test_coverage_counts_and_the_gate(store: Store) -> None:
    assert ask(store, "source, kind, session, rows_raw, instruments, rows_validated", "coverage",
               "session") == [
        ("good", "ohlcv", FRI, 2, 2, 2),
        ("good", "ohlcv", MON, 1, 1, None),
    ]  # fmt: skip


def test_data_quality_counts_every_rule(store: Store) -> None:
    assert ask(store, "stage, rule, session, rows_rejected, example", "data_quality") == [
        ("load", "unparseable", None, 1, "open 'x'"),
        ("validation", "high_low", THU, 1, "close -1"),
        ("validation", "price_positive", THU, 2, "close -1"),
    ]
