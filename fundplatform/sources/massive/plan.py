"""Which calls bring Massive's bars: whole days or ticker ranges, whichever are fewer.

Sessions and wishes in, calls out. Sending them is the source's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from fundplatform.sources.massive.wanted import Wish

_RAW = {"adjusted": "false"}


@dataclass(frozen=True)
class Call:
    """One request (its further pages not counted).

    Attributes:
        path: Path below the base URL.
        params: Query parameters.
        first: First session it brings.
        last: Last session it brings.
        wish: The ticker it is for; None: the whole market.
    """

    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    first: date = date.min
    last: date = date.max
    wish: Wish | None = None


def bar_calls(
    sessions: Sequence[date],
    wanted: Sequence[Wish] | None,
    whole: Sequence[date] | None = None,
    count: int | None = None,
) -> list[Call]:
    """The calls for these sessions: a day's whole market each, or a range per wish.

    Where the sessions are a part of a backfill, all of it decides: ranges reach over the whole of
    it, so that its parts make the same calls, and whole days are taken where they are fewer.

    Args:
        sessions: Published sessions, ascending.
        wanted: The wishes; None: the whole market, so always whole days.
        whole: Published sessions of the backfill, ascending; None: `sessions`.
        count: How many of `whole` the backfill wants; None: all.
    """
    if wanted is not None:
        over = sessions if whole is None else whole
        asked = [w for w in wanted if _of(w, over)]
        if len(asked) <= (len(over) if count is None else count):
            return [_range(w, over) for w in asked if _of(w, sessions)]
    return [_grouped(s) for s in sessions]


def _of(wish: Wish, sessions: Sequence[date]) -> list[date]:
    return [s for s in sessions if wish.first <= s <= wish.last]


def _grouped(session: date) -> Call:
    path = f"/v2/aggs/grouped/locale/us/market/stocks/{session}"
    return Call(path, {**_RAW, "include_otc": "false"}, session, session)


def _range(wish: Wish, sessions: Sequence[date]) -> Call:
    own = _of(wish, sessions)
    path = f"/v2/aggs/ticker/{wish.ticker}/range/1/day/{own[0]}/{own[-1]}"
    return Call(path, {**_RAW, "sort": "asc", "limit": "50000"}, own[0], own[-1], wish)
