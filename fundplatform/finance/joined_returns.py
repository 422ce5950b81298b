"""One total return series of two: prices that carry dividends, and payments on other prices.

In: both as return rows. Out: one row per instrument and session. How each is made is `returns.py`'s
and `total_return.py`'s.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Keys = NDArray[np.int64]

_NONE = -1


def joined(stated: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """The rows of both; of a session that both have, the stated one.

    What is paid on other prices counts from an instrument's first payment on: before it nothing
    says that payments are known. A return is from the row before, whichever series that is of. On a
    session on which the stated one begins, or comes back after a hole, it is the paid one's where
    that is from the row before; what else is from an older row is divided by what was earned since,
    as in `returns.session_returns`; from a row that does not count, the series begins anew. The
    return of a session depends on no later one, and on no later payment.

    Args:
        stated: instrument_id, session, ret, growth and any more, by instrument and session; `ret`
            is from the row before, NULL where the series begins.
        paid: The same of other prices, with what was paid on them, and `paid_since`, the
            instrument's first ex-date.

    Returns:
        The columns of `stated`, an instrument's rows by session; `growth` as in `session_returns`.
    """
    parts = [stated, paid.select(stated.columns)]
    both = set(stated["instrument_id"].unique()) & set(paid["instrument_id"].unique())
    if not both:
        return pl.concat(parts)
    in_both = pl.col("instrument_id").is_in(list(both))
    first, second = (part.filter(in_both) for part in parts)
    payers = paid.filter(in_both)
    counts = (payers["session"] >= payers["paid_since"]).to_numpy()
    row, ret = _together(first, second, counts)
    growth = (1.0 + pl.col("ret").fill_null(0.0)).cum_prod().over(pl.col("ret").is_null().cum_sum())
    series = pl.concat([first, second])[row].with_columns(pl.Series("ret", ret, nan_to_null=True))
    return pl.concat(
        [*(part.filter(~in_both) for part in parts), series.with_columns(growth=growth)]
    )


@dataclass(frozen=True)
class _Side:
    """A series on the keys of both.

    Attributes:
        row: [N] place of its row.
        there: [N] True where it has one.
        ret: [N] its return; NaN where it has none.
        since: [N] key of the row that the return is from; `_NONE` without.
    """

    row: NDArray[np.intp]
    there: Bools
    ret: Floats
    since: Keys

    @classmethod
    def of(cls, rows: pl.DataFrame, own: Keys, keys: Keys, counts: Bools) -> "_Side":
        row = np.minimum(np.searchsorted(own, keys), len(own) - 1)
        there = (own[row] == keys) & counts[row]
        ret = np.where(there, rows["ret"].to_numpy()[row], np.nan)
        return cls(row, there, ret, np.where(there, _before(own)[row], _NONE))


def _together(
    stated: pl.DataFrame, paid: pl.DataFrame, counts: Bools
) -> tuple[NDArray[np.intp], Floats]:
    """Of each session which row of both is taken, the paid ones after the stated, and its return.

    Args:
        stated: Rows by instrument and session.
        paid: Rows of the same instruments.
        counts: Which of `paid` may be taken.
    """
    # One integer per instrument and session: two sorted runs of them merge faster than a join.
    day = pl.col("instrument_id").cast(pl.Int64) * 2**32 + pl.col("session").to_physical()
    own = [part.select(day).to_series().to_numpy() for part in (stated, paid)]
    keys = np.sort(np.concatenate([own[0], own[1][counts]]), kind="stable")
    keys = keys[np.append(True, keys[1:] != keys[:-1])]
    first = _Side.of(stated, own[0], keys, np.ones(len(stated), np.bool_))
    second = _Side.of(paid, own[1], keys, counts)
    before = _before(keys)
    has, other = np.isfinite(first.ret), np.isfinite(second.ret)
    whole, other_whole = has & (first.since == before), other & (second.since == before)
    pick = whole | (~other_whole & (has | (first.there & ~other)))
    gross = 1.0 + np.where(pick, first.ret, second.ret)
    since = np.where(pick, first.since, second.since)
    # In row order, because a later hole may span an earlier one.
    for row in np.flatnonzero(np.isfinite(gross) & (since != before)).tolist():
        start = int(np.searchsorted(keys, since[row]))
        among = keys[start] == since[row]
        earned = float(np.prod(gross[start + 1 : row])) if among else np.nan
        gross[row] = gross[row] / earned if np.isfinite(earned) and earned != 0.0 else np.nan
    return np.where(pick, first.row, len(stated) + second.row), gross - 1.0


def _before(keys: Keys) -> Keys:
    """The key before each of the same instrument; `_NONE` where there is none."""
    found = np.concatenate([[_NONE], keys[:-1]])
    return np.where(found >> 32 == keys >> 32, found, _NONE)
