"""Massive's bars: whole days and ranges, from hand-written and recorded bytes to rows."""

import json
import random
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform.sources.massive.bars import parse_grouped, parse_range
from fundplatform.sources.web.failures import Failure, VendorError

DAY = date(2024, 6, 7)
# 2024-06-07 16:00 in New York, as grouped answers carry it: 20:00 UTC.
CLOSE_MS = 1717790400000
# 2024-06-07 00:00 in New York, as ranges carry it: 04:00 UTC.
OPEN_MS = 1717732800000
NVDA = {
    "T": "NVDA",
    "v": 4.1238593e7,
    "vw": 1205.1234,
    "o": 1197.7,
    "c": 1208.88,
    "h": 1216.9171,
    "l": 1180.22,
    "t": CLOSE_MS,
    "n": 812345,
}
TINY = {**NVDA, "T": "TINY", "v": 12, "o": 1, "h": 2, "l": 1, "c": 2, "vw": 1.5, "n": 3}


def grouped(*rows: object, **head: object) -> bytes:
    found = {
        "queryCount": len(rows),
        "resultsCount": len(rows),
        "adjusted": False,
        "results": list(rows),
        "status": "OK",
        "request_id": "x",
        "count": len(rows),
    }
    return json.dumps({**found, **head}).encode()


def ranged(*rows: object, **head: object) -> bytes:
    return grouped(*rows, ticker="NVDA", **head)


def without(row: dict[str, object], name: str) -> dict[str, object]:
    return {n: v for n, v in row.items() if n != name}


def failure(error: pytest.ExceptionInfo[VendorError]) -> tuple[Failure, str]:
    return error.value.failure, error.value.problem


def test_a_day_becomes_bars_of_that_day() -> None:
    bars = parse_grouped(grouped(NVDA, TINY), DAY)
    assert bars.rejected.is_empty() and bars.more is None
    row = bars.rows.row(0, named=True)
    assert row == {
        "row_number": 1,
        "vendor_symbol": "NVDA",
        "session": DAY,
        "bar_open_at": datetime(2024, 6, 7, tzinfo=UTC),
        "interval": "1d",
        "quote": "USD",
        "open": 1197.7,
        "high": 1216.9171,
        "low": 1180.22,
        "close": 1208.88,
        "volume": 41238593.0,
        "vwap": 1205.1234,
        "trade_count": 812345,
        "adjustment": "none",
    }


def test_the_date_of_a_range_is_new_york_s_and_not_utc_s() -> None:
    # 2024-06-06 20:00 UTC would be the 6th in New York, 2024-06-07 04:00 UTC is the 7th.
    evening = {**without(NVDA, "T"), "t": OPEN_MS}
    bars = parse_range(ranged(evening), "NVDA", DAY, DAY)
    assert bars.rows["session"].to_list() == [DAY]
    assert bars.rows["vendor_symbol"].to_list() == ["NVDA"]


def test_winter_days_begin_at_05_utc() -> None:
    # The documentation's example: 1577941200000 is 2020-01-02 00:00 EST.
    row = {**without(NVDA, "T"), "t": 1577941200000}
    bars = parse_range(ranged(row), "NVDA", date(2020, 1, 1), date(2020, 1, 3))
    assert bars.rows["session"].to_list() == [date(2020, 1, 2)]


def test_a_row_of_another_day_is_rejected() -> None:
    earlier = {**TINY, "t": CLOSE_MS - 86_400_000}
    bars = parse_grouped(grouped(NVDA, earlier), DAY)
    assert bars.rows["vendor_symbol"].to_list() == ["NVDA"]
    gone = bars.rejected.row(0, named=True)
    assert (gone["row_number"], gone["vendor_symbol"]) == (2, "TINY")
    assert (gone["rule"], gone["session"]) == ("outside_coverage", date(2024, 6, 6))
    assert "2024-06-06" in gone["reason"] and "2024-06-07" in gone["reason"]
    # In range answers as well.
    late = {**without(TINY, "T"), "t": OPEN_MS + 86_400_000}
    bars = parse_range(ranged(without(NVDA, "T"), late), "NVDA", DAY, DAY)
    assert (bars.rows.height, bars.rejected["rule"].to_list()) == (1, ["outside_coverage"])


def test_numeric_texts_are_read_exactly() -> None:
    texts = {**NVDA, "o": "1197.7", "v": "5.78172308e+08", "n": "12", "t": str(CLOSE_MS)}
    bars = parse_grouped(grouped(texts, TINY), DAY)
    row = bars.rows.row(0, named=True)
    assert (row["open"], row["volume"], row["trade_count"]) == (1197.7, 578172308.0, 12)
    assert bars.rejected.is_empty()


@pytest.mark.parametrize(
    "value", ["n/a", float("nan"), float("inf"), True, [1], {"a": 1}, "1_000", ""], ids=str
)
def test_one_bad_value_rejects_its_row_and_no_other(value: object) -> None:
    bars = parse_grouped(grouped(NVDA, {**TINY, "o": value}), DAY)
    assert bars.rows["vendor_symbol"].to_list() == ["NVDA"]
    gone = bars.rejected.row(0, named=True)
    assert (gone["rule"], gone["vendor_symbol"], gone["session"]) == ("unparseable", "TINY", DAY)
    assert gone["reason"].startswith("o: ") and gone["reason"].endswith("is not a number")
    assert json.loads(gone["row"])["T"] == "TINY"


def test_a_row_without_ticker_is_rejected_and_tickers_that_look_like_values_stay() -> None:
    odd = [{**TINY, "T": ticker} for ticker in ("NAN", "NA", "TRUE", "INF", "NULL")]
    bars = parse_grouped(grouped(*odd, {**TINY, "T": ""}, without(TINY, "T")), DAY)
    assert bars.rows["vendor_symbol"].to_list() == ["NAN", "NA", "TRUE", "INF", "NULL"]
    assert bars.rejected["rule"].to_list() == ["missing_key", "missing_key"]
    assert bars.rejected["row_number"].to_list() == [6, 7]


def test_an_absent_price_in_one_row_is_null_and_vw_may_be_absent_everywhere() -> None:
    bars = parse_grouped(grouped(without(NVDA, "vw"), without(without(TINY, "vw"), "c")), DAY)
    assert bars.rows["vwap"].to_list() == [None, None]
    assert bars.rows["close"].to_list() == [1208.88, None]


@pytest.mark.parametrize("name", ["T", "o", "h", "l", "c", "v", "t"])
def test_a_field_that_is_gone_everywhere_is_named(name: str) -> None:
    with pytest.raises(VendorError, match=f"field {name} is missing") as error:
        parse_grouped(grouped(without(NVDA, name), without(TINY, name)), DAY)
    assert failure(error)[0] is Failure.SCHEMA_CHANGED


@pytest.mark.parametrize("name", ["o", "v", "t", "n", "T"])
def test_a_type_that_changed_everywhere_is_named(name: str) -> None:
    for odd in ({"value": 1}, [1], True, 5 if name == "T" else "many"):
        with pytest.raises(VendorError, match=f"field {name} is no longer") as error:
            parse_grouped(grouped({**NVDA, name: odd}, {**TINY, name: odd}), DAY)
        assert failure(error)[0] is Failure.SCHEMA_CHANGED


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (grouped(NVDA)[:-40], Failure.TRUNCATED, "ends early"),
        (grouped(NVDA, resultsCount=2), Failure.TRUNCATED, "resultsCount is 2, there are 1"),
        (b"<html>Bad gateway</html>", Failure.SCHEMA_CHANGED, "is no JSON"),
        (b"[]", Failure.SCHEMA_CHANGED, "a list instead of an object"),
        (b"\xff\xfe", Failure.SCHEMA_CHANGED, "is no"),
        (grouped(NVDA, results={"T": 1}), Failure.SCHEMA_CHANGED, "results is an object"),
        (grouped("a", "b"), Failure.SCHEMA_CHANGED, "each row is a text"),
        (grouped(NVDA, adjusted=True), Failure.SCHEMA_CHANGED, "adjusted is True"),
        (grouped(NVDA, next_url=7), Failure.SCHEMA_CHANGED, "next_url is no address"),
        (b'{"resultsCount": 3, "adjusted": false}', Failure.SCHEMA_CHANGED, "results is missing"),
    ],
)
def test_an_answer_in_another_shape_fails_loudly(body: bytes, kind: Failure, words: str) -> None:
    with pytest.raises(VendorError, match=words) as error:
        parse_grouped(body, DAY)
    assert failure(error)[0] is kind


def test_an_answer_about_another_ticker_fails() -> None:
    with pytest.raises(VendorError, match="'NVDA', asked was 'AMD'"):
        parse_range(ranged(without(NVDA, "T")), "AMD", DAY, DAY)


def test_a_day_without_bars_has_no_results() -> None:
    empty = b'{"queryCount":0,"resultsCount":0,"adjusted":false,"status":"OK","count":0}'
    bars = parse_grouped(empty, DAY)
    assert bars.rows.is_empty() and bars.rejected.is_empty()


def test_the_next_page_loses_host_and_key() -> None:
    link = "https://api.polygon.io/v2/aggs/ticker/NVDA/range/1/day/1/2?cursor=bGltaXQ%3D&apiKey=k"
    bars = parse_range(ranged(without(NVDA, "T"), next_url=link), "NVDA", DAY, DAY)
    assert bars.more == ("/v2/aggs/ticker/NVDA/range/1/day/1/2", {"cursor": "bGltaXQ="})


def test_prices_equal_those_of_json() -> None:
    draw = random.Random(7)  # noqa: S311
    rows = [
        {**NVDA, "T": f"T{n}", "o": draw.uniform(1e-6, 1e6), "v": draw.uniform(0, 1e12)}
        for n in range(2000)
    ]
    bars = parse_grouped(grouped(*rows), DAY)
    assert bars.rows["open"].to_list() == [r["o"] for r in rows]
    assert bars.rows["volume"].to_list() == [r["v"] for r in rows]


def test_the_quick_way_and_the_thorough_one_agree() -> None:
    quick = parse_grouped(grouped(NVDA, TINY), DAY)
    thorough = parse_grouped(grouped(NVDA, TINY, otc=True), DAY)
    assert quick.rows.equals(thorough.rows.select(quick.rows.columns))


def recorded(shared: Path, name: str) -> bytes:
    path = shared / "payloads" / "massive" / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the shared data")
    return path.read_bytes()


def test_recorded_grouped_day(shared_data: Path) -> None:
    name = "v2__aggs__grouped__locale__us__market__stocks__2005-04-04&adjusted=true.json"
    # Its `t` is 2020-10-14 16:00 EDT, whatever its name says.
    bars = parse_grouped(recorded(shared_data, name), date(2020, 10, 14), adjusted=True)
    row = bars.rows.row(0, named=True)
    assert (row["vendor_symbol"], row["close"], row["trade_count"]) == ("GIK", 10.02, 96)
    assert row["adjustment"] == "split"


def test_recorded_range(shared_data: Path) -> None:
    body = recorded(shared_data, "recorded_aggs_AAPL_1day_2023-01-01_2023-01-10.json")
    bars = parse_range(body, "AAPL", date(2023, 1, 1), date(2023, 1, 10), adjusted=True)
    closes = dict(bars.rows.select("session", "close").iter_rows())
    assert closes == {
        date(2023, 1, 3): 125.07,
        date(2023, 1, 4): 126.36,
        date(2023, 1, 5): 125.02,
        date(2023, 1, 6): 129.62,
        date(2023, 1, 9): 130.15,
        date(2023, 1, 10): 130.73,
    }
    assert bars.rows.filter(pl.col("session") == date(2023, 1, 3))["volume"].item() == 112117471
