"""The user's own tiers.yaml: lists and overrides before the shipped ones, errors by name."""

from pathlib import Path

import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.tier_rules import load_rules

SHIPPED = load_rules()


def own(folder: Path, text: str) -> Path:
    path = folder / "tiers.yaml"
    path.write_text(text, "utf-8")
    return path


def test_no_file_changes_nothing(tmp_path: Path) -> None:
    assert load_rules(own=tmp_path / "tiers.yaml") == SHIPPED


def test_overrides_come_before_the_shipped_ones(tmp_path: Path) -> None:
    """MSFT ships as T2 (the user's own example); AAPL stays."""
    rules = load_rules(
        own=own(
            tmp_path,
            'overrides:\n  - {symbol: MSFT, asset_classes: [equity], tier: T1, reason: "ours"}\n'
            '  - {symbol: "NO", asset_classes: [equity], tier: T4, reason: "thin"}\n'
            "listed: {asset_class: crypto, T1: [POL], T3: [DOGE]}\n",
        )
    )
    assert (rules.overrides["equity", "MSFT"].tier, rules.overrides["equity", "MSFT"].reason) == (
        "T1", "ours",
    )  # fmt: skip
    assert rules.overrides["equity", "NO"].tier == "T4"
    assert rules.overrides["equity", "AAPL"].tier == "T1"
    assert rules.listed["crypto", "POL"].tier == "T1"
    assert rules.listed["crypto", "DOGE"].tier == "T3"
    assert rules.listed["crypto", "BTC"] == SHIPPED.listed["crypto", "BTC"]
    assert rules.thresholds == SHIPPED.thresholds


def test_other_keys_replace_theirs(tmp_path: Path) -> None:
    rules = load_rules(own=own(tmp_path, "hysteresis: {up: 1.2, down: 0.7}\n"))
    assert (rules.up, rules.down) == (1.2, 0.7)
    assert rules.overrides == SHIPPED.overrides
    assert rules.sessions == SHIPPED.sessions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("overides: []\n", "overides: unknown key"),
        ("overrides: [{symbol: A}]\n", "overrides"),
        ("listed: {asset_class: crypto, T9: [A]}\n", "T9"),
        ("- 1\n", "is no mapping"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_a_mistake_names_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_rules(own=own(tmp_path, text))
    assert "tiers.yaml" in str(caught.value)
