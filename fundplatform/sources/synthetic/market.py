"""The whole synthetic market: every company's rows in one frame per kind.

Seed, number of symbols and the sessions in; the vendor's frames out (without the stamps of a
fetch). The truth behind them is in `answers.py`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.sources.base import REJECT_SCHEMA
from fundplatform.sources.synthetic.faults import JUDGED, Delivered, deliver
from fundplatform.sources.synthetic.plan import companies
from fundplatform.sources.synthetic.walk import Walk, walk

PRICES = ("open", "high", "low", "close", "volume")
ACTION_SCHEMA = pl.Schema(
    {
        "vendor_symbol": pl.String(),
        "action": pl.String(),
        "ex_date": pl.Date(),
        "ratio": pl.Float64(),
        "amount": pl.Float64(),
        "known_on": pl.Date(),
    }
)
# Days between announcement and ex-date.
NOTICE = timedelta(days=14)
FILING_LAG = timedelta(days=40)


@dataclass(frozen=True)
class Market:
    """The market of one seed.

    Attributes:
        seed: Seed.
        symbols: Number of vendor symbols at the start.
        days: Sessions, in order, the last `after` of them beyond the market's end: they only say
            on which day a delisting goes ex and which session is the last of its month.
        after: How many of `days` lie beyond the end.
    """

    seed: int
    symbols: int
    days: Sequence[date]
    after: int = 0

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions of the market."""
        return self.days[: len(self.days) - self.after]

    @cached_property
    def walks(self) -> list[Walk]:
        """The true life of every company."""
        slots = range(1, self.symbols + 1)
        n = len(self.sessions)
        lives = (walk(c, n) for slot in slots for c in companies(self.seed, slot))
        return [life for life in lives if life is not None]

    @cached_property
    def delivered(self) -> list[Delivered]:
        """The same with halts and the vendor's faults."""
        return [deliver(life) for life in self.walks]

    @cached_property
    def bars(self) -> pl.DataFrame:
        """vendor_symbol, session, open, high, low, close (NULL where damaged), volume."""
        frame = pl.concat([self._delivered(part) for part in self.delivered])
        return frame.sort("session", maintain_order=True).with_columns(
            pl.col("close").fill_nan(None)
        )

    def _delivered(self, part: Delivered) -> pl.DataFrame:
        offsets = part.walk.offsets[part.kept]
        prices = {name: getattr(part.walk, name)[part.kept] for name in PRICES}
        symbols = self.names(part.walk, offsets)
        return pl.DataFrame({"vendor_symbol": symbols, "session": self.days_at(offsets), **prices})

    def names(self, life: Walk, offsets: NDArray[np.int64]) -> pl.Series:
        """The vendor symbol of a company at each offset."""
        new = len(self.days) if life.company.renamed is None else life.company.renamed
        both = pl.Series([life.company.symbol, life.company.vendor_symbol(new)])
        return both.gather((offsets >= new).astype(np.int64))

    def days_at(self, offsets: NDArray[np.int64]) -> pl.Series:
        """The session at each offset."""
        return self._calendar.gather(offsets)

    @cached_property
    def _calendar(self) -> pl.Series:
        return pl.Series(self.days, dtype=pl.Date)

    @cached_property
    def rejected(self) -> pl.DataFrame:
        """Rows refused at load (REJECT_SCHEMA without a hash), numbered after all bars."""
        rows = [
            (self.days[part.walk.offsets[f.position]], part.walk.company, text, JUDGED[f.what][0])
            for part in self.delivered
            for f in part.faults
            for text in _copies(part.walk, f.position, f.what)
        ]
        rows.sort(key=lambda row: (row[0], row[1].slot))
        first = self.bars.height + 1
        listed = [
            {
                "row_number": first + i,
                "session": day,
                "vendor_symbol": company.symbol,
                "rule": rule,
                "reason": f"two rows for {company.symbol} on {day}",
                "row": text,
            }
            for i, (day, company, text, rule) in enumerate(rows)
        ]
        return pl.DataFrame(listed, schema=REJECT_SCHEMA)

    @cached_property
    def listings(self) -> pl.DataFrame:
        """vendor_symbol, symbol, name, valid_from, valid_to; one row per meaning."""
        rows = []
        for life in self.walks:
            first, last = int(life.offsets[0]), int(life.offsets[-1])
            new = life.company.renamed
            spans = [(first, last)]
            if new is not None and new <= last:
                spans = [(first, new - 1), (new, last)]
            for start, end in spans:
                symbol = life.company.vendor_symbol(start)
                title = f"Synthetic company {life.company.key}"
                rows.append((symbol, life.company.symbol, title, self.days[start], self.days[end]))
        columns = ["vendor_symbol", "symbol", "name", "valid_from", "valid_to"]
        return pl.DataFrame(rows, schema=columns, orient="row").sort("vendor_symbol", "valid_from")

    @cached_property
    def actions(self) -> pl.DataFrame:
        """Splits, dividends and deaths (ACTION_SCHEMA), by ex-date.

        A death goes ex on the session after the last one; its amount is the cash paid per share:
        the terms of a merger (the last close), 0 for a worthless company, NULL where the last
        traded price stands.
        """
        rows = [row for life in self.walks for row in self._actions(life)]
        frame = pl.DataFrame(rows, schema=ACTION_SCHEMA, orient="row")
        return frame.sort("ex_date", "vendor_symbol", "action")

    def _actions(self, life: Walk) -> list[tuple[object, ...]]:
        company = life.company
        rows: list[tuple[object, ...]] = []
        for i in np.flatnonzero((life.ratio != 1) | (life.dividend != 0)):
            offset = int(life.offsets[i])
            symbol, ex = company.vendor_symbol(offset), self.days[offset]
            if life.ratio[i] != 1:
                rows.append((symbol, "split", ex, float(life.ratio[i]), None, ex - NOTICE))
            if life.dividend[i] != 0:
                action = "special_dividend" if offset in company.special else "dividend"
                rows.append((symbol, action, ex, None, float(life.dividend[i]), ex - NOTICE))
        return rows + self._death(life)

    def _death(self, life: Walk) -> list[tuple[object, ...]]:
        died, company = life.company.died, life.company
        if died is None or died != int(life.offsets[-1]) + 1 or died >= len(self.sessions):
            return []
        ex, symbol = self.days[died], company.vendor_symbol(died - 1)
        if company.death == "merger":
            return [(symbol, "merger", ex, None, float(life.close[-1]), ex - NOTICE)]
        amount = 0.0 if company.death == "worthless" else None
        return [(symbol, "delisting", ex, None, amount, self.days[died - 1])]

    @cached_property
    def shares(self) -> pl.DataFrame:
        """vendor_symbol, measured_on, known_on, shares: at quarter ends, filed 40 days later."""
        frame = self._counted(self._quarters)
        return frame.select(
            "vendor_symbol",
            "shares",
            measured_on="session",
            known_on=pl.col("session") + FILING_LAG,
        )

    @cached_property
    def caps(self) -> pl.DataFrame:
        """vendor_symbol, session, market_cap: close times shares at month ends, USD."""
        frame = self._counted(self._months).filter("traded")
        return frame.select(
            "vendor_symbol", "session", market_cap=pl.col("close") * pl.col("shares")
        )

    def _counted(self, offsets: NDArray[np.int64]) -> pl.DataFrame:
        """vendor_symbol, session, close, shares, traded of every company alive at the offsets."""
        parts = [self._counts(life, offsets) for life in self.walks]
        return pl.concat(parts).sort("session", "vendor_symbol")

    def _counts(self, life: Walk, offsets: NDArray[np.int64]) -> pl.DataFrame:
        alive = offsets[(offsets >= life.offsets[0]) & (offsets <= life.offsets[-1])]
        at = alive - life.offsets[0]
        return pl.DataFrame(
            {
                "vendor_symbol": self.names(life, alive),
                "session": self.days_at(alive),
                "close": life.close[at],
                "shares": life.shares[at],
                "traded": life.traded[at],
            }
        )

    @cached_property
    def _months(self) -> NDArray[np.int64]:
        pairs = zip(self.sessions, self.days[1:], strict=False)
        return np.array(
            [i for i, (day, after) in enumerate(pairs) if day.month != after.month], dtype=np.int64
        )

    @cached_property
    def _quarters(self) -> NDArray[np.int64]:
        return np.array([i for i in self._months if self.days[i].month % 3 == 0], dtype=np.int64)


def _copies(life: Walk, position: int, what: str) -> list[str]:
    """The refused rows of one fault, as read."""
    row = {name: float(getattr(life, name)[position]) for name in PRICES}
    if what == "doubled_row":
        return [json.dumps(row)]
    if what == "conflicting_rows":
        return [json.dumps(row), json.dumps({**row, "close": row["high"] + 1})]
    return []
