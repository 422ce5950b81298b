"""Massive's corporate actions: bodies in the documented shape, and the instants worked by hand."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform.sources.massive.actions import (
    Page,
    parse_delisted,
    parse_dividends,
    parse_splits,
    united,
)
from fundplatform.sources.massive.reference import parse_events, parse_overview
from fundplatform.sources.web.failures import Failure, VendorError

SPLIT = {
    "id": "E1",
    "ticker": "NVDA",
    "execution_date": "2024-06-10",
    "split_from": 1,
    "split_to": 10,
    "adjustment_type": "forward_split",
    "historical_adjustment_factor": 0.1,
}
DIVIDEND = {
    "id": "D1",
    "ticker": "KO",
    "ex_dividend_date": "2024-03-14",
    "declaration_date": "2024-02-15",
    "record_date": "2024-03-15",
    "pay_date": "2024-04-01",
    "cash_amount": 0.485,
    "currency": "usd",
    "frequency": 4,
    "distribution_type": "recurring",
}


def page(*rows: object, **more: object) -> bytes:
    return json.dumps({"status": "OK", "request_id": "x", "results": rows, **more}).encode()


def only(found: Page) -> dict[str, object]:
    assert found.rejected.is_empty()
    return found.rows.row(0, named=True)


def test_a_split_is_new_shares_per_old_one() -> None:
    row = only(parse_splits(page(SPLIT)))
    assert (row["action"], row["ratio"], row["ex_date"]) == ("split", 10.0, date(2024, 6, 10))
    # No announcement is stated: known when the ex-date begins in New York, 04:00 UTC in summer.
    assert row["known_at"] == datetime(2024, 6, 10, 4, tzinfo=UTC)


def test_reverse_splits_and_stock_dividends_are_ratios_too() -> None:
    reverse = {**SPLIT, "ticker": "AMC", "split_from": 10, "split_to": 1}
    stock = {**SPLIT, "ticker": "X", "split_from": 1.0, "split_to": "1.05"}
    assert parse_splits(page(reverse, stock)).rows["ratio"].to_list() == [0.1, 1.05]


@pytest.mark.parametrize(("old", "new"), [(0, 2), (1, 0), (-1, 2), (None, 2)])
def test_a_split_without_ratio_is_rejected(old: object, new: object) -> None:
    found = parse_splits(page(SPLIT, {**SPLIT, "split_from": old, "split_to": new}))
    assert found.rows.height == 1
    gone = found.rejected.row(0, named=True)
    assert (gone["rule"], gone["row_number"]) == ("unparseable", 2)
    assert "is no ratio" in gone["reason"]


def test_a_dividend_is_known_when_the_day_of_its_declaration_ends() -> None:
    row = only(parse_dividends(page(DIVIDEND)))
    assert (row["action"], row["amount"], row["currency"]) == ("dividend", 0.485, "USD")
    assert row["ex_date"] == date(2024, 3, 14)
    # 24:00 of 2024-02-15 in New York, winter.
    assert row["known_at"] == datetime(2024, 2, 16, 5, tzinfo=UTC)


def test_without_declaration_a_dividend_is_known_at_its_ex_date() -> None:
    plain = {n: v for n, v in DIVIDEND.items() if n not in ("declaration_date", "currency")}
    row = only(parse_dividends(page(plain)))
    assert row["known_at"] == datetime(2024, 3, 14, 4, tzinfo=UTC)
    assert row["currency"] is None


@pytest.mark.parametrize(
    ("names", "action"),
    [
        ({"distribution_type": "special"}, "special_dividend"),
        ({"distribution_type": "supplemental"}, "dividend"),
        ({"distribution_type": None, "dividend_type": "SC"}, "special_dividend"),
        ({"distribution_type": None, "dividend_type": "CD"}, "dividend"),
    ],
)
def test_one_time_payments_are_special(names: dict[str, object], action: str) -> None:
    assert only(parse_dividends(page({**DIVIDEND, **names})))["action"] == action


def test_a_negative_amount_is_rejected() -> None:
    found = parse_dividends(
        page({**DIVIDEND, "cash_amount": -1}, {**DIVIDEND, "cash_amount": None})
    )
    assert found.rows.is_empty() and found.rejected.height == 2
    assert found.rejected["vendor_symbol"].to_list() == ["KO", "KO"]


def sums(*rows: dict[str, object]) -> list[tuple[object, object]]:
    found = parse_dividends(page(*rows)).rows.with_columns(page=pl.lit(0))
    return united(found).select("row_number", "amount").rows()


def test_payments_of_two_sorts_on_one_day_are_one_sum() -> None:
    gain = {**DIVIDEND, "distribution_type": "irregular", "cash_amount": 0.25}
    assert sums(DIVIDEND, gain) == [(1, 0.735)]


def test_payments_of_one_sort_stay_apart_to_be_judged_as_duplicates() -> None:
    assert sums(DIVIDEND, {**DIVIDEND, "cash_amount": 0.5}) == [(1, 0.485), (2, 0.5)]
    assert sums(DIVIDEND, {**DIVIDEND, "ticker": "PEP"}) == [(1, 0.485), (2, 0.485)]
    special = {**DIVIDEND, "distribution_type": "special"}
    assert len(sums(DIVIDEND, special)) == 2


def test_a_delisted_ticker_stops_at_the_session_after_its_last_day() -> None:
    body = page(
        {"ticker": "TWTR", "name": "Twitter", "delisted_utc": "2022-10-28T00:00:00Z"},
        {"ticker": "OLD", "name": "No date"},
    )
    row = only(parse_delisted(body))
    # 2022-10-28 is a Friday.
    assert (row["ex_date"], row["listed_to"]) == (date(2022, 10, 31), date(2022, 10, 28))
    assert (row["action"], row["name"]) == ("delisting", "Twitter")
    assert row["known_at"] == datetime(2022, 10, 29, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parse", "row", "name"),
    [
        (parse_splits, SPLIT, "execution_date"),
        (parse_splits, SPLIT, "split_from"),
        (parse_splits, SPLIT, "split_to"),
        (parse_dividends, DIVIDEND, "ex_dividend_date"),
        (parse_dividends, DIVIDEND, "cash_amount"),
        (parse_dividends, DIVIDEND, "ticker"),
    ],
)
def test_a_missing_field_is_named(parse: object, row: dict[str, object], name: str) -> None:
    assert callable(parse)
    with pytest.raises(VendorError, match=f"field {name} is missing") as error:
        parse(page({n: v for n, v in row.items() if n != name}))
    assert error.value.failure is Failure.SCHEMA_CHANGED


def test_a_bad_date_rejects_its_row() -> None:
    found = parse_splits(page(SPLIT, {**SPLIT, "execution_date": "soon"}))
    assert found.rejected["reason"].to_list() == [
        'execution_date: "soon" is not a date like 2024-01-31'
    ]


def test_pages_name_the_next_one() -> None:
    found = parse_splits(page(SPLIT, next_url="https://api.massive.com/stocks/v1/splits?cursor=a"))
    assert found.more == ("/stocks/v1/splits", {"cursor": "a"})


def overview(**fields: object) -> bytes:
    found = {"ticker": "AAPL", "name": "Apple Inc.", "share_class_shares_outstanding": 16406400000}
    return json.dumps({"status": "OK", "results": {**found, **fields}}).encode()


def test_the_count_is_of_the_share_class() -> None:
    found = parse_overview(overview(weighted_shares_outstanding=1), "AAPL")
    assert (found.name, found.shares) == ("Apple Inc.", 16406400000.0)
    assert parse_overview(overview(share_class_shares_outstanding=None), "AAPL").shares is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (overview(ticker="MSFT"), "'MSFT', asked was 'AAPL'"),
        (overview(share_class_shares_outstanding="many"), "share_class_shares_outstanding"),
        (b'{"status": "OK"}', "field results is missing"),
    ],
)
def test_an_odd_overview_fails(body: bytes, words: str) -> None:
    with pytest.raises(VendorError, match=words):
        parse_overview(body, "AAPL")


def test_events_are_the_tickers_a_company_had() -> None:
    events = [
        {"type": "ticker_change", "date": "2022-06-09", "ticker_change": {"ticker": "META"}},
        {"type": "ticker_change", "date": "2012-05-18", "ticker_change": {"ticker": "FB"}},
    ]
    body = json.dumps({"status": "OK", "results": {"name": "Meta", "events": events}}).encode()
    assert [(n.ticker, n.first, n.last) for n in parse_events(body)] == [
        ("FB", date(2012, 5, 18), date(2022, 6, 8)),
        ("META", date(2022, 6, 9), None),
    ]


@pytest.mark.parametrize("events", [None, [{"type": "ticker_change", "date": "2022-06-09"}], [1]])
def test_odd_events_fail(events: object) -> None:
    with pytest.raises(VendorError) as error:
        parse_events(json.dumps({"results": {"events": events}}).encode())
    assert error.value.failure is Failure.SCHEMA_CHANGED


def recorded(shared_data: Path, name: str) -> bytes:
    path = shared_data / "payloads" / "massive" / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    return path.read_bytes()


def test_recorded_dividends_of_the_older_endpoint(shared_data: Path) -> None:
    found = parse_dividends(recorded(shared_data, "v3__reference__dividends.json"))
    assert found.rejected.is_empty()
    row = found.rows.row(0, named=True)
    assert (row["vendor_symbol"], row["amount"], row["ex_date"]) == (
        "CSSEN",
        0.59375,
        date(2025, 6, 12),
    )
    assert row["known_at"] == datetime(2020, 9, 10, 4, tzinfo=UTC)


def test_recorded_tickers_overview_and_events(shared_data: Path) -> None:
    tickers = parse_delisted(recorded(shared_data, "v3__reference__tickers.json"))
    assert tickers.rows.is_empty() and tickers.more is not None
    found = parse_overview(
        recorded(shared_data, "v3__reference__tickers__AAPL&date=2020-10-01.json"), "AAPL"
    )
    assert (found.name, found.shares) == ("Apple Inc.", 16319440000.0)
    names = parse_events(
        recorded(shared_data, "vX__reference__tickers__META__events&types=ticker_change.json")
    )
    assert [n.ticker for n in names] == ["FB", "META"]
