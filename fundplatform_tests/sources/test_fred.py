"""FRED: every vintage once, "." is no value, windows of vintages joined again, refusals by text."""

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Kind, Source
from fundplatform.sources.fred import PROFILE, Fred, vendor_symbol
from fundplatform.sources.fred.answers import merged, parse_observations
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform_tests.sources.canned import CannedWeb
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script
from fundplatform_tests.sources.vendor_server import json as answer
from fundplatform_tests.sources.web.wire import NOW, Wire, wired

OBS = "/fred/series/observations"
DGS10 = Tracked("DGS10", "DGS10", date(1776, 7, 4), "economic", "USD")
GDP = Tracked("GDP", "GDP", date(1776, 7, 4), "economic", "USD")
STILL = "9999-12-31"
LIMIT_TEXT = (
    "Bad Request.  There are 5090 vintage dates in the specified real-time period: 1776-07-04 to "
    "9999-12-31.  This exceeds the maximum number of vintage dates allowed for this file type."
)

Row = tuple[str, object, str, str]


def obs(*rows: Row, count: int | None = None, offset: int = 0) -> dict[str, object]:
    found = [
        {"realtime_start": start, "realtime_end": end, "date": day, "value": value}
        for day, value, start, end in rows
    ]
    return {"count": len(rows) if count is None else count, "offset": offset, "observations": found}


def refused(text: str, code: int = 400) -> Script:
    return answer({"error_code": code, "error_message": text}, code)


FEB = ("2024-02-29", "4.25", "2024-03-01", STILL)
MAR = ("2024-03-01", "4.19", "2024-03-04", STILL)
HOLIDAY = ("2024-02-19", ".", "2024-02-20", STILL)


class TestFred(VendorContract):
    profile = PROFILE
    kind = Kind.RATES
    first, last, now = date(1776, 7, 4), date.max, NOW
    tracked = (DGS10,)
    cases: ClassVar = {
        "normal": Case(
            {OBS: obs(HOLIDAY, FEB, MAR)},
            rows=3,
            row={
                "vendor_symbol": "DGS10",
                "session": date(2024, 3, 1),
                "vintage": date(2024, 3, 4),
                "value": 4.19,
            },
        ),
        "paged": Case(
            {OBS: (answer(obs(FEB, count=2)), answer(obs(MAR, count=2, offset=1)))},
            rows=2,
            row={"session": date(2024, 3, 1), "value": 4.19},
        ),
        "numeric_strings": Case({OBS: obs((FEB[0], 4.25, *FEB[2:]))}, row={"value": 4.25}),
        "doubled": Case(
            {OBS: obs(FEB, FEB, MAR, (MAR[0], "4.2", *MAR[2:]))},
            rows=1,
            rejected={"duplicate": 1, "conflicting_duplicate": 2},
        ),
        "bad_value": Case(
            {OBS: obs(FEB, (MAR[0], "n/a", *MAR[2:]), ("2024-13-01", "1", *MAR[2:]))},
            rows=1,
            rejected={"unparseable": 2},
        ),
        "empty_symbol": Case({OBS: obs()}, rows=0, skipped={"DGS10": Failure.NO_DATA}),
        "unknown_symbol": Case(
            {OBS: refused("Bad Request.  The series does not exist.")},
            rows=0,
            skipped={"DGS10": Failure.UNKNOWN_SYMBOL},
        ),
        "error_in_200": Case(
            {OBS: answer({"error_code": 429, "error_message": "Too Many Requests."})},
            failure=Failure.RATE_LIMITED,
        ),
        "auth": Case(
            {OBS: refused("Bad Request.  The value for variable api_key is not registered.")},
            failure=Failure.AUTH,
            says="FRED_API_KEY",
        ),
        "missing_field": Case(
            {OBS: {"count": 1, "offset": 0, "observations": [{"date": "2024-03-01"}]}},
            failure=Failure.SCHEMA_CHANGED,
            says="field realtime_start",
        ),
        "changed_type": Case(
            {OBS: obs(FEB, (MAR[0], {"raw": 4.19}, *MAR[2:]))},
            failure=Failure.SCHEMA_CHANGED,
            says="field value",
        ),
        # More than the contract asks for.
        "negative": Case({OBS: obs((FEB[0], "-0.05", *FEB[2:]))}, row={"value": -0.05}),
    }
    not_applicable: ClassVar = {
        "split_day": "rates do not split",
        "unfinished_bar": "a value is published when it is final, or revised by a vintage",
        "out_of_range": "a series comes whole: a revision may change any date",
        "empty_closed": "a series comes whole",
        "empty_pending": "a series comes whole: what is not published is not in it",
        "not_entitled": "there is one plan",
    }

    def make(self, access: Access) -> Source:
        return Fred(access)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE, key="secret") as running:
        yield running


def test_a_missing_value_is_null_and_a_row(wire: Wire) -> None:
    wire.vendor.on(OBS, answer(obs(HOLIDAY)))
    rows = Fred(wire.access(DGS10)).fetch(Kind.RATES, date.min, date.max, now=NOW).rows
    assert rows["value"].to_list() == [None]


def test_each_revision_is_a_row(wire: Wire) -> None:
    first = ("2023-10-01", "27938.831", "2024-01-25", "2024-02-27")
    second = ("2023-10-01", "27944.627", "2024-02-28", STILL)
    wire.vendor.on(OBS, answer(obs(first, second)))
    rows = Fred(wire.access(GDP)).fetch(Kind.ECONOMIC, date.min, date.max, now=NOW).rows
    assert rows.select("vintage", "value").rows() == [
        (date(2024, 1, 25), 27938.831),
        (date(2024, 2, 28), 27944.627),
    ]


def test_a_kind_has_its_own_series(wire: Wire) -> None:
    wire.vendor.on(OBS, answer(obs(FEB)))
    source = Fred(wire.access(DGS10, GDP))
    for kind, symbol, asset_class in (
        (Kind.RATES, "DGS10", "rate"),
        (Kind.ECONOMIC, "GDP", "economic"),
    ):
        batch = source.fetch(kind, date.min, date.max, now=NOW)
        assert set(batch.rows["vendor_symbol"]) == {symbol}
        assert batch.listings is not None
        assert batch.listings.row(0, named=True) == {
            "vendor_symbol": symbol,
            "symbol": symbol,
            "asset_class": asset_class,
            "market": "US",
            "quote": "USD",
            "name": None,
            "valid_from": date(2024, 2, 29),
            "valid_to": date(2024, 2, 29),
        }
    assert {a.params["realtime_end"] for a in wire.vendor.asked} == {STILL}


def test_a_series_can_be_said_to_be_a_rate(wire: Wire) -> None:
    wire.vendor.on(OBS, answer(obs(FEB)))
    own = Tracked("IRLTLT01DEM156N", "IRLTLT01DEM156N", date(1990, 1, 1), "rate", "USD")
    batch = Fred(wire.access(own)).fetch(Kind.RATES, date.min, date.max, now=NOW)
    assert batch.rows.height == 1


def windows(rows: list[Row], most: int) -> object:
    """FRED's rule: a window with more than `most` vintages is refused; versions are clipped."""

    class Alfred(CannedWeb):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> object:  # type: ignore[override]
            assert params is not None
            low, high = params["realtime_start"], params["realtime_end"]
            inside = [
                (day, value, max(start, low), min(end, high))
                for day, value, start, end in rows
                if start <= high and end >= low
            ]
            refusal = VendorError("fred", Failure.HISTORY_UNAVAILABLE, LIMIT_TEXT, "")
            if len({start for _, _, start, _ in inside}) > most:
                self.answers = {path: refusal}
            elif not inside:
                self.answers = {path: VendorError("fred", Failure.NO_DATA, "ALFRED", "")}
            else:
                self.answers = {path: obs(*inside)}
            return super().get(path, params)

    return Alfred({})


def test_windows_of_vintages_join_without_doubles() -> None:
    days = [date.fromordinal(date(2024, 1, 1).toordinal() + n) for n in range(20)]
    rows: list[Row] = [
        *((str(d), str(n), str(d), STILL) for n, d in enumerate(days)),
        # One value that is revised on the tenth day.
        ("2023-12-29", "7", "2023-12-31", "2024-01-09"),
        ("2023-12-29", "8", "2024-01-10", STILL),
    ]
    web = windows(rows, most=6)
    source = Fred(Access(web, (GDP,)))  # type: ignore[arg-type]
    got = source.fetch(Kind.ECONOMIC, date.min, date.max, now=NOW).rows
    wanted = sorted((d, s, float(str(v))) for d, v, s, _ in rows)
    assert [
        (str(d), str(s), v) for d, s, v in got.select("session", "vintage", "value").rows()
    ] == [*wanted]
    assert len(web.asked) > 3  # type: ignore[attr-defined]


def test_a_series_without_vintages_has_its_own_dates(wire: Wire) -> None:
    gone = refused("Bad Request.  The series does not exist in ALFRED but may exist in FRED.")
    today = ("2024-03-08", "5123.69", "2024-03-10", "2024-03-10")
    wire.vendor.on(OBS, gone, answer(obs(today)))
    rows = Fred(wire.access(GDP)).fetch(Kind.ECONOMIC, date.min, date.max, now=NOW).rows
    assert rows["vintage"].to_list() == [date(2024, 3, 8)]
    assert "realtime_start" not in wire.vendor.asked[-1].params


def test_fewer_observations_than_counted_are_truncated(wire: Wire) -> None:
    wire.vendor.on(OBS, answer(obs(FEB, count=2)), answer(obs(count=2, offset=1)))
    with pytest.raises(VendorError, match="1 of 2 observations") as caught:
        Fred(wire.access(DGS10)).fetch(Kind.RATES, date.min, date.max, now=NOW)
    assert caught.value.failure is Failure.TRUNCATED


def test_a_page_of_another_place_is_refused(wire: Wire) -> None:
    wire.vendor.on(OBS, answer(obs(FEB, offset=7)))
    with pytest.raises(VendorError, match="offset"):
        Fred(wire.access(DGS10)).fetch(Kind.RATES, date.min, date.max, now=NOW)


def test_it_has_no_bars(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no ohlcv"):
        Fred(wire.access()).fetch(Kind.OHLCV, date.min, date.max, now=NOW)


def test_nothing_tracked_asks_nothing(wire: Wire) -> None:
    batch = Fred(wire.access()).fetch(Kind.RATES, date.min, date.max, now=NOW)
    assert batch.rows.is_empty()
    assert wire.vendor.asked == []


def test_symbols_are_fred_ids() -> None:
    assert vendor_symbol(" dgs10 ", "USD") == "DGS10"


def test_recorded_gdp_vintages(shared_data: Path) -> None:
    """Counted with Python's json: 3199 versions of 315 quarters, 4 of them "." today."""
    file = shared_data / "payloads/fred/observations_GDP_all_vintages.json.gz"
    body = gzip.decompress(file.read_bytes())
    page = parse_observations(body)
    assert (page.rows.height, page.rejected.height, page.count) == (3199, 0, 3199)
    oldest = page.rows.filter(pl.col("session") == date(1946, 1, 1))
    assert oldest["value"].to_list() == [199.7, None, 210.4, None]
    assert merged([page.rows]).height == 3199
    raw = json.loads(body)["observations"]
    assert page.rows["value"].null_count() == sum(o["value"] == "." for o in raw)


def test_recorded_error_body(shared_data: Path, wire: Wire) -> None:
    body = (shared_data / "payloads/errors/fred_400_series_missing.json").read_bytes()
    wire.vendor.on(OBS, Script(body, 400))
    skipped = Fred(wire.access(GDP)).fetch(Kind.ECONOMIC, date.min, date.max, now=NOW).skipped
    assert skipped["failure"].to_list() == ["unknown_symbol"]
