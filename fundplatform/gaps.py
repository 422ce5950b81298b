"""The gap ledger: what every expected session of a listing came to, and when to ask again.

In: frames of what is expected, present, asked for, rejected and attempted. Out: ranges of sessions
with one state each (ops.gaps), and what is due to be asked for now. No Dagster, no SQL, no clock.
The state of each session by itself is found in `gap_cells.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

import polars as pl

RESTS_AFTER = 5
"""So many answers without the session, and it is only probed again once a month."""
PROBE = timedelta(days=30)
_LONGEST = timedelta(days=8)


class State(StrEnum):
    """What a session of a listing came to; exactly one for each."""

    PRESENT = "present"
    CLOSED = "closed"
    NOT_LISTED = "not_listed"
    NOT_YET_PUBLISHED = "not_yet_published"
    NO_TRADE = "no_trade"
    VENDOR_MISSING = "vendor_missing"
    REJECTED = "rejected"
    UNFETCHED = "unfetched"


WANTED = (State.UNFETCHED, State.VENDOR_MISSING, State.REJECTED)
"""The states that asking again may mend."""

LISTED = pl.Schema(
    {
        "vendor_symbol": pl.String(),
        "first": pl.Date(),
        "last": pl.Date(),
        "wanted_from": pl.Date(),
        "wanted_until": pl.Date(),
    }
)
"""One row per meaning of a symbol: first and last session of its life, and when it is wanted.

wanted_until NULL: it lasts.
Before `first` it is wanted only where nobody has asked: the answer tells when its life began.
"""
CELLS = pl.Schema({"vendor_symbol": pl.String(), "session": pl.Date()})
ATTEMPTS = pl.Schema(
    {
        "first": pl.Date(),
        "last": pl.Date(),
        "symbols": pl.List(pl.String()),
        "at": pl.Datetime("us", "UTC"),
        "absent": pl.Int64(),
    }
)
"""Attempts that succeeded; symbols NULL: all were asked for.

absent: how many of its sessions the vendor had not published yet, by its own answer.
"""
RANGES = pl.Schema(
    {
        "vendor_symbol": pl.String(),
        "state": pl.String(),
        "place": pl.String(),
        "first_session": pl.Date(),
        "last_session": pl.Date(),
        "sessions": pl.Int64(),
        "tries": pl.Int64(),
        "last_try_at": pl.Datetime("us", "UTC"),
        "next_try_at": pl.Datetime("us", "UTC"),
    }
)
"""Maximal runs of expected sessions of one listing in one state; PRESENT and CLOSED have none."""


@dataclass(frozen=True)
class Evidence:
    """What is known of one source and kind.

    Attributes:
        sessions: The calendar's sessions from the first to the last one of interest, ascending.
        newest: The last session that the vendor has published; later ones are not due.
        listed: LISTED.
        present: CELLS that the warehouse holds.
        asked: Sessions that Dagster has recorded as fetched.
        rejected: CELLS refused at load or rejected by a rule.
        traded_elsewhere: CELLS in which another source saw a volume above zero.
        untraded_elsewhere: CELLS in which another source saw a volume of zero.
        attempts: ATTEMPTS.
        sparse: The vendor sends no bar where nothing traded (exchanges of crypto assets).
    """

    sessions: Sequence[date]
    newest: date
    listed: pl.DataFrame
    present: pl.DataFrame
    asked: frozenset[date] = frozenset()
    rejected: pl.DataFrame = field(default_factory=lambda: CELLS.to_frame())
    traded_elsewhere: pl.DataFrame = field(default_factory=lambda: CELLS.to_frame())
    untraded_elsewhere: pl.DataFrame = field(default_factory=lambda: CELLS.to_frame())
    attempts: pl.DataFrame = field(default_factory=lambda: ATTEMPTS.to_frame())
    sparse: bool = False


def ranges(known: Evidence, found: pl.DataFrame) -> pl.DataFrame:
    """The cells (of `gap_cells.cells`) that are not present, as RANGES with tries and next one.

    place: head before the listing's first present session, tail after its last, else interior;
    `all` where none is present.
    """
    seen = (
        found.filter(pl.col("state") == State.PRESENT)
        .group_by("vendor_symbol")
        .agg(begin=pl.col("session").min(), end=pl.col("session").max())
    )
    run = (
        (
            (pl.col("state") != pl.col("state").shift(1))
            | (pl.col("vendor_symbol") != pl.col("vendor_symbol").shift(1))
        )
        .fill_null(True)
        .cum_sum()
    )
    made = (
        found.with_columns(run=run)
        .filter(pl.col("state") != State.PRESENT)
        .group_by("run", maintain_order=True)
        .agg(
            pl.col("vendor_symbol", "state").first(),
            first_session=pl.col("session").first(),
            last_session=pl.col("session").last(),
            sessions=pl.len().cast(pl.Int64),
        )
        .join(seen, on="vendor_symbol", how="left")
        .with_columns(
            place=pl.when(pl.col("begin").is_null())
            .then(pl.lit("all"))
            .when(pl.col("last_session") < pl.col("begin"))
            .then(pl.lit("head"))
            .when(pl.col("first_session") > pl.col("end"))
            .then(pl.lit("tail"))
            .otherwise(pl.lit("interior"))
        )
        .sort("vendor_symbol", "first_session")
    )
    tried = [_tried(row, known.attempts) for row in made.iter_rows(named=True)]
    return made.with_columns(
        tries=pl.Series([t for t, _ in tried], dtype=pl.Int64),
        last_try_at=pl.Series([at for _, at in tried], dtype=RANGES["last_try_at"]),
        next_try_at=pl.Series(
            [
                next_try(row["state"], *told)
                for row, told in zip(made.iter_rows(named=True), tried, strict=True)
            ],
            dtype=RANGES["next_try_at"],
        ),
    ).select(list(RANGES))


def _tried(gap: Mapping[str, object], attempts: pl.DataFrame) -> tuple[int, datetime | None]:
    """How often the range was asked for with success, and when last.

    A long range is asked for in pieces: the end that was asked for less often counts.
    """
    if attempts.is_empty() or gap["state"] not in WANTED:
        return 0, None
    of_all = pl.col("symbols").is_null()
    own = attempts.filter(of_all | pl.col("symbols").list.contains(str(gap["vendor_symbol"])))
    if gap["state"] == State.UNFETCHED:
        # Asked for, answered, and still open: the vendor said that it is not out yet.
        own = own.filter(pl.col("absent") > 0)
    ends = [
        own.filter(pl.lit(gap[end]).is_between("first", "last"))["at"]
        for end in ("first_session", "last_session")
    ]
    fewer = min(ends, key=len)
    at = fewer.max()
    return len(fewer), at if isinstance(at, datetime) else None


def next_try(state: str, tries: int, last: datetime | None) -> datetime | None:
    """When to ask again: 1, 2, 4, 8 days after the latest answer, then once a month.

    What the vendor calls not published yet (UNFETCHED): 1, 2, 4, ... hours after it said so.
    None: never (the state cannot be mended by asking), or at once (no answer is on the record); see
    `due`.
    """
    if state not in WANTED or last is None:
        return None
    if state == State.UNFETCHED:
        return last + min(timedelta(hours=2 ** min(max(tries - 1, 0), 10)), PROBE)
    if tries >= RESTS_AFTER:
        return last + PROBE
    return last + min(timedelta(days=2 ** max(tries - 1, 0)), _LONGEST)


def due(found: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The RANGES that are to be asked for now."""
    return _wanted(found).filter(pl.col("next_try_at").is_null() | (pl.col("next_try_at") <= now))


def resting(found: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The RANGES that were asked for in vain and are asked for again later."""
    return _wanted(found).filter(pl.col("next_try_at") > now)


def _wanted(found: pl.DataFrame) -> pl.DataFrame:
    return found.filter(pl.col("state").is_in([str(s) for s in WANTED]))


@dataclass(frozen=True)
class Request:
    """One thing to ask a source for: these sessions, of all symbols (None) or of some."""

    sessions: tuple[date, ...]
    symbols: tuple[str, ...] | None


def requests(
    wanted: pl.DataFrame, sessions: Sequence[date], everything: frozenset[str], most: int = 50
) -> list[Request]:
    """What `due` comes to: symbols that lack the same sessions together, all symbols as one.

    Args:
        wanted: RANGES.
        sessions: The calendar's sessions.
        everything: The symbols expected; a request of all of them names none.
        most: So many requests at the most; where there were more, the sessions are asked for all
            of the symbols that lack any of them.
    """
    if wanted.is_empty():
        return []
    calendar = pl.DataFrame({"session": pl.Series(sessions, dtype=pl.Date())})
    cells = wanted.join_where(
        calendar,
        pl.col("session") >= pl.col("first_session"),
        pl.col("session") <= pl.col("last_session"),
    ).select("vendor_symbol", "session")
    by_symbol = cells.sort("session").group_by("vendor_symbol").agg("session")
    groups: dict[tuple[date, ...], list[str]] = {}
    for symbol, days in by_symbol.sort("vendor_symbol").iter_rows():
        groups.setdefault(tuple(days), []).append(symbol)
    if len(groups) > most:
        days = tuple(sorted(cells["session"].unique()))
        groups = {days: sorted(set(cells["vendor_symbol"]))}
    return [
        Request(days, None if everything <= set(symbols) else tuple(symbols))
        for days, symbols in sorted(groups.items())
    ]
