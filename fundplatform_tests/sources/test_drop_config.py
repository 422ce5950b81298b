"""source.yaml: every key's good and bad value, and what the error says to write."""

from datetime import date, time
from pathlib import Path

import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.payments import MINOR_UNITS
from fundplatform.sources.base import Kind
from fundplatform.sources.drop import discover
from fundplatform.sources.drop.config import DropConfig, KnownAt
from fundplatform.sources.drop.source_yaml import load
from fundplatform_tests.sources.drops import Drop

CAPS = "kind: market_caps\nstart: 2016-01-01\nknown_at: {column: at}\n"


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    return Drop(tmp_path)


def config(drop: Drop, text: str) -> DropConfig:
    return load(drop.yaml(text).folder / "source.yaml")


def test_one_line_is_enough(drop: Drop) -> None:
    made = config(drop, "start: 2013-02-08\n")
    assert (made.kind, made.layout, made.interval, made.name) == (Kind.OHLCV, "long", "1d", "mine")
    assert (made.asset_class, made.market, made.calendar) == ("equity", "US", "XNYS")
    assert (made.currency, made.adjustment, made.priority) == ("USD", "none", 100)
    coverage = made.spec.kinds[Kind.OHLCV]
    assert (coverage.start, coverage.end, coverage.partitioned) == (date(2013, 2, 8), None, True)


@pytest.mark.parametrize("code", sorted(MINOR_UNITS))
def test_prices_may_be_in_hundredths(drop: Drop, code: str) -> None:
    assert config(drop, f"start: 2013-02-08\ncurrency: {code}\n").currency == code


def test_every_key(drop: Drop) -> None:
    made = config(
        drop,
        """
kind: ohlcv
layout: long
title: My bars
description: From the old system
owner: me@example.org
url: https://example.org
files: ["*.csv", "old/*.csv.gz"]
calendar: XLON
currency: GBP
adjustment: split
asset_class: fund
market: uk
interval: 1h
start: 2015-01-02
end: 2016-01-02
priority: 7
columns: {symbol: Name, bar_open_at: when}
symbols: {ON: ON.L, "NO": NOK}
date_format: "%d.%m.%Y %H:%M"
time_zone: Europe/London
delimiter: ;
header: true
units: {close: 0.01, volume: 1e3}
decimal: ","
null_values: [N/A, "-"]
tracked: [ON, TRUE]
""",
    )
    spec = made.spec
    assert (spec.title, spec.owner, spec.url) == (
        "My bars",
        "me@example.org",
        "https://example.org",
    )
    assert (spec.quote, spec.market, spec.priority, spec.adjustment) == ("GBP", "UK", 7, "split")
    assert spec.kinds[Kind.OHLCV].end == date(2016, 1, 2)
    assert made.files == ("*.csv", "old/*.csv.gz")
    assert made.columns == {"symbol": "Name", "bar_open_at": "when"}
    # YAML would read ON and NO as booleans.
    assert made.symbols == {"ON": "ON.L", "NO": "NOK"}
    assert made.tracked == made.spec.tracked == ("ON", "TRUE")
    assert made.units == {"close": 0.01, "volume": 1000.0}
    assert (made.delimiter, made.decimal, made.null_values) == (";", ",", ("N/A", "-"))


@pytest.mark.parametrize(
    ("text", "kind", "asset_class", "calendar"),
    [
        ("layout: kraken_ohlcvt", Kind.OHLCV, "crypto", "24/7"),
        ("layout: kraken_trades", Kind.TRADES, "crypto", "24/7"),
        ("kind: fx", Kind.FX, "fx", "24/5"),
        ("kind: rates", Kind.RATES, "rate", "daily"),
        ("kind: economic", Kind.ECONOMIC, "economic", "daily"),
        ("asset_class: commodity", Kind.OHLCV, "commodity", "daily"),
    ],
)
def test_defaults_follow(
    drop: Drop, text: str, kind: Kind, asset_class: str, calendar: str
) -> None:
    made = config(drop, f"{text}\nstart: 2020-01-01\n")
    assert (made.kind, made.asset_class, made.calendar) == (kind, asset_class, calendar)


@pytest.mark.parametrize("kind", ["corporate_actions", "shares"])
def test_small_wholes_are_not_partitioned(drop: Drop, kind: str) -> None:
    made = config(drop, f"kind: {kind}\nstart: 2020-01-01\nknown_at: {{column: filed}}\n")
    assert not made.spec.kinds[Kind(kind)].partitioned


def test_known_at(drop: Drop) -> None:
    text = "kind: market_caps\nstart: 2016-01-01\n"
    text += "known_at: {column: as_of, time: '20:15', zone: America/New_York}\n"
    assert config(drop, text).known_at == KnownAt("as_of", time(20, 15), "America/New_York")


def test_columns_without_header(drop: Drop) -> None:
    made = config(drop, "start: 2020-01-01\nheader: false\ncolumns: [session, _, close]\n")
    assert made.columns == {"session": "1", "close": "3"}


@pytest.mark.parametrize("name", ["map.csv", "map.yaml"])
def test_symbol_map_in_a_file(drop: Drop, name: str) -> None:
    rows = {"map.csv": "vendor_symbol,symbol\r\nON,ON.L\r\n", "map.yaml": "ON: ON.L\n"}
    drop.put(name, rows[name])
    assert config(drop, f"start: 2020-01-01\nsymbols: {name}\n").symbols == {"ON": "ON.L"}


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("title: x\n", "start", "like: start: 2015-01-02"),
        ("strat: 2015-01-02\n", "strat", "Did you mean start?"),
        ("start: 2015-01-02\nquote: USD\n", "quote", "Did you mean currency?"),
        ("start: 2015-01-02\nzzz: 1\n", "zzz", "Keys: kind, layout"),
        ("start: 02.01.2015\n", "start", "like 2015-01-02"),
        ("start: 2015-01-02\nend: 2014-01-01\n", "end", "Write: end: 2015-01-02 or later"),
        ("start: [2015-01-02]\n", "start", "one value"),
        ("start: 2015-01-02\nkind: ohlc\n", "kind", "Did you mean ohlcv?"),
        ("start: 2015-01-02\nlayout: wide\n", "layout", "Choose one of: long"),
        ("start: 2015-01-02\nlayout: kraken_trades\nkind: ohlcv\n", "kind", "kind: trades"),
        ("start: 2015-01-02\nkind: profiles\n", "kind", "Choose one of: ohlcv"),
        ("start: 2015-01-02\nlayout: kraken_trades\nheader: true\n", "header", "Remove"),
        ("start: 2015-01-02\nowner: me\n", "owner", "team:data"),
        ("start: 2015-01-02\nfiles: ../x.csv\n", "files", "leaves the drop folder"),
        ("start: 2015-01-02\nfiles: {a: b}\n", "files", "must be a list"),
        (
            "start: 2015-01-02\ncalendar: NYSE\n",
            "calendar",
            "Did you mean XNYS? Like: calendar: XNYS",
        ),
        ("start: 2015-01-02\ncurrency: dollar\n", "currency", "like USD"),
        ("start: 2015-01-02\ncurrency: USd\n", "currency", "pence are GBp or GBX"),
        ("start: 2015-01-02\nadjustment: splits\n", "adjustment", "Did you mean split"),
        ("start: 2015-01-02\nasset_class: stock\n", "asset_class", "Choose one of: equity"),
        ("start: 2015-01-02\ninterval: 2h\n", "interval", "Did you mean"),
        ("start: 2015-01-02\npriority: high\n", "priority", "Like: 100"),
        ("start: 2015-01-02\ncolumns: {closing: c}\n", "columns.closing", "Did you mean close?"),
        (
            "start: 2015-01-02\ncolumns: {Name: symbol}\n",
            "columns.Name",
            "The file's column stands right: columns: {symbol: Name}",
        ),
        ("start: 2015-01-02\ncolumns: [close]\n", "columns", "header: false"),
        ("start: 2015-01-02\nheader: false\n", "columns", "columns: [session"),
        ("start: 2015-01-02\nheader: maybe\n", "header", "true or false"),
        ("start: 2015-01-02\ncolumns: {quote: c}\n", "columns.quote", "currency: USD"),
        (
            "start: 2015-01-02\nlayout: per_symbol\ncolumns: {symbol: s}\n",
            "columns.symbol",
            "layout: long",
        ),
        ("start: 2015-01-02\nsymbols: nothing.csv\n", "symbols", "cannot be read"),
        ("start: 2015-01-02\ndate_format: dd/mm\n", "date_format", "%d.%m.%Y"),
        ("start: 2015-01-02\ntime_zone: EST5PDT\n", "time_zone", "America/New_York"),
        ("start: 2015-01-02\ndelimiter: ';;'\n", "delimiter", "one character"),
        ("start: 2015-01-02\nunits: {close: cents}\n", "units", "no number"),
        ("start: 2015-01-02\nunits: {close: -1}\n", "units", "no multiplier"),
        ("start: 2015-01-02\nunits: {clos: 1}\n", "units.clos", "Columns with a unit: open"),
        ("start: 2015-01-02\ndecimal: x\n", "decimal", "Choose one of"),
        ("start: 2015-01-02\nknown_at: {column: at}\n", "known_at", "Remove the line"),
        ("start: 2015-01-02\nkind: shares\n", "known_at", "is missing"),
        ("start: 2015-01-02\nkind: shares\nknown_at: {time: '20:15'}\n", "known_at", "column"),
        (CAPS.replace("at}", "at, time: late}"), "known_at", "no time of day"),
        (CAPS.replace("at}", "at, zone: Mars}"), "known_at", "no time zone"),
    ],
)
def test_what_is_wrong_is_named(drop: Drop, text: str, key: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(drop, text)
    assert caught.value.key == key
    assert caught.value.where.endswith("drop/mine/source.yaml")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no keys"),
        ("- a\n", "holds no keys"),
        ("start: [2015\n", "is no YAML"),
        ("start: 2015-01-02\nstart: 2016-01-02\n", "the key 'start' stands twice"),
    ],
)
def test_what_is_no_yaml_mapping(drop: Drop, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        config(drop, text)


def test_not_utf8(drop: Drop) -> None:
    drop.yaml("").put("source.yaml", b"title: \xe4\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(drop.folder / "source.yaml")


def test_discover_lists_what_is_wrong_and_loads_the_rest(drop: Drop) -> None:
    drop.yaml("start: 2015-01-02\n").put("data.csv", "not even read")
    for name, text in {"bad": "strat: 1\n", "Bad-Name": "start: 2015-01-02\n"}.items():
        (drop.home / "drop" / name).mkdir()
        (drop.home / "drop" / name / "source.yaml").write_text(text)
    for name in ("empty", ".hidden"):
        (drop.home / "drop" / name).mkdir()
    (drop.home / "drop" / "note.txt").write_text("a file is no folder")
    sources, problems = discover(drop.home / "drop", drop.payloads)
    assert [s.spec.name for s in sources] == ["mine"]
    assert [p.name for p in problems] == ["Bad-Name", "bad", "empty"]
    assert "us_stocks" in problems[0].message
    assert "Did you mean start?" in problems[1].message
    assert "there is no source.yaml" in problems[2].message
    assert not drop.payloads.exists()


def test_discover_without_a_drop_folder(tmp_path: Path) -> None:
    assert discover(tmp_path / "none", tmp_path) == ([], [])
