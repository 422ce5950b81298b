"""What a fund's report needs from the warehouse: everything stored about one instrument.

In: a published state and a ticker. Out: a `Known`. Nothing is computed here beyond
choosing the newest of what is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from fundplatform.compare import Inputs
from fundplatform.compare_data import BASES, instruments, meant, read
from fundplatform.errors import ConfigError
from fundplatform.storage.base import Reader

_HISTORY = """
SELECT session, frame, return_basis, total_return FROM funds.metrics
WHERE instrument_id = ? AND frame IN ('1Y', '3Y', 'YTD', 'ALL') AND total_return IS NOT NULL
"""
_RISK = """
SELECT m.frame, m.base_session, m.n_returns, m.total_return, m.annualized_return, m.volatility,
       m.sharpe, m.sortino, m.max_drawdown, r.peak_session, r.trough_session, r.recovery_session,
       r.var_95, r.best_month, r.worst_month, m.risk_free_rate, m.reason
FROM funds.metrics AS m
LEFT JOIN funds.risk AS r ON r.instrument_id = m.instrument_id AND r.session = m.session
  AND r.frame = m.frame AND r.return_basis = m.return_basis
WHERE m.instrument_id = ? AND m.session = ? AND m.return_basis = ?
"""
_FACTS = """
SELECT name, fund_type, category, issuer, share_class, inception, expense_ratio,
       gross_expense_ratio, aum, currency, active, valid_from, known_at, is_current, problem, source
FROM marts.fund_facts WHERE instrument_id = ? AND superseded_at IS NULL
"""
_SCORES = """
SELECT * FROM funds.scores WHERE instrument_id = ?
  AND session = (SELECT max(session) FROM funds.scores WHERE instrument_id = ?)
"""
_TWINS = """
SELECT cheaper, overlap, common, dearer_expense_ratio, cheaper_expense_ratio, cost_per_10000,
       oldest_report
FROM marts.same_holdings_higher_fee WHERE dearer_id = ? ORDER BY cost_per_10000 DESC, cheaper
"""
_PRICES = """
SELECT DISTINCT s.name FROM prices.validated AS p
JOIN catalog.sources AS s ON s.source_id = p.source_id
WHERE p.instrument_id = ? AND p.selected AND p."interval" = '1d' ORDER BY s.name
"""


@dataclass(frozen=True)
class Known:
    """One fund.

    Attributes:
        fund: instrument_id, symbol, name, asset_class, quote.
        given: Its series, newest holdings and fee, as a comparison reads them.
        frames: Metrics and risk of `given.session`, a row a frame.
        history: session, frame, total_return of `given.basis`, of every session stored.
        facts: The newest version known of what it is, or empty.
        fees: valid_from, expense_ratio, known_at: each that was trusted.
        scores: Rows of funds.scores of their newest session and of `given.basis`.
        twins: Funds that hold much the same for less.
        sources: Who brought the prices.
        unpriced: Why there is no growth to show: a sentence; None where there is.
        namesakes: How many other instruments have its symbol.
    """

    fund: Mapping[str, object]
    given: Inputs
    frames: pl.DataFrame
    history: pl.DataFrame
    facts: Mapping[str, object]
    fees: pl.DataFrame
    scores: pl.DataFrame
    twins: pl.DataFrame
    sources: list[str]
    unpriced: str | None
    namesakes: int


def load(store: Reader, ticker: str) -> Known:
    """Everything stored about the fund.

    Raises:
        ConfigError: An unknown or ambiguous ticker, or nothing is known of it but its name.
    """
    listed = instruments(store)
    fund = meant(listed, ticker, "report fund")
    given = read(store, pl.DataFrame([fund], schema={**listed.schema, "fund": pl.String()}))
    number = fund["instrument_id"]
    symbol = str(fund["symbol"]).upper()
    namesakes = listed.filter(pl.col("symbol").str.to_uppercase() == symbol)
    facts = store.query(_FACTS, [number]).sort("valid_from", "known_at")
    unpriced = _unpriced(given.series.drop_nulls("value").sort("session"))
    if unpriced and facts.is_empty() and given.holdings.is_empty():
        raise ConfigError(
            "report fund", ticker, f"{unpriced} No facts or holdings either", "Backfill it first"
        )
    history = store.query(_HISTORY, [number])
    scores = store.query(_SCORES, [number, number])
    return Known(
        fund,
        given,
        store.query(_RISK, [number, given.session, given.basis]),
        _of(history, given.basis).sort("session"),
        _last(facts),
        facts.filter(pl.col("expense_ratio").is_not_null()).select(
            "valid_from", "expense_ratio", "known_at"
        ),
        _of(scores, given.basis),
        store.query(_TWINS, [number]),
        store.query(_PRICES, [number])["name"].to_list(),
        unpriced,
        namesakes.height - 1,
    )


def _unpriced(series: pl.DataFrame) -> str | None:
    """Why the series has no growth; None where it has."""
    if series.is_empty():
        return "No source has prices of it."
    low = series.filter(pl.col("value") <= 0)
    if low.height:
        return f"Prices at or below 0 (first on {low['session'][0]}) have no returns."
    if series.height == 1:
        return f"One session has a price ({series['session'][0]}): there is no return."
    return None


def _of(frame: pl.DataFrame, basis: str | None) -> pl.DataFrame:
    there = frame["return_basis"].unique().to_list()
    wanted = basis if basis in there else next((b for b in BASES if b in there), None)
    return frame.clear() if wanted is None else frame.filter(pl.col("return_basis") == wanted)


def _last(facts: pl.DataFrame) -> Mapping[str, object]:
    now = facts.filter("is_current")
    return (now if now.height else facts).row(-1, named=True) if facts.height else {}
