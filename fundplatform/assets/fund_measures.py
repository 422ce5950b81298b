"""The metrics of all series of a run: each on its calendar and basis, against its benchmark.

In: return series, whole or from the cut on. Out: rows of funds.metrics and funds.risk, and what a
later day may go on from (funds.carried). The formulas are in `finance/metrics.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.carried_series import Found
from fundplatform.assets.metric_terms import Span
from fundplatform.finance import frames
from fundplatform.finance.benchmark import Benchmarks
from fundplatform.finance.carried import SCHEMA
from fundplatform.finance.cuts import cut_of
from fundplatform.finance.measured import Terms
from fundplatform.finance.metrics import measure, measure_behind
from fundplatform.finance.risk_free import RiskFree
from fundplatform.tables import Table

Parts = Iterator[tuple[pl.DataFrame, pl.DataFrame]]


@dataclass(frozen=True)
class Policy:
    """For which sessions metrics are stored, and with which risk-free rate.

    Attributes:
        first: First session of the run.
        last: Last session of the run.
        daily_from: From here on every session; before, month ends.
        also: Last days of finished data sets, sessions or not.
        risk_free: Annual rates.
    """

    first: date
    last: date
    daily_from: date
    also: frozenset[date]
    risk_free: RiskFree


def ends_of(sources: pl.DataFrame) -> frozenset[date]:
    """The last days of finished data sets, as declared: a year's end is often no session."""
    return frozenset(sources["coverage_end"].drop_nulls().to_list())


def agree(beside: Found, spans: Sequence[Span], policy: Policy) -> bool:
    """Whether what was kept was measured against the same benchmarks, and rates of one kind.

    Args:
        beside: What was kept.
        spans: The benchmarks.
        policy: The risk-free rates.
    """
    kept = beside.rows.select("return_basis", "instrument_id", "benchmark_id").rows()
    for span in spans:
        of = {basis: one.of if one else {} for basis, one in span.against.items()}
        if any(of[basis].get(instrument) != benchmark for basis, instrument, benchmark in kept):
            return False
    return bool((beside.rows["rates_vary"] == policy.risk_free.varies).all())


def all_metrics(
    series: pl.DataFrame, spans: Sequence[Span], policy: Policy, beside: Found | None = None
) -> dict[Table, pl.DataFrame]:
    """The rows of funds.metrics and funds.risk of all calendars and return bases.

    Args:
        series: Return rows with `calendar` and `return_basis`, from each series' beginning on.
        spans: The benchmarks, all sessions of the policy.
        policy: Which sessions, and the risk-free rates.
        beside: Series that go on from what was kept of them.

    Returns:
        By table; funds.carried as `to_keep` takes it.
    """
    parts = [_span_metrics(series, span, policy, beside) for span in spans]
    found = {t: pl.concat(part[t] for part in parts) for t in (tables.METRICS, tables.RISK)}
    return found | {tables.CARRIED: parts[-1][tables.CARRIED]}


def _span_metrics(
    series: pl.DataFrame, span: Span, policy: Policy, beside: Found | None
) -> dict[Table, pl.DataFrame]:
    policy, against = replace(policy, first=span.first, last=span.last), span.against
    late = series.clear() if beside is None else beside.late
    parts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    kept = [tables.CARRIED.empty().select(_KEPT)]
    for own, group in _groups(series, policy, against):
        parts += group.whole(own, kept)
    for own, group in _groups(late, policy, against):
        rows = tables.CARRIED.empty() if beside is None else beside.rows
        parts += group.behind(own, rows)
    metrics, risk = (
        pl.concat([table.empty().drop(table.stamps), *(part[n] for part in parts)])
        for n, table in enumerate((tables.METRICS, tables.RISK))
    )
    return {tables.METRICS: metrics, tables.RISK: risk, tables.CARRIED: pl.concat(kept)}


_LABELS = ["return_basis", "calendar"]
_KEPT = [*SCHEMA.names(), *_LABELS]


def _groups(
    series: pl.DataFrame, policy: Policy, against: Mapping[str, Benchmarks | None]
) -> Iterator[tuple[pl.DataFrame, "_Group"]]:
    """The series of each basis and calendar, without these labels."""
    for (basis, name), own in series.partition_by(_LABELS, as_dict=True).items():
        calendar = calendars.get(str(name))
        terms = Terms(calendar.periods_per_year, policy.risk_free, str(basis), against[str(basis)])
        yield own.drop(_LABELS), _Group(calendar, terms, policy)


@dataclass(frozen=True)
class _Group:
    """What is measured by the same terms, on one calendar's sessions."""

    calendar: calendars.Calendar
    terms: Terms
    policy: Policy

    def whole(self, series: pl.DataFrame, kept: list[pl.DataFrame]) -> Parts:
        """The metric and risk rows of series from their beginning on."""
        sessions, evaluate = self._sessions(series["session"].min())
        # Before `daily_from` no day follows another: nothing is kept there.
        follows = self.policy.last >= self.policy.daily_from
        keep = self._labelled(kept) if follows else None
        if evaluate:
            yield from measure(series, sessions, evaluate, self.terms, keep=keep)

    def behind(self, series: pl.DataFrame, rows: pl.DataFrame) -> Parts:
        """Those of series that go on from rows of funds.carried."""
        labels = self.terms.return_basis, self.calendar.name
        own = rows.filter(*(pl.col(n) == label for n, label in zip(_LABELS, labels, strict=True)))
        sessions, evaluate = self._sessions(own["start_session"].min())
        if evaluate:
            yield from measure_behind(series, own, sessions, evaluate, self.terms)

    def _labelled(self, kept: list[pl.DataFrame]) -> Callable[[pl.DataFrame], None]:
        def keep(rows: pl.DataFrame) -> None:
            basis, name = pl.lit(self.terms.return_basis), pl.lit(self.calendar.name)
            kept.append(rows.with_columns(return_basis=basis, calendar=name))

        return keep

    def _sessions(self, oldest: object) -> tuple[list[date], list[date]]:
        """The calendar's sessions from the oldest bar on, and those to evaluate."""
        if not isinstance(oldest, date):
            return [], []
        policy = self.policy
        sessions = self.calendar.sessions(oldest, policy.last + timedelta(days=31))
        return sessions, frames.evaluation_sessions(
            sessions, policy.first, policy.last, policy.daily_from, policy.also
        )


def to_keep(
    kept: pl.DataFrame, lacking: pl.DataFrame, session: date, code_version: str
) -> pl.DataFrame:
    """The rows of funds.carried of a run: of instruments that were read whole for want of them.

    Args:
        kept: Of `all_metrics`: of a broken history a row for each stretch before the cut, of which
            the last goes on.
        lacking: See `Found`.
        session: The last of the run.
        code_version: Of the rules that metrics were made by.
    """
    # In a run over New Year some series may have their last price, and their cut, before it.
    of_year = kept.filter(pl.col("cut") == cut_of(session))
    newest = of_year.sort("start_session").unique(["instrument_id", "return_basis"], keep="last")
    return newest.join(lacking, on="instrument_id").with_columns(
        session=pl.lit(session), code_version=pl.lit(code_version)
    )
