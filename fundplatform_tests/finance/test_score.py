"""The overall score: methodology B6's example and hand work."""

import polars as pl
import pytest

from fundplatform.errors import ConfigError
from fundplatform.finance.score import DEFAULT, Weights, headline, scores


def _alone(name: str, values: list[float | None], group: str | None = "g") -> pl.DataFrame:
    frame = pl.DataFrame({name: values}, schema={name: pl.Float64}).with_columns(
        peers=pl.lit(group, pl.String)
    )
    return scores(frame, Weights("t", {name: 1.0}))


def test_published_example() -> None:
    # Methodology B6: returns 12, 10, 10, 7, 3.
    got = _alone("total_return", [0.12, 0.10, 0.10, 0.07, 0.03])
    assert got["total_return_percentile"].to_list() == [90, 60, 60, 30, 10]
    assert got["score"].to_list() == [90, 60, 60, 30, 10]
    assert got["peer_count"].to_list() == [5] * 5
    assert got["weights_version"].to_list() == ["t"] * 5


def test_direction() -> None:
    # The cheapest and the calmest are best; a drawdown nearer to zero is better.
    assert _alone("expense_ratio", [0.01, 0.02, 0.03, 0.04, 0.05])["score"].to_list() == [
        90, 70, 50, 30, 10,
    ]  # fmt: skip
    assert _alone("max_drawdown", [-0.5, -0.4, -0.3, -0.2, -0.1])["score"].to_list() == [
        10, 30, 50, 70, 90,
    ]  # fmt: skip


def test_four_peers_are_too_few() -> None:
    got = _alone("sharpe", [1.0, 2.0, 3.0, 4.0])
    assert got["score"].to_list() == [None] * 4
    assert got["reason"].to_list() == ["too_few_peers"] * 4


def test_no_peer_group() -> None:
    got = _alone("sharpe", [1.0, 2.0, 3.0, 4.0, 5.0], group=None)
    assert got["reason"].to_list() == ["no_peer_group"] * 5
    assert got["score"].to_list() == [None] * 5
    # Those without a group are no group: none of them is better than another.
    assert got["sharpe_percentile"].to_list() == [None] * 5
    assert got["peer_count"].to_list() == [0] * 5


def test_missing_inputs_are_reweighted_down_to_sixty_percent() -> None:
    rows = pl.DataFrame(
        {
            "annualized_return": [0.5, 0.4, 0.3, 0.2, 0.1],
            "sharpe": [5.0, 4.0, 3.0, 2.0, 1.0],
            "max_drawdown": [-0.1, -0.2, -0.3, -0.4, -0.5],
            "volatility": [0.1, 0.2, 0.3, 0.4, float("nan")],
            # Weight .8 without it; the second fund lacks the drawdown too: .8 - .2 = .6 is enough.
            "expense_ratio": [None, None, 0.01, 0.02, 0.03],
            "peers": ["g"] * 5,
        }
    ).with_columns(
        max_drawdown=pl.when(pl.int_range(pl.len()) == 1).then(None).otherwise("max_drawdown"),
    )
    got = scores(rows, DEFAULT)
    # Fund 1: best of 5, 5, 4 and 4 values: 90, 90, 87.5, 87.5 with .25 .25 .20 .10 of .80.
    assert got["score"][0] == 89  # (22.5 + 22.5 + 17.5 + 8.75) / .8 = 89.06
    # Fund 2: 70, 70, -, 62.5: (17.5 + 17.5 + 6.25) / .6 = 68.75.
    assert got["score"][1] == 69
    # Fund 5: last of all, no volatility (.9): 10, 10, 12.5, -, 16.67.
    assert got["score"][4] == 12  # (2.5 + 2.5 + 2.5 + 3.333) / .9 = 12.04
    lacking = scores(rows.with_columns(sharpe=pl.lit(None, pl.Float64)), DEFAULT)
    assert lacking["reason"].to_list() == ["missing_inputs", "missing_inputs", None, None, None]


def test_halves_round_up() -> None:
    # Ranks 1..8 of 8: 6.25, 18.75, 31.25, ...; average of two halves is not used, 62.5 is.
    got = _alone("sharpe", [1.0, 2.0, 3.0, 3.0, 5.0, 6.0, 7.0, 8.0])
    # The ties rank 3.5: 100 * 3 / 8 = 37.5 -> 38.
    assert got["score"].to_list() == [6, 19, 38, 38, 56, 69, 81, 94]


def test_headline() -> None:
    assert headline({"1Y": 50, "3Y": 60, "5Y": 70}) == 63  # 10 + 18 + 35
    assert headline({"1Y": 50, "3Y": 60, "5Y": None}) == 56  # (10 + 18) / .5
    assert headline({"1M": 99}) is None


def test_order_of_rows_does_not_matter() -> None:
    frame = pl.DataFrame(
        {"sharpe": [3.0, 1.0, 2.0, 5.0, 4.0, 2.0], "peers": ["g"] * 6, "fund": list("abcdef")}
    )
    weights = Weights("t", {"sharpe": 1.0})
    one = scores(frame, weights).sort("fund")
    other = scores(frame.reverse(), weights).sort("fund")
    assert one.equals(other)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"sharp": 1.0}, "sharp: unknown input"),
        ({"sharpe": 0.5}, "sum to 0.5"),
        ({"sharpe": 1.5, "volatility": -0.5}, "sharpe: 1.5 is no share"),
    ],
)
def test_wrong_weights(shares: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Weights("t", shares)
