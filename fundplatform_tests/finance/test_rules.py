"""The row rules, one failing bar at a time."""

from datetime import UTC, date, datetime
from math import inf, nan
from typing import Any

import polars as pl
import pytest

from fundplatform.errors import SchemaError
from fundplatform.finance.rules import CONTEXT, ERRORS, RULES, RULES_VERSION, WARNINGS, judge
from fundplatform.tables import GATES, OHLCV, REJECTED, VALIDATED

MONDAY = date(2024, 6, 3)
CLOSE = datetime(2024, 6, 3, 20, tzinfo=UTC)

GOOD: dict[str, Any] = {
    "source_id": 1,
    "instrument_id": 1,
    "interval": "1d",
    "quote": "USD",
    "bar_open_at": datetime(2024, 6, 3, tzinfo=UTC),
    "session": MONDAY,
    "open": 12.0,
    "high": 15.0,
    "low": 10.0,
    "close": 13.5,
    "volume": 1000.0,
    "vwap": 12.5,
    "trade_count": 7,
    "adjustment": "none",
    "fetched_at": datetime(2024, 6, 4, 1, tzinfo=UTC),
    "payload_hash": "ab",
    "asset_class": "equity",
    "is_session": True,
    "bar_close_at": CLOSE,
    "coverage_start": date(2000, 1, 3),
    "priority": 100,
}
SCHEMA = {n: t for n, t in OHLCV.polars_schema.items() if n not in ("recorded_from", "run_id")}


def bars(*changes: dict[str, Any]) -> pl.DataFrame:
    """One row per change of the good bar; 400 good bars of other instruments keep the gate open."""
    filler = [GOOD | {"instrument_id": 1000 + i} for i in range(400)]
    rows = [GOOD | {"instrument_id": i} | change for i, change in enumerate(changes)]
    return pl.DataFrame([*rows, *filler], schema={**SCHEMA, **CONTEXT})


def rejection(**change: Any) -> tuple[str, str]:  # noqa: ANN401 - any column's value
    rejected = judge(bars(change)).rejected
    assert rejected.height == 1
    return rejected["rules"].item(), rejected["reason"].item()


def warning(**change: Any) -> str | None:  # noqa: ANN401 - any column's value
    judged = judge(bars(change))
    assert judged.rejected.is_empty()
    found: str | None = judged.validated.filter(pl.col("instrument_id") == 0)["warnings"].item()
    return found


def test_a_good_bar_is_validated_unchanged() -> None:
    validated = judge(bars({})).validated.filter(pl.col("instrument_id") == 0)
    row = validated.row(0, named=True)
    stamps = {"recorded_from", "run_id"}
    assert list(row) == [n for n in VALIDATED.column_names if n not in stamps]
    assert row["known_at"] == CLOSE
    assert row["selected"] is True
    assert row["warnings"] is None
    same = set(row) & set(GOOD) - {"instrument_id"}
    assert {n: row[n] for n in same} == {n: GOOD[n] for n in same}


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"open": None}, "V02", "open NULL"),
    ({"open": None, "close": None}, "V02", "open, close NULL"),
    ({"high": None}, "V02", "high NULL"),
    ({"close": nan}, "V03", "close NaN is not finite"),
    ({"high": inf}, "V03", "high inf is not finite"),
    ({"low": -inf}, "V03", "low -inf is not finite"),
    ({"low": 0.0}, "V03", "low 0.0 is not > 0"),
    ({"low": -1.0, "open": nan}, "V03", "open NaN is not finite, low -1.0 is not > 0"),
    ({"high": 13.0}, "V04", "high 13.0 < max(open, low, close) 13.5"),
    ({"low": 13.0}, "V05", "low 13.0 > min(open, high, close) 12.0"),
    ({"volume": -1.0}, "V06", "volume -1.0 is not a finite number >= 0"),
    ({"volume": nan}, "V06", "volume NaN is not a finite number >= 0"),
    ({"volume": inf}, "V06", "volume inf is not a finite number >= 0"),
    (
        {"is_session": False, "bar_close_at": None},
        "V09",
        "2024-06-03 is no session of the calendar",
    ),
    (
        {"coverage_start": date(2024, 6, 4)},
        "V10",
        "session 2024-06-03 not within [2024-06-04, 2024-06-04]",
    ),
]


@pytest.mark.parametrize(("change", "rules", "reason"), CASES)
def test_each_blocking_rule_names_itself_and_the_values(
    change: dict[str, Any], rules: str, reason: str
) -> None:
    assert rejection(**change) == (rules, reason)


def test_an_unfinished_bar_is_rejected() -> None:
    rules, reason = rejection(bar_close_at=datetime(2024, 6, 4, 1, 0, 1, tzinfo=UTC))
    assert rules == "V11"
    assert "closes at 2024-06-04 01:00:01" in reason
    assert "fetched at 2024-06-04 01:00:00" in reason
    assert rejection(bar_close_at=None)[0] == "V11"


def test_a_bar_fetched_at_its_close_is_final() -> None:
    assert judge(bars({"fetched_at": CLOSE})).rejected.is_empty()


def test_a_session_of_tomorrow_fails_as_future_and_as_unfinished() -> None:
    tomorrow = {"session": date(2024, 6, 5), "bar_close_at": datetime(2024, 6, 5, 20, tzinfo=UTC)}
    assert rejection(**tomorrow)[0] == "V10,V11"


def test_all_rules_of_a_row_are_listed_in_order() -> None:
    rules, reason = rejection(is_session=False, volume=-1.0, high=11.0, low=14.0)
    assert rules == "V04,V05,V06,V09"
    assert reason == (
        "high 11.0 < max(open, low, close) 14.0; low 14.0 > min(open, high, close) 11.0; "
        "volume -1.0 is not a finite number >= 0; 2024-06-03 is no session of the calendar"
    )


def test_null_and_nan_do_not_set_off_the_order_rules() -> None:
    # NaN sorts above everything in polars: without care high 15 < open NaN would fire V04.
    assert rejection(open=nan, close=nan)[0] == "V03"
    assert rejection(high=None, low=None)[0] == "V02"
    # What can be judged is judged: low 14 lies above close 13.5, whatever open was.
    assert rejection(open=None, low=14.0)[0] == "V02,V05"


def test_doubled_keys_are_all_rejected() -> None:
    judged = judge(bars({"instrument_id": 5}, {"instrument_id": 5, "close": 14.0}))
    assert judged.rejected["rules"].to_list() == ["V01", "V01"]
    assert judged.rejected["reason"].to_list() == ["key occurs 2 times"] * 2
    other_quote = judge(bars({"instrument_id": 5}, {"instrument_id": 5, "quote": "EUR"}))
    assert other_quote.rejected.is_empty()


@pytest.mark.parametrize("asset_class", ["commodity", "rate", "economic", "index"])
def test_negative_prices_pass_where_the_class_allows_them(asset_class: str) -> None:
    # WTI, 2020-04-20: settled at -36.98 (FRED DCOILWTICO).
    wti = {"open": 17.85, "high": 17.85, "low": -40.32, "close": -36.98, "vwap": None}
    assert judge(bars(wti | {"asset_class": asset_class})).rejected.is_empty()
    assert rejection(**wti | {"asset_class": asset_class, "high": -38.0})[0] == "V04"
    assert rejection(**wti | {"asset_class": asset_class, "close": nan})[0] == "V03"


@pytest.mark.parametrize("asset_class", ["equity", "etf", "fund", "crypto", "fx", "new", None])
def test_other_classes_need_positive_prices(asset_class: str | None) -> None:
    assert rejection(asset_class=asset_class, low=0.0)[0] == "V03"


def test_order_tolerance_is_relative() -> None:
    just = {"open": 1e6, "close": 1e6, "low": 1e6, "high": 1e6 - 0.0009, "vwap": None}
    assert judge(bars(just)).rejected.is_empty()
    assert rejection(**just | {"high": 1e6 - 0.0011})[0] == "V04,V05"


def test_unknown_volume_passes() -> None:
    assert warning(volume=None) is None
    assert warning(volume=0.0, open=10.0, high=10.0, low=10.0, close=10.0, vwap=None) is None


def test_warnings_travel_with_the_validated_row() -> None:
    assert warning(volume=0.0) == "V07"
    assert warning(vwap=15.1) == "V08"
    assert warning(vwap=9.9) == "V08"
    assert warning(vwap=nan) == "V08"
    assert warning(vwap=inf, volume=0.0) == "V07,V08"
    assert warning(vwap=15.0 + 1e-5) is None
    assert warning(vwap=15.0 + 2e-5) == "V08"
    assert warning(vwap=None) is None


def test_nothing_in_nothing_out() -> None:
    judged = judge(bars().clear())
    for frame, table in (
        (judged.validated, VALIDATED),
        (judged.rejected, REJECTED),
        (judged.gates, GATES),
    ):
        assert frame.is_empty()
        assert frame.schema == table.empty().drop("recorded_from", "run_id").schema


def test_a_frame_without_its_context_is_refused() -> None:
    with pytest.raises(SchemaError, match="is_session"):
        judge(bars().drop("is_session"))
    with pytest.raises(SchemaError, match=r"NULL in .*priority"):
        judge(bars({"priority": None}))


def test_the_list_declares_v01_to_v30_once() -> None:
    assert [r.id for r in RULES] == [f"V{i:02}" for i in range(1, 31)]
    assert {r.id: r.severities for r in RULES if r.severities != ("error",)} == SEVERITIES
    assert len(ERRORS) + len(WARNINGS) == len(RULES)
    assert all(r.title and r.description and r.expectation and r.example for r in RULES)
    assert all(r.expectation.startswith(("expect_", "unexpected_")) for r in RULES)
    assert judge(bars({"low": None})).rejected["rules_version"].to_list() == [RULES_VERSION]


# Methodology C, all that are not plain errors.
SEVERITIES = {
    "V07": ("warning",),
    "V08": ("warning",),
    "V11": ("hold",),
    "V12": ("warning",),
    "V13": ("error", "warning"),
    "V14": ("error", "warning"),
    "V15": ("warning",),
    "V16": ("warning",),
    "V17": ("hold",),
    "V18": ("error", "warning"),
    "V19": ("info",),
    "V20": ("hold", "warning"),
    "V21": ("hold",),
    "V22": ("error", "warning"),
    "V23": ("error", "warning"),
    "V24": ("info",),
    "V27": ("warning", "info"),
    "V28": ("error", "warning"),
    "V29": ("warning",),
    "V30": ("info",),
}
