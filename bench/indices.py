"""An index over a made-up market: compositions and levels against numpy alone, one more session.

CPU seconds, so that a loaded machine does not decide. The bound is the same index on a dense panel
that is there already: caps from closes and shares, top N, mean return, cumulative product. Beside
it stands numpy from the long rows that ours begins with, which makes that panel first.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from bench.result import Line, at_most, repeated
from fundplatform.finance.index import build, levels, look_back, prepare
from fundplatform.finance.index_definition import IndexDefinition, Universe

_START = datetime(2010, 1, 1, 21, tzinfo=UTC)
_SNAPSHOT_EVERY = 60


@dataclass(frozen=True)
class Market:
    """A made-up market: the inputs of `build`, and the same as dense arrays [names, sessions].

    `shares` is [names, 1].
    """

    days: list[date]
    returns: pl.DataFrame
    caps: pl.DataFrame
    cutoffs: pl.DataFrame
    close: npt.NDArray[np.float64]
    ret: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]

    def index(self, definition: IndexDefinition) -> float:
        """CPU seconds of compositions and levels of all sessions."""
        begun = time.process_time()
        result = build(
            definition, self.returns, self.days, first=self.days[0], last=self.days[-1],
            caps=self.caps, cutoffs=self.cutoffs,
        )  # fmt: skip
        levels(result.performance, definition)
        return time.process_time() - begun

    def many(self, definition: IndexDefinition, count: int) -> float:
        """CPU seconds of `count` indices over one universe."""
        begun = time.process_time()
        shared = prepare(definition, self.returns, self.days, self.caps, self.cutoffs)
        for i in range(count):
            own = replace(definition, name=f"x{i}", n=definition.n + i)
            result = build(
                own, self.returns, self.days, first=self.days[0], last=self.days[-1],
                caps=self.caps, cutoffs=self.cutoffs, prepared=shared,
            )  # fmt: skip
            levels(result.performance, own)
        return time.process_time() - begun

    def last_session(self, definition: IndexDefinition) -> float:
        """CPU seconds of the last session, from what its look-back reads."""
        begin = self.days[max(0, len(self.days) - 1 - look_back(definition))]
        rows = self.returns.filter(pl.col("session") >= begin)
        own = [d for d in self.days if d >= begin]
        begun = time.process_time()
        build(
            definition, rows, own, first=own[-1], last=own[-1],
            caps=self.caps.filter(pl.col("session") >= begin), cutoffs=self.cutoffs,
        )  # fmt: skip
        return time.process_time() - begun

    def bound(self, n: int) -> float:
        """CPU seconds of numpy on the dense panel."""
        begun = time.process_time()
        self._numpy(self.close, self.ret, n)
        return time.process_time() - begun

    def from_rows(self, n: int) -> float:
        """CPU seconds of numpy on the long rows: each is placed in a dense panel first."""
        begun = time.process_time()
        ids = self.returns["instrument_id"].to_numpy()
        day = self.returns["session"].to_physical().to_numpy()
        at = np.searchsorted(np.unique(day), day)
        close, ret = (np.full(self.close.shape, np.nan) for _ in range(2))
        close[ids - 1, at] = self.returns["close"].to_numpy()
        ret[ids - 1, at] = self.returns["ret"].fill_null(np.nan).to_numpy()
        self._numpy(close, ret, n)
        return time.process_time() - begun

    def _numpy(
        self, close: npt.NDArray[np.float64], ret: npt.NDArray[np.float64], n: int
    ) -> npt.NDArray[np.float64]:
        cap = np.ascontiguousarray((close * self.shares).T)
        top = np.argpartition(-cap, n, axis=1)[:, :n]
        ret = np.ascontiguousarray(ret.T)
        levels: npt.NDArray[np.float64] = np.cumprod(
            1 + np.take_along_axis(ret[1:], top[:-1], axis=1).mean(axis=1)
        )
        return levels


def market(names: int, count: int) -> Market:
    """Random walks of `names` stocks on `count` sessions, seeded."""
    rng = np.random.default_rng(0)
    ret = rng.normal(0, 0.02, (names, count))
    ret[:, 0] = np.nan
    close = 20 * np.exp(np.cumsum(np.nan_to_num(ret), axis=1))
    closes_at = [_START + timedelta(days=i) for i in range(count)]
    days = [c.date() for c in closes_at]
    ids = np.arange(1, names + 1, dtype=np.int32)
    symbols = [f"S{i:05d}" for i in ids]
    instant = pl.Datetime("us", "UTC")
    returns = pl.DataFrame(
        {
            "instrument_id": np.repeat(ids, count),
            "session": pl.Series(days * names, dtype=pl.Date),
            "symbol": pl.Series(symbols).gather(np.repeat(np.arange(names), count)),
            "listed_from": pl.repeat(days[0], names * count, dtype=pl.Date, eager=True),
            "close": close.ravel(),
            "dollar_volume": close.ravel() * 1e5,
            "ret": pl.Series(ret.ravel(), nan_to_null=True),
        }
    )
    shares = rng.uniform(1e6, 1e8, (names, 1))
    at = list(range(0, count, _SNAPSHOT_EVERY))
    caps = pl.DataFrame(
        {
            "instrument_id": np.repeat(ids, len(at)),
            "symbol": pl.Series(symbols).gather(np.repeat(np.arange(names), len(at))),
            "known_at": pl.Series([closes_at[i] for i in at] * names, dtype=instant),
            "session": pl.Series([days[i] for i in at] * names, dtype=pl.Date),
            "market_cap": (close[:, at] * shares).ravel(),
        }
    )
    cutoffs = pl.DataFrame({"session": days, "close_at": pl.Series(closes_at, dtype=instant)})
    cutoffs = cutoffs.with_columns(cutoff=pl.col("close_at") + timedelta(hours=4))
    return Market(days, returns, caps, cutoffs, close, ret, shares)


def run(*, quick: bool) -> list[Line]:
    """Against numpy with and without a panel, 20 at once, one more session."""
    names, count, times = (60, 130, 1) if quick else (2000, 2500, 5)
    definition = IndexDefinition("x", "X", Universe(), 10 if quick else 100, "market_cap")
    made = market(names, count)
    # The lowest of several: what else the machine does only adds.
    bound = min(made.bound(definition.n) for _ in range(times))
    placed = min(made.from_rows(definition.n) for _ in range(times))
    ones = [made.index(definition) for _ in range(times)]
    one = min(ones)
    many, spread = repeated(1 if quick else 3, lambda: _many_to_one(made, definition))
    size = f"{count} sessions x {names} names, CPU"
    after, _ = repeated(times, lambda: made.last_session(definition))
    before, _ = repeated(times, lambda: market(names, count // 2).last_session(definition))
    return [
        at_most(
            "indices", "compositions and levels, numpy = 1", one / max(bound, 1e-6), 6,
            f"{size}, {one:.2f} s, lowest of {times}, up to {max(ones):.2f}",
        ),
        Line("indices", "the same, numpy from the same rows = 1", one / max(placed, 1e-6)),
        at_most("indices", "20 indices / one", many, 6, f"{size}, {spread}"),
        at_most("indices", "one more session, on half the history = 1", after / before, 1.5, size),
    ]  # fmt: skip


def _many_to_one(made: Market, definition: IndexDefinition) -> float:
    """20 at once, as a multiple of one just before and just after: the load of then is on both."""
    before, many, after = (
        made.index(definition), made.many(definition, 20), made.index(definition),
    )  # fmt: skip
    return 2 * many / (before + after)
