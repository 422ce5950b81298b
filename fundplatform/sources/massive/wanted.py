"""Which of Massive's tickers are asked for, what they mean and when; and the listings that follow.

A company's former tickers are remembered from its ticker events. No requests here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from fundplatform.sources.base import LISTING_SCHEMA
from fundplatform.sources.massive.reference import Name
from fundplatform.sources.massive.symbols import canonical
from fundplatform.sources.web.profile import Tracked

EVERYTHING = "*"
# 60 sessions: after a longer silence the ticker may be another company's.
_LONGEST_GAP = timedelta(days=90)
_LATE = timedelta(days=7)
_MEANING = pl.Schema({"symbol": pl.String(), "asset_class": pl.String(), "quote": pl.String()})


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


def last_tickers(wanted: Sequence[Wish]) -> list[Wish]:
    """Each company's last ticker, some days longer: the end of an earlier one is a rename.

    A person writes the last bar's day, the vendor may say the day after it.
    """
    begun: dict[tuple[str, str, str], date] = {}
    for wish in wanted:
        begun[_company(wish)] = max(wish.first, begun.get(_company(wish), wish.first))
    return [
        replace(w, last=min(w.last, date.max - _LATE) + _LATE)
        for w in wanted
        if w.first == begun[_company(w)]
    ]


def _company(wish: Wish) -> tuple[str, str, str]:
    return wish.tracked.symbol, wish.tracked.asset_class, wish.tracked.quote


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
    return (
        _meant(_stretches(_wished(named, wanted)), wanted)
        .with_columns(market=pl.lit("US"))
        .select(pl.col(n).cast(t) for n, t in LISTING_SCHEMA.items())
        .sort("vendor_symbol", "valid_from")
    )


def _wished(seen: pl.DataFrame, wanted: Sequence[Wish]) -> pl.DataFrame:
    """`seen` with the place of its wish in `wanted`; -1 where none covers the day."""
    if not wanted:
        return seen.with_columns(_wish=pl.lit(-1, pl.Int32))
    spans = pl.DataFrame(
        [(n, w.ticker, w.first, w.last) for n, w in enumerate(wanted)],
        {"_wish": pl.Int32(), "vendor_symbol": pl.String(), "_a": pl.Date(), "_b": pl.Date()},
        orient="row",
    )
    found = (
        seen.select("vendor_symbol", "session")
        .unique()
        .join(spans, on="vendor_symbol")
        .filter(pl.col("session").is_between("_a", "_b"))
        .drop("_a", "_b")
    )
    hits = seen.join(found, on=["vendor_symbol", "session"], how="left")
    return hits.with_columns(pl.col("_wish").fill_null(-1))


def _stretches(seen: pl.DataFrame) -> pl.DataFrame:
    """One row per ticker, wish and stretch; only tickers with a long silence are looked through."""
    group = ["vendor_symbol", "_wish"]
    span = {
        "name": pl.col("name").drop_nulls().last(),
        "valid_from": pl.col("session").min(),
        "valid_to": pl.col("session").max(),
    }
    ordered = seen.sort("session", maintain_order=True)
    silence = pl.col("session").diff().max() > _LONGEST_GAP
    whole = ordered.group_by(group).agg(_broken=silence.fill_null(False), **span)
    broken = whole.filter("_broken")
    if broken.is_empty():
        return whole.drop("_broken")
    begins = (pl.col("session").diff().over(group) > _LONGEST_GAP).fill_null(False)
    parts = (
        ordered.join(broken.select(group), on=group, how="semi", maintain_order="left")
        .with_columns(_stretch=begins.cum_sum().over(group))
        .group_by(*group, "_stretch")
        .agg(**span)
        .drop("_stretch")
    )
    return pl.concat([whole.filter(~pl.col("_broken")).drop("_broken"), parts])


def _meant(spans: pl.DataFrame, wanted: Sequence[Wish]) -> pl.DataFrame:
    """`spans` with _MEANING: the wish's, else the ticker's own."""
    found = [
        _meaning(ticker, wanted[place].tracked if place >= 0 else None)
        for ticker, place in spans.select("vendor_symbol", "_wish").iter_rows()
    ]
    return pl.concat([spans, pl.DataFrame(found, _MEANING, orient="row")], how="horizontal")


def _meaning(ticker: str, tracked: Tracked | None) -> tuple[str, str, str]:
    if tracked is None:
        return canonical(ticker), "equity", "USD"
    return tracked.symbol, tracked.asset_class, tracked.quote
