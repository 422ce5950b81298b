"""What is true of a synthetic market: returns, adjusted closes, and every fault by name.

Computed from the true walks alone, without any code of `finance/`: golden tests compare that code
with these frames.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fundplatform.sources.synthetic.faults import JUDGED
from fundplatform.sources.synthetic.market import Market
from fundplatform.sources.synthetic.walk import Walk


@dataclass(frozen=True)
class Answers:
    """The truth of one market.

    `company` is the permanent name (SYN0008, SYN0008#2); a halted session has no row in `bars`,
    a row that the vendor damaged or doubled has its true one.

    Attributes:
        bars: company, vendor_symbol, session, close (as traded, USD), split_adjusted_close (on the
            share basis of the last session), total_return (since the company's bar before:
            (close * s + D) / close_before - 1, with s and D of all sessions since; NULL on the
            first bar), total_return_factor (growth of 1 since the first bar).
        companies: company, symbol, role, first_session, last_session, death (merger,
            delisted_after_fall, worthless, NULL), terminal_value (USD per share left after the
            last session; NULL while it lives).
        defects: vendor_symbol, session, what, rule, outcome (rejected, warned, rejected_at_load).
        renames: company, from_symbol, to_symbol, session (first under the new symbol).
        halts: vendor_symbol, session.
    """

    bars: pl.DataFrame
    companies: pl.DataFrame
    defects: pl.DataFrame
    renames: pl.DataFrame
    halts: pl.DataFrame


def answers(market: Market) -> Answers:
    """Work out the truth of a market."""
    return Answers(
        pl.concat([_bars(market, life) for life in market.walks]).with_columns(
            pl.col("total_return").fill_nan(None)
        ),
        _companies(market),
        _defects(market),
        _renames(market),
        _halts(market),
    )


def _bars(market: Market, life: Walk) -> pl.DataFrame:
    traded = life.traded
    basis = np.cumprod(life.ratio)
    # One share of the first session becomes `basis` shares; no event falls into a halt.
    close = life.close[traded]
    grown = close[1:] * life.ratio[traded][1:] + life.dividend[traded][1:]
    returns = grown / close[:-1] - 1
    offsets = life.offsets[traded]
    return pl.DataFrame(
        {
            "vendor_symbol": market.names(life, offsets),
            "session": market.days_at(offsets),
            "close": close,
            "split_adjusted_close": close * basis[traded] / basis[-1],
            "total_return": np.concatenate(([np.nan], returns)),
            "total_return_factor": np.concatenate(([1.0], np.cumprod(1 + returns))),
        }
    ).select(pl.lit(life.company.key).alias("company"), pl.all())


def _companies(market: Market) -> pl.DataFrame:
    rows = []
    for life in market.walks:
        company, last = life.company, int(life.offsets[-1])
        dead = company.died == last + 1
        value = 0.0 if company.death == "worthless" else float(life.close[-1])
        rows.append(
            {
                "company": company.key,
                "symbol": company.symbol,
                "role": company.role,
                "first_session": market.days[int(life.offsets[0])],
                "last_session": market.days[last],
                "death": company.death if dead else None,
                "terminal_value": value if dead else None,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _defects(market: Market) -> pl.DataFrame:
    rows = [
        (
            part.walk.company.vendor_symbol(int(part.walk.offsets[fault.position])),
            market.days[int(part.walk.offsets[fault.position])],
            fault.what,
            *JUDGED[fault.what],
        )
        for part in market.delivered
        for fault in part.faults
    ]
    columns = ("vendor_symbol", "session", "what", "rule", "outcome")
    schema = dict.fromkeys(columns, pl.String()) | {"session": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("session", "vendor_symbol")


def _renames(market: Market) -> pl.DataFrame:
    rows = []
    for life in market.walks:
        company, new = life.company, life.company.renamed
        if new is not None and new <= int(life.offsets[-1]):
            rows.append((company.key, company.symbol, company.vendor_symbol(new), market.days[new]))
    columns = ("company", "from_symbol", "to_symbol", "session")
    schema = dict.fromkeys(columns, pl.String()) | {"session": pl.Date()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _halts(market: Market) -> pl.DataFrame:
    rows = [
        (life.company.vendor_symbol(offset), market.days[offset])
        for life in market.walks
        for offset in life.offsets[~life.traded].tolist()
    ]
    return pl.DataFrame(rows, schema={"vendor_symbol": pl.String, "session": pl.Date}, orient="row")
