"""The whole graph on real third-party files: counts of the data's manifest, and the flagship index.

The expected index returns are computed here from the vendor's files with pandas alone, along
another path than the platform's: no shared code, no warehouse. Optional data, so these skip
without it; slow, since five years of 505 stocks go through everything.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
import yaml

from fundplatform import calendars, tables
from fundplatform.finance.index_definition import SHIPPED
from fundplatform.settings import Settings
from fundplatform.summary import status
from fundplatform_tests.pipeline import Pipeline, make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

PRICES = Path("us_stocks/sp500_5yr/all_stocks_5yr.csv.gz")
CAPS = Path("market_caps/sp500_financials/constituents_financials_2016.parquet")
SOURCE_YAML = {
    PRICES: """
title: S&P 500 members of February 2018, split-adjusted daily bars
columns: {symbol: Name, session: date}
adjustment: split
start: 2013-02-08
end: 2018-02-07
""",
    CAPS: """
title: Market caps of the S&P 500 constituents, 12 dates in 2016
kind: market_caps
columns: {symbol: Symbol, market_cap: Market Cap, name: Name}
units: {market_cap: 1e9}
known_at: {column: commit_utc}
start: 2016-02-23
end: 2016-07-10
""",
}
OPEN_MISSING = {
    ("BHF", "2017-07-26"), ("DHR", "2015-07-17"), ("DHR", "2016-01-12"), ("ES", "2015-07-17"),
    ("FTV", "2016-07-01"), ("O", "2015-07-17"), ("O", "2016-01-12"), ("REGN", "2015-06-09"),
    ("UA", "2016-04-07"), ("VRTX", "2015-05-12"), ("WRK", "2015-06-26"),
}  # fmt: skip
IMPOSSIBLE = {
    ("AOS", "2014-05-19"), ("BBY", "2016-03-14"), ("CHD", "2014-05-19"), ("CHK", "2014-06-30"),
    ("DHR", "2014-11-06"), ("IP", "2014-07-01"), ("LNT", "2016-05-19"), ("O", "2014-08-27"),
    ("O", "2014-11-06"), ("SPG", "2014-05-28"), ("UA", "2016-06-10"), ("WRK", "2016-05-13"),
}  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(
    tmp_path_factory: pytest.TempPathFactory, calendar_cache: Path, shared_data: Path
) -> Iterator[Pipeline]:
    home = tmp_path_factory.mktemp("home")
    (home / "calendars").symlink_to(calendar_cache)
    for file, text in SOURCE_YAML.items():
        folder = home / "drop" / file.parent.name
        folder.mkdir(parents=True)
        (folder / "source.yaml").write_text(text)
        shutil.copyfile(shared_data / file, folder / file.name)
    made = make(Settings(home=home, sources=(), lock_timeout=20))
    made.backfill(date(2013, 2, 8), date(2018, 2, 7))
    yield made
    calendars.use_cache(calendar_cache)


def named(pipeline: Pipeline, table: tables.Table) -> pl.DataFrame:
    names = pipeline.store.read(tables.INSTRUMENTS).select("instrument_id", "symbol", "asset_class")
    return pipeline.store.read(table).join(names, on="instrument_id")


def test_every_run_succeeded(pipeline: Pipeline) -> None:
    assert [(str(o.chunk), o.errors) for o in pipeline.outcomes if o.errors] == []


def test_row_identity_to_the_row_and_nothing_held(pipeline: Pipeline) -> None:
    payloads = pipeline.store.read(tables.PAYLOADS)
    assert dict(payloads.select("kind", "rows").iter_rows()) == {
        "ohlcv": 619_040,
        "market_caps": 321_048,
    }
    gates = pipeline.store.read(tables.GATES)
    assert gates.height == 1_259
    assert not gates["held"].any()
    sums = gates.select(pl.col("rows_raw", "rows_validated", "rows_rejected").sum()).row(0)
    assert sums == (619_040, 619_017, 23)
    assert pipeline.store.read(tables.REJECTED_AT_LOAD).height == 0


def test_the_rejected_are_precisely_the_manifests_defects(pipeline: Pipeline) -> None:
    found = named(pipeline, tables.REJECTED)
    by_rule = {
        rule: {(s, d.isoformat()) for s, d in rows.select("symbol", "session").iter_rows()}
        for (rule,), rows in found.partition_by("rules", as_dict=True).items()
    }
    assert by_rule["V02"] == OPEN_MISSING
    assert by_rule["V05"] | by_rule["V04,V05"] == IMPOSSIBLE
    assert by_rule["V04,V05"] == {("AOS", "2014-05-19")}


def test_missing_bars_of_tracked_listings(pipeline: Pipeline) -> None:
    row = status(pipeline.store).row(0, named=True)
    assert (row["rows"], row["missing"], row["rejected"]) == (619_040, 51, 23)
    assert row["last_session"] == date(2018, 2, 7)


def test_the_flagship_waits_for_the_first_caps(pipeline: Pipeline) -> None:
    year = pipeline.store.read(tables.PERFORMANCE).filter(
        pl.col("index_name") == "us_top_100_equal", pl.col("session").dt.year() == 2016
    )
    states = dict(year.group_by("state").len().iter_rows())
    # 252 sessions in 2016: 19 in January, 15 in February up to the 22nd; caps on the 23rd.
    assert states == {"no_caps": 34, "base": 1, "ok": 217}
    assert year.filter(pl.col("state") == "base")["session"].to_list() == [date(2016, 2, 23)]
    assert set(year.filter(pl.col("state") != "no_caps")["n_constituents"]) == {100}


def test_large_names_without_prices_are_listed(pipeline: Pipeline) -> None:
    found = named(pipeline, tables.UNPRICED)
    on = found.filter(pl.col("session") == date(2016, 6, 30))
    assert set(on["symbol"]) == {"RAI", "DD", "DOW", "TWC", "EMC"}


@pytest.mark.parametrize("session", ["2016-02-24", "2016-03-01", "2016-07-01", "2016-12-30"])
def test_index_return_equals_an_independent_computation(
    pipeline: Pipeline, shared_data: Path, session: str
) -> None:
    expected_members, expected_return = by_hand(shared_data, pd.Timestamp(session))
    performance = pipeline.store.read(tables.PERFORMANCE).filter(
        pl.col("index_name") == "us_top_100_equal",
        pl.col("session") == date.fromisoformat(session),
    )
    assert performance["session_return"].item() == pytest.approx(expected_return, abs=1e-12)
    contributed = named(pipeline, tables.CONTRIBUTIONS).filter(
        pl.col("index_name") == "us_top_100_equal",
        pl.col("session") == date.fromisoformat(session),
    )
    assert set(contributed["symbol"]) == expected_members


def by_hand(data: Path, session: pd.Timestamp) -> tuple[set[str], float]:
    """Members chosen at the close before `session`, and their mean return into it."""
    bars = pd.read_csv(
        data / PRICES, keep_default_na=False, na_values=[""], parse_dates=["date"]
    ).dropna(subset=["open", "high", "low", "close"])
    top, bottom = bars[["open", "low", "close"]].max(axis=1), bars[["open", "high", "close"]]
    bars = bars[(bars.high >= top - 1e-9) & (bars.low <= bottom.min(axis=1) + 1e-9)]
    close = bars.pivot(index="date", columns="Name", values="close")
    traded = close * bars.pivot(index="date", columns="Name", values="volume")
    before = close.index[close.index.get_loc(session) - 1]
    caps = pd.read_parquet(data / CAPS)
    caps["cap"] = pd.to_numeric(caps["Market Cap"], errors="coerce") * 1e9
    caps["symbol"] = caps["Symbol"].str.replace("-", ".")
    cutoff = (before.tz_localize("America/New_York") + pd.Timedelta(hours=20)).tz_convert("UTC")
    caps = caps[(caps.cap > 0) & (caps.symbol != "BRK.B")].sort_values(["symbol", "commit_utc"])
    # A file that repeats the one before tells nothing new; Berkshire's cap is in another unit.
    same = caps.cap == caps.groupby("symbol").cap.shift()
    caps = caps[same.groupby(caps.commit_utc).transform("mean") < 0.95]
    known = caps[caps.commit_utc <= cutoff].sort_values("commit_utc")
    closes_at = close.index.tz_localize("America/New_York") + pd.Timedelta(hours=16)
    moved: dict[str, float] = {}
    for symbol, row in known.groupby("symbol").tail(1).set_index("symbol").iterrows():
        if symbol not in close or pd.isna(close.at[before, symbol]):
            continue
        at = closes_at.searchsorted(row.commit_utc, side="right") - 1
        near = close[symbol].iloc[max(at - 5, 0) : at + 1].dropna()
        moved[str(symbol)] = row.cap * close.at[before, symbol] / near.iloc[-1]
    issuers = yaml.safe_load((SHIPPED / "us_top_100_equal.yaml").read_text())["issuers"]
    issuer = {symbol: name for name, lines in issuers.items() for symbol in lines}
    liquidity = traded.loc[:before].tail(20).median()
    lines = pd.DataFrame({"cap": moved})
    lines["issuer"] = [issuer.get(s, s) for s in lines.index]
    lines["liquidity"] = [liquidity[s] for s in lines.index]
    lines = lines.sort_values("liquidity", ascending=False).groupby("issuer").head(1)
    members = list(lines.sort_values("cap", ascending=False).head(100).index)
    moves = close.loc[session, members] / close.loc[before, members] - 1
    return set(members), float(moves.fillna(0).mean())


def test_metrics_of_all_505(pipeline: Pipeline) -> None:
    last = named(pipeline, tables.METRICS).filter(
        pl.col("session") == date(2018, 2, 7), pl.col("asset_class") == "equity"
    )
    assert last["instrument_id"].n_unique() == 505
    assert last.height == 505 * 9
    aapl = last.filter(pl.col("symbol") == "AAPL", pl.col("frame") == "1Y").row(0, named=True)
    # Closes 131.53 on 2017-02-07 and 159.54 on 2018-02-07, from the file.
    assert aapl["total_return"] == pytest.approx(159.54 / 131.53 - 1, abs=1e-12)
    assert aapl["base_session"] == date(2017, 2, 7)
