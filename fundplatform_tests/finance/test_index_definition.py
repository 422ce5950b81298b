"""Index definitions: the shipped ones, and every mistake named with file, key and remedy."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.index_definition import (
    SHIPPED,
    IndexDefinition,
    Universe,
    in_order,
    load_definition,
    load_definitions,
)

GOOD = """\
name: two
title: Two names
universe: {asset_classes: [equity]}
n: 2
rank_by: dollar_volume
"""


def write(folder: Path, text: str, name: str = "two.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_definitions() -> None:
    by_name = {d.name: d for d in load_definitions(SHIPPED)}
    sectors = {name for name in by_name if name.startswith("us_sector_")}
    assert len(sectors) == 10
    assert set(by_name) - sectors == {
        "sample_top_2",
        "us_top_100_equal",
        "us_top_100_cap",
        "us_top_100_capped",
        "crypto_top_20",
    }
    # Every sector of NASDAQ's screener but Miscellaneous, each once.
    named = [s for name in sectors for s in by_name[name].universe.sectors]
    assert len(named) == len(set(named)) == 11
    order = [d.name for d in in_order(by_name.values())]
    assert order.index("us_top_100_equal") < order.index("us_top_100_cap")
    top = by_name["us_top_100_equal"]
    assert (top.n, top.rank_by, top.share_class_policy) == (100, "market_cap", "most_liquid_line")
    assert top.issuers["GOOG"] == top.issuers["GOOGL"] != top.issuers["BRK.A"]
    assert top.issuers["UA.C"] == top.issuers["UAA"]
    sample = by_name["sample_top_2"]
    assert (sample.n, sample.window, sample.base_level, sample.base_date) == (2, 20, 1000.0, None)
    assert sample.universe == Universe(("equity",), ("US",), ("sample",))


def test_defaults_and_dates(tmp_path: Path) -> None:
    found = load_definition(write(tmp_path, GOOD + "base_date: 2020-01-02\n"))
    assert found == IndexDefinition(
        "two", "Two names", Universe(("equity",)), 2, "dollar_volume", base_date=date(2020, 1, 2)
    )


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (("n: 2", "n: two"), "n", "n: 100"),
        (("n: 2", "n: 0"), "n", "at least 1"),
        (("n: 2", "n: true"), "n", "whole number"),
        (("n: 2\n", ""), "n", "is missing. Write n: 100"),
        (("n: 2", "N: 2"), "N", "Use any of name, title"),
        (("rank_by: dollar_volume", "rank_by: volume"), "rank_by", "market_cap, dollar_volume"),
        (("name: two", "name: Top 2"), "name", "lower case"),
        (("title: Two names", "title: [x]"), "title", "is not text"),
        (("{asset_classes: [equity]}", "equity"), "universe", "asset_classes: [equity]"),
        (("asset_classes:", "classes:"), "universe.classes", "Use any of asset_classes"),
        (("[equity]", "equity"), "universe.asset_classes", "not a list"),
        (("[equity]", "[equity], symbols: [ON]"), "universe.symbols", "quotes"),
        (("n: 2", "n: 2\nbase_level: 0"), "base_level", "positive"),
        (("n: 2", "n: 2\nbase_level: .nan"), "base_level", "positive"),
        (("n: 2", "n: 2\nbase_date: 2020"), "base_date", "2020-01-02"),
        (("n: 2", "n: 2\nbase_date: 2020-01-02 10:00:00"), "base_date", "2020-01-02"),
        (("n: 2", "n: 2\nissuers: {A: [X, Y], B: [Y]}"), "issuers", "Y stands under A and B"),
        (("n: 2", "n: 2\nissuers: [X]"), "issuers", "Alphabet"),
        (("n: 2", "n: 2\nflag_cap_age_days: 500"), "flag_cap_age_days", "at most 400"),
        (("n: 2", "n: 2\nweighting: sqrt"), "weighting", "equal"),
        (("n: 2", "n: 2\nweighting: cap"), "rank_by", "needs caps"),
        (("n: 2", "n: 2\nweighting: fixed"), "weights", "AAPL: 0.6"),
        (("n: 2", "n: 2\nweights: {A: 1}"), "weights", "means nothing with weighting: equal"),
        (("n: 2", "n: 2\nweighting: fixed\nweights: {A: 0}"), "weights", "not above 0"),
        (("n: 2", "n: 2\nweighting: capped"), "max_weight", "0.05"),
        (("n: 2", "n: 2\nmax_weight: 5"), "max_weight", "0.05 is 5 %"),
        (("n: 2", "n: 2\nfloat_factors: {A: 0.5}"), "float_factors", "weighting: equal"),
        (("n: 2", "n: 2\nrebalance: weekly"), "rebalance", "quarterly"),
        (("n: 2", "n: 2\nrebalance: dates"), "rebalance_dates", "2024-03-15"),
        (("n: 2", "n: 2\nrebalance_dates: [2024]"), "rebalance_dates", "is not a date"),
        (("n: 2", "n: 2\nbuffer: 10"), "buffer", "buffer: 0.1"),
        (("n: 2", "n: 2\ncurrency: usd"), "currency", "three capital letters"),
        (("n: 2", "n: 2\nwithholding: 15"), "withholding", "0.15"),
        (("n: 2", "n: 2\ndelisting_return: 0.3"), "delisting_return", "-0.3"),
        (("rank_by: dollar_volume", "rank_by: weight"), "rank_by", "fixed only"),
        (("[equity]", "[equity], index: two"), "universe.index", "itself"),
        (("n: 2", "n: 2\nn: 3"), None, "doubled key"),
        ((GOOD, "- a\n"), None, "must hold keys"),
        ((GOOD, ""), None, "must hold keys"),
        ((GOOD, "name: [two\n"), None, "no YAML"),
    ],
)
def test_mistakes_name_file_key_and_remedy(
    tmp_path: Path, change: tuple[str, str], key: str | None, says: str
) -> None:
    assert change[0] in GOOD
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_definition(path)
    assert caught.value.key == key
    assert caught.value.where == str(path)
    assert says in str(caught.value)


def test_a_parent_must_be_there(tmp_path: Path) -> None:
    child = load_definition(write(tmp_path, GOOD.replace("[equity]", "[equity], index: one")))
    with pytest.raises(ConfigError, match=r"'one' is no index"):
        in_order([child])


def test_a_name_is_given_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, GOOD, "copy.yaml")
    with pytest.raises(ConfigError, match=r"'two' is taken by copy\.yaml"):
        load_definitions(tmp_path)


def test_universe_selects_instruments() -> None:
    instruments = pl.DataFrame(
        {
            "instrument_id": [1, 2, 3],
            "asset_class": ["equity", "crypto", "equity"],
            "market": ["US", "CRYPTO", "UK"],
            "symbol": ["COMP", "COMP", "SHEL"],
        }
    )
    chosen = Universe(("equity",), ("US",)).select(instruments)
    assert chosen["instrument_id"].to_list() == [1]
    assert Universe(symbols=("COMP",)).select(instruments)["instrument_id"].to_list() == [1, 2]
    assert Universe().select(instruments).equals(instruments)
