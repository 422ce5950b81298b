"""What metrics are made from: the declared rates and benchmarks as found, total return series.

In: metrics.yaml's rules, tables of the warehouse. Out: what `finance.metrics.measure` takes. The
formulas are in `finance/`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fundplatform.assets.series import PRICE, TOTAL, Bases, price_bars
from fundplatform.finance import risk_free
from fundplatform.finance.actions import CASH
from fundplatform.finance.adjustment import newest_sessions
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.metric_rules import MetricRules
from fundplatform.finance.payments import payments
from fundplatform.finance.returns import SCHEMA
from fundplatform.finance.risk_free import RiskFree
from fundplatform.finance.splits import SPLITS
from fundplatform.finance.total_return import total_returns


def rates(
    rules: MetricRules,
    observations: pl.DataFrame | None,
    instruments: pl.DataFrame,
    constant: float,
) -> RiskFree:
    """The declared series that have observations, else the constant only."""
    if observations is None or observations.is_empty():
        return RiskFree(constant)
    found, series = [], set[int]()
    for symbol, basis in rules.risk_free:
        ids = instruments.filter(pl.col("symbol") == symbol, pl.col("asset_class") == "rate")
        own = observations.join(ids.select("instrument_id"), on="instrument_id", how="semi")
        if own.height:
            series |= set(own["instrument_id"])
            found.append(risk_free.published(own, basis))
    return RiskFree(constant, tuple(found), tuple(sorted(series)))


def declared(rules: MetricRules, instruments: pl.DataFrame) -> set[int]:
    """All instruments that have ever been one of the declared benchmarks."""
    named = {one for against in rules.benchmarks.values() for one in against}
    rows = zip(*instruments.select("instrument_id", "asset_class", "symbol"), strict=True)
    return {number for number, *one in rows if tuple(one) in named}


def spun_off(actions: pl.DataFrame, instruments: pl.DataFrame) -> set[int]:
    """Parents of spin-offs, and whoever may be a child: what one pays is the other's close."""
    own = actions.filter(pl.col("action") == "spin_off")
    children = instruments.join(own, left_on="symbol", right_on="other_symbol", how="semi")
    return {*own["instrument_id"], *children["instrument_id"]}


def split_since(actions: pl.DataFrame, rows: pl.DataFrame, last: date) -> set[int]:
    """Instruments that split after their row was kept: old payments may be restated.

    And those of which a split is announced: it may be called off without a change of any old day.

    Args:
        actions: catalog.corporate_actions.
        rows: Of funds.carried.
        last: Last session of the run.
    """
    splits = actions.filter(pl.col("action").is_in(SPLITS))
    kept = rows.select("instrument_id", since="session")
    both = splits.join(kept, on="instrument_id", how="left")
    later = pl.col("ex_date") > pl.coalesce("since", pl.lit(last))
    return set(both.filter(later)["instrument_id"])


_QUOTED = ["asset_class", "quote"]


@dataclass(frozen=True)
class Span:
    """Sessions that are measured against the same benchmarks.

    Attributes:
        first: First session.
        last: Last session.
        against: The benchmarks of each return basis.
    """

    first: date
    last: date
    against: Mapping[str, Benchmarks | None]


def spans(
    rules: MetricRules,
    parts: Sequence[pl.DataFrame],
    instruments: pl.DataFrame,
    window: tuple[date, date],
) -> list[Span]:
    """The sessions of a run, parted where a declared benchmark begins.

    So a session has the same benchmarks whatever other sessions are asked for beside it.

    Args:
        rules: Declared benchmarks.
        parts: Return rows with `return_basis`; those of benchmarks from their beginning on.
        instruments: catalog.instruments.
        window: First and last session of the run.
    """
    first, last = window
    named = pl.col("instrument_id").is_in(list(declared(rules, instruments)))
    one = ["instrument_id", "return_basis"]
    begins = pl.concat([p.filter(named).select(*one, "session") for p in parts]).group_by(one)
    days = set(begins.agg(pl.col("session").min())["session"])
    starts = sorted({first, *(day for day in days if first < day <= last)})
    ends = [*(day - timedelta(days=1) for day in starts[1:]), last]
    return [
        Span(start, end, benchmarks_by_basis(rules, parts, instruments, start))
        for start, end in zip(starts, ends, strict=True)
    ]


def benchmarks_by_basis(
    rules: MetricRules,
    parts: Sequence[pl.DataFrame],
    instruments: pl.DataFrame,
    day: date,
) -> dict[str, Benchmarks | None]:
    """The benchmark of each instrument on a day, by return basis; None: no class has one.

    Args:
        rules: Declared benchmarks.
        parts: Return rows with `return_basis`; those of benchmarks from their beginning on.
        instruments: catalog.instruments.
        day: The first declared one that has prices by then counts.
    """
    numbers = pl.col("instrument_id").is_in(list(declared(rules, instruments)))
    series = pl.concat([p.filter(numbers) for p in parts])
    priced = pl.concat([p.select("instrument_id", "return_basis").unique() for p in parts])
    found = {}
    for (basis,), own in priced.partition_by("return_basis", as_dict=True).items():
        rows = series.filter(pl.col("return_basis") == basis)
        members = instruments.join(own, on="instrument_id", how="semi")
        found[str(basis)] = _benchmarks(rules, members, rows, day)
    return found


def _benchmarks(
    rules: MetricRules, members: pl.DataFrame, series: pl.DataFrame, day: date
) -> Benchmarks | None:
    """Of one basis: instruments, and the rows of declared benchmarks."""
    begun = series.filter(pl.col("session") <= day)
    known = members.join(begun, on="instrument_id", how="semi")
    of: dict[int, int] = {}
    for (asset_class, quote), own in members.partition_by(_QUOTED, as_dict=True).items():
        against = rules.benchmarks.get(str(asset_class), ())
        found = [_named(known, *named, str(quote)) for named in against]
        first = next((n for n in found if n is not None), None)
        if first is not None:
            of |= dict.fromkeys(own["instrument_id"].to_list(), first)
    if not of:
        return None
    wanted = series.filter(pl.col("instrument_id").is_in(set(of.values())))
    return Benchmarks(of, wanted.select("instrument_id", "session", "ret"))


def _named(known: pl.DataFrame, asset_class: str, symbol: str, quote: str) -> int | None:
    """Of several instruments that had the symbol: one of the same currency, the one known last."""
    rows = known.filter(pl.col("asset_class") == asset_class, pl.col("symbol") == symbol)
    order = [pl.col("quote") == quote, "valid_to", "instrument_id"]
    return rows.sort(order, nulls_last=False)["instrument_id"][-1] if rows.height else None


def total_series(
    prices: pl.DataFrame,
    returns: pl.DataFrame,
    actions: pl.DataFrame,
    factors: pl.DataFrame,
    instruments: pl.DataFrame,
    sources: pl.DataFrame,
    today: date,
    known: Bases | None = None,
) -> pl.DataFrame:
    """`finance.total_return.total_returns` of the instruments that have paid something.

    With `return_basis`, and `paid_since`: the first ex-date of the instrument.

    Args:
        prices: RETURN_COLUMNS of prices.validated.
        returns: Their `series.returns_by_basis`.
        actions: catalog.corporate_actions.
        factors: catalog.adjustment_factors.
        instruments: catalog.instruments.
        sources: catalog.sources.
        today: By the clock; see `adjustment.newest_sessions`.
        known: As for `series.returns_by_basis`.
    """
    if not actions["action"].is_in([*CASH, "spin_off"]).any():
        return returns.clear().with_columns(paid_since=pl.lit(None, pl.Date))
    bars = price_bars(prices, sources, known=known)
    paid = payments(actions, instruments, bars.filter("selected")).paid
    payers = pl.col("instrument_id").is_in(paid["instrument_id"].unique().implode())
    bars, own = bars.filter(payers), returns.filter(payers, pl.col("return_basis") == PRICE)
    newest = newest_sessions(instruments, today)
    total = total_returns(bars, factors, paid, newest, own.select(SCHEMA.names()))
    begins = paid.group_by("instrument_id").agg(paid_since=pl.col("ex_date").min())
    return total.with_columns(return_basis=pl.lit(TOTAL)).join(
        begins, on="instrument_id", how="left", maintain_order="left"
    )
