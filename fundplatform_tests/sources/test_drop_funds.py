"""Fund facts and holdings from drop folders: by hand, and the real files where they are."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fundplatform.errors import ConfigError, SourceError
from fundplatform.sources.base import Kind
from fundplatform.sources.drop.source_yaml import load
from fundplatform_tests.sources.drops import Drop
from fundplatform_tests.sources.workbooks import workbook

EXAMPLES = Path(__file__).resolve().parents[2] / "examples/drop"
ISHARES = """\ufeffiShares Two Stock ETF
Fund Holdings as of,"Jan 03, 2025"
Inception Date,"May 15, 2000"
Shares Outstanding,"1,000.00"
\u00a0
Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,Price,Location,\
Exchange,Currency,FX Rate,Market Currency,Accrual Date
"AAPL","APPLE INC","Information Technology","Equity","6,000.00","60.00","6,000.00","24.00",\
"250.00","United States","NASDAQ","USD","1.00","USD","-"
"SHRT","SHORT CO","Financials","Equity","-500.00","-5.00","-500.00","-10.00","50.00",\
"Germany","XETRA","USD","1.00","EUR","-"
"USD","USD CASH","Cash and/or Derivatives","Cash","4,500.00","45.00","4,500.00","4,500.00",\
"100.00","United States","-","USD","1.00","USD","-"
"BAD","BAD CO","Energy","Equity","x","0.00","0.00","1.00","1.00","United States","-","USD",\
"1.00","USD","-"
\u00a0
"The content contained herein is owned or licensed."
"""

NPORT = """<edgarSubmission><genInfo><seriesId>S000012000</seriesId>
<repPdDate>2024-09-30</repPdDate></genInfo><fundInfo><netAssets>1000</netAssets>
<cshNotRptdInCorD>{}</cshNotRptdInCorD></fundInfo><invstOrSecs><invstOrSec><name>Apple</name>
<cusip>037833100</cusip><balance>1</balance><units>NS</units><curCd>USD</curCd>
<valUSD>940</valUSD><pctVal>94.0</pctVal><payoffProfile>Long</payoffProfile>
<assetCat>EC</assetCat></invstOrSec></invstOrSecs></edgarSubmission>"""


def example(tmp_path: Path, name: str) -> Drop:
    return Drop(tmp_path).yaml((EXAMPLES / name / "source.yaml").read_text("utf-8"))


def test_an_ishares_file(tmp_path: Path) -> None:
    """Percent become decimals, a short and the cash stay, the disclaimer is no row."""
    batch = example(tmp_path, "ishares").put("TWO_holdings.csv", ISHARES).fetch()
    wanted = ("vendor_symbol", "as_of", "session", "line", "ticker", "weight", "market_value")
    assert batch.rows.select(wanted).rows() == [
        ("TWO", date(2025, 1, 3), date(2025, 1, 4), 1, "AAPL", 0.6, 6000.0),
        ("TWO", date(2025, 1, 3), date(2025, 1, 4), 2, "SHRT", -0.05, -500.0),
        ("TWO", date(2025, 1, 3), date(2025, 1, 4), 3, "USD", 0.45, 4500.0),
    ]
    more = ("name", "country", "currency", "value_currency", "balance", "known_at")
    assert batch.rows.select(more).row(1) == (
        *("SHORT CO", "Germany", "EUR", "USD", -10.0),
        datetime(2025, 1, 4, 5, tzinfo=UTC),
    )
    assert batch.rejected.select("row_number", "rule", "reason").rows() == [
        (4, "unparseable", "market_value 'x' is no number")
    ]
    assert batch.payloads["rows"].item() == 4


@pytest.mark.parametrize("column", ["Shares", "Par Value"])
def test_how_much_an_ishares_fund_holds_by_its_kind_and_age(tmp_path: Path, column: str) -> None:
    text = ISHARES.replace("Quantity", column)
    batch = example(tmp_path, "ishares").put("TWO_holdings.csv", text).fetch()
    assert batch.rows["balance"].to_list() == [24.0, -10.0, 4500.0]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Fund Holdings as of", "Held", "no line 'Fund Holdings as of'"),
        ("Weight (%)", "Share", "no header with 'Weight"),
        ("Jan 03, 2025", "yesterday", "'yesterday', which is no date"),
    ],
)
def test_what_is_no_ishares_file_is_said(tmp_path: Path, old: str, new: str, why: str) -> None:
    drop = example(tmp_path, "ishares").put("TWO_holdings.csv", ISHARES.replace(old, new))
    with pytest.raises(SourceError, match=why):
        drop.fetch()


SPDR: list[list[object]] = [
    ["Fund Name:", "SPDR Two"], ["Ticker Symbol:", "SPY"], ["Holdings:", "As of 31-Dec-2024"], [],
    ["Name", "Ticker", "Identifier", "SEDOL", "Weight", "Sector", "Shares Held", "Local Currency"],
    ["APPLE INC", "AAPL", "037833100", "2046251", 60.5, "Information Technology", 1000.0, "USD"],
    ["LINDE PLC", "LIN", "IE000S9YS762", None, "4.5E1", "Materials", 2.5, "USD"],
    ["SHORT CO", "SHRT", "123456789", None, -6.0, "-", -7, "USD"],
    ["US DOLLAR", "-", None, None, 0.5, "-", 12345.67, "USD"],
    [], ["Past performance is no guarantee of future results."],
]  # fmt: skip


@pytest.mark.parametrize("shared", [True, False])
def test_a_spdr_workbook(tmp_path: Path, shared: bool) -> None:
    """Percent become decimals; fund and day stand above the table, the disclaimer below."""
    drop = example(tmp_path, "spdr")
    batch = drop.put("holdings-daily.xlsx", workbook(*SPDR, shared=shared)).fetch()
    wanted = ("vendor_symbol", "as_of", "session", "line", "ticker", "cusip", "isin", "weight")
    day, known = date(2024, 12, 31), date(2025, 1, 1)
    assert batch.rows.select(wanted).rows() == [
        ("SPY", day, known, 1, "AAPL", "037833100", None, pytest.approx(0.605)),
        ("SPY", day, known, 2, "LIN", None, "IE000S9YS762", pytest.approx(0.45)),
        ("SPY", day, known, 3, "SHRT", "123456789", None, pytest.approx(-0.06)),
        ("SPY", day, known, 4, None, None, None, pytest.approx(0.005)),
    ]
    more = batch.rows.select("name", "sector", "balance", "currency", "value_currency").row(3)
    assert more == ("US DOLLAR", None, 12345.67, "USD", "USD")
    assert batch.rejected.is_empty()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 cut off", "is no whole Excel workbook"),
        (workbook(*SPDR)[:-30], "is no whole Excel workbook"),
        (workbook(*SPDR[:4]), "no header with Name, Ticker and Weight"),
        (workbook(*SPDR[:1], *SPDR[2:]), "has no 'Ticker Symbol:'"),
        (workbook(*SPDR[:2], ["Holdings:", "As of today"], *SPDR[3:]), "'today', which is no date"),
    ],
)
def test_what_is_no_spdr_workbook_is_said(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        example(tmp_path, "spdr").put("x.xlsx", content).fetch()


def test_a_fund_of_one_price_a_day(tmp_path: Path) -> None:
    """The line of docs/drop-folders.md; rules refuse a bar without open, high and low."""
    columns = "{symbol: Fund, session: Day, open: NAV, high: NAV, low: NAV, close: NAV}"
    drop = Drop(tmp_path).yaml(f"asset_class: fund\nstart: 2020-01-01\ncolumns: {columns}\n")
    batch = drop.put("navs.csv", "Fund,Day,NAV\nVFIAX,2020-01-02,300.5\n").fetch()
    assert batch.rows.select("open", "high", "low", "close").rows() == [(300.5,) * 4]


def test_an_nport_file(tmp_path: Path) -> None:
    position = (
        "<invstOrSec><name>{}</name><cusip>037833100</cusip><balance>1</balance><units>NS</units>"
        "<curCd>USD</curCd><valUSD>{}</valUSD><pctVal>{}</pctVal>"
        "<payoffProfile>Long</payoffProfile><assetCat>EC</assetCat></invstOrSec>"
    )
    body = (
        "<edgarSubmission><genInfo><seriesId>S000012000</seriesId><repPdDate>2024-09-30</repPdDate>"
        "</genInfo><fundInfo><netAssets>1000</netAssets></fundInfo><invstOrSecs>"
        f"{position.format('Apple', 990, 99.0)}{position.format('Odd', 'x', 1)}"
        "</invstOrSecs></edgarSubmission>"
    )
    drop = example(tmp_path, "nport").put("primary_doc.xml", body)
    batch = drop.fetch()
    wanted = ("vendor_symbol", "as_of", "session", "cusip", "weight", "net_assets", "direction")
    assert batch.rows.select(wanted).rows() == [
        ("S000012000", date(2024, 9, 30), date(2024, 11, 29), "037833100", 0.99, 1000.0, "long")
    ]
    assert batch.rejected["reason"].to_list() == ["valUSD is no number"]
    listing = drop.source().listings(drop.source().config.kind)
    assert listing.select("symbol", "asset_class", "name").rows() == [("KYSMX", "etf", None)]
    with pytest.raises(SourceError, match="is no whole Form N-PORT"):
        Drop(tmp_path / "cut").yaml("kind: holdings\nlayout: nport\nstart: 2019-09-01").put(
            "a.xml", body[:-20]
        ).fetch()


@pytest.mark.parametrize(
    ("stated", "weight"), [("60.00", 0.06), ("-15.5", -0.0155), ("0.000000000000", None)]
)
def test_the_cash_of_an_nport_file(tmp_path: Path, stated: str, weight: float | None) -> None:
    """What stands in neither schedule is a share of net assets too: 60 of 1,000 dollars is 6 %."""
    batch = example(tmp_path, "nport").put("primary_doc.xml", NPORT.format(stated)).fetch()
    wanted = ("line", "name", "asset_category", "market_value", "currency", "direction")
    cash = (2, "Cash", "CASH", float(stated), "USD", None)
    expected = [(1, "Apple", "EC", 940.0, "USD", "long")] + ([cash] if weight else [])
    assert batch.rows.select(wanted).rows() == expected
    assert batch.rows["weight"].to_list() == pytest.approx([0.94, weight][: len(expected)])
    assert batch.rejected.is_empty()


def test_a_report_of_days_to_come_is_refused(tmp_path: Path) -> None:
    """It is 2031-05-06: the end of March may be known by the end of May; 2041 is mistyped."""
    drop = Drop(tmp_path).yaml("kind: holdings\nstart: 2009-01-01\nknown_after: 60\n")
    head = "fund,as_of,ticker,weight\n"
    drop.put("a.csv", f"{head}TWO,2031-03-31,A,1\nTWO,2041-03-31,A,1\n")
    now = datetime(2031, 5, 6, tzinfo=UTC)
    batch = drop.source().fetch(Kind.HOLDINGS, date(2009, 1, 1), date(2031, 5, 30), now=now)
    assert batch.rows["as_of"].to_list() == [date(2031, 3, 31)]
    assert batch.rejected.select("row_number", "rule", "reason").rows() == [
        (2, "unparseable", "session 2041-05-30 is in the future")
    ]


def test_facts_in_percent_and_billions(tmp_path: Path) -> None:
    drop = example(tmp_path, "fund_facts").put(
        "facts.csv",
        "fund,effective_on,name,expense_ratio,aum,active\n"
        "VOO,2024-04-26,Vanguard S&P 500 ETF,0.03,1046.5,yes\n"
        "OLD,2024-05-01,Old Fund,1.25,,Closed\n"
        "ODD,2024-05-01,Odd Fund,1.25,,maybe\n",
    )
    batch = drop.fetch()
    assert batch.rows.select(
        "vendor_symbol", "effective_on", "session", "expense_ratio", "aum", "active", "currency"
    ).rows() == [
        ("VOO", date(2024, 4, 26), date(2024, 4, 27), 0.0003, 1046.5e9, True, "USD"),
        ("OLD", date(2024, 5, 1), date(2024, 5, 2), 0.0125, None, False, "USD"),
    ]
    assert batch.rejected["reason"].to_list() == ["active 'maybe' is neither true nor false"]


def test_the_newest_file_gives_a_report_whole(tmp_path: Path) -> None:
    """Of two files with one fund's report, lines are not mixed."""
    yaml = "kind: holdings\nstart: 2020-01-01\nknown_at: {column: filed}\n"
    drop = Drop(tmp_path).yaml(yaml)
    head = "fund,ticker,as_of,filed,weight\n"
    old = f"{head}F,A,2024-01-31,2024-02-01,0.5\nF,B,2024-01-31,2024-02-01,0.5\n"
    drop.put("old.csv", old, age=60)
    drop.put("new.csv", f"{head}F,A,2024-01-31,2024-02-01,1.0\n")
    batch = drop.fetch()
    assert batch.rows.select("line", "ticker", "weight").rows() == [(1, "A", 1.0)]
    assert batch.rejected.height == 2


@pytest.mark.parametrize(
    ("yaml", "why"),
    [
        ("kind: holdings", "known_after.*is missing"),
        ("kind: holdings\nknown_after: 1\nknown_at: {column: a}", "stands beside known_at"),
        ("known_after: 1", "does not belong to kind ohlcv"),
        ("layout: nport\nkind: ohlcv", "brings holdings"),
        ("layout: ishares\ncolumns: {weight: W}", "fixed by the layout ishares"),
    ],
)
def test_a_wrong_source_yaml(tmp_path: Path, yaml: str, why: str) -> None:
    drop = Drop(tmp_path).yaml(f"{yaml}\nstart: 2020-01-01\n")
    with pytest.raises(ConfigError, match=why):
        load(drop.folder / "source.yaml")


@pytest.mark.parametrize(
    ("example_name", "file", "as_of", "fund", "count"),
    [
        ("constituents", "lean_etf_universe/spy_20201130.csv", date(2020, 11, 27), "SPY", 503),
        ("constituents", "lean_etf_universe/qqq_20110330.csv", date(2011, 3, 30), "QQQ", 100),
        ("nport", "nport/NPORT.Dupree.xml", date(2022, 12, 31), "S000012000", 55),
    ],
)
def test_real_files(
    tmp_path: Path, shared_data: Path, example_name: str, file: str, as_of: date, fund: str,
    count: int,
) -> None:  # fmt: skip
    drop = example(tmp_path, example_name)
    """Rows as counted with `wc -l` and `grep -c invstOrSec`."""
    shutil.copyfile(shared_data / "funds" / file, drop.folder / Path(file).name)
    batch = drop.fetch()
    assert batch.rows["as_of"].unique().to_list() == [as_of]
    assert batch.rows["vendor_symbol"].unique().to_list() == [fund]
    assert (batch.rows.height, batch.rejected.height) == (count, 0)
    assert 0.95 <= batch.rows["weight"].sum() <= 1.05
