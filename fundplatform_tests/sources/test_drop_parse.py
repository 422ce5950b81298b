"""One file's bytes to rows and rejects: formats, layouts, and everything that can be wrong."""

import gzip
import io
import json
import math
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import REJECT_SCHEMA, Batch, batch_schema
from fundplatform.sources.drop import cells
from fundplatform_tests.sources.drops import Drop

HEAD = "date,symbol,open,high,low,close,volume\n"
GOOD = "2020-01-02,AAA,1,2,0.5,1.5,100\n"
MORE = "2020-01-03,AAA,1,2,0.5,1.75,200\n"
YAML = "start: 2020-01-01\nend: 2020-12-31\n"


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


def read(drop: Drop, content: str | bytes, yaml: str = YAML, name: str = "data.csv") -> Batch:
    batch = drop.yaml(yaml).put(name, content).fetch()
    kind = drop.source().config.kind
    assert batch.rows.schema == batch_schema(kind)
    assert batch.rejected.schema == REJECT_SCHEMA
    assert batch.payloads["rows"].sum() == batch.rows.height + batch.rejected.height
    return batch


def rejects(batch: Batch) -> list[tuple[int, str, str]]:
    return batch.rejected.select("row_number", "rule", "reason").rows()


def zipped(**members: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return out.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


def test_a_bar_as_it_ends_up(drop: Drop) -> None:
    batch = read(drop, HEAD + GOOD)
    (row,) = batch.rows.drop("payload_hash", "fetched_at").to_dicts()
    assert row == {
        "vendor_symbol": "AAA",
        "interval": "1d",
        "quote": "USD",
        "bar_open_at": datetime(2020, 1, 2, tzinfo=UTC),
        "session": date(2020, 1, 2),
        "open": 1.0,
        "high": 2.0,
        "low": 0.5,
        "close": 1.5,
        "volume": 100.0,
        "vwap": None,
        "trade_count": None,
        "adjustment": "none",
    }


PACKED = {
    "plain": ("d.csv", (HEAD + GOOD + MORE).encode()),
    "gz": ("d.csv.gz", gzip.compress((HEAD + GOOD + MORE).encode(), mtime=0)),
    "zip": ("d.zip", zipped(a__csv=HEAD + GOOD, b__csv=HEAD + MORE)),
    "txt": ("d.txt", (HEAD + GOOD + MORE).encode()),
    "crlf": ("d.csv", (HEAD + GOOD + MORE).replace("\n", "\r\n").encode()),
    "cr": ("d.csv", (HEAD.replace("\n", "\r\n") + GOOD + MORE).replace("\n", "\r").encode()),
    "bom": ("d.csv", b"\xef\xbb\xbf" + (HEAD + GOOD + MORE).encode()),
    "no last newline": ("d.csv", (HEAD + GOOD + MORE.rstrip()).encode()),
    "blank lines": ("d.csv", (HEAD + GOOD + "\n\n" + MORE + "\n").encode()),
    "trailing empty column": ("d.csv", (HEAD + GOOD + MORE).replace("\n", ",\n").encode()),
    "trailing comma in rows": ("d.csv", (HEAD + (GOOD + MORE).replace("\n", ",\n")).encode()),
    "quotes": ("d.csv", (HEAD + (GOOD + MORE).replace("AAA", '"AAA"')).encode()),
    "all quoted": (
        "d.csv",
        "\n".join(
            ",".join(f'"{c}"' for c in line.split(","))
            for line in (HEAD + GOOD + MORE).splitlines()
        ).encode(),
    ),
    "blanks around": ("d.csv", (HEAD + GOOD + MORE).replace(",", " , ").encode()),
    "parquet": (
        "d.parquet",
        parquet(
            pl.DataFrame(
                {
                    "date": [date(2020, 1, 2), date(2020, 1, 3)],
                    "symbol": ["AAA", "AAA"],
                    "open": [1, 1],
                    "high": [2, 2],
                    "low": ["0.5", "0.5"],
                    "close": [1.5, 1.75],
                    "volume": [100, 200],
                }
            )
        ),
    ),
}


@pytest.mark.parametrize("how", PACKED)
def test_every_packing_gives_the_same_rows(drop: Drop, how: str) -> None:
    name, content = PACKED[how]
    batch = read(drop, content, name=name)
    found = batch.rows.select("session", "vendor_symbol", "open", "low", "close", "volume").rows()
    assert found == [
        (date(2020, 1, 2), "AAA", 1.0, 0.5, 1.5, 100.0),
        (date(2020, 1, 3), "AAA", 1.0, 0.5, 1.75, 200.0),
    ]
    assert batch.rejected.is_empty()


@pytest.mark.parametrize("ticker", ["NAN", "NA", "TRUE", "INF", "NULL", "nan", "1E5", "0123"])
def test_tickers_stay_text(drop: Drop, ticker: str) -> None:
    batch = read(drop, HEAD + GOOD.replace("AAA", ticker), YAML + "null_values: [NULL, NA]\n")
    assert batch.rows["vendor_symbol"].to_list() == [ticker]
    assert drop.source().listings(drop.source().config.kind)["symbol"].to_list() == [ticker.upper()]


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("NaN", math.nan), ("inf", math.inf), ("-inf", -math.inf), ("1e-3", 0.001)],
)
@pytest.mark.parametrize("beside", ["", "2020-01-04,BBB,x,1,1,1,1\n"])
def test_odd_numbers_are_raw_rows(drop: Drop, text: str, value: float | None, beside: str) -> None:
    # With a bad row beside it, the file goes through the other reader: the outcome is the same.
    batch = read(drop, HEAD + GOOD.replace("1.5", text) + beside)
    assert batch.rows["close"].equals(pl.Series("close", [value], pl.Float64()), null_equal=True)
    assert batch.rejected.height == (1 if beside else 0)


def test_both_readers_agree() -> None:
    lines = [f"2020-01-{d:02},S{s},{d}.{s},{d * s},,{d / 7}\n" for d in range(1, 29) for s in "123"]
    body = "".join(lines).replace(",1.1,", ", 1.1,")
    names = ["date", "symbol", "open", "high", "low", "close"]
    fast = cells._at_once(body.encode(), ",", names, {"open", "low", "close"})
    slow = cells._row_by_row(body.encode(), ",", names).frame.drop(cells.ROW)
    assert fast is not None
    as_numbers = slow.with_columns(
        pl.col("open", "low", "close").str.strip_chars().replace("", None).cast(pl.Float64())
    )
    assert as_numbers.equals(fast)


@pytest.mark.parametrize(
    ("line", "rule", "says"),
    [
        ("2020-01-03,AAA,1,2,0.5,n/a,200\n", "unparseable", "close 'n/a' is no number"),
        ("2020-01-03,AAA,1,2,0.5,1 000,200\n", "unparseable", "close '1 000' is no number"),
        ("03.01.2020,AAA,1,2,0.5,1,200\n", "unparseable", "session '03.01.2020' is no date"),
        ("2020-02-30,AAA,1,2,0.5,1,200\n", "unparseable", "session '2020-02-30' is no date"),
        ("01/03/2020,AAA,1,2,0.5,1,200\n", "unparseable", "see date_format"),
        ("2020-01-03,,1,2,0.5,1,200\n", "missing_key", "no symbol"),
        (",AAA,1,2,0.5,1,200\n", "missing_key", "no session"),
        ("2020-01-03,AAA,1,2,0.5\n", "unparseable", "5 cells instead of 7"),
        ("2020-01-03,AAA,1,2,0.5,1,200,9\n", "unparseable", "8 cells instead of 7"),
        (HEAD, "unparseable", "the header line again"),
        ("2019-12-31,AAA,1,2,0.5,1,200\n", "outside_coverage", "2019-12-31 lies outside"),
        ("2021-01-01,AAA,1,2,0.5,1,200\n", "outside_coverage", "2021-01-01 lies outside"),
    ],
)
def test_a_bad_row_is_rejected_alone(drop: Drop, line: str, rule: str, says: str) -> None:
    batch = read(drop, HEAD + GOOD + line + MORE)
    ((number, found, reason),) = rejects(batch)
    assert (number, found) == (2, rule)
    assert says in reason
    assert batch.rows["close"].to_list() == [1.5, 1.75]
    cells_read = json.loads(batch.rejected["row"].item())
    texts = list(cells_read.values()) if isinstance(cells_read, dict) else cells_read
    assert texts == line.rstrip("\n").split(",")


def test_a_reject_keeps_what_could_be_read(drop: Drop) -> None:
    batch = read(drop, HEAD + GOOD + "2020-01-03,BBB,x,2,y,1,200\n")
    (row,) = batch.rejected.to_dicts()
    assert (row["session"], row["vendor_symbol"]) == (date(2020, 1, 3), "BBB")
    assert row["reason"] == "open 'x' is no number; low 'y' is no number"


def test_duplicates_within_a_file(drop: Drop) -> None:
    batch = read(
        drop,
        HEAD
        + GOOD
        + MORE
        + GOOD  # row 3 equals row 1
        + "2020-01-06,AAA,1,2,0.5,1.5,1\n"
        + "2020-01-06,AAA,1,2,0.5,1.6,1\n"  # rows 4, 5 and 6: who knows
        + "2020-01-06,AAA,1,2,0.5,1.5,1\n"
        + "2020-01-06,BBB,,,,,\n" * 2,  # row 8 equals row 7, nulls included
    )
    assert rejects(batch) == [
        (3, "duplicate", "equal to row 1"),
        (4, "conflicting_duplicate", "rows with this key differ from each other"),
        (5, "conflicting_duplicate", "rows with this key differ from each other"),
        (6, "conflicting_duplicate", "rows with this key differ from each other"),
        (8, "duplicate", "equal to row 7"),
    ]
    assert batch.rows.select("session", "vendor_symbol").rows() == [
        (date(2020, 1, 2), "AAA"),
        (date(2020, 1, 3), "AAA"),
        (date(2020, 1, 6), "BBB"),
    ]
    assert json.loads(batch.rejected["row"][0])["close"] == 1.5


def test_two_spellings_of_one_instrument_are_duplicates(drop: Drop) -> None:
    lines = GOOD.replace("AAA", "BRK-B") + GOOD.replace("AAA", "BRK/B")
    batch = read(drop, HEAD + lines + MORE.replace("AAA", "BRK-B"))
    assert rejects(batch) == [(2, "duplicate", "equal to row 1")]
    assert batch.rows["vendor_symbol"].to_list() == ["BRK-B", "BRK-B"]


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("02.01.2020", "%d.%m.%Y"),
        ("01/02/2020", "%m/%d/%Y"),
        ("20200102", "%Y%m%d"),
        ("20200102 00:00", "%Y%m%d %H:%M"),
        ("1577923200", "unix_s"),  # 2020-01-02 00:00 UTC
        ("1577923200000", "unix_ms"),
        ("2020-01-02 00:00:00-05:00", None),
        ("2020-01-02T00:00:00Z", None),
    ],
)
def test_date_formats(drop: Drop, written: str, form: str | None) -> None:
    yaml = YAML + (f"date_format: '{form}'\n" if form else "")
    batch = read(drop, HEAD + GOOD.replace("2020-01-02", written), yaml)
    assert batch.rows["session"].to_list() == [date(2020, 1, 2)]


def test_an_hour_in_a_date_is_no_date(drop: Drop) -> None:
    batch = read(drop, HEAD + GOOD.replace("2020-01-02", "2020-01-02 16:00:00"))
    assert rejects(batch)[0][1] == "unparseable"


@pytest.mark.parametrize(
    ("written", "yaml"),
    [
        ("2020-01-02 15:30", "time_zone: America/New_York"),
        ("2020-01-02T15:30:00-05:00", ""),
        ("2020-01-02T20:30:00Z", ""),
        ("2020-01-02 20:30:00.000", ""),
        ("1577997000", "date_format: unix_s"),
        ("1577997000000000", "date_format: unix_us"),
        ("02.01.2020 20:30", "date_format: '%d.%m.%Y %H:%M'"),
    ],
)
def test_intraday_bars(drop: Drop, written: str, yaml: str) -> None:
    text = f"timestamp,symbol,close\n{written},AAA,1\n"
    batch = read(drop, text, f"{YAML}interval: 30m\n{yaml}\n")
    found = batch.rows.select("bar_open_at", "session", "interval").row(0)
    assert found == (datetime(2020, 1, 2, 20, 30, tzinfo=UTC), date(2020, 1, 2), "30m")


@pytest.mark.parametrize(
    ("calendar", "written", "session"),
    [
        ("XNYS", "2020-01-03T03:00:00Z", date(2020, 1, 2)),  # 22:00 in New York
        ("24/7", "2020-01-03T03:00:00Z", date(2020, 1, 3)),
        ("24/5", "2020-01-02T21:59:00Z", date(2020, 1, 2)),  # 16:59 in New York
        ("24/5", "2020-01-02T22:00:00Z", date(2020, 1, 3)),  # 17:00: the next day's
        ("24/5", "2020-01-03T22:00:00Z", date(2020, 1, 6)),  # Friday 17:00: Monday's
        ("24/5", "2020-01-05T22:00:00Z", date(2020, 1, 6)),  # Sunday 17:00: Monday's
        ("24/5", "2020-07-02T21:00:00Z", date(2020, 7, 3)),  # 17:00 in summer
    ],
)
def test_sessions_of_instants(drop: Drop, calendar: str, written: str, session: date) -> None:
    text = f"timestamp,symbol,close\n{written},AAA,1\n"
    batch = read(drop, text, f"{YAML}interval: 1m\ncalendar: {calendar}\n")
    assert batch.rows["session"].to_list() == [session]


@pytest.mark.parametrize(
    ("written", "yaml"),
    [
        ("2020-01-03", ""),  # as in Alpha Vantage's CSV, whose column is called timestamp
        ("2020-01-03 00:00:00", ""),
        ("2020-01-03T00:00:00Z", ""),
        ("2020-01-03T00:00:00-05:00", ""),
        ("2020-01-03T09:30:00-05:00", ""),
        ("03.01.2020", "date_format: '%d.%m.%Y'"),
        ("2020-01-03", "time_zone: Europe/Berlin"),
        ("2020-01-03", "calendar: XTKS"),
        ("2020-01-03T00:00:00+09:00", "calendar: XTKS"),
        ("1578009600", "date_format: unix_s"),  # 2020-01-03 00:00 UTC
        ("1578061800", "date_format: unix_s"),  # 14:30 UTC, the opening in New York
        ("2020-01-03", "calendar: 24/5"),
        ("2020-01-03T00:00:00Z", "calendar: 24/7"),
    ],
)
def test_the_label_of_a_daily_bar_is_its_session(drop: Drop, written: str, yaml: str) -> None:
    text = f"timestamp,symbol,close\n{written},AAA,1\n"
    batch = read(drop, text, f"{YAML}{yaml}\n")
    assert batch.rows.select("session", "bar_open_at").rows() == [
        (date(2020, 1, 3), datetime(2020, 1, 3, tzinfo=UTC))
    ]


def test_a_local_hour_that_does_not_exist(drop: Drop) -> None:
    text = "timestamp,symbol,close\n2020-03-08 02:30,AAA,1\n2020-03-09 02:30,AAA,1\n"
    batch = read(drop, text, YAML + "interval: 1m\ntime_zone: America/New_York\n")
    assert [(n, rule) for n, rule, _ in rejects(batch)] == [(1, "unparseable")]


def test_units_delimiter_decimal_and_null_values(drop: Drop) -> None:
    text = "date;symbol;close;volume\n2020-01-02;AAA;302500;1,5\n2020-01-03;AAA;n.a.;2\n"
    yaml = "delimiter: ;\ndecimal: ','\nnull_values: n.a.\nunits: {close: 0.0001, volume: 1e3}\n"
    batch = read(drop, text, YAML + yaml)
    assert batch.rows.select("close", "volume").rows() == [(30.25, 1500.0), (None, 2000.0)]


@pytest.mark.parametrize(
    ("written", "unit", "meant"),
    [
        # In floating point 0.33 * 0.01 is 0.0033000000000000004, which is no tie with 0.0033.
        ("0.33", "0.01", 0.0033),
        ("100003", "0.0001", 10.0003),
        ("1046.5", "1e9", 1_046_500_000_000.0),
        ("-5e-3", "0.01", -0.00005),
        ("0.5", "0.25", 0.125),
        ("inf", "0.01", float("inf")),
    ],
)
def test_a_unit_moves_the_decimal_point(drop: Drop, written: str, unit: str, meant: float) -> None:
    text = f"date,symbol,close\n2020-01-02,AAA,{written}\n"
    batch = read(drop, text, YAML + f"units: {{close: {unit}}}\n")
    assert batch.rows["close"].to_list() == [meant]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1.234,5", 1234.5),
        ("12.345.678", 12_345_678.0),
        ("12.345", 12_345.0),
        ("-1.000,25", -1000.25),
        ("1,5E+3", 1500.0),
        (",5", 0.5),
        ("1.23", None),
        ("1,234.5", None),
        ("1.2345,6", None),
    ],
)
def test_a_dot_beside_a_decimal_comma_parts_thousands(
    drop: Drop, written: str, meant: float | None
) -> None:
    text = f"date;symbol;close\n2020-01-02;AAA;{written}\n"
    batch = read(drop, text, YAML + "delimiter: ;\ndecimal: ','\n")
    assert batch.rows["close"].to_list() == ([] if meant is None else [meant])
    assert batch.rejected.height == (meant is None)


def test_a_name_with_a_nul_byte_is_a_reject(drop: Drop) -> None:
    batch = read(drop, f"{HEAD}{GOOD}{GOOD.replace('AAA', 'A' + chr(0) + 'B')}")
    assert batch.rows["vendor_symbol"].to_list() == ["AAA"]
    assert rejects(batch) == [(2, "unparseable", "symbol 'A\\x00B' is no text")]


def test_headerless_file(drop: Drop) -> None:
    yaml = "layout: per_symbol\nheader: false\ncolumns: [session, _, close]\n"
    batch = read(drop, "2020-01-02,9,1.5\n2020-01-03,9,1.6\n", YAML + yaml, "brk-b.us.txt")
    assert batch.rows.select("vendor_symbol", "close").rows() == [
        ("brk-b.us", 1.5),
        ("brk-b.us", 1.6),
    ]
    kind = drop.source().config.kind
    assert drop.source().listings(kind).select("symbol", "quote").rows() == [("BRK.B", "USD")]


KRAKEN = "layout: kraken_ohlcvt\nstart: 2015-01-01\n"


def test_kraken_bars(drop: Drop) -> None:
    # Two rows of a real bundle file.
    text = "1438905600,3.0,3.00001,3.0,3.0,123.93056831,4\n"
    text += "1438992000,3.0,3.0,0.15,1.19999,1942.88814725,20\n"
    batch = read(drop, text, KRAKEN, "XBTUSD_1440.csv")
    columns = ("session", "interval", "quote", "close", "volume", "trade_count")
    assert batch.rows.select(columns).rows() == [
        (date(2015, 8, 7), "1d", "USD", 3.0, 123.93056831, 4),
        (date(2015, 8, 8), "1d", "USD", 1.19999, 1942.88814725, 20),
    ]
    kind = drop.source().config.kind
    listing = drop.source().listings(kind).row(0, named=True)
    assert (listing["symbol"], listing["quote"], listing["market"]) == ("BTC", "USD", "CRYPTO")


@pytest.mark.parametrize(
    ("minutes", "interval"),
    [(1, "1m"), (5, "5m"), (15, "15m"), (30, "30m"), (60, "1h"), (240, "4h"), (720, "12h")],
)
def test_kraken_intervals(drop: Drop, minutes: int, interval: str) -> None:
    batch = read(drop, "1438956000,1,1,1,1,1,1\n", KRAKEN, f"ETHEUR_{minutes}.csv")
    row = batch.rows.row(0, named=True)
    assert (row["interval"], row["quote"]) == (interval, "EUR")
    assert row["bar_open_at"] == datetime(2015, 8, 7, 14, tzinfo=UTC)


@pytest.mark.parametrize("stamp", ["0", "-1", "", "1438905600000", "soon"])
def test_kraken_timestamps_that_are_none(drop: Drop, stamp: str) -> None:
    batch = read(drop, f"1438905600,1,1,1,1,1,1\n{stamp},1,1,1,1,1,1\n", KRAKEN, "ETHUSD_1440.csv")
    ((number, rule, _),) = rejects(batch)
    assert (number, rule) == (2, "missing_key" if stamp == "" else "unparseable")


@pytest.mark.parametrize("name", ["ETHUSD.csv", "ETHUSD_7.csv", "ETHUSD_1440_old.csv"])
def test_kraken_file_names(drop: Drop, name: str) -> None:
    with pytest.raises(SourceError, match="PAIR_MINUTES"):
        read(drop, "1438905600,1,1,1,1,1,1\n", KRAKEN, name)


def test_kraken_trades_are_never_deduplicated(drop: Drop) -> None:
    text = "1672531436,90.54,1.5\n1672531436,90.54,1.5\n1672617836.25,90.6,0.1\n"
    batch = read(drop, text, "layout: kraken_trades\nstart: 2015-01-01\n", "BCHEUR.csv")
    assert batch.rejected.is_empty()
    assert batch.rows.select("session", "trade_id", "price", "quote").rows() == [
        (date(2023, 1, 1), 1, 90.54, "EUR"),
        (date(2023, 1, 1), 2, 90.54, "EUR"),
        (date(2023, 1, 2), 1, 90.6, "EUR"),
    ]
    assert batch.rows["traded_at"][2] == datetime(2023, 1, 2, 0, 3, 56, 250_000, tzinfo=UTC)


def test_market_caps_known_at_an_instant(drop: Drop) -> None:
    yaml = "kind: market_caps\nunits: {market_cap: 1e9}\ncolumns: {market_cap: Cap}\n"
    # 01:17 UTC is the evening before in New York. A blank cap stays a row.
    text = "at,symbol,Cap\n2020-02-01T01:17:13Z,GOOG,95.20\n2020-02-01T01:17:13Z,SPAC,\n"
    batch = read(drop, text, YAML + yaml + "known_at: {column: at}\n")
    known = datetime(2020, 2, 1, 1, 17, 13, tzinfo=UTC)
    assert batch.rows.drop("payload_hash", "fetched_at").rows() == [
        ("GOOG", known, date(2020, 1, 31), 95.2e9, "USD"),
        ("SPAC", known, date(2020, 1, 31), None, "USD"),
    ]


def test_market_caps_known_at_a_time_of_day(drop: Drop) -> None:
    yaml = "kind: market_caps\nknown_at: {column: as_of, time: '20:15', zone: America/New_York}\n"
    text = "as_of,symbol,market_cap\n2020-01-31,GOOG,5\n2020-07-31,GOOG,6\n"
    batch = read(drop, text, YAML + yaml)
    assert batch.rows.select("session", "known_at").rows() == [
        (date(2020, 1, 31), datetime(2020, 2, 1, 1, 15, tzinfo=UTC)),
        (date(2020, 7, 31), datetime(2020, 8, 1, 0, 15, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("at", "session", "known"),
    [
        ("{column: as_of}", date(2020, 7, 31), datetime(2020, 7, 31, 23, 59, 59, 999_999, UTC)),
        (
            "{column: as_of, zone: America/New_York}",
            date(2020, 7, 31),
            datetime(2020, 8, 1, 3, 59, 59, 999_999, UTC),
        ),
    ],
)
def test_a_day_without_a_time_is_known_at_its_end(
    drop: Drop, at: str, session: date, known: datetime
) -> None:
    text = "as_of,symbol,market_cap\n2020-07-31,GOOG,6\n"
    batch = read(drop, text, f"{YAML}kind: market_caps\nknown_at: {at}\n")
    assert batch.rows.select("session", "known_at").rows() == [(session, known)]


def test_shares_are_one_whole(drop: Drop) -> None:
    yaml = "kind: shares\nunits: {shares: 1e6}\nknown_at: {column: filed}\n"
    text = "symbol,measured_on,shares,filed\nAAA,1999-12-31,5,2000-02-01\nAAA,2020-03-31,6,\n"
    batch = read(drop, text, YAML + yaml)
    assert batch.rows.select("measured_on", "known_at", "shares").rows() == [
        # At the begin of the day it was filed on nobody knew it.
        (date(1999, 12, 31), datetime(2000, 2, 1, 23, 59, 59, 999_999, UTC), 5e6)
    ]
    assert rejects(batch) == [(2, "missing_key", "no known_at")]


def test_corporate_actions_are_known_at_the_ex_date_at_the_latest(drop: Drop) -> None:
    text = "symbol,action,ex_date,ratio,amount\n"
    text += "AAA,split,2020-08-31,4,\nAAA,dividend,2020-05-08,,0.82\n"
    batch = read(drop, text, YAML + "kind: corporate_actions\n")
    columns = ("action", "ex_date", "ratio", "amount", "currency", "known_at")
    assert batch.rows.select(columns).rows() == [
        ("dividend", date(2020, 5, 8), None, 0.82, "USD", datetime(2020, 5, 8, tzinfo=UTC)),
        ("split", date(2020, 8, 31), 4.0, None, "USD", datetime(2020, 8, 31, tzinfo=UTC)),
    ]


def test_fx_pairs(drop: Drop) -> None:
    text = "date,symbol,value\n2020-01-02,EURUSD,1.1193\n2020-01-02,EUR,1\n"
    batch = read(drop, text, YAML + "kind: fx\ncalendar: TARGET\n")
    assert batch.rows.select("vendor_symbol", "session", "vintage", "value").rows() == [
        ("EURUSD", date(2020, 1, 2), date(2020, 1, 2), 1.1193)
    ]
    ((_, rule, reason),) = rejects(batch)
    assert rule == "unparseable"
    assert "two codes of three letters" in reason
    kind = drop.source().config.kind
    listing = drop.source().listings(kind).row(0, named=True)
    assert (listing["symbol"], listing["quote"]) == ("EUR", "USD")


def test_crypto_with_a_quote_column(drop: Drop) -> None:
    text = "date,symbol,quote,close\n2020-01-02,XBT,USD,7000\n2020-01-02,XBT,EUR,6300\n"
    batch = read(drop, text, YAML + "asset_class: crypto\n")
    assert batch.rows.select("vendor_symbol", "quote", "close").rows() == [
        ("XBT/EUR", "EUR", 6300.0),
        ("XBT/USD", "USD", 7000.0),
    ]


def test_the_symbol_map_wins(drop: Drop) -> None:
    batch = read(drop, HEAD + GOOD, YAML + "symbols: {AAA: META}\n")
    assert batch.rows["vendor_symbol"].to_list() == ["AAA"]
    kind = drop.source().config.kind
    assert drop.source().listings(kind)["symbol"].to_list() == ["META"]


def test_a_long_silence_is_two_listings(drop: Drop) -> None:
    days = ["2020-01-02", "2020-04-01", "2020-07-01", "2020-07-02"]  # gaps of 90 and 91 days
    text = HEAD + "".join(GOOD.replace("2020-01-02", day) for day in days)
    read(drop, text + GOOD.replace("AAA", "BBB"))
    kind = drop.source().config.kind
    assert drop.source().listings(kind).select(
        "vendor_symbol", "valid_from", "valid_to"
    ).rows() == [
        ("AAA", date(2020, 1, 2), date(2020, 4, 1)),
        ("AAA", date(2020, 7, 1), date(2020, 7, 2)),
        ("BBB", date(2020, 1, 2), date(2020, 1, 2)),
    ]


def test_names_reach_the_listings(drop: Drop) -> None:
    text = 'date,symbol,name,close\n2020-01-02,AAA,"Alpha, Inc.",1\n2020-01-03,AAA,,2\n'
    read(drop, text)
    kind = drop.source().config.kind
    assert drop.source().listings(kind)["name"].to_list() == ["Alpha, Inc."]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("d.csv", b"", "is empty (zero bytes)"),
        ("d.csv.gz", gzip.compress((HEAD + GOOD).encode(), mtime=0)[:-12], "no whole gzip"),
        ("d.csv.gz", (HEAD + GOOD).encode(), "no whole gzip"),
        ("d.zip", zipped(a__csv=HEAD + GOOD)[:-30], "no whole zip"),
        ("d.zip", zipped(), "no file in it"),
        ("d.parquet", PACKED["parquet"][1][:-20], "no whole Parquet"),
        ("d.csv", HEAD.encode() + b"2020-01-02,\xff\xfe,1,1,1,1,1\n", "not UTF-8"),
        ("d.csv", b"\n\n", "no header line"),
        ("d.csv", b"a,b\n1,2\n", "for close; it has a, b. Name it, like: columns: {close: a}"),
        ("d.csv", HEAD.replace(",", ";").encode(), 'Say what parts its columns: delimiter: ";"'),
        ("d.csv", HEAD.replace(",", "\t").encode(), "delimiter: tab"),
        ("d.csv", GOOD.encode(), "Its first line looks like data: write header: false"),
        ("d.csv", b"date,symbol,close,Close\nx,A,1,2\n", "has 2 columns 'close'. Rename all but"),
        ("d.csv", b"date,symbol,close,close\nx,A,1,2\n", "has 2 columns 'close'. Rename all but"),
        (
            "d.xlsx",
            b"PK\x03\x04\xff\n",
            "is a workbook or a zip under another name. Save it as CSV",
        ),
        ("d.csv", HEAD.encode("utf-16"), "is UTF-16. Save it as UTF-8"),
        ("d.csv", ("date,symbol,close\n" + "x,A,1\n" * 10).encode(), "no row that can be read"),
    ],
)
def test_a_file_of_no_use_is_an_error(drop: Drop, name: str, content: bytes, says: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(drop, content, name=name)
    assert f"source mine: file {name}" in str(caught.value)
    assert says in str(caught.value)


def test_a_comma_in_a_number_leads_to_the_key(drop: Drop) -> None:
    batch = read(drop, HEAD + GOOD + '2020-01-03,AAA,1,2,0.5,"1,5",200\n')
    assert rejects(batch) == [(2, "unparseable", "close '1,5' is no number (see decimal)")]


def test_a_named_column_must_be_there(drop: Drop) -> None:
    told = "no column 'Last' for close; it has date, symbol.*like: columns: {close: close}"
    with pytest.raises(SourceError, match=told):
        read(drop, HEAD + GOOD, YAML + "columns: {close: Last}\n")


def test_a_named_column_must_be_there_once(drop: Drop) -> None:
    twice = "date,symbol,close,Close,Close\n2020-01-02,A,1,2,3\n"
    assert read(drop, twice, YAML + "columns: {close: close}\n").rows["close"].to_list() == [1.0]
    with pytest.raises(SourceError, match="has 2 columns 'Close'"):
        read(drop, twice, YAML + "columns: {close: Close}\n")


def test_a_header_alone_is_no_row(drop: Drop) -> None:
    batch = read(drop, HEAD)
    assert (batch.rows.height, batch.rejected.height, batch.payloads["rows"].to_list()) == (
        0,
        0,
        [0],
    )


def test_many_dates_are_read_as_few_are(drop: Drop) -> None:
    """From 10,000 rows on each different date is read once; what is no date is still refused."""
    good = [f"2020-01-{n % 28 + 1:02},S{n // 28}" for n in range(11_200)]
    text = "date,symbol,close\n" + "".join(f"{row},1\n" for row in [*good, "2020-1-2,AAA", ",AAA"])
    batch = read(drop, text)
    assert batch.rows.height == 11_200
    assert batch.rows["session"].unique().sort().to_list() == [
        date(2020, 1, n) for n in range(1, 29)
    ]
    assert [(n, rule) for n, rule, _ in rejects(batch)] == [
        (11_201, "unparseable"), (11_202, "missing_key"),
    ]  # fmt: skip
