"""The true prices of one company: a geometric random walk, as traded.

A company and the number of sessions in, arrays out, one entry per session of its life. Faults of
the vendor and halts are not applied here: the walk is what truly happened.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fundplatform.sources.synthetic.plan import Company

Floats = NDArray[np.float64]
FINAL_FALL = -0.30
# Prices have four decimals (0.0001 USD); the truth is computed from the rounded ones.
DECIMALS = 4


@dataclass(frozen=True)
class Walk:
    """One company's life, one entry per session from `offsets[0]` on.

    Attributes:
        company: Whose.
        offsets: Session offsets, without gaps.
        open: As-traded prices, USD.
        high: See open.
        low: See open.
        close: See open.
        volume: Shares traded, whole numbers.
        ratio: New shares per old share on that session, else 1.
        dividend: Cash per old share on that session, USD, else 0.
    """

    company: Company
    offsets: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ratio: Floats
    dividend: Floats

    @property
    def traded(self) -> NDArray[np.bool_]:
        """False where trading was halted."""
        return ~np.isin(self.offsets, list(self.company.halts))

    @property
    def shares(self) -> Floats:
        """Shares outstanding on each session."""
        return np.cumprod(self.ratio, dtype=np.float64) * self.company.shares


def walk(company: Company, sessions: int) -> Walk | None:
    """The company's life in the first `sessions` sessions; None where it starts later.

    close_t = close_{t-1} (1 + r_t - d_t) / s_t, with r the total return, d the dividend as a
    fraction of the previous close, s new shares per old share; rounded to four decimals. A shorter
    life is exactly the beginning of a longer one.
    """
    end = sessions if company.died is None else min(sessions, company.died)
    life = end - company.born
    if life <= 0:
        return None
    ratio = _at(company.splits, company, life, 1.0)
    fraction = _at(company.dividends, company, life, 0.0)
    close = _closes(company, ratio, fraction)
    before = np.concatenate(([close[0]], close[:-1]))
    spread = company.volatility * company.stream(3).standard_normal((life, 3))
    opened = np.round(close * np.exp(0.5 * spread[:, 0]), DECIMALS)
    high = np.maximum(opened, close) * (1 + 0.4 * np.abs(spread[:, 1]))
    low = np.minimum(opened, close) * (1 - 0.4 * np.abs(spread[:, 2]))
    busy = np.exp(0.4 * company.stream(4).standard_normal(life))
    return Walk(
        company,
        np.arange(company.born, end, dtype=np.int64),
        opened,
        np.round(high, DECIMALS),
        np.round(low, DECIMALS),
        close,
        np.round(0.004 * company.shares * np.cumprod(ratio) * busy) + 1,
        ratio,
        np.round(fraction * before, DECIMALS),
    )


def _closes(company: Company, ratio: Floats, fraction: Floats) -> Floats:
    noise = company.stream(2).standard_normal(len(ratio))
    returns = np.expm1(company.drift + company.volatility * noise)
    growth = (1 + returns - fraction) / ratio
    growth[0] = 1.0
    close = np.round(company.price * np.cumprod(growth), DECIMALS)
    falls = company.death in ("delisted_after_fall", "worthless")
    died_here = company.died is not None and len(close) == company.died - company.born
    if falls and died_here:
        close[-1] = np.round(close[-2] * (1 + FINAL_FALL), DECIMALS)
    return close


def _at(events: dict[int, float], company: Company, life: int, otherwise: float) -> Floats:
    values = np.full(life, otherwise)
    for offset, value in events.items():
        # Nothing goes ex on the first session: there is no close before it.
        if 0 < offset - company.born < life:
            values[offset - company.born] = value
    return values
