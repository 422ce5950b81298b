"""The rules' part of the contract of prices.validated: no stored bar breaks a rule that refuses it.

Rules that a bar keeps to by itself are judged again, on what is stored; of the others no bar that
one of them refused may be there. Bars that a person accepted are excused. In: the batches of
prices.validated and prices.rejected. Out: a `Counted` per rule of the catalog that refuses bars.
"""

import polars as pl

from fundplatform.contracts import SHOWN, Counted, rows_of
from fundplatform.finance.rules import RULES, Limits, Rule
from fundplatform.finance.rules.overrides import ACCEPTED
from fundplatform.finance.rules.row import row_rules
from fundplatform.tables import BAR_KEY

_ALONE = ("V02", "V03", "V04", "V05", "V06", "V25")
"""Rules that need a bar and its asset class, nothing else."""
_OF_BARS = ("row", "series", "cross-source")


def rule_clauses(
    validated: pl.DataFrame, rejected: pl.DataFrame, instruments: pl.DataFrame, limits: Limits
) -> list[Counted]:
    """One per rule that refuses bars.

    Args:
        validated: prices.validated.
        rejected: prices.rejected of the same sessions.
        instruments: instrument_id, asset_class, symbol.
        limits: The numbers to judge by.
    """
    stored = _with_refusals(validated, rejected)
    classes = instruments.select("instrument_id", "asset_class")
    stored = stored.join(classes, on="instrument_id", how="left", maintain_order="left")
    alone = row_rules(limits.resolved(instruments), stored.columns)
    excused = pl.col("warnings").str.contains(ACCEPTED, literal=True).fill_null(value=False)
    wanted = [r for r in RULES if r.blocks and r.scope in _OF_BARS]
    breaks = {
        r.id: (alone[r.id].fails if r.id in _ALONE else _refused_by(r.id))
        & ~(excused & pl.lit(r.acceptable))
        for r in wanted
    }
    counts = stored.select(b.sum().alias(n) for n, b in breaks.items()).row(0, named=True)
    return [_counted(r, stored, breaks[r.id], int(counts[r.id] or 0)) for r in wanted]


def _refused_by(rule: str) -> pl.Expr:
    return pl.col("_rules").str.contains(rule, literal=True)


def _with_refusals(validated: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """`_rules`: what refused the same bar, NULL where nothing did."""
    if rejected.is_empty():
        return validated.with_columns(_rules=pl.lit(None, pl.String))
    known = rejected.select(*BAR_KEY, _rules="rules")
    return validated.join(known, on=BAR_KEY, how="left", maintain_order="left")


def _counted(rule: Rule, stored: pl.DataFrame, breaks: pl.Expr, number: int) -> Counted:
    found = stored.filter(breaks).head(SHOWN) if number else stored.clear()
    shown = ("symbol", *BAR_KEY, "open", "high", "low", "close", "volume", "adjustment")
    return Counted(
        rule.expectation,
        f"{rule.id}: {rule.title}",
        number,
        f"{number} stored bars break it",
        rows_of(found, shown),
    )
