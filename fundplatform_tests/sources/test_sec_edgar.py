"""EDGAR: who a ticker is, shares by filing day, N-PORT positions, prospectuses' expense ratios."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest

from fundplatform.errors import SourceError
from fundplatform.sources.base import Batch, Kind, Source
from fundplatform.sources.sec_edgar import PROFILE, SecEdgar, vendor_symbol
from fundplatform.sources.sec_edgar.fees import parse_fees, quarter_path
from fundplatform.sources.sec_edgar.nport import LIST, parse_report
from fundplatform.sources.sec_edgar.profile import COMPANIES, FUNDS
from fundplatform.sources.sec_edgar.shares import CONCEPTS, concept_path, parse_facts
from fundplatform.sources.web.client import HttpWeb
from fundplatform.sources.web.failures import Failure, VendorError
from fundplatform.sources.web.profile import Access, Tracked
from fundplatform.sources.web.transport import Answer
from fundplatform_tests.sources.vendor_contract import Case, VendorContract
from fundplatform_tests.sources.vendor_server import Script
from fundplatform_tests.sources.vendor_server import json as answer
from fundplatform_tests.sources.web.wire import Wire, wired

SINCE = date(2009, 6, 15)
SNOW = Tracked("SNOW", "SNOW", SINCE, "equity", "USD")
BRK = Tracked("BRK-B", "BRK.B", SINCE, "equity", "USD")
VOO = Tracked("VOO", "VOO", SINCE, "etf", "USD")
NOBODY = Tracked("ZZZZ", "ZZZZ", SINCE, "equity", "USD")
NOW = datetime(2025, 2, 3, 12, 0, tzinfo=UTC)

COMPANY_FILE = {
    "fields": ["cik", "name", "ticker", "exchange"],
    "data": [
        [1640147, "Snowflake Inc.", "SNOW", "NYSE"],
        [1067983, "BERKSHIRE HATHAWAY INC", "BRK-B", "NYSE"],
        [36405, "VANGUARD INDEX FUNDS", "VOO", "NYSE"],
        [1, "NO TICKER LTD", "", None],
    ],
}
FUND_FILE = {
    "fields": ["cik", "seriesId", "classId", "symbol"],
    "data": [
        [36405, "S000002839", "C000092055", "VOO"],
        [36405, "S000002839", "C000007774", "VFINX"],
        [36405, "S000002839", "C000170274", ""],
    ],
}
TICKERS = {COMPANIES: COMPANY_FILE, FUNDS: FUND_FILE}
COVER, BALANCE = (concept_path(1640147, concept) for concept in CONCEPTS)
GONE = Script(b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", 404)


def fact(end: str, val: object, filed: str, **more: object) -> dict[str, object]:
    return {
        "end": end,
        "val": val,
        "accn": "0001640147-24-1",
        "form": "10-Q",
        "filed": filed,
        **more,
    }


def concept(*facts: object, unit: str = "shares") -> dict[str, object]:
    return {"cik": 1640147, "taxonomy": "dei", "units": {unit: list(facts)}}


MAY = fact("2024-05-14", 334000000, "2024-05-31")
AUGUST = fact("2024-08-20", 335200000, "2024-08-29")


class TestSecEdgar(VendorContract):
    """Shares; the other kinds stand below."""

    profile = PROFILE
    kind = Kind.SHARES
    first, last, now = SINCE, date.max, NOW
    tracked = (SNOW,)
    cases: ClassVar = {
        "normal": Case(
            {**TICKERS, COVER: concept(MAY, AUGUST)},
            rows=2,
            row={
                "vendor_symbol": "SNOW",
                "measured_on": date(2024, 8, 20),
                # The filing day was over in New York at 04:00 UTC.
                "known_at": datetime(2024, 8, 30, 4, tzinfo=UTC),
                "shares": 335200000.0,
            },
        ),
        "numeric_strings": Case(
            {**TICKERS, COVER: concept({**MAY, "val": "334000000"})}, row={"shares": 334000000.0}
        ),
        # A fact that a later filing repeats keeps its first day: that is no fault of the vendor's.
        "doubled": Case(
            {
                **TICKERS,
                COVER: concept(
                    fact("2024-05-14", 334000000, "2024-08-29"),
                    MAY,
                    fact("2024-11-15", 1, "2024-11-27"),
                    fact("2024-11-15", 2, "2024-11-27"),
                ),
            },
            rows=1,
            row={"known_at": datetime(2024, 6, 1, 4, tzinfo=UTC)},
            rejected={"conflicting_duplicate": 2},
        ),
        "bad_value": Case(
            {
                **TICKERS,
                COVER: concept(
                    MAY,
                    fact("2024-08-20", "many", "2024-08-29"),
                    fact("2024-08-21", -1, "2024-08-29"),
                    fact("2024-08-22", None, "2024-08-29"),
                    fact("2024-08-23", 5, "2024-08-01"),
                    fact("soon", 5, "2024-08-29"),
                ),
            },
            rows=1,
            rejected={"unparseable": 5},
        ),
        "empty_symbol": Case(
            {**TICKERS, COVER: GONE, BALANCE: GONE}, rows=0, skipped={"SNOW": Failure.NO_DATA}
        ),
        "unknown_symbol": Case(
            TICKERS, rows=0, tracked=(NOBODY,), skipped={"ZZZZ": Failure.UNKNOWN_SYMBOL}
        ),
        "auth": Case(
            {FUNDS: Script(b"<html>Undeclared Automated Tool</html>", 403)},
            failure=Failure.AUTH,
            says="FUNDPLATFORM_SEC_CONTACT",
        ),
        "missing_field": Case(
            {**TICKERS, COVER: {"cik": 1}}, failure=Failure.SCHEMA_CHANGED, says="field units"
        ),
        "changed_type": Case(
            {**TICKERS, COVER: concept({**MAY, "val": {"raw": 1}})},
            failure=Failure.SCHEMA_CHANGED,
            says="field val",
        ),
        # More than the contract asks for.
        "balance sheet": Case({**TICKERS, COVER: GONE, BALANCE: concept(MAY)}, rows=1),
        "restated": Case(
            {**TICKERS, COVER: concept(MAY, fact("2024-05-14", 333000000, "2024-07-01"))}, rows=2
        ),
    }
    not_applicable: ClassVar = {
        "paged": "a concept comes whole",
        "split_day": "shares are of their own day; nothing is adjusted",
        "unfinished_bar": "there are no bars",
        "out_of_range": "shares come whole",
        "empty_closed": "shares come whole",
        "empty_pending": "shares come whole: what is not filed is not in it",
        "error_in_200": "EDGAR refuses by status",
        "not_entitled": "there is no plan",
    }

    def make(self, access: Access) -> Source:
        return SecEdgar(access)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wired(PROFILE, now=NOW) as running:
        for path, body in TICKERS.items():
            running.vendor.on(path, answer(body))
        yield running


def fetched(wire: Wire, kind: Kind, first: date, last: date, *tracked: Tracked) -> Batch:
    return SecEdgar(wire.access(*tracked)).fetch(kind, first, last, now=NOW)


def test_profiles_are_of_the_tracked_tickers(wire: Wire) -> None:
    batch = fetched(wire, Kind.PROFILES, SINCE, date.max, SNOW, BRK, VOO, NOBODY)
    names = ("vendor_symbol", "name", "exchange", "cik", "series", "share_class")
    assert sorted(batch.rows.select(names).rows()) == [
        ("BRK-B", "BERKSHIRE HATHAWAY INC", "NYSE", 1067983, None, None),
        ("SNOW", "Snowflake Inc.", "NYSE", 1640147, None, None),
        ("VOO", None, None, 36405, "S000002839", "C000092055"),
    ]
    assert batch.skipped["vendor_symbol"].to_list() == ["ZZZZ"]
    assert batch.listings is not None
    listed = batch.listings.select("symbol", "asset_class").sort("symbol").rows()
    assert listed == [("BRK.B", "equity"), ("SNOW", "equity"), ("VOO", "etf")]


def test_a_fund_has_no_shares_and_is_not_asked(wire: Wire) -> None:
    batch = fetched(wire, Kind.SHARES, SINCE, date.max, VOO)
    assert batch.rows.is_empty()
    assert {asked.path for asked in wire.vendor.asked} == {COMPANIES, FUNDS}


def test_nothing_tracked_asks_nothing(wire: Wire) -> None:
    for kind in (Kind.PROFILES, Kind.SHARES, Kind.HOLDINGS, Kind.FUND_FACTS):
        assert fetched(wire, kind, SINCE, date(2024, 12, 31)).rows.is_empty()
    assert wire.vendor.asked == []


def test_it_has_no_bars(wire: Wire) -> None:
    with pytest.raises(SourceError, match="it has no ohlcv"):
        fetched(wire, Kind.OHLCV, SINCE, SINCE)


@pytest.mark.parametrize("gone", ["ticker", "cik"])
def test_a_field_of_the_ticker_file_that_is_gone_is_named(wire: Wire, gone: str) -> None:
    fields = [f"no_{f}" if f == gone else f for f in COMPANY_FILE["fields"]]
    wire.vendor.on(COMPANIES, answer({**COMPANY_FILE, "fields": fields}))
    with pytest.raises(VendorError, match=f"field {gone} is missing"):
        fetched(wire, Kind.PROFILES, SINCE, date.max, SNOW)


def test_a_ticker_file_of_another_type_is_named(wire: Wire) -> None:
    wire.vendor.on(COMPANIES, answer({**COMPANY_FILE, "data": [["1640147", "S", "SNOW", "NYSE"]]}))
    with pytest.raises(VendorError, match="field cik is no longer int"):
        fetched(wire, Kind.PROFILES, SINCE, date.max, SNOW)


def test_a_block_is_a_limit() -> None:
    with wired(PROFILE, now=NOW) as wire:
        wire.vendor.on(
            FUNDS, Script(b"<title>SEC.gov | Request Rate Threshold Exceeded</title>", 403)
        )
        with pytest.raises(VendorError) as caught:
            fetched(wire, Kind.SHARES, SINCE, date.max, SNOW)
    assert caught.value.failure is Failure.RATE_LIMITED


@dataclass
class Noted:
    """A transport that only notes where it was sent."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    def get(self, url: str, headers: dict[str, str]) -> Answer:
        self.sent.append((url, headers["User-Agent"]))
        return Answer(200, {}, b"{}")


def test_two_hosts_serve_edgar_and_each_learns_who_asks() -> None:
    noted = Noted()
    web = HttpWeb(PROFILE, lambda: NOW, contact="Jane Doe jane@example.com", transport=noted)  # type: ignore[arg-type]
    web.get(COMPANIES)
    web.get(COVER)
    assert noted.sent == [
        (f"https://www.sec.gov{COMPANIES}", "Jane Doe jane@example.com"),
        (f"https://data.sec.gov{COVER}", "Jane Doe jane@example.com"),
    ]


# N-PORT


def atom(*filings: tuple[str, str, str]) -> bytes:
    entries = "".join(
        f"""<entry><category term="{form}"/><content type="text/xml">
        <accession-number>{number}</accession-number><filing-date>{filed}</filing-date>
        <filing-type>{form}</filing-type></content></entry>"""
        for number, form, filed in filings
    )
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
    <feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>""".encode()


def position(name: str, value: str, percent: str, more: str = "", profile: str = "Long") -> str:
    return f"""<invstOrSec><name>{name}</name><lei>N/A</lei><title>{name} common</title>
    <cusip>000000000</cusip><identifiers><isin value="US0378331005"/></identifiers>
    <balance>100.5</balance><units>NS</units><curCd>USD</curCd><valUSD>{value}</valUSD>
    <pctVal>{percent}</pctVal><payoffProfile>{profile}</payoffProfile><assetCat>EC</assetCat>
    <issuerCat>CORP</issuerCat><invCountry>US</invCountry>{more}</invstOrSec>"""


def report(*positions: str, series: str = "S000002839", assets: str = "1000.00") -> bytes:
    return f"""
<?xml version="1.0" encoding="UTF-8"?><edgarSubmission xmlns="http://www.sec.gov/edgar/nport">
  <formData><genInfo><regName>VANGUARD INDEX FUNDS</regName><regCik>0000036405</regCik>
  <seriesName>VANGUARD 500 INDEX FUND</seriesName><seriesId>{series}</seriesId>
  <repPdEnd>2024-12-31</repPdEnd><repPdDate>2024-09-30</repPdDate></genInfo>
  <fundInfo><netAssets>{assets}</netAssets></fundInfo>
  <invstOrSecs>{"".join(positions)}</invstOrSecs></formData></edgarSubmission>""".encode()


DOC = "/Archives/edgar/data/36405/000175272424261533/primary_doc.xml"
FILED = ("0001752724-24-261533", "NPORT-P", "2024-11-27")
NOV_27 = date(2024, 11, 27)


def test_positions_of_a_filing(wire: Wire) -> None:
    wire.vendor.on(LIST, Script(atom(FILED)))
    short = position("Short Co", "-50", "-5.0", profile="Short")
    future = position("Index future", "10", "1.0", profile="N/A")
    wire.vendor.on(DOC, Script(report(position("Apple", "600.25", "60.025"), short, future)))
    batch = fetched(wire, Kind.HOLDINGS, NOV_27, NOV_27, VOO)
    assert batch.rows.select("line", "name", "weight", "direction").rows() == [
        (1, "Apple", pytest.approx(0.60025, abs=1e-15), "long"),
        (2, "Short Co", -0.05, "short"),
        (3, "Index future", 0.01, None),
    ]
    row = batch.rows.row(0, named=True)
    assert (row["as_of"], row["session"]) == (date(2024, 9, 30), NOV_27)
    assert row["known_at"] == datetime(2024, 11, 28, 5, tzinfo=UTC)
    assert (row["market_value"], row["value_currency"], row["net_assets"]) == (
        600.25,
        "USD",
        1000.0,
    )
    assert (row["isin"], row["cusip"], row["lei"]) == ("US0378331005", None, None)
    assert (row["asset_category"], row["sector"], row["country"]) == ("EC", "CORP", "US")
    assert (row["balance"], row["units"], row["reference"]) == (100.5, "NS", FILED[0])
    asked = next(a for a in wire.vendor.asked if a.path == LIST)
    assert (asked.params["CIK"], asked.params["type"]) == ("S000002839", "NPORT-P")


def test_only_filings_of_the_days_asked_are_opened(wire: Wire) -> None:
    amended = ("0001752724-24-999999", "NPORT-P/A", "2024-12-20")
    other = ("0001752724-24-111111", "485BPOS", "2024-11-27")
    wire.vendor.on(LIST, Script(atom(amended, other, FILED)))
    wire.vendor.on(DOC, Script(report(position("Apple", "1", "1"))))
    batch = fetched(wire, Kind.HOLDINGS, NOV_27, date(2024, 11, 29), VOO)
    assert set(batch.rows["reference"]) == {FILED[0]}
    assert fetched(wire, Kind.HOLDINGS, date(2024, 6, 3), date(2024, 6, 4), VOO).rows.is_empty()


@pytest.mark.parametrize("turned", [False, True])
def test_an_amendment_of_the_same_day_stands_instead(wire: Wire, turned: bool) -> None:
    """Their lines have the same keys: neither may be mixed with the other, nor both go."""
    amended = ("0001752724-24-261999", "NPORT-P/A", "2024-11-27")
    wire.vendor.on(LIST, Script(atom(*((FILED, amended) if turned else (amended, FILED)))))
    first = [position(name, "300", "30") for name in ("Apple", "Typo", "Gone")]
    wire.vendor.on(DOC, Script(report(*first)))
    second = [position(name, "500", "50") for name in ("Apple", "Right")]
    wire.vendor.on(DOC.replace("261533", "261999"), Script(report(*second)))
    batch = fetched(wire, Kind.HOLDINGS, NOV_27, NOV_27, VOO)
    assert batch.rows.select("line", "name", "weight", "reference").rows() == [
        (1, "Apple", 0.5, amended[0]),
        (2, "Right", 0.5, amended[0]),
    ]
    assert batch.rejected["reason"].to_list() == [f"{amended[0]} of the same day amends it"] * 3


def test_a_long_list_is_paged(wire: Wire) -> None:
    # One of another form among them does not end the list.
    forms = ["485BPOS", *["NPORT-P"] * 99]
    full = atom(*((f"0001752724-25-{n:06d}", f, "2025-01-02") for n, f in enumerate(forms)))
    wire.vendor.on(LIST, Script(full), Script(atom(FILED)))
    wire.vendor.on(DOC, Script(report(position("Apple", "1", "1"))))
    assert fetched(wire, Kind.HOLDINGS, NOV_27, NOV_27, VOO).rows.height == 1
    starts = [a.params["start"] for a in wire.vendor.asked if a.path == LIST]
    assert starts == ["0", "100"]


def test_a_fund_that_files_none_is_skipped(wire: Wire) -> None:
    wire.vendor.on(LIST, Script(atom()))
    batch = fetched(wire, Kind.HOLDINGS, NOV_27, NOV_27, VOO)
    assert batch.skipped["failure"].to_list() == ["no_data"]


def test_a_filing_of_another_series_is_refused(wire: Wire) -> None:
    wire.vendor.on(LIST, Script(atom(FILED)))
    wire.vendor.on(DOC, Script(report(position("Apple", "1", "1"), series="S000000001")))
    with pytest.raises(VendorError, match="S000000001 and not S000002839"):
        fetched(wire, Kind.HOLDINGS, NOV_27, NOV_27, VOO)


def test_an_unreadable_position_is_rejected_and_the_others_stay() -> None:
    found = parse_report(
        report(position("A", "1", "1"), position("B", "n/a", "1"), position("C", "1", "NaN"))
    )
    assert found.rows["line"].to_list() == [1]
    assert found.rejected["row_number"].to_list() == [2, 3]


@pytest.mark.parametrize(
    ("body", "failure", "says"),
    [
        (
            report(position("A", "1", "1")).replace(b"valUSD", b"value"),
            Failure.SCHEMA_CHANGED,
            "valUSD",
        ),
        (
            report(position("A", "1", "1")).replace(b"repPdDate", b"x"),
            Failure.SCHEMA_CHANGED,
            "repPdDate",
        ),
        (report(assets="much"), Failure.SCHEMA_CHANGED, "netAssets"),
        (report(position("A", "1", "1"))[:-30], Failure.TRUNCATED, "ends early"),
        (b"<!DOCTYPE html><html></html>", Failure.SCHEMA_CHANGED, "web page"),
    ],
)
def test_another_filing_format_is_refused(body: bytes, failure: Failure, says: str) -> None:
    with pytest.raises(VendorError, match=says) as caught:
        parse_report(body)
    assert caught.value.failure is failure


def test_a_real_filing(shared_data: Path) -> None:
    """Read by hand; the sum of pctVal with grep and awk."""
    found = parse_report((shared_data / "funds/nport/NPORT.Dupree.xml").read_bytes())
    assert (found.as_of, found.series, found.cik) == (date(2022, 12, 31), "S000012000", 311101)
    assert (found.net_assets, found.rows.height, found.rejected.height) == (41349926.01, 55, 0)
    first = found.rows.row(0, named=True)
    assert first["isin"] == "US49151FGH73"
    assert first["weight"] == pytest.approx(0.019206978745, abs=1e-15)
    assert found.rows["market_value"].sum() == pytest.approx(40455026.70, abs=0.005)


def test_a_big_real_sample(shared_data: Path) -> None:
    body = gzip.decompress((shared_data / "funds/nport/N-PORT Sample 4.xml.gz").read_bytes())
    found = parse_report(body)
    assert found.rows.height + found.rejected.height == body.count(b"</invstOrSec>")


# Expense ratios

NET, TOTAL = "NetExpensesOverAssets", "ExpensesOverAssets"


def num(
    adsh: str, tag: str, value: object, ddate: str = "20241231", cls: str = "C000092055"
) -> str:
    cells = (adsh, tag, "oef/2024", ddate, "pure", "S000002839", cls, "", "", "", "0", str(value))
    return "\t".join(cells)


def data_set(*facts: str, filed: str = "20241115", effdate: str = "20241120") -> bytes:
    sub = "adsh\tcik\tname\teffdate\tform\tfiled\n"
    sub += f"A-1\t36405\tVANGUARD INDEX FUNDS\t{effdate}\t485BPOS\t{filed}\n"
    head = ("adsh", "tag", "version", "ddate", "uom", "series", "class")
    more = ("measure", "document", "otherdims", "iprx", "value")
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        archive.writestr("sub.tsv", sub)
        archive.writestr("num.tsv", "\n".join(["\t".join(head + more), *facts, ""]))
    return box.getvalue()


Q4 = quarter_path("2024q4")
NOV_15 = date(2024, 11, 15)


def test_a_ratio_without_a_waiver_is_the_total(wire: Wire) -> None:
    wire.vendor.on(Q4, Script(data_set(num("A-1", TOTAL, "0.0003"))))
    batch = fetched(wire, Kind.FUND_FACTS, NOV_15, NOV_15, VOO)
    row = batch.rows.row(0, named=True)
    assert (row["vendor_symbol"], row["expense_ratio"], row["gross_expense_ratio"]) == (
        "VOO",
        0.0003,
        0.0003,
    )
    assert (row["effective_on"], row["session"]) == (date(2024, 11, 20), NOV_15)
    assert row["known_at"] == datetime(2024, 11, 16, 5, tzinfo=UTC)
    assert (row["issuer"], row["reference"]) == ("VANGUARD INDEX FUNDS", "A-1")
    assert (row["series"], row["share_class"]) == ("S000002839", "C000092055")
    assert batch.absent == frozenset()


def ratios(*facts: str) -> tuple[list[tuple[float, float]], list[str]]:
    rows, rejected = parse_fees(data_set(*facts), pl.Series(["C000092055"]))
    got = rows.select("expense_ratio", "gross_expense_ratio").rows()
    return got, rejected["reason"].to_list()  # type: ignore[return-value]


def test_a_waiver_makes_net_and_gross_differ() -> None:
    assert ratios(num("A-1", NET, "0.005"), num("A-1", TOTAL, "0.009")) == ([(0.005, 0.009)], [])


def test_last_years_ratio_does_not_count() -> None:
    facts = num("A-1", TOTAL, "0.0004", "20231231"), num("A-1", TOTAL, "0.0003")
    assert ratios(*facts) == ([(0.0003, 0.0003)], [])


def test_a_percentage_is_rejected() -> None:
    got, said = ratios(num("A-1", TOTAL, "6.3041"), num("A-1", NET, "0.63"))
    assert got == []
    assert said == [f"{TOTAL} is too large for a decimal", f"{NET} is too large for a decimal"]


def test_two_ratios_of_one_date_reject_each_other() -> None:
    got, said = ratios(num("A-1", TOTAL, "0.0092"), num("A-1", TOTAL, "0.0091"))
    assert (got, len(said)) == ([], 2)


def test_other_classes_and_tags_are_left_out() -> None:
    facts = num("A-1", "PortfolioTurnoverRate", "0.5"), num("A-1", TOTAL, "0.01", cls="C1")
    assert ratios(*facts) == ([], [])


def test_a_quarter_that_is_not_published_is_absent(wire: Wire) -> None:
    """2025q1 is not over on 2025-02-03; it is not even asked for."""
    wire.vendor.on(Q4, Script(data_set()))
    first, last = date(2024, 12, 30), date(2025, 1, 3)
    batch = fetched(wire, Kind.FUND_FACTS, first, last, VOO)
    # Filings made late on 2024-12-31 stand in 2025q1.
    assert batch.absent == {date(2024, 12, 31), *(date(2025, 1, n) for n in (1, 2, 3))}
    assert [a.path for a in wire.vendor.asked] == [FUNDS, Q4]


def test_a_quarter_that_is_late_is_absent(wire: Wire) -> None:
    wire.vendor.on(Q4, GONE)
    batch = fetched(wire, Kind.FUND_FACTS, NOV_15, NOV_15, VOO)
    assert batch.absent == {NOV_15}


@pytest.mark.parametrize(
    ("body", "failure", "says"),
    [
        (b"no zip", Failure.TRUNCATED, "damaged"),
        (data_set().replace(b"num.tsv", b"mum.tsv"), Failure.SCHEMA_CHANGED, "num.tsv"),
        (data_set().replace(b"\tclass\t", b"\tglass\t"), Failure.TRUNCATED, "damaged"),
    ],
)
def test_another_data_set_is_refused(body: bytes, failure: Failure, says: str) -> None:
    with pytest.raises(VendorError, match=says) as caught:
        parse_fees(body, pl.Series(["C000092055"]))
    assert caught.value.failure is failure


def test_spelling() -> None:
    assert vendor_symbol("BRK.B", "USD") == "BRK-B"
    assert vendor_symbol("ABR.PR.A", "USD") == "ABR-PA"


def test_a_count_that_is_stated_again_after_another_stands_again() -> None:
    """An amendment was wrong, the next filing states the first count again."""
    given = [fact("2024-05-14", v, f"2024-0{m}-10") for m, v in ((6, 100), (7, 10), (8, 100))]
    rows, _ = parse_facts([*given, fact("2024-05-14", 100, "2024-09-10")])
    assert rows.sort("known_at")["shares"].to_list() == [100.0, 10.0, 100.0]


def test_real_company_facts(shared_data: Path) -> None:
    """Snowflake's first cover page: 288.7 million on 2021-03-01, filed 2021-03-31."""
    file = shared_data / "market_caps/sec_companyfacts/snow_facts.json.gz"
    facts = json.loads(gzip.decompress(file.read_bytes()))["facts"]["dei"]
    given = facts["EntityCommonStockSharesOutstanding"]["units"]["shares"]
    rows, rejected = parse_facts(given)
    assert (rows.height, rejected.height) == (len({(f["end"], f["val"]) for f in given}), 0)
    first = rows.sort("measured_on").row(0, named=True)
    assert (first["measured_on"], first["shares"]) == (date(2021, 3, 1), 288700000.0)
    assert first["known_at"] == datetime(2021, 4, 1, 4, tzinfo=UTC)
