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


def bar_calls(sessions: Sequence[date], wanted: Sequence[Wish] | None) -> list[Call]:
    """The calls for these sessions: a day's whole market each, or a range per wish.

    Args:
        sessions: Published sessions, ascending.
        wanted: The wishes; None: the whole market, so always whole days.
    """
    if wanted is not None:
        asked = [w for w in wanted if any(w.first <= s <= w.last for s in sessions)]
        if len(asked) <= len(sessions):
            return [_range(w, sessions) for w in asked]
    return [_grouped(s) for s in sessions]


def _grouped(session: date) -> Call:
    path = f"/v2/aggs/grouped/locale/us/market/stocks/{session}"
    return Call(path, {**_RAW, "include_otc": "false"}, session, session)


def _range(wish: Wish, sessions: Sequence[date]) -> Call:
    own = [s for s in sessions if wish.first <= s <= wish.last]
    path = f"/v2/aggs/ticker/{wish.ticker}/range/1/day/{own[0]}/{own[-1]}"
    return Call(path, {**_RAW, "sort": "asc", "limit": "50000"}, own[0], own[-1], wish)
