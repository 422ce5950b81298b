"""Answers that are there already: of the same backfill's other parts, or of a fetch that broke off.

Under five calls a minute an answer is worth twelve seconds. What may be taken again:
- answers of the same backfill: its parts ask for ranges that reach over all of them;
- answers of the last attempt at the same question, if that was killed, interrupted, or ended by a
  refused request (a quota used up, a vendor down). After an answer that could not be read nothing
  is taken: it may be whole by now.
A range that ended days ago is the same tomorrow; a newer one only for some hours, and not once
another of its sessions has ended: the answer may hold that session's running bar.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from fundplatform.errors import SourceError
from fundplatform.sources.web.archive import FAILED, Archive, Record, asked, read, reply_of
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.journal import Fetching, Journal, Request
from fundplatform.sources.web.profile import Access, Reply, Web

LONGEST = timedelta(days=7)
"""Answers are taken again for so long."""
YOUNG = timedelta(hours=6)
"""Those of sessions that a vendor may still complete."""
SETTLED = timedelta(days=3)
"""After so many days a session is complete."""

Key = tuple[str, tuple[tuple[str, str], ...]]
Line = Mapping[str, object]
Newest = Callable[[datetime], date | None]
"""The newest session that the source has at an instant."""


@dataclass
class ResumedWeb:
    """`Web` that asks only for what is not there yet.

    Attributes:
        live: Asked for the rest.
        journal: Told of answers taken again as well, so that its record of the fetch is whole.
        earlier: Requests and where their answers are.
        bodies: The answers.
        reused: Answers taken again so far.
    """

    live: Web
    journal: Journal
    earlier: Mapping[Key, Line]
    bodies: Bodies
    reused: int = 0

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """See `Web.get`."""
        request = named(self.live, path, params or {})
        line = self.earlier.get(key_of(request))
        reply = None if line is None else self._kept(line)
        if reply is None:
            return self.live.get(path, params)
        self.reused += 1
        self.journal.outcome(request, reply, None)
        return reply

    def _kept(self, line: Line) -> Reply | None:
        try:
            return reply_of(line, self.bodies)
        except SourceError:
            # Lost or damaged: it is asked for again.
            return None


def resumed(
    access: Access, fetching: Fetching, *, fresh: bool, newest: Newest | None = None
) -> Access:
    """The access, with what is there already; as it is where no archive is kept.

    Args:
        access: Of the source.
        fetching: What is about to be fetched.
        fresh: Take nothing of an earlier attempt (`--refetch`).
        newest: Of the kind; None where it is fetched as a whole.
    """
    if not isinstance(access.journal, Archive):
        return access
    found = _earlier(access.journal, fetching, fresh=fresh)
    earlier = {k: v for k, v in found.items() if _is_of_today(v, fetching, newest)}
    if not earlier:
        return access
    return replace(
        access, web=ResumedWeb(access.web, access.journal, earlier, access.journal.bodies)
    )


def named(web: Web, path: str, params: Mapping[str, str]) -> Request:
    """What a `get` of this is noted as."""
    own = getattr(web, "request", None)
    found: Request = own(path, params) if own else Request(path, params)
    return found


def key_of(request: Request) -> Key:
    """A request, to look it up by."""
    return request.path, tuple(sorted(request.params.items()))


def _earlier(archive: Archive, fetching: Fetching, *, fresh: bool) -> dict[Key, Line]:
    found: dict[Key, Line] = {}
    last: Record | None = None
    for path, other in _recent(archive, fetching):
        same, part = _same(other, fetching), fetching.plan and other.plan == fetching.plan
        record = _whole(path) if same or part else None
        if record is not None and part:
            found |= _good(record)
        last = record if same else last
    if last is not None and not last.ok and not fresh:
        end = fetching.last
        found |= {k: v for k, v in _good(last).items() if _holds(v, end, fetching.now)}
    return found


def _recent(archive: Archive, fetching: Fetching) -> Iterator[tuple[Path, Fetching]]:
    """The fetches of the kind that are young enough, oldest first."""
    oldest = f"{fetching.now - LONGEST:%Y%m%dT%H%M%S}"
    for path in sorted((archive.folder / archive.source).glob("*.jsonl")):
        if path.name < oldest or not path.stat().st_size:
            continue
        other = None
        with suppress(SourceError):
            other = asked(path)
        if other is not None and other.kind == fetching.kind:
            yield path, other


def _whole(path: Path) -> Record | None:
    """The record; None where it cannot be read: then its answers are asked for again."""
    try:
        return read(path)
    except SourceError:
        return None


def _same(one: Fetching, other: Fetching) -> bool:
    """Whether both ask the same question."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("source", "kind", "first", "last", "tracked", "keyed", "span")
    )


def _good(record: Record) -> dict[Key, Line]:
    """Its answers; none where one of them could not be read."""
    lines = record.requests
    if record.end == FAILED and (not lines or "failure" not in lines[-1]):
        return {}
    return {
        key_of(Request(str(line["path"]), _texts(line["params"]))): line
        for line in lines
        if "failure" not in line
    }


def _holds(line: Line, last: date, now: datetime) -> bool:
    """Whether the answer would be the same today."""
    at = datetime.fromisoformat(str(line["fetched_at"]))
    return now - at <= YOUNG or last < (at - SETTLED).date()


def _is_of_today(line: Line, fetching: Fetching, newest: Newest | None) -> bool:
    """Whether no session of the range has ended since the answer."""
    at = datetime.fromisoformat(str(line["fetched_at"]))
    if newest is None or fetching.last < (at - SETTLED).date():
        return True
    then, today = newest(at), newest(fetching.now)
    return then == today or (then is not None and then >= fetching.last)


def _texts(params: object) -> dict[str, str]:
    assert isinstance(params, dict)  # noqa: S101  # as archive.py writes it
    return {str(name): str(value) for name, value in params.items()}
