"""Corporate actions that count: one row per event, though several sources state it.

Splits are settled in `splits.py`, factors are made in `adjustment.py`, what an action pays is in
`payments.py`. In: rows of raw.corporate_actions and the sources' priorities. Out: the rows of
catalog.corporate_actions, and what a person may want to look at.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from fundplatform.finance import splits
from fundplatform.finance.splits import DOUBTS, SPLITS
from fundplatform.tables import ACTIONS as TABLE

CASH = ("dividend", "special_dividend")
OTHERS = ("spin_off", "merger", "delisting", "rename")
KINDS = (*SPLITS, *CASH, *OTHERS)
"""Every action that the platform understands; others stay in raw and are reported."""

VERSION = 2
"""Raised when the same statements come to give other actions."""

SAME_PAYMENT = timedelta(days=3)
"""Sources name ex-dates up to a weekend apart; weekly payers pay no oftener than this."""

_SAME_AMOUNT = 1e-3
_SCHEMA = pl.Schema({n: t for n, t in TABLE.polars_schema.items() if n not in TABLE.stamps})


@dataclass(frozen=True)
class Counted:
    """What counts.

    Attributes:
        actions: catalog.corporate_actions without stamps.
        doubts: DOUBTS, of all actions.
        split_doubts: Those about splits that several sources state.
    """

    actions: pl.DataFrame
    doubts: pl.DataFrame
    split_doubts: pl.DataFrame = field(default_factory=lambda: DOUBTS.to_frame())


def known_by(actions: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """The actions that the public knew at this instant (known_at <= instant)."""
    return actions.filter(pl.col("known_at") <= instant)


def as_of(actions: pl.DataFrame, superseded: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """The rows as this warehouse had them at an instant, whatever came or changed since.

    Args:
        actions: raw.corporate_actions.
        superseded: raw.corporate_actions_revisions (the same columns and recorded_to).
        instant: recorded_from <= instant < recorded_to.
    """
    past = superseded.filter(pl.col("recorded_to") > instant).select(actions.columns)
    return pl.concat([actions, past]).filter(pl.col("recorded_from") <= instant)


def settled(actions: pl.DataFrame) -> Counted:
    """Without the rows that their own source told anew later, on another day near by.

    A raw table keeps what a later fetch no longer brings, so a corrected ex-date leaves two rows of
    one event behind: splits of one ratio or other actions of one reference within `splits.NEAR`,
    cash of one amount within `SAME_PAYMENT`. What was told at once are several events, and so is
    cash that comes again day after day. A split of ratio 1 is none: it takes back what was told
    before it.

    Args:
        actions: Rows of raw.corporate_actions.

    Returns:
        The rows that stay, all columns in their order, and the DOUBTS.
    """
    rows = actions.with_row_index("row")
    apart = (pl.col("ex_date") - pl.col("ex_date_better")).abs()
    again = pl.col("recorded_from_better") > pl.col("recorded_from")
    near = (
        pl.when(pl.col("action").is_in(SPLITS))
        .then((apart <= splits.NEAR) & (_alike("ratio") | (pl.col("ratio_better") == 1.0)))
        .when(pl.col("action").is_in(CASH))
        .then((apart <= SAME_PAYMENT) & _alike("amount"))
        .otherwise(
            (apart <= splits.NEAR) & pl.col("reference").eq_missing(pl.col("reference_better"))
        )
    )
    pairs = _neighbours(rows, "source_id", "instrument_id", "action").filter(
        again, apart > timedelta(0), near
    )
    # Told anew and then told anew again: a fund that pays the same day after day.
    again_and_again = pl.col("row").is_in(pairs["row_better"].implode())
    daily = again_and_again.any().over("source_id", "instrument_id", "action")
    pairs = (
        pairs.filter(~(daily & pl.col("action").is_in(CASH)))
        .sort("row", "recorded_from_better", "ex_date_better")
        .unique("row", keep="last", maintain_order=True)
        .with_columns(source_id_better="source_id")
    )
    why = "the source told it anew on another day: the later statement counts"
    parts = [
        _doubts(pairs.filter(pl.col("action").is_in(SPLITS)), "ratio", "_better", why),
        _doubts(pairs.filter(~pl.col("action").is_in(SPLITS)), "amount", "_better", why),
    ]
    return Counted(rows.join(pairs, on="row", how="anti").drop("row"), pl.concat(parts))


def _neighbours(rows: pl.DataFrame, *same: str) -> pl.DataFrame:
    """Each row beside every one within `splits.NEAR` (`_better`) that is the same in these columns.

    By places on the calendar: every row beside every other would be too many.
    """
    place = pl.col("ex_date").to_physical() // (splits.NEAR.days + 1)
    around = pl.concat_list(place - 1, place, place + 1)
    others = rows.with_columns(_place=around).explode("_place")
    return rows.with_columns(_place=place).join(others, on=[*same, "_place"], suffix="_better")


def _alike(value: str) -> pl.Expr:
    return (pl.col(value) / pl.col(f"{value}_better") - 1).abs() <= _SAME_AMOUNT


def counted(actions: pl.DataFrame, sources: pl.DataFrame) -> Counted:
    """One row per event.

    Splits and stock dividends: see `splits.distinct`. Cash: on one ex-date all rows of the source
    of lowest (priority, source_id) count (income and gains are two rows); another source's row of
    the same amount (to 0.1 %) within `SAME_PAYMENT` is the same payment. Spin-offs, mergers,
    delistings and renames: one of a kind within `splits.NEAR`. What a source told anew on another
    day: see `settled`. The order of rows never matters.

    Args:
        actions: raw.corporate_actions; unknown actions, and cash that is NULL, not finite or <= 0,
            do not count.
        sources: source_id and priority; a source that is not there comes last.
    """
    last = settled(actions)
    ranked = _ranked(last.actions, sources)
    found = splits.distinct(ranked.drop("rank"), sources)
    cash, cash_doubts = _cash(ranked)
    rows = pl.concat(
        [found.counted.select(actions.columns), cash, _once(ranked)], how="vertical"
    ).with_columns(_other_symbol())
    rows = rows.unique(TABLE.key, keep="first", maintain_order=True)
    return Counted(
        rows.select(pl.col(n).cast(t) for n, t in _SCHEMA.items()).sort(TABLE.key),
        pl.concat([last.doubts, found.doubts, cash_doubts, _unknown(ranked)]),
        found.doubts,
    )


def _ranked(actions: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """In order of priority, whatever order they came in; `rank` numbers the sources."""
    return (
        actions.join(sources.select("source_id", "priority"), on="source_id", how="left")
        .with_columns(rank=pl.struct(pl.col("priority").fill_null(2**31 - 1), "source_id"))
        .with_columns(pl.col("rank").rank("dense"))
        .sort("rank", "instrument_id", "ex_date", "action")
        .drop("priority")
    )


def _cash(ranked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    amount = pl.col("amount")
    own = ["instrument_id", "ex_date"]
    usable = ranked.filter(pl.col("action").is_in(CASH), amount.is_finite(), amount > 0)
    best = usable.filter(pl.col("rank") == pl.col("rank").min().over(own))
    doubled, doubts = _told_again(best)
    kept = best.join(doubled, on=["source_id", "instrument_id", "action", "ex_date"], how="anti")
    return kept.drop("rank"), pl.concat([doubts, _differing(usable)])


def _told_again(best: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Payments of a lower source that a better one has within days; keys, and DOUBTS."""
    pairs = _neighbours(best, "instrument_id").filter(
        pl.col("rank_better") < pl.col("rank"),
        (pl.col("ex_date") - pl.col("ex_date_better")).abs() <= SAME_PAYMENT,
        (pl.col("amount") / pl.col("amount_better") - 1).abs() <= _SAME_AMOUNT,
    )
    pairs = pairs.sort("rank_better", "ex_date_better").unique(
        ["source_id", "instrument_id", "action", "ex_date"], keep="first", maintain_order=True
    )
    why = "the same payment on two days: that of the source of higher priority counts"
    return (
        pairs.select("source_id", "instrument_id", "action", "ex_date"),
        _doubts(pairs, "amount", "_better", why),
    )


def _differing(usable: pl.DataFrame) -> pl.DataFrame:
    """Sources that give other amounts for one ex-date."""
    sums = usable.group_by("rank", "source_id", "instrument_id", "ex_date").agg(
        pl.col("amount").sum()
    )
    best = sums.filter(pl.col("rank") == pl.col("rank").min().over("instrument_id", "ex_date"))
    pairs = sums.join(best, on=["instrument_id", "ex_date"], suffix="_better").filter(
        pl.col("rank_better") < pl.col("rank"),
        (pl.col("amount") / pl.col("amount_better") - 1).abs() > _SAME_AMOUNT,
    )
    pairs = pairs.with_columns(ex_date_better="ex_date")
    why = "two amounts on one ex-date: that of the source of higher priority counts"
    return _doubts(pairs, "amount", "_better", why)


def _once(ranked: pl.DataFrame) -> pl.DataFrame:
    """Spin-offs, mergers, delistings, renames: the first statement of each within days."""
    rows = ranked.filter(pl.col("action").is_in(OTHERS)).with_row_index("row")
    pairs = _neighbours(rows, "instrument_id", "action").filter(
        pl.col("rank_better") < pl.col("rank"),
        (pl.col("ex_date") - pl.col("ex_date_better")).abs() <= splits.NEAR,
    )
    return rows.join(pairs.select("row").unique(), on="row", how="anti").drop("row", "rank")


def _unknown(ranked: pl.DataFrame) -> pl.DataFrame:
    strange = ranked.filter(~pl.col("action").is_in(KINDS)).with_columns(
        source_id_better=pl.lit(None, pl.Int16),
        ex_date_better=pl.lit(None, pl.Date),
        ratio_better=pl.lit(None, pl.Float64),
    )
    return _doubts(strange, "ratio", "_better", f"no action of {', '.join(KINDS)}: not counted")


def _doubts(pairs: pl.DataFrame, value: str, suffix: str, decision: str) -> pl.DataFrame:
    renamed = {
        "instrument_id": "instrument_id",
        "source_id": "source_id",
        "ex_date": "ex_date",
        "ratio": value,
        "other_source_id": f"source_id{suffix}",
        "other_ex_date": f"ex_date{suffix}",
        "other_ratio": f"{value}{suffix}",
    }
    columns: Sequence[pl.Expr] = [
        pl.col(old).cast(DOUBTS[new]).alias(new) for new, old in renamed.items()
    ]
    rows = pairs.select(*columns, pl.lit(decision).alias("decision"))
    return rows.sort("instrument_id", "ex_date", "source_id")


def _other_symbol() -> pl.Expr:
    """The other party: `reference` begins with `other=SYMBOL` (drop folders write it so)."""
    return pl.col("reference").str.extract(r"^other=([^;\s]+)").alias("other_symbol")
