"""Scores of all funds on each session: peer groups, inputs per frame, headline (methodology B6).

In: rows of funds.metrics and funds.risk, fund facts, instruments. Out: rows of funds.scores. The
percentiles and the weighing are `score.py`'s.
"""

import polars as pl

from fundplatform.finance import frames, score
from fundplatform.finance.metric_rules import MetricRules
from fundplatform.tables import SCORES

FUND_CLASSES = ("etf", "fund", "mutual_fund", "money_market", "closed_end")
"""Classes that are scored; other instruments only where a source states them to be funds."""

HEADLINE = "HEADLINE"
_LONG = (*frames.YEARS, "ALL")
_KEY = ["instrument_id", "session", "return_basis"]
_FACTS = ("fund_type", "category", "expense_ratio")


def fund_scores(
    metrics: pl.DataFrame,
    risk: pl.DataFrame,
    facts: pl.DataFrame,
    instruments: pl.DataFrame,
    rules: MetricRules,
) -> pl.DataFrame:
    """Score every fund in every frame, and in one number.

    Peers are funds of one asset class, fund type and category (where one is stated) that have a
    return in the frame on that session. A fact counts from the day it was known.

    Args:
        metrics: Rows of funds.metrics of whole sessions: percentiles need all the peers.
        risk: The rows of funds.risk beside them.
        facts: Rows of raw.fund_facts as `fund_history.trusted` gives them.
        instruments: catalog.instruments.
        rules: Weights.

    Returns:
        Columns of funds.scores without stamps. Reasons: insufficient_history or another reason of
        funds.metrics where the frame has no return; no_peer_group, too_few_peers, missing_inputs.
    """
    funds = _with_peers(metrics, facts, instruments)
    if funds.is_empty():
        return SCORES.empty().drop(SCORES.stamps)
    keys = [*_KEY, "frame"]
    rows = funds.join(
        risk.select(*keys, "calmar", "tracking_error"), on=keys, how="left"
    ).with_columns(
        annualized_return=pl.when(pl.col("frame").is_in(_LONG))
        .then("annualized_return")
        .otherwise("total_return"),
        why=pl.col("reason"),
        group=pl.when(pl.col("total_return").is_not_null()).then(
            pl.struct("peer_group", "session", "frame", "return_basis")
        ),
    )
    scored = score.scores(rows.drop("reason"), rules.weights, group="group").with_columns(
        reason=pl.when(pl.col("group").is_null()).then("why").otherwise("reason")
    )
    scored = _by_length(scored)
    return _shaped(pl.concat([_shaped(scored), _headline(scored, rules)])).sort(
        "instrument_id", "session", "return_basis", "frame"
    )


def _with_peers(
    metrics: pl.DataFrame, facts: pl.DataFrame, instruments: pl.DataFrame
) -> pl.DataFrame:
    """The metrics of funds with fund_type, category, expense_ratio and peer_group."""
    stated = (
        _in_force(facts)
        .select("instrument_id", "session", *_FACTS)
        .with_columns(pl.col(_FACTS).forward_fill().over("instrument_id"))
        .unique(["instrument_id", "session"], keep="last", maintain_order=True)
        .sort("session")
    )
    classes = instruments.select("instrument_id", "asset_class")
    known = metrics.join(classes, on="instrument_id").sort("session")
    known = known.join_asof(
        stated, on="session", by="instrument_id", strategy="backward", check_sortedness=False
    )
    is_fund = pl.col("asset_class").is_in(FUND_CLASSES) | pl.col("fund_type").is_not_null()
    names = pl.concat_str(
        "asset_class", "fund_type", "category", separator=" / ", ignore_nulls=True
    )
    return known.filter(is_fund).with_columns(peer_group=names)


def _in_force(facts: pl.DataFrame) -> pl.DataFrame:
    """The statements by the session from which each is known and in force.

    One that is overtaken by then (it says how things were before another) is left out.
    """
    since = facts.with_columns(session=pl.max_horizontal("session", "effective_on"))
    ordered = since.sort("instrument_id", "session", "effective_on", maintain_order=True)
    newest = pl.col("effective_on") >= pl.col("effective_on").cum_max().over("instrument_id")
    return ordered.filter(newest)


def _by_length(scored: pl.DataFrame) -> pl.DataFrame:
    """Below a year the return's percentile is that of the total return."""
    name = "annualized_return_percentile"
    if name not in scored.columns:
        return scored
    long = pl.col("frame").is_in(_LONG)
    total: pl.Expr = pl.when(~long).then(name)
    if "total_return_percentile" in scored.columns:
        total = pl.coalesce("total_return_percentile", total)
    return scored.with_columns(
        total_return_percentile=total,
        annualized_return_percentile=pl.when(long).then(name),
    )


def _headline(scored: pl.DataFrame, rules: MetricRules) -> pl.DataFrame:
    """One row per fund, session and basis: the weighted mean of the scores that there are."""
    share = pl.col("frame").replace_strict(dict(rules.headline), default=None)
    there = pl.col("score").is_not_null() & pl.col("share").is_not_null()
    weighted = pl.col("score") * pl.col("share")
    found = (
        scored.with_columns(share=share.cast(pl.Float64))
        .group_by(_KEY)
        .agg(
            peer_group=pl.col("peer_group").first(),
            peer_count=pl.col("peer_count").filter(there).min().fill_null(0),
            weights_version=pl.col("weights_version").first(),
            mean=weighted.filter(there).sum() / pl.col("share").filter(there).sum(),
            count=there.sum(),
        )
    )
    some = pl.col("count") > 0
    return _shaped(
        found.with_columns(
            frame=pl.lit(HEADLINE),
            score=pl.when(some).then(score.half_up(pl.col("mean"))).cast(pl.Int32),
            reason=pl.when(~some).then(pl.lit("no_frame_score")),
        )
    )


def _shaped(rows: pl.DataFrame) -> pl.DataFrame:
    schema = {n: t for n, t in SCORES.polars_schema.items() if n not in SCORES.stamps}
    return rows.select(
        (pl.col(n) if n in rows.columns else pl.lit(None).alias(n)).cast(t)
        for n, t in schema.items()
    )
