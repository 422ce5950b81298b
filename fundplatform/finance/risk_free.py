"""The risk-free rate of each session: of series of rates as they were known, else a constant.

In: published rates with the day of their publication. Out: a decimal annual rate per session.
Which series they are, is declared in metrics.yaml; nothing is fetched here.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fundplatform.finance.panel import Days, Floats

STALE_AFTER_DAYS = 30
"""A rate that was published longer ago is none: the constant counts again."""

BASES = ("yield", "discount")


@dataclass(frozen=True)
class RiskFree:
    """Annual rates, decimal.

    Attributes:
        constant: Where no rate is known.
        rates: Of each declared series, the first that counts first: known_on (first day of
            publication), rate; ascending.
        series: Instruments that the rates are of.
    """

    constant: float = 0.0
    rates: tuple[pl.DataFrame, ...] = ()
    series: tuple[int, ...] = ()

    @property
    def varies(self) -> bool:
        """Whether there are rates beside the constant."""
        return any(not rates.is_empty() for rates in self.rates)

    def annual(self, days: Days) -> Floats | None:
        """[days] The rate known the day before each; None where there is only the constant.

        Each day's is of the first series that has a fresh one, so that it does not depend on what
        other days are asked for.
        """
        if not self.varies:
            return None
        wanted = pl.DataFrame({"day": pl.Series(days).cast(pl.Date)})
        found = [_fresh(wanted, rates) for rates in self.rates]
        return np.asarray(wanted.select(pl.coalesce(*found, pl.lit(self.constant))).to_series())


def _fresh(wanted: pl.DataFrame, rates: pl.DataFrame) -> pl.Series:
    """The newest rate known before each day; NULL where it is too old."""
    found = wanted.join_asof(
        rates.select("known_on", "rate"),
        left_on="day",
        right_on="known_on",
        strategy="backward",
        allow_exact_matches=False,
    )
    fresh = (pl.col("day") - pl.col("known_on")).dt.total_days() <= STALE_AFTER_DAYS
    return found.select(pl.when(fresh).then("rate")).to_series()


def per_period(annual: Floats, periods_per_year: int) -> Floats:
    """(1 + annual)^(1/k) - 1."""
    return np.asarray((1 + annual) ** (1 / periods_per_year) - 1)


def published(observations: pl.DataFrame, basis: str) -> pl.DataFrame:
    """Rates as they became known, from rows of raw.observations of one series.

    A later revision of an older day does not take the place of a newer day's rate.

    Args:
        observations: session, vintage (first day of publication), value in percent a year.
        basis: yield: the value as it is; discount: a 91-day bill's bank discount, turned into the
            bond equivalent 365 d / (360 - 91 d).

    Returns:
        known_on, rate (decimal, annual), ascending.
    """
    rate = pl.col("value") / 100
    if basis == "discount":
        rate = 365 * rate / (360 - 91 * rate)
    ordered = observations.drop_nulls("value").sort("vintage", "session")
    newest = pl.col("session") >= pl.col("session").cum_max()
    return (
        ordered.filter(newest)
        .select(known_on="vintage", rate=rate)
        .unique("known_on", keep="last", maintain_order=True)
        .sort("known_on")
    )
