"""The return series of a run of funds/metrics: of most instruments only what lies behind the cut.

What an earlier session of the year kept of an instrument (funds.carried) stands in for its prices
before the cut, while nothing that it was made of has changed. An instrument of which that is in any
doubt is read whole. In: the store, and how prices become series. Out: series, and the rows.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from fundplatform import calendars, tables
from fundplatform.assets.series import DAILY, RETURN_COLUMNS, Bases
from fundplatform.change_log import unchanged_since
from fundplatform.finance.cuts import cut_of
from fundplatform.finance.tails import MANY
from fundplatform.storage.base import Slice, Store

_MARGIN = timedelta(days=60)
"""So much before the cut prices are read: a session with a bar of each source is enough."""

_PAIR = ["instrument_id", "return_basis"]

MakeSeries = Callable[[pl.DataFrame, Bases], pl.DataFrame]
"""RETURN_COLUMNS to instrument_id, session, ret, growth, calendar, return_basis."""

Window = tuple[date, date]


@dataclass(frozen=True)
class Found:
    """The series of a run.

    Attributes:
        whole: Series read from their beginning.
        late: Series from shortly before the cut on, of instruments that have `rows`.
        rows: Of tables.CARRIED, one for each series of `late`.
        lacking: Instruments that were read whole for want of rows, with their `sources` before the
            cut, and what else tables.CARRIED says of the reading: carrying, mixed.
    """

    whole: pl.DataFrame
    late: pl.DataFrame
    rows: pl.DataFrame
    lacking: pl.DataFrame


def kept_rows(
    store: Store, window: Window, code: str, asset: str, rests_on: list[str]
) -> pl.DataFrame:
    """The newest rows of each series that count for a run; none for one over a long range.

    Args:
        store: The warehouse.
        window: First and last session of the run.
        code: The rules that metrics are made by.
        asset: In whose name changes are noted.
        rests_on: The names in ops.changes of what it reads.
    """
    first, last = window
    if (last - first).days >= MANY - 1 or first.year != last.year:
        return tables.CARRIED.empty()
    part = Slice({}, date(first.year, 1, 1), first - timedelta(days=1))
    heads = store.read(tables.CARRIED, part, [*_PAIR, "session", "code_version"])
    heads = heads.filter(pl.col("code_version") == code)
    days = unchanged_since(store, asset, rests_on, heads["session"].unique().to_list())
    if not days:
        return tables.CARRIED.empty()
    usable = heads.filter(pl.col("session").is_in(days))
    newest = usable.group_by(_PAIR).agg(pl.col("session").max())
    part = Slice({}, days[0], days[-1])
    return store.read(tables.CARRIED, part).join(newest, on=[*_PAIR, "session"], how="semi")


def read_series(
    store: Store, window: Window, rows: pl.DataFrame, make: MakeSeries, apart: Collection[int]
) -> Found:
    """The series of all instruments with a bar behind the cut, and of those `apart`.

    Args:
        store: The warehouse.
        window: First and last session of the run.
        rows: `kept_rows`.
        make: How prices become series.
        apart: Instruments that are read whole, whatever was kept of them.
    """
    last = window[1]
    cut = cut_of(last)
    if rows.is_empty():
        prices = _read(store, None, last)
        bases = Bases.of(prices)
        series = make(prices, bases)
        return Found(series, series.clear(), rows, _lacking(prices, apart, cut, bases))
    near = _read(store, cut - _MARGIN, last)
    stated = {int(n) for text in rows["carrying"].unique() for n in text.split(",") if n}
    bases = Bases.of(near, Bases(frozenset(stated), bool(rows["mixed"].any())))
    # By the bases of all bars it is decided which of them make a series.
    rows = rows.filter(carrying=_told(bases), mixed=bases.mixed)
    known = set(rows["instrument_id"]) - set(apart)
    going_on = known - _doubtful(near, rows, cut, bases)
    late = make(_of(near, going_on), bases)
    ends = late.group_by(_PAIR).agg(
        calendar=pl.col("calendar").first(),
        end=pl.col("session").filter(pl.col("session") < cut).max(),
    )
    going_on -= _unlike(late, ends, rows, cut, last)
    others = (set(near["instrument_id"].unique()) - going_on) | set(apart)
    prices = _read(store, None, last, others)
    return Found(
        make(prices, bases),
        _of(late, going_on),
        _of(rows.join(ends, on=_PAIR, how="semi"), going_on),
        _lacking(prices, {*apart, *known}, cut, bases),
    )


def _of(rows: pl.DataFrame, instruments: Collection[int]) -> pl.DataFrame:
    """Those of the instruments; mostly they all are."""
    if set(rows["instrument_id"].unique()) <= set(instruments):
        return rows
    return rows.filter(pl.col("instrument_id").is_in(list(instruments)))


def _read(
    store: Store, first: date | None, last: date, only: Collection[int] | None = None
) -> pl.DataFrame:
    if only is not None and not only:
        return tables.VALIDATED.empty().select(RETURN_COLUMNS)
    among = {} if only is None else {"instrument_id": sorted(only)}
    part = Slice(DAILY["where"], first, last, among)
    return store.read(tables.VALIDATED, part, RETURN_COLUMNS, ordered=False)


def _lacking(
    prices: pl.DataFrame, others: Collection[int], cut: date, bases: Bases
) -> pl.DataFrame:
    before = pl.col("session") < cut
    ids = pl.col("source_id").filter(before).unique().sort().cast(pl.String).str.join(",")
    return (
        prices.filter(~pl.col("instrument_id").is_in(list(others)))
        .group_by("instrument_id")
        .agg(before.any().alias("old"), (~before).any().alias("alive"), sources=ids)
        .filter("old", "alive")
        .select(
            *("instrument_id", "sources"),
            carrying=pl.lit(_told(bases)),
            mixed=pl.lit(bases.mixed),
        )
    )


def _told(bases: Bases) -> str:
    return ",".join(map(str, sorted(bases.carrying)))


def _doubtful(near: pl.DataFrame, rows: pl.DataFrame, cut: date, bases: Bases) -> set[int]:
    """Instruments whose bars near the cut do not say what lies behind it.

    A return goes back to the source's own bar before, however old, and shares what was earned since
    with other sources' returns. After a session on which all sources have a bar nothing is older.
    """
    one = ["instrument_id", "source_id"]
    stated = (
        rows.select("instrument_id", source_id=pl.col("sources").str.split(","))
        .explode("source_id")
        .with_columns(pl.col("source_id").cast(near.schema["source_id"]))
        .unique()
    )
    seen = near.select(one).unique()
    before = near.filter(pl.col("session") < cut)
    own = stated.join(seen, on=one, how="semi")
    known = own.with_columns(sources=pl.len().over("instrument_id"))
    there = before.join(known, on=one).group_by("instrument_id", "session", "sources").len()
    sound = there.filter(pl.col("len") == pl.col("sources"))["instrument_id"]
    silent = stated.join(seen, on=one, how="anti")
    ended = silent.filter(pl.col("source_id").is_in(list(bases.carrying)))
    unknown = before.join(stated, on=one, how="anti")
    doubtful = set(stated["instrument_id"]) - set(sound)
    return doubtful | set(ended["instrument_id"]) | set(unknown["instrument_id"])


def _unlike(
    late: pl.DataFrame, ends: pl.DataFrame, rows: pl.DataFrame, cut: date, last: date
) -> set[int]:
    """Instruments with a series that does not go on from a row, by price, calendar and sessions.

    Args:
        late: The series.
        ends: Of each its calendar, and its last session before the cut.
        rows: Of tables.CARRIED.
        cut: The first day behind it.
        last: Last session of the run.
    """
    joined = ends.join(rows, on=[*_PAIR, "calendar"], how="left", suffix="_kept")
    found = set(
        joined.filter((pl.col("end") != pl.col("last_session")).fill_null(True))["instrument_id"]
    )
    known = joined.drop_nulls("start_session").partition_by("calendar", as_dict=True)
    for (name,), own in known.items():
        oldest = min(own["start_session"].to_list())
        days = pl.Series(calendars.get(str(name)).sessions(oldest, last), dtype=pl.Date)
        sessions = days.to_numpy()
        start = np.searchsorted(sessions, own["start_session"].to_numpy())
        first = int(np.searchsorted(sessions, np.datetime64(cut, "D")))
        if days[first].year != cut.year:
            return set(late["instrument_id"])  # No session ends the cut's December behind it.
        same = (sessions[start] == own["start_session"].to_numpy()) & (
            first - 1 - start == own["sessions"].to_numpy()
        )
        found |= set(own["instrument_id"].filter(~pl.Series(same)))
        off = set(late["session"].unique()) - set(days)
        bars = late.filter(pl.col("calendar") == name, pl.col("session").is_in(list(off)))
        found |= set(bars["instrument_id"])
    return found
