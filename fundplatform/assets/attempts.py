"""One attempt to fetch, on the record: refused while a source rests, noted when it fails.

In: a source and what to ask for. Out: its batch and the attempt that the load will carry. What a
failure is stands in sources/, how health follows in health.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cache, partial
from pathlib import Path

from fundplatform.clock import Clock
from fundplatform.errors import SourceError
from fundplatform.health import Terms
from fundplatform.sources.base import Batch, Kind, Source, newest_session
from fundplatform.sources.web import replay
from fundplatform.sources.web.archive import Archive, Record, read
from fundplatform.sources.web.bodies import Bodies
from fundplatform.sources.web.failures import VendorError
from fundplatform.sources.web.journal import Fetching, Tally
from fundplatform.sources.web.profile import Access, OnTheWeb, Span
from fundplatform.sources.web.resume import ResumedWeb, resumed
from fundplatform.storage.syncs import Attempt, Syncs


@dataclass(frozen=True)
class Wanted:
    """What one attempt asks for.

    Attributes:
        kind: Kind of data.
        first: First session.
        last: Last session.
        symbols: Only these vendor symbols, where not all.
        replay: A fetch of the archive that is played again instead.
        span: The backfill that this is a part of; None: it is all of it.
        plan: That backfill's name.
        fresh: Answers that an earlier attempt got are not taken.
    """

    kind: Kind
    first: date
    last: date
    symbols: tuple[str, ...] | None = None
    replay: Path | None = None
    span: Span | None = None
    plan: str = ""
    fresh: bool = False


@dataclass
class Fetched:
    """What came, when it was asked for, the record of it, and answers that were there already."""

    batch: Batch
    attempt: Attempt
    asked_at: datetime
    terms: Terms = field(default_factory=Terms)
    reused: int = 0


def part(source: Source, span: Span | None) -> Source:
    """The source, told of the backfill that it fetches a part of.

    Parts share answers by the archive; without one, each decides for itself.
    """
    if not isinstance(source, OnTheWeb) or not shares_answers(source):
        return source
    return replace(source, access=replace(source.access, span=span))  # type: ignore[type-var]


def shares_answers(source: Source) -> bool:
    """Whether the parts of one backfill take each other's answers."""
    return isinstance(source, OnTheWeb) and isinstance(source.access.journal, Archive)


def only(source: Source, symbols: tuple[str, ...] | None) -> Source:
    """The source, asked for these of its tracked symbols alone."""
    if symbols is None or not isinstance(source, OnTheWeb):
        return source
    some = tuple(t for t in source.access.tracked if t.vendor_symbol in symbols)
    return replace(source, access=replace(source.access, tracked=some))  # type: ignore[type-var]


def attempt(
    source: Source, wanted: Wanted, clock: Clock, syncs: Syncs, run_id: str, asset: str
) -> Fetched:
    """Fetch, and note it if that fails.

    Raises:
        SourceError: The source rests after failures, or the fetch failed.
    """
    begun = clock()
    blank = Attempt(
        attempt_id=f"{run_id}/{asset}/{begun:%H%M%S%f}",
        source=source.spec.name,
        kind=str(wanted.kind),
        status="failed",
        started_at=begun,
        finished_at=begun,
        first_session=wanted.first,
        last_session=None if wanted.last == date.max else wanted.last,
        symbols=",".join(wanted.symbols) if wanted.symbols is not None else None,
    )
    terms = syncs.terms(source)
    asked_at = begun
    if wanted.replay is not None:
        record = read(wanted.replay)
        asked_at = record.fetching.now
        source = _played_again(source, record)
        wanted = replace(wanted, first=record.fetching.first, last=record.fetching.last)
    elif isinstance(source, OnTheWeb):
        _refuse_while_resting(source, blank, terms, syncs, run_id)
        source = _taken_up(part(source, wanted.span), wanted, begun)
    tally = Tally()
    try:
        with _noted(source, wanted, asked_at) as tally:
            batch = source.fetch(wanted.kind, wanted.first, wanted.last, now=asked_at)
    except BaseException as error:
        failed = replace(
            blank,
            finished_at=clock(),
            calls=tally.calls,
            failure=str(error.failure) if isinstance(error, VendorError) else "unreadable",
            problem=str(error) if isinstance(error, SourceError) else type(error).__name__,
        )
        syncs.record(failed, terms, run_id)
        raise
    done = replace(
        blank,
        status="ok",
        finished_at=clock(),
        calls=tally.calls,
        sessions_absent=len(batch.absent),
        symbols_skipped=batch.skipped.height,
    )
    return Fetched(batch, done, asked_at, terms, _reused(source))


def _reused(source: Source) -> int:
    web = source.access.web if isinstance(source, OnTheWeb) else None
    return web.reused if isinstance(web, ResumedWeb) else 0


def _taken_up(source: Source, wanted: Wanted, now: datetime) -> Source:
    """The source, which asks only for answers that are not there yet."""
    if not isinstance(source, OnTheWeb):
        return source
    fetching = _fetching(source, source.access, wanted, now)
    partitioned = source.spec.kinds[wanted.kind].partitioned
    newest = cache(partial(newest_session, source, wanted.kind)) if partitioned else None
    access = resumed(source.access, fetching, fresh=wanted.fresh, newest=newest)
    return replace(source, access=access)  # type: ignore[type-var]


def _played_again(source: Source, record: Record) -> Source:
    """The source with the archive's answers instead of the vendor's."""
    if not isinstance(source, OnTheWeb):
        raise SourceError(source.spec.name, "it has no archive", "It reads files: --refetch")
    bodies = Bodies(record.path.parents[1] / "bodies")
    access = replay.access(source.access, record, bodies)
    return replace(source, access=access)  # type: ignore[type-var]


def _refuse_while_resting(
    source: Source, blank: Attempt, terms: Terms, syncs: Syncs, run_id: str
) -> None:
    health = syncs.health(blank.source, terms, blank.started_at)
    if health.paused_until is None:
        return
    problem = (
        f"it rests until {health.paused_until:%Y-%m-%d %H:%M} UTC after "
        f"{health.consecutive_failures} failures in a row, the last one {health.last_failure}"
    )
    syncs.record(
        replace(blank, status="paused", failure=health.last_failure, problem=problem),
        terms,
        run_id,
    )
    raise SourceError(
        blank.source,
        problem,
        f"Then it is asked again; `fundplatform sources check {blank.source}` asks now",
    )


@contextmanager
def _noted(source: Source, wanted: Wanted, now: datetime) -> Iterator[Tally]:
    """Count the requests of the fetch, where the source makes any."""
    access = source.access if isinstance(source, OnTheWeb) else None
    if access is None or access.journal is None:
        yield Tally()
        return
    with access.journal.fetch(_fetching(source, access, wanted, now)) as tally:
        yield tally


def _fetching(source: Source, access: Access, wanted: Wanted, now: datetime) -> Fetching:
    return Fetching(
        source=source.spec.name,
        kind=wanted.kind,
        first=wanted.first,
        last=wanted.last,
        now=now,
        tracked=access.tracked,
        keyed=access.keyed,
        memory=getattr(access.memory, "facts", {}),
        span=access.span,
        plan=wanted.plan,
    )
