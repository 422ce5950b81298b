"""What `tables.py` cannot say of a column: the values it may have, and which is never the larger.

Declarations only, by table and column; `contracts.py` makes clauses of them. A term of "*" holds
for every table with that column. prices.rejected has none: bad rows are what it is for. A raw
table has terms and no ranges: it keeps what the vendor said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fundplatform.finance.actions import KINDS
from fundplatform.finance.frames import FRAMES
from fundplatform.finance.rules.limits import CLASSES
from fundplatform.finance.rules.row import ADJUSTMENTS, INTERVALS
from fundplatform.finance.tier_rules import TIERS
from fundplatform.finance.tiers import UNCLASSIFIED
from fundplatform.gaps import State
from fundplatform.identity_review import MERGED
from fundplatform.tables import Column, Table

ANY = "*"
ABOVE_ZERO = 1e-300
"""The least number that counts as above 0."""

ONE_OF: Mapping[tuple[str, str], tuple[str, ...]] = {
    (ANY, "return_basis"): ("price", "gross_total", "net_total"),
    (ANY, "interval"): tuple(INTERVALS),
    (ANY, "adjustment"): ADJUSTMENTS,
    (ANY, "frame"): FRAMES,
    ("funds.scores", "frame"): (*FRAMES, "HEADLINE"),
    ("catalog.instruments", "asset_class"): (*CLASSES, MERGED),
    ("catalog.corporate_actions", "action"): KINDS,
    ("catalog.securities", "security_type"): (
        "common", "fund", "unit", "warrant", "right", "preferred", "note",
    ),
    ("catalog.market_caps", "origin"): ("shares", "snapshot"),
    ("catalog.market_caps", "scope"): ("line", "issuer"),
    ("catalog.tiers", "tier"): (*TIERS, UNCLASSIFIED),
    ("catalog.tiers", "origin"): ("override", "listed", "rule", "unclassified"),
    ("catalog.fund_exposures", "kind"): ("sector", "country"),
    ("catalog.holdings", "matched_by"): ("isin", "cusip", "ticker", "lei"),
    ("indices.performance", "state"): (
        "ok", "base", "no_caps", "stale_caps", "no_history", "no_return",
    ),
    ("indices.composition_changes", "change"): ("added", "removed"),
    ("indices.exclusions", "excluded_by"): ("cap", "rule"),
    ("ops.gaps", "place"): ("head", "interior", "tail", "all"),
    ("ops.gaps", "state"): tuple(
        state.value for state in State if state not in (State.PRESENT, State.CLOSED)
    ),
}  # fmt: skip
"""(table, column) to the only values; NULL is judged apart."""

_SHARE = (0.0, 1 + 1e-9)
_NOT_BELOW_ZERO = (0.0, None)
_PERCENT = (0.0, 100.0)
_POSITIVE = (ABOVE_ZERO, None)
_RETURN = (-1.0, None)
_FALL = (-1.0, 0.0)

BETWEEN: Mapping[tuple[str, str], tuple[float | None, float | None]] = {
    (ANY, "rank"): (1.0, None),
    (ANY, "volume"): _NOT_BELOW_ZERO,
    (ANY, "split_factor"): _POSITIVE,
    (ANY, "total_factor"): _POSITIVE,
    (ANY, "max_drawdown"): _FALL,
    (ANY, "drawdown"): _FALL,
    (ANY, "session_return"): _RETURN,
    (ANY, "total_return"): _RETURN,
    (ANY, "instrument_return"): _RETURN,
    (ANY, "volatility"): _NOT_BELOW_ZERO,
    (ANY, "tracking_error"): _NOT_BELOW_ZERO,
    (ANY, "n_returns"): _NOT_BELOW_ZERO,
    (ANY, "n_months"): _NOT_BELOW_ZERO,
    (ANY, "n_constituents"): _NOT_BELOW_ZERO,
    (ANY, "n_target"): (1.0, None),
    (ANY, "rows_raw"): _NOT_BELOW_ZERO,
    (ANY, "rows_rejected"): _NOT_BELOW_ZERO,
    (ANY, "rows_validated"): _NOT_BELOW_ZERO,
    (ANY, "positive_months"): _SHARE,
    (ANY, "jaccard"): _SHARE,
    (ANY, "target_weight"): _SHARE,
    ("indices.performance", "turnover"): _SHARE,
    ("indices.levels", "level"): _POSITIVE,
    ("indices.composition_changes", "weight_before"): _NOT_BELOW_ZERO,
    ("indices.composition_changes", "weight_after"): _NOT_BELOW_ZERO,
    ("indices.contributions", "start_weight"): _NOT_BELOW_ZERO,
    ("indices.contributions", "drifted_weight"): _NOT_BELOW_ZERO,
    ("catalog.corporate_actions", "ratio"): _POSITIVE,
    ("catalog.corporate_actions", "amount"): _NOT_BELOW_ZERO,
    ("funds.scores", "score"): _PERCENT,
    ("ops.gaps", "sessions"): (1.0, None),
    ("ops.gaps", "tries"): _NOT_BELOW_ZERO,
}
"""(table, column) to the least and the highest value; NULL and NaN are judged apart."""

AT_LEAST: Mapping[str, tuple[tuple[str, str], ...]] = {
    "catalog.instruments": (("valid_to", "valid_from"),),
    "catalog.listings": (("valid_to", "valid_from"),),
    "catalog.statements": (("valid_to", "valid_from"),),
    "catalog.adjustment_factors": (("to_session", "from_session"),),
    "catalog.total_return_factors": (("to_session", "from_session"),),
    "funds.risk": (
        ("trough_session", "peak_session"),
        ("recovery_session", "trough_session"),
        ("best_day", "worst_day"),
        ("best_month", "worst_month"),
    ),
    "ops.gaps": (("last_session", "first_session"),),
}
"""Table to pairs of columns of which the first is at least the second, where both are known."""

_FREE = ("prices.rejected",)


@dataclass(frozen=True)
class Terms:
    """What is declared of one column; None where nothing is."""

    one_of: tuple[str, ...] | None
    between: tuple[float | None, float | None] | None


def terms(table: Table, column: Column) -> Terms:
    """Those of the table itself go before those of every table; raw tables have no range."""
    if table.full_name in _FREE:
        return Terms(None, None)
    own, every = (table.full_name, column.name), (ANY, column.name)
    if table.schema == "raw":
        return Terms(ONE_OF.get(own, ONE_OF.get(every)), None)
    between = BETWEEN.get(own, BETWEEN.get(every))
    if between is None and column.name.endswith("_percentile"):
        between = _PERCENT
    return Terms(ONE_OF.get(own, ONE_OF.get(every)), between)
