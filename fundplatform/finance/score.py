"""The overall score 0-100 of a fund within its peer group (methodology B6).

In: one row per fund with its peer group and inputs. Out: score, component percentiles, peer count
and the reason where there is none. Which funds are peers and where inputs come from is the
caller's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from fundplatform.errors import ConfigError

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "annualized_return": True,
    "total_return": True,
    "sharpe": True,
    "sortino": True,
    "calmar": True,
    "max_drawdown": True,  # it is <= 0: nearer to zero is better
    "volatility": False,
    "expense_ratio": False,
    "tracking_error": False,
}
"""The inputs that a weights file may name, and their direction."""
MIN_PEERS = 5
MIN_WEIGHT = 0.60
"""Inputs of at least this weight must be there; the others' weight is spread on them."""
HEADLINE: Mapping[str, float] = {"1Y": 0.2, "3Y": 0.3, "5Y": 0.5}
"""Weights of the frames in a fund's headline score, over those available."""


@dataclass(frozen=True)
class Weights:
    """Declared weights: input -> share, sum 1.

    Attributes:
        version: Kept with every score.
        shares: `annualized_return` stands for `total_return` in frames below a year.
    """

    version: str
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse unknown inputs and shares that do not sum to 1.

        Raises:
            ConfigError: Names the key.
        """
        for name, share in self.shares.items():
            if name not in HIGHER_IS_BETTER:
                known = ", ".join(HIGHER_IS_BETTER)
                raise ConfigError("score weights", name, "unknown input", f"Known: {known}")
            if not 0 <= share <= 1:
                raise ConfigError("score weights", name, f"{share} is no share", "Write 0..1")
        total = sum(self.shares.values())
        if abs(total - 1) > 1e-9:
            raise ConfigError("score weights", None, f"they sum to {total:g}", "Make it 1")


DEFAULT = Weights(
    "1",
    {
        "annualized_return": 0.25,
        "sharpe": 0.25,
        "max_drawdown": 0.20,
        "volatility": 0.10,
        "expense_ratio": 0.20,
    },
)


def percentile(name: str, group: str) -> pl.Expr:
    """Mid-rank percentile 100 * (average rank - 0.5) / n within the group, 100 = best.

    n counts the funds of the group that have the value; NULL and NaN have none, nor has who is in
    no group.
    """
    value = pl.when(pl.col(name).is_finite(), pl.col(group).is_not_null()).then(pl.col(name))
    rank = value.rank("average", descending=not HIGHER_IS_BETTER[name])
    return (100 * (rank - 0.5) / value.count()).over(group)


def scores(
    funds: pl.DataFrame, weights: Weights = DEFAULT, *, group: str = "peers"
) -> pl.DataFrame:
    """Score every fund within its group.

    Args:
        funds: One row per fund: the column `group` (NULL: no peer group) and the inputs that the
            weights name, Float64, NULL where missing. Other columns are kept.
        weights: Shares of the inputs.
        group: Name of the peer group's column.

    Returns:
        The rows in their order, with `<input>_percentile`, `peer_count`, `score` (whole number,
        half up), `weights_version` and `reason` (no_peer_group, too_few_peers, missing_inputs;
        NULL with a score).
    """
    names = list(weights.shares)
    ranked = funds.with_columns(
        *(percentile(n, group).alias(f"{n}_percentile") for n in names),
        peer_count=pl.col(group).count().over(group).cast(pl.Int32),
    )
    there = {n: pl.col(f"{n}_percentile").is_not_null() for n in names}
    weight = pl.sum_horizontal(
        pl.when(there[n]).then(share).otherwise(0.0) for n, share in weights.shares.items()
    )
    points = pl.sum_horizontal(
        pl.col(f"{n}_percentile").fill_null(0.0) * share for n, share in weights.shares.items()
    )
    reason = (
        pl.when(pl.col(group).is_null())
        .then(pl.lit("no_peer_group"))
        .when(pl.col("peer_count") < MIN_PEERS)
        .then(pl.lit("too_few_peers"))
        .when(weight < MIN_WEIGHT - 1e-9)
        .then(pl.lit("missing_inputs"))
    )
    return ranked.with_columns(reason=reason, weights_version=pl.lit(weights.version)).with_columns(
        score=pl.when(pl.col("reason").is_null()).then(half_up(points / weight)).cast(pl.Int32)
    )


def half_up(value: pl.Expr) -> pl.Expr:
    """Round to a whole number, halves up; what only floating point puts below a half is one."""
    return (value + 0.5 + 1e-9).floor()


def headline(by_frame: Mapping[str, float | None]) -> int | None:
    """A fund's headline score from those of its frames; None where it has none of them."""
    found = {f: s for f in HEADLINE if (s := by_frame.get(f)) is not None}
    if not found:
        return None
    total = sum(HEADLINE[f] for f in found)
    mean = sum(HEADLINE[f] * s for f, s in found.items()) / total
    return int(mean + 0.5 + 1e-9)
