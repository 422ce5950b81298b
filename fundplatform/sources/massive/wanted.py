"""Which of Massive's tickers are asked for, what they mean and when; and the listings that follow.

A company's former tickers are remembered from its ticker events. No requests here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from fundplatform.sources.base import LISTING_SCHEMA
from fundplatform.sources.massive.reference import Name
from fundplatform.sources.massive.symbols import canonical
from fundplatform.sources.web.profile import Tracked

EVERYTHING = "*"
# 60 sessions: after a longer silence the ticker may be another company's.
_LONGEST_GAP = timedelta(days=90)
_MEANING = ("symbol", "asset_class", "quote")


@dataclass(frozen=True)
class Wish:
    """One ticker for one span of days.

    Attributes:
        ticker: Massive's ticker.
        first: First day wanted.
        last: Last day wanted.
        tracked: What it means.
    """

    ticker: str
    first: date
    last: date
    tracked: Tracked


def whole_market(tracked: Sequence[Tracked]) -> bool:
    """Whether every ticker is wanted: nothing is tracked, or `*` is."""
    return not tracked or any(t.vendor_symbol == EVERYTHING for t in tracked)


def wishes(
    tracked: Sequence[Tracked], names: Mapping[str, Sequence[Name]], first: date, last: date
) -> list[Wish]:
    """The tickers to ask for within first..last, in order.

    What a person wrote goes before what the vendor says: a listing with an end is taken as it is,
    and a former ticker that is tracked by itself is not asked twice.

    Args:
        tracked: The listings that are tracked.
        names: Ticker -> all tickers of its company; a ticker that is not in it is asked as it is.
        first: First day.
        last: Last day.
    """
    found = []
    written = {t.vendor_symbol for t in tracked}
    for one in sorted(tracked, key=lambda t: (t.vendor_symbol, t.since)):
        ticker = one.vendor_symbol
        if ticker == EVERYTHING:
            continue
        known = () if one.until else names.get(ticker, ())
        for name in known or [Name(ticker, date.min, None)]:
            if name.ticker != ticker and name.ticker in written:
                continue
            low = max(first, one.since, name.first)
            high = min(last, name.last or last, one.until or last)
            if low <= high:
                found.append(Wish(name.ticker, low, high, one))
    return found


def keep(rows: pl.DataFrame, wanted: Sequence[Wish], day: str = "session") -> pl.DataFrame:
    """The rows that are wanted, by ticker and day; rows without a ticker stay."""
    spans = pl.DataFrame(
        [(w.ticker, w.first, w.last) for w in wanted],
        {"vendor_symbol": pl.String(), "_first": pl.Date(), "_last": pl.Date()},
        orient="row",
    )
    places = rows.with_row_index("_place")
    asked = places.join(spans, on="vendor_symbol").filter(
        pl.col(day).is_between("_first", "_last") | pl.col(day).is_null()
    )
    hit = pl.col("_place").is_in(asked["_place"].implode()) | pl.col("vendor_symbol").is_null()
    return places.filter(hit).drop("_place")


def listings(seen: pl.DataFrame, wanted: Sequence[Wish]) -> pl.DataFrame:
    """What the tickers of an answer mean (LISTING_SCHEMA): one row per meaning and stretch.

    A stretch ends where the ticker is silent for more than 90 days.

    Args:
        seen: vendor_symbol, session, and `name` where it is known.
        wanted: The wishes, none of which overlap for one ticker; a ticker at other times is a
            stock of the US market, by its own symbol.
    """
    named = seen if "name" in seen.columns else seen.with_columns(name=pl.lit(None, pl.String()))
    days = named.unique(["vendor_symbol", "session"], maintain_order=True)
    meant = _meanings(days, wanted)
    group = ["vendor_symbol", *_MEANING]
    begins = pl.col("session").diff().over(group) > _LONGEST_GAP
    return (
        meant.sort(*group, "session")
        .with_columns(_stretch=begins.fill_null(False).cum_sum().over(group))
        .group_by(*group, "_stretch", maintain_order=True)
        .agg(
            pl.col("name").drop_nulls().last(),
            valid_from=pl.col("session").min(),
            valid_to=pl.col("session").max(),
        )
        .with_columns(market=pl.lit("US"))
        .select(pl.col(n).cast(t) for n, t in LISTING_SCHEMA.items())
    )


def _meanings(days: pl.DataFrame, wanted: Sequence[Wish]) -> pl.DataFrame:
    """`days` with _MEANING: the wish's where one covers the day, else the ticker's own."""
    tickers = days["vendor_symbol"].unique()
    own = {t: canonical(t) for t in tickers}
    plain = days.with_columns(
        symbol=pl.col("vendor_symbol").replace_strict(own, return_dtype=pl.String()),
        asset_class=pl.lit("equity"),
        quote=pl.lit("USD"),
    )
    if not wanted:
        return plain
    spans = pl.DataFrame(
        [
            (w.ticker, w.first, w.last, w.tracked.symbol, w.tracked.asset_class, w.tracked.quote)
            for w in wanted
        ],
        {
            "vendor_symbol": pl.String(),
            "_first": pl.Date(),
            "_last": pl.Date(),
            **{f"_{n}": pl.String() for n in _MEANING},
        },
        orient="row",
    )
    found = (
        days.select("vendor_symbol", "session")
        .join(spans, on="vendor_symbol")
        .filter(pl.col("session").is_between("_first", "_last"))
        .unique(["vendor_symbol", "session"])
        .drop("_first", "_last")
    )
    return plain.join(
        found, on=["vendor_symbol", "session"], how="left", maintain_order="left"
    ).with_columns(pl.coalesce(f"_{n}", n).alias(n) for n in _MEANING)
