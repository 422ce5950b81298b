"""The situations that every vendor's test plays, and how one is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from fundplatform.sources.base import Kind
from fundplatform.sources.web.failures import Failure
from fundplatform.sources.web.profile import Tracked
from fundplatform_tests.sources.vendor_server import Script

KEY = "t0p-s3cret+k/y"
CASES = {
    "normal": "rows as documented; give `row`",
    "paged": "an answer in two pages",
    "split_day": "a day on which a split takes effect: prices as this source states them",
    "numeric_strings": "numbers as text, where the vendor may send them so",
    "unfinished_bar": "the running bar is in the answer: dropped, its session `absent`",
    "doubled": "an equal row twice (once kept, once rejected) and two that differ (both rejected)",
    "out_of_range": "rows before and after the days asked for: left out",
    "bad_value": "one row with text or null where a number belongs: rejected, the others kept",
    "empty_closed": "nothing, on days that are no sessions: fine",
    "empty_pending": "nothing, for a session not yet published: `absent`, never a recorded day",
    "empty_symbol": "nothing for one symbol: `skipped` as no_data",
    "unknown_symbol": "a symbol the vendor does not know: `skipped` as unknown_symbol",
    "error_in_200": "status 200 with the vendor's error body: `failure`",
    "auth": "the vendor's own body for a wrong key: `failure` auth",
    "not_entitled": "the vendor's own body for a plan too small: `failure` not_entitled",
    "missing_field": "a field is gone: `failure` schema_changed, `says` its name",
    "changed_type": "a field has another type: `failure` schema_changed, `says` its name",
}

Answers = Mapping[str, "Script | bytes | object | Sequence[Script]"]


@dataclass(frozen=True)
class Case:
    """One situation and what must come of it.

    Attributes:
        answers: Path, or path?query, to its answer: a `Script`, bytes, a value for JSON, or a tuple
            of scripts given in turn. `{url}` in bytes or JSON text becomes the server's address.
        rows: Rows that must come out; None: not looked at.
        row: One of them, by the columns given.
        rejected: Rule to number of rejected rows.
        absent: Sessions not yet published.
        skipped: Vendor symbol to failure.
        failure: The fetch fails so.
        says: Text that the error must contain.
        first: First session asked for, where not the contract's.
        last: Last session asked for.
        now: The clock.
        tracked: Listings asked for.
        kind: Kind of data, where not the contract's.
    """

    answers: Answers
    rows: int | None = None
    row: Mapping[str, object] | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    absent: frozenset[date] = frozenset()
    skipped: Mapping[str, Failure] = field(default_factory=dict)
    failure: Failure | None = None
    says: str = ""
    first: date | None = None
    last: date | None = None
    now: datetime | None = None
    tracked: tuple[Tracked, ...] | None = None
    kind: Kind | None = None
