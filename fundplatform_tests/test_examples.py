"""The examples load as they stand, and read the rows that their comments show."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.index_definition import SHIPPED, load_definitions
from fundplatform.sources.base import Kind
from fundplatform.sources.drop import discover
from fundplatform.sources.drop.source_yaml import load
from fundplatform.sources.register import BUILT_IN
from fundplatform_tests.sources.drops import Drop
from fundplatform_tests.sources.workbooks import workbook

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
DROPS = EXAMPLES / "drop"


@dataclass(frozen=True)
class Shown:
    """A file of the vendor's form, and the one row that must come of it (worked by hand)."""

    file: str
    text: str | bytes
    row: Mapping[str, object]


SHOWN = {
    "sp500_5yr": Shown(
        "all_stocks_5yr.csv",
        "date,open,high,low,close,volume,Name\n2013-02-08,15.07,15.12,14.63,14.75,8407500,AAL\n",
        {"vendor_symbol": "AAL", "session": date(2013, 2, 8), "high": 15.12, "adjustment": "split"},
    ),
    "sp500_caps": Shown(
        "caps.csv",
        "commit_utc,Symbol,Name,Market Cap\n2016-02-23T15:18:46Z,MMM,3M Company,95.20\n",
        {
            "vendor_symbol": "MMM",
            "known_at": datetime(2016, 2, 23, 15, 18, 46, tzinfo=UTC),
            "market_cap": 95.20e9,
        },
    ),
    "kraken_bars": Shown(
        "ETHUSD_1440.csv",
        "1438905600,3.0,3.00001,3.0,3.0,123.93056831,4\n",
        {"vendor_symbol": "ETHUSD", "session": date(2015, 8, 7), "quote": "USD", "trade_count": 4},
    ),
    "kraken_trades": Shown(
        "BCHEUR.csv",
        "1672531436,90.540000,1.10448420\n",
        {
            "vendor_symbol": "BCHEUR",
            "traded_at": datetime(2023, 1, 1, 0, 3, 56, tzinfo=UTC),
            "price": 90.54,
            "quote": "EUR",
        },
    ),
    "stooq_etfs": Shown(
        "etfs.csv",
        "ticker,date,open,high,low,close,volume\n"
        "ADRE,2005-02-25,19.065,19.416,19.065,19.416,72019\n",
        {"vendor_symbol": "ADRE", "session": date(2005, 2, 25), "adjustment": "split_div"},
    ),
    "stooq_us": Shown(
        "a.us.txt",
        "Date,Open,High,Low,Close,Volume,OpenInt\r\n"
        "1999-11-18,30.713,33.754,27.002,29.702,66277506,0\r\n",
        {"vendor_symbol": "a.us", "session": date(1999, 11, 18), "volume": 66277506.0},
    ),
    "fund_facts": Shown(
        "facts.csv",
        "fund,effective_on,name,category,issuer,inception,expense_ratio,aum,active\n"
        "VOO,2024-04-26,Vanguard S&P 500 ETF,Large Blend,Vanguard,2010-09-07,0.03,1046.5,yes\n",
        {
            "vendor_symbol": "VOO",
            "effective_on": date(2024, 4, 26),
            "expense_ratio": 0.0003,
            "aum": 1046.5e9,
            "active": True,
        },
    ),
    "constituents": Shown(
        "spy_20201130.csv",
        "A,A RPTMYV3VC57P,20201127,0.00117008,3313891,\n",
        {
            "vendor_symbol": "SPY",
            "ticker": "A",
            "as_of": date(2020, 11, 27),
            "session": date(2020, 11, 28),
            "weight": 0.00117008,
            "balance": 3313891.0,
        },
    ),
    "ishares": Shown(
        "IVV_holdings.csv",
        'iShares Core S&P 500 ETF\nFund Holdings as of,"Jan 03, 2025"\n\n'
        "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Quantity\n"
        '"AAPL","APPLE INC","Information Technology","Equity","36,863,911.5","7.14","147,276"\n',
        {"vendor_symbol": "IVV", "ticker": "AAPL", "weight": 0.0714, "market_value": 36863911.5},
    ),
    "nport": Shown(
        "primary_doc.xml",
        "<edgarSubmission><genInfo><seriesId>S000012000</seriesId><repPdDate>2022-12-31</repPdDate>"
        "</genInfo><fundInfo><netAssets>1000</netAssets></fundInfo><invstOrSecs><invstOrSec>"
        "<name>Bond</name><valUSD>250</valUSD><pctVal>25</pctVal></invstOrSec></invstOrSecs>"
        "</edgarSubmission>",
        {"vendor_symbol": "S000012000", "name": "Bond", "weight": 0.25, "net_assets": 1000.0},
    ),
    "spdr": Shown(
        "holdings-daily-us-en-spy.xlsx",
        workbook(
            ["Ticker Symbol:", "SPY"],
            ["Holdings:", "As of 31-Dec-2024"],
            [],
            ["Name", "Ticker", "Identifier", "Weight"],
            ["APPLE INC", "AAPL", "037833100", 7.5],
        ),
        {"vendor_symbol": "SPY", "as_of": date(2024, 12, 31), "ticker": "AAPL", "weight": 0.075},
    ),
    "us_actions": Shown(
        "actions.csv",
        "symbol,action,ex_date,ratio,amount,currency,announced,reference\n"
        "AAPL,split,2014-06-09,7,,,2014-04-23,https://example.org\n",
        {
            "vendor_symbol": "AAPL",
            "ex_date": date(2014, 6, 9),
            "ratio": 7.0,
            "amount": None,
            # 18:00 in New York in summer.
            "known_at": datetime(2014, 4, 23, 22, tzinfo=UTC),
        },
    ),
}


def test_every_example_loads() -> None:
    sources, problems = discover(DROPS, DROPS / "nowhere")
    assert problems == []
    assert [s.spec.name for s in sources] == sorted(SHOWN)
    assert {p.name for p in DROPS.iterdir()} == set(SHOWN)
    # Copied under its own name into a home it takes part: that name is no built-in source's.
    assert not set(SHOWN) & set(BUILT_IN)
    assert not (DROPS / "nowhere").exists()


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_reads_the_row_it_shows(name: str, tmp_path: Path) -> None:
    shown = SHOWN[name]
    drop = Drop(tmp_path).yaml((DROPS / name / "source.yaml").read_text("utf-8"))
    drop.put(shown.file, shown.text)
    batch = drop.fetch()
    assert batch.rejected.is_empty()
    (row,) = batch.rows.select(shown.row.keys()).rows(named=True)
    assert row == shown.row


def test_an_example_with_a_wrong_key_does_not_load(tmp_path: Path) -> None:
    text = (DROPS / "kraken_bars" / "source.yaml").read_text("utf-8")
    drop = Drop(tmp_path).yaml(text.replace("layout:", "layuot:"))
    with pytest.raises(ConfigError, match=r"layuot.*Did you mean layout"):
        load(drop.folder / "source.yaml")


@pytest.mark.parametrize(
    ("name", "file", "rows"),
    [
        ("sp500_5yr", "us_stocks/sp500_5yr/all_stocks_5yr.csv.gz", 619_040),
        (
            "sp500_caps",
            "market_caps/sp500_financials/constituents_financials_2016.parquet",
            321_048,
        ),
        ("kraken_bars", "kraken/ADAUSD_1440.csv", 916),
        ("stooq_etfs", "funds/stooq_etfs/stooq_etfs_100.parquet", 252_551),
    ],
)
def test_an_example_reads_the_real_file(
    name: str, file: str, rows: int, shared_data: Path, tmp_path: Path
) -> None:
    """Rows as counted in the manifest of the data, or with `wc -l`."""
    drop = Drop(tmp_path).yaml((DROPS / name / "source.yaml").read_text("utf-8"))
    shutil.copyfile(shared_data / file, drop.folder / Path(file).name)
    batch = drop.fetch()
    assert batch.rows.height + batch.rejected.height == rows
    assert batch.rows.height > 0.9 * rows or drop.source().config.kind != Kind.OHLCV


def test_the_index_examples_load_beside_the_shipped_ones() -> None:
    three, thirty = load_definitions(EXAMPLES / "indices")
    assert three.universe.symbols == ("AAPL", "IBM", "MSFT")
    assert three.base_level == 100.0
    assert (thirty.name, thirty.weighting) == ("us_30_price", "price")
    assert not {three.name, thirty.name} & {d.name for d in load_definitions(SHIPPED)}
