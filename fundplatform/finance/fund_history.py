"""What a fund was and cost, version by version (catalog.fund_facts).

In: statements of raw.fund_facts of all sources. Out: effective-dated versions; nothing that was
known later stands in a version known earlier. Scores and fees read facts elsewhere.
"""

import polars as pl

from fundplatform.finance.fees import unit_suspect
from fundplatform.tables import FACTS

VERSION = 2
HIGHEST_RATIO = 0.10
"""A yearly expense ratio above it is a percentage taken for a fraction."""
_MIX_UP = (50.0, 200.0)
_PERCENTAGE = 0.03
"""Of two ratios a hundred times apart the higher is the percentage from here on: funds at 0.03 to
0.10 % are many, at 3 to 10 % hardly any. Below it the one known first stands."""
_PEERS = 4
_CARRIED = (
    *("name", "fund_type", "category", "issuer", "share_class", "series", "inception"),
    *("expense_ratio", "gross_expense_ratio", "aum", "currency", "active"),
)
_TOLD = (*_CARRIED, "problem")
_ORDER = ("instrument_id", "known_at", "effective_on")


def versions(facts: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """The versions of every fund, in the order in which they became known.

    What a statement leaves out is carried on from the statements known before it, as long as they
    are no later in effect. A statement that reaches back behind one already known stands by
    itself. A statement that says nothing new makes no version.

    Args:
        facts: Rows of raw.fund_facts.
        sources: catalog.sources; of statements of one instant the lower priority wins.

    Returns:
        Columns of catalog.fund_facts without stamps, sorted by its key.
    """
    rows = (
        trusted(facts, sources)
        .with_columns(
            backdated=pl.col("effective_on")
            < pl.col("effective_on").cum_max().shift(1).over("instrument_id")
        )
        .with_columns(pl.col("backdated").fill_null(False))
    )
    one = ["instrument_id", pl.when("backdated").then(pl.int_range(pl.len())).otherwise(-1)]
    rows = rows.with_columns(pl.col(_CARRIED).forward_fill().over(one))
    rows = rows.unique(_ORDER, keep="last", maintain_order=True)
    before = pl.struct(_TOLD).shift(1).over("instrument_id")
    fresh = before.is_null() | pl.struct(_TOLD).ne_missing(before) | pl.col("backdated")
    after_backdated = pl.col("backdated").shift(1).over("instrument_id").fill_null(False)
    rows = rows.filter(fresh | after_backdated)
    ends = _ends(rows)
    same = ["instrument_id", "effective_on"]
    return (
        rows.with_columns(superseded_at=pl.col("known_at").shift(-1).over(same))
        .join(ends, on=same)
        .rename({"effective_on": "valid_from"})
        .select(pl.col(n).cast(FACTS.polars_schema[n]) for n in FACTS.column_names
                if n not in FACTS.stamps)
        .sort(FACTS.key)
    )  # fmt: skip


def trusted(facts: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """The statements in the order in which they became known, ratios in a wrong unit left out.

    Args:
        facts: Rows of raw.fund_facts.
        sources: catalog.sources; of statements of one instant the lower priority stands last.

    Returns:
        `facts`, expense ratios that are doubted NULL, with `priority`, `stated_expense_ratio` and
        `problem`.
    """
    rows = facts.join(sources.select("source_id", "priority"), on="source_id", how="left").sort(
        *_ORDER, "priority", "source_id", descending=[False] * 3 + [True] * 2, nulls_last=True
    )
    return _trusted(rows.with_columns(stated_expense_ratio="expense_ratio"))


def suspects(versions: pl.DataFrame, instruments: pl.DataFrame) -> pl.DataFrame:
    """Funds whose newest fee looks like a percentage taken for a fraction, or the reverse.

    Peers are the funds of one asset class and category where there are `_PEERS` or more, else of
    the class. Only told: what is wrong about a fee, its own history alone decides (see `trusted`).

    Args:
        versions: As `versions` returns.
        instruments: catalog.instruments.

    Returns:
        symbol, expense_ratio, usual (median of the peers, the fund among them), by symbol.
    """
    known = (
        versions.filter(pl.col("superseded_at").is_null())
        .drop_nulls("expense_ratio")
        .sort("valid_from")
        .unique("instrument_id", keep="last", maintain_order=True)
        .join(instruments.select("instrument_id", "symbol", "asset_class"), on="instrument_id")
    )

    def median(*group: str) -> pl.Expr:
        return pl.when(pl.len().over(group) >= _PEERS).then(
            pl.col("expense_ratio").median().over(group)
        )

    near = pl.when(pl.col("category").is_not_null()).then(median("asset_class", "category"))
    found = known.select(
        "symbol", "expense_ratio", usual=pl.coalesce(near, median("asset_class"))
    ).drop_nulls()
    odd = [unit_suspect(ratio, [usual]) for _, ratio, usual in found.iter_rows()]
    return found.filter(pl.Series(odd, dtype=pl.Boolean())).sort("symbol")


def _ends(rows: pl.DataFrame) -> pl.DataFrame:
    """instrument_id, effective_on, valid_to: the day before the next version takes effect."""
    days = (
        rows.select("instrument_id", "effective_on").unique().sort("instrument_id", "effective_on")
    )
    following = pl.col("effective_on").shift(-1).over("instrument_id")
    return days.with_columns(valid_to=following - pl.duration(days=1))


def _trusted(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `problem`; an expense ratio in the wrong unit becomes null, so that the last good stands.

    Args:
        rows: Sorted by fund and by when they were known.
    """
    problems: list[str | None] = []
    last: dict[int, float] = {}
    for fund, ratio in rows.select("instrument_id", "expense_ratio").iter_rows():
        problem = None if ratio is None else _problem(ratio, last.get(fund))
        problems.append(problem)
        if ratio is not None and problem is None:
            last[fund] = ratio
    gross = pl.col("gross_expense_ratio")
    return rows.with_columns(pl.Series("problem", problems, pl.String())).with_columns(
        expense_ratio=pl.when(pl.col("problem").is_null()).then("expense_ratio"),
        gross_expense_ratio=pl.when(gross.is_between(0, HIGHEST_RATIO)).then(gross),
    )


def _problem(ratio: float, last: float | None) -> str | None:
    if not 0 <= ratio <= HIGHEST_RATIO:
        return f"expense ratio {ratio:g} lies outside 0 to {HIGHEST_RATIO:g}: percent as fraction?"
    if last and ratio:
        low, high = _MIX_UP
        fell = low <= last / ratio <= high and last < _PERCENTAGE
        if fell or low <= ratio / last <= high:
            return f"expense ratio {ratio:g} after {last:g}: percent and fraction mixed up?"
    return None
