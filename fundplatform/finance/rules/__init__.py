"""Rules V01 to V30 (methodology C): one declared list, and the verdict on raw bars.

`catalog.py` is the list, `verdict.judge` applies what concerns bars, `aggregates.py` the rest.
Nothing here reads a warehouse or a file, but for rules.yaml in `limits.py`.
"""

from fundplatform.finance.rules.catalog import (
    AHEAD_DAYS,
    BY_ID,
    ERRORS,
    LOOKBACK_DAYS,
    RULES,
    RULES_VERSION,
    WARNINGS,
)
from fundplatform.finance.rules.declared import Rule
from fundplatform.finance.rules.limits import DEFAULTS, Limits, load_limits
from fundplatform.finance.rules.overrides import OVERRIDES
from fundplatform.finance.rules.verdict import CONTEXT, Judged, judge
from fundplatform.finance.rules.walk import ACTIONS

__all__ = [
    "ACTIONS",
    "AHEAD_DAYS",
    "BY_ID",
    "CONTEXT",
    "DEFAULTS",
    "ERRORS",
    "LOOKBACK_DAYS",
    "OVERRIDES",
    "RULES",
    "RULES_VERSION",
    "WARNINGS",
    "Judged",
    "Limits",
    "Rule",
    "judge",
    "load_limits",
]
