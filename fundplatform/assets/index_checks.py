"""Asset checks of the indices: the identities of `finance/index/identities.py`, blocking.

Old caps and sessions before the first profiles are warnings, told by the notes. All judge what a
run wrote to its range; levels are judged whole, as they are written.
"""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
import polars as pl

from fundplatform.assets.describe import noted_sessions
from fundplatform.assets.profiled import REMEDY, unprofiled
from fundplatform.finance.index import identities
from fundplatform.finance.index.notes import OLD_CAPS
from fundplatform.finance.rules.aggregates import index_whole, usual

_SHOWN = 5
_WHOLE = {"whole": True}
_COMPOSITIONS = dg.AssetKey(["indices", "compositions"])
_CONTRIBUTIONS = dg.AssetKey(["indices", "contributions"])
_PERFORMANCE = dg.AssetKey(["indices", "performance"])
_LEVELS = dg.AssetKey(["indices", "levels"])


def index_checks() -> list[dg.AssetChecksDefinition]:
    """The identities of every session, and those of levels; and the warnings beside them."""
    return [
        _sessions(),
        _chains(),
        _noted(
            "fresh_caps",
            "No composition rests on market caps older than flag_cap_age_days (120).",
            age_of_caps,
        ),
        _noted(
            "profiles_known",
            "By each cutoff the sectors and countries that an index filters by were known.",
            profiles_known,
        ),
    ]


def _sessions() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="identities",
        asset=_PERFORMANCE,
        blocking=True,
        description="Weights add up to 1, contributions to the return (1e-12); PR <= NTR <= GTR.",
        additional_ins={
            "compositions": dg.AssetIn(_COMPOSITIONS),
            "contributions": dg.AssetIn(_CONTRIBUTIONS),
        },
        pool="warehouse",
    )
    def check(
        performance: pl.DataFrame, compositions: pl.DataFrame, contributions: pl.DataFrame
    ) -> dg.AssetCheckResult:
        found = verdict(
            {
                "weights": identities.weights_add_up(compositions),
                "contributions": identities.contributions_add_up(performance, contributions),
                "total returns": identities.total_is_no_less(performance),
            }
        )
        return whole(found, performance, compositions)

    return check


def whole(
    found: dg.AssetCheckResult, performance: pl.DataFrame, compositions: pl.DataFrame
) -> dg.AssetCheckResult:
    """The result with V28: a session that is not whole is a warning beside the identities."""
    prices = performance.filter(pl.col("return_basis") == "price")
    weights = compositions.select("index_name", "session", "instrument_id", weight="target_weight")
    returns = prices.select("index_name", "session", "session_return", level=pl.lit(1.0))
    said = index_whole(weights, usual(prices), returns)
    told = {"V28": said.finding, "V28 offenders": "\n".join(said.offenders)}
    texts = {name: dg.MetadataValue.text(text) for name, text in told.items()}
    metadata = {**found.metadata, **texts}
    if not found.passed or said.outcome == "passed":
        return found._replace(metadata=metadata)
    return found._replace(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"V28: {said.finding}",
        metadata=metadata,
    )


def _chains() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        name="identities",
        asset=_LEVELS,
        blocking=True,
        description="The ratio of two neighbouring levels is 1 + the return of the later session.",
        additional_ins={"performance": dg.AssetIn(_PERFORMANCE, metadata=_WHOLE)},
        pool="warehouse",
    )
    def check(levels: pl.DataFrame, performance: pl.DataFrame) -> dg.AssetCheckResult:
        return verdict({"levels": identities.levels_follow(levels, performance)})

    return check


def age_of_caps(performance: pl.DataFrame) -> dg.AssetCheckResult:
    """A warning with the sessions of each index that rest on old caps, and the last note."""
    return _warned(noted_sessions(performance, OLD_CAPS, "on old caps"))


def profiles_known(performance: pl.DataFrame) -> dg.AssetCheckResult:
    """A warning where hardly any profile was known by the cutoffs, and the line to write."""
    return _warned(unprofiled(performance), REMEDY)


def _warned(told: Mapping[str, Any], description: str | None = None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description=description if told else None,
        metadata=told,
    )


def _noted(
    name: str, description: str, judged: Callable[[pl.DataFrame], dg.AssetCheckResult]
) -> dg.AssetChecksDefinition:
    """A check of what the notes of a run's sessions say; it blocks nothing."""

    @dg.asset_check(name=name, asset=_PERFORMANCE, description=description, pool="warehouse")
    def check(performance: pl.DataFrame) -> dg.AssetCheckResult:
        return judged(performance)

    return check


def verdict(broken: Mapping[str, pl.DataFrame]) -> dg.AssetCheckResult:
    """Passed where nothing is broken; else expected, found and five offenders of each identity."""
    metadata: dict[str, Any] = {f"{name} broken": rows.height for name, rows in broken.items()}
    for name, rows in broken.items():
        if rows.height:
            shown = rows.head(_SHOWN).with_columns(pl.col("session").cast(pl.String))
            records = [dg.TableRecord(row) for row in shown.iter_rows(named=True)]
            metadata[f"{name} offenders"] = dg.MetadataValue.table(records)
    return dg.AssetCheckResult(
        passed=all(rows.is_empty() for rows in broken.values()), metadata=metadata
    )
