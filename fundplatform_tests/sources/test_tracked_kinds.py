"""tracked.yaml: the kinds of data that a line asks for."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from fundplatform.errors import ConfigError
from fundplatform.sources import tracked
from fundplatform.sources.base import Kind
from fundplatform.sources.kraken.profile import SPEC, vendor_symbol
from fundplatform.sources.web.profile import Tracked


def meant(path: Path, text: str) -> tuple[Tracked, ...]:
    path.write_text(text)
    return tracked.meanings(tracked.read(path)["kraken"], SPEC, vendor_symbol, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tracked.yaml"


def test_kinds_of_a_line(path: Path) -> None:
    both, bars = meant(path, "kraken:\n- BTC/USD: {kinds: [ohlcv, trades]}\n- ETH/EUR\n")
    assert (both.vendor_symbol, both.kinds) == ("XBTUSD", {"ohlcv", "trades"})
    assert both.wants(Kind.TRADES, unasked=False)
    assert not both.wants(Kind.SHARES)
    assert bars.kinds is None
    assert bars.wants(Kind.OHLCV)
    assert not bars.wants(Kind.TRADES, unasked=False)


def test_one_kind_needs_no_list(path: Path) -> None:
    (only,) = meant(path, "kraken:\n- BTC/USD: {kinds: trades}\n")
    assert only.kinds == {"trades"}


def test_they_are_written_again(path: Path) -> None:
    entry = tracked.Entry("BTC/USD", since=date(2024, 1, 1), kinds=(Kind.OHLCV, Kind.TRADES))
    tracked.write(path, {"kraken": [entry, replace(entry, symbol="ETH/USD", kinds=None)]})
    assert tracked.read(path)["kraken"] == (entry, replace(entry, symbol="ETH/USD", kinds=None))


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ("[ticks]", r"kraken: BTC/USD: kinds: \['ticks'\] is no kind of data"),
        ("[]", "kinds: .* is no kind of data"),
        ("[shares]", "kraken has no shares. It has ohlcv, trades"),
    ],
)
def test_wrong_kinds_are_named(path: Path, kinds: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        meant(path, f"kraken:\n- BTC/USD: {{kinds: {kinds}}}\n")
