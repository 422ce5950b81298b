"""JSON records: what is read, what is rejected and what counts as a changed schema."""

from datetime import date

import polars as pl
import pytest

from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.records import Field, document, rejects_of, rows_of, typed

FIELDS = (
    Field("s", "vendor_symbol", "text", key=True),
    Field("d", "session", "date", key=True),
    Field("p", "price", "number"),
    Field("n", "count", "whole", required=False),
)
ROW = {"s": "A", "d": "2024-01-31", "p": 1.5, "n": 3}


def test_values_become_columns() -> None:
    frame, rejected = typed("acme", [ROW, {**ROW, "p": "2.50", "n": "4"}], FIELDS)
    assert rejected.is_empty()
    assert frame.rows() == [
        (1, "A", date(2024, 1, 31), 1.5, 3),
        (2, "A", date(2024, 1, 31), 2.5, 4),
    ]


def test_an_instant_s_date_is_its_first_ten_letters() -> None:
    frame, _ = typed("acme", [{**ROW, "d": "2024-01-31T00:00:00Z"}], FIELDS)
    assert frame["session"].item() == date(2024, 1, 31)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("p", "abc", 'p: "abc" is not a number'),
        ("p", True, "p: true is not a number"),
        ("p", float("nan"), "p: NaN is not a number"),
        ("p", "inf", 'p: "inf" is not a number'),
        ("p", [1], "p: [1] is not a number"),
        ("n", 1.5, "n: 1.5 is not a whole number"),
        ("n", 2**63, "n: 9223372036854775808 is not a whole number"),
        ("n", "--3", 'n: "--3" is not a whole number'),
        ("d", "31.01.2024", 'd: "31.01.2024" is not a date like 2024-01-31'),
        ("d", 20240131, "d: 20240131 is not a date like 2024-01-31"),
        ("s", 5, "s: 5 is not text"),
    ],
)
def test_a_bad_value_rejects_its_row(name: str, value: object, words: str) -> None:
    frame, rejected = typed("acme", [ROW, {**ROW, name: value}], FIELDS)
    assert frame["row_number"].to_list() == [1]
    assert rejected.select("row_number", "rule", "reason").rows() == [(2, "unparseable", words)]


@pytest.mark.parametrize("value", [None, ""])
def test_a_row_without_key_is_rejected(value: object) -> None:
    _, rejected = typed("acme", [ROW, {**ROW, "s": value}], FIELDS)
    assert rejected["rule"].to_list() == ["missing_key"]
    assert rejected["reason"].to_list() == ["s is missing"]
    assert rejected["session"].to_list() == [date(2024, 1, 31)]


def test_other_absent_values_are_null() -> None:
    frame, rejected = typed("acme", [ROW, {"s": "B", "d": "2024-02-01"}], FIELDS)
    assert rejected.is_empty()
    assert frame["price"].to_list() == [1.5, None]


def test_a_row_that_is_no_object_is_rejected_whole() -> None:
    _, rejected = typed("acme", [ROW, [1, 2]], FIELDS)
    assert rejected["reason"].to_list() == ["the row is a list instead of an object"]
    assert rejected["row"].to_list() == ["[1, 2]"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{n: v for n, v in ROW.items() if n != "p"}] * 2, "field p is missing"),
        ([{**ROW, "p": "abc"}] * 2, "field p is no longer a number"),
        ([{**ROW, "p": {"v": 1}}], "field p is no longer a number"),
        ([{**ROW, "n": [1]}] * 2, "field n is no longer a whole number"),
        ([1, 2], "each row is a number instead of an object"),
    ],
)
def test_what_is_wrong_in_every_row_is_a_changed_schema(rows: list[object], words: str) -> None:
    with pytest.raises(VendorError, match=words) as error:
        typed("acme", rows, FIELDS)
    assert error.value.failure is Failure.SCHEMA_CHANGED


def test_an_optional_field_may_be_absent_everywhere_and_one_bad_text_is_a_bad_row() -> None:
    frame, _ = typed("acme", [{n: v for n, v in ROW.items() if n != "n"}], FIELDS)
    assert frame["count"].to_list() == [None]
    _, rejected = typed("acme", [{**ROW, "p": "abc"}], FIELDS)
    assert rejected.height == 1


def test_no_rows_are_no_failure() -> None:
    frame, rejected = typed("acme", [], FIELDS)
    assert frame.is_empty() and rejected.is_empty()
    assert frame.schema["price"] == pl.Float64()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"a": 1', Failure.TRUNCATED),
        (b'{"a": "b', Failure.TRUNCATED),
        (b"", Failure.TRUNCATED),
        (b"<html>", Failure.SCHEMA_CHANGED),
        (b'{"a": 1} x', Failure.SCHEMA_CHANGED),
        (b"\xff", Failure.SCHEMA_CHANGED),
        (b"null", Failure.SCHEMA_CHANGED),
    ],
)
def test_a_body_that_is_no_object_fails(body: bytes, kind: Failure) -> None:
    with pytest.raises(VendorError) as error:
        document("acme", body)
    assert error.value.failure is kind


def test_a_byte_order_mark_is_no_fault() -> None:
    assert document("acme", b'\xef\xbb\xbf{"a": []}') == {"a": []}


def test_the_list_must_be_there_and_be_one() -> None:
    assert rows_of("acme", {"r": [1]}, "r") == [1]
    for found in ({}, {"r": None}, {"r": {}}):
        with pytest.raises(VendorError, match="field r"):
            rows_of("acme", found, "r")


def test_typed_rows_become_rejects() -> None:
    frame = pl.DataFrame({"row_number": [4], "price": [1.5]})
    found = rejects_of(frame, "outside_coverage", pl.format("price {}", "price"))
    row = found.row(0, named=True)
    assert (row["row_number"], row["rule"], row["reason"]) == (4, "outside_coverage", "price 1.5")
    assert row["session"] is None and row["row"] == '{"row_number": 4, "price": 1.5}'
