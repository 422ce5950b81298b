"""How alike the holdings of funds are (methodology B2), and what the dearer of two alike costs.

In: holdings of one date each (fund, key of the holding, weight as a decimal of net assets). Out:
one row per pair of funds. Which identifier is the key, and that it means the same security in
every fund, is settled before.
"""

import polars as pl

HOLDINGS = pl.Schema({"fund": pl.String(), "holding": pl.String(), "weight": pl.Float64()})
WEIGHT_SUM = (0.95, 1.05)
"""V29: holdings outside it are incomplete, leveraged or in the wrong unit."""
# Every holding of so many funds beside that of all others is in memory at once.
_BLOCK = 50


def netted(holdings: pl.DataFrame) -> pl.DataFrame:
    """One row per fund and holding: several lots of a security add up (shorts are negative)."""
    return holdings.group_by("fund", "holding").agg(pl.col("weight").sum()).sort("fund", "holding")


def weight_sums(holdings: pl.DataFrame) -> pl.DataFrame:
    """Per fund: n, weight_sum, long, short (<= 0) and `complete` (V29: sum within 95-105 %)."""
    weight = pl.col("weight")
    return (
        holdings.group_by("fund")
        .agg(
            n=pl.len(),
            weight_sum=weight.sum(),
            long=weight.filter(weight > 0).sum(),
            short=weight.filter(weight < 0).sum(),
        )
        .with_columns(complete=pl.col("weight_sum").is_between(*WEIGHT_SUM))
        .sort("fund")
    )


def overlaps(holdings: pl.DataFrame) -> pl.DataFrame:
    """Overlap, active share and Jaccard of every pair of funds.

    overlap = sum of min(w_a, w_b) over the holdings both are long in; active_share =
    sum |w_a - w_b| / 2 over all holdings; jaccard = holdings in both / holdings in either.

    Args:
        holdings: Schema `HOLDINGS`; any number of funds; time grows with its square.

    Returns:
        fund, other (fund < other), overlap, active_share, jaccard, common (count).
    """
    net = netted(holdings)
    funds = net["fund"].unique(maintain_order=True)
    blocks = [funds[n : n + _BLOCK] for n in range(0, max(len(funds), 1), _BLOCK)]
    both = pl.concat(_shared(net.filter(pl.col("fund").is_in(b.implode())), net) for b in blocks)
    size = net.group_by("fund").agg(gross=pl.col("weight").abs().sum(), n=pl.len().cast(pl.Int64))
    pairs = size.join(size, how="cross", suffix="_other").filter(
        pl.col("fund") < pl.col("fund_other")
    )
    return (
        pairs.join(both, on=["fund", "fund_other"], how="left")
        .with_columns(pl.col("overlap", "saved").fill_null(0.0), pl.col("common").fill_null(0))
        .select(
            "fund",
            pl.col("fund_other").alias("other"),
            "overlap",
            active_share=(pl.col("gross") + pl.col("gross_other") - pl.col("saved")) / 2,
            jaccard=pl.col("common") / (pl.col("n") + pl.col("n_other") - pl.col("common")),
            common="common",
        )
        .sort("fund", "other")
    )


def _shared(some: pl.DataFrame, every: pl.DataFrame) -> pl.DataFrame:
    """What some of the funds have in common with those that sort after them."""
    return (
        some.join(every, on="holding", suffix="_other")
        .filter(pl.col("fund") < pl.col("fund_other"))
        .group_by("fund", "fund_other")
        .agg(
            overlap=pl.min_horizontal("weight", "weight_other").clip(lower_bound=0).sum(),
            # |a - b| summed over all = |a| + |b| summed, less what the common ones save.
            saved=(
                pl.col("weight").abs()
                + pl.col("weight_other").abs()
                - (pl.col("weight") - pl.col("weight_other")).abs()
            ).sum(),
            common=pl.len().cast(pl.Int64),
        )
    )


def common_holdings(holdings: pl.DataFrame, limit: int = 10) -> pl.DataFrame:
    """What all the funds hold, by their smallest weight in any: holding, smallest, one column each.

    Args:
        holdings: Schema `HOLDINGS`.
        limit: Rows at most.
    """
    net = netted(holdings)
    funds = net["fund"].unique().sort().to_list()
    wide = net.pivot("fund", index="holding", values="weight").drop_nulls()
    if wide.is_empty() or len(funds) != wide.width - 1:
        return pl.DataFrame(
            schema={"holding": pl.String(), "smallest": pl.Float64()}
            | {f: pl.Float64() for f in funds}
        )
    return (
        wide.with_columns(smallest=pl.min_horizontal(funds))
        .select("holding", "smallest", *funds)
        .sort("smallest", "holding", descending=[True, False])
        .head(limit)
    )


def same_holdings_higher_fee(
    pairs: pl.DataFrame,
    expense_ratios: pl.DataFrame,
    *,
    min_overlap: float = 0.8,
    amount: float = 10_000.0,
) -> pl.DataFrame:
    """Pairs that hold much the same at different fees, the most expensive difference first.

    Args:
        pairs: As `overlaps` returns.
        expense_ratios: fund, expense_ratio (decimal a year; NULL: unknown, the pair is left out).
        min_overlap: Least overlap, decimal.
        amount: Money the cost is stated for.

    Returns:
        dearer, cheaper, overlap, dearer_expense_ratio, cheaper_expense_ratio, cost_per_year
        (money per `amount`: the difference of the ratios times it).
    """
    known = expense_ratios.select("fund", "expense_ratio").drop_nulls()
    alike = (
        pairs.filter(pl.col("overlap") >= min_overlap)
        .join(known, on="fund")
        .join(known.rename({"fund": "other", "expense_ratio": "ratio_other"}), on="other")
        .filter(pl.col("expense_ratio") != pl.col("ratio_other"))
    )
    first = pl.col("expense_ratio") > pl.col("ratio_other")
    return (
        alike.select(
            dearer=pl.when(first).then("fund").otherwise("other"),
            cheaper=pl.when(first).then("other").otherwise("fund"),
            overlap="overlap",
            dearer_expense_ratio=pl.max_horizontal("expense_ratio", "ratio_other"),
            cheaper_expense_ratio=pl.min_horizontal("expense_ratio", "ratio_other"),
        )
        .with_columns(
            cost_per_year=amount
            * (pl.col("dearer_expense_ratio") - pl.col("cheaper_expense_ratio"))
        )
        .sort("cost_per_year", "dearer", "cheaper", descending=[True, False, False])
    )
