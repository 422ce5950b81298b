"""tiers.yaml: what is shipped, and that every wrong key or value is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fundplatform.errors import ConfigError
from fundplatform.finance.tier_rules import RULES_FILE, load_rules


def test_the_shipped_rules() -> None:
    rules = load_rules()
    overrides = {k: f.tier for k, f in rules.overrides.items()}
    assert overrides["equity", "AAPL"] == "T1"
    assert overrides["etf", "SPY"] == "T1"
    assert overrides["equity", "MSFT"] == "T2"
    assert {c for c, _ in rules.listed} == {"crypto"}
    by_tier = {t: sum(f.tier == t for f in rules.listed.values()) for t in ("T1", "T2", "T3", "T4")}
    # Methodology D: ten each, and POL beside MATIC.
    assert by_tier == {"T1": 10, "T2": 11, "T3": 10, "T4": 0}
    assert rules.thresholds["equity"].market_cap == (200e9, 10e9, 300e6)
    assert rules.thresholds["equity"].dollar_volume == (500e6, 50e6, 1e6)
    assert rules.thresholds["etf"].dollar_volume is None
    assert (rules.up, rules.down, rules.sessions, rules.minimum) == (1.1, 0.8, 60, 20)


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    data = yaml.safe_load(RULES_FILE.read_text("utf-8"))
    change(data)
    path = tmp_path / "tiers.yaml"
    path.write_text(yaml.safe_dump(data), "utf-8")
    return path


WRONG: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("limits: unknown key", lambda d: d.update(limits=1)),
    ("history: is missing", lambda d: d.pop("history")),
    ("hysteresis: down: is missing", lambda d: d["hysteresis"].pop("down")),
    ("up must be >= 1", lambda d: d["hysteresis"].update(up=0.9)),
    ("hysteresis.up: '1.1' is no number", lambda d: d["hysteresis"].update(up="1.1")),
    ("history.minimum: True is no number", lambda d: d["history"].update(minimum=True)),
    ("minimum must lie between", lambda d: d["history"].update(minimum=61)),
    ("overrides[0].tier: 'T9' is no tier", lambda d: d["overrides"][0].update(tier="T9")),
    ("overrides[1]: reason: is missing", lambda d: d["overrides"][1].pop("reason")),
    ("overrides[1].symbol: False is no text", lambda d: d["overrides"][1].update(symbol=False)),
    ("overrides[2].asset_classes: 'etf' is no list",
     lambda d: d["overrides"][2].update(asset_classes="etf")),
    ("AAPL stands here twice", lambda d: d["overrides"].append(d["overrides"][0])),
    ("listed: asset_class: is missing", lambda d: d["listed"].pop("asset_class")),
    ("listed.T3: BTC is listed twice", lambda d: d["listed"]["T3"].append("BTC")),
    ("thresholds: is no mapping", lambda d: d.update(thresholds=[1])),
    ("thresholds.etf: market_cap: is missing", lambda d: d["thresholds"]["etf"].clear()),
    ("are not three falling bounds",
     lambda d: d["thresholds"]["etf"].update(market_cap=[1, 2, 3])),
    ("are not three falling bounds", lambda d: d["thresholds"]["etf"].update(market_cap=[3, 2])),
    ("thresholds.etf.market_cap: '1e9' is no number",
     lambda d: d["thresholds"]["etf"].update(market_cap=["1e9", 2, 1])),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "change"), WRONG)
def test_wrong_rules_are_named(
    tmp_path: Path, problem: str, change: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(ConfigError) as error:
        load_rules(changed(tmp_path, change))
    assert problem in str(error.value)
    assert str(error.value).startswith("tiers.yaml: ")


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        load_rules(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", "utf-8")
    with pytest.raises(ConfigError, match=r"broken\.yaml: cannot be read"):
        load_rules(broken)
    broken.write_text("", "utf-8")
    with pytest.raises(ConfigError, match="is no mapping"):
        load_rules(broken)


def test_an_unchanged_copy_loads(tmp_path: Path) -> None:
    assert load_rules(changed(tmp_path, lambda d: None)).thresholds == load_rules().thresholds
