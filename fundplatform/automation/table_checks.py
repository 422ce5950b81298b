"""Asset checks of V14, V27, V29 and V30: rules about other things than the bars of a run.

V14, V27 and V30 are judged with the gap ledger, which is made after what it looks at was published;
V29 with the holdings. V28 stands beside the indices' identities (`assets/index_checks.py`).
"""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from fundplatform.assets.fund_catalog import HOLDINGS, fund_raw
from fundplatform.automation.ledger_asset import GAPS
from fundplatform.finance.rules import load_limits
from fundplatform.finance.rules.aggregates import Verdict, holdings_sum
from fundplatform.finance.rules.catalog import BY_ID
from fundplatform.rule_results import of_bars
from fundplatform.sources.base import Source
from fundplatform.storage.base import Store

_WITH_GAPS = ("V14", "V27", "V30")


def table_checks(
    sources: Sequence[Source], store: Store, rules: Path
) -> list[dg.AssetChecksDefinition]:
    """The checks; that of holdings only where a source brings some.

    Args:
        sources: All of the location.
        store: Its published state is judged.
        rules: The user's limits.
    """
    return [_with_gaps(store, rules), *([_holdings(rules)] if fund_raw(sources) else [])]


def _with_gaps(store: Store, rules: Path) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="rules_of_tables",
        specs=[
            dg.AssetCheckSpec(rule, asset=GAPS, blocking=False, description=f"{BY_ID[rule].title}.")
            for rule in _WITH_GAPS
        ],
        pool="warehouse",
    )
    def judge() -> Iterator[dg.AssetCheckResult]:
        newest = store.query("SELECT max(session) AS session FROM ops.gates")["session"][0]
        known = isinstance(newest, date)
        found = {v.rule: v for v in of_bars(store, newest, load_limits(rules))} if known else {}
        for rule in _WITH_GAPS:
            verdict = found.get(rule, Verdict(rule, "passed", "nothing is judged yet"))
            yield result(verdict)._replace(asset_key=GAPS, check_name=rule)

    return judge


def _holdings(rules: Path) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="V29",
        asset=HOLDINGS,
        blocking=False,
        description=f"{BY_ID['V29'].title}.",
        pool="warehouse",
    )
    def judge(holdings: pl.DataFrame) -> dg.AssetCheckResult:
        return result(holdings_sum(holdings, load_limits(rules)))

    return judge


def result(verdict: Verdict) -> dg.AssetCheckResult:
    """An error or a warning does not pass; an information does, and is shown."""
    metadata: dict[str, Any] = {"outcome": verdict.outcome, "found": verdict.finding}
    if verdict.offenders:
        metadata["offenders"] = "\n".join(verdict.offenders)
    error = verdict.outcome == "error"
    return dg.AssetCheckResult(
        passed=verdict.outcome in ("passed", "info"),
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description=verdict.finding,
        metadata=metadata,
    )
