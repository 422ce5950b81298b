"""Two to ten funds side by side: returns, growth, risk, correlation, cost, holdings. Frames only.

In: what the warehouse has of them (`compare_data.load`). Out: a `Comparison` of tables and notes;
what cannot be had is NULL or left out, and a note says why. How it is shown is the command's and
the report's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fundplatform.compare_holdings import holdings
from fundplatform.errors import ConfigError
from fundplatform.finance import fees
from fundplatform.finance.frames import FRAMES

MOST = 10
START = 10_000.0
LONG = ("10Y", "5Y", "3Y", "1Y")
LEAST_RETURNS = 20
"""Fewer returns in common say nothing of how two funds move together."""
DRAG_YEARS = 30
_MOSTLY = 0.95
_ROUND_THE_CLOCK = ("crypto", "fx")


@dataclass(frozen=True)
class Inputs:
    """What is known of the funds; `fund` is the name in every frame.

    Attributes:
        funds: fund, name, asset_class, quote; in the order asked.
        series: fund, session, value (adjusted price or level), basis (one of each fund).
        metrics: fund, frame and columns of funds.metrics and funds.risk, of one session; of each
            fund one return_basis.
        session: Session of the metrics, or None.
        ratios: fund, expense_ratio (decimal a year), known_on; funds without one are absent.
        holdings: fund, as_of, holding, name, weight; funds without them are absent.
        exposures: fund, as_of, kind (sector, country), name, weight, through.
    """

    funds: pl.DataFrame
    series: pl.DataFrame
    metrics: pl.DataFrame
    session: date | None
    ratios: pl.DataFrame
    holdings: pl.DataFrame
    exposures: pl.DataFrame

    @property
    def names(self) -> list[str]:
        """The funds in order."""
        return [str(n) for n in self.funds["fund"]]

    @property
    def bases(self) -> Mapping[str, str]:
        """Return basis of each fund's metrics; empty where none are common."""
        if self.metrics.is_empty():
            return {}
        return dict(self.metrics.select("fund", "return_basis").iter_rows())

    @property
    def basis(self) -> str | None:
        """Return basis of the metrics: one of all, or that of each."""
        if len(set(self.bases.values())) > 1:
            return ", ".join(f"{n} {self.bases[n]}" for n in self.names)
        return next(iter(self.bases.values()), None)


@dataclass(frozen=True)
class Comparison:
    """The answer.

    Attributes:
        names: The funds in order.
        facts: The data's dates and bases.
        tables: By name; decimals, money per 10,000 where it says so.
        growth: session and a column a fund: 10,000 at the first common session.
        notes: What is missing, and why.
    """

    names: Sequence[str]
    facts: Mapping[str, object]
    tables: Mapping[str, pl.DataFrame]
    growth: pl.DataFrame
    notes: Sequence[str]


def compare(given: Inputs) -> Comparison:
    """Put the funds side by side.

    Raises:
        ConfigError: No history in common, or prices at or below 0.
    """
    shared = common_history(given)
    notes: list[str] = []
    tables = {
        "funds": _spans(given),
        "returns": returns_by_frame(given, notes),
        "risk": risk(given, notes),
        "common_history": common_performance(shared, given.names),
        "correlation": correlation(shared, given.names, notes),
        "cost": cost(given, notes),
        **holdings(given.names, given.holdings, given.exposures, given.ratios, notes),
    }
    bases = dict(given.series.group_by("fund").agg(pl.col("basis").last()).iter_rows())
    facts = {
        "from": shared["session"][0],
        "to": shared["session"][-1],
        "common_sessions": shared.height,
        "series_basis": ", ".join(f"{n} {bases[n]}" for n in given.names),
        "metrics_session": given.session,
        "metrics_basis": given.basis,
    }
    growth = shared.select("session", *(pl.col(n) / pl.col(n).first() * START for n in given.names))
    notes += _unlike(given, shared)
    return Comparison(given.names, facts, tables, growth, notes)


def common_history(given: Inputs) -> pl.DataFrame:
    """The values of the sessions that all funds have: session, then a column a fund.

    Raises:
        ConfigError: Fewer than two such sessions, or a value at or below 0.
    """
    values = given.series.drop_nulls("value")
    wide = values.pivot("fund", index="session", values="value").sort("session")
    there = [n for n in given.names if n in wide.columns]
    shared = wide.drop_nulls() if there == given.names else wide.clear()
    if shared.height < 2:
        ends = values.group_by("fund").agg(a=pl.col("session").min(), b=pl.col("session").max())
        spans = {str(fund): (first, last) for fund, first, last in ends.iter_rows()}
        each = [
            f"{n} {spans[n][0]} to {spans[n][1]}" if n in spans else f"{n} has no prices"
            for n in given.names
        ]
        raise ConfigError(
            "compare",
            None,
            f"no history in common: {', '.join(each)}",
            "Leave one out, or backfill what is missing",
        )
    for name in given.names:
        if shared[name].min() <= 0:  # type: ignore[operator]
            raise ConfigError(
                "compare", name, "prices at or below 0 have no returns", "Leave it out"
            )
    return shared.select("session", *given.names)


def _unlike(given: Inputs, shared: pl.DataFrame) -> Iterator[str]:
    """In what these funds are not measured alike, a sentence each."""
    if given.funds["quote"].n_unique() > 1:
        yield "The funds are quoted in different currencies; nothing is converted."
    priced = [n for n in given.names if given.bases.get(n) == "price"]
    if 0 < len(priced) < len(given.names):
        yield (
            f"Frames and risk are price returns for {', '.join(priced)}, total returns for the "
            "others: no payments of the former are loaded, or there are none."
        )
    classes = given.funds["asset_class"].is_in(_ROUND_THE_CLOCK)
    if classes.any() and not classes.all():
        yield "Closes are of different hours of the day, which lowers correlations."
    span = pl.col("session").is_between(shared["session"][0], shared["session"][-1])
    own = given.series.filter(span).drop_nulls("value")
    counts = dict(own.group_by("fund").len().iter_rows())
    more = [f"{n} {counts[n]}" for n in given.names if shared.height < _MOSTLY * counts[n]]
    if more:
        yield (
            f"Only {shared.height} sessions are common to all in that time ({', '.join(more)}): "
            "growth, falls and correlation go from one of them to the next."
        )


def returns_by_frame(given: Inputs, notes: list[str]) -> pl.DataFrame:
    """frame, then a column a fund: total return of each frame that any fund has."""
    if given.metrics.is_empty():
        notes.append("No session has metrics of all these funds: no returns by frame, no risk.")
        return pl.DataFrame(schema={"frame": pl.String()})
    wide = given.metrics.pivot("fund", index="frame", values="total_return")
    frames = pl.DataFrame({"frame": FRAMES})
    return (
        frames.join(wide, on="frame", maintain_order="left")
        .select("frame", *given.names)
        .filter(pl.any_horizontal(pl.col(n).is_not_null() for n in given.names))
    )


def risk(given: Inputs, notes: list[str]) -> pl.DataFrame:
    """Risk of the longest frame of a year or more that every fund has."""
    columns = ["base_session", "annualized_return", "volatility", "sharpe", "sortino"]
    columns += ["max_drawdown", "calmar", "beta"]
    if given.metrics.is_empty():
        return pl.DataFrame(schema={"fund": pl.String()})
    for frame in LONG:
        own = given.metrics.filter(pl.col("frame") == frame).drop_nulls("volatility")
        if own.height == len(given.names):
            order = given.funds.select("fund")
            return order.join(own, on="fund", maintain_order="left").select(
                "fund", "frame", *columns
            )
    notes.append("No frame of a year or more that every fund has: no risk by frame.")
    return pl.DataFrame(schema={"fund": pl.String()})


def common_performance(shared: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Over the common history: return, growth of 10,000, deepest drawdown and its dates.

    annualized_return = (1 + total_return)^(365.25 / days) - 1 from a year on, else NULL; the
    recovery is NULL while the peak is not reached again.
    """
    days = (shared["session"][-1] - shared["session"][0]).days
    rows = []
    for name in names:
        values = shared[name].to_numpy()
        total = float(values[-1] / values[0])
        peak, trough, recovery = _deepest(values)
        rows.append(
            {
                "fund": name,
                "total_return": total - 1,
                "annualized_return": total ** (365.25 / days) - 1 if days >= 365 else None,
                "growth_of_10000": START * total,
                "max_drawdown": float(values[trough] / values[peak] - 1),
                "peak_session": shared["session"][peak],
                "trough_session": shared["session"][trough],
                "recovery_session": None if recovery is None else shared["session"][recovery],
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _deepest(values: NDArray[np.float64]) -> tuple[int, int, int | None]:
    """Places of the peak, the trough and the recovery of the deepest drawdown.

    Of several peaks of one height the last, from which it fell, as in funds.risk.
    """
    highest = np.maximum.accumulate(values)
    trough = int(np.argmin(values / highest))
    peak = trough - int(np.argmax(values[trough::-1]))
    back = np.flatnonzero(values[trough:] >= values[peak])
    return peak, trough, int(back[0]) + trough if back.size else None


def correlation(shared: pl.DataFrame, names: Sequence[str], notes: list[str]) -> pl.DataFrame:
    """fund, then a column a fund: correlation of returns from common session to common session."""
    values = shared.select(names).to_numpy()
    returns = values[1:] / values[:-1] - 1
    if len(returns) < LEAST_RETURNS:
        notes.append(f"{len(returns)} returns in common: no correlation below {LEAST_RETURNS}.")
        return pl.DataFrame(schema={"fund": pl.String()})
    moves = returns.std(axis=0) > 0
    if not moves.all():
        notes.append("A fund that never moves has no correlation.")
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.corrcoef(returns, rowvar=False)
    frame = pl.DataFrame(found, schema=list(names)).with_columns(pl.all().fill_nan(None))
    return frame.select(pl.Series("fund", names), *names)


def cost(given: Inputs, notes: list[str]) -> pl.DataFrame:
    """Per fund: expense ratio, cost a year and the SEC's example per 10,000, drag of 30 years."""
    known = {f: (r, on) for f, r, on in given.ratios.iter_rows()}
    rows = []
    for name in given.names:
        ratio, on = known.get(name, (None, None))
        if ratio is None or not 0 <= ratio <= fees.HIGHEST_EXPENSE_RATIO:
            why = "is not known" if ratio is None else f"{ratio} is no decimal fraction of 0..0.10"
            notes.append(f"{name}: its expense ratio {why}.")
            continue
        paid = dict(zip(("paid_1y", "paid_3y", "paid_5y", "paid_10y"), fees.sec_example(ratio),
                        strict=True))  # fmt: skip
        rows.append(
            {"fund": name, "expense_ratio": ratio, "known_on": on, "a_year": START * ratio}
            | paid
            | {f"drag_{DRAG_YEARS}y": fees.terminal_drag(ratio, DRAG_YEARS)}
        )
    return pl.DataFrame(rows) if rows else pl.DataFrame(schema={"fund": pl.String()})


def _spans(given: Inputs) -> pl.DataFrame:
    spans = given.series.group_by("fund").agg(
        first_session=pl.col("session").min(), last_session=pl.col("session").max()
    )
    return given.funds.join(spans, on="fund", how="left", maintain_order="left").select(
        "fund", "name", "asset_class", "quote", "first_session", "last_session"
    )
